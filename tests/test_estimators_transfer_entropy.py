"""Transfer entropy from recordings: exact finite-dt values, its null, invariances, and what misleads it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from gaussian_recordings import REFERENCE, SIGMA, oscillator, recorded, z
from gaussian_systems import EXAMPLES, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.estimators import transfer_entropy_null, transfer_entropy_rate
from nessmap.theory import gaussian
from nessmap.theory.sampled_transfer_entropy import sampled_transfer_entropy_rate


@pytest.mark.parametrize(("dt", "n_history"), [(0.05, 1), (0.05, 4), (0.2, 1), (0.2, 4)])
def test_regression_converges_to_the_transfer_between_samples(dt, n_history):
    values = recorded(*REFERENCE, dt, 2000, n_trial=16, seed=1)
    exact = sampled_transfer_entropy_rate(*REFERENCE, [0], [1], dt, n_history)
    assert abs(z(transfer_entropy_rate(values, dt, [0], [1], n_history), exact)) < SIGMA


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("nonbipartite")])
def test_common_noise_and_several_variables_agree_with_their_reference(name):
    case, dt = SENSING[name]["params"], 0.1
    values = recorded(np.array(case["A"]), np.array(case["D"]), dt, 3000, n_trial=16, seed=2)
    for source, target in ((case["a"], case["b"]), (case["b"], case["a"])):
        exact = sampled_transfer_entropy_rate(case["A"], case["D"], source, target, dt, 4)
        assert abs(z(transfer_entropy_rate(values, dt, source, target, 4), exact)) < SIGMA


def test_nothing_goes_against_the_arrow():
    values = recorded(*REFERENCE, 0.1, 2000, n_trial=16, seed=3)
    estimate = transfer_entropy_rate(values, 0.1, [1], [0])
    assert abs(z(estimate, 0.0)) < SIGMA
    assert estimate.standard_error < 0.01
    assert transfer_entropy_null(values, 0.1, [1], [0]).p_value > 0.001
    assert transfer_entropy_null(values, 0.1, [0], [1]).p_value < 1e-100


@pytest.mark.slow
@pytest.mark.parametrize(("n_history", "n_target"), [(1, 1), (4, 1), (3, 2)])
def test_where_nothing_is_transferred_the_likelihood_ratio_is_chi_squared(n_history, n_target):
    """2 dt n T: its mean is the bias that is subtracted, its law gives p."""
    drift, dt, n_run = -np.diag([1.0, 2.0, 0.5])[: 1 + n_target, : 1 + n_target], 0.2, 200
    values = recorded(drift, np.eye(1 + n_target), dt, 1500, n_trial=n_run, seed=4)
    target = list(range(1, 1 + n_target))
    nulls = [transfer_entropy_null(run, dt, [0], target, n_history) for run in values]
    runs = [transfer_entropy_rate(run, dt, [0], target, n_history) for run in values]
    assert stats.kstest([null.p_value for null in nulls], "uniform").pvalue > 0.001
    assert [run.bias for run in runs] == [null.mean for null in nulls]
    found = np.array([run.value for run in runs])
    assert abs(found.mean()) < SIGMA * found.std() / np.sqrt(n_run)
    # the spread of 200 values is known to 1/20 for a normal law, and to twice that for the longer tail of this one
    assert found.std() == pytest.approx(nulls[0].standard_deviation, rel=SIGMA * 2 / np.sqrt(2 * n_run))


@pytest.mark.slow
def test_surrogates_agree_with_the_chi_squared_law_and_find_a_true_transfer():
    values = recorded(*REFERENCE, 0.2, 4000, seed=5)
    law = transfer_entropy_null(values, 0.2, [1], [0], 2)
    shifted = transfer_entropy_null(values, 0.2, [1], [0], 2, n_surrogate=200, seed=1)
    assert abs(shifted.mean - law.mean) < SIGMA * law.standard_deviation / np.sqrt(200)
    # one chance in 201 steps, on top of a binomial error of at most 0.035
    assert abs(shifted.p_value - law.p_value) < SIGMA * 0.035 + 1 / 201
    assert transfer_entropy_null(values, 0.2, [0], [1], 2, n_surrogate=19).p_value == 1 / 20
    trials = recorded(*REFERENCE, 0.2, 400, n_trial=10, seed=5)
    permuted = transfer_entropy_null(trials, 0.2, [1], [0], 2, n_surrogate=100)
    assert (
        abs(permuted.mean - transfer_entropy_null(trials, 0.2, [1], [0], 2).mean)
        < SIGMA * permuted.standard_deviation / 10
    )
    again = [transfer_entropy_null(trials, 0.2, [1], [0], 2, n_surrogate=5, seed=seed) for seed in (3, 3, 4)]
    assert again[0] == again[1] != again[2]


@pytest.mark.slow
@given(SEEDS, st.integers(1, 4))
@EXAMPLES
def test_units_and_coordinates_of_each_side_change_nothing(seed, n_history):
    random = np.random.default_rng(seed)
    values = random.normal(size=(8, 60, 4))
    values[:, 1:, 2:] += 0.5 * values[:, :-1, :2]
    mixing = np.zeros((4, 4))
    mixing[:2, :2], mixing[2:, 2:] = (random.normal(size=(2, 2)) + 3 * np.eye(2) for _ in range(2))
    assume(np.linalg.cond(mixing) < 30)
    plain = transfer_entropy_rate(values, 0.1, [0, 1], [2, 3], n_history)
    mixed = transfer_entropy_rate(1e3 * values @ mixing - 5.0, 0.1, [0, 1], [3, 2], n_history)
    assert mixed.value == pytest.approx(plain.value, rel=ROUNDED_TWICE)
    assert mixed.standard_error == pytest.approx(plain.standard_error, rel=ROUNDED_TWICE)


@pytest.mark.parametrize("damping", [0.5, 2.0, 8.0])
def test_how_the_target_relaxes_by_itself_hardly_matters(damping):
    """In continuous time not at all: (sqrt(kappa^2 + kappa rho c) - kappa)/2. Samples lose a few per cent, known exactly."""
    drift, diffusion = REFERENCE[0].copy(), REFERENCE[1]
    drift[1, 1] = -damping
    continuous = gaussian.transfer_entropy_rate(*REFERENCE, [0], [1])
    assert gaussian.transfer_entropy_rate(drift, diffusion, [0], [1]) == pytest.approx(continuous, rel=1e-9)
    dt, n_history = 0.02, 16
    exact = sampled_transfer_entropy_rate(drift, diffusion, [0], [1], dt, n_history)
    values = recorded(drift, diffusion, dt, 2000, n_trial=16, seed=6)
    estimate = transfer_entropy_rate(values, dt, [0], [1], n_history)
    assert abs(z(estimate, exact)) < SIGMA
    # half a step of relaxation and of filtering is lost: dt (damping + 2 x 4.3)/2
    assert abs(estimate.value - continuous) < continuous * dt * (damping + 8.6) / 2 + SIGMA * estimate.standard_error


def test_too_short_a_history_is_told():
    values = recorded(*REFERENCE, 0.05, 2000, n_trial=16, seed=7)
    short, long = (transfer_entropy_rate(values, 0.05, [0], [1], n) for n in (2, 16))
    assert any(remark.startswith("history too short") for remark in short.remarks)
    assert not long.remarks
    assert short.value > long.value + 3 * long.standard_error


def test_regression_sees_no_transfer_that_is_even():
    noise = np.random.default_rng(8).normal(size=(16, 2000, 2))
    values = noise.copy()
    values[:, 1:, 1] += noise[:, :-1, 0] ** 2  # all of it is transferred from the first to the second
    estimate = transfer_entropy_rate(values, 1.0, [0], [1], 2)
    assert abs(z(estimate, 0.0)) < SIGMA
    assert estimate.standard_error < 0.001


def test_a_drive_that_is_not_recorded_looks_like_transfer_from_whom_it_reaches_first():
    noise = np.random.default_rng(9).normal(size=(16, 2000, 3))
    early, late = noise[..., 0].copy(), noise[..., 1].copy()
    early[:, 1:] += noise[:, :-1, 2]
    late[:, 2:] += noise[:, :-2, 2]
    values = np.stack([early, late], axis=2)
    forth, back = (transfer_entropy_rate(values, 1.0, [s], [t], 4) for s, t in ((0, 1), (1, 0)))
    assert forth.value > 10 * forth.standard_error
    assert abs(z(back, 0.0)) < SIGMA


def test_noise_of_the_measurement_on_the_target_makes_a_transfer_backwards():
    dt = 0.2
    clean = recorded(*REFERENCE, dt, 2000, n_trial=16, seed=10)
    noisy = clean + [0.5, 0.0] * np.random.default_rng(10).normal(size=clean.shape)
    assert abs(z(transfer_entropy_rate(clean, dt, [1], [0], 4), 0.0)) < SIGMA
    false = transfer_entropy_rate(noisy, dt, [1], [0], 4)
    assert false.value > 10 * false.standard_error


def test_a_smooth_variable_and_dependent_ones_are_told():
    assert any("x0 is smooth" in remark for remark in transfer_entropy_rate(oscillator(0.05, 4000), 0.05).remarks)
    values = recorded(*REFERENCE, 0.1, 1000, seed=11)
    copied = np.concatenate([values, values[..., :1]], axis=2)
    estimate = transfer_entropy_rate(copied, 0.1, [0], [2])
    assert np.isnan(estimate.value)
    assert "copy or a combination" in estimate.remarks[0]
    with pytest.raises(ValueError, match=r"n_history = 400, expected a number of samples from 1 to 250"):
        transfer_entropy_rate(values, 0.1, n_history=400)
