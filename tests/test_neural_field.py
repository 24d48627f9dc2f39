"""Kernels of nonlinear fields against plain numpy and against the generic model, and the orders of their steps."""

import numpy as np
import pytest

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import Run
from nessmap.models.langevin import LangevinModel
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.observables import OBSERVABLES
from nessmap.statistics import STATISTICS
from nessmap.theory import discrete_steps
from sampling import estimates, group_means, trajectory, trapezoids
from two_sites import TwoSites

SMALL = {"n_site": 6, "length": 4.0, "kernel_width": 0.8, "shift": 0.4}
SHAPES = [
    {"transfer": "identity", "slope": 1.0, "coupling": 0.6},
    {"transfer": "tanh", "slope": 1.5, "coupling": 0.5, "threshold": 0.2, "input": 0.3},
    {"transfer": "logistic", "slope": 4.0, "coupling": 0.8, "threshold": 0.3, "noise_correlation_length": 0.7},
    {"transfer": "arcsinh", "slope": 1.0, "coupling": 0.5, "threshold": -0.5, "time_constant": 0.5},
]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=[shape["transfer"] for shape in SHAPES])
SCHEMES = ("heun", "exponential")


def kicks(model, dt, n_step, n_lane):
    """The noise of each step (n_step, n_field, n_lane), from the same normals as the kernel's."""
    normals = np.empty((n_step, model.n_field, n_lane))
    for n in range(n_step):
        standard_normals(normals[n], np.uint64(1), 0, n, PURPOSE_STEP)
    factor = model._noise_stages(model.discretisation(dt).noise).matrix()
    return np.einsum("ij,njl->nil", factor, normals)


@each_shape
def test_heun_steps_are_those_of_the_drift(shape):
    model, dt = NonlinearField(**SMALL, **shape), 0.05
    x = trajectory(model, 5, dt=dt, n_lane=32).x
    for u, v, noise in zip(x[:-1], x[1:], kicks(model, dt, 5, 32), strict=True):
        guess = u + dt * model.drift(u, 0.0) + noise
        expected = u + dt / 2 * (model.drift(u, 0.0) + model.drift(guess, 0.0)) + noise
        np.testing.assert_allclose(v, expected, atol=1e-13 * (1 + np.abs(expected).max()))


@each_shape
def test_exponential_steps_solve_the_relaxation_towards_a_constant_input(shape):
    """With the input frozen over the step: u' = e^-c u + (1 - e^-c) N, then the change of N grows linearly within the step."""
    model, dt = NonlinearField(**SMALL, **shape, scheme="exponential"), 0.2
    x = trajectory(model, 5, dt=dt, n_lane=32).x

    def towards(u):
        return model.drift(u, 0.0) * model.time_constant + u

    reach = dt / model.time_constant
    moments = [np.exp(-reach), 1 - np.exp(-reach), (reach - 1 + np.exp(-reach)) / reach]
    for u, v, noise in zip(x[:-1], x[1:], kicks(model, dt, 5, 32), strict=True):
        guess = moments[0] * u + moments[1] * towards(u) + noise
        expected = guess + moments[2] * (towards(guess) - towards(u))
        np.testing.assert_allclose(v, expected, atol=1e-13 * (1 + np.abs(expected).max()))
    frozen = model.discretisation(dt).noise
    np.testing.assert_allclose(frozen, model.noise_covariance * model.time_constant * -np.expm1(-2 * reach), rtol=1e-14)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_twin_makes_the_linear_steps_under_the_same_noise(scheme):
    shape = {**SMALL, **SHAPES[2], "scheme": scheme}
    alone, both = NonlinearField(**shape), NonlinearField(**shape, control_variate="linear")
    x = trajectory(both, 5, n_lane=32).x
    np.testing.assert_array_equal(x[:, :6], trajectory(alone, 5, n_lane=32).x)  # the twin disturbs nothing
    keep, first, second, pull = both.discretisation(0.05).rows[:, :, None]
    linear = both.weights * both.gain
    for v, w, noise in zip(x[:-1, 6:], x[1:, 6:], kicks(both, 0.05, 5, 32), strict=True):
        guess = keep * v + first * (linear @ v) + noise
        expected = guess + second * (linear @ (guess - v)) + pull * (guess - v)
        np.testing.assert_allclose(w, expected, atol=1e-14)


@each_shape
def test_the_kernel_sums_the_entropies_that_the_generic_model_does(shape):
    """LangevinModel knows nothing but drift and noise: the same force by another route, its divergence by differences."""
    model = NonlinearField(**SMALL, **shape)
    x = trajectory(model, 10, n_lane=16).x
    force, steps = model.force(np.moveaxis(x, 1, 0)), np.moveaxis(np.diff(x, axis=0), 1, 0)
    expected = trapezoids(model, x)
    np.testing.assert_allclose(model.path_entropy(x), expected, atol=1e-12)
    # by Simpson's rule it is the same but for the force's second difference
    bend = np.abs(expected - LangevinModel.path_entropy(model, x)).max()
    assert bend <= np.abs(force[:, 1:] - force[:, :-1]).max() * np.abs(steps).sum(axis=0).max() / 3
    generic = LangevinModel.local_entropy_rate(model, x)
    # differences over 2^-13: their remainder of 1e-8 f''', and rounding
    np.testing.assert_allclose(model.local_entropy_rate(x), generic, atol=1e-6)


@each_shape
def test_the_force_differs_from_the_whole_one_by_gradients(shape):
    """D^-1 F less the kernel's force is a function of each site's own state, and a symmetric linear one."""
    model = NonlinearField(**SMALL, **shape)
    x = trajectory(model, 40, dt=0.01, n_lane=16).x
    inverse = np.linalg.inv(model.noise_covariance)
    u = np.moveaxis(x, 1, 0)
    whole = np.tensordot(inverse, model.drift(u, 0.0), axes=1)
    linear = inverse @ model.linear_drift
    origin, value, slope = (row[:, None, None] for row in model._force_in_kernels[-1])
    own = (model.rates * np.diag(model.weights) / np.diag(model.noise_covariance))[:, None, None]
    local = own * (model._of(model.function.value, u) - value - slope * (u - origin))
    left_out = local + np.tensordot((linear + linear.T) / 2, u - origin, axes=1)
    steps = np.moveaxis(np.diff(x, axis=0), 1, 0)
    force = whole - left_out
    expected = ((force[:, 1:] + force[:, :-1]) / 2 * steps).sum(axis=0)
    np.testing.assert_allclose(model.path_entropy(x), expected, atol=1e-12 * np.abs(whole).max())


def test_statistics_sum_what_the_model_makes_of_the_path():
    model, run = NonlinearField(**SMALL, **SHAPES[2]), Run(0.05, 20)
    block = trajectory(model, 20, n_lane=32)
    sums = {}
    for name in ("path_entropy", "site_moments"):
        sums[name] = STATISTICS[name].zero(model)
        STATISTICS[name].accumulate(sums[name], model, block)
        assert STATISTICS[name].n_term(run) == 20
    local = 10 * model.local_entropy_rate(block.x[:20:10]).sum()
    pairs = model.path_entropy(block.x[::2]).sum()
    expected = [local, model.path_entropy(block.x).sum(), pairs]
    np.testing.assert_allclose(sums["path_entropy"].sum(axis=1), expected, rtol=1e-12)
    apart = block.x[:-1] - model.fixed_point[:, None]
    moments = np.concatenate([apart.sum(axis=(0, 2)), (apart**2).sum(axis=(0, 2))])
    np.testing.assert_allclose(sums["site_moments"].sum(axis=1), moments, rtol=1e-12)


# --- orders


def chain(model, dt):
    """Step matrix and noise of a step of the linear field, from the coefficients that the kernel gets."""
    scheme = model.discretisation(dt)
    keep, first, second, pull = scheme.rows[:, :, None]
    linear, one = model.weights * model.gain, np.eye(model.n_field)
    guess = keep * one + first * linear
    corrector = second * linear + pull * one
    kick = one + corrector
    return guess + corrector @ (guess - one), kick @ scheme.noise @ kick.T


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_a_linear_field_the_covariance_is_off_by_the_square_of_the_step(scheme):
    model = NonlinearField(**SMALL, **SHAPES[0], scheme=scheme)
    exact = model.site_covariance

    def error(dt):
        return np.trace(discrete_steps.stationary_covariance(*chain(model, dt)) - exact)

    # error = b dt^2 (1 + O(dt)): the extrapolated ratio of two halvings has the next order left, here below 1e-3
    ratios = [error(dt) / error(dt / 2) for dt in (0.02, 0.01)]
    assert 2 * ratios[1] - ratios[0] == pytest.approx(4, abs=2e-3)


def fitted(steps, values, errors, powers):
    """Coefficients of the powers of dt and their standard errors, by weighted least squares."""
    design = np.array([[dt**p for p in powers] for dt in steps]) / np.array(errors)[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return covariance @ design.T @ (np.array(values) / np.array(errors)), np.sqrt(np.diag(covariance))


RATE, PATH, EXTRAPOLATED = (f"entropy_production_rate{tail}" for tail in ("", "_path", "_extrapolated"))
TURNING = ((0.5, 2.5), (-2.5, 0.5))


def linear_and_square(model, steps, exact, names):
    """{observable: (coefficients, errors)} of a fit of its relative deviation from the exact value by b dt + c dt^2."""
    stored = tuple({need for name in names for need in OBSERVABLES[name].needs_for(type(model))})
    found = []
    for dt in steps:
        means = group_means(model, dt=dt, duration=1500.0, n_lane=512, statistics=stored)
        found.append(estimates(model, means, dt, names))
    values = {name: [each[name].value / exact - 1 for each in found] for name in names}
    errors = {name: [each[name].standard_error / abs(exact) for each in found] for name in names}
    return {name: fitted(steps, values[name], errors[name], (1, 2)) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "matrix"), [("heun", ((0.9, 0.7), (0.7, 0.9))), ("exponential", TURNING)])
def test_nonlinear_steps_are_of_weak_order_two(scheme, matrix):
    """Variance of two sites against the Fokker-Planck equation: no term in dt within its error, a clear one in dt^2."""
    model = TwoSites(scheme=scheme, matrix=matrix, slope=2.0, threshold=0.4)
    steps = (0.1, 0.2, 0.4, 0.8)
    (coefficients, errors), *_ = linear_and_square(model, steps, model.exact_variance(), ["site_variance"]).values()
    assert abs(coefficients[0]) < 4 * errors[0]
    assert abs(coefficients[1]) > 6 * errors[1]


@pytest.mark.slow
def test_the_path_sum_is_low_in_proportion_to_the_step_and_extrapolation_removes_that():
    model = TwoSites(matrix=((0.5, 0.9), (-0.9, 0.5)), slope=2.0, threshold=0.4, noise=((0.1, 0.0), (0.0, 0.1)))
    names = [RATE, PATH, EXTRAPOLATED]
    fits = linear_and_square(model, (0.05, 0.1, 0.2, 0.4), model.exact_rate().value, names)
    assert fits[PATH][0][0] < -20 * fits[PATH][1][0]
    for name in (RATE, EXTRAPOLATED):
        assert abs(fits[name][0][0]) < 4 * fits[name][1][0]
    # what is left of the first order is at most an eighth of what there was
    assert 4 * fits[EXTRAPOLATED][1][0] < abs(fits[PATH][0][0]) / 8
