"""The linearised stochastic field of an excitatory and an inhibitory population on a ring.

tau_E du_E/dt = -u_E + g_E w_EE*u_E - g_I w_EI*u_I + noise_E
tau_I du_I/dt = -u_I + g_E w_IE*u_E - g_I w_II*u_I + noise_I

Every kernel is an even Gaussian, as wide as its presynaptic population projects; each presynaptic gain multiplies what that
population sends. Even kernels do not make equilibrium here: excitation and inhibition are not reciprocal. docs/theory.md,
"Two populations".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Start, parameter
from nessmap.models.block_model import BlockModel
from nessmap.models.moments import Indices
from nessmap.theory import spatial


@dataclasses.dataclass(frozen=True)
class TwoPopulations(Model):
    """What linear and nonlinear field share: who projects how strongly and how far, and the noise of both populations."""

    weight_ee: float = parameter(0.9, "weight of excitation on excitation", minimum=0.0, symbol="w_{EE}")
    weight_ei: float = parameter(1.2, "weight of inhibition on excitation", minimum=0.0, symbol="w_{EI}")
    weight_ie: float = parameter(1.0, "weight of excitation on inhibition", minimum=0.0, symbol="w_{IE}")
    weight_ii: float = parameter(0.5, "weight of inhibition on inhibition", minimum=0.0, symbol="w_{II}")
    excitatory_width: float = parameter(0.6, "width of excitatory kernels", units="length", above=0.0, symbol="s_E")
    inhibitory_width: float = parameter(1.0, "width of inhibitory kernels", units="length", above=0.0, symbol="s_I")
    excitatory_noise: float = parameter(0.1, "strength of the excitatory noise", units="u^2 length time", above=0.0)
    inhibitory_noise: float = parameter(0.05, "strength of the inhibitory noise", units="u^2 length time", above=0.0)
    excitatory_time: float = parameter(1.0, "excitatory time constant", units="time", above=0.0, symbol=r"\tau_E")
    inhibitory_time: float = parameter(0.5, "inhibitory time constant", units="time", above=0.0, symbol=r"\tau_I")
    length: float = parameter(8.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")

    def check(self) -> None:
        for name in ("excitatory_width", "inhibitory_width"):
            if getattr(self, name) < self.spacing * (1 - 1e-9):
                remedy = f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}"
                raise self.error(name, f">= {self.spacing:.4g} [site spacing length / n_site]", remedy)

    @property
    def spacing(self) -> float:
        """dx = length / n_site."""
        return self.length / self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two populations."""
        return {"excitatory": range(self.n_site), "inhibitory": range(self.n_site, 2 * self.n_site)}

    @cached_property
    def signed_weights(self) -> Array:
        """(2, 2): what a population receives, its row, from what a population sends, its column; inhibition is negative."""
        return np.array([[self.weight_ee, -self.weight_ei], [self.weight_ie, -self.weight_ii]])

    @cached_property
    def kernels_at_sites(self) -> Array:
        """(2, n_site): Gaussians of unit integral, as wide as each population projects, over periodic images [1/length]."""
        return np.array([self._kernel_at_sites(width) for width in (self.excitatory_width, self.inhibitory_width)])

    def _kernel_at_sites(self, width: float) -> Array:
        gaussian = spatial.PROFILES["gaussian"]
        return spatial.summed_over_images(
            lambda x: gaussian.value(x, width, 1.0, 0.0), self.n_site, self.length, gaussian.reach * width
        )

    @property
    def time_constants(self) -> Array:
        """(2,) [time]."""
        return np.array([self.excitatory_time, self.inhibitory_time])

    @property
    def white_noise(self) -> Array:
        """(2,): D of a site of each population [u^2/time]."""
        strengths = np.array([self.excitatory_noise, self.inhibitory_noise])
        return np.asarray(strengths / (self.spacing * self.time_constants**2))


@dataclasses.dataclass(frozen=True)
class ExcitatoryInhibitoryField(BlockModel, TwoPopulations):
    """Two linear fields of n_site sites each, in orthonormal real Fourier coordinates, excitatory ones first.

    Even kernels leave cosines and sines apart, so a block is one coordinate of both populations.
    """

    name: ClassVar[str] = "excitatory_inhibitory_field"
    version: ClassVar[int] = 1

    excitatory_gain: float = parameter(1.0, "excitatory gain", minimum=0.0, symbol="g_E")
    inhibitory_gain: float = parameter(0.8, "inhibitory gain", minimum=0.0, symbol="g_I")

    @property
    def n_dim(self) -> int:
        return 2 * self.n_site

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        return [0], [1]

    @cached_property
    def members(self) -> Indices:
        own = np.arange(self.n_site)
        return np.stack([own, own + self.n_site], axis=1)

    @cached_property
    def _mode_of(self) -> Indices:
        """Wavenumber index of each block: 0, 1, 1, 2, 2, ..."""
        return (np.arange(self.n_site) + 1) // 2

    @cached_property
    def block_drift(self) -> Array:
        gains = np.array([self.excitatory_gain, self.inhibitory_gain])
        # (2, n_block): what a coordinate of each population sends
        sent = [
            gain * spatial.transform(values, self.spacing)[0][self._mode_of]
            for gain, values in zip(gains, self.kernels_at_sites, strict=True)
        ]
        coupling = self.signed_weights * np.transpose(sent)[:, None, :]
        return np.asarray((coupling - np.eye(2)) / self.time_constants[:, None])

    @cached_property
    def block_diffusion(self) -> Array:
        return np.broadcast_to(np.diag(self.white_noise), (self.n_site, 2, 2)).copy()

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, d tau per coordinate."""
        return float(np.log(np.diagonal(self.block_diffusion, axis1=1, axis2=2) * self.time_constants).sum())

    def initial_mean(self, start: Start) -> Array:
        mean = np.zeros((2, self.n_site))
        mean[:, 0], mean[:, 1] = np.sqrt(self.n_site) * start.mean, np.sqrt(self.n_site / 2) * start.wave
        return mean.ravel()

    def kind_of(self, block: int, oscillates: bool) -> tuple[str, float]:
        mode = int(self._mode_of[block])
        still = "uniform" if mode == 0 else "Turing"
        return "Hopf" if oscillates else still, 2 * np.pi * mode / self.length
