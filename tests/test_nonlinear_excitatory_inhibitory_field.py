"""Excitation and inhibition with their nonlinearity: homogeneous states, steps in plain numpy, linear and separate limits."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import ParameterError
from nessmap.models.langevin import LangevinModel, Linearised
from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.theory import transfer_functions
from nessmap.theory.linear_response import jacobian
from nessmap.theory.transfer_functions import TRANSFER_FUNCTIONS, homogeneous_fixed_points
from nessmap.theory.two_populations import homogeneous_states
from sampling import estimates, group_means, trajectory, trapezoids

RATE, PATH, EXTRAPOLATED = (f"entropy_production_rate{tail}" for tail in ("", "_path", "_extrapolated"))
VARIANCE = "site_variance"
SMALL = {"n_site": 6, "length": 4.0, "excitatory_width": 0.7, "inhibitory_width": 1.1}
SHAPES = [
    {},
    {"transfer": "tanh", "slope": 1.5, "inhibitory_slope": 0.7, "threshold": 0.2, "inhibitory_time": 2.0},
    {"threshold": 0.3, "inhibitory_threshold": -0.2, "input": 0.4, "inhibitory_input": -0.1, "excitatory_time": 0.4},
    {"transfer": "u/(1+abs(u)) + threshold", "slope": 1.0, "threshold": 0.1, "inhibitory_noise": 0.3},
]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=["logistic", "tanh", "shifted", "formula"])


def field(**shape):
    return NonlinearExcitatoryInhibitoryField(**{**SMALL, **shape})


def measured(model, *, dt=0.02, duration=100.0, n_lane=256):
    stored = ("path_entropy", "site_moments")
    means = group_means(model, dt=dt, duration=duration, n_lane=n_lane, statistics=stored)
    return estimates(model, means, dt, (RATE, PATH, EXTRAPOLATED, VARIANCE))


# --- homogeneous states of two populations


def states_of(name, slopes, thresholds, weights, inputs):
    function = TRANSFER_FUNCTIONS[name]
    return homogeneous_states(function.value, function.derivative, slopes, thresholds, weights, inputs)


def test_two_bistable_populations_that_do_not_meet_have_nine_states():
    alone = [homogeneous_fixed_points("tanh", 1.5, shift, 2.0, shift) for shift in (0.0, 0.1)]
    found = states_of("tanh", [1.5, 1.5], [0.0, 0.1], np.diag([2.0, 2.0]), [0.0, 0.1])
    np.testing.assert_allclose(found, list(itertools.product(*alone)), atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["tanh", "logistic", "arcsinh"]),
    st.tuples(st.floats(0.3, 12.0), st.floats(0.3, 12.0)),
    st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
    st.tuples(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.floats(-2.0, 2.0)),
    st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)
def test_where_only_one_population_drives_the_other_each_is_solved_alone(name, slopes, thresholds, weights, inputs):
    """The first is a population of its own, the second one with the input that the first gives it."""
    own, other, across = weights
    value = TRANSFER_FUNCTIONS[name].value
    expected = [
        (first, second)
        for first in homogeneous_fixed_points(name, slopes[0], thresholds[0], own, inputs[0])
        for second in homogeneous_fixed_points(
            name, slopes[1], thresholds[1], other, inputs[1] + across * float(value(first, slopes[0], thresholds[0]))
        )
    ]
    found = states_of(name, slopes, thresholds, [[own, 0.0], [across, other]], inputs)
    # near a fold two states are one to 1e-4 of their terms, and where they touch Newton's method has half the digits
    apart = [pair for pair in expected if all(np.abs(np.subtract(pair, s)).max() > 5e-3 for s in expected if s != pair)]
    for pair in apart:
        assert np.abs(found - pair).max(axis=1).min() < 1e-6
    assert len(found) <= len(expected)


def test_what_grows_without_bound_has_no_state():
    assert len(states_of("threshold_linear", [1, 1], [0, 0], [[2.0, -0.1], [0.0, -0.5]], [0.1, 0.1])) == 0
    linear = states_of("identity", [1, 1], [0, 0], [[0.9, -1.2], [1.0, -0.5]], [0.3, 0.2])
    weights = np.array([[0.9, -1.2], [1.0, -0.5]])
    np.testing.assert_allclose(linear, [np.linalg.solve(np.eye(2) - weights, [0.3, 0.2])], rtol=1e-13)


# --- the field at its state


@each_shape
def test_the_state_rests_and_its_slope_is_the_linear_field(shape):
    model = field(**shape)
    assert np.abs(model.drift(model.fixed_point[:, None], 0.0)).max() < 1e-12
    found = jacobian(lambda x: model.drift(x, 0.0), model.fixed_point)
    assert np.all(np.abs(found.matrix - model.linear_drift) <= found.error + 1e-12)
    linear = Linearised(model.linear_drift, model.noise_covariance, model.partition)
    names = [RATE, VARIANCE, "mutual_information", "information_flow", "entropy_production_rate_first"]
    for name, prediction in linear.theory(names).items():
        # gains have 12 digits; differences of traces lose some
        assert model.theory([name])[name].value == pytest.approx(prediction.value, rel=1e-8)
        assert model.theory([name])[name].kind == "approximate"
    leading = np.linalg.eigvals(model.linear_drift).real.max()
    assert model.stability().leading_rate == pytest.approx(leading, rel=1e-9)


def test_of_several_states_the_lowest_stable_one_is_taken():
    """Without inhibition a steep excitatory population is bistable: low, threshold and high."""
    model = field(weight_ee=1.0, weight_ei=0.0, slope=8.0, threshold=0.5)
    alone = homogeneous_fixed_points("logistic", 8.0, 0.5, model.spacing * model.kernels_at_sites[0].sum(), 0.0)
    assert len(alone) == 3
    assert model.homogeneous_state[0] == pytest.approx(alone[0], rel=1e-10)


def test_where_slow_inhibition_makes_the_lowest_state_oscillate_the_next_that_rests_is_taken():
    shape = {"slope": 15.0, "inhibitory_slope": 13.0, "threshold": 0.42, "inhibitory_threshold": 0.98, "input": 0.22}
    shape |= {"weight_ee": 2.9, "weight_ei": 1.5, "weight_ie": 2.25, "weight_ii": 0.55, "inhibitory_input": 0.65}
    quick, slow = (field(**shape, inhibitory_time=time) for time in (0.2, 4.3))
    np.testing.assert_array_equal(quick._states, slow._states)
    assert len(slow._states) == 3
    assert quick.homogeneous_state[0] == slow._states[0][0]
    assert slow.homogeneous_state[0] == slow._states[2][0]


def test_where_no_state_rests_the_point_has_no_stationary_state():
    shape = {
        "slope": 12.0,
        "inhibitory_slope": 12.0,
        "weight_ee": 2.0,
        "weight_ei": 2.0,
        "weight_ie": 2.0,
        "weight_ii": 0.0,
    }
    model = field(**shape, threshold=0.3, inhibitory_threshold=0.7, input=0.5, inhibitory_time=5.0)
    assert len(model._states) == 1
    assert model.stability().leading_rate > 0
    assert model.stability().kind == "Hopf"


# --- the kernel


def convolved(width, u, model):
    """Int w(x - x') u(x') dx' at the sites, by summing images."""
    dx, n = model.spacing, model.n_site
    apart = dx * (np.arange(n)[:, None] - np.arange(n)) + model.length * np.arange(-12, 13)[:, None, None]
    kernel = (np.exp(-0.5 * (apart / width) ** 2) / np.sqrt(2 * np.pi) / width).sum(axis=0)
    return dx * np.tensordot(kernel, u, axes=1)


def towards(model, u):
    """What both populations relax to, equation by equation."""
    value = transfer_functions.resolve(model.transfer).value
    sent_e = convolved(model.excitatory_width, value(u[: model.n_site], model.slope, model.threshold), model)
    sent_i = value(u[model.n_site :], model.inhibitory_slope, model.inhibitory_threshold)
    sent_i = convolved(model.inhibitory_width, sent_i, model)
    excitatory = model.weight_ee * sent_e - model.weight_ei * sent_i + model.input
    inhibitory = model.weight_ie * sent_e - model.weight_ii * sent_i + model.inhibitory_input
    return np.concatenate([excitatory, inhibitory])


@pytest.mark.slow
@each_shape
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_the_kernel_makes_the_steps_of_its_scheme_with_a_rate_for_each_population(shape, scheme):
    model, dt = field(**shape, scheme=scheme), 0.1
    x = trajectory(model, 4, dt=dt, n_lane=32).x
    times = np.repeat([model.excitatory_time, model.inhibitory_time], 6)[:, None]
    strengths = np.repeat([model.excitatory_noise, model.inhibitory_noise], 6)[:, None] / model.spacing / times**2
    reach = dt / times
    for n in range(4):
        normals = np.empty((12, 32))
        standard_normals(normals, np.uint64(1), 0, n, PURPOSE_STEP)
        u, force = x[n], towards(model, x[n])
        if scheme == "heun":
            noise = np.sqrt(2 * dt * strengths) * normals
            guess = u + reach * (force - u) + noise
            expected = u + reach / 2 * (force - u + towards(model, guess) - guess) + noise
        else:
            keep, ramp = np.exp(-reach), (reach - 1 + np.exp(-reach)) / reach
            noise = np.sqrt(strengths * times * (1 - keep**2)) * normals
            guess = keep * u + (1 - keep) * force + noise
            expected = guess + ramp * (towards(model, guess) - force)
        np.testing.assert_allclose(x[n + 1], expected, atol=1e-12 * (1 + np.abs(expected).max()))


class CommonNoise(NonlinearExcitatoryInhibitoryField):
    """Noise that both populations share in part."""

    @property
    def noise_covariance(self):
        own = np.diag(self._per_site(self.white_noise))
        shared = 0.5 * np.sqrt(np.prod(self.white_noise)) * np.eye(self.n_site)
        return own + np.block([[0 * shared, shared], [shared, 0 * shared]])


@pytest.mark.parametrize("dt", [1e-4, 0.1, 2.0])
def test_exponential_steps_add_the_noise_that_decays_at_the_rates_of_both(dt):
    """2 Int_0^dt e^(-r_i s) D_ij e^(-r_j s) ds, by quadrature."""
    model = CommonNoise(**SMALL, inhibitory_time=3.0, scheme="exponential")
    nodes, weights = np.polynomial.legendre.leggauss(20)
    decayed = np.exp(-model.rates[:, None] * dt * (nodes + 1) / 2)
    expected = model.noise_covariance * np.einsum("in,jn,n->ij", decayed, decayed, dt * weights)
    np.testing.assert_allclose(model.discretisation(dt).noise, expected, rtol=1e-12)


@pytest.mark.slow
@each_shape
def test_the_kernel_sums_the_entropies_that_the_generic_model_does(shape):
    """LangevinModel knows nothing but drift and noise: the same force by another route, its divergence by differences."""
    model = field(**shape)
    x = trajectory(model, 10, n_lane=16).x
    np.testing.assert_allclose(model.path_entropy(x), trapezoids(model, x), atol=1e-12)
    generic = LangevinModel.local_entropy_rate(model, x)
    # differences over 2^-13: their remainder of 1e-8 f''', and rounding
    np.testing.assert_allclose(model.local_entropy_rate(x), generic, atol=1e-5)


# --- limits


@pytest.mark.slow
def test_populations_that_do_not_meet_produce_what_two_fields_do():
    shape = {"slope": 3.0, "threshold": 0.3, "input": 0.2, "inhibitory_slope": 2.0, "inhibitory_time": 0.5}
    model = field(**shape, weight_ei=0.0, weight_ie=0.0, weight_ee=0.9, weight_ii=0.7)
    shared = {"n_site": 6, "length": 4.0}
    excitatory = NonlinearField(
        **shared,
        kernel_width=0.7,
        coupling=0.9,
        slope=3.0,
        threshold=0.3,
        input=0.2,
        noise_strength=model.excitatory_noise,
    )
    inhibitory = NonlinearField(
        **shared, kernel_width=1.1, coupling=-0.7, slope=2.0, time_constant=0.5, noise_strength=model.inhibitory_noise
    )
    np.testing.assert_allclose(
        model.fixed_point, np.concatenate([excitatory.fixed_point, inhibitory.fixed_point]), atol=1e-12
    )
    assert model.theory([RATE])[RATE].value == pytest.approx(0.0, abs=1e-12)
    x = trajectory(model, 10, n_lane=16).x
    halves = (excitatory, np.ascontiguousarray(x[:, :6])), (inhibitory, np.ascontiguousarray(x[:, 6:]))
    for ask in ("path_entropy", "local_entropy_rate"):
        expected = sum(getattr(one, ask)(half) for one, half in halves)
        np.testing.assert_allclose(getattr(model, ask)(x), expected, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_a_linear_transfer_function_gives_the_linear_field(scheme):
    model = field(transfer="identity", slope=1.0, inhibitory_slope=0.8, scheme=scheme)
    theory = model.linearised.theory([RATE, VARIANCE])
    found = measured(model, dt=0.01)
    # the schemes are off by (dt/tau)^2 of order one, 4e-4 of the values; the path sum by its rate times dt before extrapolation
    for name in (RATE, EXTRAPOLATED):
        assert abs(found[name].value - theory[RATE].value) < 4 * found[name].standard_error + 1e-3 * theory[RATE].value
    assert (
        abs(found[VARIANCE].value - theory[VARIANCE].value)
        < 4 * found[VARIANCE].standard_error + 1e-3 * theory[VARIANCE].value
    )


@pytest.mark.slow
def test_linear_response_is_the_limit_of_weak_noise():
    """Strengths a factor of four apart: measured less linear is of first order in the noise."""
    differences, errors = [], []
    for factor in (0.08, 0.02):
        model = field(excitatory_noise=0.1 * factor, inhibitory_noise=0.05 * factor)
        exact, found = model.theory([RATE])[RATE].value, measured(model)[EXTRAPOLATED]
        differences.append(found.value / exact - 1)
        errors.append(found.standard_error / exact)
    limit, error = (4 * differences[1] - differences[0]) / 3, np.hypot(4 * errors[1], errors[0]) / 3
    assert abs(limit) < 4 * error + differences[0] ** 2 + 1e-3


@pytest.mark.slow
def test_the_linear_twin_takes_noise_off_a_field_that_is_nearly_linear():
    model = field(control_variate="linear", excitatory_noise=0.004, inhibitory_noise=0.002)
    stored = ("path_entropy", "site_moments", "twin_entropy")
    means = group_means(model, dt=0.02, duration=50.0, n_lane=256, statistics=stored)
    found = estimates(model, means, 0.02, (RATE, "entropy_production_rate_controlled"))
    controlled, error = found["entropy_production_rate_controlled"], found[RATE].standard_error
    assert abs(controlled.value - found[RATE].value) < 4 * np.hypot(controlled.standard_error, error)
    assert controlled.standard_error < error / 2


# --- what is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"excitatory_width": 0.3}, r"excitatory_width = 0.3, expected >= 0.6667 .*; raise n_site to 14"),
        (
            {"transfer": "threshold_linear", "slope": 1.0, "weight_ee": 2.0, "weight_ei": 0.0, "input": 0.1},
            "weight_ee = 2.0, expected one with a homogeneous state; lower weights x slopes, or raise the inhibition",
        ),
        ({"transfer": "-tanh(u)"}, r"expected one that grows at the homogeneous state, found slopes -"),
        ({"transfer": "sigmoid"}, "transfer = 'sigmoid', expected a transfer function"),
    ],
)
def test_what_has_no_state_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(ParameterError, match=message):
        field(**parameters)


def test_changed_noise_changes_neither_state_nor_linear_rate_of_both_alike():
    model = field()
    louder = dataclasses.replace(model, excitatory_noise=0.2, inhibitory_noise=0.1)
    np.testing.assert_array_equal(model.fixed_point, louder.fixed_point)
    assert louder.theory([RATE])[RATE].value == pytest.approx(model.theory([RATE])[RATE].value, rel=1e-10)
