"""What the engine costs beside the kernels: points per second, share of kernels, time to a first result, imports, parsing.

    python benchmarks/overheads.py [workers, default 2]

Points are those of a small ring. "Kernel time" is what records say of themselves: the simulation of a unit and its sums,
measured where it ran. All else is overhead: expanding and keying points, batches, Dask, segments, scans, reading again.
Workers' start, with the libraries and compiled kernels that each of them loads once, is in a rate of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import yaml

from nessmap.executors import local
from nessmap.points import PointLog
from nessmap.shard import BATCH_SECONDS, Report, run_shard
from nessmap.simulate import Unit, simulate
from nessmap.sweep import Sweep

ROOT = Path(__file__).parent.parent
N_IMPORT = 5


def sweep_file(folder: Path, name: str, n_point: int, duration: float) -> Path:
    path = folder / f"{name}.yaml"
    content = {
        "model": "amari_field",
        "fixed": {"n_site": 8, "length": 8.0, "kernel_width": 1.2, "shift": 0.5},
        "axes": {"coupling": {"linspace": [0.05, 0.95, n_point]}},
        "run": {"dt": 0.05, "duration": duration, "n_replica": 128, "seed": 7, "keep_state": False},
        "observables": ["entropy_production_rate", "site_variance"],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def kernel_seconds(folder: Path) -> float:
    """Of all units in a log; the records of a unit share its time."""
    log = PointLog(folder)
    times = {entry.name[:3]: entry.wall_time for entry in log.entries(log.segments(log.models()[0]))}
    return sum(times.values())


def shard(folder: Path, path: Path, n_worker: int) -> tuple[Report, float, float, float]:
    """Of a sweep in this process: what became of it, wall time, time of the work without workers' start, kernel time [s]."""
    results = folder / path.stem
    began = time.perf_counter()
    sweep = Sweep(path)
    with local(n_worker) as run:
        loaded = {process for _, process in run(_load, [(sweep.point_at((0,)).units[0],)] * n_worker)}
        assert len(loaded) == n_worker, "a worker has loaded nothing yet"
        started = time.perf_counter()
        report = run_shard(sweep, sweep.points, results / "points", run)
        ended = time.perf_counter()
    return report, ended - began, ended - started, kernel_seconds(results / "points")


def _load(unit: Unit) -> int:
    """What a worker does once: load libraries and compiled kernels. Which process did it."""
    import zarr  # noqa: F401

    simulate(unit)
    return os.getpid()


def first_result(folder: Path, path: Path) -> float:
    """From a command to the first record on disk [s], kernels compiled."""
    results = folder / "first"
    command = [sys.executable, "-m", "nessmap", "simulate", str(path), "--workers", "2", "--results", str(results)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not list(results.glob("points/*/*/*.zarr.zip")):
            assert process.poll() is None or process.returncode == 0, "nessmap simulate failed"
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def seconds(*command: str) -> float:
    """Least wall time of a command."""
    times = []
    for _ in range(N_IMPORT):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def main(n_worker: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = sweep_file(folder, "warm", 200, 100.0)
        shard(folder, warm, n_worker)  # kernels are compiled, on every worker
        for label, cost, n_point, n_tried, guess in (("1 ms", 1e-3, 20_000, 4000, 8.0), ("2 s", 2.0, 60, 4, 40_000.0)):
            tried = sweep_file(folder, f"tried{n_tried}", n_tried, guess)
            duration = guess * cost * n_tried / shard(folder, tried, n_worker)[-1]
            path = sweep_file(folder, f"points{n_point}", n_point, duration)
            report, whole, work, kernel = shard(folder, path, n_worker)
            assert report.computed == n_point, "points were lost"
            estimated = Sweep(path).point_at((0,)).units[0].seconds
            print(
                f"{n_point} points of {1e3 * kernel / n_point:.2f} ms in kernels ({1e3 * estimated:.2f} ms estimated, so"
                f" {max(1, round(BATCH_SECONDS / estimated))} in a batch), {n_worker} workers: {n_point / work:.0f} points/s,"
                f" {n_point / whole:.0f} with the start of workers; kernels are {kernel / (n_worker * work):.3f} of the time"
                f" of workers [{label}]"
            )
        print(f"first result after {first_result(folder, warm):.2f} s")
    python = sys.executable
    nothing = seconds(python, "-c", "pass")
    for what, words in {
        "import nessmap.workflow (what Snakemake reads)": "import nessmap.workflow",
        "import nessmap.sweep (a plan that is not kept)": "import nessmap.sweep",
        "import nessmap.commands (the command line)": "import nessmap.commands",
    }.items():
        print(f"{what}: {seconds(python, '-c', words) - nothing:.2f} s")
    parse = seconds(python, "-m", "snakemake", "--dry-run", "--quiet", "--config", "small=true", "sweeps=amari_field")
    alone = seconds(python, "-c", "import snakemake.cli")
    print(f"snakemake --dry-run of a sweep: {parse:.2f} s, of which {alone:.2f} s are the import of Snakemake")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
