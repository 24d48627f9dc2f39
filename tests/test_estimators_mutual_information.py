"""Mutual information from recordings: normal laws, invariances, independence, and dependence that a copula cannot see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_recordings import EQUILIBRIUM, REFERENCE, SIGMA, recorded, z
from gaussian_systems import EXAMPLES, ROUNDED_TWICE, SEEDS, SENSING, random_covariance, rotation
from nessmap.estimators import mutual_information_copula, mutual_information_ksg
from nessmap.estimators.mutual_information import neighbour_information, normal_scores
from nessmap.theory import gaussian

ESTIMATORS = [mutual_information_copula, mutual_information_ksg]
ORACLES = [name for name in SENSING if name.startswith("gaussian_mi_")]


def normal_samples(covariance, n_sample, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n_sample, len(covariance)))
    return noise @ np.linalg.cholesky(covariance).T


@pytest.mark.slow
@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_normal_variables_agree_with_their_reference(estimator, name):
    correlation = SENSING[name]["params"]["corr"]
    samples = normal_samples(np.array([[1.0, correlation], [correlation, 1.0]]), 5000, seed=1)
    assert abs(z(estimator(samples), SENSING[name]["values"]["I"])) < SIGMA


@pytest.mark.slow
def test_several_variables_on_each_side():
    covariance = random_covariance(3, 4)
    samples = normal_samples(covariance, 4000, seed=2)
    exact = gaussian.mutual_information(covariance, [0, 2], [1, 3])
    assert abs(z(mutual_information_copula(samples, [0, 2], [1, 3]), exact)) < SIGMA
    # four variables: nearest neighbours are further away, and low by a few per cent
    found = mutual_information_ksg(samples, [0, 2], [1, 3])
    assert 0.9 * exact - SIGMA * found.standard_error < found.value < exact + SIGMA * found.standard_error


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_independent_variables_tell_nothing_of_each_other(estimator):
    estimate = estimator(normal_samples(np.eye(2), 1000, seed=3))
    assert abs(z(estimate, 0.0)) < SIGMA
    assert estimate.standard_error < 0.05


MAPS = (np.exp, np.cbrt, np.arctan, lambda x: x**3 + 7.0)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(SEEDS, st.sampled_from(MAPS), st.sampled_from(MAPS), st.booleans())
@EXAMPLES
def test_increasing_maps_and_the_order_of_the_sides_change_nothing(estimator, seed, first, second, swapped):
    samples = normal_samples(np.array([[1.0, 0.7], [0.7, 1.0]]), 300, seed)
    plain = estimator(samples)
    mapped = np.column_stack([first(samples[:, 0]), second(samples[:, 1])])
    # the correlation time, and with it the blocks, are those of the scores
    again = estimator(mapped[:, ::-1], [1], [0]) if swapped else estimator(mapped)
    assert again.value == pytest.approx(plain.value, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE)
    assert again.standard_error == pytest.approx(plain.standard_error, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_correlated_samples_of_a_stationary_system(estimator):
    covariance = gaussian.stationary_covariance(*REFERENCE)
    values = recorded(*REFERENCE, 0.1, 20000, seed=4)
    assert abs(z(estimator(values), gaussian.mutual_information(covariance, [0], [1]))) < SIGMA


@pytest.mark.slow
def test_neighbours_in_time_count_as_information_unless_samples_are_taken_apart():
    """Two independent relaxations, sampled 100 times per relaxation: 8 runs, each its own sample."""
    values = recorded(-np.eye(2), np.eye(2), 0.01, 10000, n_trial=8, seed=5)
    dense = [neighbour_information(run[:, :1], run[:, 1:], 4) for run in values]
    assert np.mean(dense) > 5 * np.std(dense, ddof=1) / np.sqrt(8)
    assert abs(z(mutual_information_ksg(values), 0.0)) < SIGMA


def noisy_square(kappa, rho, s2, diffusion, n_sample, gain, seed=0):
    """(n_sample, 2) of dr = -(r - g v^2) rho dt + noise, v relaxing at kappa: v exact, r towards the mean of the ends."""
    random, dt = np.random.default_rng(seed), 0.02
    v = np.sqrt(s2) * random.normal(size=n_sample)
    r = gain * v**2
    keep, hold = np.exp(-kappa * dt), np.exp(-rho * dt)
    for _ in range(round(5 / rho / dt)):
        before = v
        v = keep * v + np.sqrt(s2 * (1 - keep**2)) * random.normal(size=n_sample)
        aim = gain * (before**2 + v**2) / 2
        r = aim + hold * (r - aim) + np.sqrt(diffusion / rho * (1 - hold**2)) * random.normal(size=n_sample)
    return np.column_stack([v, r])


@pytest.mark.slow
def test_a_neuron_tuned_to_the_square_of_a_velocity_is_invisible_to_the_copula_and_not_to_neighbours():
    case, exact = SENSING["nonlinear_quad"]["params"], SENSING["nonlinear_quad"]["values"]
    samples = noisy_square(case["kappa"], case["rho"], case["s2"], case["D_r"], 6000, case["g"], seed=6)
    blind = mutual_information_copula(samples)
    assert abs(z(blind, 0.0)) < SIGMA
    assert any("otherwise than a Gaussian copula can" in remark for remark in blind.remarks)
    seen = mutual_information_ksg(samples)
    reference = exact["FPE_extrapolated_h2"]["MI"]
    grid_error = reference - exact["FPE_241x301"]["MI"]
    assert abs(seen.value - reference) < SIGMA * seen.standard_error + grid_error


def test_what_a_copula_sees_carries_no_remark():
    assert not mutual_information_copula(normal_samples(np.array([[1.0, 0.8], [0.8, 1.0]]), 2000, seed=7)).remarks
    assert not mutual_information_copula(recorded(*EQUILIBRIUM, 0.1, 2000, n_trial=8, seed=7)).remarks


def test_a_rotation_has_independent_coordinates_at_one_time():
    values = recorded(*rotation(1.0, 2.0), 0.1, 1000, n_trial=8, seed=8)
    assert abs(z(mutual_information_copula(values), 0.0)) < SIGMA


@pytest.mark.slow
def test_neighbours_run_out_where_one_side_nearly_determines_the_other():
    """One part in 10^4 of noise: 9.2 nats, of which 400 points show about half."""
    noise = np.random.default_rng(9).normal(size=(400, 2))
    samples = np.column_stack([noise[:, 0], noise[:, 0] + 1e-4 * noise[:, 1]])
    estimate = mutual_information_ksg(samples)
    assert estimate.value < 0.5 * np.log(1e8)
    assert any(remark.startswith("depends on the number of samples") for remark in estimate.remarks)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_discrete_values_are_told(estimator):
    spikes = np.random.default_rng(10).poisson(1.0, size=(800, 2)).astype(float)
    assert any("ties: discrete data have no density" in remark for remark in estimator(spikes).remarks)


def test_ties_are_broken_by_chance_not_by_time():
    values = np.repeat([[0.0], [1.0]], 500, axis=0)
    scores, tied = normal_scores(np.hstack([values, values]))
    assert tied == pytest.approx(998 / 999)
    late = np.arange(500)
    # 500 values that are equal: no correlation with time beyond 1/sqrt(500)
    assert abs(np.corrcoef(scores[:500, 0], late)[0, 1]) < SIGMA / np.sqrt(500)


def test_what_has_no_value_says_why():
    samples = normal_samples(np.eye(2), 1000, seed=11)
    certain = mutual_information_copula(samples[:, [0, 0]])
    assert np.isnan(certain.value)
    assert "no bound" in certain.remarks[0]
    twice = mutual_information_copula(samples[:, [0, 0, 1]], [0, 1], [2])
    assert "copies or combinations" in twice.remarks[0]
    few = mutual_information_ksg(samples[:40])
    assert np.isnan(few.value)
    assert "expected 50; record longer" in few.remarks[0]
    with pytest.raises(ValueError, match="n_neighbour = 0, expected a number from 1 to 991"):
        mutual_information_ksg(samples, n_neighbour=0)
