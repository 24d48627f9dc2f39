"""A particle under every kind of drive: reference numbers, the laws of its parts by other routes, fluctuation theorems."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED, SEEDS, SENSING
from nessmap.theory import bounds, brownian, driven_particle, driven_particle_entropy, trapped_particle
from nessmap.theory.brownian import NormalLaw
from nessmap.theory.driven_particle import DrivenParticle, NormalState, path_law

NODE, WEIGHT = np.polynomial.legendre.leggauss(80)


def cases(prefix):
    return [name for name in SENSING if name.startswith(prefix)]


def random_particle(seed, underdamped=None, trapped=None):
    random = np.random.default_rng(seed)
    temperature, friction, mass, stiffness, frequency = np.exp(np.clip(random.normal(size=5), -1.5, 1.5))
    force, amplitude, speed = random.normal(size=3)
    kind = random.integers(3)
    underdamped = kind < 2 if underdamped is None else underdamped
    trapped = kind != 1 or not underdamped if trapped is None else trapped
    mass, stiffness = mass if underdamped else 0.0, stiffness if trapped else 0.0
    drive = (force, amplitude, frequency, speed if trapped else 0.0)
    particle = DrivenParticle(temperature, friction, mass, stiffness, *drive)
    law = particle.equilibrium(temperature * math.exp(random.normal() / 2))
    return particle, law._replace(mean=random.normal(size=len(law.mean)) * (np.diag(law.covariance) > 0))


def state(mean, variance):
    return NormalState(np.atleast_1d(np.asarray(mean, float)), np.diag(np.atleast_1d(np.asarray(variance, float))))


# --- reference numbers


@pytest.mark.parametrize("name", cases("particle_underdamped"))
def test_a_free_particle_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = DrivenParticle(case["T"], case["gamma"], case["m"], stiffness=0.0, force=case["F"])
    law = path_law(particle, state([0, case["v0"]], [0, case["var0"]]), case["t"])
    rates, balance = (
        driven_particle_entropy.entropy_rates(particle, *law.end),
        driven_particle_entropy.balance(particle, law),
    )
    found = {
        "mean_v": law.end.mean[1],
        "var_v": law.end.covariance[1, 1],
        "epr": rates.production,
        "entropy_flow": rates.flow,
        "dSdt": rates.entropy_rate,
        "heat_total": balance.heat,
        "epr_total": balance.production,
        "steady_epr": driven_particle.steady_power(particle) / case["T"],
        "ift_exact": driven_particle_entropy.entropy_moment(particle, law),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    second = driven_particle_entropy.entropy_moment(particle, law, order=2.0)
    assert second == pytest.approx(float(str(expected["ift_second_moment"]).replace("infinite", "inf")), rel=ORACLE)


@pytest.mark.parametrize("name", cases("particle_driven"))
def test_a_periodic_force_dissipates_as_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    drive = {"force_amplitude": case["F0"], "frequency": case["omega"]}
    particle = DrivenParticle(case["T"], case["gamma"], case["m"], stiffness=0.0, **drive)
    amplitude = abs(driven_particle.steady_motion(particle).amplitude[1])
    assert amplitude == pytest.approx(expected["mean_v_amplitude"], rel=ORACLE)
    rate = driven_particle.steady_power(particle) / case["T"]
    assert rate == pytest.approx(expected["epr_cycle_avg"], rel=ORACLE)


@pytest.mark.parametrize("name", cases("particle_trap_xv"))
def test_position_and_velocity_in_a_trap_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = DrivenParticle(case["T"], case["gamma"], case["m"], stiffness=1.0)
    rates = driven_particle_entropy.entropy_rates(particle, case["mean"], case["Sigma"])
    found = {"dSdt": rates.entropy_rate, "epr": rates.production, "entropy_flow": rates.flow}
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


@pytest.mark.parametrize("name", cases("particle_dragged_trap"))
def test_a_dragged_particle_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = DrivenParticle(case["T"], case["gamma"], 0.0, case["k"], trap_velocity=case["u"])
    work = path_law(particle, particle.equilibrium(), case["t"]).work
    found = {
        "mean_work": work.mean,
        "var_work": work.variance,
        "epr_steady": driven_particle.steady_power(particle) / case["T"],
        "lag_steady": driven_particle.steady_motion(particle).constant[0],
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


@pytest.mark.parametrize("name", cases("particle_quench"))
def test_a_quench_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = DrivenParticle(case["T"], case["gamma"], 0.0, case["k"])
    law = path_law(particle, state(case["mu0"], case["var0"]), case["t"])
    before, after = law.start, law.end
    variances = before.covariance[0, 0], after.covariance[0, 0]
    shift = after.mean[0] - before.mean[0]
    bound = driven_particle_entropy.transport_bound(particle, shift, *variances, case["t"])
    found = {
        "epr_total": driven_particle_entropy.balance(particle, law).production,
        "mean": after.mean[0],
        "var": variances[1],
        "speed_limit_lower_bound": bound,
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    noise = particle.diffusion
    assert bound == pytest.approx(bounds.transport_bound(*before, *after, noise, case["t"]), rel=ORACLE)


# --- other routes


@pytest.mark.slow
@given(SEEDS, st.floats(0.1, 3.0))
@EXAMPLES
def test_constant_forces_and_moving_traps_give_the_laws_of_their_own_theories(seed, time):
    free, start = random_particle(seed, underdamped=True, trapped=False)
    free = DrivenParticle(free.temperature, free.friction, free.mass, 0.0, free.force)
    own = brownian.UnderdampedParticle(free.mass, free.friction, free.temperature)
    begin = NormalLaw(start.mean[1], start.covariance[1, 1])
    law = path_law(free, start, time)
    expected = brownian.velocity_balance(own, free.force, begin, time)
    scale = sum(abs(float(part)) for part in expected) + free.temperature
    np.testing.assert_allclose(driven_particle_entropy.balance(free, law), expected, atol=ROUNDED * scale)
    moment = driven_particle_entropy.entropy_moment(free, law, 0.5)
    assert moment == pytest.approx(brownian.entropy_moment(own, free.force, begin, time, 0.5), rel=ROUNDED)

    trapped, start = random_particle(seed, underdamped=False)
    trapped = DrivenParticle(
        trapped.temperature,
        trapped.friction,
        0.0,
        trapped.stiffness,
        trapped.force,
        trap_velocity=trapped.trap_velocity,
    )
    trap = trapped_particle.TrappedParticle(trapped.stiffness, trapped.friction, trapped.temperature)
    begin = NormalLaw(start.mean[0], start.covariance[0, 0])
    end = path_law(trapped, start, time).end
    expected = trapped_particle.position_law(trap, begin, time, trapped.trap_velocity, trapped.force)
    found = end.mean[0] + trapped.trap_velocity * time
    assert found == pytest.approx(float(expected.mean), abs=ROUNDED * (1 + abs(found)))
    assert end.covariance[0, 0] == pytest.approx(float(expected.variance), rel=ROUNDED)


@pytest.mark.slow
@given(SEEDS, st.floats(0.2, 2.0))
@EXAMPLES
def test_work_and_entropy_are_the_integrals_of_power_and_production(seed, time):
    particle, start = random_particle(seed)
    when, weight = time * (NODE + 1) / 2, time * WEIGHT / 2
    ends = [path_law(particle, start, instant).end for instant in when]
    mean, covariance = (np.array(part) for part in zip(*ends, strict=True))
    phase = particle.frequency * when
    rates = driven_particle_entropy.entropy_rates(particle, mean, covariance, phase)
    force = particle.force + particle.force_amplitude * np.cos(phase)
    velocity = mean[:, -1] if particle.underdamped else (force - particle.stiffness * mean[:, 0]) / particle.friction
    power = force * velocity - particle.stiffness * particle.trap_velocity * mean[:, 0]
    found = driven_particle_entropy.balance(particle, path_law(particle, start, time))
    scale = float(weight @ (np.abs(power) + particle.temperature * (rates.production + np.abs(rates.flow))))
    # a start that is far from equilibrium decays fast: what 80 nodes leave is still rounding
    assert float(found.work) == pytest.approx(weight @ power, abs=ROUNDED * scale)
    assert float(found.heat) == pytest.approx(particle.temperature * (weight @ rates.flow), abs=ROUNDED * scale)
    produced = float(found.production) * particle.temperature
    assert produced == pytest.approx(particle.temperature * (weight @ rates.production), abs=ROUNDED * scale)


@pytest.mark.slow
@given(SEEDS, st.floats(0.1, 2.0), st.floats(0.1, 2.0))
@EXAMPLES
def test_two_steps_make_one(seed, first, second):
    """Means and covariances of the state and the work, the phase of the force carried over."""
    particle, start = random_particle(seed)
    whole = path_law(particle, start, first + second)
    n = whole.n_state
    mean, covariance = np.r_[start.mean, 0.0], np.zeros((n + 1, n + 1))
    covariance[:n, :n] = start.covariance
    for time, began in ((first, 0.0), (second, first)):
        step = driven_particle.exact_step(particle, time)
        phase = particle.frequency * began
        onto = np.zeros((n + 1, n + 3))
        onto[:n, :n], onto[-1] = np.eye(n), driven_particle.work_weights(particle, phase + particle.frequency * time)
        response = np.zeros((n + 1, n + 1))
        response[:, :n], response[-1, -1] = onto @ step.response, 1.0
        response[-1, 0] -= particle.force
        mean = response @ mean + onto @ step.drive @ [1.0, math.cos(phase), math.sin(phase)]
        mean[-1] += particle.force * particle.trap_velocity * time
        covariance = response @ covariance @ response.T + onto @ step.covariance @ onto.T
    own = [*range(n, 2 * n), 2 * n]
    expected = whole.covariance[np.ix_(own, own)]
    size = np.sqrt(np.diag(expected)) + np.sqrt(np.diag(covariance)) + 1e-12
    # a matrix exponential rounds relative to its largest entries
    np.testing.assert_allclose(covariance / np.outer(size, size), expected / np.outer(size, size), atol=ROUNDED)
    reach = 1 + np.abs(whole.mean).max() + np.abs(start.mean).max()
    np.testing.assert_allclose(mean, whole.mean[own], atol=ROUNDED * reach)


@given(SEEDS)
@EXAMPLES
def test_the_steady_motion_repeats_after_a_cycle_and_pays_its_power(seed):
    particle, _ = random_particle(seed)
    motion = driven_particle.steady_motion(particle)
    period = 2 * math.pi / particle.frequency
    law = path_law(particle, motion.at(0.0), period)
    bound = particle.bound_coordinates
    scale = 1 + np.abs(motion.at(0.0).mean).max() + np.abs(motion.amplitude).max()
    np.testing.assert_allclose(law.end.mean[bound], motion.at(0.0).mean[bound], atol=ROUNDED * scale)
    own = np.ix_(bound, bound)
    spread = float(motion.covariance.max())
    np.testing.assert_allclose(law.end.covariance[own], motion.covariance[own], atol=ROUNDED * spread)
    power = driven_particle.steady_power(particle)
    # power of either sign cancels over a cycle
    size = power + abs(particle.force_amplitude) * particle.frequency * abs(motion.amplitude[0])
    assert float(law.work.mean) / period == pytest.approx(power, abs=ROUNDED * (size + particle.force**2))


def test_without_inertia_the_shaken_particle_dissipates_as_an_oscillating_trap_does():
    particle = DrivenParticle(0.6, 1.7, 0.0, 0.8, force_amplitude=1.4 * 0.8, frequency=0.9)
    trap = trapped_particle.TrappedParticle(0.8, 1.7, 0.6)
    expected = trapped_particle.oscillating_trap_entropy_production_rate(trap, 1.4, 0.9)
    assert driven_particle.steady_power(particle) / 0.6 == pytest.approx(expected, rel=1e-13)


def test_a_light_particle_is_overdamped_up_to_its_mass():
    """Work and position: corrections are linear in m k/gamma^2."""
    drive = {"force": 0.7, "force_amplitude": 0.5, "frequency": 1.3, "trap_velocity": -0.4}
    overdamped = DrivenParticle(mass=0.0, **drive)
    expected = path_law(overdamped, overdamped.equilibrium(), 1.5)

    def apart(mass):
        particle = DrivenParticle(mass=mass, **drive)
        law = path_law(particle, particle.equilibrium(), 1.5)
        return np.array([law.end.mean[0] - expected.end.mean[0], law.mean[-1] - expected.mean[-1]])

    coarse, fine = apart(2e-4), apart(1e-4)
    np.testing.assert_allclose(coarse / fine, 2.0, rtol=0.01)  # the next order is a hundredth of the first
    assert (np.abs(fine) < 1e-3).all()


# --- fluctuation theorems


@given(SEEDS, st.floats(0.05, 3.0))
@EXAMPLES
def test_the_integral_fluctuation_theorem_holds_under_every_drive_from_every_start(seed, time):
    particle, start = random_particle(seed)
    law = path_law(particle, start, time)
    # the exponent is a difference of terms that grow with the displacement from equilibrium
    exponents = 1 + particle.stiffnesses @ (start.mean**2 + law.end.mean**2) / particle.temperature
    assert driven_particle_entropy.entropy_moment(particle, law) == pytest.approx(1.0, rel=ROUNDED * exponents)
    assert float(driven_particle_entropy.balance(particle, law).production) >= -ROUNDED * exponents


@given(SEEDS, st.floats(0.05, 3.0))
@EXAMPLES
def test_work_from_equilibrium_obeys_jarzynski_under_every_drive(seed, time):
    """<e^(-W/T)> = 1: no drive here changes the free energy, so Var W = 2 T <W>."""
    particle, _ = random_particle(seed)
    work = path_law(particle, particle.equilibrium(), time).work
    scale = float(work.variance) + abs(particle.temperature * work.mean) + 1e-9
    assert float(work.variance) == pytest.approx(2 * particle.temperature * float(work.mean), abs=ROUNDED * scale)


@given(SEEDS, st.floats(0.05, 3.0))
@EXAMPLES
def test_no_way_of_moving_an_overdamped_particle_costs_less_than_transport(seed, time):
    particle, start = random_particle(seed, underdamped=False)
    law = path_law(particle, start, time)
    shift = law.end.mean[0] - law.start.mean[0] + particle.trap_velocity * time
    variances = law.start.covariance[0, 0], law.end.covariance[0, 0]
    bound = float(driven_particle_entropy.transport_bound(particle, shift, *variances, time))
    assert float(driven_particle_entropy.balance(particle, law).production) >= bound * (1 - ROUNDED) - ROUNDED


def test_what_is_not_a_particle_is_refused():
    with pytest.raises(ValueError, match=r"stiffness = 0\.0, expected a finite number > 0"):
        DrivenParticle(mass=0.0, stiffness=0.0)
    with pytest.raises(ValueError, match=r"stiffness = 0\.0, expected"):
        DrivenParticle(stiffness=0.0, trap_velocity=1.0)
    with pytest.raises(ValueError, match=r"mass = -1\.0, expected"):
        DrivenParticle(mass=-1.0)
