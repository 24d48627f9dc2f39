"""The quenched coupling: its law, its symmetry, and that a realisation is one network whatever else varies."""

import dataclasses

import numpy as np
import pytest

from nessmap.model import ParameterError
from nessmap.models.random_network import RandomNetwork

NETWORK = RandomNetwork(n_neuron=200, gain=1.3)
SEED = 7


def test_a_realisation_is_the_same_network_at_any_gain_and_noise():
    known = NETWORK.realisation(3, SEED).weights
    other = dataclasses.replace(NETWORK, gain=2.6, noise_strength=0.7, transfer="arcsinh").realisation(3, SEED).weights
    np.testing.assert_allclose(other, 2 * known, rtol=1e-14)


def test_realisations_and_seeds_are_other_networks():
    made = [NETWORK.realisation(*which).weights for which in ((0, SEED), (1, SEED), (0, SEED + 1))]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        correlation = np.corrcoef(made[one].ravel(), made[other].ravel())[0, 1]
        assert abs(correlation) < 5 / NETWORK.n_neuron  # five standard errors of N^2 independent elements


@pytest.mark.parametrize("symmetry", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_elements_have_the_variance_and_the_symmetry_asked_for(symmetry):
    """Variance g^2/N, correlation gamma between J_ij and J_ji; bars of N^2/2 independent pairs, five of them."""
    model = dataclasses.replace(NETWORK, symmetry=symmetry)
    weights = model.realisation(0, SEED).weights
    pairs = np.triu_indices(model.n_neuron, 1)
    there, back = (np.sqrt(model.n_neuron) / model.gain * matrix[pairs] for matrix in (weights, weights.T))
    standard_error = np.sqrt((1 + symmetry**2) / len(there))
    assert abs((there**2 + back**2).mean() / 2 - 1) < 5 * standard_error
    assert abs((there * back).mean() - symmetry) < 5 * standard_error
    assert not np.diagonal(weights).any()
    if abs(symmetry) == 1:
        np.testing.assert_allclose(weights.T, symmetry * weights, atol=1e-15)


def test_symmetry_beyond_one_is_no_correlation():
    with pytest.raises(ParameterError, match="between -1 and 1"):
        RandomNetwork(symmetry=1.2)


def test_a_network_without_realisation_has_no_coupling():
    with pytest.raises(LookupError, match="ask realisation"):
        _ = NETWORK.weights


def test_an_unstable_draw_of_a_linear_network_is_drawn_again():
    """Some J of 20 neurons are unstable at this gain; the nonlinear network takes them as they are."""
    linear = RandomNetwork(n_neuron=20, gain=1.15, transfer="identity")
    bounded = dataclasses.replace(linear, transfer="tanh")
    rates = []
    for index in range(12):
        first, taken = bounded.realisation(index, SEED).weights, linear.realisation(index, SEED).weights
        rates.append(np.linalg.eigvals(first).real.max())
        assert np.linalg.eigvals(taken).real.max() < 1
        assert (rates[-1] < 1) == np.array_equal(first, taken)
    assert min(rates) < 1 < max(rates)  # both cases were seen


def test_a_hopeless_network_is_said_and_not_drawn_for_ever():
    network = RandomNetwork(n_neuron=30, gain=3.0, transfer="identity")
    with pytest.raises(ValueError, match="lower gain or raise n_neuron"):
        network.realisation(0, SEED)
