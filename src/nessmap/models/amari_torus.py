"""The linearised stochastic Amari field on a square torus.

tau du/dt = -u + g Int w(r - r') u(r') d^2r' + noise, for a kernel that depends on r - s with the shift s along x. Even
kernels, however anisotropic, are at equilibrium; docs/theory.md, "Torus".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Start
from nessmap.models.derived_coupling import DerivedCoupling
from nessmap.models.fourier_field import FourierField, Modes
from nessmap.models.moments import Indices
from nessmap.models.torus_field import TorusField, homogeneous_matrix, one_of_each_pair


@dataclasses.dataclass(frozen=True)
class AmariTorus(TorusField, FourierField, DerivedCoupling):
    """The linear field in orthonormal real Fourier coordinates, one of every pair k and -k after the other."""

    name: ClassVar[str] = "amari_torus"
    version: ClassVar[int] = 1

    def check(self) -> None:
        TorusField.check(self)
        self.check_coupling()

    @cached_property
    def _chosen(self) -> tuple[Indices, Indices, Indices]:
        return one_of_each_pair(self.n_site)

    @cached_property
    def modes(self) -> Modes:
        """Rates and noise per wavenumber k = 2 pi (p, q) / L."""
        real, imaginary = self.kernel_transform
        p, q, multiplicity = self._chosen
        k = 2 * np.pi * np.fft.fftfreq(self.n_site, self.spacing)
        turning = np.where(multiplicity == 2, imaginary[p, q], 0.0)
        return Modes(
            np.hypot(k[p], k[q]),
            (1 - self.gain_coupling * real[p, q]) / self.time_constant,
            -self.gain_coupling * turning / self.time_constant,
            self.mode_diffusion[p, q],
            multiplicity,
        )

    @cached_property
    def shells(self) -> tuple[Array, Indices]:
        sizes, shell = np.unique(np.round(self.modes.wavenumber, 9), return_inverse=True)
        return sizes, shell

    def _grid(self, eigenvalues: Array) -> Array:
        """Values on all wavenumbers, (..., N, N)."""
        p, q, _ = self._chosen
        grid = np.zeros((*eigenvalues.shape[:-1], self.n_site, self.n_site), complex)
        grid[..., -p % self.n_site, -q % self.n_site] = np.conj(eigenvalues)
        grid[..., p, q] = eigenvalues
        return grid

    def translation_invariant(self, eigenvalues: Array) -> Array:
        return homogeneous_matrix(np.fft.ifft2(self._grid(eigenvalues)).real)

    def spectrum_of(self, matrix: Array) -> Array:
        row = matrix[..., 0, :].reshape(*matrix.shape[:-2], self.n_site, self.n_site)
        return np.asarray(np.fft.fft2(row).real.reshape(*matrix.shape[:-2], -1))

    def initial_mean(self, start: Start) -> Array:
        p, q, _ = self._chosen
        first = np.cumsum(self.modes.multiplicity) - self.modes.multiplicity
        mean = np.zeros(self.n_dim)
        mean[first[(p == 0) & (q == 0)]] = self.n_site * start.mean
        mean[first[(p == 1) & (q == 0)]] = self.n_site / np.sqrt(2) * start.wave
        return mean

    def to_sites(self, x: Array) -> Array:
        """The field u (n_site^2, ...) of orthonormal Fourier coordinates x (n_dim, ...)."""
        first = np.cumsum(self.modes.multiplicity) - self.modes.multiplicity
        waves = x[first].astype(complex)
        paired = self.modes.multiplicity == 2
        waves[paired] = (x[first[paired]] - 1j * x[first[paired] + 1]) / np.sqrt(2)
        field = np.fft.ifft2(self._grid(np.moveaxis(waves, 0, -1))).real * self.n_site
        return np.moveaxis(field.reshape(*field.shape[:-2], -1), -1, 0)

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        """Mode sums, as on the ring."""
        return self.as_predictions(wanted, "docs/theory.md, sums over modes")
