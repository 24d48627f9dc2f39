"""The stochastic Amari field with its nonlinearity, on a square torus, under additive noise.

tau du/dt = -u + J Int w(r - r') f(u(r')) d^2r' + I + noise,  <noise(r, t) noise(r', t')> = 2 C(r - r') delta(t - t')

Theory here is approximate, as on the ring: linear response about the homogeneous state, and for even kernels, however
anisotropic, the weak-noise law. Matrices between sites are products of transforms; docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, parameter
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.homogeneous_field import HomogeneousField
from nessmap.models.neural_field import of_shape
from nessmap.models.torus_field import TorusField, even, homogeneous_matrix, mirrored
from nessmap.theory import weak_noise
from nessmap.theory.stages import Stages, of_diagonal, of_torus

_SMOOTHEST = 1.5  # site spacings of correlation: the shortest waves have 1e-9 of the noise of the longest
_LEAST_NOISE = 1e-10  # of a mode over that of another: the force divides by it
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class NonlinearTorus(HomogeneousField, TorusField):
    """One population about its lowest homogeneous state."""

    name: ClassVar[str] = "nonlinear_torus"
    version: ClassVar[int] = 1

    n_site: int = parameter(8, "number of sites along a side", minimum=3, symbol="N")
    length: float = parameter(4.0, "length of a side", units="length", above=0.0, symbol="L")

    def check(self) -> None:
        super().check()
        if self.noise_correlation_length > _SMOOTHEST * self.spacing * (1 + 1e-9):
            limit, n_site = _SMOOTHEST * self.spacing, _SMOOTHEST * self.length / self.noise_correlation_length
            expected = f"<= {limit:.4g} [1.5 site spacings]: the force divides by the noise of the shortest waves"
            raise self.error("noise_correlation_length", expected, f"lower n_site to {int(n_site)}")
        spectrum = self.noise_spectrum()
        if spectrum.min() < _LEAST_NOISE * spectrum.max():
            expected = f"a lowest transform above {_LEAST_NOISE:g} of the highest: the force divides by it"
            raise self.error("noise_values", expected, "add white noise, or sample a rougher covariance")

    @property
    def grid(self) -> tuple[int, ...]:
        return self.n_site, self.n_site

    @property
    def rates(self) -> Array:
        return np.full(self.n_field, 1 / self.time_constant)

    @property
    def total_weight(self) -> float:
        return self.coupling * self.kernel_integral

    @cached_property
    def linearised(self) -> AmariTorus:
        """The linear field of small deviations from u_0."""
        shared = {name: getattr(self, name) for name in TorusField.parameters() if name != "coupling"}
        return AmariTorus(**shared, coupling=self.coupling * float(self.gain[0]))

    def weak_noise_rate(self) -> float:
        gain, transform = float(self.gain[0]), self._weights_transform.real
        return weak_noise.homogeneous_state_rate(
            transform, self.mode_diffusion, gain, self.curvature, self.time_constant
        )

    # --- matrices between sites, and their transforms on all wavenumbers

    @cached_property
    def _weights_transform(self) -> Array:
        real, imaginary = self.kernel_transform
        return np.asarray(self.coupling * (real + 1j * imaginary))

    @cached_property
    def _force_transform(self) -> Array:
        """Of D^-1 r W; imaginary where it is odd, and exactly real for an even kernel."""
        return np.asarray(self._weights_transform / self.time_constant / self.mode_diffusion)

    @cached_property
    def weights(self) -> Array:
        """W_ij = J dx^2 w(r_i - r_j)."""
        return homogeneous_matrix(self.coupling * self.spacing**2 * self.kernel_at_sites())

    @cached_property
    def noise_covariance(self) -> Array:
        if self.noise == "gaussian" and self.noise_correlation_length == 0:
            return np.asarray(self.mode_diffusion[0, 0] * np.eye(self.n_field))  # exactly diagonal
        return homogeneous_matrix(even(np.fft.ifft2(self.mode_diffusion).real))

    @cached_property
    def _inverse_noise(self) -> Array:
        return homogeneous_matrix(even(np.fft.ifft2(1 / self.mode_diffusion).real))

    @cached_property
    def circulating_force(self) -> Array:
        grid = np.fft.ifft2(1j * float(self.gain[0]) * self._force_transform.imag).real
        return homogeneous_matrix((grid - mirrored(grid)) / 2)

    @cached_property
    def bending_force(self) -> Array:
        grid = np.fft.ifft2(self._force_transform).real
        largest = np.abs(grid).max()
        grid[0, 0] -= self.rates[0] * self.weights[0, 0] / self.noise_covariance[0, 0]
        return homogeneous_matrix(grid if np.abs(grid).max() > _ROUNDING * largest else np.zeros_like(grid))

    # --- what the kernel multiplies with

    def stages_of(self, matrix: Array) -> Stages:
        return of_shape(of_torus, matrix[:, 0].reshape(self.n_site, self.n_site))

    def _noise_stages(self, covariance: Array) -> Stages:
        """The symmetric root, homogeneous as the covariance is; no dense triangle."""
        grid = covariance[:, 0].reshape(self.n_site, self.n_site)
        if np.count_nonzero(grid) == 1:  # white
            return of_diagonal(np.sqrt(np.diag(covariance)))
        spectrum = np.fft.fft2(even(grid)).real
        return of_shape(of_torus, even(np.fft.ifft2(np.sqrt(np.maximum(spectrum, 0.0))).real))
