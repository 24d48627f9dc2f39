"""The point log: every finished record, in immutable one-file Zarr segments named by the digest of the keys inside.

Writing takes no lock and nothing is ever edited: a batch is written under a temporary name, synced and renamed, so a
reader sees a whole segment or none, and writing one twice is harmless. Resume, extend and share are set differences on keys.
Records may lie in two segments, and move to another one when segments are merged (upkeep.py); readers look them up by key.
Of results whose home is an object store the folder is a copy: written to after the home, and fetched anew where it is damaged.
"""

from __future__ import annotations

import errno
import json
import os
import random
import time
import uuid
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nessmap import __version__, identity, object_store
from nessmap.memory import without_collection
from nessmap.model import Array
from nessmap.segment_index import SegmentIndex
from nessmap.simulate import Record, Status

SUFFIX = ".zarr.zip"
PROBE = ".probe"  # at home: that it can be written
GENERATION = ".generation"  # changes when records move
ATTEMPTS = 20  # at reading what is being merged
SET_ASIDE = "set-aside"
_NOT_DAMAGE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES)  # of this process or machine, not of a file


class LogError(RuntimeError):
    """The log's folder cannot be used."""


class Moved(Exception):
    """Records were moved to other segments while the log was read."""


class DamageWarning(UserWarning):
    """A segment was set aside."""


class Entry(NamedTuple):
    """Where a record lies, and all of it but its array."""

    name: identity.RecordName
    status: Status
    segment: Path
    array: str
    row: int
    end: str
    wall_time: float
    message: str


# what decides a point whose records disagree
_WORST_FIRST = (Status.absent, Status.failed, Status.diverged, Status.timeout, Status.unstable, Status.ok)


def worst(outcomes: Iterable[tuple[Status, str]]) -> tuple[Status, str]:
    """The status, with its message, that decides a point."""
    return min(outcomes, key=lambda one: _WORST_FIRST.index(one[0]))


def outcome(entries: Iterable[Entry | None]) -> tuple[Status, str]:
    """Status and message of a point, those of the worst of its records; None stands for a record that is not there."""
    return worst((entry.status, entry.message) if entry else (Status.absent, "") for entry in entries)


class PointLog:
    """The segments below a folder, one subfolder per model."""

    def __init__(self, folder: Path) -> None:
        self.home = object_store.home_of(folder)
        self.folder = folder if self.home is None else Path(os.path.abspath(folder))  # as home names its files
        self.damaged: list[Path] = []  # what was set aside, under its new name

    def path_of(self, model: str, keys: Iterable[str]) -> Path:
        """The segment of just these records."""
        name = identity.digest(sorted(keys))
        return self.folder / model / name[:2] / f"{name}{SUFFIX}"

    def write(self, model: str, records: Sequence[Record]) -> Path:
        """Write records as one segment; it exists in whole, and on disk, when this returns."""
        import zarr

        final = self.path_of(model, (record.name.key for record in records))
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".{final.name}.{uuid.uuid4().hex}.partial")
        stacks: dict[tuple[str, tuple[int, ...]], list[Array]] = defaultdict(list)
        rows = []
        for record in records:
            where = ("", -1)
            if record.array is not None:
                stack = stacks[record.name.statistic, record.array.shape]
                where = (_array_name(record.name.statistic, record.array.shape), len(stack))
                stack.append(record.array)
            rows.append(
                [*record.name, int(record.status), *where, record.end, round(record.wall_time, 6), record.message]
            )
        try:
            with zarr.storage.ZipStore(partial, mode="w") as store:
                group = zarr.create_group(store, attributes={"nessmap": __version__, "records": rows})
                for (statistic, shape), stack in sorted(stacks.items()):
                    # one chunk, and NaN where it is missing: no record that is ok holds a NaN
                    group.create_array(
                        _array_name(statistic, shape),
                        data=np.stack(stack),
                        chunks=(len(stack), *shape),
                        fill_value=np.nan,
                    )
            _sync(partial)
            if self.home:
                self.home.put(final, partial)
            partial.replace(final)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(final.parent)
        return final

    def scan(self, model: str) -> dict[str, Entry]:
        """Every record of a model by key; unreadable segments are set aside, said, and count as absent."""
        for _ in range(ATTEMPTS):
            try:
                return self._scan(model)
            except Moved:
                time.sleep(random.uniform(0, 0.2))
        raise LogError(f"{self.folder / model}: segments vanish as they are read; repeat this when compaction is over")

    @without_collection()
    def _scan(self, model: str) -> dict[str, Entry]:
        index: dict[str, Entry] = {}
        generation = self._generation(model)
        waiting, fetched = self.segments(model), set[Path]()
        with SegmentIndex(self.folder / model) as known:
            for segment in waiting:
                try:
                    entries = _indexed(segment, known)
                except Exception as error:  # bits may be wrong in any way: see _set_aside
                    if not segment.exists() or segment in fetched:
                        raise Moved from error
                    if self._fetched_anew(segment, error):
                        fetched.add(segment)
                        waiting.append(segment)
                        continue
                    self._set_aside(segment, error)
                    continue
                for entry in entries:
                    key = entry.name.key
                    kept = index.get(key)
                    if kept is None or (kept.status is not Status.ok and entry.status is Status.ok):
                        index[key] = entry
        if self._generation(model) != generation:
            raise Moved
        return index

    def _generation(self, model: str) -> str:
        path = self.folder / model / GENERATION
        if self.home:
            return (self.home.get(path) or b"").decode()
        try:
            return path.read_text()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def announce(self, model: str) -> None:
        """Say that records are about to leave the segments they are in, for others that are on disk: looks that began
        before are repeated, because a folder's list may lack both."""
        path, generation = self.folder / model / GENERATION, uuid.uuid4().hex
        if self.home:
            self.home.put(path, generation.encode())
            return
        partial = path.with_name(f".{generation}.partial")
        partial.write_text(generation)
        partial.replace(path)

    def entries(self, segments: Iterable[Path]) -> Iterator[Entry]:
        """Every record in segments, the same one more than once where it lies in several; damaged ones are set aside."""
        for segment in segments:
            try:
                entries = list(_entries(segment, _rows(segment)))
            except Exception as error:
                if segment.exists() and self._fetched_anew(segment, error):
                    yield from self.entries([segment])
                else:
                    self._set_aside(segment, error)
                continue
            yield from entries

    def holds(self, model: str, keys: Iterable[str]) -> bool:
        """Whether there is a segment of just these records."""
        segment = self.path_of(model, keys)
        return self.home.has(segment) if self.home else segment.exists()

    def segments(self, model: str) -> list[Path]:
        """Every segment of a model, in name order; of results with a home those that are there, fetched if need be."""
        if self.home:
            return self.home.fetch(self.folder / model, SUFFIX)
        return sorted((self.folder / model).glob(f"*/*{SUFFIX}"))

    def models(self) -> list[str]:
        """Names of the models that have segments."""
        segments: Iterable[Path] = self.home.sizes(self.folder) if self.home else self.folder.glob(f"*/*/*{SUFFIX}")
        places = [segment.relative_to(self.folder).parts for segment in segments]
        return sorted({parts[0] for parts in places if len(parts) == 3 and parts[2].endswith(SUFFIX)})

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Array]]:
        """The arrays of entries that have one, segment by segment; a damaged segment is set aside and its records left out."""
        moved = [entry for entry in entries if entry.array]
        for _ in range(ATTEMPTS):
            present, moved = moved, []
            yield from self._read(present, moved)
            if not moved:
                return
            # compaction, or somebody's repair: the records lie elsewhere, if they still do
            now = {key: e for model in {_model(e.segment) for e in moved} for key, e in self.scan(model).items()}
            moved = [found for entry in moved if (found := now.get(entry.name.key)) and found.array]

    def _read(self, entries: Iterable[Entry], moved: list[Entry]) -> Iterator[tuple[Entry, Array]]:
        """What is where its entry says; entries whose segment has vanished are put into moved."""
        import zarr

        by_segment: dict[Path, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_segment[entry.segment].append(entry)
        for segment, wanted in by_segment.items():
            try:
                # by key: since the scan, the same records may have been written again in another order
                now = {entry.name.key: entry for entry in _entries(segment, _rows(segment))}
                places = [now[entry.name.key] for entry in wanted]
                with zarr.storage.ZipStore(segment, mode="r") as store:
                    group = zarr.open_group(store, mode="r")
                    arrays = {name: _whole(group, name) for name in {place.array for place in places}}
                found = [(entry, arrays[place.array][place.row]) for entry, place in zip(wanted, places, strict=True)]
            except Exception as error:
                # zarr has more than one error for a file that is not there
                if not segment.exists() or self._fetched_anew(segment, error):
                    moved += wanted
                    continue
                self._set_aside(segment, error)
                continue
            yield from found

    def verify(self, entries: Iterable[Entry]) -> None:
        """Read the arrays of entries against their checksums; set damaged segments aside."""
        for _ in self.read(entries):
            pass

    def check_writable(self, model: str) -> None:
        """LogError unless segments of the model can be written: said before work starts, not after."""
        folder = self.folder / model
        probe = folder / f".{uuid.uuid4().hex}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
            if self.home:
                self.home.put(folder / PROBE, b"")
        except OSError as error:
            raise LogError(
                f"{folder}: cannot be written ({error.strerror}); make it writable or choose --results"
            ) from None

    def remove(self, segments: Iterable[Path]) -> None:
        """Delete segments, at home and here."""
        object_store.withdraw(segments)

    def _fetched_anew(self, segment: Path, error: Exception) -> bool:
        """Whether it was only the copy of a segment that was damaged, and is mended; or whether its home lost it since."""
        _raise_if_no_damage(segment, error)
        if not self.home:
            return False
        content = self.home.get(segment)
        if content is not None and segment.exists() and segment.read_bytes() == content:
            return False
        if content is None or not self.home.fetch_one(segment):
            segment.unlink(missing_ok=True)
        return True

    def _set_aside(self, segment: Path, error: Exception) -> None:
        """Move a segment out of the way, unless it is not the segment that is at fault."""
        _raise_if_no_damage(segment, error)
        aside = self.folder / SET_ASIDE / segment.name
        try:
            if self.home:
                self.home.put(aside, segment)
                self.home.remove(segment)
            aside.parent.mkdir(exist_ok=True)
            segment.replace(aside)
        except FileNotFoundError:  # another process was faster
            return
        except OSError as refusal:
            raise LogError(f"{segment}: damaged, and cannot be set aside ({refusal.strerror}); remove it") from None
        self.damaged.append(aside)
        reason = f"{error}" or type(error).__name__
        message = f"{segment}: damaged ({reason}); set aside as {aside}, its records count as missing"
        warnings.warn(message, DamageWarning, stacklevel=3)


def _raise_if_no_damage(segment: Path, error: Exception) -> None:
    """LogError where it is the process or the machine that is at fault, not the segment."""
    if isinstance(error, MemoryError | PermissionError) or getattr(error, "errno", None) in _NOT_DAMAGE:
        raise LogError(f"{segment}: cannot be read ({error}); it was left where it is") from error


def _array_name(statistic: str, shape: tuple[int, ...]) -> str:
    return "_".join([statistic, *map(str, shape)])


def _whole(group: Any, name: str) -> Array:
    array = np.asarray(group[name][...])
    if np.isnan(array).any():
        raise ValueError(f"{name} is not whole")
    return array


def _rows(segment: Path) -> list[list[Any]]:
    """What a segment says of its records."""
    with zipfile.ZipFile(segment) as archive:
        return list(json.loads(archive.read("zarr.json"))["attributes"]["records"])


def _entries(segment: Path, rows: Iterable[Sequence[Any]]) -> Iterator[Entry]:
    for *name, status, array, row, end, wall_time, message in rows:
        yield Entry(identity.RecordName(*name), Status(status), segment, array, row, end, wall_time, message)


def _indexed(segment: Path, known: SegmentIndex) -> list[Entry]:
    try:
        return list(_entries(segment, known.rows(segment, _rows)))
    except (ValueError, TypeError):  # what the index says of it makes no sense; the segment itself has the last word
        return list(_entries(segment, _rows(segment)))


def _model(segment: Path) -> str:
    return segment.parent.parent.name


def _sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
