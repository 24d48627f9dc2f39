"""`nessmap estimate`: every estimator on a user's recording, as a table, as JSON, as a picture."""

from __future__ import annotations

import argparse
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nessmap import estimators
from nessmap.config import ConfigError, nearest
from nessmap.estimators import Estimate, Recording
from nessmap.estimators.estimate import undefined
from nessmap.recordings import Asked, read_recording

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("nessmap")

MOST_STEPS = 6  # of a picture: each twice the one before
ENTROPY, TRANSFER = "entropy production rate", "transfer entropy rate"


class Row(NamedTuple):
    """One line of the report."""

    quantity: str
    method: str
    units: str
    estimate: Estimate
    p_value: float | None = None
    """Chance of as much where there is none; of transfer entropy alone."""


@dataclass(frozen=True)
class Question:
    """What is asked of a recording."""

    source: Sequence[str] = ()
    target: Sequence[str] = ()
    odd: Sequence[str] = ()
    history: int = 8
    degree: int = 1
    surrogates: int = 0

    def directions(self) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        """Both, where two sides are named."""
        if self.source and self.target:
            yield self.source, self.target
            yield self.target, self.source


def report(recording: Recording, question: Question) -> list[Row]:
    """Every estimate of a recording: entropy production; of two sides mutual information, and transfer entropy both ways."""
    rows = [
        Row(ENTROPY, "fitted linear model", "k_B/time", even(question, estimators.entropy_production_rate, recording)),
        Row(
            ENTROPY,
            f"bound by steps of {recording.dt:g}",
            "k_B/time",
            even(question, estimators.short_time_bound, recording, degree=question.degree),
        ),
        Row(
            ENTROPY,
            "extrapolated to steps of 0",
            "k_B/time",
            even(question, estimators.extrapolated_short_time_bound, recording, degree=question.degree),
        ),
    ]
    for source, target in question.directions():
        if len(rows) == 3:
            name = f"mutual information of {_words(source)} and {_words(target)}"
            copula = estimators.mutual_information_copula(recording, source, target)
            neighbours = estimators.mutual_information_ksg(recording, source, target)
            rows += [Row(name, "Gaussian copula", "nats", copula), Row(name, "nearest neighbours", "nats", neighbours)]
        found = estimators.transfer_entropy_rate(recording, None, source, target, question.history)
        null = estimators.transfer_entropy_null(recording, None, source, target, question.history, question.surrogates)
        name = f"{TRANSFER} from {_words(source)} to {_words(target)}"
        rows.append(Row(name, f"regression on {question.history} samples", "nats/time", found, null.p_value))
    return rows


def even(question: Question, estimator: Callable[..., Estimate], recording: Recording, **options: Any) -> Estimate:
    """An entropy production rate, unless a variable is odd under time reversal."""
    if question.odd:
        return undefined(
            f"{_words(question.odd)} odd under time reversal, expected even variables: reversed paths have other velocities",
            recording.n_independent,
        )
    return estimator(recording, **options)


def _words(names: Sequence[str]) -> str:
    return ", ".join(names)


def show(path: Path, recording: Recording, rows: Sequence[Row]) -> None:
    """Print a table, and the remarks below it."""
    n_trial, n_time, _ = recording.values.shape
    trials = f"{n_trial} trials of " if n_trial > 1 else ""
    print(f"{path}: {_words(recording.names)}; {trials}{n_time} samples, {recording.dt:g} apart")
    print(f"correlation time {recording.correlation_time:.3g}, {recording.n_independent:.0f} independent samples")
    for quantity in dict.fromkeys(row.quantity for row in rows):
        group = [row for row in rows if row.quantity == quantity]
        print(f"\n{quantity} [{group[0].units}]")
        for row in group:
            value, error = row.estimate.value, row.estimate.standard_error
            number = f"{value:10.4g} +- {error:<8.2g}" if math.isfinite(value) else f"{'none':>10}{'':12}"
            chance = "" if row.p_value is None else f"  {_chance(row.p_value)} if there were none"
            print(f"  {row.method:30} {number}{chance}".rstrip())
    said = dict.fromkeys(remark for row in rows for remark in row.estimate.remarks)
    if said:
        print("\nremarks")
    for remark in said:
        print(f"  {remark}")


def _chance(p_value: float) -> str:
    return f"p = {p_value:.2g}" if p_value >= 1e-6 else "p < 1e-6"


def as_json(path: Path, recording: Recording, rows: Sequence[Row]) -> str:
    """The same for programs; what has no value is null."""
    content = {
        "file": str(path),
        "variables": list(recording.names),
        "shape": list(recording.values.shape),
        "dt": recording.dt,
        "correlation_time": recording.correlation_time,
        "estimates": [
            {
                "quantity": row.quantity,
                "method": row.method,
                "units": row.units,
                **{name: _or_none(value) for name, value in row.estimate._asdict().items()},
                "p_value": row.p_value,
            }
            for row in rows
        ],
    }
    return json.dumps(content)


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def against_step(recording: Recording, question: Question) -> xr.Dataset:
    """Rates estimated from every sample, every second, every fourth and so on: what a picture shows."""
    import xarray as xr

    longest = min(recording.values.shape[1] // 50, max(1, round(recording.correlation_time / recording.dt / 2)))
    strides = [2**i for i in range(MOST_STEPS) if 2**i <= max(longest, 2)]
    columns: dict[str, list[Estimate]] = {
        "fitted": [even(question, estimators.entropy_production_rate, recording, stride=s) for s in strides],
        "bound": [
            even(question, estimators.short_time_bound, recording, degree=question.degree, stride=s) for s in strides
        ],
    }
    names = {"fitted": "fitted linear model", "bound": "bound by short steps"}
    for way, (source, target) in zip(("forth", "back"), question.directions(), strict=False):
        names[way] = f"{_words(source)} to {_words(target)}"
        columns[way] = [
            estimators.transfer_entropy_rate(_every(recording, s), None, source, target, question.history)
            for s in strides
        ]
    limit = even(question, estimators.extrapolated_short_time_bound, recording, degree=question.degree)
    dataset = xr.Dataset(coords={"step": ("step", np.array(strides) * recording.dt)})
    dataset.step.attrs = {"long_name": "step", "units": "time"}
    for name, column in columns.items():
        units = "k_B / time" if name in ("fitted", "bound") else "nat / time"
        attrs = {"long_name": names[name], "units": units}
        dataset[name] = ("step", np.array([one.value for one in column]), attrs)
        dataset[f"{name}_standard_error"] = ("step", np.array([one.standard_error for one in column]), attrs)
    dataset["bound"].attrs |= {"extrapolated": limit.value, "extrapolated_standard_error": limit.standard_error}
    return dataset


def _every(recording: Recording, stride: int) -> Recording:
    """Samples further apart."""
    return Recording(recording.values[:, ::stride], stride * recording.dt, recording.names)


def run(arguments: argparse.Namespace) -> int:
    """Read, estimate, print, draw."""
    asked = Asked(arguments.variables, arguments.dt, arguments.time, arguments.trial)
    recording = read_recording(arguments.data, asked)
    question = _question(arguments, recording)
    try:
        rows = report(recording, question)
        if arguments.json:
            print(as_json(arguments.data, recording, rows))
        else:
            show(arguments.data, recording, rows)
        if arguments.figure:
            draw(arguments.figure, arguments.data, recording, question)
    except ValueError as error:
        raise ConfigError(f"{arguments.data}: {error}") from error
    if not question.odd:
        log.info("all variables are taken as even under time reversal; name velocities and the like with --odd")
    if not question.source and len(recording.names) > 1:
        log.info("mutual information and transfer entropy need two sides: --source NAME --target NAME")
    return 0


def _question(arguments: argparse.Namespace, recording: Recording) -> Question:
    sides = {"--source": arguments.source, "--target": arguments.target, "--odd": arguments.odd}
    for option, names in sides.items():
        for name in names:
            if name not in recording.names:
                raise ConfigError(
                    f"{arguments.data}: {option} {name}: no such variable{nearest(name, recording.names)}"
                )
    if bool(arguments.source) != bool(arguments.target):
        raise ConfigError("--source and --target: one is missing, expected both or none")
    if common := set(arguments.source) & set(arguments.target):
        raise ConfigError(
            f"--source, --target: both hold {_words(sorted(common))}, expected two sides without a common variable"
        )
    source, target = arguments.source, arguments.target
    if not source and len(recording.names) == 2:
        source, target = [recording.names[0]], [recording.names[1]]
    return Question(source, target, arguments.odd, arguments.history, arguments.degree, arguments.surrogates)


def draw(file: Path, data: Path, recording: Recording, question: Question) -> None:
    """Write the picture as SVG and PNG."""
    from nessmap import figures
    from nessmap.figures.estimates import draw

    facts = {"title": f"rates estimated from {data.name}", "source": str(data.name)}
    for path in figures.save(draw(against_step(recording, question)), file.with_suffix(""), facts):
        log.info("%s", path)
