"""Synapses that learn a velocity: reference numbers, paths and their heat, what a bit costs, and honest errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, SENSING
from nessmap.model import Run, Start
from nessmap.models.plastic_synapse import PlasticSynapse
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.statistics.calibration import calibration
from nessmap.statistics.memory import MemoryEntries
from sampling import estimates, expectations, group_means, observed, run_of

DT = 0.1
KEPT = ("memory_entries",)


def synapse_of(case):
    return PlasticSynapse(
        n_synapse=case["N"],
        learning_gain=case["lam"],
        signal_variance=case["s2"],
        time_constant=case["tau"],
        weight_diffusion=case["D_w"],
        stimulus_duration=case["t_s"],
    )


def learning(model, n_lane, *, duration=8.0, key=1):
    """Estimates, expectations and the run of one point."""
    run = run_of(DT, duration, n_lane, model.n_dim, "transient")
    means = group_means(model, dt=DT, duration=duration, key=key, n_lane=n_lane, kind="transient", statistics=KEPT)
    names = observed(model, "transient", KEPT)
    return estimates(model, means, DT, names, run), expectations(model, DT, names, run), run


def path(model, n_step, n_lane=128, key=3):
    """A whole trajectory (n_step + 1, n_dim, n_lane)."""
    protocol = PROTOCOLS["transient"](model, Run(DT, n_step, n_lane), key, 0, n_lane)
    return protocol.advance(protocol.start(), n_step)[1].x


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("linear_synapse")])
def test_predictions_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    model = synapse_of(case)
    end, later = np.array(case["t_s"]), np.array(case["t_s"] + case["tau"])
    forgotten = np.array(case["t_s"] + 40 * case["tau"])  # but for e^-80
    theory = {observable: prediction.value for observable, prediction in model.theory().items()}
    found = {
        "I_at_ts": theory["bits_learned"] * math.log(2),
        "EP_learn_at_ts": model.production_at(end),
        "EP_per_bit": theory["cost_per_bit"],
        "I_after_tau": model.information_at(later),
        "T_mem_at_I0p01": theory["memory_lifetime"],
        "EP_forget": model.production_at(forgotten) - model.production_at(end),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


def test_heat_is_the_loss_of_potential_energy_on_every_path():
    """The goal stands still but for the jumps at both ends of the stimulus, so that the midpoint rule is exact."""
    model = PlasticSynapse(n_synapse=6, learning_gain=0.7, stimulus_duration=1.5, weight_diffusion=0.3)
    x, end = path(model, 50), 15
    goal, weights, heat = 0.7 * x[0, 0], x[:, 1:-1], x[:, -1]

    def energy(n, pull):
        return ((weights[n] - pull) ** 2).sum(axis=0) / (2 * model.time_constant * 0.3)

    during, after = energy(0, goal) - energy(end, goal), energy(end, 0.0) - energy(50, 0.0)
    scale = np.abs(heat).max()
    np.testing.assert_allclose(heat[end], during, atol=1e-13 * 50 * scale)  # rounding of 50 terms
    np.testing.assert_allclose(heat[50], during + after, atol=1e-13 * 50 * scale)
    assert (x[:, 0] == x[0, 0]).all()  # the velocity is drawn once


def test_steps_have_the_mean_and_the_width_of_the_exact_law():
    model = PlasticSynapse(signal_mean=0.5, stimulus_duration=1.0, weight_diffusion=0.4, time_constant=0.8)
    n_lane = 1 << 14
    x = path(model, 50, n_lane)
    for n in (1, 10, 30):
        kept = -math.expm1(-min(n * DT, 1.0) / 0.8) * math.exp(-max(n * DT - 1.0, 0.0) / 0.8)
        noise = x[n, 1] - kept * x[0, 0]
        # five standard errors of a mean, of a variance and of a correlation
        assert abs(noise.mean()) < 5 * math.sqrt(0.32 / n_lane)
        assert abs(noise.var() / 0.32 - 1) < 5 * math.sqrt(2 / n_lane)
        assert abs(np.corrcoef(noise, x[0, 0])[0, 1]) < 5 / math.sqrt(n_lane)


def test_what_is_kept_is_that_of_the_trajectory():
    model = PlasticSynapse(n_synapse=3, stimulus_duration=1.5)
    means = group_means(model, dt=DT, duration=5.0, key=3, n_lane=128, kind="transient", statistics=KEPT)
    at_times, at_end = MemoryEntries.unpacked(means["memory_entries"].mean(axis=1))
    x = path(model, 50)
    own = np.array([model.entries(state).mean(axis=1) for state in x])
    np.testing.assert_allclose(at_times, own, atol=1e-13 * np.abs(own).max())
    np.testing.assert_allclose(at_end[0], own[15], atol=1e-13 * np.abs(own).max())


@pytest.mark.slow
def test_estimates_agree_with_theory_and_their_errors_are_honest():
    scores = {}
    random = np.random.default_rng(5)
    for key in range(60):
        model = PlasticSynapse(
            n_synapse=int(random.integers(1, 4)),
            learning_gain=float(random.uniform(0.4, 1.6)),
            stimulus_duration=float(random.choice([0.5, 1.0, 2.0])),
            signal_mean=float(random.choice([0.0, 0.5])),
            memory_threshold=0.2,
        )
        found, expected, run = learning(model, 2048, key=key)
        for name, value in expected.items():
            z = np.atleast_1d(
                (found[name].value - value) / np.where(found[name].standard_error, found[name].standard_error, np.nan)
            )
            # a few separate times: neighbours are correlated
            scores.setdefault(name, []).extend(z[[4, 20]] if len(z) == len(run.times) else z)
    for name, z in scores.items():
        found = calibration(z)
        assert found.n > 30, name
        # twelve p-values: one below 1e-3 in a hundred suites
        assert min(found.p_value, found.spread_p_value) > 1e-3, (name, found)


@pytest.mark.slow
@given(st.floats(0.05, 3.0), st.floats(0.05, 5.0), st.floats(0.05, 5.0), st.floats(-1.0, 1.0))
@EXAMPLES
def test_information_never_exceeds_what_was_produced(gain, noise, stimulus, mean):
    model = PlasticSynapse(
        learning_gain=gain, weight_diffusion=noise, stimulus_duration=stimulus, signal_mean=mean, n_synapse=3
    )
    times = np.linspace(0.0, 3 * stimulus, 40)
    information, production = model.information_at(times), model.production_at(times)
    assert (information <= production * (1 + 1e-12)).all()
    assert (np.diff(production) >= -1e-12 * production[-1]).all()
    assert model.theory(["cost_per_bit"])["cost_per_bit"].value >= math.log(2) * (1 - 1e-12)


@pytest.mark.slow
def test_a_bit_costs_ln_2_for_a_weak_and_long_stimulus():
    """SNR = 0.05, whose first correction SNR/2 to Landauer's ln 2 is below the error of the simulation."""
    model = PlasticSynapse(learning_gain=math.sqrt(0.05), stimulus_duration=8.0)
    value, error = learning(model, 1 << 15, duration=10.0)[0]["cost_per_bit"]
    assert 0.025 * math.log(2) < error < 0.06 * math.log(2)
    assert abs(value - math.log(2) * 1.025) < 4 * error + 0.001


def test_many_synapses_know_as_much_as_one_of_less_noise():
    many = PlasticSynapse(n_synapse=8, weight_diffusion=1.6)
    one = PlasticSynapse(weight_diffusion=0.2)
    times = np.linspace(0.0, 6.0, 20)
    np.testing.assert_allclose(many.information_at(times), one.information_at(times), rtol=1e-13)
    np.testing.assert_allclose(many.production_at(times), one.production_at(times), rtol=1e-13)


def test_a_run_that_cannot_see_the_memory_says_why():
    model = PlasticSynapse(stimulus_duration=3.0)
    lifetime, bits = OBSERVABLES["memory_lifetime"], OBSERVABLES["bits_learned"]
    assert "set run.duration >= 5.47" in lifetime.why_undefined(model, Run(DT, 50))
    assert lifetime.why_undefined(model, Run(DT, 60)) == ""
    assert "the stimulus lasts 3, the run 2; raise run.duration" in bits.why_undefined(model, Run(DT, 20))
    assert "expected whole steps of run.dt = 0.7" in bits.why_undefined(model, Run(0.7, 20))
    with pytest.raises(ValueError, match="expected nothing: synapses start at rest"):
        model.transient_start(np.zeros((3, 16)), Start(variance=2.0))


def test_a_run_too_short_gives_no_number_and_no_warning():
    model = PlasticSynapse(stimulus_duration=20.0)
    found, _, run = learning(model, 128, duration=5.0)
    assert np.isnan(found["bits_learned"].value)
    assert np.isnan(found["synaptic_information"].value).all()
    assert found["synaptic_information"].value.shape == run.times.shape
