"""What linear fields of two populations share, on a ring or a torus: blocks of two, one for every real Fourier coordinate.

tau_E du_E/dt = -u_E + g_E w_EE*u_E - g_I w_EI*u_I + noise_E
tau_I du_I/dt = -u_I + g_E w_IE*u_E - g_I w_II*u_I + noise_I

Each presynaptic gain multiplies what that population sends. Even kernels leave cosines and sines apart, so a block is one
coordinate of both populations. docs/theory.md, "Two populations".
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from nessmap.model import Array, Start, parameter
from nessmap.models.block_model import BlockModel
from nessmap.models.moments import Indices
from nessmap.models.two_populations import TwoPopulations


@dataclasses.dataclass(frozen=True)
class LinearPopulations(BlockModel, TwoPopulations):
    """Two linear fields in orthonormal real Fourier coordinates, excitatory ones first."""

    excitatory_gain: float = parameter(1.0, "excitatory gain", minimum=0.0, symbol="g_E")
    inhibitory_gain: float = parameter(0.8, "inhibitory gain", minimum=0.0, symbol="g_I")

    @property
    def n_dim(self) -> int:
        return 2 * self.n_place

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        return [0], [1]

    @cached_property
    def members(self) -> Indices:
        own = np.arange(self.n_place)
        return np.stack([own, own + self.n_place], axis=1)

    @cached_property
    def block_drift(self) -> Array:
        gains = np.array([self.excitatory_gain, self.inhibitory_gain])
        # (2, n_block): what a coordinate of each population sends
        sent = [gain * values[self.mode_of] for gain, values in zip(gains, self.kernel_transforms, strict=True)]
        coupling = self.signed_weights * np.transpose(sent)[:, None, :]
        return np.asarray((coupling - np.eye(2)) / self.time_constants[:, None])

    @cached_property
    def block_diffusion(self) -> Array:
        return self.mode_diffusion[self.mode_of]

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, 2 D_ij / (1/tau_i + 1/tau_j) per coordinate."""
        rates = 1 / self.time_constants
        covariance = 2 * self.block_diffusion / (rates[:, None] + rates)
        return float(np.linalg.slogdet(covariance)[1].sum())

    def initial_mean(self, start: Start) -> Array:
        # the cosine of the longest wave, on a torus along x, comes before its sine
        longest = int(np.argmax(self.mode_of == int(np.prod(self.grid[1:]))))
        mean = np.zeros((2, self.n_place))
        mean[:, 0], mean[:, longest] = np.sqrt(self.n_place) * start.mean, np.sqrt(self.n_place / 2) * start.wave
        return mean.ravel()

    def kind_of(self, block: int, oscillates: bool) -> tuple[str, float]:
        size = float(self.wavenumbers[self.mode_of[block]])
        still = "uniform" if size == 0 else "Turing"
        return "Hopf" if oscillates else still, size
