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

from nessmap.model import Array, Start, parameter
from nessmap.models.block_model import BlockModel
from nessmap.models.linear import Indices
from nessmap.theory import spatial


@dataclasses.dataclass(frozen=True)
class ExcitatoryInhibitoryField(BlockModel):
    """Two linear fields of n_site sites each, in orthonormal real Fourier coordinates, excitatory ones first.

    Even kernels leave cosines and sines apart, so a block is one coordinate of both populations.
    """

    name: ClassVar[str] = "excitatory_inhibitory_field"
    version: ClassVar[int] = 1

    excitatory_gain: float = parameter(1.0, "excitatory gain", minimum=0.0, symbol="g_E")
    inhibitory_gain: float = parameter(0.8, "inhibitory gain", minimum=0.0, symbol="g_I")
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
        spacing = self.length / self.n_site
        for name in ("excitatory_width", "inhibitory_width"):
            if getattr(self, name) < spacing * (1 - 1e-9):
                remedy = f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}"
                raise self.error(name, f">= {spacing:.4g} [site spacing length / n_site]", remedy)

    @property
    def n_dim(self) -> int:
        return 2 * self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two populations."""
        return {"excitatory": range(self.n_site), "inhibitory": range(self.n_site, 2 * self.n_site)}

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

    def _transform(self, width: float) -> Array:
        gaussian = spatial.PROFILES["gaussian"]
        values = spatial.summed_over_images(
            lambda x: gaussian.value(x, width, 1.0, 0.0), self.n_site, self.length, gaussian.reach * width
        )
        return spatial.transform(values, self.length / self.n_site)[0][self._mode_of]

    @cached_property
    def block_drift(self) -> Array:
        excitation = self.excitatory_gain * self._transform(self.excitatory_width)
        inhibition = self.inhibitory_gain * self._transform(self.inhibitory_width)
        drift = np.empty((self.n_site, 2, 2))
        drift[:, 0, 0] = (-1 + self.weight_ee * excitation) / self.excitatory_time
        drift[:, 0, 1] = -self.weight_ei * inhibition / self.excitatory_time
        drift[:, 1, 0] = self.weight_ie * excitation / self.inhibitory_time
        drift[:, 1, 1] = (-1 - self.weight_ii * inhibition) / self.inhibitory_time
        return drift

    @cached_property
    def block_diffusion(self) -> Array:
        spacing = self.length / self.n_site
        white = [
            self.excitatory_noise / (spacing * self.excitatory_time**2),
            self.inhibitory_noise / (spacing * self.inhibitory_time**2),
        ]
        return np.broadcast_to(np.diag(white), (self.n_site, 2, 2)).copy()

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, d tau per coordinate."""
        times = np.array([self.excitatory_time, self.inhibitory_time])
        return float(np.log(np.diagonal(self.block_diffusion, axis1=1, axis2=2) * times).sum())

    def initial_mean(self, start: Start) -> Array:
        mean = np.zeros((2, self.n_site))
        mean[:, 0], mean[:, 1] = np.sqrt(self.n_site) * start.mean, np.sqrt(self.n_site / 2) * start.wave
        return mean.ravel()

    def kind_of(self, block: int, oscillates: bool) -> tuple[str, float]:
        mode = int(self._mode_of[block])
        still = "uniform" if mode == 0 else "Turing"
        return "Hopf" if oscillates else still, 2 * np.pi * mode / self.length
