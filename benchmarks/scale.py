"""What the bookkeeping of a large sweep costs: planning, writing and scanning the log, an idle rerun, assembling, merging.

    python benchmarks/scale.py [points, default 10000] [units in a segment, default 100]

The records hold noise of the right shapes, so that no time goes into physics. CPU seconds of this process are disturbed little
by other work on the machine; memory is the largest the process had so far.
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import yaml

from nessmap import upkeep
from nessmap.assembly import assemble, write_store
from nessmap.executors import serial
from nessmap.manifests import write_manifest
from nessmap.points import PointLog
from nessmap.shard import run_shard
from nessmap.simulate import RESTART_STATE, Record, Status
from nessmap.statistics import STATISTICS
from nessmap.sweep import Sweep
from nessmap.workflow import workflow_plan


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # kB on Linux
    print(f"{what:44} {time.process_time() - cpu:8.2f} s CPU {time.perf_counter() - wall:8.2f} s wall {peak:6.2f} GB")


def sweep_file(folder: Path, n_point: int) -> Path:
    n = math.isqrt(n_point)
    path = folder / f"scale{n}.yaml"
    content = {
        "model": "amari_field",
        "fixed": {"n_site": 8, "length": 8.0, "kernel_width": 1.2},
        "axes": {"coupling": {"linspace": [0.1, 0.9, n]}, "shift": {"linspace": [0.0, 1.0, n_point // n]}},
        "run": {"dt": 0.05, "duration": 5, "n_replica": 128, "seed": 7, "keep_state": False},
        "observables": ["entropy_production_rate", "site_variance"],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def write_noise(sweep: Sweep, folder: Path, per_segment: int) -> None:
    log, noise = PointLog(folder), np.random.default_rng(0)
    zeros = {name: STATISTICS[name].zero(sweep.points[0].model) for name in sweep.statistics}
    records: list[Record] = []
    for i, point in enumerate(sweep.points, 1):
        for unit in point.units:
            for record_name in unit.record_names():
                if record_name.statistic != RESTART_STATE:
                    array = noise.normal(size=zeros[record_name.statistic].shape)
                    records.append(Record(record_name, Status.ok, array, "e" * 32, 1e-3))
        if i % per_segment == 0 or i == len(sweep.points):
            log.write(sweep.model_class.name, records)
            records = []


def main(n_point: int, per_segment: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        results = Path(name)
        million = sweep_file(results, 1_000_000)
        with timed("plan 1000000 points, cold"):
            workflow_plan(million, False, results / ".plans")
        with timed("plan 1000000 points, kept"):
            workflow_plan(million, False, results / ".plans")
        path = sweep_file(results, n_point)
        sweep = Sweep(path)
        with timed(f"expand {n_point} points"):
            keys = sum(len(point.record_keys()) for point in sweep.points)
        with timed(f"write {keys} records"):
            write_noise(sweep, results / "points", per_segment)
        n_segment = len(PointLog(results / "points").segments(sweep.model_class.name))
        with timed(f"scan {n_segment} segments"):
            PointLog(results / "points").scan(sweep.model_class.name)
        with timed("scan again"):
            PointLog(results / "points").scan(sweep.model_class.name)
        with serial(1) as run, timed(f"idle rerun of {n_point} points, all read"):
            report = run_shard(sweep, sweep.points, results / "points", run)
        command = [sys.executable, "-m", "nessmap", "simulate", str(path), "--results", str(results)]
        with timed("the same by hand, nessmap simulate"):
            subprocess.run([*command, "--executor", "serial"], check=True, stderr=subprocess.DEVNULL)
        manifest = results / "shards" / "0.json"
        write_manifest(manifest, sweep, sweep.points, report)
        with timed(f"assemble {n_point} points"):
            dataset = assemble(sweep, results / "points", [manifest])
        with timed("write points.zarr"):
            write_store(dataset, results / "points.zarr")
        with timed(f"merge {n_segment} segments"):
            before, after = upkeep.compact(results / "points")
        print(f"{before} segments are now {after}")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["10000", "100"][len(sys.argv) - 1 :])))
