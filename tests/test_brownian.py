"""A particle with a velocity that is odd under time reversal: reference numbers, first and second law, fluctuations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EPSILON, EXAMPLES, ORACLE, ROUNDED, SEEDS, SENSING
from nessmap.theory import gaussian
from nessmap.theory.brownian import (
    NormalLaw,
    UnderdampedParticle,
    driven_cycle,
    entropy_moment,
    velocity_balance,
    velocity_entropy,
    velocity_law,
)

NODE, WEIGHT = np.polynomial.legendre.leggauss(40)


def oracle_names(prefix):
    return [name for name in SENSING if name.startswith(prefix)]


def free_particle(case):
    particle = UnderdampedParticle(case["m"], case["gamma"], case["T"])
    return particle, case["F"], NormalLaw(np.float64(case["v0"]), np.float64(case["var0"]))


def random_particle(seed):
    random = np.random.default_rng(seed)
    mass, friction, temperature, ratio = np.exp(np.clip(random.normal(size=4), -1.5, 1.5))
    return UnderdampedParticle(mass, friction, temperature), NormalLaw(random.normal(), ratio * temperature / mass)


@pytest.mark.parametrize("name", oracle_names("particle_underdamped"))
def test_a_free_particle_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle, force, start = free_particle(case)
    law = velocity_law(particle, force, start, case["t"])
    rates, balance = velocity_entropy(particle, *law), velocity_balance(particle, force, start, case["t"])
    found = {
        "mean_v": law.mean,
        "var_v": law.variance,
        "epr": rates.production,
        "entropy_flow": rates.flow,
        "dSdt": rates.entropy_rate,
        "heat_total": balance.heat,
        "epr_total": balance.production,
        "steady_epr": velocity_entropy(particle, force / particle.friction, particle.thermal_variance).production,
        "ift_exact": entropy_moment(particle, force, start, case["t"]),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    second = entropy_moment(particle, force, start, case["t"], order=2.0)
    assert second == pytest.approx(float(str(expected["ift_second_moment"]).replace("infinite", "inf")), rel=ORACLE)


@pytest.mark.parametrize("name", oracle_names("particle_driven"))
def test_a_periodic_force_dissipates_as_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    cycle = driven_cycle(UnderdampedParticle(case["m"], case["gamma"], case["T"]), case["F0"], case["omega"])
    assert cycle.entropy_production_rate == pytest.approx(expected["epr_cycle_avg"], rel=ORACLE)
    assert cycle.velocity_amplitude == pytest.approx(expected["mean_v_amplitude"], rel=ORACLE)


@pytest.mark.parametrize("name", oracle_names("particle_trap_xv"))
def test_position_and_velocity_in_a_trap_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    precision = np.linalg.inv(case["Sigma"])[1, 1]
    particle = UnderdampedParticle(case["m"], case["gamma"], case["T"])
    rates = velocity_entropy(particle, case["mean"][1], case["Sigma"][1][1], precision)
    found = {"dSdt": rates.entropy_rate, "epr": rates.production, "entropy_flow": rates.flow}
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


@given(SEEDS, st.floats(-2.0, 2.0), st.floats(0.1, 4.0))
@EXAMPLES
def test_heat_and_entropy_are_the_integrals_of_their_rates_and_the_first_law_holds(seed, force, duration):
    particle, start = random_particle(seed)
    # the relaxation is followed in its own time, so that 40 nodes resolve it
    duration *= particle.mass / particle.friction
    time, weight = duration * (NODE + 1) / 2, duration * WEIGHT / 2
    law = velocity_law(particle, force, start, time)
    rates = velocity_entropy(particle, *law)
    balance = velocity_balance(particle, force, start, duration)
    scale = float(weight @ np.abs(rates.flow)) + float(weight @ rates.production)
    assert float(balance.heat) / particle.temperature == pytest.approx(weight @ rates.flow, abs=ROUNDED * scale)
    assert float(balance.production) == pytest.approx(weight @ rates.production, abs=ROUNDED * scale)
    assert float(balance.work) == pytest.approx(force * (weight @ law.mean), abs=ROUNDED * scale * particle.temperature)
    end = velocity_law(particle, force, start, duration)
    energy = particle.mass / 2 * (end.mean**2 + end.variance - start.mean**2 - start.variance)
    assert float(balance.energy_change) == pytest.approx(float(energy), abs=ROUNDED * scale * particle.temperature)


@given(SEEDS, st.floats(-2.0, 2.0))
@EXAMPLES
def test_entropy_is_produced_unless_the_state_is_equilibrium(seed, force):
    particle, law = random_particle(seed)
    assert velocity_entropy(particle, *law).production >= 0
    thermal = velocity_entropy(particle, 0.0, particle.thermal_variance)
    assert float(thermal.production) == 0.0
    assert abs(float(thermal.entropy_rate)) <= EPSILON * particle.relaxation_rate  # T/m over T/m, rounded
    steady = velocity_entropy(particle, force / particle.friction, particle.thermal_variance)
    assert float(steady.production) == pytest.approx(force**2 / (particle.friction * particle.temperature), rel=1e-12)


def test_a_velocity_taken_as_even_would_hide_what_a_constant_force_dissipates():
    particle = UnderdampedParticle(2.0, 0.5, 1.5)
    even = gaussian.entropy_production_rate([[-particle.relaxation_rate]], [[particle.diffusion]])
    odd = velocity_entropy(particle, 1.0 / particle.friction, particle.thermal_variance).production
    assert even == 0.0
    assert float(odd) == pytest.approx(4 / 3, rel=ORACLE)


def test_relaxation_in_a_trap_produces_the_divergence_that_it_loses():
    mass, friction, temperature, stiffness = 0.7, 1.3, 0.8, 2.1
    particle = UnderdampedParticle(mass, friction, temperature)
    drift = np.array([[0.0, 1.0], [-stiffness / mass, -friction / mass]])
    noise = np.diag([0.0, particle.diffusion])
    mean, covariance = np.array([0.4, -0.9]), np.array([[0.6, 0.2], [0.2, 1.9]])
    equilibrium = np.diag([temperature / stiffness, particle.thermal_variance])

    def state(time):
        step = gaussian.propagator(drift, noise, time)
        return step.matrix @ mean, step.matrix @ covariance @ step.matrix.T + step.covariance

    produced = 0.0
    for time, weight in zip(1.5 * (NODE + 1) / 2, 1.5 * WEIGHT / 2, strict=True):
        centre, spread = state(time)
        precision = np.linalg.inv(spread)[1, 1]
        produced += weight * float(velocity_entropy(particle, centre[1], spread[1, 1], precision).production)
    before = gaussian.kl_divergence(mean, covariance, [0.0, 0.0], equilibrium)
    after = gaussian.kl_divergence(*state(1.5), [0.0, 0.0], equilibrium)
    assert produced == pytest.approx(before - after, rel=ROUNDED)


def test_the_driven_velocity_solves_the_equation_of_motion():
    particle, force, frequency = UnderdampedParticle(0.7, 1.3, 0.8), 1.7, 2.3
    cycle = driven_cycle(particle, force, frequency)
    time = np.linspace(0.0, 2 * math.pi / frequency, 32, endpoint=False)
    velocity = cycle.velocity_amplitude * np.cos(frequency * time - cycle.phase_lag)
    acceleration = -frequency * cycle.velocity_amplitude * np.sin(frequency * time - cycle.phase_lag)
    push = force * np.cos(frequency * time)
    np.testing.assert_allclose(particle.mass * acceleration + particle.friction * velocity, push, atol=1e-14)
    rates = velocity_entropy(particle, velocity, particle.thermal_variance)
    assert cycle.entropy_production_rate == pytest.approx(rates.production.mean(), rel=1e-13)
    assert cycle.entropy_production_rate == pytest.approx((push * velocity).mean() / particle.temperature, rel=1e-13)


@pytest.mark.slow
@given(SEEDS, st.floats(-2.0, 2.0), st.floats(0.1, 3.0))
@EXAMPLES
def test_the_integral_fluctuation_theorem_holds_and_its_slope_is_the_entropy_production(seed, force, duration):
    particle, start = random_particle(seed)
    assert entropy_moment(particle, force, start, duration) == pytest.approx(1.0, rel=ROUNDED)
    assert entropy_moment(particle, force, start, duration, order=0.0) == pytest.approx(1.0, rel=ROUNDED)
    produced = float(velocity_balance(particle, force, start, duration).production)
    small = 1e-4
    slope = (
        math.log(entropy_moment(particle, force, start, duration, order=-small))
        - math.log(entropy_moment(particle, force, start, duration, order=small))
    ) / (2 * small)
    # third cumulants enter with the square of the step; they are of the order of the mean and its cube
    assert slope == pytest.approx(produced, abs=1e-6 * (1 + produced) ** 3)


def test_sampled_entropies_obey_the_theorem_where_their_second_moment_exists():
    case = SENSING["particle_underdamped_2"]["params"]
    particle, force, start = free_particle(case)
    random, n_sample = np.random.default_rng(3), 200_000
    step = gaussian.propagator([[-particle.relaxation_rate, 0], [1, 0]], np.diag([particle.diffusion, 0]), case["t"])
    first = start.mean + math.sqrt(start.variance) * random.normal(size=n_sample)
    gathered = np.linalg.cholesky(step.covariance) @ random.normal(size=(2, n_sample))
    steady = force / particle.friction
    last, moved = (
        steady + (first - steady) * step.matrix[0, 0],
        steady * case["t"] + (first - steady) * step.matrix[1, 0],
    )
    last, moved = last + gathered[0], moved + gathered[1]
    end = velocity_law(particle, force, start, case["t"])
    heat = force * moved - particle.mass / 2 * (last**2 - first**2)

    def log_density(velocity, law):
        return -((velocity - law.mean) ** 2) / (2 * law.variance) - 0.5 * np.log(law.variance)

    entropy = heat / particle.temperature + log_density(first, start) - log_density(last, end)
    second = entropy_moment(particle, force, start, case["t"], order=2.0)
    # four standard errors, known exactly
    assert abs(np.exp(-entropy).mean() - 1.0) < 4 * math.sqrt((second - 1.0) / n_sample)
    balance = velocity_balance(particle, force, start, case["t"])
    assert abs(entropy.mean() - balance.production) < 4 * entropy.std() / math.sqrt(n_sample)
    assert abs(heat.mean() - balance.heat) < 4 * heat.std() / math.sqrt(n_sample)


def test_what_is_not_a_particle_is_refused():
    with pytest.raises(ValueError, match=r"friction = -1\.0, expected a finite number > 0"):
        UnderdampedParticle(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="variance"):
        entropy_moment(UnderdampedParticle(1.0, 1.0, 1.0), 0.0, NormalLaw(np.float64(0), np.float64(0)), 1.0)
