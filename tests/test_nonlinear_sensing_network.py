"""Neurons with tuning curves, as a model: exact moments and heat at finite steps, reference numbers, kernels, information."""

import math

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.model import ParameterError, Run
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.theory.binned_information import histogram_information
from nessmap.theory.nonlinear_information import nonlinear_information
from nessmap.theory.nonlinear_sensing import network_response, neuron_response, tuning_spectrum
from nessmap.theory.sensing import SensingNetwork
from nessmap.theory.sensing_steps import stepped_response
from sampling import estimates, expectations, group_means, observed, run_of

STATISTICS = ("neuron_heat", "activity_moments", "activity_histogram")
MIXED = {
    "n_neuron": 3,
    "signal_to_noise": 2.0,
    "rate_ratio": 3.0,
    "gain_heterogeneity": 0.5,
    "rate_heterogeneity": -0.4,
    "recurrence": 0.8,
    "recurrence_kind": "antisymmetric",
}
TUNED = {"tuning": "tanh", "slope": 2.0, "threshold": 0.3, "threshold_spread": 0.7}


def heat(model):
    return model.theory(["neuron_heat_rate"])["neuron_heat_rate"].value


def model_of(name):
    """The model of a reference: activity in units of the noise of a neuron."""
    case = SENSING[name]["params"]
    rate, scale = case["rho"], case["s2"] ** case["alpha"] * case.get("g", 1.0) ** 2
    tuning = {"quad": {"tuning": "quadratic"}, "tanh": {"tuning": "tanh"}}
    own = tuning.get(case["f"], {"tuning": "power", "exponent": case["alpha"]})
    strength = scale * rate / case["D_r"]
    return NonlinearSensingNetwork(
        signal_to_noise=strength, rate_ratio=rate / case["kappa"], time_constant=1 / rate, **own
    )


# --- theory of the steps that are simulated


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_one_neuron_of_a_network_steps_as_one_neuron(seed):
    random = np.random.default_rng(seed)
    kappa, rho, noise = np.exp(random.normal(size=3))
    dt, exponent = float(random.uniform(0.001, 0.5)), float(random.uniform(0.5, 3.0))
    spectrum = tuning_spectrum(lambda v: np.abs(v) ** exponent + v, 1.0, 200)
    one = neuron_response(spectrum, kappa, 1.0, rho, noise, dt)
    found = stepped_response(SensingNetwork(kappa, 1.0, [1.0], rho, noise), spectrum, dt)
    assert float(found.mean[0]) == pytest.approx(one.mean, rel=ROUNDED)
    assert float(found.signal_covariance[0]) == pytest.approx(one.covariance, rel=ROUNDED)
    # 1e-6: tails of 200 terms; here every product of a term with itself has its own decay, there the squares
    assert float(found.covariance[0, 0]) == pytest.approx(one.variance, rel=1e-6)
    assert float(found.entropy_flow[0]) == pytest.approx(one.entropy_flow, rel=1e-4)


@pytest.mark.slow
def test_a_network_in_steps_tends_to_the_network_in_continuous_time_at_first_order():
    model = NonlinearSensingNetwork(**MIXED, **TUNED)
    found = [model.response_at(dt) for dt in (0.02, 0.01, 0.005)]
    missing = [float(model.response.entropy_flow.sum() - step.entropy_flow.sum()) for step in found]
    # relative corrections of the order of dt times the fastest rate, 1.4
    assert missing[0] / missing[1] == pytest.approx(2.0, rel=0.02 * 1.4 * 2)
    assert missing[1] / missing[2] == pytest.approx(2.0, rel=0.01 * 1.4 * 2)
    for moment in ("covariance", "signal_covariance"):
        errors = [np.abs(getattr(step, moment) - getattr(model.response, moment)).max() for step in found]
        assert errors[0] / errors[2] == pytest.approx(16.0, rel=0.2)  # second order: the mean of f at both ends


def test_a_linear_tuning_curve_is_the_linear_network():
    tuned, linear = NonlinearSensingNetwork(tuning="linear", **MIXED), LinearSensingNetwork(**MIXED)
    assert heat(tuned) == pytest.approx(
        linear.theory(["neuron_heat_rate"])["neuron_heat_rate"].value, rel=ROUNDED_TWICE
    )
    covariance = linear.stationary_covariance
    np.testing.assert_allclose(tuned.response.covariance, covariance[1:, 1:], rtol=ROUNDED_TWICE)
    np.testing.assert_allclose(tuned.response.signal_covariance, covariance[0, 1:], rtol=ROUNDED_TWICE)
    # both samplers are second order in their moments; their heat by midpoints is low by the same first order
    linear_heat, own = linear.heat_rate_at(0.01), tuned.heat_rate_at(0.01)
    assert own == pytest.approx(linear_heat, rel=0.01**2 * 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("nonlinear")])
def test_heat_agrees_with_its_reference(name):
    assert heat(model_of(name)) == pytest.approx(SENSING[name]["values"]["Phi_r"], rel=ORACLE)


def test_heat_of_the_square_root_is_that_of_the_kink_and_not_of_a_truncated_series():
    """kappa = 1, rho = 3, D_r = 0.05: docs/theory.md, "Nonlinear tuning", in continuous time and in steps."""
    model = NonlinearSensingNetwork(
        tuning="power", exponent=0.5, signal_to_noise=3 / 0.05, rate_ratio=3.0, time_constant=1 / 3
    )
    assert heat(model) == pytest.approx(10.747016533, rel=ORACLE)
    for dt, expected in ((0.016, 9.967), (0.004, 10.501), (0.001, 10.673), (0.00025, 10.725)):
        assert model.heat_rate_at(dt) == pytest.approx(expected, abs=0.0006)  # as printed there


@pytest.mark.slow
def test_many_identical_neurons_give_off_their_heat_each():
    one, many = (
        NonlinearSensingNetwork(n_neuron=n, rate_ratio=2.0, **TUNED | {"threshold_spread": 0.0}) for n in (1, 4)
    )
    assert heat(many) == pytest.approx(4 * heat(one), rel=ROUNDED_TWICE)


# --- kernels


def trajectory(model, n_step=30, dt=0.05):
    lanes = PROTOCOLS["stationary"](model, Run(dt, n_step), 3, 0, 16)
    return lanes.advance(lanes.rough_start(), n_step)[1].x


def test_heat_in_the_kernel_is_the_work_of_the_drift_less_gradients():
    """sum_i F_i o dr_i / D_i, r by midpoints and f by its mean; the symmetric part of D^-1 A_rr is a difference of ends."""
    model = NonlinearSensingNetwork(**MIXED, **TUNED)
    x = trajectory(model)
    v, r = x[:, 0], x[:, 1:]
    tuned = np.stack([np.tanh(2.0 * (v - shift)) for shift in (-0.4, 0.3, 1.0)], axis=1)
    middle, moved = (r[1:] + r[:-1]) / 2, np.diff(r, axis=0)
    own = np.diag(1 / model.rates) @ model.linear_drift[1:, 1:]
    force = np.einsum("ij,njl->nil", own, middle) + model.gains[:, None] * (tuned[1:] + tuned[:-1]) / 2
    symmetric = (own + own.T) / 4
    potential = np.einsum("nil,ij,njl->nl", r, symmetric, r)
    expected = (force * moved).sum(axis=1) - np.diff(potential, axis=0)
    np.testing.assert_allclose(model.heat_of_steps(x), expected, rtol=1e-11, atol=1e-12)


def test_steps_follow_the_same_velocity_whatever_the_tuning():
    paths = [trajectory(NonlinearSensingNetwork(tuning=tuning))[:, 0] for tuning in ("tanh", "quadratic")]
    np.testing.assert_array_equal(*paths)


@pytest.mark.parametrize(("tuning", "other"), [("quadratic", "power"), ("linear", "identity")])
def test_two_names_of_one_curve_take_the_same_steps(tuning, other):
    own = {"exponent": 2.0} if other == "power" else {}
    first, second = NonlinearSensingNetwork(tuning=tuning), NonlinearSensingNetwork(tuning=other, **own)
    x = [np.zeros((6, 2, 16)) for _ in range(2)]
    for model, path in zip((first, second), x, strict=True):
        path[0] = 0.3
        stepper = model.stepper(0.05)
        stepper.advance(path, *stepper.coefficients, np.uint64(5), 0, 0)
    np.testing.assert_array_equal(*x)


@pytest.mark.slow
def test_a_curve_of_ones_own_takes_the_steps_of_the_one_it_spells():
    formula = NonlinearSensingNetwork(tuning="tanh(slope*(u - threshold))", slope=2.0, threshold=0.4, n_neuron=2)
    named = NonlinearSensingNetwork(tuning="tanh", slope=2.0, threshold=0.4, n_neuron=2)
    assert heat(formula) == pytest.approx(heat(named), rel=ROUNDED)
    x = [np.zeros((6, 3, 16)) for _ in range(2)]
    for model, path in zip((formula, named), x, strict=True):
        path[0] = 0.3
        stepper = model.stepper(0.05)
        stepper.advance(path, *stepper.coefficients, np.uint64(5), 0, 0)
    np.testing.assert_allclose(*x, rtol=1e-13, atol=1e-14)


# --- information


@pytest.mark.slow
def test_even_tuning_is_invisible_to_a_linear_readout_and_not_to_a_histogram():
    model = NonlinearSensingNetwork(tuning="quadratic", signal_to_noise=2.0, rate_ratio=2.0)
    theory = model.theory(["linear_readout_error"])
    assert theory["linear_readout_error"].value == pytest.approx(1.0, abs=1e-14)
    seen = OBSERVABLES["mutual_information_binned"].expected(model, Run(0.05), theory).value
    whole = OBSERVABLES["mutual_information_binned"].theory(model, Run(0.05), theory).value
    exact = nonlinear_information(model.pooled, 48).mutual_information
    assert 0.1 < seen < whole
    assert whole == pytest.approx(exact.value, rel=0.01)  # what grids of 64 and 96 cells claim


@pytest.mark.slow
def test_a_histogram_of_a_linear_neuron_sees_less_than_the_gaussian_information():
    model = NonlinearSensingNetwork(tuning="linear", signal_to_noise=3.0, rate_ratio=2.0, n_neuron=3)
    linear = LinearSensingNetwork(signal_to_noise=3.0, rate_ratio=2.0, n_neuron=3)
    exact = linear.theory(["mutual_information"])["mutual_information"].value
    observable = OBSERVABLES["mutual_information_binned"]
    assert observable.theory(model, Run(0.05), {}).value == pytest.approx(exact, rel=0.002)
    assert 0.9 * exact < observable.expected(model, Run(0.05), {}).value < exact


def test_neurons_that_differ_have_no_one_neuron_that_stands_for_them():
    for parameters in ({"threshold_spread": 0.5}, {"recurrence": 0.3}, {"gain_heterogeneity": 0.5}):
        model = NonlinearSensingNetwork(n_neuron=2, **parameters)
        assert OBSERVABLES["mutual_information_binned"].expected(model, Run(0.05), {}) is None


@given(SEEDS)
@EXAMPLES
def test_merging_bins_never_adds_information(seed):
    joint = np.random.default_rng(seed).dirichlet(np.full(64, 0.3)).reshape(8, 8)
    merged = joint.reshape(4, 2, 8).sum(axis=1)
    assert 0 <= histogram_information(merged) <= histogram_information(joint) + 1e-14
    assert histogram_information(np.outer(joint.sum(axis=1), joint.sum(axis=0))) == pytest.approx(0.0, abs=1e-14)


# --- domains


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"exponent": 2.0}, "tuning = tanh does not use it; choose tuning: power"),
        ({"tuning": "quadartic"}, "expected linear, threshold, tanh, quadratic, power, or a transfer function"),
        ({"tuning": "power", "exponent": 0.0}, "expected a finite number > 0"),
    ],
)
def test_what_is_no_tuning_curve_is_refused_in_words(parameters, message):
    with pytest.raises(ParameterError, match=message):
        NonlinearSensingNetwork(**parameters)


def test_names_of_one_curve_are_one_path():
    assert (
        NonlinearSensingNetwork(tuning="linear").path_parameters()
        == NonlinearSensingNetwork(tuning="identity").path_parameters()
    )


# --- simulated runs


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {**MIXED, **TUNED},
        {"tuning": "power", "exponent": 0.5, "signal_to_noise": 4.0, "rate_ratio": 3.0, "n_neuron": 2},
        {"tuning": "quadratic", "signal_to_noise": 2.0, "rate_ratio": 2.0},
        {"tuning": "threshold", "threshold": 0.4, "signal_to_noise": 3.0, "rate_ratio": 5.0},
        {"tuning": "linear", "n_neuron": 2, "recurrence": 0.5},
    ],
    ids=lambda p: p["tuning"],
)
def test_runs_agree_with_the_theory_of_their_steps(parameters):
    model = NonlinearSensingNetwork(**parameters)
    run = run_of(0.05, 400.0, n_dim=model.n_dim)
    names = observed(model, statistics=STATISTICS)
    means = group_means(model, dt=0.05, duration=400.0, key=6, statistics=STATISTICS)
    expected = expectations(model, 0.05, names, run)
    assert len(expected) >= 3
    for name, (value, error) in estimates(model, means, 0.05, list(expected), run).items():
        # 1e-4 over the five of them
        assert abs(value - expected[name]) / error < stats.t(15).isf(1e-5), name


@pytest.mark.slow
def test_a_network_response_of_different_curves_is_that_of_a_plain_simulation():
    """r' by numpy, in steps of 0.02 of 4096 lanes: moments and heat within 5 standard errors of those in steps."""
    model, dt, random = NonlinearSensingNetwork(**MIXED, **TUNED), 0.02, np.random.default_rng(2)
    x = model.stationary_sample(random.normal(size=(4, 4096)))
    decay, noise = math.exp(-model.signal_rate * dt), math.sqrt(-math.expm1(-2 * model.signal_rate * dt))
    substeps, total, squares = 8, np.zeros(4096), []
    drift = model.linear_drift[1:, 1:]
    for step in range(1200):
        before = x.copy()
        x[0] = decay * x[0] + noise * random.normal(size=4096)
        pushed = model.gains[:, None] * model.rates[:, None] * (model.curves(before[0]) + model.curves(x[0])) / 2
        for _ in range(substeps):  # Heun for r, f held: a relative (rho dt/8)^2 of the exact relaxation
            kick = np.sqrt(2 * model.rates[:, None] * dt / substeps) * random.normal(size=(3, 4096))
            slope = drift @ x[1:] + pushed
            guess = x[1:] + slope * dt / substeps + kick
            x[1:] += (slope + drift @ guess + pushed) / 2 * dt / substeps + kick
        if step >= 600:
            total += model.heat_of_steps(np.stack([before, x]))[0] / (600 * dt)
            squares.append(x[1:].mean(axis=0) ** 2)
    expected = model.response_at(dt)
    assert abs(total.mean() - expected.entropy_flow.sum()) < 5 * total.std() / 64
    of_lanes = np.mean(squares, axis=0)
    second = expected.covariance.mean() + expected.mean.mean() ** 2
    assert abs(of_lanes.mean() - second) < 5 * of_lanes.std() / 64
    assert np.all(np.abs(expected.covariance - network_response(model.network, model.spectrum).covariance) < 1e-3)
