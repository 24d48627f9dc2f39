"""Nonlinear equilibria: densities whose gradient is the force, detailed balance that holds, and small breaches that show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory import gaussian
from nessmap.theory.linear_response import linearise
from nessmap.theory.nonlinear_equilibria import (
    NonlinearField,
    additive_log_density,
    detailed_balance_defect,
    energy,
    gain_matched_diffusion,
    gain_matched_log_density,
    thermodynamic_force,
)

EXAMPLES = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 2**31)
INTERPRETATIONS = st.sampled_from([0.0, 0.5, 1.0])
STEP = 1e-4
# a central difference at this step: STEP^2 times third derivatives up to slope^3, rounding of ln p over STEP
GRADIENT = 1e-6


def field(seed, transfer="logistic", symmetric=True, n_site=4):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(n_site, n_site))
    if symmetric:
        weights = (weights + weights.T) / 2
    slope, tau = rng.uniform(0.5, 2.0, 2)
    return NonlinearField(weights, transfer, slope, rng.normal(), rng.normal(size=n_site), tau)


def states(seed, n_state=3, n_site=4):
    return np.random.default_rng(seed + 1).normal(size=(n_state, n_site))


def covariance(seed, n_site=4):
    root = np.random.default_rng(seed + 2).normal(size=(n_site, n_site))
    return root @ root.T + 0.3 * np.eye(n_site)


def gradient(function, u):
    shifts = STEP * np.eye(len(u))
    return (function(u[:, None] + shifts) - function(u[:, None] - shifts)) / (2 * STEP)


@EXAMPLES
@given(SEEDS, st.sampled_from(["identity", "tanh", "logistic"]), INTERPRETATIONS)
def test_the_density_of_gain_matched_noise_has_the_force_as_its_gradient(seed, transfer, interpretation):
    system, temperature = field(seed, transfer), 0.7

    def noise(u):
        return gain_matched_diffusion(system, temperature, u)

    force = thermodynamic_force(system.drift, noise, interpretation)
    for u in states(seed):
        slope = gradient(lambda v: gain_matched_log_density(system, temperature, interpretation, v), u)
        exact = force(u)
        np.testing.assert_allclose(slope, exact, atol=GRADIENT * (1 + np.abs(exact).max()) * (1 + system.slope**3))


@EXAMPLES
@given(SEEDS, st.sampled_from(["identity", "threshold_linear", "tanh", "logistic"]), st.booleans())
def test_the_density_of_additive_noise_in_proportion_to_the_coupling_has_the_force_as_its_gradient(
    seed, transfer, equal
):
    noise = covariance(seed)
    strength = np.full(4, -0.6) if equal else np.random.default_rng(seed).normal(size=4)
    base = field(seed, transfer)
    system = NonlinearField(noise * strength, transfer, base.slope, base.threshold, base.input, base.time_constant)
    force = thermodynamic_force(system.drift, noise / system.time_constant**2)
    for u in states(seed):
        if transfer == "threshold_linear" and np.abs(u - system.threshold).min() < 2 * STEP:
            continue  # the kink of f is one of the second derivative here
        slope = gradient(lambda v: additive_log_density(system, noise, v), u)
        exact = force(u)
        np.testing.assert_allclose(slope, exact, atol=GRADIENT * (1 + np.abs(exact).max()) * (1 + system.slope**3))


@EXAMPLES
@given(SEEDS, INTERPRETATIONS)
def test_detailed_balance_holds_for_gain_matched_noise_in_every_interpretation(seed, interpretation):
    system = field(seed)
    found = detailed_balance_defect(
        system.drift, lambda u: gain_matched_diffusion(system, 0.7, u), interpretation, states(seed)
    )
    assert found.value <= found.error
    assert found.error < 1e-6 * (1 + found.size)


@EXAMPLES
@given(SEEDS)
def test_detailed_balance_holds_for_additive_noise_in_proportion_to_the_coupling(seed):
    noise = covariance(seed)
    base = field(seed)
    system = NonlinearField(0.8 * noise, "tanh", base.slope, base.threshold, base.input)
    found = detailed_balance_defect(system.drift, noise, 0.0, states(seed))
    assert found.value <= found.error
    assert found.error < 1e-7 * (1 + found.size)


@EXAMPLES
@given(SEEDS)
def test_white_noise_breaks_the_balance_of_a_symmetric_nonlinear_field(seed):
    system = field(seed)
    found = detailed_balance_defect(system.drift, np.eye(4), 0.0, states(seed))
    # W_ij (f'_j - f'_i) in closed form
    expected = 0.0
    for u in states(seed):
        slope = system.weights * system.gain(u) / system.time_constant
        expected = max(expected, np.abs(slope - slope.T).max())
    assert abs(found.value - expected) <= found.error
    assert found.value > 10 * found.error


def test_its_linearisation_about_a_uniform_state_is_at_equilibrium_all_the_same():
    weights = np.array([[0.9, 0.7], [0.7, 0.9]])
    system = NonlinearField(weights, "logistic", 2.0, 0.4, -1.6 / (1 + np.exp(0.8)))
    linear = linearise(system.drift, np.eye(2), [0.0, 0.0])
    assert gaussian.entropy_production_rate(linear.drift_matrix, linear.diffusion_matrix) == 0.0
    assert detailed_balance_defect(system.drift, np.eye(2), 0.0, [[0.3, -0.2]]).value > 0.01


@pytest.mark.parametrize("interpretation", [0.0, 0.5, 1.0])
def test_two_percent_off_an_equilibrium_is_seen(interpretation):
    system = field(5)

    def noise(u):
        return gain_matched_diffusion(system, 0.7, u)

    def off(u):  # one site's noise falls short of the gain as the activity rises
        return noise(u) * (1 - 0.02 * np.tanh(u) * (np.arange(4) == 0).reshape(-1, *(1,) * (u.ndim - 1)))

    weights = system.weights.copy()
    weights[0, 1] *= 1.02
    asymmetric = NonlinearField(weights, "logistic", system.slope, system.threshold, system.input, system.time_constant)
    for drift, diffusion in ((system.drift, off), (asymmetric.drift, noise)):
        found = detailed_balance_defect(drift, diffusion, interpretation, states(5))
        assert found.value > 100 * found.error


def test_coupling_two_percent_off_the_noise_is_seen():
    noise = covariance(3)
    weights = noise.copy()
    weights[0, 1] *= 1.02
    system = NonlinearField(weights, "tanh", 1.0)
    found = detailed_balance_defect(system.drift, noise, 0.0, states(3))
    assert found.value > 1000 * found.error
    with pytest.raises(ValueError, match=r"differ by .* from C diag\(lambda\)"):
        additive_log_density(system, noise, np.zeros(4))


@EXAMPLES
@given(SEEDS, INTERPRETATIONS)
def test_the_defect_of_local_noise_does_not_depend_on_its_interpretation(seed, interpretation):
    system = field(seed, symmetric=False)

    def noise(u):
        return 0.5 + 0.2 * np.tanh(u)

    first, second = (
        detailed_balance_defect(system.drift, noise, alpha, states(seed)) for alpha in (0.0, interpretation)
    )
    assert abs(first.value - second.value) <= first.error + second.error


def test_linear_densities_are_gaussian_with_the_covariance_of_the_lyapunov_equation():
    weights = np.array([[0.3, 0.2], [0.2, -0.1]])
    system = NonlinearField(weights, "identity", 1.0, 0.0, 0.0, 2.0)
    matched = gaussian.stationary_covariance((weights - np.eye(2)) / 2, 0.7 * np.eye(2))
    noise = np.array([[1.0, 0.4], [0.4, 0.6]])
    driven = NonlinearField(0.5 * noise, "identity", 1.0, 0.0, 0.0, 2.0)
    additive = gaussian.stationary_covariance((0.5 * noise - np.eye(2)) / 2, noise / 4)
    for u in states(0, 5, 2):
        for density, spread in (
            (lambda v: gain_matched_log_density(system, 0.7, 0.5, v), matched),
            (lambda v: additive_log_density(driven, noise, v), additive),
        ):
            difference = density(u) - density(np.zeros(2))
            assert difference == pytest.approx(-0.5 * u @ np.linalg.solve(spread, u), rel=1e-12)


def test_energy_falls_along_every_path_without_noise():
    system = field(8)
    u = states(8, 50).T
    before = energy(system, u)
    force = system.drift(u)
    after = energy(system, u + 1e-4 * force)
    expected = -1e-4 * (system.gain(u) * force**2).sum(axis=0)
    assert (after < before).all()
    np.testing.assert_allclose(after - before, expected, rtol=2e-3)  # the next order of the step, 1e-4 x rates of 10


def test_fields_without_an_energy_are_refused():
    with pytest.raises(ValueError, match="asymmetric by"):
        energy(field(1, symmetric=False), np.zeros(4))
    with pytest.raises(ValueError, match="expected > 0 at every state"):
        gain_matched_diffusion(field(1, "threshold_linear"), 1.0, np.full(4, -100.0))
    with pytest.raises(ValueError, match="singular"):
        additive_log_density(field(1), np.ones((4, 4)), np.zeros(4))
