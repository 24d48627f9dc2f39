"""Coloured noise: three entropy production rates, the theorem that ties two of them to white noise, oracles."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gaussian_systems import AMARI, EXAMPLES, ORACLE, SEEDS, dense_system, random_system, ring_coupling, shifted_ring
from nessmap.theory import coloured, gaussian

C21, C22 = AMARI["C21"]["values"], AMARI["C22"]["values"]


def leading_block():
    """Oracle C21: four coordinates of the dense system."""
    drift, diffusion = dense_system()
    return drift[:4, :4], diffusion[:4, :4]


def marginal(drift, diffusion, times):
    return coloured.marginal_entropy_production_rate(*coloured.joint_system(drift, diffusion, times), range(len(drift)))


@pytest.mark.parametrize("time", [0.01, 0.7, 5.0])
def test_a_common_correlation_time_changes_neither_what_the_velocity_nor_what_the_path_shows(time):
    white = gaussian.entropy_production_rate(*leading_block())
    assert white == pytest.approx(C21["epr_white"], rel=ORACLE)
    assert coloured.odd_velocity_entropy_production_rate(*leading_block(), time) == pytest.approx(
        C21[f"epr_uv_tc{time}"], rel=ORACLE
    )
    assert marginal(*leading_block(), time) == pytest.approx(white, rel=ORACLE)


def test_correlation_times_of_their_own_change_it():
    times = [0.2, 0.7, 1.5, 3.0]  # not recorded with the reference number; the only ones tried that give it
    rate = coloured.odd_velocity_entropy_production_rate(*leading_block(), times)
    assert marginal(*leading_block(), times) == pytest.approx(rate, rel=ORACLE)
    # the reference integral over frequencies has seven digits: two routes here agree on twelve
    assert rate == pytest.approx(C21["epr_spec_site_dependent_tc"], rel=1e-6)


@EXAMPLES
@given(SEEDS, st.integers(2, 4), st.booleans())
def test_the_path_of_the_activity_shows_all_that_its_velocity_produces(seed, n_dim, common):
    drift, diffusion = random_system(seed, n_dim)
    times = 0.7 if common else np.random.default_rng(seed).uniform(0.2, 2.0, n_dim)
    rate = coloured.odd_velocity_entropy_production_rate(drift, diffusion, times)
    assume(rate > 1e-3)  # relative digits of a rate, which is a difference of terms of order 1 to 100
    assert marginal(drift, diffusion, times) == pytest.approx(rate, rel=1e-8)
    if common:
        assert rate == pytest.approx(gaussian.entropy_production_rate(drift, diffusion), rel=1e-8)


@EXAMPLES
@given(SEEDS, st.integers(1, 4))
def test_the_velocity_rate_is_that_of_the_damping_force(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    times = np.random.default_rng(seed).uniform(0.2, 2.0, n_dim)
    joint = coloured.joint_system(drift, diffusion, times)
    velocity = np.hstack([drift, np.eye(n_dim)])
    spread = velocity @ gaussian.stationary_covariance(*joint) @ velocity.T
    damping, kick = np.diag(1 / times) - drift, diffusion / np.outer(times, times)
    heat = np.trace(np.linalg.solve(kick, damping @ spread @ damping.T))
    expected = heat - np.trace(damping)
    found = coloured.odd_velocity_entropy_production_rate(drift, diffusion, times)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-11 * heat)  # the two traces cancel
    assert found >= -1e-11 * heat


@pytest.mark.parametrize("times", [0.3, [0.1, 0.4, 2.0]])
def test_weights_vanish_exactly_at_equilibrium(times):
    mobility = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 0.7]])
    potential = np.diag([1.0, 2.0, 3.0]) + 0.1
    drift = -mobility @ potential if np.ndim(times) == 0 else -np.diag([1.0, 2.0, 3.0])
    diffusion = mobility if np.ndim(times) == 0 else np.diag([0.3, 0.1, 1.7])
    assert not coloured.odd_velocity_path_weight(drift, diffusion, times).any()
    assert not coloured.odd_velocity_weight(drift, diffusion, times).any()
    assert coloured.odd_velocity_entropy_production_rate(drift, diffusion, times) == 0
    assert marginal(drift, diffusion, times) == pytest.approx(0, abs=1e-14)


def test_unequal_correlation_times_alone_drive_a_symmetric_system():
    symmetric = np.array([[-2.0, 0.5], [0.5, -1.0]])
    assert gaussian.entropy_production_rate(symmetric, np.eye(2)) == 0
    assert coloured.odd_velocity_entropy_production_rate(symmetric, np.eye(2), [0.5, 2.0]) > 0.01


def test_the_weight_of_a_state_has_the_rate_as_its_mean():
    times = [0.2, 0.7, 1.5, 3.0]
    weight = coloured.odd_velocity_weight(*leading_block(), times)
    covariance = gaussian.stationary_covariance(*coloured.joint_system(*leading_block(), times))
    assert np.sum(weight * covariance) == pytest.approx(
        coloured.odd_velocity_entropy_production_rate(*leading_block(), times), rel=1e-12
    )
    np.testing.assert_array_equal(weight, weight.T)


@pytest.mark.parametrize("times", [0.7, [0.2, 0.7, 1.5, 3.0]])
def test_the_path_sum_tends_to_the_rate_at_first_order_in_the_step(times):
    rate = coloured.odd_velocity_entropy_production_rate(*leading_block(), times)
    gaps = [rate - coloured.odd_velocity_path_rate_at(*leading_block(), times, dt) for dt in (4e-3, 2e-3, 1e-3)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.02)  # next order: dt over the shortest time, 0.2
    assert 2 * gaps[2] - gaps[1] == pytest.approx(0, abs=0.02 * abs(gaps[1]))
    step = gaussian.propagator(*coloured.joint_system(*leading_block(), times), 0.1).matrix
    covariance = gaussian.stationary_covariance(*coloured.joint_system(*leading_block(), times))
    weight = coloured.odd_velocity_path_weight(*leading_block(), times)
    mean = np.trace(weight @ covariance @ step.T) / 0.1
    assert coloured.odd_velocity_path_rate_at(*leading_block(), times, 0.1) == pytest.approx(mean, rel=1e-10)


def test_a_simulated_path_sums_to_the_mean_of_its_estimator():
    drift, diffusion, times, dt = np.array([[-1.0, -2.0], [2.0, -1.0]]), np.eye(2), [0.5, 0.9], 0.1
    joint = coloured.joint_system(drift, diffusion, times)
    weight = coloured.odd_velocity_path_weight(drift, diffusion, times)
    step = gaussian.propagator(*joint, dt)
    rng = np.random.default_rng(3)
    x = np.linalg.cholesky(gaussian.stationary_covariance(*joint)) @ rng.normal(size=(4, 20_000))
    following = step.matrix @ x + np.linalg.cholesky(step.covariance) @ rng.normal(size=x.shape)
    entropy = np.einsum("ni,ij,nj->n", following.T, weight, x.T) / dt
    error = entropy.std() / np.sqrt(len(entropy))
    expected = coloured.odd_velocity_path_rate_at(drift, diffusion, times, dt)
    assert abs(entropy.mean() - expected) < 4 * error
    # the velocities of a step and the midpoint rule, written out; the rest is a difference of two states' functions
    u, v = x[:2], drift @ x[:2] + x[2:]
    u_next, v_next = following[:2], drift @ following[:2] + following[2:]
    damping, kick = np.diag(1 / np.array(times)) - drift, diffusion / np.outer(times, times)
    force = np.linalg.solve(kick, damping)
    spring = force.T @ (-np.diag(1 / np.array(times)) @ drift)
    plain = -((force @ (v + v_next) / 2) * (v_next - v)).sum(0) - ((spring.T @ (u_next - u)) * (u + u_next) / 2).sum(0)

    def potential(u, v):
        return -(v * (force @ v)).sum(0) / 2 - (u * (spring @ u)).sum(0) / 2

    np.testing.assert_allclose(plain - (potential(u_next, v_next) - potential(u, v)), dt * entropy, atol=1e-10)


def test_reference_values_of_the_joint_rate_of_a_ring():
    drift, diffusion = shifted_ring()
    rate = coloured.joint_entropy_production_rate(drift, diffusion, 0.7, 0.02)
    assert rate == pytest.approx(C22["epr_joint"], rel=ORACLE)
    half = coloured.joint_entropy_production_rate(drift, diffusion, 0.7, 0.01)
    assert half == pytest.approx(C22["epr_joint_Du_half"], rel=ORACLE)
    even = 0.9 * ring_coupling(16, 8.0, 0.7, 0.8) - np.eye(16)
    joint = coloured.joint_entropy_production_rate(even, diffusion, 0.7, 0.02)
    assert joint == pytest.approx(C22["symmetric_kernel_joint"], rel=ORACLE)
    assert coloured.odd_velocity_entropy_production_rate(even, diffusion, 0.7) == C22["symmetric_kernel_uv"]
    assert coloured.joint_entropy_production_rate(drift, diffusion, 0.7) == np.inf


def test_modes_of_a_ring_add_up_to_the_joint_rate_and_the_site_variance():
    drift, diffusion = shifted_ring()
    eigenvalue = np.fft.fft(drift[:, 0])
    modes = (-eigenvalue.real, -eigenvalue.imag, 0.2, 0.7)
    rate = coloured.joint_mode_entropy_production(*modes, 0.02).sum()
    assert rate == pytest.approx(C22["epr_joint"], rel=ORACLE)
    variance = coloured.structure_factor_coloured(*modes).mean()
    joint = gaussian.stationary_covariance(*coloured.joint_system(drift, diffusion, 0.7))
    assert variance == pytest.approx(joint[0, 0], rel=1e-10)
    assert variance == pytest.approx(C22["var_u_coloured"], rel=ORACLE)


@EXAMPLES
@given(*(st.floats(0.1, 10.0) for _ in range(3)), st.floats(-10.0, 10.0))
def test_a_single_coordinate_alone_never_shows_irreversibility(decay, noise, time, intrinsic):
    joint = coloured.joint_system([[-decay]], [[noise]], time, abs(intrinsic) + 0.1)
    assert coloured.marginal_entropy_production_rate(*joint, [0]) == 0
    assert gaussian.entropy_production_rate(*joint) > 0


@EXAMPLES
@given(SEEDS, st.integers(2, 4))
def test_what_is_observed_shows_at_most_what_is_produced(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    whole = gaussian.entropy_production_rate(drift, diffusion)
    shown = coloured.marginal_entropy_production_rate(drift, diffusion, range(n_dim))
    assert shown == pytest.approx(whole, rel=1e-8, abs=1e-12)
    part = coloured.marginal_entropy_production_rate(drift, diffusion, range(n_dim - 1))
    assert part <= whole * (1 + 1e-9) + 1e-12


def test_correlation_times_must_be_positive_and_as_many_as_coordinates():
    for times in (0.0, -1.0, [0.1, 0.2, 0.3], np.nan):
        with pytest.raises(ValueError, match="correlation_time"):
            coloured.joint_system(-np.eye(2), np.eye(2), times)


def test_a_coordinate_that_another_one_fixes_has_an_infinite_rate():
    fixed = [[-1.0, 1.0], [-1.0, -1.0]], np.diag([0.0, 1.0]), [0, 1]
    assert coloured.marginal_entropy_production_rate(*fixed) == np.inf


def test_a_noiseless_coordinate_that_a_noisy_one_drives_has_no_number():
    # z is hidden, so that no coordinate follows from the others; u_1 = 0 moves with u_2 all the same
    joint = np.array([[-1.0, 1.0, 1.0], [-1.0, -1.0, 0.0], [0.0, 0.0, -2.0]])
    with pytest.raises(ValueError, match="expected convergence"):
        coloured.marginal_entropy_production_rate(joint, np.diag([0.0, 1.0, 1.0]), [0, 1])
