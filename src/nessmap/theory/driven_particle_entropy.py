"""Heat and entropy of a driven Brownian particle: means, rates, the integral fluctuation theorem, what transport costs.

The velocity is odd under time reversal; k_B = 1. docs/theory.md, "A driven particle".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.brownian import (
    Balance,
    EntropyRates,
    NormalLaw,
    UnderdampedParticle,
    exponential_moment,
    velocity_entropy,
)
from nessmap.theory.driven_particle import DrivenParticle, NormalState, PathLaw
from nessmap.theory.trapped_particle import TrappedParticle, position_entropy

Array = NDArray[np.floating[Any]]


def energy(particle: DrivenParticle, state: NormalState) -> float:
    """Mean of k y^2/2 + m v^2/2 [energy]."""
    return float(particle.stiffnesses @ (state.mean**2 + np.diag(state.covariance)) / 2)


def balance(particle: DrivenParticle, law: PathLaw) -> Balance:
    """Mean work, heat, change of energy and entropy produced over a path  [energy, k_B].

    heat = work - energy change,  production = heat/T + ln(det S_t/det S_0)/2

    >>> from nessmap.theory.driven_particle import path_law
    >>> particle = DrivenParticle(stiffness=0.0, force=2.0)
    >>> law = path_law(particle, NormalState(np.array([0.0, 2.0]), np.diag([0.0, 1.0])), 3.0)
    >>> [round(float(part), 12) for part in balance(particle, law)]  # F^2 t/gamma, at its final velocity from the start
    [12.0, 12.0, 0.0, 12.0]
    """
    change = energy(particle, law.end) - energy(particle, law.start)
    work = float(law.mean[-1])
    bound = np.ix_(particle.bound_coordinates, particle.bound_coordinates)
    before, after = (np.linalg.slogdet(state.covariance[bound])[1] for state in (law.start, law.end))
    production = (work - change) / particle.temperature + (after - before) / 2
    return Balance(*(np.asarray(part) for part in (work, work - change, change, production)))


def entropy_rates(
    particle: DrivenParticle, mean: ArrayLike, covariance: ArrayLike, phase: ArrayLike = 0.0
) -> EntropyRates:
    """Entropy rate, production and flow of normal states at phases omega t of the force, the velocity odd  [k_B/time].

    Parameters
    ----------
    mean : (..., n); covariance : (..., n, n).
    phase : (...) [rad]; it does not matter to an underdamped particle, whose forces are reversible.
    """
    centre, spread = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    if not particle.underdamped:
        trap = TrappedParticle(particle.stiffness, particle.friction, particle.temperature)
        pull = particle.force + particle.force_amplitude * np.cos(np.asarray(phase, dtype=float))
        return position_entropy(trap, NormalLaw(centre[..., 0], spread[..., 0, 0]), force=pull)
    own = UnderdampedParticle(particle.mass, particle.friction, particle.temperature)
    variance = spread[..., 1, 1]
    if not particle.stiffness:
        return velocity_entropy(own, centre[..., 1], variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        # (S^-1)_vv
        precision = 1.0 / (variance - spread[..., 0, 1] ** 2 / spread[..., 0, 0])
    return velocity_entropy(own, centre[..., 1], variance, precision)


class LogDensity(NamedTuple):
    """ln p of a normal law, of the coordinates that have an equilibrium; without n/2 ln 2 pi."""

    coordinates: list[int]
    mean: Array
    precision: Array
    offset: float

    def __call__(self, state: Array) -> Array:
        """At states (n, n_lane)."""
        apart = state[self.coordinates] - self.mean[:, None]
        return np.asarray(self.offset - (apart * (self.precision @ apart)).sum(axis=0) / 2)


def log_density(particle: DrivenParticle, state: NormalState) -> LogDensity:
    """How likely states are under a law; a free particle's position does not count.

    >>> float(log_density(DrivenParticle(), NormalState(np.zeros(2), np.eye(2)))(np.array([[2.0], [0.0]]))[0])
    -2.0
    """
    bound = particle.bound_coordinates
    own = state.covariance[np.ix_(bound, bound)]
    return LogDensity(bound, state.mean[bound], np.linalg.inv(own), -float(np.linalg.slogdet(own)[1]) / 2)


def entropy_moment(particle: DrivenParticle, law: PathLaw, order: float = 1.0) -> float:
    """Exact mean of e^(-order Delta s), Delta s = Q/T + ln p_0(z_0) - ln p_t(z_t); inf where it diverges.

    1 at order 1, whatever drives the particle and wherever it starts: the integral fluctuation theorem.

    >>> from nessmap.theory.driven_particle import path_law
    >>> particle = DrivenParticle(mass=0.0, force_amplitude=1.0, trap_velocity=0.5)
    >>> law = path_law(particle, NormalState(np.array([0.3]), np.array([[0.8]])), 1.5)
    >>> round(entropy_moment(particle, law), 12)
    1.0
    """
    n, bath = law.n_state, particle.temperature
    quadratic, linear = np.zeros((2 * n + 1, 2 * n + 1)), np.zeros(2 * n + 1)
    linear[-1] = 1.0 / bath
    constant = float(law.mean[-1]) / bath
    for state, sign, first in ((law.start, 1.0, 0), (law.end, -1.0, n)):
        own, density = slice(first, first + n), log_density(particle, state)
        block = np.diag(particle.stiffnesses / bath) / 2
        block[np.ix_(density.coordinates, density.coordinates)] -= density.precision / 2
        quadratic[own, own] = sign * block
        linear[own] = sign * particle.stiffnesses * state.mean / bath
        constant += sign * (float(particle.stiffnesses @ state.mean**2) / (2 * bath) + density.offset)
    return exponential_moment(law.covariance, constant, linear, quadratic, order)


def transport_bound(
    particle: DrivenParticle, shift: ArrayLike, start_variance: ArrayLike, end_variance: ArrayLike, time: ArrayLike
) -> Array:
    """Least entropy with which any drift of a diffusing position changes its law so in that time  [k_B].

    gamma [shift^2 + (change of the standard deviation)^2]/(T t): `bounds.transport_bound` of one variable, for arrays

    Parameters
    ----------
    shift : of the mean position, in the frame of the bath [length].
    start_variance, end_variance : [length^2].
    time : > 0.

    >>> float(transport_bound(DrivenParticle(mass=0.0), 1.0, 4.0, 1.0, 2.0))
    1.0
    """
    widening = np.sqrt(np.asarray(end_variance, dtype=float)) - np.sqrt(np.asarray(start_variance, dtype=float))
    distance = np.asarray(shift, dtype=float) ** 2 + widening**2
    return np.asarray(distance * particle.friction / (particle.temperature * np.asarray(time, dtype=float)))
