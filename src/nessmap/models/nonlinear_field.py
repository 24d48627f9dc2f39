"""The stochastic Amari field with its nonlinearity, on a ring, under additive noise.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

Theory here is approximate: linear response about the homogeneous state, and for even kernels, whose linear field is at
equilibrium, the weak-noise law. With white noise an even kernel is no equilibrium; with noise whose covariance is
proportional to the kernel it is one, exactly, for any f. docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Stability, parameter
from nessmap.models.amari_field import AmariField
from nessmap.models.langevin import RATES
from nessmap.models.neural_field import NeuralField, of_shape
from nessmap.models.ring_field import RingField
from nessmap.theory import transfer_functions, weak_noise
from nessmap.theory.stages import Stages, of_ring


@dataclasses.dataclass(frozen=True)
class NonlinearField(NeuralField, RingField):
    """One population about its lowest homogeneous state.

    `coupling` is the weight J of the kernel; the coupling of the linear field is J f'(u_0).
    """

    name: ClassVar[str] = "nonlinear_field"
    version: ClassVar[int] = 2

    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    length: float = parameter(6.0, "length of the ring", units="length", above=0.0, symbol="L")

    def check(self) -> None:
        super().check()
        if not len(self._states):
            expected = "one with a homogeneous state"
            raise self.error("coupling", expected, "lower coupling x slope")

    @property
    def n_field(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the ring."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @cached_property
    def weights(self) -> Array:
        """W_ij = J dx w(x_i - x_j)."""
        return self.coupling * self.kernel_matrix_at_sites()

    @property
    def rates(self) -> Array:
        return np.full(self.n_site, 1 / self.time_constant)

    @cached_property
    def noise_covariance(self) -> Array:
        return self.noise_matrix()

    def stages_of(self, matrix: Array) -> Stages:
        if self.n_site <= 64:  # hardly a transform is cheaper than rows there, and none is found as fast
            return super().stages_of(matrix)
        return of_shape(of_ring, matrix[:, 0])

    @cached_property
    def _states(self) -> list[float]:
        weight = float(self.weights[0].sum())
        return transfer_functions.homogeneous_states(self.transfer, self.slope, self.threshold, weight, self.input)

    @cached_property
    def fixed_point(self) -> Array:
        """u_0 at every site, the lowest one where there are several."""
        return np.full(self.n_site, float(self._states[0]))

    @cached_property
    def linearised(self) -> AmariField:
        """The linear field of small deviations from u_0."""
        shared = {
            name: getattr(self, name)
            for name in RingField.parameters()
            if name in AmariField.parameters() and name != "coupling"
        }
        return AmariField(**shared, coupling=self.coupling * float(self.gain[0]))

    def sided_system(self) -> tuple[Array, Array]:
        return self.linear_drift, self.noise_covariance

    def stability(self) -> Stability:
        return self.linearised.stability()

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        made = super().theory(wanted)
        rates = set(RATES) & made.keys()
        if rates and not self.linearised.modes.rotation.any():
            law = Prediction(self._weak_noise_rate(), "approximate", "weak-noise law of an even kernel; docs/theory.md")
            made |= dict.fromkeys(rates, law)
        return made

    def _weak_noise_rate(self) -> float:
        gain = float(self.gain[0])
        if gain == 0:
            return 0.0
        modes = self.linearised.modes
        transform = (1 - self.time_constant * modes.decay) / gain  # of the kernel with its weight
        curvature = float(self._of(self.function.curvature, self.fixed_point)[0])
        return weak_noise.uniform_state_rate(
            transform, modes.diffusion, self.n_site, gain, curvature, self.time_constant
        )
