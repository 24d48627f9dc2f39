"""The simulated Brownian particle: first law along every path, work, heat and entropy as theory says, velocity odd."""

import math

import numpy as np
import pytest
from scipy import stats

from nessmap.model import N_TIME, ParameterError, Run, Start
from nessmap.models.brownian_particle import BrownianParticle, path_laws
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.statistics.calibration import calibration
from nessmap.theory import driven_particle, driven_particle_entropy, gaussian
from nessmap.theory.driven_particle import NormalState
from sampling import estimates, expectations, group_means, observed, run_of

SHAKEN = {"force": 0.7, "force_amplitude": 1.1, "frequency": 2.3, "stiffness": 1.7, "trap_velocity": -0.6}
HOT = {"initial_temperature_ratio": 1.5, "initial_displacement": -0.3}
TRANSIENT = {
    "everything": SHAKEN | HOT | {"mass": 0.5, "initial_velocity": 0.4},
    "everything, overdamped": SHAKEN | HOT | {"dynamics": "overdamped"},
    "free": {"stiffness": 0.0, "force": 0.5, "mass": 2.0, "initial_temperature_ratio": 1.4, "initial_velocity": 0.5},
    "free and shaken": {"stiffness": 0.0, "force": 0.5, "force_amplitude": 0.8, "frequency": 2.0, "friction": 0.7},
    "quench": {"dynamics": "overdamped", "initial_temperature_ratio": 2.0, "initial_displacement": 1.0},
    "dragged": {"dynamics": "overdamped", "trap_velocity": 0.8, "stiffness": 2.0, "temperature": 0.9},
}
STATIONARY = {
    "everything": SHAKEN | {"mass": 0.5},
    "everything, overdamped": SHAKEN | {"dynamics": "overdamped"},
    "free": {"stiffness": 0.0, "force": 0.9, "mass": 2.0, "temperature": 0.7},
    "resonance": {"force_amplitude": 1.0, "friction": 0.4},
}
SINCE_START = ("particle_path", "work_exponential", "entropy_exponential")


def lanes(model, n_lane, kind="transient", *, dt=0.1, duration=5.0, key=3):
    run = run_of(dt, duration, n_lane, model.n_dim, kind)
    return PROTOCOLS[kind](model, run, key, 0, n_lane), run


def measured(parameters, kind, *, key=1, dt=0.1, duration=4.0, n_lane=4096):
    """Estimates and expectations of every observable."""
    model = BrownianParticle(**parameters)
    statistics = SINCE_START if kind == "transient" else ("particle_rates",)
    names = observed(model, kind, statistics)
    run = run_of(dt, duration, n_lane, model.n_dim, kind)
    how = {"dt": dt, "duration": duration, "n_lane": n_lane, "kind": kind, "statistics": statistics}
    means = group_means(model, key=key, **how)
    names = [name for name in names if not OBSERVABLES[name].why_undefined(model, run)]
    return estimates(model, means, dt, names, run), expectations(model, dt, names, run)


def scores(estimate, expected):
    """z-scores, of what has an error and an expectation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.ravel((estimate.value - expected) / estimate.standard_error)
    return z[np.isfinite(z)]


# --- the path


@pytest.mark.parametrize("parameters", TRANSIENT.values(), ids=TRANSIENT)
def test_the_first_law_holds_along_every_path_to_rounding(parameters):
    model = BrownianParticle(**parameters)
    protocol, _ = lanes(model, 64)
    _, block = protocol.advance(protocol.start(), 50)
    n, stiffness = model.n_state, model.particle.stiffnesses[:, None]
    energy = (stiffness * block.x[:, :n] ** 2).sum(axis=1) / 2
    work, heat = block.x[:, n], block.x[:, n + 1]
    # rounding of 50 sums of three terms of the size of the largest energy
    scale = 3 * 50 * np.finfo(float).eps * (np.abs(work).max() + np.abs(heat).max() + energy.max())
    assert np.abs(work - heat - (energy - energy[0])).max() < scale
    np.testing.assert_array_equal(block.x[:, n + 2 :], np.broadcast_to(block.x[0, :n], (51, n, 64)))


@pytest.mark.parametrize("parameters", TRANSIENT.values(), ids=TRANSIENT)
def test_paths_have_the_joint_law_of_start_end_and_work(parameters):
    model, n_lane = BrownianParticle(**parameters), 1 << 14
    protocol, run = lanes(model, n_lane)
    _, block = protocol.advance(protocol.start(), 30)
    n, law = model.n_state, path_laws(model, run)[30]
    found = np.concatenate([block.x[-1, n + 2 :], block.x[-1, : n + 1]])
    variance = np.diag(law.covariance)
    error = np.sqrt(variance / n_lane)
    # 5 standard errors for 5 means and 15 covariances; a free particle starts at 0, and without a force there is no work
    assert (np.abs(found.mean(axis=1) - law.mean) <= 5 * error + 1e-12).all()
    spread = np.sqrt((np.outer(variance, variance) + law.covariance**2) / n_lane)
    assert (np.abs(np.cov(found) - law.covariance) <= 5 * spread + 1e-12).all()


@pytest.mark.parametrize("parameters", TRANSIENT.values(), ids=TRANSIENT)
def test_drift_and_noise_are_those_of_a_short_exact_step(parameters):
    """Of state, work and heat at a state and a time: the step's law over its length, to first order in it."""
    model, step, time = BrownianParticle(**parameters), 1e-6, 0.8
    n, particle = model.n_state, model.particle
    state = np.array([0.4, -0.7][:n])
    made = driven_particle.exact_step(particle, step)
    phase = particle.frequency * time
    onto = np.zeros((n + 1, n + 3))
    onto[:n, :n] = np.eye(n)
    onto[-1] = driven_particle.work_weights(particle, phase + particle.frequency * step)
    mean = onto @ (made.response @ state + made.drive @ [1.0, math.cos(phase), math.sin(phase)])
    mean[-1] += particle.force * (particle.trap_velocity * step - state[0])
    covariance = onto @ made.covariance @ onto.T
    stiffness = particle.stiffnesses
    gained = stiffness @ (mean[:n] ** 2 + np.diag(covariance)[:n] - state**2) / 2
    x = np.concatenate([state, [0.0, 0.0], state])
    moved = np.r_[mean[:n] - state, mean[-1], mean[-1] - gained] / step
    np.testing.assert_allclose(model.drift(x, time)[: n + 2], moved, atol=100 * step)  # rates below 10, squared
    heat = np.r_[-stiffness * state, 1.0]  # of a small step, in its state and work
    basis = np.vstack([np.eye(n + 1), heat])
    noise = basis @ covariance @ basis.T / (2 * step)
    np.testing.assert_allclose(model.diffusion(x, time)[: n + 2, : n + 2], noise, atol=100 * step)


@pytest.mark.parametrize("kind", ["stationary", "transient"])
def test_a_path_in_pieces_is_the_path_to_the_bit(kind):
    """Its phase goes on where the piece before it ended."""
    protocol, _ = lanes(BrownianParticle(**TRANSIENT["everything"]), 32, kind)
    whole = protocol.advance(protocol.start(), 50)[1].x.copy()
    state, first = protocol.advance(protocol.start(), 20)
    np.testing.assert_array_equal(first.x, whole[:21])
    np.testing.assert_array_equal(protocol.advance(state, 30)[1].x, whole[20:])


# --- against theory


@pytest.mark.slow
@pytest.mark.parametrize("parameters", TRANSIENT.values(), ids=TRANSIENT)
def test_what_has_happened_since_the_start_agrees_with_theory(parameters):
    found, expected = measured(parameters, "transient")
    compared = set()
    for name, estimate in found.items():
        z = scores(estimate, expected[name]) if name != "first_law_residual" else np.empty(0)
        compared |= {name} if len(z) else set()
        # 1e-4 for the largest of t-distributed scores
        assert np.abs(z).max(initial=0.0) < stats.t(15).isf(0.5e-4 / max(len(z), 1)), name
    assert found["first_law_residual"].value.max() < 1e-12
    assert compared >= {"work", "heat", "entropy_produced", "particle_entropy_flow"} - (
        {"work"} if "force" not in parameters and "trap_velocity" not in parameters else set()
    )


@pytest.mark.parametrize("parameters", STATIONARY.values(), ids=STATIONARY)
def test_steady_rates_agree_with_theory_by_three_estimators(parameters):
    found, expected = measured(parameters, "stationary", duration=50.0, n_lane=512)
    model = BrownianParticle(**parameters)
    rate = model.theory()["particle_entropy_production_rate"].value
    assert rate > 0.05
    for name, estimate in found.items():
        assert abs(scores(estimate, expected[name])[0]) < stats.t(15).isf(0.5e-4), name
    produced = found["particle_entropy_production_rate"]
    assert produced.value > 5 * produced.standard_error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transient", "stationary"])
def test_errors_are_calibrated_over_a_sweep(kind):
    """Each observable at the end of 36 points: Student's t, by its shape and by its spread."""
    pooled = {}
    for key in range(36):
        ratio, speed = (0.6, 1.0, 1.5, 2.5)[key % 4], (0.3, 0.6, 0.9)[key // 4 % 3]
        parameters = {"trap_velocity": speed, "force_amplitude": 0.4}
        parameters |= {"dynamics": "overdamped"} if key % 8 < 4 else {"mass": 0.5}
        parameters |= {"initial_temperature_ratio": ratio} if kind == "transient" else {}
        size = (
            {"dt": 0.04, "duration": 2.0, "n_lane": 2048} if kind == "transient" else {"duration": 20.0, "n_lane": 256}
        )
        found, expected = measured(parameters, kind, key=100 + key, **size)
        for name in found.keys() - {"first_law_residual"}:
            last = [np.ravel(part)[-1:] for part in (*found[name], expected[name])]
            z = (last[0] - last[2]) / last[1]
            pooled.setdefault(name, []).extend(z[np.isfinite(z)])
    assert pooled.keys() >= ({"jarzynski_average", "transport_ratio"} if kind == "transient" else {"heat_rate"})
    for name, z in pooled.items():
        made = calibration(z)
        assert made.n >= 12, name
        # a dozen observables, two tests each
        assert min(made.p_value, made.spread_p_value) > 1e-4, (name, made)


# --- what the numbers mean


def test_a_velocity_taken_as_even_would_hide_what_a_constant_force_dissipates():
    parameters = STATIONARY["free"]
    model = BrownianParticle(**parameters)
    np.testing.assert_array_equal(model.parity[:2], [1.0, -1.0])
    drift, noise = model.particle.drift_matrix[1:, 1:], model.particle.diffusion[1:, 1:]
    assert gaussian.entropy_production_rate(drift, noise) == 0.0  # v alone, even
    found, _ = measured(parameters, "stationary", duration=50.0, n_lane=512)
    odd = found["particle_entropy_production_rate"]
    assert abs(odd.value - 0.9**2 / 0.7) < 4 * odd.standard_error
    assert odd.value > 20 * odd.standard_error


@pytest.mark.parametrize("parameters", STATIONARY.values(), ids=STATIONARY)
def test_power_knows_neither_the_temperature_nor_the_sign_of_its_drives(parameters):
    """Heat is what forces do on mean motions: noise adds nothing, and entropy is that over the temperature."""
    base = BrownianParticle(**parameters).theory()
    hotter = BrownianParticle(**parameters | {"temperature": 2.5}).theory()
    drives = ("force", "force_amplitude", "trap_velocity")
    turned = BrownianParticle(**parameters | {name: -parameters.get(name, 0.0) for name in drives}).theory()
    for name in ("work_rate", "heat_rate"):
        assert hotter[name].value == turned[name].value == base[name].value == base["work_rate"].value
    ratio = base["particle_entropy_production_rate"].value / hotter["particle_entropy_production_rate"].value
    assert ratio == pytest.approx(2.5 / parameters.get("temperature", 1.0), rel=1e-14)


@pytest.mark.slow
def test_run_averages_of_the_flow_are_sums_over_the_steps():
    """Also where a step is a whole number of turns of the force, and where a run is less than one."""
    for parameters in STATIONARY.values():
        model = BrownianParticle(**parameters)
        period = 2 * math.pi / model.frequency
        for dt, n_step in ((0.1, 7), (0.1, 500), (2 * period, 9), (period / 4, 10)):
            flow = [
                driven_particle_entropy.entropy_rates(model.particle, *model.steady.at(phase), phase).flow
                for phase in model.frequency * dt * np.arange(n_step)
            ]
            assert model.mean_entropy_flow(Run(dt, n_step)) == pytest.approx(np.mean(flow), rel=1e-9)


def test_a_run_of_less_than_a_cycle_is_compared_with_its_own_mean():
    parameters = STATIONARY["resonance"] | {"frequency": 0.05, "force_amplitude": 6.0}
    found, expected = measured(parameters, "stationary", duration=10.0, n_lane=2048)
    for name, estimate in found.items():
        assert abs(scores(estimate, expected[name])[0]) < stats.t(15).isf(0.5e-4), name
    cycle = BrownianParticle(**parameters).theory()["work_rate"].value
    work = found["work_rate"]
    assert abs(work.value - cycle) > 10 * work.standard_error


@pytest.mark.slow
def test_samples_say_nothing_where_their_mean_square_is_infinite():
    """A start far colder than the bath: no number, and the reason."""
    cold = BrownianParticle(dynamics="overdamped", initial_temperature_ratio=0.1, initial_displacement=0.5)
    run = run_of(0.1, 4.0, 1024, cold.n_dim, "transient")
    theorem = OBSERVABLES["fluctuation_theorem_average"]
    assert "mean square is infinite" in theorem.why_undefined(cold, run)
    means = group_means(cold, dt=0.1, duration=4.0, n_lane=1024, kind="transient", statistics=SINCE_START)
    found = estimates(cold, means, 0.1, ["fluctuation_theorem_average"], run)["fluctuation_theorem_average"]
    assert np.isnan(found.value[1:]).all()
    assert not theorem.why_undefined(BrownianParticle(**TRANSIENT["quench"]), run)


@pytest.mark.slow
def test_rare_paths_leave_a_number_without_a_score():
    """Var W = 24: the samples that carry <e^(-W/T)> = 1 are not among 4096."""
    far = {"dynamics": "overdamped", "trap_velocity": 2.0}
    found, expected = measured(far, "transient", duration=4.0)
    assert found["jarzynski_average"].value[-1] < 0.5
    assert np.isnan(expected["jarzynski_average"][-1])
    assert not np.isnan(expected["jarzynski_average"][2])
    run = run_of(0.1, 4.0, 4096, 4, "transient")
    np.testing.assert_array_equal(OBSERVABLES["jarzynski_average"].exact(BrownianParticle(**far), run), np.ones(N_TIME))


def test_the_transport_bound_needs_a_position_that_diffuses():
    run = run_of(0.1, 4.0, 1024, 6, "transient")
    for name in ("transport_bound", "transport_ratio"):
        assert "set dynamics: overdamped" in OBSERVABLES[name].why_undefined(BrownianParticle(), run)
    quench = BrownianParticle(**TRANSIENT["quench"])
    ratio = OBSERVABLES["transport_ratio"].exact(quench, run)[1:]
    assert (ratio <= 1.0).all()
    # at first nothing is cheaper: the current is the optimal one
    early = OBSERVABLES["transport_ratio"].exact(quench, run._replace(dt=1e-4))[1]
    assert early == pytest.approx(1.0, abs=1e-3)


# --- its parameters


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"dynamics": "overdamped", "stiffness": 0.0}, "a free particle needs dynamics: underdamped"),
        ({"stiffness": 0.0, "trap_velocity": 1.0}, "there is no trap to move"),
        ({"stiffness": 0.0, "initial_displacement": 1.0}, "a free particle is at home everywhere"),
        ({"dynamics": "overdamped", "mass": 2.0}, "choose dynamics: underdamped"),
        ({"temperature": 0.0}, r"a finite number > 0 \[energy\]"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, said):
    with pytest.raises(ParameterError, match=said):
        BrownianParticle(**parameters)


def test_a_start_of_sites_is_no_start_of_a_particle():
    model = BrownianParticle()
    with pytest.raises(ValueError, match="initial_"):
        model.transient_start(np.zeros((model.n_dim, 16)), Start(0.5))
    law = BrownianParticle(**TRANSIENT["everything"]).initial_law
    assert isinstance(law, NormalState)
    np.testing.assert_allclose(np.diag(law.covariance), [1.5 / 1.7, 1.5 / 0.5])
