"""Linearisation: exact Jacobians, errors that hold, fixed points that are ones, neutral modes, what linear theory neglects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory import gaussian, spatial
from nessmap.theory.linear_response import (
    diffusion_at,
    fixed_point,
    jacobian,
    linearise,
    neglected_share,
    project_neutral,
)
from nessmap.theory.nonlinear_equilibria import NonlinearField
from nessmap.theory.transfer_functions import gain, homogeneous_fixed_points

EXAMPLES = settings(max_examples=60, deadline=None)
SIZES = st.floats(-3.0, 3.0, allow_subnormal=False)


def ring_field(n_site=16, weight=1.5, width=0.6, length=4.0):
    """Even Gaussian kernel, logistic f, and the input that makes u = 0.1 a homogeneous state."""
    reach = 9 * width
    values = spatial.summed_over_images(
        lambda x: spatial.PROFILES["gaussian"].value(x, width, 0.0, 0.0), n_site, length, reach
    )
    weights = weight * length / n_site * spatial.circulant(values)
    field = NonlinearField(weights, "logistic", 2.0, 0.4)
    drive = 0.1 - weights.sum(axis=1)[0] * float(field.response(np.array(0.1)))
    return NonlinearField(weights, "logistic", 2.0, 0.4, drive)


@EXAMPLES
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_the_jacobian_of_a_polynomial_is_exact_within_its_error(seed, n_dim):
    rng = np.random.default_rng(seed)
    linear, square, cube = (rng.normal(size=(n_dim, n_dim)) for _ in range(3))
    state = rng.normal(size=n_dim)
    found = jacobian(
        lambda x: sum(np.tensordot(m, x**p, axes=1) for p, m in ((1, linear), (2, square), (3, cube))), state
    )
    exact = linear + 2 * square * state + 3 * cube * state**2
    assert (np.abs(found.matrix - exact) <= found.error).all()
    # two extrapolations are exact for a cubic: what is left is rounding over a step of 1/16
    assert found.error.max() < 1e-11


@EXAMPLES
@given(st.sampled_from(["sin", "tanh", "bell", "logistic"]), st.floats(0.2, 12.0), SIZES, SIZES)
def test_the_error_of_a_jacobian_is_honest(kind, steepness, centre, state):
    functions = {
        "sin": (lambda y: np.sin(y), lambda y: np.cos(y)),
        "tanh": (lambda y: np.tanh(y), lambda y: np.cosh(y) ** -2),
        "bell": (lambda y: np.exp(-(y**2)), lambda y: -2 * y * np.exp(-(y**2))),
        "logistic": (lambda y: 1 / (1 + np.exp(-y)), lambda y: 1 / (4 * np.cosh(y / 2) ** 2)),
    }
    value, slope = functions[kind]
    found = jacobian(lambda x: value(steepness * (x - centre)) - x, [state])
    exact = steepness * slope(steepness * (state - centre)) - 1
    assert abs(found.matrix[0, 0] - exact) <= found.error[0, 0]
    assert found.error[0, 0] < 1e-6  # and it is worth having


def test_rounding_that_a_fixed_point_hides_is_part_of_the_error():
    # the drift is a small difference of terms 1e4: its own size says nothing
    found = jacobian(lambda x: (x + 1e4 * np.cos(x)) - 1e4, [0.0])
    assert 1e-12 < found.error[0, 0] < 1e-8
    assert abs(found.matrix[0, 0] - 1) <= found.error[0, 0]


def test_central_differences_are_of_second_order_and_each_extrapolation_gains_two():
    steps = 0.25 * 0.5 ** np.arange(4)
    rows = [(np.exp(steps) - np.exp(-steps)) / (2 * steps)]
    for order in (1, 2):
        rows.append(rows[-1][1:] + np.diff(rows[-1]) / (4**order - 1))
    for order, row in enumerate(rows, 1):
        ratio = np.log2((row[0] - 1) / (row[1] - 1))
        assert ratio == pytest.approx(2 * order, abs=0.05)  # the next order at h = 1/4
    # the whole table: what these three columns lead to
    assert jacobian(np.exp, [0.0]).matrix[0, 0] == pytest.approx(1, abs=1e-13)


def test_a_tolerance_saves_evaluations():
    count = {}

    def drift(x, key):
        count[key] = count.get(key, 0) + 1
        return np.sin(x)

    for tolerance in (1e-3, 0.0):
        found = jacobian(lambda x, key=tolerance: drift(x, key), [0.3], tolerance=tolerance)
        assert found.error[0, 0] <= max(tolerance, 1e-11)
    assert count[1e-3] < count[0.0]


@pytest.mark.parametrize("distance", [0.0, 1e-3])
def test_a_kink_makes_the_error_as_large_as_the_jump_of_the_slope(distance):
    found = jacobian(lambda x: np.maximum(x, 0.0) - x, [distance])
    exact = -0.5 if distance == 0 else 0.0  # the mean slope; the one to the right
    assert abs(found.matrix[0, 0] - exact) <= found.error[0, 0] + 1e-12
    assert 0.5 < found.error[0, 0] < 1.5


@EXAMPLES
@given(st.sampled_from(["tanh", "logistic"]), st.floats(0.5, 6.0), SIZES, SIZES, SIZES)
def test_a_fixed_point_that_converged_is_one_of_the_known_states(name, slope, weight, drive, guess):
    field = NonlinearField(np.array([[weight]]), name, slope, 0.3, drive)
    found = fixed_point(field.drift, [guess])
    states = homogeneous_fixed_points(name, slope, 0.3, weight, drive)
    assert found.converged  # some state exists always
    lever = np.abs(1 - weight * gain(name, slope, 0.3, states)).min()
    # |F| < 1e-12 over the slope there; a double state: its square root
    assert np.abs(states - found.state[0]).min() < min(1e-5, 1e-11 / max(lever, 1e-300) + 1e-12)


def test_newton_finds_all_three_states_of_a_pitchfork_and_relaxation_the_outer_ones():
    def drift(x):
        return np.stack([0.25 * x[0] - x[0] ** 3, -x[1]])

    for start, state in ((0.05, 0.0), (0.9, 0.5), (-0.9, -0.5)):
        found = fixed_point(drift, [start, 0.4])
        assert found.converged
        np.testing.assert_allclose(found.state, [state, 0.0], atol=1e-11)
    rates = [linearise(drift, np.eye(2), [start, 0.4]).leading_rate for start in (0.05, 0.9)]
    assert rates == pytest.approx([0.25, -0.5], abs=1e-9)  # mu, -2 mu


def test_where_there_is_no_fixed_point_none_is_returned():
    found = fixed_point(lambda x: x**2 + 1.0, [0.4])
    assert not found.converged
    assert found.residual >= 1
    with pytest.raises(ValueError, match=r"residual 1.*expected a fixed point"):
        linearise(lambda x: x**2 + 1.0, np.eye(1), [0.4])


def test_the_jacobian_of_a_field_is_the_weighted_gain():
    field = ring_field()
    system = linearise(field.drift, np.eye(16), np.full(16, 0.3))
    np.testing.assert_allclose(system.state, 0.1, atol=1e-11)
    exact = field.weights * field.gain(system.state) - np.eye(16)
    assert (np.abs(system.drift_matrix - exact) <= system.error).all()
    assert system.error.max() < 1e-10
    assert system.leading_rate == pytest.approx(np.linalg.eigvals(exact).real.max(), abs=1e-10)


@pytest.mark.parametrize("noise", ["white", "commuting", "gain matched"])
def test_a_reversible_field_stays_exactly_reversible_through_its_linearisation(noise):
    field = ring_field(8)
    diffusion = {
        "white": 0.3 * np.eye(8),
        "commuting": field.weights + 0.2 * np.eye(8),
        "gain matched": lambda u: 0.1 / field.gain(u),
    }[noise]
    if noise == "gain matched":  # a bump: local input, unequal gains
        drive = np.asarray(field.input) + np.exp(-(np.linspace(-2, 2, 8) ** 2))
        field = NonlinearField(field.weights, "logistic", 2.0, 0.4, drive)
    system = linearise(field.drift, diffusion, np.zeros(8))
    assert gaussian.entropy_production_rate(system.drift_matrix, system.diffusion_matrix) == 0.0
    assert system.defect_bound < 1e-9


def test_an_asymmetry_beyond_the_error_is_kept():
    field = ring_field(8)
    weights = field.weights.copy()
    weights[0, 1] += 1e-6
    tilted = NonlinearField(weights, "logistic", 2.0, 0.4, field.input)
    system = linearise(tilted.drift, np.eye(8), np.zeros(8))
    exact = weights * tilted.gain(system.state) - np.eye(8)
    rate = gaussian.entropy_production_rate(system.drift_matrix, system.diffusion_matrix)
    # the rate is a square of 4e-7; its relative error is twice that of the asymmetry
    relative = 2 * system.defect_bound / 4e-7
    assert rate == pytest.approx(gaussian.entropy_production_rate(exact, np.eye(8)), rel=10 * relative)


def test_diffusions_of_every_kind_become_one_matrix():
    state = np.array([1.0, 2.0])
    for kind in (np.diag([1.0, 2.0]), [1.0, 2.0], lambda u: u, lambda u: np.diag(u)):
        np.testing.assert_array_equal(diffusion_at(kind, state), np.diag(state))


def test_the_complement_of_a_neutral_mode_has_the_other_rates_and_the_law_of_the_shape():
    rng = np.random.default_rng(3)
    mode = rng.normal(size=5)
    mode /= np.linalg.norm(mode)
    drift = (rng.normal(size=(5, 5)) - 4 * np.eye(5)) @ (np.eye(5) - np.outer(mode, mode))
    root = rng.normal(size=(5, 5))
    projected = project_neutral(drift, root @ root.T, 3 * mode)
    expected = np.delete(np.linalg.eigvals(drift), np.abs(np.linalg.eigvals(drift)).argmin())
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(projected.drift_matrix)), np.sort_complex(expected), atol=1e-12
    )
    np.testing.assert_allclose(mode @ projected.basis, 0.0, atol=1e-14)
    # holding the mode with a rate that tends to 0 leaves the shape as it is
    held = gaussian.stationary_covariance(drift - 1e-7 * np.outer(mode, mode), root @ root.T)
    shape = projected.basis.T @ held @ projected.basis
    alone = gaussian.stationary_covariance(projected.drift_matrix, projected.diffusion)
    np.testing.assert_allclose(shape, alone, rtol=1e-6)


def test_a_mode_that_decays_is_not_neutral():
    with pytest.raises(ValueError, match=r"rate 0\.1 \[1/tau\], expected 0"):
        project_neutral(np.diag([-0.1, -1.0]), np.eye(2), [1.0, 0.0])


@EXAMPLES
@given(st.integers(0, 2**31))
def test_the_size_of_the_second_order_agrees_with_isserlis_theorem(seed):
    rng = np.random.default_rng(seed)
    n_dim = int(rng.integers(1, 4))
    linear = rng.normal(size=(n_dim, n_dim))
    square = rng.normal(size=(n_dim,) * 3)
    square = square + square.swapaxes(1, 2)
    root = rng.normal(size=(n_dim, n_dim)) + np.eye(n_dim)
    spread = root @ root.T + 0.1 * np.eye(n_dim)
    found = neglected_share(
        lambda x: np.tensordot(linear, x, axes=1) + np.einsum("ijk,j...,k...->i...", square, x, x) / 2,
        np.zeros(n_dim),
        linear,
        spread,
        n_point=2**15,
    )
    # <(x B x)^2> = (tr B S)^2 + 2 tr (B S)^2 for symmetric B
    product = square @ spread
    mean_square = np.trace(product, axis1=1, axis2=2) ** 2 + 2 * np.einsum("iab,iba->i", product, product)
    exact = np.sqrt(mean_square.sum() / 4 / np.trace(linear @ spread @ linear.T))
    # squares of squares of normals have a variance of at most 96 mean squares: 4 sqrt(96/2^15)/2 for the root
    assert found == pytest.approx(exact, rel=0.11)


def test_the_neglected_part_grows_as_the_root_of_the_noise_and_vanishes_for_a_linear_drift():
    field = ring_field(8)
    system = linearise(field.drift, np.eye(8), np.zeros(8))
    covariance = gaussian.stationary_covariance(system.drift_matrix, np.eye(8))
    sizes = [
        neglected_share(field.drift, system.state, system.drift_matrix, strength * covariance)
        for strength in (0.0001, 0.0004)
    ]
    # the next order is smaller by the square of a spread of at most 0.02
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=2e-3)
    assert neglected_share(lambda x: -2.0 * x, np.zeros(3), -2.0 * np.eye(3), np.eye(3)) < 1e-15


def test_a_drift_that_is_not_finite_or_changes_its_shape_is_refused():
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(ValueError, match="not finite"):
        jacobian(lambda x: np.log(x), [-1.0])
    with pytest.raises(ValueError, match="expected the same shape"):
        jacobian(lambda x: x.sum(axis=0), [1.0, 2.0])
