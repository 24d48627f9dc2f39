"""Transport, Fisher information and rates of information: closed forms, inequalities on random systems, tight cases."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ROUNDED, ROUNDED_TWICE, SEEDS, random_covariance, random_system
from nessmap.theory import gaussian
from nessmap.theory.bounds import (
    divergence_rate,
    information_flow_bound,
    mutual_information_rate,
    temporal_fisher_information,
    transport_bound,
    wasserstein_squared,
)


def relaxed(drift, diffusion, mean, covariance, time):
    step = gaussian.propagator(drift, diffusion, time)
    return step.matrix @ mean, step.matrix @ covariance @ step.matrix.T + step.covariance


@pytest.mark.slow
@given(SEEDS, st.integers(1, 4))
@EXAMPLES
def test_wasserstein_distance_is_that_of_square_roots(seed, n_dim):
    random = np.random.default_rng(seed)
    one, other = random_covariance(seed, n_dim), random_covariance(seed + 1, n_dim)
    here, there = random.normal(size=(2, n_dim))
    root = scipy.linalg.sqrtm(one).real
    cross = scipy.linalg.sqrtm(root @ other @ root).real
    expected = np.sum((here - there) ** 2) + np.trace(one + other - 2 * cross)
    found = wasserstein_squared(here, one, there, other)
    assert found == pytest.approx(expected, rel=ROUNDED_TWICE)
    assert found == pytest.approx(wasserstein_squared(there, other, here, one), rel=ROUNDED)
    assert wasserstein_squared(here, one, here, one) < 1e-26


def test_wasserstein_distance_of_close_and_of_sharp_laws_keeps_its_digits():
    assert wasserstein_squared([0.0], [[1.0]], [0.0], [[(1 + 1e-9) ** 2]]) == pytest.approx(1e-18, rel=1e-6)
    assert wasserstein_squared([0.0], [[1.0]], [1.0], [[0.0]]) == pytest.approx(2.0, rel=1e-14)
    assert wasserstein_squared([1.0, 0.0], np.diag([4.0, 1.0]), [0.0, 0.0], np.diag([1.0, 9.0])) == pytest.approx(6.0)


@pytest.mark.slow
@given(SEEDS, st.floats(0.05, 2.0))
@EXAMPLES
def test_no_relaxation_is_cheaper_than_optimal_transport(seed, time):
    drift, diffusion = random_system(seed, 2)
    mean, covariance = np.random.default_rng(seed).normal(size=2), random_covariance(seed, 2)
    end = relaxed(drift, diffusion, mean, covariance, time)
    node, weight = np.polynomial.legendre.leggauss(24)
    produced = sum(
        share * time / 2 * gaussian.entropy_balance(drift, diffusion, state[1], state[0]).production
        for share, state in (
            (share, relaxed(drift, diffusion, mean, covariance, time * (at + 1) / 2))
            for at, share in zip(node, weight, strict=True)
        )
    )
    bound = transport_bound(mean, covariance, *end, diffusion, time)
    assert bound <= produced * (1 + 1e-6)  # 24 nodes
    # the unit of x does not matter
    scale = np.diag([3.0, 0.2])
    mapped = [scale @ mean, scale @ covariance @ scale, scale @ end[0], scale @ end[1] @ scale]
    assert transport_bound(*mapped, scale @ diffusion @ scale, time) == pytest.approx(bound, rel=ROUNDED_TWICE)


def test_a_shift_and_a_breathing_at_constant_speed_attain_the_transport_bound():
    # sd(t) = 1 + t/2 and mean t, driven by the force that moves them so: sigma = (mean'^2 + sd'^2)/D throughout
    assert transport_bound([0.0], [[1.0]], [1.0], [[2.25]], [[0.4]], 1.0) == pytest.approx((1 + 0.25) / 0.4, rel=1e-13)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_fisher_information_is_twice_the_second_order_of_the_divergence_from_the_next_moment(seed):
    drift, diffusion = random_system(seed, 2)
    mean, covariance = np.random.default_rng(seed).normal(size=2), random_covariance(seed, 2)
    found = temporal_fisher_information(drift, diffusion, covariance, mean)
    ratio = []
    for step in (1e-3, 5e-4):
        later = relaxed(drift, diffusion, mean, covariance, step)
        ratio.append(2 * gaussian.kl_divergence(*later, mean, covariance) / step**2)
    # first order removed; a tenth of it bounds the next one at this step
    assert found == pytest.approx(2 * ratio[1] - ratio[0], abs=0.1 * abs(ratio[0] - ratio[1]) + 1e-6 * found)


def test_fisher_information_of_one_variable_adds_motion_and_breathing():
    # m' = -m, var' = -2 var + 2: m'^2/var + 2 (sd'/sd)^2
    found = temporal_fisher_information([[-1.0]], [[1.0]], [[3.0]], [2.0])
    assert found == pytest.approx(4 / 3 + 2 * ((1 - 3) / 3) ** 2, rel=1e-14)


@pytest.mark.slow
@given(SEEDS, st.integers(0, 1))
@EXAMPLES
def test_information_changes_no_faster_than_its_bounds(seed, hidden):
    drift, diffusion = random_system(seed, 3 + hidden)
    state = random_covariance(seed, 3 + hidden)
    found = mutual_information_rate(drift, diffusion, state, [0], [1, 2])
    slack = 1e-12 * (1 + found.fisher_bound + found.dissipation_bound)
    assert abs(found.rate) <= found.fisher_bound + slack
    assert abs(found.rate) <= found.dissipation_bound + slack
    zero = np.zeros(3 + hidden)
    rates = []
    for step in (1e-3, 5e-4):
        _, later = relaxed(drift, diffusion, zero, state, step)
        before, after = (gaussian.mutual_information(law, [0], [1, 2]) for law in (state, later))
        rates.append((after - before) / step)
    assert found.rate == pytest.approx(2 * rates[1] - rates[0], abs=0.1 * abs(rates[0] - rates[1]) + 1e-9)


def test_information_rate_of_a_stationary_state_vanishes_and_its_dissipation_bound_does_not():
    drift, diffusion = np.array([[-1.0, 0.0], [1.0, -1.0]]), np.eye(2)
    found = mutual_information_rate(drift, diffusion, gaussian.stationary_covariance(drift, diffusion), [0], [1])
    assert abs(found.rate) < 1e-15
    assert found.fisher_bound < 1e-15
    # sum of D_aa [(S^-1)_aa - 1/S_aa] = 0.2 + 2/15
    assert found.dissipation_bound == pytest.approx(math.sqrt(0.5 * (0.2 + 2 / 15)), rel=ROUNDED)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_a_flow_is_covered_by_the_dissipation_of_its_part(seed):
    drift, diffusion = random_system(seed, 4, n_first=2)
    for part, rest in (([0, 1], [2, 3]), ([2, 3], [0, 1])):
        flow, bound = information_flow_bound(drift, diffusion, part, rest)
        assert abs(flow) <= bound * (1 + ROUNDED_TWICE) + 1e-9


@pytest.mark.slow
@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 3), st.floats(0.2, 3))
@EXAMPLES
def test_the_flow_bound_of_a_pair_is_tight_where_neuron_and_signal_are_equally_fast(kappa, rho, gain, noise):
    # equality where the velocity of r is parallel to the gradient of its information
    def ratio(rate):
        drift, diffusion = np.array([[-kappa, 0.0], [rate * gain, -rate]]), np.diag([kappa, noise])
        flow, bound = information_flow_bound(drift, diffusion, [1], [0])
        return flow / bound

    assert ratio(rho) <= 1 + ROUNDED_TWICE
    assert ratio(kappa) == pytest.approx(1.0, rel=ROUNDED_TWICE)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_a_divergence_changes_no_faster_than_its_bound(seed):
    drift, diffusion = random_system(seed, 2)
    random = np.random.default_rng(seed)
    mean, covariance = random.normal(size=2), random_covariance(seed, 2)
    reference = random.normal(size=2), random_covariance(seed + 1, 2)
    found = divergence_rate(drift, diffusion, mean, covariance, *reference)
    assert abs(found.rate) <= found.fisher_bound * (1 + ROUNDED)
    # from the stationary law the rate is minus the excess entropy production
    final = np.zeros(2), gaussian.stationary_covariance(drift, diffusion)
    excess = gaussian.entropy_balance(drift, diffusion, covariance, mean).excess
    towards = divergence_rate(drift, diffusion, mean, covariance, *final).rate
    assert towards == pytest.approx(-excess, rel=ROUNDED_TWICE)


def test_what_has_no_bound_is_refused():
    with pytest.raises(ValueError, match=r"time = 0\.0, expected"):
        transport_bound([0.0], [[1.0]], [1.0], [[1.0]], [[1.0]], 0.0)
    with pytest.raises(ValueError, match="diffusion: singular"):
        transport_bound([0.0], [[1.0]], [1.0], [[1.0]], [[0.0]], 1.0)
    with pytest.raises(ValueError, match=r"shape \(2,\), expected \(1,\)"):
        wasserstein_squared([0.0, 0.0], [[1.0]], [1.0, 1.0], [[1.0]])
