"""Linear neurons that sense a velocity: reference numbers, closed forms against matrices, orderings, limits."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.theory import gaussian
from nessmap.theory.sensing import (
    Sensing,
    SensingNetwork,
    decoding_error_at_heat,
    fisher_information,
    identical_neurons,
    sensing,
)

# name in the reference numbers: field
FIELDS = {
    "I": "mutual_information",
    "flow_r": "information_flow",
    "Phi_r": "entropy_flow",
    "sigma_r": "neuron_production",
    "efficiency": "efficiency",
    "TE": "transfer_entropy_rate",
    "TE_onestep": "present_transfer_entropy_rate",
    "mmse": "instantaneous_error",
    "kalman_var": "filter_error",
    "epr_if_v_odd": "odd_production",
}
# The number in the name: at rho = kappa (0, 5 and 9) both parities cost the same, and a wrong one passes.
ODD_PRODUCTION = {"neuron_linear_0": 0.5, "neuron_linear_1": 5 * 5.0 * 5 / 6, "neuron_linear_10": 100 * 900 / 1.01}


def oracle_names(*prefixes):
    return [name for name in SENSING if name.startswith(prefixes)]


def compared(found, expected):
    values = {name: float(getattr(found, field)) for name, field in FIELDS.items() if name in expected}
    assert values == pytest.approx({name: expected[name] for name in values}, rel=ORACLE)


def random_network(seed, n_neuron=3):
    random = np.random.default_rng(seed)
    recurrence = 0.5 * random.normal(size=(n_neuron, n_neuron)) / math.sqrt(n_neuron)
    assume(np.linalg.eigvals(recurrence).real.max() < 0.8)
    rates, noise = np.exp(0.5 * random.normal(size=(2, n_neuron)))
    kappa, variance = np.exp(0.5 * random.normal(size=2))
    return SensingNetwork(kappa, variance, random.normal(size=n_neuron), rates, noise, recurrence)


@pytest.mark.parametrize("name", oracle_names("neuron_linear", "population"))
def test_identical_neurons_agree_with_their_reference_in_closed_form_and_by_matrices(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    n = case.get("N", 1)
    closed = identical_neurons(n, case["kappa"], case["rho"], case["a"], case["s2"], case["D_r"])
    network = SensingNetwork(case["kappa"], case["s2"], np.full(n, case["a"]), case["rho"], case["D_r"])
    compared(closed, expected)
    compared(sensing(network), expected)
    if "Svr" in expected:
        moments = {"Svv": network.covariance[0, 0], "Svr": network.covariance[0, 1], "Srr": network.covariance[1, 1]}
        assert moments == pytest.approx({moment: expected[moment] for moment in moments}, rel=ORACLE)
        corr2 = network.covariance[0, 1] ** 2 / network.covariance[0, 0] / network.covariance[1, 1]
        assert corr2 == pytest.approx(expected["corr2"], rel=ORACLE)
    if "mmse_N_to_inf" in expected:
        many = identical_neurons(1e14, case["kappa"], case["rho"], case["a"], case["s2"], case["D_r"])
        assert float(many.instantaneous_error) == pytest.approx(expected["mmse_N_to_inf"], rel=ORACLE)


@pytest.mark.parametrize("name", oracle_names("recurrent"))
def test_recurrent_networks_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    network = SensingNetwork(case["kappa"], case["s2"], case["a"], case["rho"], case["D_r"], case["J"])
    compared(sensing(network), expected)
    assert network.covariance == pytest.approx(np.array(expected["Sigma"]), rel=ORACLE)


@pytest.mark.parametrize("name", [name for name in ODD_PRODUCTION if name in SENSING])
def test_an_odd_velocity_costs_more_than_an_even_one_where_neurons_are_fast(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    found = identical_neurons(1, case["kappa"], case["rho"], case["a"], case["s2"], case["D_r"])
    assert float(found.odd_production) == pytest.approx(ODD_PRODUCTION[name], rel=ORACLE)
    assert float(found.odd_production) == pytest.approx(expected["Phi_r"] * case["rho"] / case["kappa"], rel=ORACLE)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_closed_forms_equal_the_matrices_of_the_network(seed):
    random = np.random.default_rng(seed)
    kappa, rho, variance, noise = np.exp(random.normal(size=4))
    gain, n = random.normal(), int(random.integers(1, 6))
    assume(abs(gain) > 1e-3)
    closed = identical_neurons(n, kappa, rho, gain, variance, noise)
    found = sensing(SensingNetwork(kappa, variance, np.full(n, gain), rho, noise))
    for field in Sensing._fields:
        assert float(getattr(closed, field)) == pytest.approx(getattr(found, field), rel=ROUNDED_TWICE), field


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_what_is_learned_is_below_what_is_sent_and_below_what_is_paid(seed):
    found = sensing(random_network(seed))
    rounding = 1 + ROUNDED_TWICE
    assert 0 < found.information_flow <= found.transfer_entropy_rate * rounding
    assert found.transfer_entropy_rate <= found.present_transfer_entropy_rate * rounding
    assert found.information_flow <= found.entropy_flow * rounding
    assert found.neuron_production >= 0
    assert found.filter_error <= found.instantaneous_error * rounding
    assert 0 < found.sensory_capacity <= rounding
    assert 0 < found.efficiency <= rounding
    # heat less flow is what the neurons produce: the second law of a part
    difference = found.entropy_flow - found.information_flow
    assert found.neuron_production == pytest.approx(difference, rel=ROUNDED_TWICE, abs=1e-9 * found.entropy_flow)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_filter_and_transfer_entropy_are_those_of_the_riccati_equation(seed):
    network = random_network(seed)
    found, drift = sensing(network), network.drift_matrix
    noise = network.diffusion_matrix
    error = scipy.linalg.solve_continuous_are(drift[:1, :1].T, drift[1:, :1].T, 2 * noise[:1, :1], 2 * noise[1:, 1:])
    assert found.filter_error == pytest.approx(error[0, 0], rel=ROUNDED_TWICE)
    rate = 0.25 * error[0, 0] * np.sum(network.coupling**2 / network.noise)
    assert found.transfer_entropy_rate == pytest.approx(rate, rel=ROUNDED_TWICE)
    assert gaussian.transfer_entropy_rate(drift, noise, slice(1, None), [0]) == 0.0


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_relabelling_neurons_and_changing_their_units_changes_nothing(seed):
    network = random_network(seed)
    order, scale = np.random.default_rng(seed).permutation(3), np.array([0.3, 2.0, 5.0])
    recurrence = np.asarray(network.recurrence)[np.ix_(order, order)] * scale[:, None] / scale
    other = SensingNetwork(
        network.signal_rate,
        network.signal_variance,
        np.asarray(network.gain)[order] * scale,
        network.rates[order],
        network.noise[order] * scale**2,
        recurrence,
    )
    assert tuple(sensing(other)) == pytest.approx(tuple(sensing(network)), rel=ROUNDED_TWICE)


def test_antisymmetric_recurrence_costs_entropy_where_nothing_is_sensed():
    found = sensing(SensingNetwork(1.0, 1.0, [0.0, 0.0], 2.0, 0.5, [[0.0, 0.8], [-0.8, 0.0]]))
    assert found.information_flow == found.mutual_information == found.transfer_entropy_rate == 0.0
    assert found.entropy_flow == pytest.approx(2 * (2.0 * 0.8) ** 2 / 2.0, rel=ORACLE)  # 2 omega^2/gamma
    assert math.isnan(found.sensory_capacity)
    symmetric = sensing(SensingNetwork(1.0, 1.0, [0.0, 0.0], 2.0, 0.5, [[0.0, 0.8], [0.8, 0.0]]))
    assert symmetric.entropy_flow == 0.0
    assert math.isnan(symmetric.efficiency)


def test_neurons_average_their_noise_away_but_not_their_delay():
    kappa, rho = 1.0, 3.0
    error = [float(identical_neurons(n, kappa, rho, 1.0, 2.0, 1.0).instantaneous_error) for n in (1e8, 1e10)]
    limit = 2.0 * kappa / (kappa + rho)
    # the rest is s2 q/(1 + c q) to first order in 1/N
    assert error[0] - limit == pytest.approx(100 * (error[1] - limit), rel=1e-6)
    filtered = [float(identical_neurons(n, kappa, rho, 1.0, 2.0, 1.0).filter_error) for n in (1e8, 1e10)]
    assert filtered[0] == pytest.approx(10 * filtered[1], rel=1e-3)  # 1/sqrt(N), and 1/N beside it


def test_efficiency_is_one_only_for_fast_neurons_that_hardly_listen():
    best = identical_neurons(1, 1.0, 1e6, 1e-4, 1.0, 1.0)
    # 1 - q + c q (1 - q) of both kinds of loss
    assert 1 - float(best.efficiency) == pytest.approx(1e-6 + 0.01 * 1e-6, rel=1e-4)
    assert float(identical_neurons(1, 1.0, 1e6, 1.0, 1.0, 1.0).efficiency) < 0.51
    assert float(identical_neurons(1, 1.0, 0.1, 1e-4, 1.0, 1.0).efficiency) < 0.1


@given(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0.1, 3), st.floats(0.1, 3))
@EXAMPLES
def test_the_error_that_heat_buys_is_that_of_the_neurons_that_produce_it(kappa, rho, gain, variance):
    found = identical_neurons(3, kappa, rho, gain, variance, 0.7)
    error = decoding_error_at_heat(found.entropy_flow, kappa, rho, variance)
    assert float(error) == pytest.approx(float(found.instantaneous_error), rel=1e-12)


def test_fisher_information_is_what_a_weak_and_slow_velocity_lets_neurons_know():
    recurrence, slow = [[0.1, 0.6], [-0.2, 0.3]], 1e-8
    network = SensingNetwork(slow, 1e-8, [1.0, -0.4], [2.0, 0.7], [0.5, 0.9], recurrence)
    fisher, found = fisher_information(network), sensing(network)
    # relative corrections: kappa over the rates, and s2 times the precision gathered in 1/kappa (for the rate)
    assert 2 * found.mutual_information / 1e-8 == pytest.approx(fisher.snapshot, rel=1e-6)
    quick = SensingNetwork(1.0, 1e-8, [1.0, -0.4], [2.0, 0.7], [0.5, 0.9], recurrence)
    assert 2 * sensing(quick).transfer_entropy_rate / 1e-8 == pytest.approx(fisher.rate, rel=1e-6)


def test_a_network_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"signal_rate = 0\.0, expected"):
        SensingNetwork(0.0, 1.0, [1.0])
    with pytest.raises(ValueError, match="leading eigenvalue"):
        SensingNetwork(1.0, 1.0, [1.0], recurrence=[[1.5]])
    with pytest.raises(ValueError, match=r"diffusion has shape \(3,\), expected one number or \(2,\)"):
        SensingNetwork(1.0, 1.0, [1.0, 1.0], diffusion=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"recurrence: shape \(1, 1\), expected \(2, 2\)"):
        SensingNetwork(1.0, 1.0, [1.0, 1.0], recurrence=[[0.1]])
