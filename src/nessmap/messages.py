"""What nessmap says while it works: lines on standard error, and a file of them or of JSON objects."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from nessmap.points import DamageWarning

log = logging.getLogger("nessmap")
FIELDS = "fields"  # of a log record: what a program wants to know, such as the keys of the points of a batch
SAID_EVERY = 10.0  # seconds between lines of progress, where no terminal shows a bar


class _Lines(logging.Formatter):
    """One JSON object a line: time [s since 1970], level, message, and the fields that the record has."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, {})
        return json.dumps({"time": record.created, "level": record.levelname, "message": record.getMessage(), **fields})


@contextmanager
def talking() -> Iterator[None]:
    """Messages and warnings go to standard error as lines of nessmap's own."""
    log.setLevel(logging.INFO)
    log.propagate = False
    _add(logging.StreamHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DamageWarning)  # a library user may turn them into errors
            warnings.showwarning = lambda message, *_, **__: log.warning("%s", message)
            yield
    finally:
        log.propagate = True
        log.setLevel(logging.INFO)
        for handler in list(log.handlers):
            log.removeHandler(handler)
            handler.close()


def write_log(path: Path) -> None:
    """Write messages to a file too; to one that ends in .jsonl as JSON, batch by batch with the keys of its points."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w")
    _add(handler)
    if path.suffix == ".jsonl":
        log.setLevel(logging.DEBUG)
        handler.setLevel(logging.DEBUG)
        handler.setFormatter(_Lines())


def _add(handler: logging.Handler) -> None:
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("nessmap: %(message)s"))
    log.addHandler(handler)


@contextmanager
def progress(total: int, what: str, unit: str, rest: Callable[[], str] = str) -> Iterator[Callable[[int], None]]:
    """Say how far long work is: a bar on a terminal, a line now and then elsewhere.

    Yields what is to be called with the number of units that were done; rest is added to a line, such as the time left.
    """
    quiet = not sys.stderr.isatty()
    with tqdm(total=total, desc=what, unit=unit, disable=quiet, dynamic_ncols=True, smoothing=0.1) as bar:
        said, done = time.monotonic(), 0

        def advance(n: int) -> None:
            nonlocal said, done
            done += n
            bar.update(n)
            if quiet and time.monotonic() - said > SAID_EVERY:
                said = time.monotonic()
                log.info("%s: %d of %d %ss done%s", what, done, total, unit, rest())

        yield advance
