"""Parity of variables, and the second law of a part in any Gaussian state."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ROUNDED, ROUNDED_TWICE, SEEDS, random_covariance, random_system, reservoir_flow
from nessmap.theory import gaussian
from nessmap.theory.second_law import irreversible_current_rate, second_law


@pytest.mark.slow
@given(SEEDS, st.integers(2, 4))
@EXAMPLES
def test_even_variables_have_the_entropy_production_of_the_linear_theory(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    expected = gaussian.entropy_production_rate(drift, diffusion)
    scale = abs(np.trace(drift)) + expected
    found = irreversible_current_rate(drift, diffusion, np.ones(n_dim))
    assert found == pytest.approx(expected, abs=ROUNDED_TWICE * scale)
    # what changes sign as a whole reverses as before
    assert irreversible_current_rate(drift, diffusion, -np.ones(n_dim)) == pytest.approx(found, rel=ROUNDED)


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 3), st.floats(0.2, 3))
@EXAMPLES
def test_an_odd_velocity_pays_in_proportion_to_the_speed_of_the_neuron(kappa, rho, gain, noise):
    drift, diffusion = np.array([[-kappa, 0.0], [rho * gain, -rho]]), np.diag([kappa, noise])
    even = irreversible_current_rate(drift, diffusion, [1, 1])
    odd = irreversible_current_rate(drift, diffusion, [-1, 1])
    assert odd == pytest.approx(even * rho / kappa, rel=ROUNDED)
    signal = gain**2 * rho / noise
    assert odd == pytest.approx(rho * signal * rho / (kappa + rho), rel=ROUNDED)


def test_a_particle_at_equilibrium_produces_nothing_with_its_velocity_odd_and_no_finite_number_with_it_even():
    stiffness, rate, noise = 2.1, 1.3, 0.8
    drift, diffusion = [[0.0, 1.0], [-stiffness, -rate]], np.diag([0.0, noise])
    # Lyapunov solutions of order 1: a square of their rounding over the noise
    assert 0.0 <= irreversible_current_rate(drift, diffusion, [1, -1]) < 1e-28
    assert gaussian.entropy_production_rate(drift, diffusion) == np.inf


def test_velocity_dependent_forces_that_feed_the_particle_heat_it():
    # magnetic forces are reversible only if the field turns round too; two velocities in a fixed field do not reverse
    turning = [[-1.0, 2.0], [-2.0, -1.0]]
    assert irreversible_current_rate(turning, np.eye(2), [-1, -1]) == pytest.approx(8.0, rel=ROUNDED)
    assert 0.0 <= irreversible_current_rate(turning, np.eye(2), [1, -1]) < 1e-28


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_in_the_stationary_state_the_second_law_of_a_part_is_that_of_the_linear_theory(seed):
    drift, diffusion = random_system(seed, 4, n_first=2)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    law = second_law(drift, diffusion, covariance, [0, 1], [2, 3])
    flow = gaussian.information_flow(drift, diffusion, [0, 1], [2, 3])
    scale = np.abs(drift).sum() * np.linalg.cond(covariance) ** 0.5
    assert law.information_flow == pytest.approx(flow, abs=ROUNDED * scale)
    expected = gaussian.local_entropy_production(drift, diffusion, [0, 1], [2, 3])
    assert law.production == pytest.approx(expected, rel=ROUNDED_TWICE, abs=ROUNDED * scale)
    assert law.entropy_flow == pytest.approx(reservoir_flow(drift, diffusion, slice(0, 2)), rel=ROUNDED_TWICE)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_in_any_state_the_parts_share_production_and_information(seed):
    drift, diffusion = random_system(seed, 4, n_first=2)
    state, mean = random_covariance(seed, 4), np.random.default_rng(seed).normal(size=4)
    one = second_law(drift, diffusion, state, [0, 1], [2, 3], mean)
    other = second_law(drift, diffusion, state, [2, 3], [0, 1], mean)
    balance = gaussian.entropy_balance(drift, diffusion, state, mean)
    scale = one.production + other.production + one.entropy_flow + other.entropy_flow + 1
    assert one.production + other.production == pytest.approx(balance.production, abs=ROUNDED_TWICE * scale)
    assert one.entropy_flow + other.entropy_flow == pytest.approx(balance.flow, abs=ROUNDED_TWICE * scale)
    for law in (one, other):
        assert law.production >= 0
        total = law.entropy_flow + law.entropy_rate - law.information_flow
        assert law.production == pytest.approx(total, abs=ROUNDED_TWICE * scale)

    def change(step):
        exact = gaussian.propagator(drift, diffusion, step)
        after = exact.matrix @ state @ exact.matrix.T + exact.covariance
        return [gaussian.mutual_information(law, [0, 1], [2, 3]) for law in (state, after)]

    (start, later), (_, sooner) = change(1e-4), change(5e-5)
    coarse, fine = (later - start) / 1e-4, (sooner - start) / 5e-5
    # without the first order in the step, whose second is step x rate times smaller; 1e-16/step is rounding
    allowed = 0.1 * abs(coarse - fine) + 1e-9 * scale
    assert one.information_flow + other.information_flow == pytest.approx(2 * fine - coarse, abs=allowed)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_a_part_that_shares_nothing_obeys_the_second_law_alone(seed):
    drift, diffusion = random_system(seed, 4, n_first=2)
    drift[:2, 2:] = 0.0
    drift[2:, :2] = 0.0
    state = random_covariance(seed, 4)
    state[:2, 2:] = 0.0
    state[2:, :2] = 0.0
    law = second_law(drift, diffusion, state, [0, 1], [2, 3])
    assert law.information_flow == pytest.approx(0.0, abs=1e-12 * np.abs(np.linalg.inv(state)).max() * 100)


def test_what_has_no_second_law_is_refused():
    with pytest.raises(ValueError, match="share noise"):
        second_law(-np.eye(2), [[1.0, 0.1], [0.1, 1.0]], np.eye(2), [0], [1])
    with pytest.raises(ValueError, match="expected a partition of all 3 coordinates"):
        second_law(-np.eye(3), np.eye(3), np.eye(3), [0], [1])
    with pytest.raises(ValueError, match="acts on a variable without noise"):
        irreversible_current_rate([[-1.0, 1.0], [0.0, -1.0]], np.diag([0.0, 1.0]), [1, 1])
    with pytest.raises(ValueError, match=r"expected 2 numbers \+1 \(even\) or -1 \(odd\)"):
        irreversible_current_rate(-np.eye(2), np.eye(2), [1, 0])
    with pytest.raises(ValueError, match="correlates an even with an odd variable"):
        irreversible_current_rate(-np.eye(2), [[1.0, 0.1], [0.1, 1.0]], [1, -1])
