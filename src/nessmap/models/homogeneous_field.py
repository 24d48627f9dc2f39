"""What nonlinear fields of one population on a ring or a torus share: a homogeneous state, and modes that do not mix there.

Theory is approximate: linear response about the homogeneous state, and for even kernels, whose linear field is at equilibrium,
the weak-noise law. docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Collection
from functools import cached_property

import numpy as np

from nessmap.model import Array, Prediction, Run, Stability
from nessmap.models.fourier_field import FourierField
from nessmap.models.langevin import RATES
from nessmap.models.neural_field import NeuralField
from nessmap.theory import transfer_functions


@dataclasses.dataclass(frozen=True)
class HomogeneousField(NeuralField):
    """About the lowest homogeneous state. `coupling` is the weight J of the kernel, that of the linear field J f'(u_0)."""

    def check(self) -> None:
        super().check()
        if not len(self._states):
            raise self.error("coupling", "one with a homogeneous state", "lower coupling x slope")

    # --- what a subclass gives

    @property
    @abstractmethod
    def grid(self) -> tuple[int, ...]:
        """Sites along each direction."""

    @property
    @abstractmethod
    def total_weight(self) -> float:
        """sum_j W_ij [u]."""

    @property
    @abstractmethod
    def linearised(self) -> FourierField:
        """The linear field of small deviations from u_0."""

    @abstractmethod
    def weak_noise_rate(self) -> float:
        """Entropy production rate under weak noise where the linear field is at equilibrium [k_B/time]."""

    # --- the homogeneous state

    @cached_property
    def _states(self) -> list[float]:
        weight = self.total_weight
        return transfer_functions.homogeneous_states(self.transfer, self.slope, self.threshold, weight, self.input)

    @cached_property
    def fixed_point(self) -> Array:
        """u_0 at every site, the lowest one where there are several."""
        return np.full(self.n_field, float(self._states[0]))

    @property
    def n_state(self) -> int:
        """How many homogeneous states there are; theory is about the lowest."""
        return len(self._states)

    @property
    def curvature(self) -> float:
        """f''(u_0) [1/u^2]."""
        return float(self._of(self.function.curvature, self.fixed_point)[0])

    @property
    def n_field(self) -> int:
        return int(np.prod(self.grid))

    def stability(self) -> Stability:
        return self.linearised.stability()

    @cached_property
    def site_covariance(self) -> Array:
        return self.linearised.translation_invariant(self.linearised.power)

    def stationary_sample(self, normals: Array) -> Array:
        apart = self.linearised.to_sites(self.linearised.stationary_sample(normals[: self.n_field]))
        field = self.fixed_point[:, None] + apart
        return np.concatenate([field, apart]) if self.has_twin else field

    @cached_property
    def even_kernel(self) -> bool:
        """Whether the linear field is at equilibrium."""
        return not self.linearised.modes.rotation.any()

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        made = super().theory(wanted)
        rates = set(RATES) & made.keys()
        if rates and self.even_kernel:
            # noise in proportion to the kernel leaves no force that is not a gradient
            rate = self.weak_noise_rate() if self.bending_force.any() else 0.0
            law = Prediction(rate, "approximate", "weak-noise law; even kernel; docs/theory.md (90)")
            made |= dict.fromkeys(rates, law)
        return made

    def chain_means(self, run: Run) -> Array:
        """As of any model, mode by mode: all matrices are diagonal on waves."""
        scheme = self.discretisation(run.dt)
        keep, first, second, pull = scheme.rows[:, 0]
        matrices = (self.weights, scheme.noise, self.circulating_force, self.linear_drift)
        linear, noise, circulating, drift = (np.fft.fftn(matrix[:, 0].reshape(self.grid)) for matrix in matrices)
        guess, corrector = keep + first * self.gain[0] * linear, second * self.gain[0] * linear + pull
        step = guess + corrector * (guess - 1)
        power = np.abs(1 + corrector) ** 2 * noise.real / (1 - np.abs(step) ** 2)
        local, single, double = (
            np.sum((np.conj(circulating) * moved * power).real) for moved in (drift, step, step**2)
        )
        return np.array([local, single / run.dt, (2 * single - double / 2) / run.dt])
