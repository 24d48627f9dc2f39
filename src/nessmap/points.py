"""The point log: every finished record, in immutable one-file Zarr segments named by the digest of the keys inside.

No locks, no shared chunk, nothing is ever edited: a batch is written under a temporary name, synced and renamed, so a
reader sees a whole segment or none, and writing one twice is harmless. Resume, extend and share are set differences on keys.
"""

from __future__ import annotations

import json
import os
import socket
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nessmap import __version__, identity
from nessmap.model import Array
from nessmap.simulate import Record, Status

SUFFIX = ".zarr.zip"
SET_ASIDE = "set-aside"
_DAMAGE = (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError, IndexError)


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


class PointLog:
    """The segments below a folder, one subfolder per model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[Path] = []  # what was set aside, under its new name

    def write(self, model: str, records: Sequence[Record]) -> Path:
        """Write records as one segment; it exists in whole, and on disk, when this returns."""
        import zarr

        name = identity.digest(sorted(record.name.key for record in records))
        final = self.folder / model / name[:2] / f"{name}{SUFFIX}"
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".{name}.{socket.gethostname()}.{os.getpid()}.partial")
        stacks: dict[tuple[str, tuple[int, ...]], list[Array]] = defaultdict(list)
        rows = []
        for record in records:
            where = ("", -1)
            if record.array is not None:
                stack = stacks[record.name.statistic, record.array.shape]
                where = (_array_name(record.name.statistic, record.array.shape), len(stack))
                stack.append(record.array)
            rows.append([*record.name, int(record.status), *where, record.end, round(record.wall_time, 6), record.message])
        try:
            with zarr.storage.ZipStore(partial, mode="w") as store:
                group = zarr.create_group(store, attributes={"nessmap": __version__, "records": rows})
                for (statistic, shape), stack in sorted(stacks.items()):
                    group.create_array(_array_name(statistic, shape), data=np.stack(stack), chunks=(len(stack), *shape))
            _sync(partial)
            partial.replace(final)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(final.parent)
        return final

    def scan(self, model: str) -> dict[str, Entry]:
        """Every record of a model by key; unreadable segments are set aside, said, and count as absent."""
        index: dict[str, Entry] = {}
        for segment in sorted((self.folder / model).glob(f"*/*{SUFFIX}")):
            try:
                entries = list(_entries(segment))
            except _DAMAGE as error:
                self._set_aside(segment, error)
                continue
            for entry in entries:
                kept = index.get(entry.name.key)
                if kept is None or (kept.status is not Status.ok and entry.status is Status.ok):
                    index[entry.name.key] = entry
        return index

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Array]]:
        """The arrays of entries that have one, segment by segment; a damaged segment is set aside and its records left out."""
        import zarr

        by_segment: dict[Path, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.array:
                by_segment[entry.segment].append(entry)
        for segment, wanted in by_segment.items():
            try:
                with zarr.storage.ZipStore(segment, mode="r") as store:
                    group = zarr.open_group(store, mode="r")
                    arrays = {name: np.asarray(group[name][...]) for name in {entry.array for entry in wanted}}  # type: ignore[index]
                    found = [(entry, arrays[entry.array][entry.row]) for entry in wanted]
            except _DAMAGE as error:
                self._set_aside(segment, error)
                continue
            yield from found

    def verify(self, entries: Iterable[Entry]) -> None:
        """Read the segments of entries in full against their checksums and set damaged ones aside."""
        for segment in {entry.segment for entry in entries}:
            try:
                with zipfile.ZipFile(segment) as archive:
                    broken = archive.testzip()
                if broken:
                    raise zipfile.BadZipFile(f"checksum of {broken} is wrong")
            except _DAMAGE as error:
                self._set_aside(segment, error)

    def _set_aside(self, segment: Path, error: Exception) -> None:
        aside = self.folder / SET_ASIDE / segment.name
        aside.parent.mkdir(exist_ok=True)
        try:
            segment.replace(aside)
        except FileNotFoundError:  # another process was faster
            return
        self.damaged.append(aside)
        warnings.warn(f"{segment}: unreadable ({error}); set aside as {aside}, its records count as missing", stacklevel=3)


def _array_name(statistic: str, shape: tuple[int, ...]) -> str:
    return "_".join([statistic, *map(str, shape)])


def _entries(segment: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(segment) as archive:
        attributes: Mapping[str, Any] = json.loads(archive.read("zarr.json"))["attributes"]
    for *name, status, array, row, end, wall_time, message in attributes["records"]:
        yield Entry(identity.RecordName(*name), Status(status), segment, array, row, end, wall_time, message)


def _sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
