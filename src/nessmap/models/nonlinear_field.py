"""The stochastic Amari field with its nonlinearity, on a ring, under additive noise.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

Theory here is approximate: linear response about the homogeneous state, and for even kernels, whose linear field is at
equilibrium, the weak-noise law. With white noise an even kernel is no equilibrium; with noise whose covariance is
proportional to the kernel it is one, exactly, for any f. docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, parameter
from nessmap.models.amari_field import AmariField
from nessmap.models.homogeneous_field import HomogeneousField
from nessmap.models.neural_field import of_shape
from nessmap.models.ring_field import RingField
from nessmap.theory import weak_noise
from nessmap.theory.stages import Stages, of_ring


@dataclasses.dataclass(frozen=True)
class NonlinearField(HomogeneousField, RingField):
    """One population about its lowest homogeneous state."""

    name: ClassVar[str] = "nonlinear_field"
    version: ClassVar[int] = 2

    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    length: float = parameter(6.0, "length of the ring", units="length", above=0.0, symbol="L")

    @property
    def grid(self) -> tuple[int, ...]:
        return (self.n_site,)

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
        return np.full(self.n_field, 1 / self.time_constant)

    @property
    def total_weight(self) -> float:
        return self.coupling * self.spacing * float(self.kernel_at_sites().sum())

    @cached_property
    def noise_covariance(self) -> Array:
        return self.noise_matrix()

    @cached_property
    def linearised(self) -> AmariField:
        shared = {
            name: getattr(self, name)
            for name in RingField.parameters()
            if name in AmariField.parameters() and name != "coupling"
        }
        return AmariField(**shared, coupling=self.coupling * float(self.gain[0]))

    def stages_of(self, matrix: Array) -> Stages:
        if self.n_site <= 64:  # hardly a transform is cheaper than rows there, and none is found as fast
            return super().stages_of(matrix)
        return of_shape(of_ring, matrix[:, 0])

    def weak_noise_rate(self) -> float:
        gain = float(self.gain[0])
        if gain == 0:
            return 0.0
        modes = self.linearised.modes
        transform = (1 - self.time_constant * modes.decay) / gain  # of the kernel with its weight
        return weak_noise.uniform_state_rate(
            transform, modes.diffusion, self.n_site, gain, self.curvature, self.time_constant
        )
