"""A Brownian particle under a constant and a periodic force in a trap that moves: the joint law of its state and of the work.

m dv = [-gamma v - k y + F + F0 cos(omega t)] dt + sqrt(2 gamma T) dW, dx = v dt, y = x - u t the displacement from the trap;
overdamped where m = 0, free where k = 0. Everything is normal: a step of any length has an exact law, jointly with the work.
Heat is positive when it flows into the bath; k_B = 1. docs/theory.md, "A driven particle".
"""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.brownian import NormalLaw, require_positive
from nessmap.theory.gaussian_propagator import propagator

Array = NDArray[np.floating[Any]]


class NormalState(NamedTuple):
    """Law of the state: mean (n,) and covariance (n, n)."""

    mean: Array
    covariance: Array


class Step(NamedTuple):
    """o = response z + drive (1, cos(omega t), sin(omega t)) + normal noise of this covariance, z the state at time t.

    o holds the state after the step, the integral of y, and real and imaginary part of the integral of e^(i omega r) dx, r the
    time left until the end of the step.
    """

    response: Array
    """(n + 3, n)"""
    drive: Array
    """(n + 3, 3)"""
    covariance: Array
    """(n + 3, n + 3)"""


@dataclasses.dataclass(frozen=True)
class DrivenParticle:
    """The particle and what drives it; the state z is (y, v), or (y,) of an overdamped one.

    Parameters
    ----------
    temperature : T [energy], > 0.
    friction : gamma [energy time/length^2], > 0.
    mass : m [energy time^2/length^2]; 0 makes it overdamped.
    stiffness : k [energy/length^2]; 0 makes it free, which needs a mass.
    force : F [energy/length].
    force_amplitude : F0 [energy/length].
    frequency : omega [rad/time], > 0.
    trap_velocity : u [length/time]; 0 where there is no trap.
    """

    temperature: float = 1.0
    friction: float = 1.0
    mass: float = 1.0
    stiffness: float = 1.0
    force: float = 0.0
    force_amplitude: float = 0.0
    frequency: float = 1.0
    trap_velocity: float = 0.0

    def __post_init__(self) -> None:
        positive = {"temperature": self.temperature, "friction": self.friction, "frequency": self.frequency}
        positive |= {"mass": self.mass} if self.mass else {"stiffness": self.stiffness}
        positive |= {"stiffness": self.stiffness} if self.stiffness or self.trap_velocity else {}
        require_positive("DrivenParticle", **positive)

    @property
    def underdamped(self) -> bool:
        """Whether the velocity is a coordinate."""
        return self.mass > 0

    @property
    def stiffnesses(self) -> Array:
        """(k, m), or (k,): the energy is the sum of stiffness z^2 / 2."""
        return np.array([self.stiffness, self.mass] if self.underdamped else [self.stiffness], dtype=float)

    @property
    def bound_coordinates(self) -> list[int]:
        """Coordinates that have an equilibrium law: not the position of a free particle."""
        return [i for i, stiffness in enumerate(self.stiffnesses) if stiffness > 0]

    @cached_property
    def drift_matrix(self) -> Array:
        """A (n, n) of the state [1/time]."""
        if not self.underdamped:
            return np.array([[-self.stiffness / self.friction]])
        return np.array([[0.0, 1.0], [-self.stiffness / self.mass, -self.friction / self.mass]])

    @cached_property
    def diffusion(self) -> Array:
        """D (n, n): gamma T/m^2 of the velocity, or T/gamma of the position."""
        if self.underdamped:
            return np.diag([0.0, self.friction * self.temperature / self.mass**2])
        return np.array([[self.temperature / self.friction]])

    @cached_property
    def push(self) -> Array:
        """(n, 3): how a force 1, and the motion of the trap, drive the state: columns F, F0 cos, F0 sin of (1, cos, sin)."""
        unit = np.array([0.0, 1.0 / self.mass] if self.underdamped else [1.0 / self.friction])
        moving = np.array([-self.trap_velocity, 0.0][: len(unit)])
        return np.stack([self.force * unit + moving, self.force_amplitude * unit, np.zeros_like(unit)], axis=1)

    def equilibrium(self, temperature: float | None = None) -> NormalState:
        """Without any drive, at another temperature if one is given; a free particle starts from position 0 then."""
        heat = self.temperature if temperature is None else temperature
        stiffness = self.stiffnesses
        spread = np.divide(heat, stiffness, out=np.zeros_like(stiffness), where=stiffness > 0)
        return NormalState(np.zeros(len(stiffness)), np.diag(spread))


def exact_step(particle: DrivenParticle, time: float) -> Step:
    """Law of a step of any length: of the state, and of the integrals that the work is made of.

    With R' = i omega R + dx/dt, the integral of e^(i omega (t - s)) dx(s), and y, force and its phase as further variables, the
    system is linear and homogeneous: one matrix exponential. docs/theory.md, "A driven particle"

    >>> step = exact_step(DrivenParticle(mass=0.0), 1.0)
    >>> [round(float(entry), 6) for entry in (step.response[0, 0], step.covariance[0, 0])]  # e^-1, 1 - e^-2
    [0.367879, 0.864665]
    """
    n, omega = len(particle.drift_matrix), particle.frequency
    drift = np.zeros((n + 6, n + 6))
    drift[:n, :n], drift[:n, n + 3 :] = particle.drift_matrix, particle.push
    drift[n, 0] = 1.0
    # dx = dy + u dt drives R: the equation of y, without the motion of the trap
    drift[n + 1] = drift[0]
    drift[n + 1, n + 3] += particle.trap_velocity
    drift[n + 1, n + 2], drift[n + 2, n + 1] = -omega, omega
    drift[n + 4, n + 5], drift[n + 5, n + 4] = -omega, omega
    noise = np.zeros_like(drift)
    noise[:n, :n] = particle.diffusion
    shaken = np.ix_([0, n + 1], [0, n + 1])
    noise[shaken] = particle.diffusion[0, 0]
    step = propagator(drift, noise, time)
    seen = slice(n + 3)
    return Step(step.matrix[seen, :n], step.matrix[seen, n + 3 :], step.covariance[seen, seen])


def work_weights(particle: DrivenParticle, phase: float) -> Array:
    """(n + 3,) weights of a step's outcome in the work, the phase omega t taken at its end; F (u t - y) comes on top.

    W = F (x' - x) - k u int y dt + F0 Re[e^(-i phase) R]
    """
    n = len(particle.drift_matrix)
    weights = np.zeros(n + 3)
    weights[0] = particle.force
    weights[n] = -particle.stiffness * particle.trap_velocity
    weights[n + 1 :] = particle.force_amplitude * np.array([math.cos(phase), math.sin(phase)])
    return weights


class PathLaw(NamedTuple):
    """Normal law of (z_0, z_t, W): mean (2 n + 1,) and covariance (2 n + 1, 2 n + 1), W the work done meanwhile."""

    mean: Array
    covariance: Array

    @property
    def n_state(self) -> int:
        return len(self.mean) // 2

    @property
    def start(self) -> NormalState:
        return NormalState(self.mean[: self.n_state], self.covariance[: self.n_state, : self.n_state])

    @property
    def end(self) -> NormalState:
        own = slice(self.n_state, 2 * self.n_state)
        return NormalState(self.mean[own], self.covariance[own, own])

    @property
    def work(self) -> NormalLaw:
        return NormalLaw(self.mean[-1], self.covariance[-1, -1])


def path_law(particle: DrivenParticle, start: NormalState, time: float) -> PathLaw:
    """Joint law of the state at time 0, the state at a time, and the work in between [energy].

    >>> particle = DrivenParticle(mass=0.0, trap_velocity=1.0)
    >>> work = path_law(particle, particle.equilibrium(), 2.0).work  # 2 - (1 - e^-2), and twice as much
    >>> round(float(work.mean), 6), round(float(work.variance), 6)
    (1.135335, 2.270671)
    """
    n = len(particle.drift_matrix)
    step = exact_step(particle, time)
    weights = work_weights(particle, particle.frequency * time)
    onto = np.zeros((2 * n + 1, n + 3))  # what z_t and W are of a step's outcome
    onto[n : 2 * n, :n], onto[-1] = np.eye(n), weights
    response = onto @ step.response
    response[:n] = np.eye(n)
    response[-1, 0] -= particle.force
    mean = response @ start.mean + onto @ (step.drive[:, 0] + step.drive[:, 1])  # cos 0 = 1, sin 0 = 0
    mean[-1] += particle.force * particle.trap_velocity * time
    covariance = response @ start.covariance @ response.T + onto @ step.covariance @ onto.T
    return PathLaw(mean, (covariance + covariance.T) / 2)


class SteadyMotion(NamedTuple):
    """The law once the start is forgotten: mean constant + Re(amplitude e^(i omega t)), the covariance of equilibrium.

    A free particle's position wanders: its constant and its covariance are given as 0.
    """

    constant: Array
    amplitude: NDArray[np.complexfloating[Any, Any]]
    covariance: Array

    def at(self, phase: float) -> NormalState:
        """The law at a phase omega t [rad]."""
        mean = self.constant + (self.amplitude * np.exp(1j * phase)).real
        return NormalState(mean, self.covariance)


def steady_motion(particle: DrivenParticle) -> SteadyMotion:
    """Lag, drift and response to the periodic force, (k - m omega^2 + i gamma omega) y^ = F0.

    >>> motion = steady_motion(DrivenParticle(mass=0.0, trap_velocity=2.0))
    >>> motion.constant.tolist()  # the lag
    [-2.0]
    """
    trapped = particle.stiffness > 0
    velocity = particle.trap_velocity if trapped else particle.force / particle.friction
    lag = (particle.force - particle.friction * velocity) / particle.stiffness if trapped else 0.0
    omega = particle.frequency
    response = complex(particle.stiffness - particle.mass * omega**2, particle.friction * omega)
    answer = particle.force_amplitude / response
    n = len(particle.drift_matrix)
    constant, amplitude = np.array([lag, velocity]), np.array([answer, 1j * omega * answer])
    return SteadyMotion(constant[:n], amplitude[:n], particle.equilibrium().covariance)


def steady_power(particle: DrivenParticle) -> float:
    """Mean power over a cycle, all of it heat in the end: T times the entropy production rate  [energy/time].

    F <v> - k u <y> + omega^2 gamma |y^|^2/2

    >>> steady_power(DrivenParticle(mass=0.0, trap_velocity=2.0))  # gamma u^2
    4.0
    >>> round(steady_power(DrivenParticle(stiffness=0.0, force_amplitude=1.0, frequency=2.0)), 12)
    0.1
    """
    motion = steady_motion(particle)
    velocity = particle.trap_velocity if particle.stiffness else particle.force / particle.friction
    constant = particle.force * velocity - particle.stiffness * particle.trap_velocity * float(motion.constant[0])
    speed = particle.frequency * abs(complex(motion.amplitude[0]))
    return constant + particle.friction * speed**2 / 2
