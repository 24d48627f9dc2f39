"""A bump of activity: its fixed point and gain from the nonlinear field, and the noise that is reversible there."""

import numpy as np
import pytest

from nessmap.model import ParameterError
from nessmap.models.pinned_bump import PinnedBump
from nessmap.theory import transfer_functions

CASES = [
    {},
    {"weight": 2.0, "pull": 0.6, "n_site": 21},
    {"transfer": "tanh", "slope": 1.5, "weight": 0.6, "n_site": 12},
]


def rate(model):
    return model.theory(["entropy_production_rate"])["entropy_production_rate"].value


def field_velocity(model, u):
    """The full nonlinear drift (-u + W f(u) + I) / tau, its kernel summed over images in space."""
    n, dx = model.n_site, model.length / model.n_site
    distance = (np.arange(n)[:, None] - np.arange(n)[None, :]) * dx

    def gaussian(width):
        images = (np.exp(-0.5 * ((distance + m * model.length) / width) ** 2) for m in range(-30, 31))
        return sum(images) / (np.sqrt(2 * np.pi) * width)

    kernel = gaussian(model.kernel_width) - model.inhibition * gaussian(model.inhibition_width)
    drive = model.slope * (u - model.threshold)
    activity = np.tanh(drive) if model.transfer == "tanh" else 1 / (1 + np.exp(-drive))
    return (-u + model.weight * dx * kernel @ activity + model.local_input) / model.time_constant


@pytest.mark.parametrize("parameters", CASES)
def test_the_bump_rests_in_the_nonlinear_field(parameters):
    model = PinnedBump(time_constant=2.0, **parameters)
    residual = field_velocity(model, model.fixed_point)
    assert np.abs(residual).max() < 1e-12 * (1 + np.abs(model.fixed_point).max())  # of Newton's criterion and rounding


@pytest.mark.parametrize("parameters", CASES)
def test_the_linear_drift_is_the_jacobian_of_the_nonlinear_field(parameters):
    """Central differences: an error of step^2 f''' / 6 with |f'''| <= slope^3, and rounding of 1e-16 / step."""
    model, step = PinnedBump(time_constant=2.0, **parameters), 1e-4
    columns = [
        (field_velocity(model, model.fixed_point + d) - field_velocity(model, model.fixed_point - d)) / (2 * step)
        for d in step * np.eye(model.n_site)
    ]
    bound = step**2 * model.slope**3 * np.abs(model.weights).max() + 1e-15 / step
    np.testing.assert_allclose(np.array(columns).T, model.linear_drift, atol=bound)


def test_the_gain_is_largest_on_the_flanks_of_the_bump_and_the_drift_is_not_symmetric():
    """In its middle the bump saturates: the least gain is there, the largest where the field crosses the threshold."""
    model = PinnedBump()
    distance = np.abs(model.fixed_point - model.threshold)
    assert set(model.gain.argsort()[-2:]) == set(distance.argsort()[:2]) == {4, 11}
    assert set(model.gain.argsort()[:2]) == {7, 8}
    np.testing.assert_allclose(model.weights, model.weights.T, atol=1e-17)
    assert np.abs(model.linear_drift - model.linear_drift.T).max() > 0.05


def test_the_bump_is_centred_in_its_half_of_the_ring():
    u = PinnedBump().fixed_point
    np.testing.assert_allclose(u[4:8], u[11:7:-1], rtol=1e-12)  # mirror image about the middle of sites 4 .. 11
    assert u.argmax() in (7, 8)


# --- which noise is reversible


@pytest.mark.parametrize("parameters", CASES)
def test_noise_inverse_to_the_gain_is_at_equilibrium_exactly_and_uniform_noise_is_not(parameters):
    """W g C is symmetric for C = D_0 / g: W itself."""
    assert rate(PinnedBump(noise_exponent=1.0, **parameters)) == 0.0
    assert rate(PinnedBump(noise_exponent=0.0, **parameters)) > 1e-5
    assert rate(PinnedBump(noise_exponent=2.0, **parameters)) > 1e-5


def test_entropy_production_grows_as_the_square_of_the_distance_from_equilibrium():
    """(1 - alpha)^2 (c + c' (1 - alpha) + ..): the mean of both sides is an even series."""

    def coefficient(distance):
        return sum(rate(PinnedBump(noise_exponent=1 + side * distance)) for side in (-1, 1)) / (2 * distance**2)

    fine, middle, coarse = (coefficient(distance) for distance in (0.01, 0.02, 0.04))
    assert (coarse - middle) / (middle - fine) == pytest.approx(
        4.0, rel=0.01
    )  # the term after distance^2 is distance^4
    assert fine == pytest.approx((4 * fine - middle) / 3, rel=1e-3)


def test_neither_the_strength_of_the_noise_nor_the_time_constant_changes_entropy_per_relaxation():
    one, louder, slower = (PinnedBump(**p) for p in ({}, {"noise_strength": 1.0}, {"time_constant": 4.0}))
    assert rate(louder) == pytest.approx(rate(one), rel=1e-12)
    assert rate(slower) == pytest.approx(rate(one) / 4, rel=1e-12)


def test_without_a_bump_the_fluctuations_are_at_equilibrium():
    """A uniform state has one gain everywhere."""
    model = PinnedBump(pull=0.0)
    np.testing.assert_allclose(model.gain, model.gain[0], rtol=1e-12)
    assert rate(model) < 1e-25  # the square of a relative rounding of the gain


def test_mean_noise_is_the_same_for_every_exponent():
    traces = [np.trace(PinnedBump(noise_exponent=exponent).linear_diffusion) for exponent in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(traces, 0.01 * 16 / 8.0 * 16, rtol=1e-12)


def test_gain_of_the_model_is_that_of_its_transfer_function():
    model = PinnedBump(transfer="tanh", slope=1.5, weight=0.6)
    expected = transfer_functions.gain("tanh", 1.5, model.threshold, model.fixed_point)
    np.testing.assert_allclose(model.gain, expected, rtol=1e-14)


# --- what is refused


def test_noise_that_would_follow_a_gain_over_six_decades_is_refused():
    with pytest.raises(ParameterError, match="expected 0: the gain spans more than six decades"):
        PinnedBump(slope=40.0, noise_exponent=0.5)
    assert rate(PinnedBump(slope=40.0)) >= 0.0


def test_a_kernel_narrower_than_the_grid_is_refused():
    with pytest.raises(ParameterError, match=r"pinned_bump: kernel_width = 0.3, expected >= 0.5 .*raise n_site to 27"):
        PinnedBump(kernel_width=0.3)
