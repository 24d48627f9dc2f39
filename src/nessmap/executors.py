"""EXECUTORS: context managers that yield a map over batches; results come as they finish, failures as exceptions in place.

A map takes a module-level function and an iterable of argument tuples, most expensive first, and yields (arguments, result).
report is where Dask's report of its performance goes, if one is wanted.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from nessmap.allocation import memory_bytes

# Of every numerical library: threads sum in another order, to other bits. It counts from when a process first loads them.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
WINDOW_PER_WORKER = 3  # batches in flight per worker: enough to hide latency, few to lose
RETRIES = 3
MEMORY_FOR_WORKERS = 0.8  # of a job's memory; the rest is for the scheduler and whoever runs it
_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": ONE_THREAD,
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.comm.timeouts.connect": "60s",
    "distributed.admin.log-format": "%(message)s",
}

Map = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[tuple[tuple[Any, ...], Any]]]

log = logging.getLogger("nessmap")


@contextmanager
def serial(n_worker: int, report: Path | None = None) -> Iterator[Map]:
    """One batch after the other in this process; there is nothing for Dask to report."""

    def run(function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for batch in batches:
            try:
                yield batch, function(*batch)
            except Exception as error:
                yield batch, error

    yield run


@contextmanager
def local(n_worker: int, report: Path | None = None) -> Iterator[Map]:
    """Dask worker processes on this machine, one thread each, listening on loopback only. A killed worker is replaced.

    The processes start with the first batch: where there is nothing to do, there is nothing to wait for.
    """
    with _when_needed(partial(_local_cluster, n_worker, report)) as run:
        yield run


@contextmanager
def auto(n_worker: int, report: Path | None = None) -> Iterator[Map]:
    """What suits this machine: one worker is this process, more are Dask's."""
    with (serial if n_worker == 1 else local)(n_worker, report) as run:
        yield run


@contextmanager
def slurm(n_worker: int, report: Path | None = None) -> Iterator[Map]:
    """Dask workers as SLURM jobs of one core each; lost ones are asked for again, traffic is encrypted.

    Queue, account, memory, walltime, interface and whatever else a cluster wants are the section jobqueue.slurm of Dask's
    configuration: ~/.config/dask/jobqueue.yaml, or variables such as DASK_JOBQUEUE__SLURM__INTERFACE.
    """
    with _when_needed(partial(_slurm_cluster, n_worker, report)) as run:
        yield run


@contextmanager
def _when_needed(cluster_of_workers: Callable[[], AbstractContextManager[Map]]) -> Iterator[Map]:
    with ExitStack() as stack:
        cluster: list[Map] = []

        def run(
            function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]
        ) -> Iterator[tuple[tuple[Any, ...], Any]]:
            waiting = iter(batches)
            for first in waiting:
                if not cluster:
                    cluster.append(stack.enter_context(cluster_of_workers()))
                yield from cluster[0](function, itertools.chain([first], waiting))

        yield run


@contextmanager
def _local_cluster(n_worker: int, report: Path | None) -> Iterator[Map]:
    import dask
    from distributed import Client, LocalCluster

    lent = memory_bytes()
    memory_limit = "auto" if lent is None else int(lent * MEMORY_FOR_WORKERS / n_worker)
    with tempfile.TemporaryDirectory(prefix="nessmap-dask-") as scratch, dask.config.set(_SETTINGS):
        logging.getLogger("distributed").setLevel(logging.ERROR)
        with (
            LocalCluster(
                n_workers=n_worker,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                local_directory=scratch,
                memory_limit=memory_limit,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            log.info("Dask: %d workers, dashboard %s", n_worker, cluster.dashboard_link)
            with _reported(report):
                yield _windowed(client, n_worker)


@contextmanager
def _slurm_cluster(n_worker: int, report: Path | None) -> Iterator[Map]:
    import dask
    from dask_jobqueue.slurm import SLURMCluster
    from distributed import Client

    with (
        # certificates and the workers' messages: the working folder is one that all nodes see
        tempfile.TemporaryDirectory(prefix=".nessmap-dask-", dir=Path.cwd()) as shared,
        dask.config.set(_SETTINGS),
    ):
        logging.getLogger("distributed").setLevel(logging.ERROR)

        def chosen(name: str, default: Any) -> Any:
            return dask.config.get(f"jobqueue.slurm.{name}", None) or default

        n_process = int(chosen("processes", chosen("cores", 1)))
        # a folder of the node, seen from the node: this process may run on another machine
        exports = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
        exports.append('export NUMBA_CACHE_DIR="${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/nessmap-$(id -u)"')
        exports.append('mkdir -p -m 700 "$NUMBA_CACHE_DIR" && test -O "$NUMBA_CACHE_DIR" || unset NUMBA_CACHE_DIR')
        with (
            SLURMCluster(
                cores=n_process,
                processes=n_process,
                memory=chosen("memory", f"{2 * n_process}GB"),
                security=_certificates(Path(shared)),
                log_directory=chosen("log-directory", shared),
                job_script_prologue=[*exports, *chosen("job-script-prologue", [])],
                scheduler_options={"dashboard_address": "127.0.0.1:0", **chosen("scheduler-options", {})},
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, timeout="60s") as client,
        ):
            n_job = -(-n_worker // n_process)
            cluster.adapt(minimum_jobs=n_job, maximum_jobs=n_job)  # unlike scale, it replaces what was lost
            log.info("Dask: %d workers in SLURM jobs, dashboard %s", n_worker, cluster.dashboard_link)
            with _reported(report):
                yield _windowed(client, n_worker)


@contextmanager
def _reported(path: Path | None) -> Iterator[None]:
    """Dask's own report of what the workers did and waited for, as an HTML page, if it is wanted."""
    if path is None:
        yield
        return
    from distributed import performance_report

    path.parent.mkdir(parents=True, exist_ok=True)
    with performance_report(filename=str(path)):
        yield


def _certificates(folder: Path) -> Any:
    """Certificates that are valid for this run, as files of this user: workers on other nodes read them there."""
    from distributed import Security

    made, files = Security.temporary(), {}
    for name in (
        "ca_file",
        *(f"{role}_{part}" for role in ("scheduler", "worker", "client") for part in ("key", "cert")),
    ):
        file = folder / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_text(getattr(made, f"tls_{name}"))
        files[f"tls_{name}"] = str(file)
    return Security(require_encryption=True, **files)


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


EXECUTORS: dict[str, Callable[[int, Path | None], AbstractContextManager[Map]]] = {
    "auto": auto,
    "serial": serial,
    "local": local,
    "slurm": slurm,
}
