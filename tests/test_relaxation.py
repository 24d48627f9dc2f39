"""Entropy of Gaussian states that relax: oracles, three routes to one balance, exact limits, small samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import (
    AMARI,
    EXAMPLES,
    ORACLE,
    ROUNDED_TWICE,
    SEEDS,
    dense_system,
    random_covariance,
    random_system,
)
from nessmap.models.amari_field import AmariField
from nessmap.theory import blocks, gaussian, relaxation

FIELD = AmariField(coupling=0.72, shift=0.5, kernel_width=0.7, n_site=16, length=8.0, noise_strength=0.1)
N_COORDINATE = np.array([1, *[2] * 7, 1])  # real coordinates of each wavenumber of 16 sites
AMPLITUDE = np.array([16 * 0.2**2, 16 * 0.6**2 / 4, *[0.0] * 7])  # m^2 of 0.2 + 0.6 cos(2 pi x / L), per coordinate
QUANTITIES = {
    "epr": "production",
    "dShannon": "entropy_rate",
    "flux": "flow",
    "housekeeping": "housekeeping",
    "excess": "excess",
    "shannon": "entropy",
    "KL": "divergence",
}


def balance_by_modes(time):
    """The balance of FIELD from S(0) = 1/2 and the mean of AMPLITUDE, summed over coordinates."""
    decay, rotation, noise = FIELD.modes.decay, FIELD.modes.rotation, FIELD.modes.diffusion
    fade = np.exp(-2 * decay * time)
    state = relaxation.mode_balance(
        decay, rotation, noise, noise / decay + (0.5 - noise / decay) * fade, AMPLITUDE * fade
    )
    return relaxation.Balance(*((N_COORDINATE * values).sum() for values in state))


def moments_of_the_field(times):
    mean = np.zeros(16)
    mean[:2] = 4 * 0.2, np.sqrt(8) * 0.6
    return relaxation.relaxing_moments(FIELD.linear_drift, FIELD.linear_diffusion, mean, 0.5 * np.eye(16), times)


@pytest.mark.parametrize("time", [0, 0.25, 1, 4])
def test_reference_values_of_a_relaxing_ring_by_modes_and_by_matrices(time):
    whole = relaxation.balance(FIELD.linear_drift, FIELD.linear_diffusion, *moments_of_the_field([time]))
    for key, name in QUANTITIES.items():
        expected = AMARI["C23"]["values"][f"{key}_t{time}"]
        assert getattr(balance_by_modes(time), name) == pytest.approx(expected, rel=ORACLE), name
        assert getattr(whole, name)[0] == pytest.approx(expected, rel=ORACLE), name


def test_reference_values_of_integrals_over_a_relaxation():
    drift, diffusion = -np.array([[1.0, -0.9], [0.5, 1.3]]), np.diag([0.4, 0.7])
    node, weight = np.polynomial.legendre.leggauss(40)
    times = np.array([0.0, *(0.25 * (node + 1)), 0.5])
    moments = relaxation.relaxing_moments(drift, diffusion, np.array([0.3, -0.2]), np.diag([0.9, 0.2]), times)
    state = relaxation.balance(drift, diffusion, *moments)
    found = {
        "int_flux": 0.25 * weight @ state.flow[1:-1],
        "int_epr": 0.25 * weight @ state.production[1:-1],
        "delta_shannon": state.entropy[-1] - state.entropy[0],
    }
    for name, value in found.items():
        assert value == pytest.approx(AMARI["C30"]["values"][name], rel=ORACLE), name


@EXAMPLES
@given(SEEDS, st.integers(1, 5))
def test_a_stack_agrees_with_one_balance_at_a_time(seed, n_dim):
    systems = [random_system(seed + i, n_dim) for i in range(3)]
    drift, diffusion = (np.array(part) for part in zip(*systems, strict=True))
    mean = np.random.default_rng(seed).normal(size=(3, n_dim))
    covariance = np.array([random_covariance(seed + i, n_dim) for i in range(3)])
    times = [0.0, 0.3, 2.0]
    means, covariances = relaxation.relaxing_moments(drift, diffusion, mean, covariance, times)
    state = relaxation.balance(drift, diffusion, means, covariances)
    assert state.production.shape == (3, 3)
    for t, time in enumerate(times):
        for i in range(3):
            step = gaussian.propagator(drift[i], diffusion[i], time)
            now = step.matrix @ covariance[i] @ step.matrix.T + step.covariance
            np.testing.assert_allclose(covariances[t, i], now, rtol=ROUNDED_TWICE, atol=ROUNDED_TWICE)
            one = gaussian.entropy_balance(drift[i], diffusion[i], now, step.matrix @ mean[i])
            size = one.production + abs(np.trace(drift[i]))  # of the terms that make up a rate
            for name in ("entropy_rate", "production", "flow", "housekeeping", "excess"):
                error = abs(getattr(state, name)[t, i] - getattr(one, name))
                assert error <= ROUNDED_TWICE * size, name
            final = gaussian.stationary_covariance(drift[i], diffusion[i])
            divergence = gaussian.kl_divergence(step.matrix @ mean[i], now, np.zeros(n_dim), final)
            assert state.divergence[t, i] == pytest.approx(divergence, rel=1e-6, abs=ROUNDED_TWICE)
            assert state.entropy[t, i] == pytest.approx(gaussian.differential_entropy(now), abs=ROUNDED_TWICE)


@EXAMPLES
@given(SEEDS, st.integers(1, 6))
def test_entropy_rate_is_production_less_flow_and_no_part_is_negative(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    state = relaxation.balance(drift, diffusion, np.ones(n_dim), random_covariance(seed, n_dim))
    assert state.entropy_rate == pytest.approx(state.production - state.flow, abs=1e-12 * state.production)
    assert state.production == pytest.approx(state.housekeeping + state.excess, rel=1e-14)
    assert min(state.housekeeping, state.excess, state.divergence) >= 0


def test_blocks_modes_and_the_whole_matrix_agree_on_a_relaxing_field():
    members = np.arange(1, 15).reshape(7, 2)
    drift = FIELD.linear_drift[members[:, :, None], members[:, None, :]]
    diffusion = FIELD.linear_diffusion[members[:, :, None], members[:, None, :]]
    means, covariances = moments_of_the_field([0.7])
    in_pairs = covariances[0][members[:, :, None], members[:, None, :]]
    pairs = relaxation.balance(drift, diffusion, means[0][members], in_pairs)
    decay, noise = FIELD.modes.decay[1:8], FIELD.modes.diffusion[1:8]
    by_mode = relaxation.mode_balance(
        decay, FIELD.modes.rotation[1:8], noise, in_pairs[:, 0, 0], (means[0][members] ** 2).mean(axis=1)
    )
    for name in relaxation.Balance._fields:
        np.testing.assert_allclose(getattr(pairs, name), 2 * getattr(by_mode, name), rtol=1e-10, atol=1e-13)


def test_the_excess_spends_the_divergence_of_the_start():
    node, weight = np.polynomial.legendre.leggauss(400)
    end = 40.0 / FIELD.modes.decay.min()
    # substituted t = end s^2: the first instants are the busiest
    s = (node + 1) / 2
    rates = np.array([balance_by_modes(end * x**2).excess for x in s])
    assert weight @ (rates * end * s) == pytest.approx(balance_by_modes(0.0).divergence, rel=1e-10)


def test_entropy_and_divergence_change_at_the_rates_that_the_balance_says():
    step = 1e-4
    before, now, after = (balance_by_modes(0.5 + shift) for shift in (-step, 0.0, step))
    # central difference: its error is step^2 times a third derivative of order (2 gamma)^3
    assert (after.entropy - before.entropy) / (2 * step) == pytest.approx(now.entropy_rate, rel=1e-6)
    assert (before.divergence - after.divergence) / (2 * step) == pytest.approx(now.excess, rel=1e-6)


def test_a_relaxing_equilibrium_keeps_house_for_nothing():
    symmetric = -np.array([[2.0, 0.5], [0.5, 1.0]])
    state = relaxation.balance(symmetric, np.eye(2), np.ones(2), 3 * np.eye(2))
    assert state.housekeeping == 0
    assert state.excess > 0
    assert relaxation.mode_balance(1.0, 0.0, 2.0, 5.0, 1.0).housekeeping == 0


def test_the_stationary_state_produces_what_it_gives_away():
    drift, diffusion = dense_system()
    covariance = blocks.stationary_covariance(drift, diffusion)
    state = relaxation.balance(drift, diffusion, np.zeros(6), covariance)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    assert state.production == pytest.approx(rate, rel=1e-9)
    assert (state.entropy_rate, state.excess, state.divergence) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_sharp_start_has_moments_but_no_entropy():
    means, covariances = relaxation.relaxing_moments(-np.eye(2), np.eye(2), np.ones(2), np.zeros((2, 2)), [0.0, 0.1])
    state = relaxation.balance(-np.eye(2), np.eye(2), means, covariances)
    assert np.isnan(state.production).tolist() == [True, False]
    assert np.isnan(state.divergence).tolist() == [True, False]
    np.testing.assert_allclose(covariances[1], (1 - np.exp(-0.2)) * np.eye(2), rtol=1e-13, atol=1e-16)
    assert all(np.isnan(values) for values in relaxation.mode_balance(1.0, 1.0, 1.0, -0.1, 0.0)[:1])


LANES = 8
TRUE = {"decay": 1.3, "rotation": 0.9, "diffusion": 0.4}
VARIANCE, MEAN = 0.7, np.array([0.3, -0.1])


def sampled(n_sample):
    """Sample variance and mean square of a pair in LANES lanes, many times over."""
    x = MEAN + np.sqrt(VARIANCE) * np.random.default_rng(7).normal(size=(n_sample, LANES, 2))
    centre = x.mean(axis=1)
    variance = ((x - centre[:, None]) ** 2).sum(axis=(1, 2)) / (2 * (LANES - 1))
    return variance, (centre**2).mean(axis=1)


def test_balances_of_small_samples_are_unbiased_where_the_plain_ones_are_far_off():
    variance, mean_square = sampled(200_000)
    exact = relaxation.mode_balance(**TRUE, variance=VARIANCE, mean_square=(MEAN**2).mean())
    plain = relaxation.mode_balance(**TRUE, variance=variance, mean_square=mean_square)
    corrected = relaxation.corrected_mode_balance(*TRUE.values(), variance, mean_square, 2 * (LANES - 1), LANES)
    for name, expected in exact._asdict().items():
        value, naive = getattr(corrected, name), getattr(plain, name)
        error = value.std() / np.sqrt(len(value))
        assert abs(value.mean() - expected) < 4 * error, name  # four standard errors: once in 16000
        assert abs(naive.mean() - expected) > 20 * naive.std() / np.sqrt(len(naive)), name


def test_the_correction_of_a_sample_vanishes_with_its_size():
    arguments = (1.3, 0.9, 0.4, 0.7, 0.05)
    plain = relaxation.mode_balance(*arguments)
    for size in (1e3, 1e6):
        corrected = relaxation.corrected_mode_balance(*arguments, size, size)
        np.testing.assert_allclose(corrected, plain, atol=10 / size)  # twice the largest term over size


def test_a_sample_of_three_values_has_no_mean_inverse_variance():
    freedom = np.array([1.0, 2.0, 3.0])
    state = relaxation.corrected_mode_balance(1.0, 0.0, 1.0, 1.0, 0.0, freedom, 4)
    assert np.isnan(state.production).tolist() == [True, True, False]


def test_corrections_of_a_block_of_one_coordinate_are_those_of_a_mode():
    drift, diffusion = np.array([[-0.7]]), np.array([[0.4]])
    block = relaxation.corrected_balance(drift, diffusion, np.array([0.3]), np.array([[0.9]]), 9)
    mode = relaxation.corrected_mode_balance(0.7, 0.0, 0.4, 0.9, 0.09, 8, 9)
    np.testing.assert_allclose(block, mode, rtol=1e-12)


def test_the_balance_of_a_small_sample_of_a_block_is_unbiased():
    """8 samples of 3 coordinates, 40000 times: within 4 standard errors, where the plain one is off by more than 20."""
    generator = np.random.default_rng(5)
    drift = np.array([[-1.0, 0.5, 0.0], [-0.4, -1.2, 0.3], [0.2, 0.0, -0.8]])
    diffusion = np.diag([0.5, 1.0, 0.7])
    mean, factor = np.array([0.4, -0.2, 0.1]), np.array([[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.1, 0.6]])
    x = mean + generator.standard_normal((40000, 8, 3)) @ factor.T
    centre = x.mean(axis=1)
    spread = np.einsum("sni,snj->sij", x - centre[:, None], x - centre[:, None]) / 7
    exact = relaxation.balance(drift, diffusion, mean, factor @ factor.T)
    plain = relaxation.balance(drift, diffusion, centre, spread)
    corrected = relaxation.corrected_balance(drift, diffusion, centre, spread, 8)
    for name, value in exact._asdict().items():
        sample = getattr(corrected, name)
        assert abs(sample.mean() - value) < 4 * sample.std() / 200, name
        biased = getattr(plain, name)
        assert abs(biased.mean() - value) > 20 * biased.std() / 200, name


def test_fewer_samples_than_a_block_needs_give_no_number():
    assert np.isnan(relaxation.corrected_balance(-np.eye(3), np.eye(3), np.zeros(3), np.eye(3), 5).excess)
    assert np.isfinite(relaxation.corrected_balance(-np.eye(3), np.eye(3), np.zeros(3), np.eye(3), 6)).all()
