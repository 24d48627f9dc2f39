"""An overdamped particle in a moving trap: reference numbers, first law, Jarzynski equality, optimal transport."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED, SEEDS, SENSING
from nessmap.theory import gaussian
from nessmap.theory.brownian import NormalLaw
from nessmap.theory.trapped_particle import (
    TrappedParticle,
    dragged_work,
    jarzynski_average,
    oscillating_trap_entropy_production_rate,
    path_energy,
    position_entropy,
    position_law,
    relaxation,
    steady_drag,
)

NODE, WEIGHT = np.polynomial.legendre.leggauss(40)


def oracle_names(prefix):
    return [name for name in SENSING if name.startswith(prefix)]


def random_trap(seed):
    random = np.random.default_rng(seed)
    stiffness, friction, temperature, ratio = np.exp(np.clip(random.normal(size=4), -1.5, 1.5))
    return TrappedParticle(stiffness, friction, temperature), NormalLaw(
        random.normal(), ratio * temperature / stiffness
    )


@pytest.mark.parametrize("name", oracle_names("particle_dragged_trap"))
def test_a_dragged_particle_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = TrappedParticle(case["k"], case["gamma"], case["T"])
    work, steady = dragged_work(particle, case["u"], case["t"]), steady_drag(particle, case["u"])
    found = {
        "mean_work": work.mean,
        "var_work": work.variance,
        "epr_steady": steady.entropy_production_rate,
        "lag_steady": steady.lag,
        "tur_product": work.variance / work.mean**2 * work.mean / case["T"],
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    assert jarzynski_average(work, case["T"]) == pytest.approx(1.0, rel=ORACLE)


@pytest.mark.parametrize("name", oracle_names("particle_quench"))
def test_a_quench_agrees_with_its_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    particle = TrappedParticle(case["k"], case["gamma"], case["T"])
    found = relaxation(particle, NormalLaw(np.float64(case["mu0"]), np.float64(case["var0"])), case["t"])
    values = {
        "epr_total": found.production,
        "mean": found.law.mean,
        "var": found.law.variance,
        "W2sq": found.wasserstein_squared,
        "speed_limit_lower_bound": found.transport_bound,
    }
    assert values == pytest.approx({quantity: expected[quantity] for quantity in values}, rel=ORACLE)


@given(SEEDS, st.floats(-2.0, 2.0), st.floats(-2.0, 2.0), st.floats(0.1, 3.0))
@EXAMPLES
def test_the_law_in_a_moving_trap_is_that_of_the_exact_step_with_trap_and_force_as_variables(seed, speed, force, time):
    particle, start = random_trap(seed)
    found = position_law(particle, start, time, speed, force)
    # (x, l, u): x' = -(x - l)/tau + F/gamma, l' = u
    rate = 1 / particle.relaxation_time
    drift = np.array([[-rate, rate, 0.0, 1 / particle.friction], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    step = gaussian.propagator(drift, np.diag([particle.diffusion, 0.0, 0.0, 0.0]), time)
    mean = step.matrix @ [start.mean, 0.0, speed, force]
    given = np.abs([start.mean, 0.0, speed, force])
    # a matrix exponential rounds relative to its largest entries, not to each
    allowed = ROUNDED * (abs(step.matrix[0]) @ given) + 16 * np.finfo(float).eps * given.sum()
    assert float(found.mean) == pytest.approx(mean[0], abs=allowed)
    variance = step.matrix[0, 0] ** 2 * start.variance + step.covariance[0, 0]
    assert float(found.variance) == pytest.approx(variance, rel=ROUNDED)


@given(SEEDS)
@EXAMPLES
def test_entropy_rates_of_a_resting_trap_are_those_of_the_linear_theory(seed):
    particle, law = random_trap(seed)
    found = position_entropy(particle, law)
    drift, noise = [[-1 / particle.relaxation_time]], [[particle.diffusion]]
    balance = gaussian.entropy_balance(drift, noise, [[law.variance]], [law.mean])
    scale = 1 + balance.production + abs(balance.flow)
    expected = (balance.entropy_rate, balance.production, balance.flow)
    assert [float(rate) for rate in found] == pytest.approx(expected, abs=ROUNDED * scale)


@pytest.mark.slow
@given(SEEDS, st.floats(-1.5, 1.5))
@EXAMPLES
def test_the_first_law_holds_along_every_path_to_rounding(seed, force):
    random = np.random.default_rng(seed)
    particle, _ = random_trap(seed)
    position = random.normal(size=(50, 7)).cumsum(axis=0)
    trap = random.normal(size=50).cumsum()
    energy = path_energy(particle, position, trap, force)
    stretched = np.abs(position - trap[:, None]).max()
    scale = 50 * (particle.stiffness * stretched + abs(force)) * 10
    np.testing.assert_allclose(energy.work - energy.heat, energy.energy_change, atol=1e-15 * 50 * scale)


def test_heat_in_a_resting_trap_is_what_the_energy_loses_and_work_needs_a_mover():
    position = np.random.default_rng(1).normal(size=(30, 4))
    energy = path_energy(TrappedParticle(2.0, 1.0, 1.0), position, np.zeros(30))
    assert not energy.work.any()
    np.testing.assert_allclose(energy.heat, position[0] ** 2 - position[-1] ** 2, atol=1e-13)


def test_the_work_of_dragging_is_that_of_the_mean_lag_and_of_its_correlations():
    particle, speed, time = TrappedParticle(0.8, 1.7, 0.6), 1.3, 2.9
    node, weight = time * (NODE + 1) / 2, time * WEIGHT / 2
    law = position_law(particle, NormalLaw(np.float64(0), np.float64(particle.thermal_variance)), node, speed)
    work = dragged_work(particle, speed, time)
    pull = particle.stiffness * (speed * node - law.mean)
    assert float(work.mean) == pytest.approx(speed * (weight @ pull), rel=ROUNDED)
    # <x(s) x(s')> = T/k e^(-|s - s'|/tau) integrated over s' < s, where it is smooth
    inner = particle.relaxation_time * -np.expm1(-node / particle.relaxation_time)
    variance = 2 * particle.stiffness**2 * speed**2 * particle.thermal_variance * (weight @ inner)
    assert float(work.variance) == pytest.approx(variance, rel=ROUNDED)


@pytest.mark.slow
def test_sampled_work_converges_to_its_law_and_obeys_jarzynski():
    particle, speed, time, n_step, n_lane = TrappedParticle(1.0, 1.0, 1.0), 1.0, 2.0, 200, 20_000
    random, dt = np.random.default_rng(5), time / n_step
    decay = math.exp(-dt / particle.relaxation_time)
    spread = math.sqrt(particle.thermal_variance * (1 - decay**2))
    trap = speed * dt * np.arange(n_step + 1)
    position = np.empty((n_step + 1, n_lane))
    position[0] = math.sqrt(particle.thermal_variance) * random.normal(size=n_lane)
    for n in range(n_step):  # exact for a trap that moves along a line
        lag = speed * particle.relaxation_time
        settled = position[n] - trap[n] + lag
        position[n + 1] = trap[n + 1] - lag + settled * decay + spread * random.normal(size=n_lane)
    work = path_energy(particle, position, trap).work
    exact = dragged_work(particle, speed, time)
    # trapezoids of a lag whose second derivative is u/tau at most: (dt/tau)^2/12 of the work
    bias = dt**2 / 12 * time
    assert abs(work.mean() - exact.mean) < 4 * math.sqrt(exact.variance / n_lane) + bias
    spread_of_weights = math.sqrt(math.expm1(float(exact.variance)) / n_lane)  # <e^-2W> = e^(Var W) here
    assert abs(np.exp(-work).mean() - 1.0) < 4 * spread_of_weights + bias


def test_dragging_tends_to_its_steady_state():
    particle, speed = TrappedParticle(0.5, 1.0, 2.0), -0.7
    steady = steady_drag(particle, speed)
    late = position_law(particle, NormalLaw(np.float64(3), np.float64(1)), 80.0, speed)
    assert float(late.mean) - speed * 80.0 == pytest.approx(steady.lag, rel=1e-12)
    rates = position_entropy(particle, late, speed * 80.0)
    assert float(rates.production) == pytest.approx(steady.entropy_production_rate, rel=1e-12)
    gained = dragged_work(particle, speed, 81.0).mean - dragged_work(particle, speed, 80.0).mean
    assert float(gained) / particle.temperature == pytest.approx(steady.entropy_production_rate, rel=1e-12)


def test_an_oscillating_trap_dissipates_what_its_mean_motion_does():
    particle, amplitude, frequency = TrappedParticle(0.8, 1.7, 0.6), 1.4, 0.9
    time = np.linspace(0.0, 2 * math.pi / frequency, 64, endpoint=False)
    answer = amplitude / (1 + 1j * frequency * particle.relaxation_time)
    law = NormalLaw((answer * np.exp(1j * frequency * time)).real, np.full(64, particle.thermal_variance))
    rates = position_entropy(particle, law, amplitude * np.cos(frequency * time))
    found = oscillating_trap_entropy_production_rate(particle, amplitude, frequency)
    assert found == pytest.approx(rates.production.mean(), rel=1e-13)
    assert found == pytest.approx(rates.flow.mean(), rel=1e-13)


@given(SEEDS, st.floats(0.05, 3.0))
@EXAMPLES
def test_relaxation_produces_what_its_rates_add_up_to_and_at_least_what_transport_costs(seed, duration):
    particle, start = random_trap(seed)
    time = duration * particle.relaxation_time
    found = relaxation(particle, start, time)
    rates = position_entropy(particle, position_law(particle, start, time * (NODE + 1) / 2))
    assert found.production == pytest.approx(time * (WEIGHT @ rates.production) / 2, rel=ROUNDED, abs=1e-13)
    assert found.production >= found.transport_bound - 1e-13


def test_a_slow_pull_at_constant_speed_and_width_attains_the_transport_bound():
    # a steady lag moves the law rigidly: no cheaper way exists
    particle, speed, time = TrappedParticle(1.0, 1.0, 1.0), 0.3, 2.0
    cost = steady_drag(particle, speed).entropy_production_rate * time
    assert cost == pytest.approx(particle.friction * (speed * time) ** 2 / (particle.temperature * time), rel=1e-12)


def test_what_is_not_a_trap_is_refused():
    with pytest.raises(ValueError, match=r"stiffness = 0\.0, expected"):
        TrappedParticle(0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"time = 0\.0, expected"):
        relaxation(TrappedParticle(1.0, 1.0, 1.0), NormalLaw(np.float64(0), np.float64(1)), 0.0)
