"""A kept copy of what many segments say of their records: one file is read, and only segments that it lacks are opened.

It holds nothing of its own: without it, or where it is damaged or old, the segments are read and it is written again.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

FROM_SEGMENTS = 256  # fewer are opened faster than an index is kept
NAME = ".index.json"

Rows = list[list[Any]]


class SegmentIndex:
    """Rows of the segments of a model by name, size and time of change; written at exit if many were added."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._known: dict[str, tuple[list[int], Rows]] = {}
        self._seen: dict[str, tuple[list[int], Rows]] = {}
        self._n_read = 0

    def __enter__(self) -> SegmentIndex:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            self._known = {name: (stamp, rows) for name, (stamp, rows) in json.loads(self.path.read_text()).items()}
        return self

    def rows(self, segment: Path, read: Callable[[Path], Rows]) -> Rows:
        """What a segment says of its records, from the index if the file is the one that it knows."""
        status = segment.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._known.get(segment.name)
        if known is None or known[0] != stamp:
            known = (stamp, read(segment))
            self._n_read += 1
        self._seen[segment.name] = known
        return known[1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # a tenth: a log that grows is indexed a few dozen times, not at every look
        if kind is None and len(self._seen) >= FROM_SEGMENTS and self._n_read > len(self._seen) / 10:
            self._write()

    def _write(self) -> None:
        partial = self.path.with_name(f".index.{uuid.uuid4().hex}.partial")
        try:
            partial.write_text(json.dumps(self._seen, separators=(",", ":")))
            partial.replace(self.path)
        except OSError:  # a full disk, a folder of somebody else: it only saves time
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Forget the index of a model; the next look at its segments makes it anew."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / NAME)
