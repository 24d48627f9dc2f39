"""What fields on a ring share: how strongly, how far and in which direction a site drives the others."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, Model, ParameterError, parameter
from nessmap.theory import spatial

_NAMED = ("kernel", tuple(spatial.PROFILES))
_HAT = ("kernel", ("difference_of_gaussians",))


@dataclasses.dataclass(frozen=True)
class RingField(Model):
    """n_site sites x_j = j dx on a ring, coupled by a kernel w(x - s).

    A positive kernel has unit integral, so that `coupling` g = gain x kernel integral and its threshold is 1; a difference
    of Gaussians has an excitation of unit integral, a wizard hat (of zero integral) unit amplitude. Sampled at the sites these
    hold up to aliasing: a kernel with a cusp or a jump as wide as the spacing has an integral of 1.08, at three spacings 1.01.
    """

    papers: ClassVar[tuple[str, ...]] = (
        "Lucente, Gradenigo & Salasnich, Entropy 27, 1104 (2025)",
        "Amari, Biol. Cybern. 27, 77 (1977)",
    )
    coupling: float = parameter(0.5, "coupling", symbol="g")
    shift: float = parameter(0.0, "kernel shift", units="length", symbol="s", used_with=_NAMED)
    kernel: str = parameter("gaussian", "shape of the kernel", choices=(*spatial.PROFILES, "sampled"))
    kernel_width: float = parameter(0.7, "kernel width", units="length", above=0.0, symbol="w", used_with=_NAMED)
    inhibition_width: float = parameter(
        1.4, "width of the inhibition", units="length", above=0.0, symbol="w_i", used_with=_HAT
    )
    inhibition: float = parameter(0.5, "inhibition relative to excitation", minimum=0.0, symbol="r", used_with=_HAT)
    oscillation_decay: float = parameter(
        0.4, "decay per radian", minimum=0.05, symbol="b", used_with=("kernel", ("damped_oscillation",))
    )
    kernel_values: Matrix = parameter(
        (), "kernel at the sites, one row", units="1/length", used_with=("kernel", ("sampled",))
    )
    noise_strength: float = parameter(0.1, "noise strength", units="u^2 length time", above=0.0, symbol="D_0")
    length: float = parameter(12.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(64, "number of sites", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")
    noise_correlation_length: float = parameter(
        0.0, "noise correlation length", units="length", minimum=0.0, symbol=r"\xi"
    )

    @property
    def spacing(self) -> float:
        """dx = length / n_site."""
        return self.length / self.n_site

    def check(self) -> None:
        widths = {
            "kernel_width": self.kernel in spatial.PROFILES,
            "inhibition_width": self.kernel == "difference_of_gaussians",
        }
        for name in (name for name, used in widths.items() if used):
            if getattr(self, name) < self.spacing * (1 - 1e-9):
                raise self.error(
                    name,
                    f">= {self.spacing:.4g} [site spacing length / n_site]",
                    f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}",
                )
        self.check_row("kernel_values", self.kernel == "sampled")
        correlation = self.noise_correlation_length
        if 0 < correlation < self.spacing / 2 * (1 - 1e-9):
            raise self.error(
                "noise_correlation_length",
                f"0 (white) or >= {self.spacing / 2:.4g} [half the site spacing length / n_site]",
                f"raise n_site to {int(np.ceil(self.length / correlation / 2))}",
            )

    def check_row(self, name: str, used: bool) -> None:
        """Raise unless a sampled function, if used, is one row with a value for every site."""
        rows = getattr(self, name)
        size = len(rows[0]) if rows else 0
        if used and (len(rows), size) != (1, self.n_site):
            raise ParameterError(
                name,
                f"{self.name}: {name} has {len(rows)} rows of {size} values, expected one of n_site = {self.n_site}; "
                "give the values from site 0 on",
            )

    def kernel_at_sites(self) -> Array:
        """w(x_j) [1/length], summed over periodic images; of a named kernel read-only."""
        if self.kernel == "sampled":
            return np.array(self.kernel_values[0])
        profile = spatial.PROFILES[self.kernel]
        shift = math.fmod(self.shift, self.length)  # on a ring a whole turn is no shift
        ratio, width = self.inhibition, max(self.kernel_width, self.inhibition_width)
        if self.kernel == "damped_oscillation":
            ratio, width = self.oscillation_decay, self.kernel_width / self.oscillation_decay
        widths = self.kernel_width, self.inhibition_width
        reach = profile.reach * width + self.length
        return spatial.profile_at_sites(self.kernel, shift, *widths, ratio, self.n_site, self.length, reach)

    def kernel_matrix_at_sites(self) -> Array:
        """dx w(x_i - x_j), (n_site, n_site): what the activity of site j sends to site i."""
        return self.spacing * spatial.circulant(self.kernel_at_sites())

    @property
    def cosine(self) -> Array:
        """One period at the sites, largest in the middle of the left half and smallest in that of the right."""
        site = np.arange(self.n_site)
        return np.asarray(np.cos(2 * np.pi * (site - (self.n_site // 2 - 1) / 2) / self.n_site))

    def noise_matrix(self) -> Array:
        """D (n_site, n_site) [u^2/time] of homogeneous exponentially correlated noise; exactly diagonal where it is white."""
        spectrum = spatial.noise_spectrum("exponential", self.noise_correlation_length, self.n_site, self.length)
        if self.noise_correlation_length == 0:
            unit = spectrum[0] * np.eye(self.n_site)
        else:
            unit = spatial.circulant(np.fft.irfft(spectrum, n=self.n_site))
        return np.asarray(unit * self.noise_strength / self.time_constant**2)
