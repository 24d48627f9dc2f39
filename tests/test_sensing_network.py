"""Linear neurons that track a velocity, as a model: reference numbers, what may not matter, inequalities, simulated runs."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.model import ParameterError, Run
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables import OBSERVABLES
from nessmap.simulate import Status, Unit, simulate
from sampling import EVERYDAY, estimates, expectations, group_means, observed, run_of
from test_sensing import ODD_PRODUCTION, oracle_names

# observable: name in the reference numbers; of these, what is a rate is one per unit of their own time, as here
REFERENCES = {
    "mutual_information": "I",
    "learning_rate": "flow_r",
    "neuron_heat_rate": "Phi_r",
    "second_law_residual": "sigma_r",
    "sensing_efficiency": "efficiency",
    "transfer_entropy_rate": "TE",
    "decoding_error": "mmse",
    "filter_error": "kalman_var",
}
ERRORS = ("decoding_error", "filter_error")  # in units of s^2
ODD = "entropy_production_rate_odd_signal"
NETWORKS = st.fixed_dictionaries(
    {
        "n_neuron": st.integers(2, 5),
        "signal_to_noise": st.floats(0.05, 20.0),
        "rate_ratio": st.floats(0.1, 10.0),
        "time_constant": st.floats(0.3, 3.0),
        "gain_heterogeneity": st.floats(-2.0, 2.0),
        "rate_heterogeneity": st.floats(-0.8, 0.8),
        "recurrence": st.floats(-2.0, 0.9),
        "recurrence_kind": st.sampled_from(["symmetric", "antisymmetric"]),
    }
)


def network(case):
    """The model of a reference: its velocity in units of s, its activity in units of the noise of a neuron."""
    gains = np.ravel(case["a"])
    n, rate = case.get("N", len(gains)), case["rho"]
    ratio = float(np.mean(gains**2)) * case["s2"] * rate / case["D_r"]
    parameters = {
        "n_neuron": n,
        "signal_to_noise": ratio,
        "rate_ratio": rate / case["kappa"],
        "time_constant": 1 / rate,
    }
    if "J" in case:
        largest = np.abs(gains).max()
        profile = [(gain / largest - 1.0) / 2.0 for gain in gains]  # 1 + 2 x
        spread = {"profile": [profile], "gain_heterogeneity": 2.0}
        parameters |= {"recurrence": 1.0, "recurrence_kind": "matrix", "recurrence_matrix": case["J"], **spread}
    return LinearSensingNetwork(**parameters)


def values(model, names=None):
    return {name: prediction.value for name, prediction in model.theory(names).items()}


# --- reference numbers


@pytest.mark.parametrize("name", oracle_names("neuron_linear", "population", "recurrent"))
def test_theory_of_the_model_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    found = values(network(case), list(REFERENCES))
    for observable, reference in REFERENCES.items():
        if reference in expected:
            unit = case["s2"] if observable in ERRORS else 1.0
            assert unit * found[observable] == pytest.approx(expected[reference], rel=ORACLE), observable


@pytest.mark.parametrize("name", [name for name in ODD_PRODUCTION if name in SENSING])
def test_the_velocity_is_even_unless_the_name_of_the_observable_says_odd(name):
    found = values(network(SENSING[name]["params"]), [ODD, "neuron_heat_rate", "entropy_production_rate"])
    assert found[ODD] == pytest.approx(ODD_PRODUCTION[name], rel=ORACLE)
    assert found["neuron_heat_rate"] == pytest.approx(SENSING[name]["values"]["Phi_r"], rel=ORACLE)
    assert found["entropy_production_rate"] == pytest.approx(found["neuron_heat_rate"], rel=ROUNDED_TWICE)


def test_the_reference_tells_the_parities_apart():
    found = values(network(SENSING["neuron_linear_1"]["params"]), [ODD, "neuron_heat_rate"])
    assert found["neuron_heat_rate"] == pytest.approx(25 / 6, rel=ORACLE)
    assert found[ODD] == pytest.approx(125 / 6, rel=ORACLE)


# --- what does not matter


@pytest.mark.parametrize("n_neuron", [2, 5])
def test_identical_neurons_are_one_neuron_with_as_many_times_its_signal_to_noise(n_neuron):
    many = values(LinearSensingNetwork(n_neuron=n_neuron, signal_to_noise=0.7, rate_ratio=3.0))
    one = values(LinearSensingNetwork(signal_to_noise=0.7 * n_neuron, rate_ratio=3.0))
    same = many.keys() - {"site_variance"}  # of a single neuron, whose own signal is weaker
    assert {name: many[name] for name in same} == pytest.approx(
        {name: one[name] for name in same}, rel=ROUNDED_TWICE, abs=1e-14
    )


@pytest.mark.slow
@EXAMPLES
@given(NETWORKS, SEEDS)
def test_the_order_of_neurons_does_not_matter(parameters, seed):
    random, n = np.random.default_rng(seed), parameters["n_neuron"]
    matrix, spread = random.normal(0.0, 0.3, (n, n)), random.uniform(-1.0, 1.0, n)
    assume(np.abs(1 + parameters["gain_heterogeneity"] * spread).max() > 0.1)

    def found(order):
        own = {"profile": [spread[order]], "recurrence_matrix": matrix[np.ix_(order, order)]}
        return LinearSensingNetwork(**{**parameters, **own, "recurrence_kind": "matrix", "recurrence": 1.0})

    model = found(np.arange(n))
    assume(model.stability().leading_rate < -0.02)
    # absolute: the entropy flow of the particle vanishes, a difference of terms of the order of the heat
    heat = values(model, ["neuron_heat_rate"])["neuron_heat_rate"]
    assert values(found(random.permutation(n))) == pytest.approx(
        values(model), rel=ROUNDED_TWICE, abs=1e-10 * (1 + heat)
    )


@pytest.mark.parametrize("spread", [0.5, -1.7])
def test_only_the_mean_square_of_the_gains_matters_to_uncoupled_neurons(spread):
    """g^T D^-1 g is all that enters: neurons of no use to the decoder give off as little heat."""
    alike = values(LinearSensingNetwork(n_neuron=4, signal_to_noise=2.0, rate_ratio=3.0))
    spread_out = values(
        LinearSensingNetwork(n_neuron=4, signal_to_noise=2.0, rate_ratio=3.0, gain_heterogeneity=spread)
    )
    assert spread_out == pytest.approx(alike, rel=ROUNDED_TWICE, abs=1e-14)


def test_recurrence_changes_neither_the_filter_nor_what_is_sent():
    names = ["filter_error", "transfer_entropy_rate"]
    fixed = {"n_neuron": 3, "signal_to_noise": 2.0, "rate_ratio": 3.0}
    coupled = LinearSensingNetwork(recurrence=1.5, recurrence_kind="antisymmetric", **fixed)
    assert values(coupled, names) == pytest.approx(values(LinearSensingNetwork(**fixed), names), rel=ROUNDED_TWICE)


# --- inequalities


@pytest.mark.slow
@EXAMPLES
@given(NETWORKS)
def test_neurons_learn_less_than_they_are_sent_and_less_than_they_pay(parameters):
    model = LinearSensingNetwork(**parameters)
    assume(model.stability().leading_rate < -0.02)
    found = values(model)
    rounding = ROUNDED_TWICE * found["neuron_heat_rate"] + 1e-12
    assert found["second_law_residual"] >= -rounding
    assert found["learning_rate"] <= found["transfer_entropy_rate"] + rounding
    assert found["information_flow"] == pytest.approx(-found["learning_rate"], rel=ROUNDED_TWICE, abs=1e-12)
    assert found["second_law_residual"] == pytest.approx(
        found["neuron_heat_rate"] - found["learning_rate"], rel=ROUNDED_TWICE, abs=1e-12
    )
    assert found["filter_error"] <= found["decoding_error"] * (1 + ROUNDED_TWICE)
    assert found["decoding_error"] == pytest.approx(math.exp(-2 * found["mutual_information"]), rel=ROUNDED_TWICE)


def test_circular_recurrence_costs_heat_where_nothing_is_sensed():
    """Two neurons that turn each other, eigenvalues rho (-1 +- i J): omega^2/gamma each."""
    blind = LinearSensingNetwork(n_neuron=2, signal_to_noise=0.0, recurrence=0.8, recurrence_kind="antisymmetric")
    found = values(blind, ["neuron_heat_rate", "learning_rate", "mutual_information"])
    assert found["neuron_heat_rate"] == pytest.approx(2 * 0.8**2, rel=ROUNDED_TWICE)
    assert (found["learning_rate"], found["mutual_information"]) == pytest.approx((0.0, 0.0), abs=1e-14)


def test_uncoupled_neurons_buy_accuracy_at_one_price_whatever_their_number_and_noise():
    for parameters in ({"signal_to_noise": 0.2}, {"signal_to_noise": 5.0, "n_neuron": 7}):
        model = LinearSensingNetwork(rate_ratio=4.0, **parameters)
        assert values(model, ["decoding_error_relative"])["decoding_error_relative"] == pytest.approx(1.0, rel=1e-12)


# --- domains


def test_a_network_that_runs_away_is_a_status_and_not_a_number():
    parameters = {"n_neuron": 3, "recurrence": 1.2}
    assert LinearSensingNetwork(**parameters).stability().leading_rate == pytest.approx(0.2, rel=1e-12)
    unit = Unit("sensing_network", parameters, "stationary", 0.05, 1, 0, 16, 10, ("covariance",))
    assert {record.status for record in simulate(unit)} == {Status.unstable}


def test_a_share_of_nothing_is_no_number():
    model, means = LinearSensingNetwork(signal_to_noise=0.0), {"covariance": np.ones((3, 16))}
    means["lagged_covariance"] = np.ones((4, 16))
    for name in ("sensing_efficiency", "sensory_capacity"):
        assert np.isnan(OBSERVABLES[name].value(model, Run(0.05), {k: v.T for k, v in means.items()})).all()
        assert "signal_to_noise > 0" in OBSERVABLES[name].why_undefined(model, Run(0.05))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"recurrence": 0.5}, "expected 0 for a single neuron; raise n_neuron"),
        ({"n_neuron": 2, "rate_heterogeneity": 1.0}, "expected between -1 and 1"),
        ({"n_neuron": 2, "profile": [[0.1]]}, "expected one row of 2 numbers"),
        ({"n_neuron": 2, "profile": [[0.1, 1.5]]}, "expected numbers from -1 to 1"),
        ({"n_neuron": 2, "recurrence_kind": "matrix"}, "expected 2 rows of 2 numbers"),
        ({"n_neuron": 2, "profile": [[-1.0, -1.0]], "gain_heterogeneity": 1.0}, "all gains vanish"),
        ({"recurrence_matrix": [[0.5]]}, "recurrence_kind = symmetric does not use it"),
    ],
)
def test_what_is_no_network_is_refused_in_words(parameters, message):
    with pytest.raises(ParameterError, match=message):
        LinearSensingNetwork(**parameters)


# --- simulated runs


@pytest.mark.slow
def test_z_scores_of_a_small_sweep_are_those_of_a_t_distribution():
    """16 runs; scores of one observable are independent between runs: their mean square is that of t with 15 degrees."""
    scores = {}
    for i, ratio in enumerate((0.5, 1.0, 3.0, 8.0)):
        for j, strength in enumerate((0.3, 1.0, 3.0, 10.0)):
            mixed = {"recurrence": 0.6, "recurrence_kind": "antisymmetric", "rate_heterogeneity": 0.4, "n_neuron": 2}
            model = LinearSensingNetwork(signal_to_noise=strength, rate_ratio=ratio, **(mixed if (i + j) % 2 else {}))
            run = run_of(0.05, 400.0, n_dim=model.n_dim)
            means = group_means(model, dt=0.05, duration=400.0, key=10 * i + j)
            names = [name for name in observed(model, statistics=EVERYDAY) if name != "transfer_entropy_rate_back"]
            expected = expectations(model, 0.05, names, run)
            # it has no score where the run cannot tell it from its maximum
            assert set(names) - expected.keys() <= {"sensory_capacity"}
            for name, (value, error) in estimates(model, means, 0.05, names, run).items():
                if name in expected:
                    scores.setdefault(name, []).append(float((value - expected[name]) / error))
    # a sum of squared scores: chi-squared, wider by the t's own tail; 1e-5 at either end for each of two dozen observables
    draws = stats.t(15).rvs((200_000, 16), random_state=1) ** 2
    sums = np.sort(np.cumsum(draws, axis=1), axis=0)  # column n - 1: of n scores
    assert len(scores) > 20
    assert all(len(found) == 16 for name, found in scores.items() if name != "sensory_capacity")
    for name, found in scores.items():
        of = sums[:, len(found) - 1]
        assert of[2] < float(np.sum(np.square(found))) < of[-3], (name, found)


@pytest.mark.slow
def test_the_measured_second_law_knows_the_heat_along_the_path():
    """A run of another signal to noise gives off another heat than expected: seen beyond ten standard errors."""
    model = LinearSensingNetwork(signal_to_noise=2.0, rate_ratio=2.0)
    other = LinearSensingNetwork(signal_to_noise=3.0, rate_ratio=2.0)
    means = group_means(other, dt=0.05, duration=400.0, key=3)
    value, error = estimates(other, means, 0.05, ["second_law_residual"])["second_law_residual"]
    assert abs(value - OBSERVABLES["second_law_residual"].expected(model, Run(0.05), {}).value) / error > 10
