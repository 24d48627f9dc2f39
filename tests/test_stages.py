"""Chains of sparse stages against the matrices they stand for, what they cost, and the kernel against plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.kernels import stages as kernel
from nessmap.kernels.stages import add_product
from nessmap.theory import stages
from nessmap.theory.real_fourier import spectrum as spectrum_of
from nessmap.theory.real_fourier import transformed, transformed_blocks
from nessmap.theory.spatial import PROFILES, circulant, summed_over_images
from nessmap.theory.stages import of_blocks, of_diagonal, of_matrix, of_ring, of_torus

EXAMPLES = settings(max_examples=25, deadline=None)


def torus_matrix(grid):
    """W_(i,j),(k,l) = grid[i - k, j - l], entry by entry."""
    n, m = grid.shape
    i, j = np.divmod(np.arange(n * m), m)
    return grid[(i[:, None] - i) % n, (j[:, None] - j) % m]


def kernel_row(n_site, width, length=None, shape="gaussian"):
    profile = PROFILES[shape]
    length = length or float(n_site)
    return summed_over_images(
        lambda x: profile.value(x, width, 2 * width, 0.5), n_site, length, profile.reach * 2 * width
    )


def assert_is(chain, matrix):
    """Largest error of an entry below 1e-14 sqrt(stages) of the norm: some 50 roundings, which add up in a random walk."""
    depth = len(chain.stage) - 1
    limit = 1e-14 * np.sqrt(depth) * max(np.abs(matrix).max(initial=0.0), np.linalg.norm(matrix) / len(matrix))
    assert chain.matrix().shape == chain.shape == matrix.shape
    assert np.abs(chain.matrix() - matrix).max() <= limit
    assert [array.dtype for array in chain.arrays] == [np.int64] * 3 + [np.float64, np.int64]  # one compiled kernel


def applied(chain, x, n_slab=32):
    out = np.zeros((chain.shape[0], x.shape[1]))
    add_product(out, x, np.full((2, chain.width, n_slab), np.nan), *chain.arrays)
    return out


# --- the matrix


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 8, 12, 15, 17, 30, 36, 62])
def test_a_ring_is_its_circulant_matrix_for_any_number_of_sites(n):
    row = np.random.default_rng(n).normal(size=n)
    assert_is(of_ring(row), circulant(row))


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 122, 128, 243, 256, 360, 512])
def test_a_long_ring_is_its_circulant_matrix(n):
    row = np.random.default_rng(n).normal(size=n)
    chain = of_ring(row)
    assert_is(chain, circulant(row))
    assert chain.cost < 0.75 * n**2  # two rings of half the length, if n has one factor that is not large


@pytest.mark.parametrize(("n", "m"), [(1, 6), (6, 1), (2, 2), (3, 4), (4, 6), (5, 5)])
def test_a_torus_is_its_matrix_for_any_sides(n, m):
    grid = np.random.default_rng(n + m).normal(size=(n, m))
    assert_is(of_torus(grid), torus_matrix(grid))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(8, 8), (16, 16), (12, 20)])
def test_a_large_torus_is_its_matrix(n, m):
    grid = np.random.default_rng(n + m).normal(size=(n, m))
    assert_is(of_torus(grid), torus_matrix(grid))


def block_matrix(grids):
    return np.block([[torus_matrix(grid) for grid in row] for row in grids])


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (2, 2, 4, 4), (2, 1, 6, 1), (1, 3, 2, 5)])
def test_populations_on_one_torus_are_their_matrix(shape):
    rng = np.random.default_rng(sum(shape))
    for grids in (rng.normal(size=shape), np.zeros(shape), rng.normal(size=shape) * (rng.random(shape) < 0.3)):
        assert_is(of_blocks(grids), block_matrix(grids))
        transform = transformed_blocks(grids)
        if grids.any():
            assert_is(stages._packed(stages._merged(transform)), block_matrix(grids))


@pytest.mark.slow
@pytest.mark.parametrize("own", [0.0, 1.0])
def test_what_one_kernel_of_each_source_sends_is_made_once(own):
    """Weights between populations after both kernels: less than four tori; a force with the own site apart costs less, too."""
    row, other = kernel_row(8, 1.0), kernel_row(8, 1.5)
    excitatory, inhibitory = np.outer(row, row), np.outer(other, other)
    grids = np.array([[0.9 * excitatory, -1.2 * inhibitory], [excitatory, -0.5 * inhibitory]])
    grids[[0, 1], [0, 1], 0, 0] *= own
    chain = of_blocks(grids)
    assert_is(chain, block_matrix(grids))
    separate = sum(of_torus(grid).cost for row in grids for grid in row)
    assert chain.cost < 0.7 * separate if own else chain.cost < separate
    assert chain.cost < 0.4 * of_matrix(block_matrix(grids)).cost


@pytest.mark.parametrize("transform", [True, False])
@pytest.mark.parametrize("n", [6, 7, 16, 30])
def test_the_transform_and_its_merged_stages_are_the_matrix_too(n, transform):
    """Few sites make dense rows the cheapest; here the other way is looked at whatever it costs."""
    grid = np.random.default_rng(n).normal(size=(n, 2))
    chain = transformed(grid)
    assert_is(stages._packed(chain if transform else stages._merged(chain)), torus_matrix(grid))


def test_a_transform_of_one_wave_is_that_wave():
    """Row cos(2 pi i q / n): a projector on cos and sin of wave q, n/2 times, with two coordinates in between."""
    n = 32
    chain = stages._packed(stages._merged(transformed(np.cos(2 * np.pi * 3 * np.arange(n) / n)[:, None])))
    assert chain.width == stages.HEIGHT  # the two, filled up
    wave = np.exp(2j * np.pi * 3 * np.arange(n) / n)
    np.testing.assert_allclose(chain.matrix(), np.outer(wave, wave.conj()).real, atol=1e-14)


@EXAMPLES
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_matrix_is_itself_whatever_its_zeros(n_out, n_in, seed, filled):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_out, n_in)) * (rng.random((n_out, n_in)) < filled)
    assert_is(of_matrix(matrix), matrix)


def test_a_product_of_thin_matrices_is_stored_as_such():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(90, 3)) @ rng.normal(size=(3, 70))
    matrix[7], matrix[:, 5] = 0.0, 0.0
    chain = of_matrix(matrix)
    assert_is(chain, matrix)
    assert len(chain.stage) == 3
    assert not chain.matrix()[7].any()
    assert not chain.matrix()[:, 5].any()


def test_a_diagonal_is_itself():
    values = np.array([1.0, 0.0, -2.0, 1e-300, 5.0])
    assert np.array_equal(of_diagonal(values).matrix(), np.diag(values))


@pytest.mark.parametrize("chain", [of_matrix(np.zeros((5, 3))), of_ring(np.zeros(6)), of_torus(np.zeros((4, 3)))])
def test_zero_is_no_entry_and_changes_nothing(chain):
    assert chain.value.size == chain.cost == chain.width == 0
    assert not chain.matrix().any()
    assert not applied(chain, np.ones((chain.shape[1], 16))).any()


def test_rows_of_zeros_are_exactly_zero_and_cost_nothing():
    matrix = np.random.default_rng(2).normal(size=(12, 12))
    full = of_matrix(matrix).cost
    matrix[[1, 2, 5, 9]] = 0.0
    chain = of_matrix(matrix)
    assert not chain.matrix()[[1, 2, 5, 9]].any()
    assert chain.cost == full * 2 // 3


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.7, 2.0, 6.0])
@pytest.mark.parametrize("shape", ["gaussian", "exponential", "difference_of_gaussians"])
def test_symmetric_coupling_stays_symmetric(shape, width):
    row = kernel_row(48, width, shape=shape)
    for matrix in (of_ring(row).matrix(), of_torus(np.outer(row[::6], row[::6])).matrix()):
        assert np.abs(matrix - matrix.T).max() <= 1e-15 * np.abs(matrix).max()


def test_even_coupling_shifts_no_wave():
    """An imaginary part of the spectrum, even one of rounding, would be a current where there is none."""
    row = kernel_row(48, 3.0)
    spectrum = spectrum_of(np.outer(row, row))
    assert spectrum[0].any()
    assert not spectrum[1:].any()


@pytest.mark.parametrize(
    "construct", [of_matrix, of_torus, lambda grid: of_ring(grid[0]), lambda grid: of_diagonal(grid[0])]
)
def test_a_coupling_that_is_no_number_is_refused(construct):
    with pytest.raises(ValueError, match=r"coupling: nan at \(.*1.*\), expected a finite number"):
        construct(np.array([[1.0, np.nan], [0.0, 1.0]]))


# --- the cost


def test_the_cost_counts_entries_and_groups():
    chain = of_matrix(np.ones((8, 8)) + np.eye(8))
    assert chain.cost == 64 + 2 * stages.GROUP_COST


def test_rows_that_share_columns_share_a_group_wherever_they_stand():
    matrix = np.zeros((16, 16))
    for remainder in range(4):
        matrix[np.ix_(range(remainder, 16, 4), range(remainder, 16, 4))] = np.random.default_rng(3).normal(size=(4, 4))
    chain = of_matrix(matrix)
    assert chain.value.size == np.count_nonzero(matrix)
    assert np.array_equal(chain.matrix(), matrix)


@pytest.mark.parametrize(
    ("row", "n_stage"),
    [
        (kernel_row(64, 0.5), 1),  # a band of 9 sites
        (np.cos(2 * np.pi * np.arange(48) / 48), 2),  # one wave: two thin products
        (np.eye(64)[3], 1),  # a shift
    ],
    ids=["narrow", "one wave", "shift"],
)
def test_the_number_of_stages_follows_the_kernel(row, n_stage):
    chain = of_ring(row)
    assert len(chain.stage) - 1 == n_stage
    assert_is(chain, circulant(row))
    assert chain.cost <= of_matrix(circulant(row)).cost


@pytest.mark.slow
def test_a_wide_kernel_is_transformed_and_its_short_waves_are_left_out():
    wide, rough = of_ring(kernel_row(256, 20.0)), of_ring(np.random.default_rng(4).normal(size=256))
    assert_is(wide, circulant(kernel_row(256, 20.0)))
    assert wide.cost < 0.75 * rough.cost < 0.25 * 256**2
    assert np.diff(wide.stage).min() < np.diff(rough.stage).min()


@pytest.mark.slow
def test_no_other_construction_is_cheaper():
    rng = np.random.default_rng(5)
    row = kernel_row(12, 1.0)
    for grid in (rng.normal(size=(12, 12)), np.outer(row, row), np.eye(12), np.add.outer(row, row), np.ones((12, 12))):
        chain = of_torus(grid)
        left, size, right = np.linalg.svd(grid)
        rank = int(np.sum(size > 1e-14 * size[0]))
        others = [[stages._circulant(grid)], stages._merged(transformed(grid)), transformed(grid)]
        others.append(stages._separated(left[:, :rank] * size[:rank], right[:rank].T))
        assert chain.cost <= min(stages._packed(other).cost for other in others)
        assert chain.cost <= of_matrix(torus_matrix(grid)).cost
        assert_is(chain, torus_matrix(grid))


@pytest.mark.slow
def test_no_way_of_merging_neighbours_is_cheaper_than_the_one_found():
    chain = transformed(np.random.default_rng(6).normal(size=(24, 1)))
    found = stages._packed(stages._merged(chain)).cost
    for cuts in range(2 ** (len(chain) - 1)):
        products = [chain[0]]
        for s, stage in enumerate(chain[1:]):
            products = [*products, stage] if cuts >> s & 1 else [*products[:-1], stage @ products[-1]]
        assert found <= stages._packed(products).cost


# --- the kernel

CHAINS = {
    "dense": lambda: of_matrix(np.random.default_rng(7).normal(size=(9, 14))),
    "thin": lambda: of_matrix(np.outer(np.arange(33.0), np.ones(21))),
    "transformed": lambda: stages._packed(transformed(np.random.default_rng(8).normal(size=(30, 1)))),
    "populations": lambda: of_blocks(np.random.default_rng(9).normal(size=(2, 2, 5, 4))),
    "separable": lambda: stages._packed(stages._separated(np.ones((5, 2)), np.eye(7)[:, :2])),
}


@pytest.mark.parametrize("n_lane", [1, 16, 40, 128])
@pytest.mark.parametrize("name", CHAINS)
def test_the_kernel_adds_the_product_of_the_stages(name, n_lane):
    chain = CHAINS[name]()
    rng = np.random.default_rng(9)
    x, before = rng.normal(size=(chain.shape[1], n_lane)), rng.normal(size=(chain.shape[0], n_lane))
    out = before.copy()
    add_product(out, x, np.full((2, chain.width, 32), np.nan), *chain.arrays)
    scale = (np.abs(chain.matrix()) @ np.abs(x)).max() + np.abs(before).max()
    # two orders of the same sums: one rounding for each of up to 33 terms in each stage
    np.testing.assert_allclose(out, before + chain.matrix() @ x, atol=1e-14 * np.sqrt(len(chain.stage)) * scale)


@pytest.mark.parametrize("name", CHAINS)
def test_a_lane_is_the_same_to_the_last_bit_in_any_company(name):
    chain = CHAINS[name]()
    x = np.random.default_rng(10).normal(size=(chain.shape[1], 128))
    whole = applied(chain, x)
    for lanes, n_slab in ((slice(0, 128), 128), (slice(3, 4), 32), (slice(17, 90), 8), (slice(0, 40), 40)):
        assert np.array_equal(applied(chain, np.ascontiguousarray(x[:, lanes]), n_slab), whole[:, lanes])


def test_the_rows_of_a_group_are_the_same_number_wherever_it_is_written():
    assert stages.HEIGHT == kernel.HEIGHT


def test_a_lane_that_failed_fails_alone_and_stays_visible():
    chain = CHAINS["transformed"]()
    x = np.ones((30, 40))
    x[4, 7], x[5, 35] = np.nan, np.inf
    failed = ~np.isfinite(applied(chain, x))
    assert failed[:, [7, 35]].all()
    assert not failed[:, [i for i in range(40) if i not in (7, 35)]].any()
