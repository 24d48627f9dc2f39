"""Homogeneous matrices in the coordinates of a real Fourier transform, as chains of sparse matrices.

A homogeneous W on a ring of n sites multiplies polynomials modulo X^n - 1, and the Chinese remainder theorem splits them:
X^(rm) - w = prod_j (X^m - w_j) over the r-th roots w_j of w, one radix r at a time, real where w is real, and one of each pair
of conjugate factors. That is a Fourier transform of real data without a separate twiddle stage; its transpose is its inverse
but for a diagonal. docs/theory.md, "Coupling as a chain of stages".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]
Sparse = Any  # scipy.sparse.csr_array, which is loaded late and has no stubs

ROUNDING = 2.0**-53
# of the strongest wave: entries with their own rounding errors hold fainter ones than they mean
_FAINTEST_WAVE = 4 * ROUNDING


def _circle(index: Indices, n: int) -> tuple[Array, Array]:
    """cos and sin of 2 pi index / n; quarter turns are exact."""
    quarter, rest = np.divmod(4 * index, n)
    cosine, sine = np.cos(np.pi / 2 * rest / n), np.sin(np.pi / 2 * rest / n)
    turns = np.stack([cosine, -sine, -cosine, sine])
    return np.choose(quarter % 4, turns), np.choose((quarter + 3) % 4, turns)


def _primes(n: int) -> list[int]:
    """Prime factors, ascending: the large ones next to the diagonal, where they are cheapest to undo."""
    factors, p = [], 2
    while n > 1:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return factors


class _Transform(NamedTuple):
    """Real Fourier transform of n values: coordinate i belongs to the wave 2 pi wave[i] / n."""

    stages: list[Sparse]
    wave: Indices
    partner: Indices  # imaginary part for the real one and the other way round; itself where there is one only
    sign: Array  # -1 real part, 1 imaginary part, 0 the only one
    scale: Array  # squared length of a column, inverted


def _transform(n: int) -> _Transform:
    """Stages that split X^n - 1; a block holds a remainder modulo X^size - exp(2 pi i k size / n)."""
    from scipy.sparse import csr_array

    stages, blocks, size = [], [0], n
    for radix in _primes(n):
        smaller = size // radix
        lane, entries, split = np.arange(smaller), [], []
        n_row = n_column = 0
        for k in blocks:
            real = 2 * k % (n // size) == 0
            for child in k + np.arange(radix) * (n // size):
                if real and 2 * child > n // smaller:
                    continue  # the conjugate of one that is there
                cosine, sine = _circle(child * smaller * np.arange(radix) % n, n)
                small = np.array([cosine, sine]) if real else np.block([[cosine, -sine], [sine, cosine]])
                if 2 * child % (n // smaller) == 0:
                    small = small[:1]
                i, j = np.nonzero(small)
                place = (n_row + i[:, None] * smaller + lane, n_column + j[:, None] * smaller + lane)
                entries.append((np.repeat(small[i, j], smaller), place[0].ravel(), place[1].ravel()))
                n_row += len(small) * smaller
                split.append(int(child))
            n_column += size if real else 2 * size
        values, rows, columns = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        stages.append(csr_array((values, (rows, columns)), shape=(n, n)))
        blocks, size = split, smaller
    parts = np.array([1 if 2 * k % n == 0 else 2 for k in blocks])
    wave, single = np.repeat(blocks, parts), np.repeat(parts == 1, parts)
    imaginary = np.r_[False, wave[1:] == wave[:-1]]
    sign = np.where(single, 0.0, np.where(imaginary, 1.0, -1.0))
    return _Transform(stages, wave, np.arange(n) - sign.astype(np.int64), sign, np.where(single, 1.0, 2.0) / n)


def spectrum(grid: Array) -> Array:
    """Sums of grid cos cos, sin cos, cos sin, sin sin over both axes, (4, n, m); from parts of that parity, so that no
    rounding of one is in another.

    >>> spectrum(np.array([[1.0], [0.5], [0.0], [0.5]]))[0].ravel().tolist()
    [2.0, 1.0, 0.0, 1.0]
    """
    axes = [-np.arange(n) % n for n in grid.shape]
    even, odd = (grid + grid[axes[0]]) / 2, (grid - grid[axes[0]]) / 2
    parts = [(half + sign * half[:, axes[1]]) / 2 for sign in (1, -1) for half in (even, odd)]
    waves = np.fft.fft2(np.array(parts))
    sums = np.stack([waves[0].real, -waves[1].imag, -waves[2].imag, -waves[3].real])
    return np.where(np.abs(sums) > _FAINTEST_WAVE * np.abs(sums).max(), sums, 0.0)


def transformed(grid: Array) -> list[Sparse]:
    """Transform, multiply, transform back: one stage per radix, without the modes that the kernel does not pass."""
    return transformed_blocks(grid[None, None])


def transformed_blocks(grids: Array) -> list[Sparse]:
    """The same of W_(a, s),(b, t) = grids[a, b, s - t]: each population is transformed alone, and a wave meets its own kind."""
    from scipy.sparse import block_array, csr_array, eye_array, kron

    x, y = (_transform(n) for n in grids.shape[2:])
    n, m = grids.shape[2:]
    one = [kron(stage, eye_array(m), "csr") for stage in x.stages]
    one += [kron(eye_array(n), stage, "csr") for stage in y.stages]
    forward, backward = ([kron(eye_array(count), stage, "csr") for stage in one] for count in grids.shape[1::-1])
    # a wave shifted by a quarter turns its real part into its imaginary one
    own, ours = (np.arange(n)[:, None] * m, np.arange(m)), (x.partner[:, None] * m, y.partner)
    columns = [own[0] + own[1], ours[0] + own[1], own[0] + ours[1], ours[0] + ours[1]]
    places = np.tile(np.arange(n * m), 4), np.concatenate([column.ravel() for column in columns])

    def multiplied(grid: Array) -> Sparse:
        waves = spectrum(grid)[:, x.wave[:, None], y.wave] * (x.scale[:, None] * y.scale)
        values = [waves[0], waves[1] * x.sign[:, None], waves[2] * y.sign, waves[3] * x.sign[:, None] * y.sign]
        return csr_array((np.concatenate([v.ravel() for v in values]), places), shape=(n * m, n * m))

    middle = block_array([[multiplied(grid) for grid in row] for row in grids], format="csr")
    middle.eliminate_zeros()
    kept, passed = (np.unique(index) for index in middle.nonzero())
    middle = middle[kept][:, passed]
    for s in reversed(range(len(forward))):
        stage = forward[s][passed]
        passed = np.unique(stage.indices)
        forward[s] = stage[:, passed] if s else stage
    for s in reversed(range(len(backward))):
        stage = backward[s][kept]
        kept = np.unique(stage.indices)
        backward[s] = stage[:, kept] if s else stage
    return [*forward, middle, *(stage.T.tocsr() for stage in reversed(backward))]
