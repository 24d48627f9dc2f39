"""A Brownian particle with a velocity, m dv = (-gamma v + F) dt + sqrt(2 gamma T) dW: heat, work and entropy production.

The velocity is odd under time reversal, so that friction and noise are irreversible and everything else is not. Heat is
positive when it flows into the bath; k_B = 1. docs/theory.md, "A Brownian particle".
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.gaussian_propagator import propagator

Array = NDArray[np.floating[Any]]


def require_positive(owner: str, **values: float) -> None:
    """Raise unless every value is a finite number above 0; `owner` is what the error calls their holder."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{owner}: {name} = {value!r}, expected a finite number > 0")


@dataclasses.dataclass(frozen=True)
class UnderdampedParticle:
    """m dv = (-gamma v + F - U'(x)) dt + sqrt(2 gamma T) dW, dx = v dt; raises ValueError for what is not positive.

    Parameters
    ----------
    mass : m [mass].
    friction : gamma [mass/time].
    temperature : T [energy = mass length^2/time^2].
    """

    mass: float
    friction: float
    temperature: float

    def __post_init__(self) -> None:
        require_positive("UnderdampedParticle", **dataclasses.asdict(self))

    @property
    def relaxation_rate(self) -> float:
        """gamma / m [1/time]."""
        return self.friction / self.mass

    @property
    def thermal_variance(self) -> float:
        """T / m, of the velocity at equilibrium [velocity^2]."""
        return self.temperature / self.mass

    @property
    def diffusion(self) -> float:
        """gamma T / m^2, of the velocity [velocity^2/time]."""
        return self.relaxation_rate * self.thermal_variance


class NormalLaw(NamedTuple):
    """Mean and variance of a normal distribution."""

    mean: Array
    variance: Array


class EntropyRates(NamedTuple):
    """entropy_rate = production - flow [k_B/time]."""

    entropy_rate: Array
    """Of the particle's differential entropy."""
    production: Array
    """Total, >= 0."""
    flow: Array
    """Into the bath: heat current / T."""


class Balance(NamedTuple):
    """Means over a time: work = heat + energy_change [energy], production [k_B]."""

    work: Array
    heat: Array
    energy_change: Array
    production: Array


def velocity_law(particle: UnderdampedParticle, force: float, start: NormalLaw, time: ArrayLike) -> NormalLaw:
    """Law of the velocity of a free particle under a constant force  [velocity, velocity^2].

    mean F/gamma + (v0 - F/gamma) e^(-gamma t/m),  variance T/m + (var0 - T/m) e^(-2 gamma t/m)      docs/theory.md (150)

    >>> law = velocity_law(UnderdampedParticle(1.0, 1.0, 1.0), 0.0, NormalLaw(0.0, 0.1), 0.5)
    >>> round(float(law.variance), 12)
    0.668908502946
    """
    decay = np.exp(-particle.relaxation_rate * np.asarray(time, dtype=float))
    drift, thermal = force / particle.friction, particle.thermal_variance
    mean = drift + (np.asarray(start.mean) - drift) * decay
    return NormalLaw(np.asarray(mean), np.asarray(thermal + (np.asarray(start.variance) - thermal) * decay**2))


def velocity_entropy(
    particle: UnderdampedParticle, mean_velocity: ArrayLike, variance: ArrayLike, precision: ArrayLike | None = None
) -> EntropyRates:
    """Entropy rate, production and flow of a Gaussian state, the velocity odd under time reversal  [k_B/time].

    sigma = (gamma/T) [mu^2 + S_vv - 2 T/m + (T/m)^2 (S^-1)_vv]                                     docs/theory.md (151)

    Holds for any potential, and any force that is even, as long as the state is Gaussian: forces are reversible. A
    velocity taken as even would be at equilibrium about F/gamma and produce nothing: wrong for a particle.

    Parameters
    ----------
    mean_velocity : mu [velocity].
    variance : S_vv of the velocity [velocity^2], > 0.
    precision : (S^-1)_vv of the joint law of position and velocity [1/velocity^2]; 1/S_vv if not given.

    >>> rates = velocity_entropy(UnderdampedParticle(1.0, 1.0, 1.0), -1.0, 2.5, 0.4 / 0.99)
    >>> [round(float(rate), 12) for rate in rates]
    [-0.59595959596, 1.90404040404, 2.5]
    """
    rate, thermal = particle.relaxation_rate, particle.thermal_variance
    mu, spread = np.asarray(mean_velocity, dtype=float), np.asarray(variance, dtype=float)
    inverse = 1.0 / spread if precision is None else np.asarray(precision, dtype=float)
    # S_vv - 2 T/m + (T/m)^2 / S_vv as a square, which cancels nothing; correlation with x adds the rest
    square = (spread - thermal) ** 2 / spread + thermal**2 * (inverse - 1.0 / spread)
    production = rate / thermal * (mu**2 + square)
    entropy_rate = rate * (thermal * inverse - 1.0)
    return EntropyRates(np.asarray(entropy_rate), np.asarray(production), np.asarray(production - entropy_rate))


def velocity_balance(particle: UnderdampedParticle, force: float, start: NormalLaw, time: ArrayLike) -> Balance:
    """Work, heat, change of energy and entropy production of a free particle under a constant force, means over a time.

    heat = int [gamma (mu^2 + var) - gamma T/m] dt,  production = heat/T + ln(var_t/var_0)/2       docs/theory.md (152)

    Stochastic heat along a path is F (x_t - x_0) - change of m v^2/2, without a discretisation error. A start without
    spread produces infinite entropy.

    Parameters
    ----------
    start : law of the velocity at time 0 [velocity, velocity^2].
    time : duration [time], >= 0.

    >>> balance = velocity_balance(UnderdampedParticle(1.0, 1.0, 1.0), 0.0, NormalLaw(0.0, 0.1), 0.5)
    >>> round(float(balance.heat), 12), round(float(balance.production), 12)
    (-0.284454251473, 0.665784297472)
    """
    duration = np.asarray(time, dtype=float)
    rate, thermal, drift = particle.relaxation_rate, particle.thermal_variance, force / particle.friction
    once, twice = (-np.expm1(-n * rate * duration) / (n * rate) for n in (1, 2))  # integrals of e^(-n gamma t/m)
    offset = np.asarray(start.mean) - drift
    excess = np.asarray(start.variance, dtype=float) - thermal
    square = drift**2 * duration + 2 * drift * offset * once + offset**2 * twice
    heat = particle.friction * (square + excess * twice)
    work = force * (drift * duration + offset * once)
    relative = np.expm1(-2 * rate * duration)
    with np.errstate(divide="ignore"):
        growth = np.log1p(excess / np.asarray(start.variance, dtype=float) * relative) / 2
    production = heat / particle.temperature + growth
    return Balance(np.asarray(work), np.asarray(heat), np.asarray(work - heat), np.asarray(production))


class Cycle(NamedTuple):
    """Steady response of the mean velocity to F0 cos(omega t)."""

    velocity_amplitude: float
    """[velocity]"""
    phase_lag: float
    """Of the velocity behind the force, 0 to pi/2 [rad]."""
    entropy_production_rate: float
    """Mean over a cycle [k_B/time]."""


def driven_cycle(particle: UnderdampedParticle, force_amplitude: float, frequency: float) -> Cycle:
    """Free particle under a periodic force F0 cos(omega t), after its start is forgotten.

    <sigma> = gamma F0^2 / [2 T (gamma^2 + m^2 omega^2)]                                            docs/theory.md (153)

    Parameters
    ----------
    force_amplitude : F0 [force].
    frequency : omega [rad/time].

    >>> cycle = driven_cycle(UnderdampedParticle(1.0, 1.0, 1.0), 1.0, 2.0)
    >>> round(cycle.entropy_production_rate, 12), round(cycle.velocity_amplitude, 12)
    (0.1, 0.4472135955)
    """
    inertia = particle.mass * frequency
    amplitude = abs(force_amplitude) / math.hypot(particle.friction, inertia)
    rate = particle.friction * amplitude**2 / (2.0 * particle.temperature)
    return Cycle(amplitude, math.atan2(abs(inertia), particle.friction), rate)


def exponential_moment(covariance: Array, constant: float, linear: Array, quadratic: Array, order: float) -> float:
    """Mean of e^(-order s), s = constant + linear y + y^T quadratic y, y normal about 0; inf where it diverges.

    The Gaussian integral of docs/theory.md (154), whose M must be positive definite.

    >>> round(exponential_moment(np.eye(1), 0.0, np.zeros(1), np.eye(1), 1.0), 12)  # 1/sqrt 3
    0.57735026919
    """
    strength, axis = np.linalg.eigh(covariance)
    root = axis * np.sqrt(np.maximum(strength, 0.0))
    metric = np.eye(len(root)) + 2.0 * order * root.T @ quadratic @ root
    if np.linalg.eigvalsh(metric)[0] <= 0.0:
        return math.inf
    tilt = order * root.T @ linear
    exponent = -order * constant + 0.5 * tilt @ np.linalg.solve(metric, tilt)
    with np.errstate(over="ignore"):
        return float(np.exp(exponent) / math.sqrt(np.linalg.det(metric)))


def entropy_moment(
    particle: UnderdampedParticle, force: float, start: NormalLaw, time: float, order: float = 1.0
) -> float:
    """Exact mean of e^(-order Delta s), Delta s the total entropy along a path of a free particle.

    Delta s = Q/T + ln p_0(v_0) - ln p_t(v_t),  <e^(-Delta s)> = 1                                  docs/theory.md (154)

    Delta s is a quadratic form of (v_0, v_t, x_t - x_0), which is normal: a Gaussian integral, inf where it diverges. The
    second moment diverges for a start far narrower than T/m: sample means of e^(-Delta s) are then useless, and look tidy.

    Parameters
    ----------
    start : law of the velocity at time 0; variance > 0.
    time : > 0.
    order : 1 for the fluctuation theorem, 2 for the variance of its Monte Carlo test.

    >>> particle = UnderdampedParticle(1.0, 1.0, 1.0)
    >>> round(entropy_moment(particle, 0.0, NormalLaw(0.0, 0.1), 0.5), 12)
    1.0
    >>> entropy_moment(particle, 0.0, NormalLaw(0.0, 0.1), 0.5, order=2.0)
    inf
    """
    require_positive("entropy_moment", time=time, variance=float(start.variance))
    mass, temperature = particle.mass, particle.temperature
    end = velocity_law(particle, force, start, time)
    first, last = (float(law.mean) for law in (start, end))
    var_first, var_last = (float(law.variance) for law in (start, end))
    balance = velocity_balance(particle, force, start, time)
    # (v, x) from (v_0, 0): rows v_0, v_t, x_t - x_0 over the normal variables v_0 and the noise gathered on the way
    step = propagator([[-particle.relaxation_rate, 0.0], [1.0, 0.0]], np.diag([particle.diffusion, 0.0]), time)
    response = np.array([1.0, step.matrix[0, 0], step.matrix[1, 0]])
    covariance = var_first * np.outer(response, response)
    covariance[1:, 1:] += step.covariance
    displaced = float(balance.work) / temperature  # F <x_t - x_0> / T
    constant = displaced - mass * (last**2 - first**2) / (2.0 * temperature) + 0.5 * math.log(var_last / var_first)
    linear = np.array([mass * first, -mass * last, force]) / temperature
    kinetic = mass / (2.0 * temperature)
    quadratic = np.diag([kinetic - 0.5 / var_first, 0.5 / var_last - kinetic, 0.0])
    return exponential_moment(covariance, constant, linear, quadratic, order)
