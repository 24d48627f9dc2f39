"""What nessmap says while it works: lines on standard error, and a file of them or of JSON objects."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from nessmap.failed_rules import MARK
from nessmap.points import DamageWarning

log = logging.getLogger("nessmap")
FIELDS = "fields"  # of a log record: what a program wants to know, such as the keys of the points of a batch
# seconds of progress without a word, where no terminal shows a bar: short work needs none
SAID_FIRST, SAID_EVERY = 1.0, 10.0


class _Lines(logging.Formatter):
    """One JSON object a line: time [s since 1970], level, message, and the fields that the record has."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, {})
        return json.dumps({"time": record.created, "level": record.levelname, "message": record.getMessage(), **fields})


class _Marked(logging.Formatter):
    """Lines of text; an error is said to be one."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{MARK if record.levelno >= logging.ERROR else 'nessmap: '}{record.getMessage()}"


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
    """Write messages to a file too, errors marked.

    One that ends in .jsonl gets them as JSON, batch by batch with the keys of its points.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w")
    _add(handler)
    handler.setFormatter(_Marked())
    if path.suffix == ".jsonl":
        log.setLevel(logging.DEBUG)
        handler.setLevel(logging.DEBUG)
        handler.setFormatter(_Lines())


def _add(handler: logging.Handler) -> None:
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("nessmap: %(message)s"))
    log.addHandler(handler)


class Advance(Protocol):
    """To be called with the number of units that are done now, and how many of them failed, where that may happen."""

    def __call__(self, n: int, failed: int | None = None) -> None: ...


@contextmanager
def progress(
    total: int,
    what: str,
    unit: str,
    left: Callable[[], float | None] | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Advance]:
    """Say how far long work is: done, failed, rate, time left; a bar on a terminal, the same words in a line elsewhere.

    A line comes as soon as something is known, a second after the start at the earliest, and then every ten seconds.
    left: time that the rest will take [s], None while nobody knows; without it every unit takes as long as another.
    now: a clock [s].
    """
    quiet = not _draws_bars()
    began, done, n_failed = now(), 0, None
    due = began + SAID_FIRST
    # words of our own behind the bar: tqdm takes all units to cost the same
    layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} " + f"{unit}s done" + "{postfix}"
    with tqdm(total=total, desc=what, disable=quiet, dynamic_ncols=True, bar_format=layout) as bar:

        def in_words() -> str:
            elapsed = max(now() - began, 1e-9)
            seconds = left() if left else elapsed * (total - done) / done if 0 < done < total else None
            said = [] if n_failed is None else [f"{n_failed} failed"]
            said += [rate_in_words(done / elapsed, unit)]
            said += [] if seconds is None else [f"about {duration_in_words(seconds)} to go"]
            return ", ".join(said)

        def advance(n: int, failed: int | None = None) -> None:
            nonlocal due, done, n_failed
            done += n
            n_failed = n_failed if failed is None else (n_failed or 0) + failed
            if not quiet:
                bar.set_postfix_str(in_words(), refresh=False)
                bar.update(n)
            elif now() >= due:
                due = now() + SAID_EVERY
                log.info("%s: %d of %d %ss done, %s", what, done, total, unit, in_words())

        yield advance


def _draws_bars() -> bool:
    """Whether standard error is a terminal that knows how wide it is: in one of no columns tqdm makes empty lines."""
    try:
        return sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):  # a stream that is no file of the system's
        return True


def rate_in_words(per_second: float, unit: str) -> str:
    """A rate as people say it.

    >>> rate_in_words(123.4, "unit"), rate_in_words(0.05, "unit"), rate_in_words(0.0002, "unit")
    ('123 units/s', '3.0 units/min', '0.7 units/h')
    """
    rates = {name: per_second * length for name, length in (("s", 1.0), ("min", 60.0), ("h", 3600.0))}
    name = next((name for name, rate in rates.items() if rate >= 1.0), "h")
    return f"{rates[name]:.{0 if rates[name] >= 10.0 else 1}f} {unit}s/{name}"


def duration_in_words(seconds: float) -> str:
    """A duration as people say it.

    >>> duration_in_words(50), duration_in_words(4000), duration_in_words(200000)
    ('50 s', '1.1 h', '2.3 days')
    """
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.0f} s"
