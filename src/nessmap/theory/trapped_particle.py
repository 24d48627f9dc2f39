"""An overdamped particle in a moving harmonic trap: work, heat, entropy production, Jarzynski equality, relaxation.

gamma dx = [-k (x - l(t)) + F] dt + sqrt(2 gamma T) dW. Heat is positive when it flows into the bath; k_B = 1.
docs/theory.md, "A particle in a trap".
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.bounds import wasserstein_squared
from nessmap.theory.brownian import EntropyRates, NormalLaw, require_positive
from nessmap.theory.gaussian_information import kl_divergence

Array = NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class TrappedParticle:
    """gamma dx = [-k (x - l) + F] dt + sqrt(2 gamma T) dW; raises ValueError for what is not positive.

    Parameters
    ----------
    stiffness : k [energy/length^2].
    friction : gamma [energy time/length^2].
    temperature : T [energy].
    """

    stiffness: float
    friction: float
    temperature: float

    def __post_init__(self) -> None:
        require_positive("TrappedParticle", **dataclasses.asdict(self))

    @property
    def relaxation_time(self) -> float:
        """gamma / k [time]."""
        return self.friction / self.stiffness

    @property
    def diffusion(self) -> float:
        """T / gamma [length^2/time]."""
        return self.temperature / self.friction

    @property
    def thermal_variance(self) -> float:
        """T / k [length^2]."""
        return self.temperature / self.stiffness


def position_law(
    particle: TrappedParticle, start: NormalLaw, time: ArrayLike, trap_velocity: float = 0.0, force: float = 0.0
) -> NormalLaw:
    """Law of the position when the trap leaves 0 at a constant velocity and a constant force pulls  [length, length^2].

    mean = u t + x_ss + (m0 - x_ss) e^(-t/tau),  x_ss = F/k - u tau;  variance T/k + (var0 - T/k) e^(-2t/tau)
    docs/theory.md (156)

    Parameters
    ----------
    trap_velocity : u [length/time].
    force : F [energy/length].

    >>> law = position_law(TrappedParticle(1.0, 1.0, 1.0), NormalLaw(1.0, 4.0), 0.7)
    >>> round(float(law.mean), 12), round(float(law.variance), 12)
    (0.496585303791, 1.739790891825)
    """
    duration = np.asarray(time, dtype=float)
    decay = np.exp(-duration / particle.relaxation_time)
    offset = force / particle.stiffness - trap_velocity * particle.relaxation_time
    mean = trap_velocity * duration + offset + (np.asarray(start.mean) - offset) * decay
    thermal = particle.thermal_variance
    return NormalLaw(np.asarray(mean), np.asarray(thermal + (np.asarray(start.variance) - thermal) * decay**2))


def position_entropy(
    particle: TrappedParticle, law: NormalLaw, trap_position: ArrayLike = 0.0, force: ArrayLike = 0.0
) -> EntropyRates:
    """Entropy rate, production and flow of a Gaussian state in a trap that is now at l  [k_B/time].

    sigma = mu'^2/D + var (D/var - k/gamma)^2/D,  mu' = [-k (mu - l) + F]/gamma                     docs/theory.md (157)

    Parameters
    ----------
    law : of the position now.
    trap_position : l [length].
    force : F [energy/length].

    >>> rates = position_entropy(TrappedParticle(1.0, 1.0, 1.0), NormalLaw(1.0, 4.0))
    >>> [float(rate) for rate in rates]
    [-0.75, 3.25, 4.0]
    """
    noise, variance = particle.diffusion, np.asarray(law.variance, dtype=float)
    pull = -particle.stiffness * (np.asarray(law.mean) - np.asarray(trap_position)) + np.asarray(force)
    entropy_rate = noise / variance - 1.0 / particle.relaxation_time
    production = (pull / particle.friction) ** 2 / noise + variance * entropy_rate**2 / noise
    return EntropyRates(np.asarray(entropy_rate), np.asarray(production), np.asarray(production - entropy_rate))


class PathEnergy(NamedTuple):
    """Along each path: energy_change = work - heat, to rounding [energy]."""

    work: Array
    heat: Array
    energy_change: Array


def path_energy(particle: TrappedParticle, position: Array, trap_position: Array, force: ArrayLike = 0.0) -> PathEnergy:
    """Work, heat and change of the trap's energy along sampled paths, by midpoints  [energy].

    dQ = [-k (x - l) + F] o dx,  dW = -k (x - l) o dl + F o dx,  U = k (x - l)^2 / 2               docs/theory.md (158)

    Midpoints make the first law exact at any step. The heat has no bias where the trap rests; where it moves, the samples
    see it move along straight lines.

    Parameters
    ----------
    position : (n_step + 1, ...) x [length].
    trap_position : (n_step + 1,) or as position, l at the same times [length].
    force : F at the middle of each step, (n_step,) or as the steps; constant if a number [energy/length].

    >>> energy = path_energy(TrappedParticle(2.0, 1.0, 1.0), np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    >>> [float(part) for part in energy]
    [-0.25, -0.5, 0.25]
    """

    def beside_replicas(values: ArrayLike) -> Array:
        found = np.asarray(values, dtype=float)
        return found.reshape(found.shape + (1,) * (position.ndim - found.ndim)) if found.ndim else found

    trap, pull = beside_replicas(trap_position), beside_replicas(force)
    extension = position - trap
    spring = -particle.stiffness * (extension[1:] + extension[:-1]) / 2
    moved = np.diff(position, axis=0)
    work = (spring * np.diff(trap, axis=0) + pull * moved).sum(axis=0)
    heat = ((spring + pull) * moved).sum(axis=0)
    energy = particle.stiffness * (extension[-1] ** 2 - extension[0] ** 2) / 2
    return PathEnergy(np.asarray(work), np.asarray(heat), np.asarray(energy))


def dragged_work(particle: TrappedParticle, trap_velocity: float, time: ArrayLike) -> NormalLaw:
    """Law of the work done on a particle at equilibrium whose trap starts to move at a constant velocity  [energy].

    <W> = gamma u^2 [t - tau (1 - e^(-t/tau))],  Var W = 2 T <W>                                   docs/theory.md (159)

    Normal, hence <e^(-W/T)> = 1; and Var W / <W>^2 = 2/(<W>/T): the uncertainty relation holds with equality if the
    dissipated work is what is paid.

    >>> work = dragged_work(TrappedParticle(1.0, 1.0, 1.0), 1.0, 2.0)
    >>> round(float(work.mean), 12), round(float(work.variance), 12)
    (1.135335283237, 2.270670566473)
    """
    duration = np.asarray(time, dtype=float)
    tau = particle.relaxation_time
    mean = particle.friction * trap_velocity**2 * (duration + tau * np.expm1(-duration / tau))
    return NormalLaw(np.asarray(mean), np.asarray(2.0 * particle.temperature * mean))


def jarzynski_average(work: NormalLaw, temperature: float) -> Array:
    """<e^(-W/T)> of normally distributed work; 1 where the free energy does not change.

    e^(-<W>/T + Var W/(2 T^2))                    docs/theory.md (159); Jarzynski, PRL 78, 2690 (1997)

    >>> float(jarzynski_average(NormalLaw(3.0, 12.0), 2.0))
    1.0
    """
    return np.asarray(np.exp(-np.asarray(work.mean) / temperature + np.asarray(work.variance) / (2.0 * temperature**2)))


class SteadyDrag(NamedTuple):
    """Particle in a trap that has moved at a constant velocity for long."""

    lag: float
    """<x> - l, against the motion [length]."""
    entropy_production_rate: float
    """[k_B/time]"""


def steady_drag(particle: TrappedParticle, trap_velocity: float) -> SteadyDrag:
    """Lag -u tau and entropy production rate gamma u^2/T of a steadily dragged particle.   docs/theory.md (159)

    >>> steady_drag(TrappedParticle(0.5, 1.0, 2.0), -0.7)
    SteadyDrag(lag=1.4, entropy_production_rate=0.24499999999999997)
    """
    rate = particle.friction * trap_velocity**2 / particle.temperature
    return SteadyDrag(-trap_velocity * particle.relaxation_time, rate)


def oscillating_trap_entropy_production_rate(particle: TrappedParticle, amplitude: float, frequency: float) -> float:
    """Mean entropy production rate over a cycle of a trap at a cos(omega t), after the start is forgotten  [k_B/time].

    gamma a^2 omega^2 / [2 T (1 + omega^2 tau^2)]                                                  docs/theory.md (160)

    A force F0 cos(omega t) in a trap at rest does the same with a = F0/k.

    Parameters
    ----------
    amplitude : a [length].
    frequency : omega [rad/time].

    >>> oscillating_trap_entropy_production_rate(TrappedParticle(1.0, 1.0, 1.0), 2.0, 1.0)
    1.0
    """
    speed = frequency * amplitude
    lagging = 1.0 + (frequency * particle.relaxation_time) ** 2
    return float(particle.friction * speed**2 / (2.0 * particle.temperature * lagging))


class Relaxation(NamedTuple):
    """What a particle out of equilibrium does in a trap at rest."""

    law: NormalLaw
    """At the end."""
    production: float
    """Entropy produced on the way, >= transport_bound [k_B]."""
    wasserstein_squared: float
    """W_2^2 between the laws at the start and at the end [length^2]."""
    transport_bound: float
    """Least entropy with which any drift gets there in that time [k_B]."""


def relaxation(particle: TrappedParticle, start: NormalLaw, time: float) -> Relaxation:
    """Entropy production of a relaxation after a quench, and the bound that optimal transport sets.

    int sigma dt = KL(p_0 || eq) - KL(p_t || eq) >= gamma W_2^2 / (T t)
    docs/theory.md (161); Aurell, Gawedzki, Mejia-Monasterio, Mohayaee & Muratore-Ginanneschi, J. Stat. Phys. 147, 487 (2012)

    Parameters
    ----------
    start : law of the position, from the centre of the trap; variance > 0 [length, length^2].
    time : > 0.

    >>> found = relaxation(TrappedParticle(1.0, 1.0, 1.0), NormalLaw(1.0, 4.0), 0.7)
    >>> round(found.production, 12), round(found.transport_bound, 12)
    (1.090541356003, 1.024531319139)
    """
    require_positive("relaxation", time=time, variance=float(start.variance))
    end = position_law(particle, start, time)
    moments = [([float(law.mean)], [[float(law.variance)]]) for law in (start, end)]
    before, after = (kl_divergence(*law, [0.0], [[particle.thermal_variance]]) for law in moments)
    distance = wasserstein_squared(*moments[0], *moments[1])
    return Relaxation(end, before - after, distance, distance / (particle.diffusion * time))
