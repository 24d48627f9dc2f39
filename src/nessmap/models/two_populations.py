"""What fields of an excitatory and an inhibitory population share, on a ring or a torus: weights, kernels, times, noise.

Every kernel is an even Gaussian, as wide as its presynaptic population projects. The noise of a population may be correlated
in space and with that of the other one, docs/theory.md, "Two populations". A model is one of the two geometries here and then,
in this order so that its defaults are the geometry's, one of linear_populations and nonlinear_populations.
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from nessmap.model import Array, Model, parameter
from nessmap.models import torus_field
from nessmap.models.moments import Indices
from nessmap.theory import spatial

# paths of white, independent noise keep the names that they had before noise could be anything else
_LEFT_OUT_WHERE_ZERO = ("excitatory_noise_length", "inhibitory_noise_length", "noise_correlation")
_MOST_COMMON = 0.999


@dataclasses.dataclass(frozen=True)
class TwoPopulations(Model):
    """Two populations, excitatory sites first, whose kernels and noise are the same at every site."""

    papers: ClassVar[tuple[str, ...]] = (
        "Lucente, Gradenigo & Salasnich, Entropy 27, 1104 (2025)",
        "Amari, Biol. Cybern. 27, 77 (1977)",
    )
    smoothest: ClassVar[float] = math.inf  # correlation length of the noise that is still resolved [site spacings]

    weight_ee: float = parameter(0.9, "weight of excitation on excitation", minimum=0.0, symbol="w_{EE}")
    weight_ei: float = parameter(1.2, "weight of inhibition on excitation", minimum=0.0, symbol="w_{EI}")
    weight_ie: float = parameter(1.0, "weight of excitation on inhibition", minimum=0.0, symbol="w_{IE}")
    weight_ii: float = parameter(0.5, "weight of inhibition on inhibition", minimum=0.0, symbol="w_{II}")
    excitatory_width: float = parameter(0.6, "width of excitatory kernels", units="length", above=0.0, symbol="s_E")
    inhibitory_width: float = parameter(1.0, "width of inhibitory kernels", units="length", above=0.0, symbol="s_I")
    excitatory_noise: float = parameter(0.1, "excitatory noise strength", units="u^2 length time", above=0.0)
    inhibitory_noise: float = parameter(0.05, "inhibitory noise strength", units="u^2 length time", above=0.0)
    excitatory_noise_length: float = parameter(
        0.0, "correlation length of the excitatory noise", units="length", minimum=0.0, symbol=r"\xi_E"
    )
    inhibitory_noise_length: float = parameter(
        0.0, "correlation length of the inhibitory noise", units="length", minimum=0.0, symbol=r"\xi_I"
    )
    noise_correlation: float = parameter(0.0, "noise correlation between populations", symbol="c_{EI}")
    excitatory_time: float = parameter(1.0, "excitatory time constant", units="time", above=0.0, symbol=r"\tau_E")
    inhibitory_time: float = parameter(0.5, "inhibitory time constant", units="time", above=0.0, symbol=r"\tau_I")
    length: float = parameter(8.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")

    # --- what a geometry gives

    @property
    @abstractmethod
    def grid(self) -> tuple[int, ...]:
        """Sites of a population along each direction."""

    @property
    @abstractmethod
    def kernels_at_sites(self) -> Array:
        """(2, *grid): kernels of unit integral, of what each population sends, over periodic images [1/length^d]."""

    @property
    @abstractmethod
    def kernel_transforms(self) -> Array:
        """(2, n_mode): their transforms, real because they are even."""

    @property
    @abstractmethod
    def wavenumbers(self) -> Array:
        """(n_mode,): sizes of the wavenumbers that all transforms here are on [1/length]."""

    @property
    @abstractmethod
    def mode_of(self) -> Indices:
        """(n_place,): wavenumber of each orthonormal real Fourier coordinate of a population."""

    @property
    @abstractmethod
    def noise_colours(self) -> Array:
        """(2, n_mode): spectrum of each population's noise over that of white noise of its strength."""

    @abstractmethod
    def at_sites(self, spectrum: Array) -> Array:
        """(..., *grid): the even function of these values (..., n_mode) on the wavenumbers."""

    @abstractmethod
    def between_sites(self, values: Array) -> Array:
        """(..., n_place, n_place): matrices of entries (..., *grid) at the target minus the source."""

    # --- domain

    def check(self) -> None:
        for population in ("excitatory", "inhibitory"):
            self.check_width(f"{population}_width", 1.0)
            self._check_noise_length(f"{population}_noise_length")
        if abs(self.noise_correlation) > _MOST_COMMON:
            expected = f"a number from -{_MOST_COMMON} to {_MOST_COMMON}"
            raise self.error("noise_correlation", expected, "give each population noise of its own")

    def check_width(self, name: str, narrowing: float) -> None:
        """Raise unless a kernel, so much narrower along one direction, reaches the next site."""
        if getattr(self, name) * narrowing < self.spacing * (1 - 1e-9):
            least, n_site = self.spacing / narrowing, self.length / (getattr(self, name) * narrowing)
            stretched = f" x {1 / narrowing:.4g} at this anisotropy" if narrowing != 1 else ""
            expected = f">= {least:.4g} [site spacing length / n_site{stretched}]"
            raise self.error(name, expected, f"raise n_site to {int(np.ceil(n_site * (1 - 1e-9)))}")

    def _check_noise_length(self, name: str) -> None:
        correlation, most = getattr(self, name), self.smoothest * self.spacing
        if 0 < correlation < self.spacing / 2 * (1 - 1e-9):
            expected = f"0 (white) or >= {self.spacing / 2:.4g} [half the site spacing length / n_site]"
            raise self.error(name, expected, f"raise n_site to {int(np.ceil(self.length / correlation / 2))}")
        if correlation > most * (1 + 1e-9):
            expected = f"<= {most:.4g} [{self.smoothest:g} site spacings]: the shortest waves need noise, too"
            raise self.error(name, expected, f"lower n_site to {int(self.smoothest * self.length / correlation)}")

    def path_parameters(self) -> dict[str, Any]:
        given = super().path_parameters()
        return {name: value for name, value in given.items() if value != 0 or name not in _LEFT_OUT_WHERE_ZERO}

    # --- what follows

    @property
    def spacing(self) -> float:
        """dx = length / n_site."""
        return self.length / self.n_site

    @property
    def site_size(self) -> float:
        """dx on a ring, dx^2 on a torus."""
        return self.spacing ** len(self.grid)

    @property
    def n_place(self) -> int:
        """Sites of a population."""
        return int(np.prod(self.grid))

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two populations."""
        return {"excitatory": range(self.n_place), "inhibitory": range(self.n_place, 2 * self.n_place)}

    @cached_property
    def signed_weights(self) -> Array:
        """(2, 2): what a population receives, its row, from what a population sends, its column; inhibition is negative."""
        return np.array([[self.weight_ee, -self.weight_ei], [self.weight_ie, -self.weight_ii]])

    @property
    def time_constants(self) -> Array:
        """(2,) [time]."""
        return np.array([self.excitatory_time, self.inhibitory_time])

    @property
    def noise_lengths(self) -> tuple[float, float]:
        """Correlation lengths of both populations' noise; 0 is white."""
        return self.excitatory_noise_length, self.inhibitory_noise_length

    @property
    def white_noise(self) -> Array:
        """(2,): D of a site of each population under white noise of its strength [u^2/time]."""
        strengths = np.array([self.excitatory_noise, self.inhibitory_noise])
        return np.asarray(strengths / (self.site_size * self.time_constants**2))

    @cached_property
    def mode_diffusion(self) -> Array:
        """(n_mode, 2, 2): D of both populations on every wavenumber; docs/theory.md, "Two populations" [u^2/time]."""
        own = self.white_noise[:, None] * self.noise_colours
        common = self.noise_correlation * np.sqrt(own[0] * own[1])
        return np.moveaxis(np.array([[own[0], common], [common, own[1]]]), 2, 0)


@dataclasses.dataclass(frozen=True)
class PopulationsOnRing(TwoPopulations):
    """n_site sites of each population on a ring; noise is exponentially correlated."""

    @property
    def grid(self) -> tuple[int, ...]:
        return (self.n_site,)

    @cached_property
    def kernels_at_sites(self) -> Array:
        return np.array([self._kernel_at_sites(width) for width in (self.excitatory_width, self.inhibitory_width)])

    def _kernel_at_sites(self, width: float) -> Array:
        reach = spatial.PROFILES["gaussian"].reach * width
        return spatial.profile_at_sites("gaussian", 0.0, width, 1.0, 0.0, self.n_site, self.length, reach)

    @cached_property
    def kernel_transforms(self) -> Array:
        return np.array([spatial.transform(values, self.spacing)[0] for values in self.kernels_at_sites])

    @property
    def wavenumbers(self) -> Array:
        return 2 * np.pi * np.arange(self.n_site // 2 + 1) / self.length

    @cached_property
    def mode_of(self) -> Indices:
        """0, 1, 1, 2, 2, ..."""
        return (np.arange(self.n_site) + 1) // 2

    @property
    def noise_colours(self) -> Array:
        def colour(length: float) -> Array:
            if length == 0:
                return np.ones(self.n_site // 2 + 1)  # exactly
            return self.spacing * spatial.noise_spectrum("exponential", length, self.n_site, self.length)

        return np.array([colour(length) for length in self.noise_lengths])

    def at_sites(self, spectrum: Array) -> Array:
        return np.asarray(np.fft.irfft(spectrum, n=self.n_site, axis=-1))

    def between_sites(self, values: Array) -> Array:
        return spatial.circulant(values)


@dataclasses.dataclass(frozen=True)
class PopulationsOnTorus(TwoPopulations):
    """n_site x n_site sites of each population on a square torus; noise has a Gaussian correlation.

    Kernels of anisotropy a have widths s / sqrt(a) along x and s sqrt(a) along y.
    """

    excitatory_anisotropy: float = parameter(1.0, "extent of excitatory kernels, y over x", above=0.0, symbol="a_E")
    inhibitory_anisotropy: float = parameter(1.0, "extent of inhibitory kernels, y over x", above=0.0, symbol="a_I")
    excitatory_noise: float = parameter(0.1, "excitatory noise strength", units="u^2 length^2 time", above=0.0)
    inhibitory_noise: float = parameter(0.05, "inhibitory noise strength", units="u^2 length^2 time", above=0.0)
    length: float = parameter(4.0, "length of a side", units="length", above=0.0, symbol="L")
    n_site: int = parameter(8, "number of sites along a side", minimum=3, symbol="N")

    def check(self) -> None:
        super().check()
        self.check_width("excitatory_width", min(torus_field.narrowing(self.excitatory_anisotropy)))
        self.check_width("inhibitory_width", min(torus_field.narrowing(self.inhibitory_anisotropy)))

    @property
    def grid(self) -> tuple[int, ...]:
        return self.n_site, self.n_site

    @cached_property
    def kernels_at_sites(self) -> Array:
        stretched = (
            (self.excitatory_width, self.excitatory_anisotropy),
            (self.inhibitory_width, self.inhibitory_anisotropy),
        )
        return np.array([torus_field.stretched_gaussian(*shape, self.n_site, self.length) for shape in stretched])

    @cached_property
    def kernel_transforms(self) -> Array:
        return np.asarray(self.site_size * np.fft.fft2(self.kernels_at_sites).real).reshape(2, -1)

    @property
    def wavenumbers(self) -> Array:
        k = 2 * np.pi * np.fft.fftfreq(self.n_site, self.spacing)
        return np.asarray(np.hypot(k[:, None], k).ravel())

    @cached_property
    def mode_of(self) -> Indices:
        p, q, multiplicity = torus_field.one_of_each_pair(self.n_site)
        return np.repeat(p * self.n_site + q, multiplicity)

    @property
    def noise_colours(self) -> Array:
        def colour(length: float) -> Array:
            if length == 0:
                return np.ones(self.n_place)  # exactly
            return self.site_size * torus_field.gaussian_noise_spectrum(length, self.n_site, self.length).ravel()

        return np.array([colour(length) for length in self.noise_lengths])

    def at_sites(self, spectrum: Array) -> Array:
        waves = spectrum.reshape(*spectrum.shape[:-1], *self.grid)
        return torus_field.even(np.fft.ifft2(waves).real)

    def between_sites(self, values: Array) -> Array:
        return torus_field.homogeneous_matrix(values)
