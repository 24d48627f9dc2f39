"""Synapses that learn a velocity: reference numbers, exact steps, integrals of rates, what a bit costs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED, SENSING, reservoir_flow
from nessmap.theory import gaussian
from nessmap.theory.plasticity import LinearLearner, TwoStateSynapse, chain, chain_system
from nessmap.theory.sensing import SensingNetwork, sensing

NODE, WEIGHT = np.polynomial.legendre.leggauss(60)
POSITIVE = st.floats(0.1, 5.0)


def oracle_names(prefix):
    return [name for name in SENSING if name.startswith(prefix)]


@pytest.mark.parametrize("name", oracle_names("linear_synapse"))
def test_a_linear_learner_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    learner = LinearLearner(case["lam"], case["s2"], case["tau"], case["D_w"], case["N"])
    stimulus = case["t_s"]
    found = {
        "SNR_inf": learner.signal_to_noise,
        "I_at_ts": learner.information(stimulus),
        "EP_learn_at_ts": learner.production(stimulus),
        "nats_per_EP": learner.information(stimulus) / learner.production(stimulus),
        "EP_per_bit": learner.production_per_bit(stimulus),
        "I_after_tau": learner.information(stimulus, case["tau"]),
        "T_mem_at_I0p01": learner.memory_lifetime(stimulus, 0.01),
        "EP_forget": learner.forgetting_production(stimulus),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


@pytest.mark.slow
@given(POSITIVE, POSITIVE, POSITIVE, st.floats(0.05, 6.0), st.floats(0.0, 4.0), st.integers(1, 4))
@EXAMPLES
def test_information_of_the_weights_is_that_of_exact_steps(gain, tau, noise, stimulus, after, n_synapse):
    learner = LinearLearner(gain, 0.7, tau, noise, n_synapse)
    drift = np.zeros((1 + n_synapse, 1 + n_synapse))
    drift[1:, 1:] = -np.eye(n_synapse) / tau
    silent = drift.copy()
    drift[1:, 0] = gain / tau
    diffusion = np.diag([0.0] + n_synapse * [noise])
    covariance = np.diag([0.7] + n_synapse * [noise * tau])
    for matrix, time in ((drift, stimulus), (silent, after)):
        step = gaussian.propagator(matrix, diffusion, time)
        covariance = step.matrix @ covariance @ step.matrix.T + step.covariance
    expected = gaussian.mutual_information(covariance, [0], slice(1, None))
    assert float(learner.information(stimulus, after)) == pytest.approx(expected, rel=ROUNDED, abs=1e-14)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(0.05, 5.0), st.floats(-2.0, 2.0))
@EXAMPLES
def test_entropy_is_the_integral_of_the_squared_drift_of_the_mean_and_covers_the_information(
    gain, tau, noise, stimulus, mean
):
    learner = LinearLearner(gain, 0.7, tau, noise, signal_mean=mean)
    time = stimulus * (NODE + 1) / 2
    # mean' = lam v e^(-t/tau)/tau, at constant width, over D
    rate = gain**2 * (0.7 + mean**2) * np.exp(-2 * time / tau) / (tau**2 * noise)
    assert float(learner.production(stimulus)) == pytest.approx(stimulus * (WEIGHT @ rate) / 2, rel=1e-9)
    # forgetting: KL of the displaced weight from the stationary one, which is what is left to produce
    moved = gain * -math.expm1(-stimulus / tau)
    divergence = 0.5 * moved**2 * (0.7 + mean**2) / (noise * tau)
    assert float(learner.forgetting_production(stimulus)) == pytest.approx(divergence, rel=1e-12)
    assert learner.information(stimulus) <= learner.production(stimulus)
    assert learner.production_per_bit(stimulus) >= math.log(2)


def test_the_cost_of_a_bit_tends_to_ln_2_for_weak_signals_and_grows_with_strong_ones():
    costs = [float(LinearLearner(gain, 1.0, 1.0, 1.0).production_per_bit(30.0)) for gain in (1e-4, 1.0, 30.0)]
    # SNR/2 is the first correction
    assert costs[0] - math.log(2) == pytest.approx(math.log(2) * 1e-8 / 2, rel=1e-6)
    assert costs[0] < costs[1] < costs[2]
    assert costs[2] == pytest.approx(math.log(2) * 900 / math.log(901), rel=1e-12)
    assert math.isnan(LinearLearner(0.0, 1.0, 1.0, 1.0).production_per_bit(1.0))


def test_a_memory_lasts_until_the_threshold_is_crossed():
    learner = LinearLearner(2.0, 0.7, 1.3, 0.4)
    lifetime = learner.memory_lifetime(2.0, 0.05)
    assert float(learner.information(2.0, lifetime)) == pytest.approx(0.05, rel=1e-12)
    assert learner.memory_lifetime(2.0, 10.0) == 0.0
    assert learner.memory_lifetime(0.0, 0.05) == 0.0


@pytest.mark.parametrize("name", oracle_names("chain"))
def test_the_chain_to_a_synapse_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    network = SensingNetwork(case["kappa"], case["s2"], [case["a"]], case["rho"], case["D_r"])
    found = chain(network, [case["g"]], case["omega"], case["D_w"])
    values = {
        "I_vr": found.neuron_information,
        "I_vw": found.synapse_information,
        "I_v_rw": found.joint_information,
        "Phi_r": found.neuron_entropy_flow,
        "Phi_w": found.synapse_entropy_flow,
        "flow_w_given_vr": found.synapse_information_flow,
        "epr_total": found.entropy_production_rate,
        "TE_v_to_rw": found.transfer_entropy_from_signal,
        "TE_vr_to_w": found.transfer_entropy_to_synapses,
    }
    assert values == pytest.approx({quantity: expected[quantity] for quantity in values}, rel=ORACLE)
    drift, noise = chain_system(network, [case["g"]], case["omega"], case["D_w"])
    assert gaussian.stationary_covariance(drift, noise) == pytest.approx(np.array(expected["Sigma"]), rel=ORACLE)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@EXAMPLES
def test_synapses_know_less_than_their_neurons_and_pay_for_what_they_learn(seed):
    random = np.random.default_rng(seed)
    network = SensingNetwork(
        0.8, 1.3, random.normal(size=2), np.exp(random.normal(size=2)), 0.5, [[0.0, 0.3], [-0.4, 0.1]]
    )
    gain = random.normal(size=(2, 2))
    found = chain(network, gain, 0.6, 0.2)
    slack = 1e-10 * (1 + found.entropy_production_rate)
    assert found.synapse_information <= found.joint_information + slack
    assert found.neuron_information <= found.joint_information + slack
    assert found.synapse_information_flow <= found.synapse_entropy_flow + slack
    assert found.synapse_information_flow <= found.transfer_entropy_to_synapses + slack
    # synapses do not act back: the neurons are as they were
    alone = sensing(network)
    assert found.neuron_entropy_flow == pytest.approx(alone.entropy_flow, rel=1e-8)
    assert found.neuron_information == pytest.approx(alone.mutual_information, rel=1e-8)
    drift, noise = chain_system(network, gain, 0.6, 0.2)
    assert found.synapse_entropy_flow == pytest.approx(reservoir_flow(drift, noise, slice(3, 5)), rel=1e-8)
    # multipartite: what each variable produces adds up
    order = list(range(5))
    shares = [gaussian.local_entropy_production(drift, noise, [i], order[:i] + order[i + 1 :]) for i in order]
    assert sum(shares) == pytest.approx(found.entropy_production_rate, rel=1e-8)


@pytest.mark.parametrize("name", oracle_names("two_state_synapse"))
def test_a_two_state_synapse_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    synapse = TwoStateSynapse(case["write_up"], case["write_down"], case["rest_up"], case["rest_down"])
    memory = synapse.memory(case["t_s"], case["t_after"])
    found = {
        "p_up_vpos": memory.up_after_positive,
        "p_up_vneg": memory.up_after_negative,
        "I_at_ts": memory.information_written,
        "EP_write": memory.production,
        "EP_per_bit": memory.production_per_bit,
        "I_after": memory.information_retained,
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    for quantity, value in expected.items():
        kind, _, many = quantity.rpartition("_N")
        if kind:
            memory = synapse.memory(case["t_s"], case["t_after"], int(many))
            found = memory.information_written if kind == "I_at_ts" else memory.information_retained
            # differences of log-gamma functions of order N ln N
            assert found == pytest.approx(value, rel=ORACLE), quantity


@given(*(4 * [st.floats(0.3, 3.0)]), st.floats(0.05, 1.0), st.integers(1, 30))
@EXAMPLES
def test_writing_costs_the_integral_of_its_rate_and_at_least_what_is_known(
    up, down, rest_up, rest_down, time, n_synapse
):
    memory = TwoStateSynapse(up, down, rest_up, rest_down).memory(time, 2.0, n_synapse)
    resting, cost = rest_up / (rest_up + rest_down), 0.0
    for forth, back in ((up, down), (down, up)):
        goal = forth / (forth + back)
        p = goal + (resting - goal) * np.exp(-(forth + back) * time * (NODE + 1) / 2)
        current = forth * (1 - p) - back * p
        cost += 0.25 * time * n_synapse * (WEIGHT @ (current * np.log(forth * (1 - p) / (back * p))))
    # 60 nodes for at most six relaxation times, and no probability that starts below 1/11
    assert memory.production == pytest.approx(cost, rel=1e-9, abs=1e-12)
    assert memory.information_written <= memory.production + 1e-12
    assert 0 <= memory.information_retained <= memory.information_written + 1e-12 <= math.log(2) + 2e-12


def test_many_synapses_saturate_at_one_bit_and_never_at_their_number_of_single_ones():
    synapse = TwoStateSynapse(2.0, 0.1, 0.01, 0.01)
    known = [synapse.memory(1.0, 50.0, n).information_retained for n in (1, 10, 100, 1000)]
    assert known == sorted(known)
    assert known[1] < 10 * known[0]
    assert known[3] == pytest.approx(math.log(2), rel=1e-12)


def test_a_weak_memory_fades_at_twice_the_rate_of_rest():
    synapse = TwoStateSynapse(2.0, 0.1, 0.03, 0.01)
    late, later = (synapse.memory(1.0, time).information_retained for time in (250.0, 251.0))
    # the next order is as small as what is left, e^-10, and so is rounding of e^-20
    assert math.log(late / later) == pytest.approx(2 * 0.04, rel=1e-4)


def test_equal_rates_write_nothing_and_cost_nothing():
    memory = TwoStateSynapse(0.5, 0.5, 0.2, 0.2).memory(3.0, 1.0)
    assert (memory.information_written, memory.production) == (0.0, 0.0)
    assert math.isnan(memory.production_per_bit)


def test_what_is_not_a_synapse_is_refused():
    with pytest.raises(ValueError, match=r"TwoStateSynapse: write_down = 0\.0"):
        TwoStateSynapse(1.0, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"LinearLearner: time_constant = -1\.0"):
        LinearLearner(1.0, 1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"synapse_gain: shape \(1, 1\), expected \(synapses, 2\)"):
        chain_system(SensingNetwork(1.0, 1.0, [1.0, 1.0]), [1.0], 1.0, 1.0)
