"""The linearised stochastic Amari field on a square torus.

tau du/dt = -u + g Int w(r - r') u(r') d^2r' + noise, for a kernel that depends on |r - s| with the shift s along x. Even
kernels, however anisotropic, are at equilibrium; docs/theory.md, "Torus".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, Prediction, Start, parameter
from nessmap.models.derived_coupling import DerivedCoupling
from nessmap.models.fourier_field import FourierField, Modes
from nessmap.models.linear import Indices
from nessmap.theory import spatial

_NAMED = ("kernel", ("gaussian", "exponential", "difference_of_gaussians"))
_HAT = ("kernel", ("difference_of_gaussians",))


def _gaussian(distance: Array, width: float) -> Array:
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2) / (2 * np.pi * width**2))


def _exponential(distance: Array, width: float) -> Array:
    return np.asarray(np.exp(-distance / width) / (2 * np.pi * width**2))


# transforms J exp(-k^2 s^2 / 2) and J / (1 + k^2 s^2)^(3/2); beyond so many widths a kernel is below 1e-17 of its maximum
_PROFILES: dict[str, tuple[Callable[[Array, float], Array], float]] = {
    "gaussian": (_gaussian, 9.0),
    "exponential": (_exponential, 40.0),
}


@dataclasses.dataclass(frozen=True)
class AmariTorus(FourierField, DerivedCoupling):
    """n_site x n_site sites, simulated in orthonormal real Fourier coordinates; sites are numbered row by row, x first.

    A kernel has unit integral, so that its threshold is coupling 1; a difference of Gaussians has an excitation of unit
    integral.
    """

    name: ClassVar[str] = "amari_torus"
    version: ClassVar[int] = 1

    shift: float = parameter(0.0, "kernel shift along x", units="length", symbol="s", used_with=_NAMED)
    kernel: str = parameter(
        "gaussian", "shape of the kernel", choices=("gaussian", "exponential", "difference_of_gaussians", "sampled")
    )
    kernel_width: float = parameter(0.7, "kernel width", units="length", above=0.0, symbol="w", used_with=_NAMED)
    inhibition_width: float = parameter(
        1.4, "width of the inhibition", units="length", above=0.0, symbol="w_i", used_with=_HAT
    )
    inhibition: float = parameter(0.5, "inhibition relative to excitation", minimum=0.0, symbol="r", used_with=_HAT)
    kernel_values: Matrix = parameter(
        (),
        "kernel at the sites, a row for each x, from site 0 on",
        units="1/length^2",
        used_with=("kernel", ("sampled",)),
    )
    noise_correlation_length: float = parameter(
        0.0,
        "noise correlation length, Gaussian",
        units="length",
        minimum=0.0,
        symbol=r"\xi",
        used_with=("noise", ("gaussian",)),
    )
    noise: str = parameter("gaussian", "shape of the noise's covariance", choices=("gaussian", "sampled"))
    noise_values: Matrix = parameter(
        (),
        "covariance of the noise at the sites, a row for each x, times noise_strength",
        units="1/length^2",
        used_with=("noise", ("sampled",)),
    )
    noise_strength: float = parameter(0.1, "noise strength", units="u^2 length^2 time", above=0.0, symbol="D_0")
    length: float = parameter(6.0, "length of a side", units="length", above=0.0, symbol="L")
    n_site: int = parameter(12, "number of sites along a side", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")

    @property
    def spacing(self) -> float:
        """dx = length / n_site."""
        return self.length / self.n_site

    def check(self) -> None:
        for name in ("kernel_values", "noise_values"):
            rows, wanted = getattr(self, name), "sampled" in (self.kernel if name == "kernel_values" else self.noise)
            if wanted and (len(rows), len(rows[0]) if rows else 0) != (self.n_site, self.n_site):
                raise self.error(name, f"{self.n_site} rows of {self.n_site} numbers", "n_site sets its size")
        if self.noise == "sampled":
            values = np.array(self.noise_values)
            if not np.array_equal(values, _mirrored(values)) or np.fft.fft2(values).real.min() <= 0:
                expected = "C(-r) = C(r) with a positive discrete transform"
                raise self.error("noise_values", expected, "sample an even, positive definite function at the sites")
        self.check_coupling()
        for name in ("kernel_width", "inhibition_width"):
            used = self.kernel in _NAMED[1] if name == "kernel_width" else self.kernel == "difference_of_gaussians"
            if used and getattr(self, name) < self.spacing * (1 - 1e-9):
                remedy = f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}"
                raise self.error(name, f">= {self.spacing:.4g} [site spacing length / n_site]", remedy)
        correlation = self.noise_correlation_length
        if 0 < correlation < self.spacing / 2 * (1 - 1e-9):
            remedy = f"raise n_site to {int(np.ceil(self.length / correlation / 2))}"
            raise self.error(
                "noise_correlation_length",
                f"0 (white) or >= {self.spacing / 2:.4g} [half the site spacing length / n_site]",
                remedy,
            )
        if correlation > 7 * self.spacing:
            raise self.error(
                "noise_correlation_length",
                f"<= {7 * self.spacing:.4g} [7 site spacings]: the noise of the shortest waves underflows",
                f"lower n_site to {int(7 * self.length / correlation)}",
            )

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves along x, as sites."""
        half = self.n_site // 2 * self.n_site
        return {"left": range(half), "right": range(half, self.n_site**2)}

    def _kernel_at_sites(self) -> Array:
        """w(r_ij) [1/length^2] over periodic images, (n_site, n_site), x along the first axis."""
        if self.kernel == "sampled":
            return np.array(self.kernel_values)
        if self.kernel == "difference_of_gaussians":
            excitation = self._summed(_gaussian, 9.0, self.kernel_width)
            return excitation - self.inhibition * self._summed(_gaussian, 9.0, self.inhibition_width)
        return self._summed(*_PROFILES[self.kernel], self.kernel_width)

    def _summed(self, profile: Callable[[Array, float], Array], reach: float, width: float) -> Array:
        x = spatial.signed_distances(self.n_site, self.length)
        shift = float(np.fmod(self.shift, self.length))  # a whole turn is no shift
        n_image = int(np.ceil(reach * width / self.length)) + 1 + int(shift != 0)
        image = np.arange(-n_image, n_image + 1) * self.length
        along = (x[:, None] + image - shift).reshape(self.n_site, 1, -1, 1)
        across = (x[:, None] + image).reshape(1, self.n_site, 1, -1)
        values = profile(np.sqrt(along**2 + across**2), width)
        # an image and its opposite are added as a pair, so that an even function is sampled evenly to the last bit
        values = values + values[:, :, ::-1]
        values = values + values[:, :, :, ::-1]
        return np.asarray(values.sum(axis=(2, 3)) / 4)

    @cached_property
    def _chosen(self) -> tuple[Indices, Indices, Indices]:
        """Indices along x and y of one of every pair k and -k, and how many there are of it."""
        p, q = (index.ravel() for index in np.indices((self.n_site, self.n_site)))
        own, opposite = p * self.n_site + q, (-p % self.n_site) * self.n_site + (-q % self.n_site)
        chosen = own <= opposite
        return p[chosen], q[chosen], np.where(own < opposite, 2, 1)[chosen]

    @cached_property
    def _kernel_transform(self) -> tuple[Array, Array]:
        kernel = self._kernel_at_sites()
        even, odd = (kernel + _mirrored(kernel)) / 2, (kernel - _mirrored(kernel)) / 2
        # apart: an even kernel does not turn at all, to the last bit
        return self.spacing**2 * np.fft.fft2(even).real, self.spacing**2 * np.fft.fft2(odd).imag

    @property
    def kernel_integral(self) -> float:
        return float(self._kernel_transform[0][0, 0])

    def _noise_spectrum(self) -> Array:
        """Transform of the noise's covariance for unit strength on all wavenumbers, (n_site, n_site)."""
        if self.noise == "sampled":
            return np.asarray(np.fft.fft2(np.array(self.noise_values)).real)
        along = spatial.noise_spectrum("gaussian", self.noise_correlation_length, self.n_site, self.length)
        fold = np.minimum(np.arange(self.n_site), self.n_site - np.arange(self.n_site))
        return np.outer(along[fold], along[fold])

    @cached_property
    def modes(self) -> Modes:
        """Rates and noise per wavenumber k = 2 pi (p, q) / L."""
        real, imaginary = self._kernel_transform
        p, q, multiplicity = self._chosen
        k = 2 * np.pi * np.fft.fftfreq(self.n_site, self.spacing)
        turning = np.where(multiplicity == 2, imaginary[p, q], 0.0)
        return Modes(
            np.hypot(k[p], k[q]),
            (1 - self.gain_coupling * real[p, q]) / self.time_constant,
            -self.gain_coupling * turning / self.time_constant,
            self._noise_spectrum()[p, q] * self.noise_strength / self.time_constant**2,
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
        values = np.fft.ifft2(self._grid(eigenvalues)).real
        x, y = (index.ravel() for index in np.indices((self.n_site, self.n_site)))
        apart = [(position[:, None] - position[None, :]) % self.n_site for position in (x, y)]
        return np.asarray(values[..., apart[0], apart[1]])

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


def _mirrored(values: Array) -> Array:
    """values(-r) on the torus."""
    return np.roll(values[::-1, ::-1], (1, 1), axis=(0, 1))
