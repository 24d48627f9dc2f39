"""The quasi-potential of random networks: gradient, reference numbers, exponents, finite networks, sampling against theory."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.model import Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.observables import OBSERVABLES
from nessmap.theory.overlap_fluctuations import overlap_fluctuations
from nessmap.theory.replica import replica_state
from sampled_network import observed

ORACLES = json.loads((Path(__file__).parent / "oracles" / "rnn.json").read_text())
SAMPLED = {(row["g"], row["gamma"], row["T"]): row for row in ORACLES["rs_vs_hmc"]}


def z_scores(found):
    """{observable: (estimate - theory)/standard error}."""
    return {name: (value - theory.value) / error for name, ((value, error), theory) in found.items()}


# --- the potential


@pytest.mark.parametrize("transfer", ["tanh", "arcsinh", "u/(1+u**2)"])
def test_the_gradient_is_that_of_the_energy(transfer):
    model = QuasiPotential(n_neuron=12, gain=1.4, symmetry=-0.4, regulariser=0.1, transfer=transfer).realisation(0, 3)
    x = np.random.default_rng(1).normal(size=(12, 5))
    step = 2.0**-9

    def energy(shift):
        return np.array([model.parts(x + shift * step * unit[:, None]).energy for unit in np.eye(12)])

    differences = (8 * (energy(1) - energy(-1)) - energy(2) + energy(-2)) / (12 * step)
    # step^4/30 of a fifth derivative of at most 1000 there, and rounding of an energy of order 10
    np.testing.assert_allclose(differences, model.parts(x).gradient, rtol=0, atol=1000 * step**4 / 30 + 1e-12)


def test_the_energy_does_not_see_the_sign_of_a_state_and_the_origin_is_its_lowest_point_below_the_transition():
    model = QuasiPotential(n_neuron=30, gain=0.6).realisation(1, 3)
    x = np.random.default_rng(2).normal(size=(30, 8))
    assert (model.parts(x).energy == model.parts(-x).energy).all()
    assert (model.parts(0 * x).gradient == 0).all()
    assert (model.parts(x).energy > 0).all()
    np.testing.assert_array_equal(model.drift(x, 0.0), -model.parts(x).gradient)


def test_the_transition_is_where_the_silent_network_becomes_unstable():
    for gain, symmetry in ((1.0, 0.0), (0.5, 1.0), (0.8, 0.25)):
        model = QuasiPotential(gain=gain, symmetry=symmetry)
        assert model.stability().leading_rate == pytest.approx(0.0, abs=1e-15)
        assert model.is_stationary(model.stability())


def test_a_ladder_has_more_rungs_in_a_larger_network_and_none_above_its_own_temperature():
    small, large = (QuasiPotential(n_neuron=n, temperature=0.01, hottest=0.1).ladder for n in (50, 200))
    assert (len(small), len(large)) == (9, 17)
    assert (large[0], large[-1]) == (0.01, pytest.approx(0.1))
    assert QuasiPotential(temperature=0.1, hottest=0.1).ladder == (0.1,)


# --- theory


@pytest.mark.parametrize("key", SAMPLED, ids=str)
def test_theory_of_a_point_is_the_reference(key):
    gain, symmetry, temperature = key
    reference = SAMPLED[key]["RS"]
    theory = QuasiPotential(gain=gain, symmetry=symmetry, temperature=temperature).theory()
    # quadrature-converged to 1e-5 of the value, as the file says; stopped at 1e-9 per step at a rate of up to 0.98
    names = {"self_overlap": "q", "second_moment": "X2", "response": "G", "replica_stability": "sgQ0"}
    for name, column in names.items():
        assert theory[name].value == pytest.approx(reference[column], rel=1e-5)
        assert theory[name].kind == "approximate"
    assert theory["relative_energy"].value == pytest.approx(SAMPLED[key]["RS_EoverT"], abs=1e-6)
    assert theory["log_volume"].value == pytest.approx(reference["omega"], abs=1e-6)
    assert theory["integrated_response"].value == pytest.approx(SAMPLED[key]["RS_Gplusrho"], rel=1e-5)


@pytest.mark.parametrize(("gain", "exponent", "allowed"), [(0.8, 1.0, 1e-4), (1.0, 0.5, 2e-3), (1.2, 0.0, 1e-3)])
def test_activity_vanishes_as_a_power_of_the_temperature(gain, exponent, allowed):
    """Linearly below the transition, by a square root at it, not at all above; corrections are of order T, sqrt(T), T."""
    model = QuasiPotential(gain=gain, temperature=1e-6)
    theory = model.theory(["temperature_exponent", "relative_energy"])
    assert theory["temperature_exponent"].value == pytest.approx(exponent, abs=allowed)
    assert theory["relative_energy"].value == pytest.approx(0.5, abs=1e-8)


@pytest.mark.parametrize(
    "row", [row for row in ORACLES["rs_tables"]["scaling_gc"] if row["local_exp"]], ids=lambda row: str(row["gamma"])
)
def test_the_exponent_at_the_transition_is_the_reference(row):
    """Between ten times the temperature and itself: 1/2 without symmetry, near 2/3 with some."""
    low, high = (
        QuasiPotential(gain=1 / (1 + row["gamma"]), symmetry=row["gamma"], temperature=factor * row["T"]).theory()
        for factor in (1, 10)
    )
    assert low["self_overlap"].value == pytest.approx(row["q"], rel=2e-5)
    found = np.log10(high["self_overlap"].value / low["self_overlap"].value)
    # two values, each converged to 1e-5 of itself
    assert found == pytest.approx(row["local_exp"], abs=2e-5)


@pytest.mark.slow
def test_response_peaks_at_the_transition_for_positive_symmetry_alone():
    for symmetry in (-0.3, 0.0, 0.5):
        gains = np.linspace(0.4, 1.2, 17)
        found = [QuasiPotential(gain=g, symmetry=symmetry, temperature=1e-5).theory()["response"].value for g in gains]
        peak = gains[np.argmax(found)]
        # the maximum at T = 0 is at 1/(1 + gamma); a grid step beside it at this temperature
        assert peak == pytest.approx(1 / 1.5, abs=0.06) if symmetry > 0 else peak == gains[0]


@pytest.mark.slow
def test_where_replicas_have_no_theory_the_point_says_why():
    model = QuasiPotential(gain=1.5, transfer="identity", n_neuron=4)
    with pytest.raises(ValueError, match=r"replica theory: gain: 1\.5"):
        model.theory()


# --- finite networks


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
def test_overlaps_of_replicas_of_a_linear_network_are_those_of_its_covariance(symmetry):
    """N <O^2> = tr C^2/N and N <O rho> = tr C/N of C = T ((1 - J)^T (1 - J))^-1, with F.phi/T of mean -1/(1 - J)."""
    gain, temperature, n = 0.5, 1e-6, 300
    state = replica_state(gain, symmetry, temperature, transfer=lambda x: x)
    theory = overlap_fluctuations(gain, symmetry, state)
    found = []
    for index in range(4):
        matrix = np.eye(n) - QuasiPotential(n_neuron=n, gain=gain, symmetry=symmetry).coupling_matrix(index, 1)
        inverse = np.linalg.inv(matrix)
        covariance = temperature * inverse @ inverse.T
        # <x x^T> = C and <F x^T> = -T (1 - J)^-T: O rho of two replicas is tr of their product
        found.append([np.sum(covariance**2) / n, np.sum(covariance * inverse) / n])
    # sums over J differ by 1/N, and by a spread of the same order between four realisations
    assert np.mean(found, axis=0) == pytest.approx(theory, rel=12 / n)


def test_replicas_that_overlap_have_no_fluctuations_about_zero():
    state = replica_state(1.5, -0.3, 0.01)
    assert state.overlap > 0.1
    assert np.isnan(overlap_fluctuations(1.5, -0.3, state)).all()


@pytest.mark.slow
def test_overlaps_of_a_sampled_network_have_the_size_that_theory_gives_them():
    names = ["replica_overlap", "cross_overlap", "response", "relative_energy", "temperature_exponent"]
    parameters = {"n_neuron": 100, "gain": 0.7, "temperature": 0.02, "burn_in": 60, "n_leapfrog": 12, "step_size": 0.5}
    found = observed(parameters, 300, names)
    for name, z in z_scores(found).items():
        # errors over 16 realisations, and the next order in 1/N: twice 1/N at the distance 1 - g^2 G^2 = 0.55 of here
        (_, error), theory = found[name]
        assert abs(z) < 4 + 0.04 * abs(theory.value) / error, name


# --- sampling


@pytest.mark.slow
@pytest.mark.parametrize(("key", "burn_in"), [((0.8, 0.0, 0.01), 60), ((1.2, 0.5, 0.01), 250)], ids=str)
def test_sampling_agrees_with_reference_sampling_and_with_theory(key, burn_in):
    gain, symmetry, temperature = key
    reference = SAMPLED[key]["HMC"][0]
    parameters = {"n_neuron": reference["N"], "gain": gain, "symmetry": symmetry, "temperature": temperature}
    columns = {
        "self_overlap": "q",
        "second_moment": "X2",
        "relative_energy": "E_over_T",
        "integrated_response": "Gplusrho",
    }
    # above the transition cooling is slow: after 60 iterations the self-overlap is 7 % low
    found = observed({**parameters, "burn_in": burn_in, "n_leapfrog": 18}, 80 if burn_in < 100 else 150, list(columns))
    for name, column in columns.items():
        ((value, error), theory), (other, spread) = found[name], reference[column]
        # three J there, errors of two degrees of freedom: 4.3 at 95 %, 9.9 at 99 %
        assert abs(value - other) < 4 * error + 6 * spread, name
        # 1/N, of a network that is 0.4 from the transition in 1 - g^2 G^2, and less where q is of order 1
        assert abs(value - theory.value) < 4 * error + 3 / reference["N"] * abs(theory.value) / 0.4, name


@pytest.mark.slow
def test_a_ladder_frees_chains_that_stick_at_one_temperature():
    parameters = {"n_neuron": 32, "gain": 1.4, "symmetry": 0.5, "temperature": 0.003, "burn_in": 100, "n_leapfrog": 12}
    alone, tempered = (
        observed({**parameters, "hottest": hottest}, 200, ["split_r_hat"])["split_r_hat"][0] for hottest in (0.0, 0.1)
    )
    # chains that disagree by more than they move
    assert alone.value > 1.5
    assert alone.value - tempered.value > 4 * np.hypot(alone.standard_error, tempered.standard_error)


# --- what is shown


def test_every_observable_of_the_sampler_has_a_finite_theory_or_none():
    model = QuasiPotential(gain=0.9, symmetry=0.2, n_neuron=50)
    predictions, run = model.theory(), Run(1.0, 100, 256, n_disorder=16)
    names = [name for name, o in OBSERVABLES.items() if o.protocol == "sampler"]
    assert predictions.keys() <= set(names)
    for name in names:
        theory = OBSERVABLES[name].theory(model, run, predictions)
        assert theory is None or np.isfinite(theory.value)
    assert OBSERVABLES["exchange_acceptance"].why_undefined(model, run).startswith("one temperature has no exchanges")
