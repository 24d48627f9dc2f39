"""What neurons with tuning curves learn and are sent: moments given the velocity, scores, filters of paths."""

import math

import numpy as np
import pytest
from scipy import stats

from gaussian_systems import ROUNDED, ROUNDED_TWICE
from nessmap.model import Block, Run
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables import OBSERVABLES
from nessmap.statistics import STATISTICS
from nessmap.theory.conditional_response import conditional_response, tuning_products
from nessmap.theory.nonlinear_information import nonlinear_information
from nessmap.theory.nonlinear_sensing import tuning_spectrum
from nessmap.theory.path_information import gaussian_channel_rate, n_node
from nessmap.theory.sensing import SensingNetwork, sensing
from nessmap.theory.sensing_steps import Step, stepped_response
from nessmap.theory.velocity_score import KNOTS, exact_moments, interval_of, n_moment, score_flow
from sampling import estimates, expectations, group_means, run_of, trajectory

MIXED = {
    "n_neuron": 3,
    "signal_to_noise": 2.0,
    "rate_ratio": 3.0,
    "gain_heterogeneity": 0.5,
    "rate_heterogeneity": -0.4,
    "recurrence": 0.8,
    "recurrence_kind": "antisymmetric",
}
CURVES = [
    {"tuning": "tanh", "slope": 2.0},
    {"tuning": "threshold", "threshold": 0.3},
    {"tuning": "quadratic"},
    {"tuning": "power", "exponent": 0.5},
]


def polynomial(v):
    return v + 0.5 * v**2 - 0.1 * v**3


# --- moments given the velocity


@pytest.mark.parametrize("dt", [0.0, 0.05, 0.7])
def test_moments_given_the_velocity_average_to_those_without(dt):
    network = NonlinearSensingNetwork(**MIXED).network
    given = conditional_response(network, tuning_products(polynomial, 1.0, 24), dt)
    whole = stepped_response(network, tuning_spectrum(polynomial, 1.0, 24), dt or 1e-6)
    # dt = 1e-6 stands for continuous time: moments are of second order in dt
    tolerance = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(given.mean[0], whole.mean, **tolerance)
    np.testing.assert_allclose(given.mean[1], whole.signal_covariance, **tolerance)
    np.testing.assert_allclose(given.second[0] - np.outer(whole.mean, whole.mean), whole.covariance, **tolerance)


def test_second_moments_given_the_velocity_are_those_of_a_gaussian_network():
    """Linear tuning: Cov(r|v) is the conditional covariance, whatever v."""
    model = LinearSensingNetwork(**MIXED)
    given = conditional_response(model.network, tuning_products(lambda v: v, 1.0, 8))
    covariance = model.stationary_covariance
    along, own = covariance[1:, 0], covariance[1:, 1:]
    np.testing.assert_allclose(given.mean[1], along, rtol=ROUNDED_TWICE)
    np.testing.assert_allclose(given.second[0], own, rtol=ROUNDED_TWICE)
    # <r r^T|v> = own + along along^T (v^2 - 1), and v^2 - 1 = sqrt(2) h_2
    np.testing.assert_allclose(given.second[2], math.sqrt(2) * np.outer(along, along), rtol=ROUNDED_TWICE)


# --- scores


def test_a_velocity_lies_between_the_knots_of_its_interval():
    v = np.linspace(-4, 4, 41)
    number, place = interval_of(v)
    np.testing.assert_allclose(KNOTS[number] + place * (KNOTS[1] - KNOTS[0]), v, atol=1e-14)
    inside = np.abs(v) < 2.5
    assert (np.abs(place[inside] - 0.5) <= 0.5 + 1e-12).all()


@pytest.mark.parametrize("parameters", [MIXED, {"signal_to_noise": 5.0, "rate_ratio": 0.3}])
def test_scores_of_a_linear_network_show_all_of_its_flow(parameters):
    tuned, linear = NonlinearSensingNetwork(tuning="linear", **parameters), LinearSensingNetwork(**parameters)
    assert tuned.learning_at(0.0) == pytest.approx(sensing(linear.network).information_flow, rel=ROUNDED_TWICE)
    # in steps it is off by the second order of their moments
    errors = [tuned.learning_at(dt) - tuned.learning_at(0.0) for dt in (0.04, 0.02)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve["tuning"])
def test_scores_show_no_more_than_the_flow_and_nearly_all_of_it(curve):
    for signal in (0.4, 4.0):
        model = NonlinearSensingNetwork(signal_to_noise=signal, rate_ratio=3.0, **curve)
        exact = nonlinear_information(model.pooled, 48, (0.0, model.threshold)).information_flow
        shown = model.learning_at(0.0)
        assert shown <= exact.value + exact.error
        assert shown > 0.95 * exact.value  # as docs/theory.md says of these curves


@pytest.mark.slow
def test_grids_know_the_flow():
    for curve in CURVES:
        model = NonlinearSensingNetwork(signal_to_noise=2.0, rate_ratio=3.0, **curve)
        exact = nonlinear_information(model.pooled, 48, (0.0, model.threshold)).information_flow
        assert model.grid_limit.information_flow == pytest.approx(exact.value, rel=0.01)  # what grids claim


def test_the_flow_does_not_depend_on_the_units_of_the_activity():
    random = np.random.default_rng(3)
    v = random.normal(size=4000)
    r = np.stack([v + random.normal(size=4000), v**2 + random.normal(size=4000)])

    def flow(activity):
        number, place = interval_of(v)
        first, second = np.triu_indices(2)
        values = np.stack([np.ones_like(v), *activity, *(activity[first] * activity[second])])
        shape = (10, 3, n_moment(2))
        found = np.zeros(shape)
        for p in range(3):
            np.add.at(found[:, p], number, (place**p * values).T / len(v))
        return float(score_flow(found.ravel(), 2, 0.5))

    mixed = np.array([[2.0, 0.5], [-0.3, 0.1]]) @ r + np.array([[3.0], [-1.0]])
    assert flow(mixed) == pytest.approx(flow(r), rel=1e-8)
    assert flow(r[:, ::-1].copy()) < flow(r)  # activity of other times: what chance makes


def test_too_few_states_are_no_number():
    assert np.isnan(score_flow(np.zeros((3, 10 * 3 * n_moment(1))), 1, 1.0)).all()


def test_neurons_that_ignore_the_velocity_learn_nothing():
    model = NonlinearSensingNetwork(signal_to_noise=0.0)
    assert model.learning_at(0.05) == 0.0
    assert "signal_to_noise > 0" in OBSERVABLES["sensing_efficiency"].why_undefined(model, Run(0.05))
    network = SensingNetwork(1.0, 1.0, [0.0], 1.0, 1.0)
    moments = exact_moments(conditional_response(network, tuning_products(np.tanh, 1.0, 24)))
    assert float(score_flow(moments, 1, 1.0)) == pytest.approx(0.0, abs=ROUNDED)


# --- paths


@pytest.mark.parametrize("parameters", [MIXED, {"signal_to_noise": 5.0, "rate_ratio": 0.3}])
def test_a_gaussian_channel_sends_what_a_kalman_filter_receives(parameters):
    model = LinearSensingNetwork(**parameters)
    spectrum = tuning_spectrum(lambda v: v, 1.0, 4)
    sent = model.theory(["transfer_entropy_rate"])["transfer_entropy_rate"].value
    assert gaussian_channel_rate(model.network, spectrum) == pytest.approx(sent, rel=1e-9)
    same = tuning_spectrum(lambda v: np.tile(v, (model.n_neuron, 1)), 1.0, 4)
    assert gaussian_channel_rate(model.network, same) == pytest.approx(sent, rel=1e-9)


@pytest.mark.parametrize("dt", [0.05, 0.5])
def test_the_channel_in_steps_is_that_of_long_gaussian_paths(dt):
    """Growth of ln det of the covariance of what steps show, by brute force over 400 and 800 of them."""
    network = SensingNetwork(0.5, 1.0, [1.2], 1.0, 1.0)
    spectrum = tuning_spectrum(lambda v: v + 0.4 * (v**2 - 1), 1.0, 4)
    step, order = Step(network, dt), np.arange(1.0, 5.0)
    squares = (network.coupling[0] * spectrum.coefficients[1:]) ** 2

    def information(n):
        lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        memory = np.exp(-order * network.signal_rate * dt)
        # <g_k g_0> of means at both ends
        both = sum(
            s * (2 * y**lag + y ** np.abs(lag - 1) + y ** (lag + 1)) / 4 for s, y in zip(squares, memory, strict=True)
        )
        seen = step.drive[0, 0] ** 2 * both / step.noise[0, 0]
        return np.linalg.slogdet(np.eye(n) + seen)[1] / 2

    grown = (information(800) - information(400)) / (400 * dt)
    assert gaussian_channel_rate(network, spectrum, dt) == pytest.approx(grown, rel=1e-6)


@pytest.mark.parametrize(
    "curve", [{"tuning": "tanh", "slope": 2.0}, {"tuning": "quadratic"}], ids=lambda c: c["tuning"]
)
def test_predictions_of_the_filter_are_probabilities(curve):
    """<p(r'|past)/p(r'|r, v, v')> = 1 for whatever is predicted, if it adds up to 1: step by step, given the past."""
    model = NonlinearSensingNetwork(signal_to_noise=2.0, rate_ratio=2.0, **curve)
    x = trajectory(model, 100, dt=0.1, key=4, n_lane=512).x
    ratio = np.exp(-model.information_of_steps(x, 0.1)).mean(axis=0)
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / math.sqrt(len(ratio))


@pytest.mark.slow
@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve["tuning"])
def test_neurons_learn_no_more_than_they_are_sent_and_are_sent_no_more_than_gaussian_signals(curve):
    model = NonlinearSensingNetwork(signal_to_noise=2.0, rate_ratio=2.0, **curve)
    statistics = ("path_information", "score_moments", "neuron_heat")
    means = group_means(model, dt=0.05, duration=200.0, key=8, statistics=statistics)
    run, name = run_of(0.05, 200.0, n_dim=model.n_dim), "transfer_entropy_rate_path"
    value, error = estimates(model, means, 0.05, [name], run)[name]
    allowed = stats.t(15).isf(1e-5) * error
    assert model.grid_limit.information_flow < value + allowed
    assert value < expectations(model, 0.05, [name], run)[name] + allowed
    learned, paid = (estimates(model, means, 0.05, [o], run)[o] for o in ("learning_rate", "second_law_residual"))
    assert learned.value < model.grid_limit.information_flow + stats.t(15).isf(1e-5) * learned.standard_error
    assert paid.value > 5 * paid.standard_error


def test_a_step_too_short_for_the_filter_is_no_number():
    model, run = NonlinearSensingNetwork(rate_ratio=100.0), Run(0.001)
    observable = OBSERVABLES["transfer_entropy_rate_path"]
    assert n_node(model.signal_rate, run.dt) > 800
    assert "raise dt" in observable.why_undefined(model, run)
    assert np.isnan(observable.finalize(model, run, {"path_information": np.ones((2, 1))})).all()
    assert observable.expected(model, run, {}) is None


def test_feedback_from_neurons_to_the_velocity_would_be_seen():
    """v' = e^(-kappa dt) v + z + c r: a rate of ln(1 + c^2 Var(r|v)/Var z)/2 dt."""
    model, dt, push = NonlinearSensingNetwork(signal_to_noise=2.0), 0.1, 0.2
    statistic, observable = STATISTICS["innovation_products"], OBSERVABLES["transfer_entropy_rate_path_back"]
    random = np.random.default_rng(7)
    v, r = random.normal(size=(2, 40, 512))
    for strength in (push, 0.0):
        x = np.stack([v, r], axis=1)
        new = np.exp(-model.signal_rate * dt) * v + random.normal(size=v.shape) + strength * r
        sums = statistic.zero(model)
        # pairs of states that have nothing to do with each other: steps are all that counts
        for before, after in zip(x, new, strict=True):
            step = np.stack([before, np.stack([after, before[1]])])
            statistic.accumulate(sums, model, Block(0, Run(dt, 1), step))
        means = {"innovation_products": sums * 16 / (40 * 512)}
        value, error = estimates(model, means, dt, [observable.name], Run(dt))[observable.name]
        exact = math.log1p(strength**2) / (2 * dt)
        assert abs(value - exact) < 5 * error
        assert (value > 10 * error) == (strength > 0)
