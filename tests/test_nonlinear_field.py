"""The nonlinear field: its kernel against plain numpy, limits, exact equilibria, and a reference simulation."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.observables import OBSERVABLES
from nessmap.statistics import N_GROUP, STATISTICS
from sampling import estimates, group_means, trajectory

ORACLES = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
RATE, PATH, VARIANCE = "entropy_production_rate", "entropy_production_rate_path", "site_variance"
NAMES = (RATE, PATH, VARIANCE)
SMALL = {"n_site": 6, "length": 4.0, "kernel_width": 0.8}
SHAPES = [
    {"transfer": "identity", "slope": 1.0, "coupling": 0.6},
    {"transfer": "tanh", "slope": 1.5, "coupling": 0.5, "threshold": 0.2, "input": 0.3},
    {"transfer": "logistic", "slope": 4.0, "coupling": 0.8, "threshold": 0.3, "noise_correlation_length": 0.7},
    {"transfer": "threshold_linear", "slope": 1.0, "coupling": 0.5, "threshold": -0.5, "time_constant": 0.5},
]


def measured(model, *, dt=0.02, duration=100.0, n_lane=256, key=1):
    means = group_means(model, dt=dt, duration=duration, n_lane=n_lane, key=key, statistics=("field_entropy",))
    return estimates(model, means, dt, NAMES)


# --- the kernel


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["transfer"] for shape in SHAPES])
def test_the_kernel_makes_heun_steps_of_the_drift(shape):
    model, dt = NonlinearField(shift=0.4, **SMALL, **shape), 0.05
    block = trajectory(model, 5, dt=dt, n_lane=32)
    factor = np.linalg.cholesky(2 * dt * model.noise_covariance)
    for n in range(5):
        normals = np.empty((model.n_dim, 32))
        standard_normals(normals, np.uint64(1), 0, n, PURPOSE_STEP)
        noise, u = factor @ normals, block.x[n]
        guess = u + dt * model.drift(u, 0.0) + noise
        expected = u + dt / 2 * (model.drift(u, 0.0) + model.drift(guess, 0.0)) + noise
        np.testing.assert_allclose(block.x[n + 1], expected, atol=1e-13 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["transfer"] for shape in SHAPES])
def test_the_entropy_of_a_step_is_that_of_the_whole_force_up_to_a_difference_of_states(shape):
    """(u' - u) D^-1 F(mid) and the kernel's sum differ by the change of a quadratic function of u."""
    model, dt = NonlinearField(shift=0.4, **SMALL, **shape), 0.01
    block = trajectory(model, 40, dt=dt, n_lane=16)
    sums = STATISTICS["field_entropy"].zero(model)
    STATISTICS["field_entropy"].accumulate(sums, model, block)
    inverse = np.linalg.inv(model.noise_covariance)
    steps, middle = np.diff(block.x, axis=0), (block.x[1:] + block.x[:-1]) / 2
    forces = np.array([inverse @ model.drift(u, 0.0) for u in middle])
    whole = (steps * forces).sum(axis=(0, 1))
    _, _, _, rate, force, circulating, (gain, offset) = model.entropy_terms

    def potential(u):
        """What was left out: -u D^-1 u / 2 tau + D^-1 (I / tau).u + G c.u + f0' u G_s u / 2."""
        symmetric = force - circulating / gain if gain else force
        constant = inverse @ np.full(model.n_dim, model.input * rate) + force @ np.full(model.n_dim, offset)
        quadratic = -rate * inverse + gain * (symmetric + symmetric.T) / 2
        return np.einsum("il,ij,jl->l", u, quadratic, u) / 2 + constant @ u

    left_out = potential(block.x[-1]) - potential(block.x[0])
    np.testing.assert_allclose(sums[1], whole - left_out, atol=1e-11 * np.abs(whole).max())


def test_sites_are_averaged():
    model = NonlinearField(**SMALL)
    block = trajectory(model, 7, n_lane=32)
    sums = STATISTICS["field_entropy"].zero(model)
    STATISTICS["field_entropy"].accumulate(sums, model, block)
    for row, power in ((2, 1), (3, 2)):
        expected = (block.x[:-1] ** power).mean(axis=1).sum(axis=0).reshape(-1, N_GROUP).sum(axis=0)
        np.testing.assert_allclose(sums[row], expected, rtol=1e-12)


@pytest.mark.slow
def test_heun_has_weak_order_two_on_a_linear_field():
    """Its stationary covariance solves S = F S F^T + K K^T with F = 1 + A dt + (A dt)^2/2, K K^T the noise of a step."""
    model = NonlinearField(transfer="identity", slope=1.0, coupling=0.7, shift=0.5, **SMALL)
    drift = (model.weights - np.eye(6)) / model.time_constant
    exact = model.linearised
    target = np.trace(exact.linear_drift * 0 + exact.stationary_covariance)

    def error(dt):
        step = np.eye(6) + drift * dt + drift @ drift * dt**2 / 2
        kick = (np.eye(6) + drift * dt / 2) @ np.linalg.cholesky(2 * dt * model.noise_covariance)
        flat = np.linalg.solve(np.eye(36) - np.kron(step, step), (kick @ kick.T).ravel())
        return np.trace(flat.reshape(6, 6)) - target

    assert error(0.04) / error(0.02) == pytest.approx(4, rel=0.05)  # 2^2, and a third order of relative size dt
    # and the simulation has that covariance, not the exact one: at dt = 0.4 they are 3 % apart
    wide = measured(model, dt=0.4, duration=2000.0)[VARIANCE]
    expected = (target + error(0.4)) / 6
    assert abs(wide.value - expected) < 4 * wide.standard_error
    assert abs(expected - target / 6) > 6 * wide.standard_error


# --- physics


def test_a_linear_transfer_function_gives_the_linear_field():
    model = NonlinearField(transfer="identity", slope=1.0, coupling=0.6, shift=0.5, **SMALL)
    theory = model.linearised.theory([RATE, VARIANCE])
    found, sampled = measured(model), model.linearised.path_entropy_production_rate(0.02)
    assert abs(found[RATE].value - theory[RATE].value) < 4 * found[RATE].standard_error
    assert abs(found[VARIANCE].value - theory[VARIANCE].value) < 4 * found[VARIANCE].standard_error
    # the mean of the path sum at this dt; Heun is off it by the square of gamma dt, at most 0.0004
    assert abs(found[PATH].value - sampled) < 4 * found[PATH].standard_error


def test_noise_in_proportion_to_the_kernel_is_equilibrium_for_any_transfer_function():
    """C ~ w, both exponential: zero within the error; white noise of the same strength is not."""
    shape = {"kernel": "exponential", "transfer": "logistic", "slope": 4.0, "coupling": 0.8, "threshold": 0.2}
    shape |= {**SMALL, "noise_strength": 0.2}
    matched = measured(NonlinearField(**shape, noise_correlation_length=0.8), duration=200.0)
    white = measured(NonlinearField(**shape), duration=200.0)
    for name in (RATE, PATH):
        assert abs(matched[name].value) < 4 * matched[name].standard_error
    # the path sum is low by gamma dt, at most 2 %: a positive kernel has gamma <= 1
    assert white[PATH].value > 8 * white[PATH].standard_error
    assert abs(white[RATE].value - white[PATH].value) < 4 * white[RATE].standard_error + 0.02 * white[PATH].value
    assert matched[PATH].standard_error < 0.05 * white[PATH].value


@pytest.mark.slow
def test_reference_simulation_of_an_even_kernel_under_white_noise():
    """C24: N = 8, logistic, D = 0.3 per site; both simulations within their errors, and far below the weak-noise law."""
    reference = ORACLES["C24"]["values"]
    value, error = reference["epr_sim_D0.3"], reference["epr_sim_se_D0.3"]
    response = 1 / (1 + np.exp(0.8))
    model = NonlinearField(
        transfer="logistic",
        slope=2.0,
        threshold=0.4,
        coupling=1.5,
        kernel_width=0.6,
        n_site=8,
        length=4.0,
        input=-1.5 * response,
        noise_strength=0.15,
    )
    assert model.homogeneous_state == pytest.approx(0.0, abs=1e-9)
    theory = model.theory()[RATE]
    assert theory.value / 0.3 == pytest.approx(reference["weak_noise_slope"], rel=1e-7)  # curvature by differences
    assert theory.kind == "approximate"
    found = measured(model, dt=0.02, duration=300.0)
    for name in (RATE, PATH):
        # the path sum is low by gamma dt, at most 2 %: a positive kernel has gamma <= 1
        assert abs(found[name].value - value) < 4 * np.hypot(found[name].standard_error, error) + 0.02 * value
    assert found[PATH].value < theory.value / 2


def test_approximate_theory_makes_no_z_score():
    model = NonlinearField(**SMALL)
    predictions = model.theory()
    assert predictions.keys() == set(NAMES)
    for name in NAMES:
        assert OBSERVABLES[name].theory(model, None, predictions).kind == "approximate"
        assert OBSERVABLES[name].expected(model, None, predictions) is None


def test_the_start_is_burnt_in_and_keeps_its_bits():
    model = NonlinearField(**SMALL, transfer="logistic", slope=3.0, coupling=1.0)
    assert model.burn_in == pytest.approx(20 / -model.stability().leading_rate)
    one, other = trajectory(model, 3, n_lane=32), trajectory(model, 3, n_lane=32)
    np.testing.assert_array_equal(one.x, other.x)
