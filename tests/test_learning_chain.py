"""The chain from a velocity to neurons to synapses as a model: reference numbers whichever sides are asked about."""

import numpy as np
import pytest

from gaussian_systems import ORACLE, SENSING
from nessmap.models.learning_chain import LearningChain
from nessmap.theory import gaussian
from nessmap.theory.plasticity import chain
from nessmap.theory.sensing import SensingNetwork


def chain_of(case, sides):
    """The reference in units of the noise; rates and information do not know the difference."""
    neuron_noise = case["D_r"] / case["rho"]
    return LearningChain(
        signal_to_noise=case["a"] ** 2 * case["s2"] / neuron_noise,
        synapse_signal_to_noise=case["g"] ** 2 * neuron_noise * case["omega"] / case["D_w"],
        rate_ratio=case["rho"] / case["kappa"],
        synapse_rate_ratio=case["omega"] / case["rho"],
        time_constant=1 / case["rho"],
        sides_are=sides,
    )


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("chain")])
def test_the_chain_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    network, synapses, inputs = (
        chain_of(case, f"{one} and {other}").theory()
        for one, other in (("velocity", "network"), ("velocity", "synapses"), ("inputs", "synapses"))
    )
    found = {
        "I_v_rw": network["mutual_information"],
        "TE_v_to_rw": network["transfer_entropy_rate"],
        "I_vw": synapses["mutual_information"],
        "epr_total": inputs["entropy_production_rate"],
        "Phi_w": inputs["entropy_flow_second"],
        "TE_vr_to_w": inputs["transfer_entropy_rate"],
    }
    values = {quantity: prediction.value for quantity, prediction in found.items()}
    assert values == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    # what the synapses learn is what their inputs lose
    assert -inputs["information_flow"].value == pytest.approx(expected["flow_w_given_vr"], rel=ORACLE)


def test_neurons_and_synapses_alike_are_what_theory_makes_of_them():
    model = LearningChain(n_neuron=3, n_synapse=2, signal_to_noise=2.0, synapse_signal_to_noise=4.0)
    gain = np.full((2, 3), 2.0 / 3.0)
    exact = chain(SensingNetwork(0.5, 1.0, 3 * [np.sqrt(2.0)], 1.0, 1.0), gain, 0.25, 0.25)
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value == pytest.approx(
        exact.entropy_production_rate, rel=1e-10
    )
    assert model.theory(["mutual_information"])["mutual_information"].value == pytest.approx(
        exact.joint_information, rel=1e-10
    )


def test_silent_synapses_know_nothing_and_produce_nothing():
    model = LearningChain(synapse_signal_to_noise=0.0, sides_are="inputs and synapses")
    theory = model.theory(["mutual_information", "entropy_flow_second", "information_flow"])
    assert {name: prediction.value for name, prediction in theory.items()} == pytest.approx(
        dict.fromkeys(theory, 0.0), abs=1e-12
    )


@pytest.mark.parametrize("ratio", [0.01, 0.1, 1.0])
def test_synapses_know_less_of_the_velocity_than_the_neurons_do(ratio):
    model = LearningChain(synapse_rate_ratio=ratio, sides_are="velocity and synapses")
    covariance = model.stationary_covariance
    neurons = gaussian.mutual_information(covariance, [0], [1])
    assert 0 < model.theory(["mutual_information"])["mutual_information"].value < neurons
