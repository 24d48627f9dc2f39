"""One simulate job: what a shard wants, less what the log holds, in batches over an executor; every batch is a segment."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from nessmap import identity
from nessmap.executors import Map
from nessmap.points import Entry, PointLog
from nessmap.protocols import State
from nessmap.simulate import RESTART_STATE, Record, Restart, Status, Unit, simulate
from nessmap.sweep import Point, Sweep, unit_seconds

BATCH_SECONDS = 2.0  # of estimated work per task: overhead stays small and little is lost with a worker
FAILURES = (Status.failed, Status.diverged, Status.timeout)

log = logging.getLogger("nessmap")


class VersionError(RuntimeError):
    """A replayed path differs from the stored one."""


class Work(NamedTuple):
    """A unit to run, the entries it can go on from, and the digest its end must agree with ('' if none is stored)."""

    unit: Unit
    restart: tuple[Entry, ...]
    known_end: str


class Receipt(NamedTuple):
    """What a worker says of a batch it has written."""

    segment: str
    n_unit: int
    n_failed: int
    seconds: float
    message: str


@dataclass
class Report:
    """Counts of units for the manifest and for people."""

    wanted: int = 0
    present: int = 0
    computed: int = 0
    failed: int = 0
    seconds: float = 0.0
    messages: list[str] = field(default_factory=list)


def missing_work(points: Iterable[Point], index: Mapping[str, Entry], retry_failed: bool = False) -> tuple[list[Work], int]:
    """The units whose records are not all in the log, and the number of units whose records are."""
    by_path: dict[tuple[str, int, int], list[Entry]] = {}
    for entry in index.values():
        by_path.setdefault(entry.name[:3], []).append(entry)
    work, present = [], 0
    for unit in (unit for point in points for unit in point.units):
        names = unit.record_names()
        found = [index.get(name.key) for name in names]
        complete = all(e is not None and not (retry_failed and e.status in FAILURES) for e in found)
        if complete:
            present += 1
        else:
            work.append(_work(unit, names[0], by_path.get(names[0][:3], [])))
    return work, present


def _work(unit: Unit, name: identity.RecordName, stored: Sequence[Entry]) -> Work:
    """Go on from the longest stored run that has all sums and a state; know the end if this very run was made before."""
    ok = [entry for entry in stored if entry.status is Status.ok]
    known_end = next((entry.end for entry in ok if entry.name.n_step == unit.n_step), "")
    needed = {*unit.statistics, RESTART_STATE}
    for n_step in sorted({entry.name.n_step for entry in ok if entry.name.n_step < unit.n_step}, reverse=True):
        shorter = tuple(entry for entry in ok if entry.name.n_step == n_step and entry.name.statistic in needed)
        if {entry.name.statistic for entry in shorter} == needed:
            return Work(unit, shorter, known_end)
    return Work(unit, (), known_end)


def batches(work: Sequence[Work]) -> list[list[Work]]:
    """Batches of about two seconds, most expensive units first."""
    made: list[list[Work]] = []
    filled = BATCH_SECONDS
    for item in sorted(work, key=lambda w: unit_seconds(w.unit), reverse=True):
        if filled >= BATCH_SECONDS:
            made.append([])
            filled = 0.0
        made[-1].append(item)
        filled += unit_seconds(item.unit)
    return made


def run_batch(folder: Path, batch: Sequence[Work]) -> Receipt:
    """Run units one after the other and write all their records as one segment. This is what a worker does."""
    began = time.perf_counter()
    point_log = PointLog(folder)
    records: list[Record] = []
    for work in batch:
        made = simulate(work.unit, _restart(point_log, work.restart))
        if work.known_end and made[0].end and made[0].end != work.known_end:
            kernel = f"kernels/{work.unit.build().kernel_file}.py"
            raise VersionError(
                f"{work.unit.model} at {dict(work.unit.parameters)}: this run ends in another state than the one stored; "
                f"a kernel or protocol was changed: bump KERNEL_VERSION in {kernel} or undo the change"
            )
        records += made
    segment = point_log.write(batch[0].unit.model, records)
    failed = [r for r in records if r.status in FAILURES]
    message = failed[0].message if failed else ""
    return Receipt(str(segment), len(batch), len({r.name[:3] for r in failed}), time.perf_counter() - began, message)


def _restart(point_log: PointLog, entries: Sequence[Entry]) -> Restart | None:
    if not entries:
        return None
    arrays = {entry.name.statistic: array for entry, array in point_log.read(entries)}
    if len(arrays) < len(entries):  # a damaged segment: start afresh
        return None
    return Restart(State(entries[0].name.n_step, arrays.pop(RESTART_STATE)), arrays)


def run_shard(sweep: Sweep, points: Sequence[Point], folder: Path, run: Map | None, retry_failed: bool = False) -> Report:
    """Compute what is missing of the points. `run` may be None when nothing is missing."""
    began = time.perf_counter()
    point_log = PointLog(folder)
    index = point_log.scan(sweep.settings.model)
    work, present = missing_work(points, index, retry_failed)
    report = Report(wanted=present + len(work), present=present)
    if work and run is not None:
        _compute(work, folder, run, report, sweep.name)
    report.failed = count_failed(points, point_log.scan(sweep.settings.model) if work else index)
    report.seconds = time.perf_counter() - began
    return report


def _compute(work: Sequence[Work], folder: Path, run: Map, report: Report, name: str) -> None:
    tasks = [(folder, batch) for batch in batches(work)]
    log.info("%s: %d units of work to do in %d batches, %d present", name, len(work), len(tasks), report.present)
    quiet = not sys.stderr.isatty()
    with tqdm(total=len(work), desc=name, unit="unit", disable=quiet, dynamic_ncols=True, smoothing=0.1) as bar:
        said = time.monotonic()
        for (_, batch), result in run(run_batch, tasks):
            if isinstance(result, VersionError):
                raise result
            if isinstance(result, BaseException):
                report.messages.append(f"a batch of {len(batch)} units was lost: {type(result).__name__}: {result}")
                log.error("%s", report.messages[-1])
            else:
                report.computed += result.n_unit
                if result.message:
                    report.messages.append(result.message)
            bar.update(len(batch))
            if quiet and time.monotonic() - said > 10:
                said = time.monotonic()
                log.info("%s: %d of %d units done", name, report.computed, len(work))


def count_failed(points: Iterable[Point], index: Mapping[str, Entry]) -> int:
    """Points with a record that failed, diverged, ran out of time or is not there."""
    failed = 0
    for point in points:
        entries = [index.get(key) for key in point.keys()]
        failed += any(entry is None or entry.status in FAILURES for entry in entries)
    return failed


def write_manifest(path: Path, sweep: Sweep, points: Sequence[Point], report: Report) -> None:
    """The shard's output for Snakemake: which keys it vouches for. No times, so that an idle rerun changes nothing."""
    content: dict[str, Any] = {
        "sweep": sweep.name,
        "points": {point.key: point.keys() for point in points},
        "units": report.wanted,
        "failed_points": report.failed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(content, indent=0))
    partial.replace(path)
