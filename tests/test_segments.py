"""Statistics that look further than a block: segments are pieces of the trajectory, and longer runs give the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.model import Block, Run
from nessmap.models.amari_field import AmariField
from nessmap.models.heterogeneous_field import HeterogeneousField
from nessmap.protocols import PROTOCOLS
from nessmap.protocols.protocol import _BLOCK_LENGTHS
from nessmap.simulate import Segments, simulate
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.theory import gaussian
from sampling import trajectory

OF_WINDOWS = [name for name, statistic in STATISTICS.items() if statistic.segment]
RING = AmariField(n_site=8, length=8.0, kernel_width=1.2, shift=0.7)


def block_lengths(length):
    """Lengths of blocks that fill a segment."""
    cuts = st.lists(st.integers(1, length - 1), max_size=length - 1, unique=True).map(sorted)
    return cuts.map(lambda inner: np.diff([0, *inner, length]).tolist())


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(block_lengths(n), min_size=1, max_size=4))))
def test_segments_are_the_pieces_of_one_long_block_whatever_the_blocks(drawn):
    length, segments = drawn
    n_step = length * len(segments)
    x = np.random.default_rng(n_step).normal(size=(n_step + 1, 2, 3))
    gathered, step, pieces = Segments(length), 0, []
    for n in (n for lengths in segments for n in lengths):
        # blocks share their last and first step, and their array is used again
        piece = gathered.add(Block(step, Run(0.1), x[step : step + n + 1].copy()))
        step += n
        if piece is not None:
            pieces.append((piece.step, piece.x.copy()))
        else:
            assert step % length
    assert [first for first, _ in pieces] == [length * i for i in range(len(segments))]
    for first, piece in pieces:
        np.testing.assert_array_equal(piece, x[first : first + length + 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.sampled_from([1, 2, 5, 10, 20, 50, 100]))
def test_segments_go_on_where_a_run_was_taken_up(n_before, block_length):
    """A run that is prolonged starts at a whole segment, with a fresh gatherer."""
    length = 100
    x = np.random.default_rng(n_before).normal(size=(length + 1, 1, 2))
    gathered = Segments(length)
    found = [
        gathered.add(Block(length * n_before + n, Run(0.1), x[n : n + block_length + 1]))
        for n in range(0, length, block_length)
    ]
    assert all(piece is None for piece in found[:-1])
    assert found[-1].step == length * n_before
    np.testing.assert_array_equal(found[-1].x, x)


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_blocks_fill_segments_or_are_whole_ones(name):
    segment = STATISTICS[name].segment
    assert all(segment % length == 0 or length % segment == 0 for length in _BLOCK_LENGTHS)


@pytest.mark.parametrize("model", [RING, HeterogeneousField(n_site=6, length=3.0, shift=0.4)], ids=lambda m: m.name)
def test_window_sums_are_the_entropy_along_each_lane_and_its_square(model):
    """M_a-weighted increments of a whole window against the matrix, lane by lane."""
    statistic = STATISTICS["path_entropy_windows"]
    block, sums = trajectory(model, statistic.segment), statistic.zero(model)
    statistic.accumulate(sums, model, block)
    force = gaussian.antisymmetric_force(model.linear_drift, model.linear_diffusion)
    along = np.einsum("nil,ij,njl->l", block.x[1:], force, block.x[:-1])
    groups = [along[np.arange(128) % N_GROUP == g] for g in range(N_GROUP)]
    scale = 1e-12 * np.abs(along).max() * statistic.segment  # rounding of terms that cancel
    np.testing.assert_allclose(sums[0], [group.sum() for group in groups], rtol=1e-10, atol=scale)
    np.testing.assert_allclose(sums[1], [(group**2).sum() for group in groups], rtol=1e-10, atol=scale**2)


def test_periodogram_is_the_sum_over_times_that_it_claims_to_be():
    """Without a fast transform, for a wave and for the uniform mode."""
    statistic, dt = STATISTICS["periodogram"], 0.05
    block, sums = trajectory(RING, statistic.segment, dt=dt), statistic.zero(RING)
    statistic.accumulate(sums, RING, block)
    rows = sums.reshape(len(RING.modes.decay), -1, N_GROUP)
    n = np.arange(statistic.segment)
    window = np.sin(np.pi * n / statistic.segment) ** 2
    modes = {0: block.x[:-1, 0], 2: (block.x[:-1, 3] - 1j * block.x[:-1, 4]) / np.sqrt(2)}
    for mode, wave in modes.items():
        for place in (0, 33, 40, 47, 80):
            phase = np.exp(1j * statistic.frequencies(dt)[place] * n * dt)
            power = np.abs(np.einsum("n,n,nl->l", window, phase, wave)) ** 2
            groups = [power[np.arange(128) % N_GROUP == g].sum() for g in range(N_GROUP)]
            # rounding of 200 terms, relative to the largest power of this mode
            np.testing.assert_allclose(rows[mode, place], groups, rtol=1e-9, atol=1e-13 * rows[mode].max())


def test_a_wave_to_the_right_shows_at_its_own_frequency():
    """u = cos(k x - w t): the unitary mode q turns as exp(-i w t) and is found at +w."""
    statistic, dt, mode = STATISTICS["periodogram"], 0.05, 2
    frequency = statistic.frequencies(dt)[40 + 7]
    times = np.arange(statistic.segment + 1) * dt
    site = 2 * np.pi * mode * np.arange(8) / 8
    field = np.cos(site[:, None] - frequency * times)
    basis = RING.to_sites(np.eye(8))
    x = np.repeat((basis.T @ field).T[:, :, None], 16, axis=2)
    sums = statistic.zero(RING)
    statistic.accumulate(sums, RING, Block(0, Run(dt), x))
    rows = sums.reshape(len(RING.modes.decay), -1, N_GROUP)[:, :, 0]
    assert np.unravel_index(rows.argmax(), rows.shape) == (mode, 40 + 7)


# --- the same bits

BOUND = {"observables": ["entropy_production_bound", "site_variance"]}
SPECTRUM = {"observables": ["power_spectrum", "site_variance"]}


@pytest.fixture
def taken_up(monkeypatch):
    """Steps from which units went on, in the order in which they ran."""
    starts = []

    def watched(unit, restart=None):
        starts.append(restart.state.step if restart else 0)
        return simulate(unit, restart)

    monkeypatch.setattr("nessmap.shard.simulate", watched)
    return starts


def test_a_longer_run_with_windows_goes_on_and_equals_a_fresh_one(sweep_file, run_sweep, fresh, taken_up):
    """100 steps are one window of 100."""
    run_sweep(sweep_file(**BOUND))
    taken_up.clear()
    outcome = run_sweep(sweep_file(run={"duration": 15}, **BOUND))
    assert set(taken_up) == {100}
    assert outcome.digest == fresh(run={"duration": 15}, **BOUND).digest


def test_a_run_that_stopped_within_a_segment_starts_afresh_and_is_the_same(sweep_file, run_sweep, fresh, taken_up):
    """250 steps are one periodogram of 200 and a quarter of the next, which is not kept; 400 are two."""
    run_sweep(sweep_file(run={"duration": 12.5}, **SPECTRUM))
    taken_up.clear()
    outcome = run_sweep(sweep_file(run={"duration": 20}, **SPECTRUM))
    assert set(taken_up) == {0}
    assert outcome.digest == fresh(run={"duration": 20}, **SPECTRUM).digest
    taken_up.clear()
    longer = run_sweep(sweep_file(run={"duration": 30}, **SPECTRUM))
    assert set(taken_up) == {400}
    assert longer.digest == fresh(run={"duration": 30}, **SPECTRUM).digest


def test_a_run_that_is_whole_for_one_window_and_not_for_the_other_starts_afresh(sweep_file, run_sweep, fresh, taken_up):
    """300 steps: three windows of 100, one and a half of 200. All sums of a run are taken up at one step."""
    both = {"observables": ["power_spectrum", "entropy_production_bound"]}
    run_sweep(sweep_file(run={"duration": 15}, **both))
    taken_up.clear()
    outcome = run_sweep(sweep_file(run={"duration": 20}, **both))
    assert set(taken_up) == {0}
    assert outcome.digest == fresh(run={"duration": 20}, **both).digest


def test_the_block_length_changes_no_window():
    """The path is the same to the bit, and so is every window; only sums of moments are added up in another order."""
    statistic = STATISTICS["path_entropy_windows"]
    sums = []
    for length in (10, 50):
        run = PROTOCOLS["stationary"](RING, Run(0.05, 200), 1, 0, 128)
        state, gathered, total = run.start(), Segments(statistic.segment), statistic.zero(RING)
        while state.step < 200:
            state, block = run.advance(state, length)
            if (piece := gathered.add(block)) is not None:
                statistic.accumulate(total, RING, piece)
        sums.append(total)
    np.testing.assert_array_equal(*sums)
