"""The quasi-potential of a random network: an equilibrium measure on the speed of dynamics that have no equilibrium.

P(x) ~ exp(-E/T),  E(x) = |F|^2/2 + eta |x|^2,  F = -x + J phi(x)

Sampled by Hamiltonian Monte Carlo, by a ladder of temperatures where one alone sticks, or by plain Langevin steps. Theory is
that of replicas for N to infinity. docs/theory.md, "Random networks: quasi-potential", "Sampling the quasi-potential".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nessmap.model import Array, Prediction, Stability, Stepper, parameter
from nessmap.models.random_coupling import RandomCoupling
from nessmap.theory import transfer_functions
from nessmap.theory.overlap_fluctuations import OverlapFluctuations, overlap_fluctuations
from nessmap.theory.replica import ReplicaState, replica_state
from nessmap.theory.transfer_functions import TransferFunction
from nessmap.theory.transfer_source import functions_source

_LARGEST_SHARE = 0.5  # of q, for which overlaps of replicas are given to leading order in 1/N
ANNEALED_FROM = 0.1  # temperature at which a burn-in begins: no network sticks there
_EXCHANGE = 1.5  # of sqrt(N/2) ln(T'/T) between rungs: erfc(0.75) = 0.29 of the exchanges are accepted


class Parts(NamedTuple):
    """E (...) of states x (n_neuron, ...), and what it is made of."""

    energy: Array
    gradient: Array
    force: Array
    rate: Array


@dataclasses.dataclass(frozen=True)
class QuasiPotential(RandomCoupling):
    """Quasi-potential of a network at a temperature, and how it is sampled."""

    name: ClassVar[str] = "quasi_potential"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "quasi_potential"
    integrator: ClassVar[str] = "sampler"  # one of the parameters
    confined: ClassVar[bool] = True  # E grows as |x|^2 whatever the silent state does

    temperature: float = parameter(
        0.01, "temperature of the quasi-potential", units="x^2/time^2", above=0.0, symbol="T"
    )
    regulariser: float = parameter(0.0, "weight of the squared activity", units="1/time^2", minimum=0.0, symbol=r"\eta")
    transfer: str = parameter("tanh", "transfer function")
    sampler: str = parameter("hamiltonian", "way of sampling", choices=("hamiltonian", "langevin"))
    step_size: float = parameter(0.4, "step over the longest stable one", above=0.0)
    n_leapfrog: int = parameter(20, "leapfrog steps of a trajectory", minimum=1, used_with=("sampler", ["hamiltonian"]))
    hottest: float = parameter(
        0.0,
        "highest temperature of the ladder, 0 for none",
        units="x^2/time^2",
        minimum=0.0,
        used_with=("sampler", ["hamiltonian"]),
    )
    burn_in: int = parameter(200, "iterations before the first that counts", minimum=0)

    def check(self) -> None:
        super().check()
        try:
            transfer_functions.resolve(self.transfer)
        except ValueError as error:
            raise self.error("transfer", "a transfer function", str(error)) from None
        if self.step_size >= 1.0:
            raise self.error("step_size", "below 1", "beyond it trajectories diverge; 0.3 to 0.6 is usual")

    def path_parameters(self) -> dict[str, Any]:
        return {**super().path_parameters(), "transfer": self.function.canonical}

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        return {}

    @property
    def work_per_coordinate(self) -> float:
        """Two products with the coupling and two transfer functions in every leapfrog step of every rung."""
        n_step = self.n_leapfrog if self.sampler == "hamiltonian" else 1
        return len(self.ladder) * n_step * (1.0 + 0.015 * self.n_neuron)

    # --- the potential

    @cached_property
    def function(self) -> TransferFunction:
        return transfer_functions.resolve(self.transfer)

    def parts(self, x: Array) -> Parts:
        """E, its gradient (I - J diag phi')^T (x - J phi) + 2 eta x, F and phi(x) for x (n_neuron, ...)."""
        rate = np.asarray(self.function.value(x, 1.0, 0.0))
        force = np.tensordot(self.weights, rate, axes=1) - x
        pulled = np.asarray(self.function.derivative(x, 1.0, 0.0)) * np.tensordot(self.weights.T, force, axes=1)
        energy = 0.5 * (force**2).sum(axis=0) + self.regulariser * (x**2).sum(axis=0)
        return Parts(energy, pulled - force + 2.0 * self.regulariser * x, force, rate)

    def drift(self, x: Array, t: float) -> Array:
        """-grad E: the Langevin dynamics that has this measure."""
        return -self.parts(x).gradient

    def diffusion(self, x: Array, t: float) -> Array:
        return self.temperature * np.eye(self.n_dim)

    def stability(self) -> Stability:
        """Of the silent state of the network itself, N to infinity: g (1 + gamma) = 1 is the transition."""
        return Stability(self.gain * (1.0 + self.symmetry) - 1.0, "real", float("nan"))

    # --- sampling

    @cached_property
    def ladder(self) -> tuple[float, ...]:
        """Temperatures, the model's own first, in equal ratios; closer for larger networks, as their energies spread less."""
        if self.hottest <= self.temperature:
            return (self.temperature,)
        reach = math.log(self.hottest / self.temperature)
        n_step = math.ceil(reach * math.sqrt(self.n_neuron / 2) / _EXCHANGE)
        return tuple(self.temperature * math.exp(reach * k / n_step) for k in range(n_step + 1))

    @cached_property
    def relative_step(self) -> float:
        """Length of a step over sqrt(T): step_size of what is stable for the stiffest direction of a silent network."""
        matrix = np.eye(self.n_neuron) - self.weights
        stiffest = float(np.linalg.eigvalsh(matrix.T @ matrix)[-1]) + 2.0 * self.regulariser
        # rounded, because the last bits of an eigenvalue depend on the machine
        return float(f"{2.0 * self.step_size / math.sqrt(stiffest):.2e}")

    @cached_property
    def in_kernels(self) -> tuple[tuple[Array, Array], tuple[int, Array]]:
        """J and J^T in tiles, and the transfer function."""
        from nessmap.kernels.matrix_product import packed  # late: planning a sweep must not load numba

        # kernels are not typed
        tiles: tuple[Array, Array] = packed(self.weights), packed(self.weights.T)  # type: ignore[no-untyped-call]
        shape = np.array([np.ones(self.n_neuron), np.zeros(self.n_neuron)])
        return tiles, (transfer_functions.kernel_number(self.transfer), shape)

    @property
    def kernels(self) -> Any:
        """The module of inner loops: the shipped one, or one made for the user's transfer function."""
        from nessmap.kernels import generated, quasi_potential  # late: planning a sweep must not load numba

        if transfer_functions.is_named(self.transfer):
            return quasi_potential
        return generated.specialised("quasi_potential", functions_source(self.transfer))

    def stepper(self, dt: float) -> Stepper:
        """Iterations; dt is 1, as they have no time."""
        return self.stepper_at(self.ladder)

    def stepper_at(self, temperatures: Sequence[float]) -> Stepper:
        """Iterations at other temperatures of the rungs."""
        adjusted = self.sampler == "hamiltonian"
        law = [self.regulariser, self.relative_step, float(self.n_leapfrog if adjusted else 1), float(adjusted)]
        coefficients = *self.in_kernels, np.array(law), np.array(temperatures)
        return Stepper(self.kernels.advance, coefficients, self.kernels.SCALARS)

    def annealed(self, iteration: int) -> tuple[float, ...]:
        """Temperatures of the rungs at an iteration of the burn-in: down from ANNEALED_FROM in its first half."""
        share = min(1.0, 2.0 * iteration / self.burn_in)
        return tuple(max(t, ANNEALED_FROM ** (1.0 - share) * t**share) for t in self.ladder)

    def stationary_sample(self, normals: Array) -> Array:
        """Where the burn-in begins: about the silent state, as far from it as noise at that temperature carries."""
        return np.asarray(math.sqrt(max(self.temperature, ANNEALED_FROM)) * normals)

    # --- theory

    def replica_at(self, temperature: float) -> ReplicaState:
        """State of the replica theory, which N to infinity has; ValueError, which says why, where none is known to hold."""

        def transfer(x: Array) -> Array:
            return np.asarray(self.function.value(x, 1.0, 0.0))

        found = replica_state(self.gain, self.symmetry, temperature, self.regulariser, transfer)
        if not found.converged:
            raise ValueError(f"replica theory: {found.message}")
        return found

    @cached_property
    def replica(self) -> ReplicaState:
        """At the model's own temperature."""
        return self.replica_at(self.temperature)

    @cached_property
    def _temperature_exponent(self) -> float:
        """d ln q / d ln T; differences that are wrong by the square of their step, 1e-6."""
        low, high = (math.log(self.replica_at(self.temperature * factor).self_overlap) for factor in (0.999, 1.001))
        return (high - low) / math.log(1.001 / 0.999)

    @cached_property
    def fluctuations(self) -> OverlapFluctuations | None:
        """Mean squares of overlaps between replicas of this many neurons; None where they are no small part of q, or Q > 0."""
        square, crossed = overlap_fluctuations(self.gain, self.symmetry, self.replica)
        if not math.sqrt(square / self.n_neuron) < _LARGEST_SHARE * self.replica.self_overlap:
            return None
        return OverlapFluctuations(square / self.n_neuron, crossed / self.n_neuron)

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        """Raises ValueError, which says why, where the replica equations have no solution that is known to hold."""
        found = self.replica
        made: dict[str, Callable[[], float]] = {
            "self_overlap": lambda: found.self_overlap,
            "temperature_exponent": lambda: self._temperature_exponent,
            "replica_overlap": lambda: found.overlap,
            "cross_overlap": lambda: found.cross_overlap,
            "response": lambda: found.response,
            "integrated_response": lambda: found.response + found.cross_overlap,
            "second_moment": lambda: found.second_moment,
            "quasi_potential_energy": lambda: found.energy,
            "relative_energy": lambda: found.energy / self.temperature,
            "replica_stability": lambda: found.stability,
            "log_volume": lambda: found.log_volume,
        }
        chosen = made if wanted is None else {name: value for name, value in made.items() if name in wanted}
        kind = "N -> infinity" if found.stability < 1.0 else "N -> infinity with replica symmetry, which breaks here"
        source = f"{kind}; docs/theory.md, random networks: quasi-potential"
        return {name: Prediction(value(), "approximate", source) for name, value in chosen.items()}
