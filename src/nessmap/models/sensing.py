"""What networks of neurons that sense the velocity of a Brownian particle share: how fast, how loud, and coupled to whom.

dv = -kappa v dt + sqrt(2 kappa) dW,  dr_i = -rho_i (r_i - a_i f(v) - sum_j J_ij r_j) dt + sqrt(2 rho_i) dW_i

v is in units of its standard deviation, r of the noise of an uncoupled neuron: a_i^2 is the signal to noise of neuron i. The
velocity ignores its neurons and is an external signal, even under time reversal, unless an observable's name says otherwise.
docs/theory.md, "Neurons that sense a velocity".
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, Model, parameter
from nessmap.theory.sensing import SensingNetwork


@dataclasses.dataclass(frozen=True)
class SensingModel(Model):
    """Coordinate 0 is the velocity, the others are neurons. Gains and rates may spread over the neurons, evenly or as given."""

    papers: ClassVar[tuple[str, ...]] = ("Karbowski, Entropy 26, 779 (2024)",)
    n_neuron: int = parameter(1, "number of neurons", minimum=1, symbol="N")
    signal_to_noise: float = parameter(1.0, "signal to noise of a neuron", minimum=0.0, symbol="c")
    rate_ratio: float = parameter(1.0, "ratio of rates, neurons to velocity", above=0.0, symbol=r"\rho/\kappa")
    time_constant: float = parameter(1.0, "time constant of the neurons", units="time", above=0.0, symbol=r"\tau_r")
    gain_heterogeneity: float = parameter(0.0, "heterogeneity of the gains", symbol=r"\epsilon_a")
    rate_heterogeneity: float = parameter(0.0, "heterogeneity of the rates", symbol=r"\epsilon_\rho")
    profile: Matrix = parameter((), "how neurons differ, one row of N numbers from -1 to 1; evenly if not given")
    recurrence: float = parameter(0.0, "strength of the recurrent coupling", symbol="J")
    recurrence_kind: str = parameter(
        "symmetric", "kind of the recurrent coupling", choices=("symmetric", "antisymmetric", "matrix")
    )
    recurrence_matrix: Matrix = parameter(
        (), "matrix of the recurrent coupling, first index receives", used_with=("recurrence_kind", ("matrix",))
    )

    def check(self) -> None:
        super().check()
        n = self.n_neuron
        if self.profile and (len(self.profile), len(self.profile[0])) != (1, n):
            raise self.error("profile", f"one row of {n} numbers", "n_neuron sets their number")
        if np.abs(self.profile_of_neurons).max() > 1:
            raise self.error("profile", "numbers from -1 to 1", "the heterogeneities set their size")
        if not abs(self.rate_heterogeneity) < 1:
            raise self.error("rate_heterogeneity", "between -1 and 1", "every neuron's rate is positive")
        if not self._relative_gains.any():
            raise self.error("gain_heterogeneity", "one that leaves a neuron its gain", "all gains vanish")
        if self.recurrence_kind == "matrix":
            if [len(row) for row in self.recurrence_matrix] != n * [n]:
                raise self.error("recurrence_matrix", f"{n} rows of {n} numbers", "n_neuron sets the size")
        elif self.recurrence and n == 1:
            raise self.error("recurrence", "0 for a single neuron", "raise n_neuron, or set recurrence_kind: matrix")

    @property
    def n_dim(self) -> int:
        return 1 + self.n_neuron

    @cached_property
    def partition(self) -> Mapping[str, Sequence[int]]:
        return {"particle": [0], "neurons": range(1, self.n_dim)}

    @cached_property
    def profile_of_neurons(self) -> Array:
        """x_i (N,), from -1 to 1: evenly spread, or as given."""
        if self.profile:
            return np.array(self.profile[0])
        return np.linspace(-1.0, 1.0, self.n_neuron) if self.n_neuron > 1 else np.zeros(1)

    @property
    def _relative_gains(self) -> Array:
        return 1.0 + self.gain_heterogeneity * self.profile_of_neurons

    @cached_property
    def gains(self) -> Array:
        """a_i (N,), in proportion to 1 + epsilon x_i; signal_to_noise is the mean of their squares [r/v]."""
        relative = self._relative_gains
        return np.asarray(np.sqrt(self.signal_to_noise / np.mean(relative**2)) * relative)

    @cached_property
    def rates(self) -> Array:
        """rho_i (N,) [1/time]."""
        return (1.0 + self.rate_heterogeneity * self.profile_of_neurons) / self.time_constant

    @property
    def signal_rate(self) -> float:
        """kappa [1/time]."""
        return 1.0 / (self.time_constant * self.rate_ratio)

    @cached_property
    def coupling_matrix(self) -> Array:
        """J (N, N): all pairs alike; with the sign of j - i if antisymmetric; or as given."""
        n = self.n_neuron
        if self.recurrence_kind == "matrix":
            return self.recurrence * np.array(self.recurrence_matrix)
        order = np.arange(n)
        ahead = np.sign(order[None, :] - order[:, None]).astype(float)
        shape = np.abs(ahead) if self.recurrence_kind == "symmetric" else ahead
        return np.asarray(self.recurrence * shape / max(n - 1, 1))

    @property
    def _uncoupled(self) -> SensingNetwork:
        return SensingNetwork(self.signal_rate, 1.0, self.gains, self.rates, self.rates)

    @cached_property
    def network(self) -> SensingNetwork:
        """What theory takes; ValueError where recurrence leaves no stationary state."""
        return dataclasses.replace(self._uncoupled, recurrence=self.coupling_matrix)

    # how the heat of the neurons is measured
    heat_needs: ClassVar[tuple[str, ...]]

    @abstractmethod
    def heat_of_a_step(self, means: Mapping[str, Array]) -> Array:
        """Heat (...) of all neurons over temperature, by midpoints, gradients left out [k_B]."""

    @abstractmethod
    def heat_rate_at(self, dt: float) -> float:
        """Its exact mean per unit time at step dt [k_B/time]."""

    # and what they learn
    learning_needs: ClassVar[tuple[str, ...]]
    efficiency_needs: ClassVar[tuple[str, ...]]

    @abstractmethod
    def learning_of(self, means: Mapping[str, Array], dt: float) -> Array:
        """Information flow of the neurons (...) [nat/time]."""

    @abstractmethod
    def learning_at(self, dt: float) -> float:
        """Its exact mean at step dt [nat/time]."""

    @abstractmethod
    def squared_learning_to_error(self, dt: float, sampled_time: float) -> float:
        """(learning / its standard error)^2 of an estimate near none; inf where the error vanishes with the learning."""

    @abstractmethod
    def efficiency_of(self, means: Mapping[str, Array], dt: float) -> Array:
        """Learning over heat (...) [1]."""

    @abstractmethod
    def efficiency_at(self, dt: float) -> float:
        """The same of exact means at step dt [1]."""

    @cached_property
    def linear_drift(self) -> Array:
        """A (n_dim, n_dim), stable or not; with a tuning curve, f(v) in the place of v [1/time]."""
        drift = self._uncoupled.drift_matrix.copy()
        drift[1:, 1:] += self.rates[:, None] * self.coupling_matrix
        return drift

    @cached_property
    def linear_diffusion(self) -> Array:
        """D (n_dim, n_dim) [x^2/time]."""
        return self._uncoupled.diffusion_matrix
