"""A Brownian particle that is pushed, shaken or dragged, underdamped or overdamped, with work and heat of every path."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run, Stability, Start, Stepper, parameter
from nessmap.models.linear import noise_factor
from nessmap.theory import driven_particle, driven_particle_entropy
from nessmap.theory.driven_particle import DrivenParticle, NormalState, PathLaw
from nessmap.theory.driven_particle_entropy import LogDensity

SOURCE = 'docs/theory.md, "A driven particle"'


@dataclasses.dataclass(frozen=True)
class BrownianParticle(Model):
    """m dv = [-gamma v - k y + F + F0 cos(omega t)] dt + sqrt(2 gamma T) dW, dx = v dt, y = x - u t; overdamped with m = 0.

    Simulated are the state (y, v), or y alone, and for each lane the work and the heat since the start and the state that it
    started from, by an exact step of all of them: any dt will do. The velocity is odd under time reversal. Stationary runs
    start at phase 0 of the force in the steady state; a relaxation starts in the equilibrium of another temperature, displaced
    and on the move if so wished, in a trap that is at 0 and starts to move.
    """

    papers: ClassVar[tuple[str, ...]] = ("Karbowski, Entropy 26, 779 (2024)",)
    name: ClassVar[str] = "brownian_particle"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "brownian_particle"
    integrator: ClassVar[str] = "exact"

    dynamics: str = parameter("underdamped", "dynamics", choices=("underdamped", "overdamped"))
    temperature: float = parameter(1.0, "temperature", units="energy", above=0.0, symbol="T")
    friction: float = parameter(1.0, "friction", units="mass / time", above=0.0, symbol=r"\gamma")
    mass: float = parameter(1.0, "mass", units="mass", above=0.0, symbol="m", used_with=("dynamics", ("underdamped",)))
    stiffness: float = parameter(1.0, "stiffness of the trap", units="energy / length^2", minimum=0.0, symbol="k")
    force: float = parameter(0.0, "constant force", units="energy / length", symbol="F")
    force_amplitude: float = parameter(0.0, "amplitude of the periodic force", units="energy / length", symbol="F_0")
    frequency: float = parameter(1.0, "angular frequency of the force", units="1 / time", above=0.0, symbol=r"\omega")
    trap_velocity: float = parameter(0.0, "velocity of the trap", units="length / time", symbol="u")
    initial_temperature_ratio: float = parameter(1.0, "relative temperature at the start", above=0.0, symbol="T_0/T")
    initial_displacement: float = parameter(0.0, "mean displacement at the start", units="length", symbol="y_0")
    initial_velocity: float = parameter(
        0.0,
        "mean velocity at the start",
        units="length / time",
        symbol="v_0",
        used_with=("dynamics", ("underdamped",)),
    )

    def check(self) -> None:
        if not self.stiffness and not self.underdamped:
            raise self.error("stiffness", "a number > 0", "a free particle needs dynamics: underdamped")
        if not self.stiffness and self.trap_velocity:
            raise self.error("trap_velocity", "0 where stiffness = 0", "there is no trap to move")
        if not self.stiffness and self.initial_displacement:
            raise self.error("initial_displacement", "0 where stiffness = 0", "a free particle is at home everywhere")

    @property
    def underdamped(self) -> bool:
        """Whether the velocity is a coordinate."""
        return self.dynamics == "underdamped"

    @cached_property
    def particle(self) -> DrivenParticle:
        """The particle and its drive, for theory."""
        return DrivenParticle(
            self.temperature,
            self.friction,
            self.mass if self.underdamped else 0.0,
            self.stiffness,
            self.force,
            self.force_amplitude,
            self.frequency,
            self.trap_velocity,
        )

    @property
    def n_state(self) -> int:
        """Coordinates of the particle itself, the first ones."""
        return 2 if self.underdamped else 1

    @property
    def n_dim(self) -> int:
        return 2 * self.n_state + 2

    @property
    def parity(self) -> Array:
        """Velocity, work and heat are odd."""
        state = [1.0, -1.0][: self.n_state]
        return np.array([*state, -1.0, -1.0, *state])

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """Position and velocity; an overdamped particle has no parts."""
        return {"position": [0], "velocity": [1]} if self.underdamped else {}

    @property
    def work_per_coordinate(self) -> float:
        """Noise of the integrals and sums along the path, relative to a mode of the ring field."""
        return 2.0

    # --- the law of motion

    def force_at(self, t: Array | float) -> Array:
        """F + F0 cos(omega t) [energy/length]."""
        return np.asarray(self.force + self.force_amplitude * np.cos(self.frequency * np.asarray(t)))

    def drift(self, x: Array, t: float) -> Array:
        """Ito drift of the simulated coordinates: the state, the power, the heat current, and nothing."""
        n, own = self.n_state, self.particle
        moving = np.zeros_like(x)
        phase = np.array([1.0, np.cos(self.frequency * t), np.sin(self.frequency * t)])
        moving[:n] = np.tensordot(own.drift_matrix, x[:n], axes=1)
        moving[:n] += (own.push @ phase).reshape(-1, *(1,) * (x.ndim - 1))
        moving[n] = self.force_at(t) * (moving[0] + self.trap_velocity) - self.stiffness * self.trap_velocity * x[0]
        moving[n + 1] = self.temperature * self.entropy_flow(x[:n], t)
        return moving

    def diffusion(self, x: Array, t: float) -> Array:
        """D (n_dim, n_dim) at a state x (n_dim,): the noise of the state also makes heat and, overdamped, work."""
        n = self.n_state
        kick = np.zeros(self.n_dim)  # per length or velocity that the noise moves the particle by
        kick[n - 1] = 1.0
        pull = float(self.force_at(t))
        kick[n] = 0.0 if self.underdamped else pull
        kick[n + 1] = -self.mass * x[1] if self.underdamped else pull - self.stiffness * x[0]
        return np.asarray(self.particle.diffusion[-1, -1] * np.outer(kick, kick))

    def entropy_flow(self, state: Array, t: Array | float) -> Array:
        """Mean heat current of particles at states (n, ...), over T: gamma v^2/T - gamma/m, or f^2/(gamma T) - k/gamma."""
        if self.underdamped:
            return np.asarray(self.friction * state[1] ** 2 / self.temperature - self.friction / self.mass)
        pull = self.force_at(t) - self.stiffness * state[0]
        return np.asarray(pull**2 / (self.friction * self.temperature) - self.stiffness / self.friction)

    def stepper(self, dt: float) -> Stepper:
        from nessmap.kernels.brownian_particle import advance  # late: planning a sweep must not load numba

        step, pushed = driven_particle.exact_step(self.particle, dt), self.force * self.trap_velocity * dt
        push = np.array([self.force, pushed, -self.stiffness * self.trap_velocity, self.force_amplitude])
        factor, stiffness = noise_factor(step.covariance), self.particle.stiffnesses
        return Stepper(advance, (step.response, step.drive, factor, stiffness, push, self.frequency * dt))

    def _started(self, law: NormalState, normals: Array) -> Array:
        x = np.zeros((self.n_dim, normals.shape[1]))
        spread = np.sqrt(np.diag(law.covariance))
        x[: self.n_state] = law.mean[:, None] + spread[:, None] * normals[: self.n_state]
        x[self.n_state + 2 :] = x[: self.n_state]
        return x

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from the steady state at phase 0."""
        return self._started(self.steady.at(0.0), normals)

    def transient_start(self, normals: Array, start: Start) -> Array:
        """Draws from `initial_law`; run.start has no say."""
        if start != Start():
            raise ValueError(f"run.start is given, expected nothing: {self.name} has initial_... parameters")
        return self._started(self.initial_law, normals)

    @cached_property
    def initial_law(self) -> NormalState:
        """Equilibrium at the start's temperature, displaced and moving."""
        law = self.particle.equilibrium(self.temperature * self.initial_temperature_ratio)
        return law._replace(mean=np.array([self.initial_displacement, self.initial_velocity][: self.n_state]))

    @property
    def starts_in_equilibrium(self) -> bool:
        """Whether a relaxation starts from the equilibrium of its bath."""
        return (self.initial_temperature_ratio, self.initial_displacement, self.initial_velocity) == (1.0, 0.0, 0.0)

    # --- theory

    @cached_property
    def steady(self) -> driven_particle.SteadyMotion:
        """The law of the state once the start is forgotten."""
        return driven_particle.steady_motion(self.particle)

    def stability(self) -> Stability:
        """Slowest relaxation of the state: of the velocity alone, where the particle is free."""
        bound = self.particle.bound_coordinates
        rates = np.linalg.eigvals(self.particle.drift_matrix[np.ix_(bound, bound)])
        leading = rates[np.argmax(rates.real)]
        return Stability(float(leading.real), "real" if leading.imag == 0 else "oscillating", float("nan"))

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        power = driven_particle.steady_power(self.particle)
        rates = {"work_rate": power, "heat_rate": power, "particle_entropy_production_rate": power / self.temperature}
        return {
            name: Prediction(value, "exact", SOURCE)
            for name, value in rates.items()
            if wanted is None or name in wanted
        }

    def mean_entropy_flow(self, run: Run) -> float:
        """Mean of `entropy_flow` over the steps of a stationary run, from their starts  [k_B/time]."""
        motion = self.steady
        constant, answer = motion.constant[-1], motion.amplitude[-1]
        if not self.underdamped:  # of the force on the particle
            constant, answer = self.force - self.stiffness * constant, self.force_amplitude - self.stiffness * answer
        turn = self.frequency * run.dt
        once, twice = (_mean_phase(n * turn, run.n_step) for n in (1, 2))
        # the variance of equilibrium cancels what equilibrium gives off
        square = constant**2 + 2 * constant * (answer * once).real + (abs(answer) ** 2 + (answer**2 * twice).real) / 2
        resistance = 1 / self.friction if not self.underdamped else self.friction
        return float(resistance * square / self.temperature)


def _mean_phase(turn: float, n_step: int) -> complex:
    """Mean of e^(i n turn) over n = 0 .. n_step - 1."""
    around = np.exp(1j * turn) - 1
    if abs(around) < 1e-9:  # a step is a whole number of turns, to rounding
        return 1 + 0j
    return complex((np.exp(1j * (turn * n_step)) - 1) / (n_step * around))


@lru_cache(maxsize=8)
def path_laws(model: BrownianParticle, run: Run) -> tuple[PathLaw, ...]:
    """Joint laws of start, state and work at the times that a relaxation keeps."""
    return tuple(driven_particle.path_law(model.particle, model.initial_law, float(time)) for time in run.times)


@lru_cache(maxsize=8)
def log_densities(model: BrownianParticle, run: Run) -> tuple[LogDensity, ...]:
    """Of the state at the times that a relaxation keeps."""
    return tuple(driven_particle_entropy.log_density(model.particle, law.end) for law in path_laws(model, run))
