"""What making very many objects costs besides the objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """No search for unused cycles of objects meanwhile.

    Where points and records are made by the hundred thousand, all are kept and none is part of a cycle; Python would look
    through all of them again and again, for a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
