"""Speed of the linear field and of its normals against numpy, interleaved in one process on one core.

    python benchmarks/linear_field.py

Prints, per peer, the median and range over rounds of the ratio of process CPU times. Both sides take the same exact step of
the same field with the same dt, lanes and float64; what each computes besides is said in the table.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from nessmap.kernels.random import standard_normals
from nessmap.models.amari_field import AmariField
from nessmap.protocols import PROTOCOLS
from nessmap.statistics import STATISTICS

LANES, DT = 128, 0.05


def seconds(function: Callable[[], object]) -> float:
    """Process CPU time of a call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def normals_by_nessmap(n_dim: int, n_step: int) -> Callable[[], object]:
    out, key = np.empty((n_dim, LANES)), np.uint64(5)
    return lambda: [standard_normals(out, key, 0, step, 1) for step in range(n_step)]


def normals_by_numpy(n_dim: int, n_step: int) -> Callable[[], object]:
    out, generator = np.empty((n_dim, LANES)), np.random.Generator(np.random.SFC64(1))
    return lambda: [generator.standard_normal(out=out) for _ in range(n_step)]


def field_by_nessmap(model: AmariField, n_step: int, with_statistics: bool) -> Callable[[], object]:
    protocol = PROTOCOLS["stationary"](model, DT, 5, 0, LANES)
    wanted = list(STATISTICS.values()) if with_statistics else []

    def run() -> None:
        state, length = protocol.start(), protocol.steps_per_block(model.n_dim)
        sums = [statistic.zero(model) for statistic in wanted]
        while state.step < n_step:
            state, block = protocol.advance(state, length)
            for statistic, total in zip(wanted, sums, strict=True):
                statistic.accumulate(total, model, block)

    return run


def field_by_numpy(model: AmariField, n_step: int) -> Callable[[], object]:
    keep, turn, partner, kick = model.stepper(DT).coefficients
    generator = np.random.Generator(np.random.SFC64(1))

    def run() -> None:
        x = np.zeros((model.n_dim, LANES))
        for _ in range(n_step):
            x = keep[:, None] * x + turn[:, None] * x[partner] + kick[:, None] * generator.standard_normal(x.shape)

    return run


def compare(label: str, ours: Callable[[], object], peer: Callable[[], object], n_update: int, rounds: int) -> None:
    """One line: rate of ours, and the ratio peer / ours of every round."""
    ours(), peer()  # compilation and caches
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    ratios = [theirs / own for own, theirs in pairs]
    rate = n_update / np.median([own for own, _ in pairs]) / 1e6
    print(f"{label:58} {rate:7.0f} M/s   {np.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--steps", type=int, default=400)
    chosen = arguments.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{'':58} {'ours':>11}   peer's time / ours: median (range)")
    for n_site in (64, 256):
        model = AmariField(n_site=n_site, shift=0.5)
        n_update = n_site * LANES * chosen.steps
        own, peer = normals_by_nessmap(n_site, chosen.steps), normals_by_numpy(n_site, chosen.steps)
        compare(f"normals, {n_site} x {LANES}: numpy SFC64", own, peer, n_update, chosen.rounds)
        peer = field_by_numpy(model, chosen.steps)
        own = field_by_nessmap(model, chosen.steps, with_statistics=False)
        compare(f"field, n = {n_site}, path only: numpy", own, peer, n_update, chosen.rounds)
        own = field_by_nessmap(model, chosen.steps, with_statistics=True)
        compare(f"field, n = {n_site}, ours with all moments, numpy path only", own, peer, n_update, chosen.rounds)


if __name__ == "__main__":
    main()
