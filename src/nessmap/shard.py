"""One simulate job: what a shard wants, less what the log holds, in batches over an executor; every batch is a segment."""

from __future__ import annotations

import dataclasses
import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nessmap import identity
from nessmap.executors import Map
from nessmap.memory import without_collection
from nessmap.messages import duration_in_words, progress
from nessmap.model import Array
from nessmap.models import model_class
from nessmap.points import Entry, PointLog, outcome
from nessmap.protocols import State
from nessmap.sharing import Shares, Watch
from nessmap.simulate import RESTART_STATE, RESTART_VERSION, Record, Restart, Status, Unit, simulate
from nessmap.statistics import STATISTICS
from nessmap.sweep import Point, Sweep

BATCH_SECONDS = 2.0  # of estimated work per task: overhead stays small and little is lost with a worker
CLOSING_SECONDS = 20.0  # for workers to end and manifests to be written, before the scheduler ends the job
FAILURES = (Status.failed, Status.diverged, Status.timeout)

log = logging.getLogger("nessmap")


class VersionError(RuntimeError):
    """A replayed path differs from the stored one."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A unit to run, the entries it can go on from, and the digest its end must agree with ('' if none is stored)."""

    unit: Unit  # wants the missing statistics only
    restart: tuple[Entry, ...]
    known_end: str
    path: str = ""  # what the unit's path was when the work was planned
    keys: tuple[str, ...] = ()  # of the records that it makes

    @property
    def seconds(self) -> float:
        """Estimated cost on one core [s]."""
        done = self.restart[0].name.n_step if self.restart else 0
        return self.unit.seconds * (1 - done / self.unit.n_step)


class Receipt(NamedTuple):
    """What a worker says of a batch that is stored: units it ran, how the first failed one failed, what else it noticed;
    met: another driver has stored this very batch, or a worker of this one that died before it could say so;
    n_failed: how many of the units failed."""

    n_unit: int
    failure: str
    warnings: tuple[str, ...]
    met: bool = False
    n_failed: int = 0


@dataclasses.dataclass
class Report:
    """Counts for the manifest and for people: units wanted, present, computed, and by_others: stored meanwhile by other drivers
    or by a worker that died before it could say so; points failed and without a result."""

    wanted: int = 0
    present: int = 0
    computed: int = 0
    by_others: int = 0
    failed: int = 0
    absent: int = 0
    seconds: float = 0.0
    statuses: dict[str, str] = dataclasses.field(default_factory=dict)  # by key of the point
    failures: list[str] = dataclasses.field(default_factory=list)  # how points failed, one message a batch
    lost: list[str] = dataclasses.field(default_factory=list)  # batches that left no records
    out_of_time: bool = False  # batches were held back, because the job would have ended before them

    def joined(self, later: Report) -> Report:
        """This report and that of a later part of the same job, whose points may be the same ones with more replicas."""
        statuses = {**self.statuses, **later.statuses}
        return Report(
            self.wanted + later.wanted,
            self.present + later.present,
            self.computed + later.computed,
            self.by_others + later.by_others,
            n_failed(statuses),
            list(statuses.values()).count(Status.absent.name),
            self.seconds + later.seconds,
            statuses,
            self.failures + later.failures,
            self.lost + later.lost,
            later.out_of_time,
        )


@without_collection()
def missing_work(
    points: Iterable[Point], index: Mapping[str, Entry], retry_failed: bool = False
) -> tuple[list[Work], int]:
    """The units whose records are not all in the log, less the records that are, and the number of complete units."""
    lacking: list[tuple[Unit, dict[str, identity.RecordName]]] = []
    present = 0
    seen: set[str] = set()
    for unit, names, keys in (piece for point in points for piece in point.pieces()):
        if keys[0] in seen:  # another cell whose parameters shape the same path
            continue
        seen.add(keys[0])
        missing = {}
        for name, key in zip(names, keys, strict=True):
            found = index.get(key)
            if found is None or (retry_failed and found.status in FAILURES):
                missing[key] = name
        if missing:
            lacking.append((unit, missing))
        else:
            present += 1
    by_path: dict[tuple[str, int, int], list[Entry]] = {}
    for entry in index.values() if lacking else ():
        by_path.setdefault(entry.name[:3], []).append(entry)
    work = []
    for unit, missing in lacking:
        wanted = list(missing.values())
        work.append(_work(unit, wanted, tuple(missing), by_path.get(wanted[0][:3], [])))
    return work, present


def _work(unit: Unit, missing: Sequence[identity.RecordName], keys: tuple[str, ...], stored: Sequence[Entry]) -> Work:
    """Go on from the longest stored run that has all sums and a state; know the end if this very run was made before."""
    statistics = tuple(name.statistic for name in missing if name.statistic != RESTART_STATE)
    keep_state = len(missing) > len(statistics)
    is_whole = (statistics, keep_state) == (unit.statistics, unit.keep_state)  # a copy costs what the rest here does
    lacking = unit if is_whole else dataclasses.replace(unit, statistics=statistics, keep_state=keep_state)
    ok = [entry for entry in stored if entry.status is Status.ok]
    known_end = next((entry.end for entry in ok if entry.name.n_step == unit.n_step), "")
    segments = [STATISTICS[statistic].segment or 1 for statistic in statistics]
    needed = {(name.statistic, name.version) for name in missing} | {(RESTART_STATE, RESTART_VERSION)}
    for n_step in sorted({entry.name.n_step for entry in ok if entry.name.n_step < unit.n_step}, reverse=True):
        if any(n_step % segment for segment in segments):  # it ended in the middle of a segment
            continue
        at_step = [entry for entry in ok if entry.name.n_step == n_step]
        shorter = tuple(entry for entry in at_step if (entry.name.statistic, entry.name.version) in needed)
        if len(shorter) == len(needed):
            return Work(lacking, shorter, known_end, missing[0].path, keys)
    return Work(lacking, (), known_end, missing[0].path, keys)


def batches(work: Sequence[Work]) -> list[list[Work]]:
    """Batches of about two seconds, most expensive units first."""
    made: list[list[Work]] = []
    filled = BATCH_SECONDS
    for item in sorted(work, key=lambda work: work.seconds, reverse=True):
        if filled >= BATCH_SECONDS:
            made.append([])
            filled = 0.0
        made[-1].append(item)
        filled += item.seconds
    return made


def run_batch(folder: Path, batch: Sequence[Work], renew: bool = False) -> Receipt:
    """Run units one after the other and write all their records as one segment. This is what a worker does.

    Where the segment is there by now, another driver's, nothing is run, unless its records are to be made anew.
    """
    point_log = PointLog(folder)
    model, keys = model_class(batch[0].unit.model).name, [key for work in batch for key in work.keys]
    if not renew and point_log.holds(model, keys):
        return Receipt(0, "", (), met=True)
    records: list[Record] = []
    n_failed = 0
    with warnings.catch_warnings(record=True) as noticed:  # to be said by the process that has the log
        warnings.simplefilter("always")
        # all at once: the units of a batch were neighbours in a segment before
        stored = {entry.name.key: array for entry, array in point_log.read(e for work in batch for e in work.restart)}
        for work in batch:
            made = simulate(work.unit, _restart(work.restart, stored))
            if work.path and made[0].name.path != work.path:
                raise VersionError(
                    f"{model_class(work.unit.model).name}: its code changed while the sweep ran; nothing of this batch was "
                    "stored; run the same command again"
                )
            if work.known_end and made[0].end and made[0].end != work.known_end:
                raise VersionError(_changed(work.unit))
            records += made
            n_failed += any(record.status in FAILURES for record in made)
    met = not renew and point_log.holds(model, keys)
    point_log.write(model, records)
    failure = next((record.message for record in records if record.status in FAILURES), "")
    said = tuple(dict.fromkeys(str(warning.message) for warning in noticed))
    return Receipt(len(batch), failure, said, met, n_failed)


def _changed(unit: Unit) -> str:
    values = " ".join(f"{name}={value}" for name, value in unit.parameters.items())
    return (
        f"{unit.build().name} at {values}: the same path ends in another state than the stored one. "
        f"If a kernel was changed, bump KERNEL_VERSION in kernels/{unit.build().kernel_file}.py or undo the change; "
        "if the stored records come from another type of CPU, choose another folder with --results"
    )


def _restart(entries: Sequence[Entry], stored: Mapping[str, Array]) -> Restart | None:
    if not entries or any(entry.name.key not in stored for entry in entries):  # a damaged segment: start afresh
        return None
    arrays = {entry.name.statistic: stored[entry.name.key] for entry in entries}
    return Restart(State(entries[0].name.n_step, arrays.pop(RESTART_STATE)), arrays)


def run_shard(
    sweep: Sweep,
    points: Sequence[Point],
    folder: Path,
    run: Map,
    retry_failed: bool = False,
    seconds: float | None = None,
) -> Report:
    """Compute what is missing of the points; what is present is read against its checksums, and what other drivers store
    meanwhile is left to them.

    Batches that would not be back within the seconds given, counted from this call, are not handed out.
    """
    began = time.perf_counter()
    point_log = PointLog(folder)
    # what failed before is to be computed again, whichever segment it lies in by now
    watch = Watch(point_log, sweep.model_class.name, FAILURES if retry_failed else ())
    index = _sound_index(point_log, sweep, points)
    work, present = missing_work(points, index, retry_failed)
    report = Report(wanted=present + len(work), present=present)
    if work:
        point_log.check_writable(sweep.model_class.name)
        deadline = None if seconds is None else began + seconds
        _compute(work, folder, run, report, sweep.name, watch, deadline, retry_failed)
        index = point_log.scan(sweep.model_class.name)
    report.statuses = statuses_of({point.key: point.record_keys() for point in points}, index)
    report.failed = n_failed(report.statuses)
    report.absent = list(report.statuses.values()).count(Status.absent.name)
    report.seconds = time.perf_counter() - began
    return report


def statuses_of(points: Mapping[str, Sequence[str]], index: Mapping[str, Entry]) -> dict[str, str]:
    """What became of points, given as keys of records by key of the point."""
    return {point: outcome(map(index.get, keys))[0].name for point, keys in points.items()}


def n_failed(statuses: Mapping[str, str]) -> int:
    """How many of them failed."""
    return sum(Status[name] in FAILURES for name in statuses.values())


def _sound_index(point_log: PointLog, sweep: Sweep, points: Sequence[Point]) -> dict[str, Entry]:
    """The log's index after damaged segments of the points were set aside: a manifest vouches for what it names."""
    index = point_log.scan(sweep.model_class.name)
    keys = (key for point in points for key in point.record_keys())
    n_damaged = len(point_log.damaged)
    point_log.verify(index[key] for key in keys if key in index)
    return index if len(point_log.damaged) == n_damaged else point_log.scan(sweep.model_class.name)


class Clock:
    """Lets batches pass while they can be back before the deadline [time.perf_counter], if there is one.

    seconds: estimated cost of all work, on one core.
    """

    def __init__(self, seconds: float, deadline: float | None) -> None:
        self.deadline = deadline
        self.held_back = False
        self._out: dict[int, float] = {}
        self._slowest = 0.0
        self._began, self._done = time.perf_counter(), 0.0
        self._seconds = seconds

    def in_time(self, batches: Iterable[list[Work]]) -> Iterator[list[Work]]:
        """The batches, up to the first one that would come too late."""
        for batch in batches:
            now = time.perf_counter()
            # what came back tells what the next one takes, in the queue and on a worker; at first only the estimate does
            wanted = max(2 * self._slowest, sum(work.seconds for work in batch)) + CLOSING_SECONDS
            if self.deadline is not None and now + wanted > self.deadline:
                self.held_back = True
                return
            self._out[id(batch)] = now
            yield batch

    def left(self) -> float | None:
        """How long what is left will take [s], from what the work that came back took; None before any, and behind the end."""
        if not 0 < self._done < self._seconds:
            return None
        return (time.perf_counter() - self._began) * (self._seconds - self._done) / self._done

    @property
    def in_flight(self) -> int:
        """How many batches are out."""
        return len(self._out)

    def came_back(self, batch: list[Work]) -> None:
        """Learn from a batch how long one is under way."""
        self._slowest = max(self._slowest, time.perf_counter() - self._out.pop(id(batch)))
        self.are_done(batch)

    def are_done(self, units: Sequence[Work]) -> None:
        """Work is done, by whomever."""
        self._done += sum(work.seconds for work in units)


def _compute(
    work: Sequence[Work],
    folder: Path,
    run: Map,
    report: Report,
    name: str,
    watch: Watch,
    deadline: float | None,
    renew: bool,
) -> None:
    made = batches(work)
    seconds = sum(item.seconds for item in work)
    clock = Clock(seconds, deadline)
    shares = Shares(made, watch, lambda: clock.in_flight)
    log.info(
        "%s: 0 of %d units done, about %s to go on one core, in %d batches; %d present",
        name, len(work), duration_in_words(seconds), len(made), report.present,
    )  # fmt: skip
    with progress(len(work), name, "unit", clock.left) as advance:

        def left_out() -> None:
            if elsewhere := shares.by_others():
                report.by_others += len(elsewhere)
                clock.are_done(elsewhere)
                advance(len(elsewhere), failed=0)

        for (_, batch, _), result in run(run_batch, ((folder, batch, renew) for batch in clock.in_time(shares))):
            left_out()
            clock.came_back(batch)
            if isinstance(result, VersionError):
                raise result
            if isinstance(result, BaseException):
                report.lost.append(f"a batch was lost (units: {len(batch)}): {type(result).__name__}: {result}")
                fields = {"sweep": name, "points": list(dict.fromkeys(work.path for work in batch))}
                log.error("%s", report.lost[-1], extra={"fields": fields})
            else:
                report.computed += result.n_unit
                report.by_others += len(batch) - result.n_unit
                if result.met:
                    shares.met_another(batch)
                keys = list(dict.fromkeys(work.path for work in batch))
                fields = {"sweep": name, "points": keys, "units": result.n_unit, "failure": result.failure}
                log.debug("%s: a batch is stored", name, extra={"fields": fields})
                report.failures += [result.failure] if result.failure else []
                for warning in result.warnings:
                    log.warning("%s", warning)
            # what was lost has no number either, until it is computed again
            advance(len(batch), failed=len(batch) if isinstance(result, BaseException) else result.n_failed)
        left_out()
    report.out_of_time = clock.held_back
