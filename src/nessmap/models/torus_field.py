"""What fields on a square torus share: how strongly, how far and in which direction a site drives the others, and the noise.

A kernel depends on r - s, the shift s along x; it is drawn out along y and narrowed along x, or the other way round, at equal
area. Sites are numbered row by row, x first; grids (n_site, n_site) have x along their first axis. docs/theory.md, "Torus".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, Model, parameter
from nessmap.models.moments import Indices
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
class TorusField(Model):
    """n_site x n_site sites, coupled by a kernel w(r - s).

    A kernel has unit integral, so that its threshold is coupling 1; a difference of Gaussians has an excitation of unit
    integral. `anisotropy` a stretches it: widths w / sqrt(a) along x and w sqrt(a) along y.
    """

    papers: ClassVar[tuple[str, ...]] = (
        "Lucente, Gradenigo & Salasnich, Entropy 27, 1104 (2025)",
        "Amari, Biol. Cybern. 27, 77 (1977)",
    )
    coupling: float = parameter(0.5, "coupling", symbol="g")
    shift: float = parameter(0.0, "kernel shift along x", units="length", symbol="s", used_with=_NAMED)
    kernel: str = parameter(
        "gaussian", "shape of the kernel", choices=("gaussian", "exponential", "difference_of_gaussians", "sampled")
    )
    kernel_width: float = parameter(0.7, "kernel width", units="length", above=0.0, symbol="w", used_with=_NAMED)
    anisotropy: float = parameter(1.0, "extent of the kernel, y over x", above=0.0, symbol="a", used_with=_NAMED)
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

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves along x, as sites."""
        half = self.n_site // 2 * self.n_site
        return {"left": range(half), "right": range(half, self.n_site**2)}

    # --- domain

    def check(self) -> None:
        for name in ("kernel_values", "noise_values"):
            rows, wanted = getattr(self, name), "sampled" in (self.kernel if name == "kernel_values" else self.noise)
            if wanted and (len(rows), len(rows[0]) if rows else 0) != (self.n_site, self.n_site):
                raise self.error(name, f"{self.n_site} rows of {self.n_site} numbers", "n_site sets its size")
        if self.noise == "sampled":
            values = np.array(self.noise_values)
            if not np.array_equal(values, mirrored(values)) or np.fft.fft2(values).real.min() <= 0:
                expected = "C(-r) = C(r) with a positive discrete transform"
                raise self.error("noise_values", expected, "sample an even, positive definite function at the sites")
        self._check_widths()
        self._check_noise()

    def _check_widths(self) -> None:
        """A kernel must reach the next site, along both axes."""
        narrowest = self.spacing / min(self._narrowing)
        stretched = f" x {1 / min(self._narrowing):.4g} at this anisotropy" if self.anisotropy != 1 else ""
        for name in ("kernel_width", "inhibition_width"):
            used = self.kernel in _NAMED[1] if name == "kernel_width" else self.kernel == "difference_of_gaussians"
            if used and getattr(self, name) < narrowest * (1 - 1e-9):
                n_site = self.length / (getattr(self, name) * min(self._narrowing))
                raise self.error(
                    name,
                    f">= {narrowest:.4g} [site spacing length / n_site{stretched}]",
                    f"raise n_site to {int(np.ceil(n_site * (1 - 1e-9)))}",
                )

    def _check_noise(self) -> None:
        correlation, name = self.noise_correlation_length, "noise_correlation_length"
        if 0 < correlation < self.spacing / 2 * (1 - 1e-9):
            expected = f"0 (white) or >= {self.spacing / 2:.4g} [half the site spacing length / n_site]"
            raise self.error(name, expected, f"raise n_site to {int(np.ceil(self.length / correlation / 2))}")
        if correlation > 7 * self.spacing:
            expected = f"<= {7 * self.spacing:.4g} [7 site spacings]: the noise of the shortest waves underflows"
            raise self.error(name, expected, f"lower n_site to {int(7 * self.length / correlation)}")

    # --- kernel

    @property
    def _narrowing(self) -> tuple[float, float]:
        return narrowing(self.anisotropy)

    def kernel_at_sites(self) -> Array:
        """w(r_ij) [1/length^2] over periodic images, (n_site, n_site)."""
        if self.kernel == "sampled":
            return np.array(self.kernel_values)
        if self.kernel == "difference_of_gaussians":
            excitation = self._summed(_gaussian, 9.0, self.kernel_width)
            return excitation - self.inhibition * self._summed(_gaussian, 9.0, self.inhibition_width)
        return self._summed(*_PROFILES[self.kernel], self.kernel_width)

    def _summed(self, profile: Callable[[Array, float], Array], reach: float, width: float) -> Array:
        shift = math.fmod(self.shift, self.length)  # a whole turn is no shift
        return _summed_over_images(profile, reach, width, self._narrowing, shift, self.n_site, self.length)

    @cached_property
    def kernel_transform(self) -> tuple[Array, Array]:
        """Real and imaginary part of dx^2 sum_r w(r) exp(-i k r) on all wavenumbers, (n_site, n_site) each."""
        kernel = self.kernel_at_sites()
        even, odd = (kernel + mirrored(kernel)) / 2, (kernel - mirrored(kernel)) / 2
        # apart: an even kernel does not turn at all, to the last bit
        return self.spacing**2 * np.fft.fft2(even).real, self.spacing**2 * np.fft.fft2(odd).imag

    @property
    def kernel_integral(self) -> float:
        """w(0) of the kernel as sampled, for coupling 1."""
        return float(self.kernel_transform[0][0, 0])

    # --- noise

    def noise_spectrum(self) -> Array:
        """Transform of the noise's covariance for unit strength on all wavenumbers, (n_site, n_site)."""
        if self.noise == "sampled":
            return np.asarray(np.fft.fft2(np.array(self.noise_values)).real)
        return gaussian_noise_spectrum(self.noise_correlation_length, self.n_site, self.length)

    @property
    def mode_diffusion(self) -> Array:
        """d on all wavenumbers, (n_site, n_site) [u^2/time]."""
        return self.noise_spectrum() * self.noise_strength / self.time_constant**2


def narrowing(anisotropy: float) -> tuple[float, float]:
    """Widths along x and y over those of the isotropic kernel of the same area."""
    return 1 / math.sqrt(anisotropy), math.sqrt(anisotropy)


def stretched_gaussian(width: float, anisotropy: float, n_site: int, length: float) -> Array:
    """w(r) of unit integral about site 0, over periodic images, (n_site, n_site) [1/length^2]."""
    return _summed_over_images(*_PROFILES["gaussian"], width, narrowing(anisotropy), 0.0, n_site, length)


def _summed_over_images(
    profile: Callable[[Array, float], Array],
    reach: float,
    width: float,
    narrowed: tuple[float, float],
    shift: float,
    n_site: int,
    length: float,
) -> Array:
    x, scaled = spatial.signed_distances(n_site, length), []
    for factor, moved in zip(narrowed, (shift, 0.0), strict=True):
        n_image = int(np.ceil(reach * width * factor / length)) + 1 + int(shift != 0)
        image = np.arange(-n_image, n_image + 1) * length
        scaled.append((x[:, None] + image - moved) / factor)
    along, across = scaled[0][:, None, :, None], scaled[1][None, :, None, :]
    values = profile(np.sqrt(along**2 + across**2), width)
    # an image and its opposite are added as a pair, so that an even function is sampled evenly to the last bit
    values = values + values[:, :, ::-1]
    values = values + values[:, :, :, ::-1]
    return np.asarray(values.sum(axis=(2, 3)) / 4)


def gaussian_noise_spectrum(correlation_length: float, n_site: int, length: float) -> Array:
    """Transform of a noise covariance of unit integral on all wavenumbers, (n_site, n_site); white where the length is 0."""
    along = spatial.noise_spectrum("gaussian", correlation_length, n_site, length)
    fold = np.minimum(np.arange(n_site), n_site - np.arange(n_site))
    return np.outer(along[fold], along[fold])


def one_of_each_pair(n_site: int) -> tuple[Indices, Indices, Indices]:
    """Indices along x and y of one of every pair of wavenumbers k and -k, and how many there are of it."""
    p, q = (index.ravel() for index in np.indices((n_site, n_site)))
    own, opposite = p * n_site + q, (-p % n_site) * n_site + (-q % n_site)
    chosen = own <= opposite
    return p[chosen], q[chosen], np.where(own < opposite, 2, 1)[chosen]


def even(grid: Array) -> Array:
    """The even part (..., n, n), which a covariance has alone."""
    return np.asarray((grid + mirrored(grid)) / 2)


def mirrored(values: Array) -> Array:
    """values(-r) on the torus, (..., n, n)."""
    return np.roll(values[..., ::-1, ::-1], (1, 1), axis=(-2, -1))


def homogeneous_matrix(values: Array) -> Array:
    """Matrices (..., n^2, n^2) between sites of a torus, entries values (..., n, n) at the target minus the source."""
    n_site = values.shape[-1]
    x, y = (index.ravel() for index in np.indices((n_site, n_site)))
    apart = [(position[:, None] - position[None, :]) % n_site for position in (x, y)]
    return np.asarray(values[..., apart[0], apart[1]])
