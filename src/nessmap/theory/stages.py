"""Matrices as chains of sparse stages, W = S_n ... S_1, chosen by what their product with many lanes costs.

Dense, banded, of low rank, separable or homogeneous: each is a product of sparse real matrices, and one kernel,
nessmap.kernels.stages, applies them all. Rows are stored in groups of four that share their columns, because a group loads a
lane once for four rows; zeros fill up what the four do not have in common.

Homogeneous matrices, on a ring, on a torus or between populations there, are also transformed, multiplied and transformed
back; nessmap.theory.real_fourier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nessmap.theory.real_fourier import ROUNDING, Array, Indices, Sparse, transformed, transformed_blocks

HEIGHT = 4  # rows of a group
GROUP_COST = 16  # entries; what starting a group and storing its rows takes
LARGEST_SVD = 600
_ONE_KERNEL = 32 * ROUNDING  # of its maximum: what kernels that were multiplied by weights may differ by
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


def of_blocks(grids: Array) -> Stages:
    """W_(a, s),(b, t) = grids[a, b, s - t], populations a, b on one torus: cheapest of rows, transform and what each b sends.

    grids (n_target, n_source, n, m). Where a source reaches all targets through one kernel and differs in weight alone, the
    kernels of the sources come first, each as its own cheapest chain, and the weights between populations last.

    >>> of_blocks(np.array([[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]])).matrix().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    from scipy.sparse import block_array, csr_array

    _require_finite(grids)
    n_target, n_source, n_place = *grids.shape[:2], int(np.prod(grids.shape[2:]))
    if not grids.any():
        return _packed([csr_array((n_target * n_place, n_source * n_place))])
    strongest = np.abs(grids).max(axis=(1, 2, 3), keepdims=True)
    kept = np.where(np.abs(grids) > ROUNDING * strongest, grids, 0.0)
    n_entry = np.count_nonzero(kept)
    local = n_entry <= n_target * n_source  # as many as weights between populations: nothing is cheaper
    chains = [] if local else [_merged(transformed_blocks(grids)), *_sent(grids)]
    # no matrix is built that stores more than the cheapest chain so far costs
    if local or n_place * n_entry < min(map(_cost, chains)):
        chains.insert(0, [block_array([[_circulant(grid) for grid in row] for row in kept], format="csr")])
    return _packed(min(chains, key=_cost))


def _sent(grids: Array) -> list[list[Sparse]]:
    """The chain of one kernel for each source, then weights; none where a source has more than one kernel."""
    from scipy.sparse import block_diag, csr_array, eye_array, kron

    weights, parts = np.zeros(grids.shape[:2]), []
    for source in range(grids.shape[1]):
        columns = grids[:, source].reshape(len(grids), -1)
        target, place = np.unravel_index(np.abs(columns).argmax(), columns.shape)
        first = columns[target]
        weights[:, source] = columns[:, place] / (first[place] or 1.0)
        if np.abs(columns - np.outer(weights[:, source], first)).max() > _ONE_KERNEL * np.abs(first[place]):
            return []
        parts.append(_homogeneous(first.reshape(grids.shape[2:])))
    one = eye_array(grids[0, 0].size)
    longest = max(map(len, parts))
    parts = [[*part, *[one.tocsr()] * (longest - len(part))] for part in parts]
    together = [csr_array(block_diag(stages, format="csr")) for stages in zip(*parts, strict=True)]
    return [_merged([*together, kron(weights, one, "csr")])]


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
    best = _merged(transformed(grid))
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
