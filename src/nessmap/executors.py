"""EXECUTORS: context managers that yield a map over batches; results come as they finish, failures as exceptions in place.

A map takes a module-level function and an iterable of argument tuples, most expensive first, and yields (arguments, result).
"""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

# Of every numerical library: threads sum in another order, to other bits. It counts from when a process first loads them.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
WINDOW_PER_WORKER = 3  # batches in flight per worker: enough to hide latency, few to lose
RETRIES = 3

Map = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[tuple[tuple[Any, ...], Any]]]

log = logging.getLogger("nessmap")


@contextmanager
def serial(n_worker: int) -> Iterator[Map]:
    """One batch after the other in this process."""

    def run(function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for batch in batches:
            try:
                yield batch, function(*batch)
            except Exception as error:
                yield batch, error

    yield run


@contextmanager
def local(n_worker: int) -> Iterator[Map]:
    """Dask worker processes on this machine, one thread each, listening on loopback only. A killed worker is replaced.

    The processes start with the first batch: where there is nothing to do, there is nothing to wait for.
    """
    with ExitStack() as stack:
        cluster: list[Map] = []

        def run(
            function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]
        ) -> Iterator[tuple[tuple[Any, ...], Any]]:
            waiting = iter(batches)
            for first in waiting:
                if not cluster:
                    cluster.append(stack.enter_context(_local_cluster(n_worker)))
                yield from cluster[0](function, itertools.chain([first], waiting))

        yield run


@contextmanager
def _local_cluster(n_worker: int) -> Iterator[Map]:
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.nanny.pre-spawn-environ": ONE_THREAD,
        "distributed.scheduler.allowed-failures": RETRIES,
        "distributed.comm.timeouts.connect": "60s",
        "distributed.admin.log-format": "%(message)s",
    }
    with tempfile.TemporaryDirectory(prefix="nessmap-dask-") as scratch, dask.config.set(settings):
        logging.getLogger("distributed").setLevel(logging.ERROR)
        with (
            LocalCluster(
                n_workers=n_worker,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            log.info("Dask: %d workers, dashboard %s", n_worker, cluster.dashboard_link)
            yield _windowed(client, n_worker)


def _windowed(client: Any, n_worker: int) -> Map:
    from distributed import as_completed

    def run(function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        waiting = iter(batches)
        arguments: dict[str, tuple[Any, ...]] = {}
        finished = as_completed()

        def submit_next() -> None:
            batch = next(waiting, None)
            if batch is not None:
                future = client.submit(function, *batch, pure=False, retries=RETRIES)
                arguments[future.key] = batch
                finished.add(future)

        for _ in range(WINDOW_PER_WORKER * n_worker):
            submit_next()
        for future in finished:
            batch = arguments.pop(future.key)
            error = future.exception() if future.status != "finished" else None
            result = error if error is not None else future.result()
            future.release()
            submit_next()
            yield batch, result

    return run


EXECUTORS: dict[str, Callable[[int], AbstractContextManager[Map]]] = {
    "serial": serial,
    "local": local,
}


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
