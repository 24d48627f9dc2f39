"""Matrices as chains of sparse stages, W = S_n ... S_1, chosen by what their product with many lanes costs.

Dense, banded, of low rank, separable or homogeneous: each is a product of sparse real matrices, and one kernel,
nessmap.kernels.stages, applies them all. Rows are stored in groups of four that share their columns, because a group loads a
lane once for four rows; zeros fill up what the four do not have in common.

A homogeneous W on a ring of n sites multiplies polynomials modulo X^n - 1, and the Chinese remainder theorem splits them:
X^(rm) - w = prod_j (X^m - w_j) over the r-th roots w_j of w, one radix r at a time, real where w is real, and one of each pair
of conjugate factors. That is a Fourier transform of real data without a separate twiddle stage; its transpose is its inverse
but for a diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]
Sparse = Any  # scipy.sparse.csr_array, which is loaded late and has no stubs

HEIGHT = 4  # rows of a group
GROUP_COST = 16  # entries; what starting a group and storing its rows takes
ROUNDING = 2.0**-53
LARGEST_SVD = 600
_FAINTEST_WAVE = (
    4 * ROUNDING
)  # of the strongest one: entries with their own rounding errors hold fainter ones than they mean
_SLACK = 1.5  # the search gives up on longer mergers where one costs this much more than its separate stages


class Stages(NamedTuple):
    """A chain of sparse stages; stage s reads the rows that stage s - 1 wrote, and the last one adds to the result."""

    stage: Indices  # (n_stage + 1,): groups stage[s] .. stage[s + 1] are stage s
    pointer: Indices  # (n_group + 1,): entries pointer[g] .. pointer[g + 1] are group g
    column: Indices  # (n_entry,): row of the input that an entry reads
    value: Array  # (n_entry, 4): its weight in each row of the group
    row: Indices  # (4 n_group,): rows of the output; spare rows of a group weigh 0, and repeat a row in the last stage
    shape: tuple[int, int]

    @property
    def arrays(self) -> tuple[Indices, Indices, Indices, Array, Indices]:
        """What nessmap.kernels.stages.add_product takes after out, x and work."""
        return self.stage, self.pointer, self.column, self.value, self.row

    @property
    def cost(self) -> int:
        """Stored entries, and what each group costs besides, in entries."""
        return self.value.size + GROUP_COST * (len(self.pointer) - 1)

    @property
    def width(self) -> int:
        """Rows of the largest intermediate result."""
        return HEIGHT * int(np.diff(self.stage)[:-1].max(initial=0))

    def matrix(self) -> Array:
        """The stages multiplied out, (n_out, n_in)."""
        product = np.eye(self.shape[1])
        for s in range(len(self.stage) - 1):
            first, last = self.stage[s], self.stage[s + 1]
            n_row = self.shape[0] if s == len(self.stage) - 2 else HEIGHT * (last - first)
            out = np.zeros((n_row, self.shape[1]))
            for g in range(first, last):
                entries = slice(self.pointer[g], self.pointer[g + 1])
                rows = self.row[HEIGHT * g : HEIGHT * (g + 1)]
                np.add.at(out, rows, self.value[entries].T @ product[self.column[entries]])
            product = out
        return product


def of_matrix(matrix: Array) -> Stages:
    """Cheapest of dense or sparse rows and, up to n = 600, two products with the singular vectors.

    Dropped are entries below 2^-53 of the largest in their row and singular values below 2^-53 n of the largest. A row or
    column of zeros stays exactly zero.

    >>> of_matrix(np.outer([1.0, 2.0], [3.0, 4.0])).matrix().tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    from scipy.sparse import csr_array

    _require_finite(matrix)
    limit = ROUNDING * np.abs(matrix).max(axis=1, initial=0.0, keepdims=True)
    rows = csr_array(np.where(np.abs(matrix) > limit, matrix, 0.0))
    chains = [[rows]]
    if 0 < max(matrix.shape) <= LARGEST_SVD and rows.nnz:
        left, size, right = np.linalg.svd(matrix, full_matrices=False)
        rank = int(np.sum(size > ROUNDING * max(matrix.shape) * size[0]))
        if rank * sum(matrix.shape) < rows.nnz:
            left, right = left[:, :rank] * size[:rank], right[:rank]
            left[np.abs(matrix).max(axis=1) == 0.0] = 0.0
            right[:, np.abs(matrix).max(axis=0) == 0.0] = 0.0
            chains.append([csr_array(right), csr_array(left)])
    return _packed(min(chains, key=_cost))


def scaled(stages: Stages, factor: float) -> Stages:
    """The same chain times a number.

    >>> scaled(of_diagonal(np.array([2.0, 3.0])), 2.0).matrix().tolist()
    [[4.0, 0.0], [0.0, 6.0]]
    """
    value = stages.value.copy()
    value[stages.pointer[stages.stage[-2]] :] *= factor
    return stages._replace(value=value)


def of_diagonal(values: Array) -> Stages:
    """One stage, W = diag(values).

    >>> of_diagonal(np.array([2.0, 3.0])).matrix().tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    from scipy.sparse import diags_array

    _require_finite(values)
    return _packed([diags_array(values).tocsr()])


def of_ring(row: Array) -> Stages:
    """W_ij = row[(i - j) mod n]: cheapest of its rows and of a Fourier transform without the waves below rounding.

    >>> of_ring(np.array([1.0, 2.0, 3.0])).matrix().round(14).tolist()
    [[1.0, 3.0, 2.0], [2.0, 1.0, 3.0], [3.0, 2.0, 1.0]]
    """
    return of_torus(row[:, None])


def of_torus(grid: Array) -> Stages:
    """W_(i,j),(k,l) = grid[(i - k) mod n, (j - l) mod m], site = i m + j: cheapest of rows, separable sum and transform.

    Separable: grid = sum_r a_r(i) b_r(j), as many terms as there are singular values above rounding. Neighbouring stages of
    the transform are multiplied together where that is cheaper: few modes become two thin products, and the innermost stages
    dense blocks.

    >>> of_torus(np.array([[1.0, 2.0]])).matrix().tolist()
    [[1.0, 2.0], [2.0, 1.0]]
    """
    _require_finite(grid)
    return _packed(_homogeneous(grid))


def _require_finite(coupling: Array) -> None:
    if not np.isfinite(coupling).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(coupling))[0])
        raise ValueError(f"coupling: {coupling[place]} at {place}, expected a finite number")


def _homogeneous(grid: Array) -> list[Sparse]:
    """Cheapest chain of a homogeneous matrix on a torus; a ring is a torus of one column."""
    from scipy.sparse import csr_array

    largest = np.abs(grid).max(initial=0.0)
    if largest == 0.0:
        return [csr_array((grid.size, grid.size))]
    best = _merged(_transformed(grid))
    kept = _without_rounding(grid)
    # no matrix is built that stores more than the cheapest chain so far costs
    if grid.size * np.count_nonzero(kept) < _cost(best):
        best = min(
            [_circulant(kept)], best, key=_cost
        )  # its own entries rather than a product equal to it up to rounding
    if min(grid.shape) == 1:
        return best
    left, size, right = np.linalg.svd(grid, full_matrices=False)
    rank = int(np.sum(size > ROUNDING * max(grid.shape) * size[0]))
    left, right = _without_rounding(left[:, :rank]) * size[:rank], _without_rounding(right[:rank].T)
    if rank > 1 and grid.size * (np.count_nonzero(left) + np.count_nonzero(right)) >= _cost(best):
        return best
    return min(best, _separated(left, right), key=_cost)


def _separated(left: Array, right: Array) -> list[Sparse]:
    """Chain of the grid left right^T: every term is a ring of columns times a ring of rows."""
    from scipy.sparse import eye_array, hstack, kron, vstack

    n, m = eye_array(len(left)), eye_array(len(right))
    if left.shape[1] == 1:
        return [kron(n, stage, "csr") for stage in _homogeneous(right)] + [
            kron(stage, m, "csr") for stage in _homogeneous(left)
        ]
    first = vstack([kron(n, _circulant(column[:, None])) for column in right.T], "csr")
    return [first, hstack([kron(_circulant(column[:, None]), m) for column in left.T], "csr")]


def _without_rounding(columns: Array) -> Array:
    return np.where(np.abs(columns) > ROUNDING * np.abs(columns).max(), columns, 0.0)


def _circulant(grid: Array) -> Sparse:
    from scipy.sparse import csr_array

    i, j = np.nonzero(grid)
    site_i, site_j = np.divmod(np.arange(grid.size), grid.shape[1])
    target = (site_i[:, None] + i) % grid.shape[0] * grid.shape[1] + (site_j[:, None] + j) % grid.shape[1]
    source = np.repeat(np.arange(grid.size), len(i))
    values = np.tile(grid[i, j], grid.size)
    return csr_array((values, (target.ravel(), source)), shape=(grid.size, grid.size))


# --- Fourier transforms of real data


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


def _spectrum(grid: Array) -> Array:
    """Sums of grid cos cos, sin cos, cos sin, sin sin over both axes, (4, n, m); from parts of that parity, so that no
    rounding of one is in another."""
    axes = [-np.arange(n) % n for n in grid.shape]
    even, odd = (grid + grid[axes[0]]) / 2, (grid - grid[axes[0]]) / 2
    parts = [(half + sign * half[:, axes[1]]) / 2 for sign in (1, -1) for half in (even, odd)]
    waves = np.fft.fft2(np.array(parts))
    spectrum = np.stack([waves[0].real, -waves[1].imag, -waves[2].imag, -waves[3].real])
    return np.where(np.abs(spectrum) > _FAINTEST_WAVE * np.abs(spectrum).max(), spectrum, 0.0)


def _transformed(grid: Array) -> list[Sparse]:
    """Transform, multiply, transform back: one stage per radix, without the modes that the kernel does not pass."""
    from scipy.sparse import csr_array, eye_array, kron

    x, y = (_transform(n) for n in grid.shape)
    n, m = grid.shape
    forward = [kron(stage, eye_array(m), "csr") for stage in x.stages]
    forward += [kron(eye_array(n), stage, "csr") for stage in y.stages]
    spectrum = _spectrum(grid)[:, x.wave[:, None], y.wave] * (x.scale[:, None] * y.scale)
    # a wave shifted by a quarter turns its real part into its imaginary one
    values = [spectrum[0], spectrum[1] * x.sign[:, None], spectrum[2] * y.sign, spectrum[3] * x.sign[:, None] * y.sign]
    own, ours = (np.arange(n)[:, None] * m, np.arange(m)), (x.partner[:, None] * m, y.partner)
    columns = [own[0] + own[1], ours[0] + own[1], own[0] + ours[1], ours[0] + ours[1]]
    flat, places = np.concatenate([v.ravel() for v in values]), np.concatenate([c.ravel() for c in columns])
    middle = csr_array((flat, (np.tile(np.arange(n * m), 4), places)), shape=(n * m, n * m))
    middle.eliminate_zeros()
    passed = np.unique(np.concatenate([middle.nonzero()[0], middle.nonzero()[1]]))
    middle = middle[passed][:, passed]
    for s in reversed(range(len(forward))):
        stage = forward[s][passed]
        passed = np.unique(stage.indices)
        forward[s] = stage[:, passed] if s else stage
    return [*forward, middle, *(stage.T.tocsr() for stage in reversed(forward))]


# --- cost and storage


def _grouped(matrix: Sparse) -> tuple[Indices, int]:
    """Slot of each row (four slots are a group) and the cost: rows that are linked by shared columns go next to each other."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n_row, n_column = matrix.shape
    # a graph of rows and columns, whose matrix has the rows of ours first and nothing in the rows of columns
    ends = np.r_[matrix.indptr, np.full(n_column, matrix.indptr[-1])]
    links = csr_array((np.ones(matrix.nnz, np.int8), matrix.indices + n_row, ends), shape=(n_row + n_column,) * 2)
    label = connected_components(links, directed=False)[1][:n_row]
    filled = np.diff(matrix.indptr) > 0
    order = np.lexsort((np.arange(len(label)), label, ~filled))  # rows of zeros last, in no group
    sorted_label = label[order]
    begins = np.flatnonzero(np.r_[True, sorted_label[1:] != sorted_label[:-1]])
    length = np.diff(np.r_[begins, len(order)])
    padded = -(-length // HEIGHT) * HEIGHT
    shift = np.repeat(np.cumsum(padded) - padded - begins, length)
    candidates = []
    for position in (
        np.arange(n_row),
        np.arange(n_row) + shift,
    ):  # one component after the other, or each from a new group
        slot = np.empty_like(order)
        slot[order] = position
        stored = np.zeros((int(position.max(initial=0)) // HEIGHT + 1, n_column), bool)
        stored[np.repeat(slot // HEIGHT, np.diff(matrix.indptr)), matrix.indices] = True
        cost = HEIGHT * np.count_nonzero(stored) + GROUP_COST * np.count_nonzero(stored.any(axis=1))
        candidates.append((slot, int(cost)))
    return min(candidates, key=lambda candidate: candidate[1])


def _cost(chain: Sequence[Sparse]) -> int:
    return sum(_grouped(matrix)[1] for matrix in chain)


def _merged(chain: list[Sparse]) -> list[Sparse]:
    """Neighbours multiplied together where that lowers the cost: the cheapest way to cut the chain into products."""
    single = [_grouped(matrix)[1] for matrix in chain]
    best: list[tuple[float, list[Sparse]]] = [(0.0, [])] + [(np.inf, [])] * len(chain)
    for first in range(len(chain)):
        separate = np.cumsum(single[first:])
        # few modes: a long merger is thin, though one that ends earlier is not
        thin = np.array([matrix.shape[0] * chain[first].shape[1] for matrix in chain[first:]]) <= separate
        product = None
        for last in range(first, len(chain)):
            product = chain[last] if product is None else chain[last] @ product
            cost = _grouped(product)[1]
            if best[first][0] + cost < best[last + 1][0]:
                best[last + 1] = best[first][0] + cost, [*best[first][1], product]
            if cost > _SLACK * separate[last - first] and not thin[last - first + 1 :].any():
                break
    return best[-1][1]


def _packed(chain: Sequence[Sparse]) -> Stages:
    """Groups of four rows; intermediate rows are put in the order in which the groups write them."""
    stage, pointers, columns, values, rows = [0], [np.zeros(1, np.int64)], [], [], []
    order = np.arange(chain[0].shape[1])
    for s, matrix in enumerate(chain):
        slot, _ = _grouped(matrix)
        count = np.diff(matrix.indptr)
        filled = np.flatnonzero(count)
        groups, group = np.unique(slot[filled] // HEIGHT, return_inverse=True)
        place = np.zeros(matrix.shape[0], np.int64)
        place[filled] = HEIGHT * group + slot[filled] % HEIGHT
        target = np.full(HEIGHT * len(groups), -1)
        target[place[filled]] = filled
        target = np.where(target < 0, np.repeat(target.reshape(-1, HEIGHT).max(axis=1), HEIGHT), target)
        own, n_source = np.repeat(place, count), int(order.max()) + 1
        stored, entry = np.unique(own // HEIGHT * n_source + order[matrix.indices], return_inverse=True)
        value = np.zeros((len(stored), HEIGHT))
        value[entry, own % HEIGHT] = matrix.data
        pointers.append(pointers[-1][-1:] + np.searchsorted(stored // n_source, np.arange(len(groups)), side="right"))
        columns.append(stored % n_source)
        values.append(value)
        rows.append(target if s == len(chain) - 1 else np.arange(len(target)))
        stage.append(stage[-1] + len(groups))
        order = place
    pointer, column, row = (np.concatenate(parts) for parts in (pointers, columns, rows))
    shape = (chain[-1].shape[0], chain[0].shape[1])
    return Stages(np.array(stage), pointer, column, np.concatenate(values), row, shape)
