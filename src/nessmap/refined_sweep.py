"""A refined sweep, round by round in one job: compute what is chosen, estimate, choose what follows, until nothing does.

A round that is in the log already is read and not computed, so that a job goes on where an earlier one ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nessmap import choices, refinement
from nessmap.config import ConfigError
from nessmap.evaluate import estimate_points, in_order, together
from nessmap.executors import Map
from nessmap.mesh import Place
from nessmap.refinement import Found
from nessmap.shard import Report, run_shard
from nessmap.simulate import Status
from nessmap.sweep import Sweep

_POINTS_PER_TASK = 25

log = logging.getLogger("nessmap")


def run_refined(
    sweep: Sweep, folder: Path, run: Map, retry_failed: bool = False, seconds: float | None = None
) -> tuple[Sweep, dict[str, Any], Report]:
    """Compute a refined sweep: the sweep with the points that it chose, the choice as JSON, and what became of them.

    It stops before its end where points have no result: batches were lost, or the job's time is about to end.
    """
    mesh, settings = sweep.mesh, sweep.settings.refine
    if mesh is None or settings is None:
        raise ConfigError(f"{sweep.source}: refine is missing, expected levels, budget and where")
    began = time.perf_counter()
    report, known = Report(), dict[Place, Found]()
    choice = refinement.grid(mesh)
    chosen: Mapping[Place, int] = choice.places
    while chosen:
        part = sweep.at_places(chosen)
        left = None if seconds is None else seconds - (time.perf_counter() - began)
        report = report.joined(run_shard(part, part.points, folder, run, retry_failed, left))
        choices.keep(sweep, folder.parent, choice, done=False)
        if report.absent:
            break
        known |= _found(part, folder, run)
        following = refinement.further(settings, mesh, choice, known)
        chosen = {p: k for p, k in following.places.items() if choice.places.get(p) != k}
        choice = following
        if chosen:
            finest = max(map(mesh.level_of, chosen))
            log.info("%s: %d points at level %d or coarser are asked for", sweep.name, len(chosen), finest)
    else:
        choices.keep(sweep, folder.parent, choice, done=True)
        if choice.spent:
            said = "%s: the budget of %d points is spent; cells that ask for more are left as they are"
            log.warning(said, sweep.name, settings.budget)
    report.seconds = time.perf_counter() - began
    return sweep.at_places(choice.places), choices.described(sweep, choice), report


def _found(sweep: Sweep, folder: Path, run: Map) -> dict[Place, Found]:
    """What the log knows of the sweep's places."""
    from nessmap.assembly import assemble  # late: it loads xarray, which no other sweep's job needs

    points, settings = assemble(sweep, folder, []), sweep.settings.refine
    names = refinement.observables_of(settings) if settings else []
    status = points["status"].values
    tasks = []
    runs = [point.units[0].run for point in sweep.points]
    for chosen in together(runs, _POINTS_PER_TASK):
        means = [
            {name: points[name].values[i] for name in sweep.statistics} if status[i] == Status.ok else None
            for i in chosen
        ]
        parameters = [sweep.points[i].parameters for i in chosen]
        tasks.append((sweep.model, parameters, runs[chosen.start], names, means))
    stable = {Status.ok: 1.0, Status.unstable: 0.0}
    rows = in_order(run, estimate_points, tasks, f"{sweep.name}: estimates")
    return {
        place: Found(
            stable.get(Status(own), float("nan")),
            {name: value for name, (value, _) in row.items()},
            {name: error for name, (_, error) in row.items()},
        )
        for place, own, row in zip(sweep.places, np.asarray(status), rows, strict=True)
    }
