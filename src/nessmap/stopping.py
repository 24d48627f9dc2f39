"""Ending in order: signals of people and schedulers, and a job's time that runs out, as exceptions in the main thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """A scheduler asks this process to end."""


class OutOfTime(KeyboardInterrupt):
    """The job is about to end, and batches that were handed out are not back."""


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises Terminated: workers stop, and a message can say how to go on."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the clearing up
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """OutOfTime after so many seconds; None is no limit."""

    def stop(*_: object) -> None:
        raise OutOfTime

    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
