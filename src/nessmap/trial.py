"""One model, simulated here and now: what tests of a model of one's own ask, without sweep, log or workflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nessmap.evaluate import evaluate_points
from nessmap.model import Model
from nessmap.models import reference_of
from nessmap.observables import OBSERVABLES
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.simulate import RESTART_STATE, Status, Unit, group_means, rounded_up, simulate
from nessmap.statistics import N_GROUP


class Found(NamedTuple):
    """An estimate, its standard error with 15 degrees of freedom, and the value that theory expects of it (NaN if none)."""

    value: float
    standard_error: float
    expected: float


def trial(
    model: Model, observables: Sequence[str], dt: float, duration: float, n_replica: int = 128, seed: int = 0
) -> dict[str, Found]:
    """Stationary estimates of scalar observables by name.

    Raises
    ------
    RuntimeError : the run came to no number; the message says why.
    """
    kind = type(model)
    chosen = [OBSERVABLES[name] for name in observables]
    statistics = tuple(sorted({need for observable in chosen for need in observable.needs_for(kind)}))
    parameters = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}  # type: ignore[arg-type]
    n_step = rounded_up(max(1, round(duration / dt)), model.n_dim, "stationary")
    if kind.disordered:
        lanes = [(LANES_PER_UNIT * k, n_replica) for k in range(N_GROUP)]
    else:
        lanes = [(lane, min(LANES_PER_UNIT, n_replica - lane)) for lane in range(0, n_replica, LANES_PER_UNIT)]
    reference = reference_of(kind)
    units = [
        Unit(
            reference,
            parameters,
            "stationary",
            dt,
            seed,
            first_lane,
            n_lane,
            n_step,
            statistics,
            keep_state=False,
            n_replica=sum(n for _, n in lanes),
            n_disorder=N_GROUP if kind.disordered else 0,
        )
        for first_lane, n_lane in lanes
    ]
    records = [simulate(unit) for unit in units]
    failed = next((record for unit in records for record in unit if record.status is not Status.ok), None)
    if failed is not None:
        raise RuntimeError(f"{model}: {failed.status.name}: {failed.message}")
    sums = [
        {r.name.statistic: r.array for r in unit if r.array is not None and r.name.statistic != RESTART_STATE}
        for unit in records
    ]
    means = group_means(units, sums)
    (values,) = evaluate_points(reference, [parameters], units[0].run, list(observables), [means])
    nothing = np.full(1, np.nan)
    return {
        name: Found(
            *(float(np.squeeze(values.get(f"{name}{part}", nothing))) for part in ("", "_standard_error", "_expected"))
        )
        for name in observables
    }
