"""Speed of coupling as a chain of sparse stages against a dense product and transforms by numpy, interleaved on one core.

    python benchmarks/coupling_stages.py

Prints, per field and peer, nanoseconds per site and lane, and the median and range over rounds of the ratio of process CPU
times. All sides multiply the same homogeneous matrix with the same 128 lanes in float64. The transforms run along contiguous
sites, which suits numpy best; nessmap has contiguous lanes. Ours includes the call from Python, which the fields' kernels do
without: 2 us, 1 ns per site and lane on the ring of 16.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from nessmap.kernels.stages import add_product
from nessmap.theory.spatial import PROFILES, signed_distances, summed_over_images
from nessmap.theory.stages import HEIGHT, Stages, of_torus

LANES, SLAB = 128, 32


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Process CPU time of a call."""
    began = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - began) / repeats


def by_nessmap(chain: Stages, x: np.ndarray) -> Callable[[], object]:
    out, work = np.zeros((chain.shape[0], LANES)), np.empty((2, chain.width, SLAB))
    return lambda: add_product(out, x, work, *chain.arrays)


def by_dense_product(grid: np.ndarray, x: np.ndarray) -> Callable[[], object]:
    n, m = grid.shape
    i, j = np.divmod(np.arange(grid.size), m)
    matrix, out = grid[(i[:, None] - i) % n, (j[:, None] - j) % m], np.empty_like(x)
    return lambda: np.matmul(matrix, x, out=out)


def by_transform(grid: np.ndarray, x: np.ndarray) -> Callable[[], object]:
    fields = np.ascontiguousarray(x.T).reshape(LANES, *grid.shape)
    if grid.shape[1] == 1:
        fields, passed, n = fields[:, :, 0], np.fft.rfft(grid[:, 0]), grid.size
        return lambda: np.fft.irfft(np.fft.rfft(fields) * passed, n)
    both = np.fft.rfft2(grid)
    return lambda: np.fft.irfft2(np.fft.rfft2(fields) * both, grid.shape)


def ring(n_site: int, shape: str, width: float) -> np.ndarray:
    """One column of sites; width in sites."""
    profile = PROFILES[shape]
    reach = 2 * width * profile.reach
    return summed_over_images(lambda x: profile.value(x, width, 2 * width, 0.5), n_site, n_site, reach)[:, None]


def kernels() -> dict[str, np.ndarray]:
    """Grids by name: one without any structure, and those that a neural field has."""
    rng, grids = np.random.default_rng(1), {}
    for n in (16, 64, 256, 1024):
        grids[f"ring {n}, any kernel"] = rng.normal(size=(n, 1))
        for width in (1, 4, 16):
            if 16 * width <= n:
                grids[f"ring {n}, Gaussian of {width} sites"] = ring(n, "gaussian", width)
    for n in (16, 32):
        distance = np.hypot.outer(signed_distances(n, n), signed_distances(n, n))
        grids[f"torus {n} x {n}, any kernel"] = rng.normal(size=(n, n))
        grids[f"torus {n} x {n}, exponential of 2 sites"] = np.exp(-distance / 2)
        gaussian = ring(n, "gaussian", 2)
        grids[f"torus {n} x {n}, Gaussian of 2 sites"] = gaussian * gaussian.T
    return grids


def compare(label: str, grid: np.ndarray, rounds: int) -> None:
    """One line: stages, entries per site, our time per site and lane, and the ratio peer / ours for both peers."""
    x, chain = np.random.default_rng(2).normal(size=(grid.size, LANES)), of_torus(grid)
    sides = [by_nessmap(chain, x), by_dense_product(grid, x), by_transform(grid, x)]
    for side in sides:
        side()  # compilation and caches
    repeats = [max(1, round(0.01 / seconds(side, 3))) for side in sides]
    times = np.array([[seconds(side, n) for side, n in zip(sides, repeats, strict=True)] for _ in range(rounds)])
    ratios = times[:, 1:] / times[:, :1]
    own = 1e9 * np.median(times[:, 0]) / x.size
    columns = [f"{np.median(r):6.2f} ({r.min():5.2f} to {r.max():5.2f})" for r in ratios.T]
    entries = HEIGHT * len(chain.column) / grid.size
    print(f"{label:38} {len(chain.stage) - 1:2} {entries:7.1f} {own:7.2f}   {columns[0]}   {columns[1]}", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=7)
    chosen = arguments.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    peers = f"{'numpy matmul / ours':24}   numpy.fft / ours"
    print(f"{'median (range) of ratios':38} {'n':>2} {'entries':>7} {'ns':>7}   {peers}")
    for label, grid in kernels().items():
        compare(label, grid, chosen.rounds)


if __name__ == "__main__":
    main()
