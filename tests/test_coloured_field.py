"""A field driven by noise with a memory: three entropy production rates, what each of them sees, and what cancels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField
from nessmap.models.coloured_field import ColouredField
from nessmap.theory import coloured

JOINT, ODD, MARGINAL = (f"entropy_production_rate_{which}" for which in ("joint", "odd_velocity", "marginal"))
RING = {"n_site": 8, "length": 4.0, "coupling": 0.8}
EXAMPLES = settings(max_examples=20, deadline=None)
FIELDS = st.fixed_dictionaries(
    {
        "n_site": st.integers(3, 9),
        "length": st.just(2.1),
        "coupling": st.floats(-2.0, 0.9),
        "shift": st.floats(-1.0, 1.0),
        "noise_correlation_length": st.sampled_from([0.0, 0.4, 1.0]),
        "time_constant": st.floats(0.3, 3.0),
    }
)


def value(model, name):
    return model.theory([name])[name].value


def white_rate(parameters):
    own = {name: v for name, v in parameters.items() if name in AmariField.parameters()}
    return AmariField(**own).theory(["entropy_production_rate"])["entropy_production_rate"].value


# --- one correlation time for all sites: a filter, which cancels


@EXAMPLES
@given(FIELDS, st.floats(0.05, 20.0))
def test_a_common_correlation_time_leaves_the_rate_of_white_noise(parameters, time):
    """The spectral matrix of u is that of the white field times 1 / (1 + nu^2 tc^2), which cancels."""
    model = ColouredField(correlation_time=time, **parameters)
    expected = white_rate(parameters)
    # 1e-9: condition of the noise covariance (100) times that of the joint system, in units of 1e-16
    assert value(model, ODD) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    # absolute: at equilibrium the integrand is rounding, over a band of the fastest rate
    assert value(model, MARGINAL) == pytest.approx(expected, rel=1e-8, abs=1e-10)


@EXAMPLES
@given(FIELDS, st.floats(0.05, 20.0), st.floats(0.01, 0.5))
def test_even_a_path_sampled_in_steps_does_not_see_a_common_correlation_time(parameters, time, dt):
    """(1 - tc^2 d^2/dt^2) C_u(t) is the correlation of the white field at every t, not in the limit alone."""
    model = ColouredField(correlation_time=time, **parameters)
    own = {name: v for name, v in parameters.items() if name in AmariField.parameters()}
    at_steps = coloured.odd_velocity_path_rate_at(model.field_drift, model.field_diffusion, model.correlation_times, dt)
    assert at_steps == pytest.approx(AmariField(**own).path_entropy_production_rate(dt), rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "difference_of_gaussians", "wizard_hat"])
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_an_even_kernel_is_reversible_for_the_field_alone(kernel, correlation):
    model = ColouredField(kernel=kernel, noise_correlation_length=correlation, **RING)
    assert value(model, ODD) == 0.0
    assert value(model, MARGINAL) < 1e-12  # rounding of the spectral integral
    assert not model.odd_velocity_weights.any()
    assert not model.odd_velocity_path_weights.any()


# --- correlation times that differ


def test_different_correlation_times_make_an_even_kernel_irreversible_as_the_square_of_their_difference():
    def coefficient(epsilon):
        both = (value(ColouredField(correlation_time_heterogeneity=side * epsilon, **RING), ODD) for side in (-1, 1))
        return sum(both) / (2 * epsilon**2)

    fine, middle, coarse = (coefficient(epsilon) for epsilon in (0.02, 0.04, 0.08))
    assert fine > 1e-4
    # an even series in epsilon: each halving leaves a quarter of the next term, relatively 0.08^2 off
    assert (coarse - middle) / (middle - fine) == pytest.approx(4.0, rel=10 * 0.08**2)


@pytest.mark.parametrize("heterogeneity", [-0.7, 0.3])
def test_odd_velocity_and_the_path_of_u_alone_are_one_rate_for_any_correlation_times(heterogeneity):
    """The velocity is a function of the path of u, so nothing is hidden from it."""
    model = ColouredField(shift=0.4, correlation_time_heterogeneity=heterogeneity, **RING)
    assert value(model, ODD) == pytest.approx(value(model, MARGINAL), rel=1e-8)
    assert abs(value(model, ODD) / white_rate(RING | {"shift": 0.4}) - 1) > 0.01


def test_correlation_times_differ_as_the_profile_says():
    times = ColouredField(correlation_time=2.0, correlation_time_heterogeneity=0.5, **RING).correlation_times
    assert times.mean() == pytest.approx(2.0, rel=1e-12)
    assert times.argmax() in (1, 2)  # middle of the left half, sites 0 .. 3
    np.testing.assert_allclose(times[:4] + times[4:], 4.0, rtol=1e-12)


# --- the joint rate


def test_the_joint_rate_is_infinite_without_white_noise_and_diverges_as_its_inverse():
    """omega^2/gamma + (d/D_u) c(gamma, omega, tc) mode by mode: linear in 1/D_u, with the white-noise rate left over."""
    field = RING | {"shift": 0.4}
    assert value(ColouredField(**field), JOINT) == np.inf
    rates = [value(ColouredField(intrinsic_noise=noise, **field), JOINT) for noise in (0.1, 0.05, 0.025)]
    assert rates[2] - rates[1] == pytest.approx(2 * (rates[1] - rates[0]), rel=1e-9)
    assert 2 * rates[0] - rates[1] == pytest.approx(white_rate(field), rel=1e-8)


def test_the_joint_rate_does_not_vanish_for_an_even_kernel():
    """d / (D_u tc (1 + gamma tc)) per mode: noise that is even drives u one way."""
    model = ColouredField(intrinsic_noise=0.05, correlation_time=0.7, **RING)
    field = AmariField(**RING)
    decay, noise = field.modes.decay, field.modes.diffusion
    intrinsic = 0.05 / field.spacing
    expected = (noise / (intrinsic * 0.7 * (1 + decay * 0.7))) @ field.modes.multiplicity
    assert value(model, JOINT) == pytest.approx(expected, rel=1e-9)


def test_the_rate_of_the_field_alone_is_less_than_the_joint_one():
    """To see less is to see less irreversibility."""
    model = ColouredField(shift=0.4, intrinsic_noise=0.05, correlation_time_heterogeneity=0.5, **RING)
    assert 0 < value(model, MARGINAL) < value(model, JOINT)
    assert ODD not in model.theory()  # with white noise of its own u has no velocity


# --- fluctuations


@pytest.mark.parametrize("time", [0.01, 0.7, 5.0])
def test_structure_factor_of_a_coloured_field(time):
    """(d/gamma) (1 + gamma tc) / ((1 + gamma tc)^2 + omega^2 tc^2), against the covariance of the joint system."""
    model = ColouredField(shift=0.4, correlation_time=time, noise_correlation_length=0.5, **RING)
    white = AmariField(shift=0.4, noise_correlation_length=0.5, **RING)
    covariance = model.stationary_covariance[:8, :8]
    modes = white.modes
    expected = coloured.structure_factor_coloured(modes.decay, modes.rotation, modes.diffusion, time)
    np.testing.assert_allclose(np.fft.rfft(covariance[:, 0]).real, expected, rtol=1e-10)
    assert value(model, "site_variance") == pytest.approx(expected @ modes.multiplicity / 8, rel=1e-10)


def test_a_short_memory_is_white_noise():
    """S differs from d/gamma by a relative (gamma - omega^2/gamma) tc, at first order."""
    white = AmariField(shift=0.4, **RING)
    model = ColouredField(shift=0.4, correlation_time=1e-6, **RING)
    expected = white.theory(["site_variance"])["site_variance"].value
    assert value(model, "site_variance") == pytest.approx(expected, rel=2e-6 * np.abs(white.modes.decay).max())
    information = white.theory(["mutual_information"])["mutual_information"].value
    assert value(model, "mutual_information") == pytest.approx(information, rel=1e-4)  # a few terms of that size


def test_a_correlation_time_of_the_wrong_sign_is_refused():
    with pytest.raises(ParameterError, match="expected between -1 and 1; every site's time is positive"):
        ColouredField(correlation_time_heterogeneity=1.0)
