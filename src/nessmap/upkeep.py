"""Upkeep of the point log: small segments merged, records that nobody wants removed, points forgotten.

Under a lock, because two of these at once would undo each other; writers and readers need none. What stays is written
before what held it is deleted, so a process killed at any time leaves every record in one segment at least.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nessmap import object_store, segment_index
from nessmap.manifests import vouched
from nessmap.points import SET_ASIDE, SUFFIX, Entry, LogError, PointLog
from nessmap.simulate import Record
from nessmap.sweep import Sweep

MERGED_BYTES = 64e6  # of a merged segment: few files, and one fits into memory many times over
PARTIAL_SECONDS = 86400.0  # no writer takes a day for a segment
LOCK = ".upkeep.lock"
UPKEEP = "compact, gc or forget"


class Removal(NamedTuple):
    """What gc or forget found: records, whole segments among them, other files, and the bytes on disk they take."""

    n_record: int
    n_segment: int  # all of whose records go
    files: tuple[Path, ...]
    n_byte: int


@contextmanager
def locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Alone with the upkeep of a log; LogError or StoreError if somebody else is at it.

    Yields what is to be called before anything is deleted: it raises if somebody else has taken over since.
    """
    if home := object_store.home_of(folder):
        with home.lease(folder / LOCK, UPKEEP) as renew:
            yield renew
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LogError(f"{folder}: {UPKEEP} is running; repeat this when it is over") from error
        yield lambda: None


def compact(folder: Path, models: Iterable[str] | None = None) -> tuple[int, int]:
    """Merge segments of less than half of MERGED_BYTES, in order of their names; how many there were, and are."""
    point_log = PointLog(folder)
    before = after = 0
    with locked(folder) as renew:
        for model in models or point_log.models():
            point_log.scan(model)  # damaged segments are set aside first: none may be merged
            segments = point_log.segments(model)
            for group in _groups(segments):
                made = _rewritten(point_log, model, group, lambda _: True, renew)
                _delete(point_log, model, group, [made] if made else [], renew)
            before, after = before + len(segments), after + len(point_log.segments(model))
    return before, after


def _groups(segments: Sequence[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    filled = 0
    for segment in segments:
        size = segment.stat().st_size
        if size >= MERGED_BYTES / 2:
            continue
        if filled + size > MERGED_BYTES:
            yield group
            group, filled = [], 0
        group.append(segment)
        filled += size
    if len(group) > 1:
        yield group


def _rewritten(
    point_log: PointLog,
    model: str,
    segments: Sequence[Path],
    keep: Callable[[Entry], bool],
    renew: Callable[[], None],
) -> Path | None:
    """The segment into which the records of segments that are to be kept were put; None if there are none."""
    best: dict[str, Entry] = {}
    for entry in point_log.entries(segments):
        kept = best.get(entry.name.key)
        if keep(entry) and (kept is None or (not kept.array and entry.array)):
            best[entry.name.key] = entry
    arrays = {entry.name.key: array for entry, array in point_log.read(best.values())}
    if lost := sum(bool(entry.array) and key not in arrays for key, entry in best.items()):
        raise LogError(f"{point_log.folder}: {lost} records cannot be read; nothing was merged; repeat this")
    records = [
        Record(e.name, e.status, arrays.get(key), e.end, e.wall_time, e.message) for key, e in sorted(best.items())
    ]
    renew()
    return point_log.write(model, records) if records else None


def _delete(
    point_log: PointLog, model: str, segments: Sequence[Path], made: Sequence[Path], renew: Callable[[], None]
) -> None:
    """Delete segments whose records are elsewhere now, in those that were made, or are unwanted."""
    renew()
    if made:
        point_log.announce(model)
    point_log.remove(segment for segment in segments if segment not in made)


def remove(folder: Path, unwanted: Callable[[Entry], bool], leftovers: bool, dry_run: bool) -> Removal:
    """Remove records, and with leftovers what is no segment: unfinished files of a day ago and what was set aside."""
    point_log = PointLog(folder)
    n_record = n_segment = n_byte = 0
    with locked(folder) as renew:
        for model in point_log.models():
            by_segment: dict[Path, list[Entry]] = {}
            for entry in point_log.entries(point_log.segments(model)):
                by_segment.setdefault(entry.segment, []).append(entry)
            made, old = [], []
            for segment, entries in by_segment.items():
                going = sum(map(unwanted, entries))
                n_record, n_segment = n_record + going, n_segment + (going == len(entries))
                n_byte += segment.stat().st_size * going // len(entries)
                if going and not dry_run:
                    old.append(segment)
                    if kept := _rewritten(point_log, model, [segment], lambda entry: not unwanted(entry), renew):
                        made.append(kept)
            if old:  # all at once: those who read look again but once
                _delete(point_log, model, old, made, renew)
        sizes = _leftovers(point_log) if leftovers else {}
        n_byte += sum(sizes.values())
        if not dry_run:
            object_store.withdraw(sizes)
    return Removal(n_record, n_segment, tuple(sizes), n_byte)


def _leftovers(point_log: PointLog) -> dict[Path, int]:
    """Files that are no segments, with their size [bytes]."""
    folder = point_log.folder
    aside = {path: path.stat().st_size for path in sorted((folder / SET_ASIDE).glob(f"*{SUFFIX}"))}
    if point_log.home:
        aside |= point_log.home.sizes(folder / SET_ASIDE)
    return aside | {path: path.stat().st_size for path in _unfinished(folder)}


def _unfinished(folder: Path) -> Iterator[Path]:
    for partial in sorted([*folder.glob("*/*/.*.partial"), *folder.glob("*/.*.partial")]):
        if time.time() - partial.stat().st_mtime > PARTIAL_SECONDS:
            yield partial


def rebuild_index(folder: Path) -> None:
    """Make the index of every model's segments anew, from the segments."""
    point_log = PointLog(folder)
    for model in point_log.models():
        segment_index.remove(folder / model)
        point_log.scan(model)


def wanted_keys(results: Path, sweeps: Iterable[Sweep]) -> set[str]:
    """Keys of records that a manifest vouches for or a sweep file wants."""
    keys = {key for points in vouched(results).values() for record_keys in points.values() for key in record_keys}
    return keys.union(*(point.record_keys() for sweep in sweeps for point in sweep.points))


def forget(results: Path, folder: Path, keys: set[str], dry_run: bool) -> tuple[Removal, list[Path]]:
    """Remove records, and the manifests that vouch for them, so that Snakemake has them computed again."""
    stale = [
        path for path, points in vouched(results).items() if any(keys.intersection(own) for own in points.values())
    ]
    removal = remove(folder, lambda entry: entry.name.key in keys, leftovers=False, dry_run=dry_run)
    if not dry_run:  # after the records: a manifest alone would be found out by assemble
        object_store.withdraw(stale)
    return removal, stale
