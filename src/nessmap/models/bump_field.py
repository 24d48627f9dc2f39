"""What fields with a bump share: local excitation and broader inhibition on a ring, a local input, noise by gain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, ParameterError, parameter
from nessmap.theory import spatial


@dataclasses.dataclass(frozen=True)
class BumpField(Model):
    """Sites x_j = j length / n_site with I(x) = input + pull exp(-(x - x_0)^2 / 2 s^2) and noise D(x) ~ g(x)^-alpha."""

    papers: ClassVar[tuple[str, ...]] = (
        "Lucente, Gradenigo & Salasnich, Entropy 27, 1104 (2025)",
        "Amari, Biol. Cybern. 27, 77 (1977)",
    )
    weight: float = parameter(1.0, "weight of the kernel", units="u", symbol="J")
    pull: float = parameter(1.0, "strength of the local input", units="u", symbol="I_1")
    noise_exponent: float = parameter(0.0, "exponent of the noise in the gain", symbol=r"\alpha")
    input: float = parameter(0.0, "homogeneous input", units="u", symbol="I_0")
    input_width: float = parameter(1.0, "width of the local input", units="length", above=0.0, symbol="s")
    kernel_width: float = parameter(0.8, "width of the excitation", units="length", above=0.0, symbol="w")
    inhibition_width: float = parameter(1.6, "width of the inhibition", units="length", above=0.0, symbol="w_i")
    inhibition: float = parameter(0.5, "inhibition relative to excitation", minimum=0.0, symbol="r")
    noise_strength: float = parameter(0.01, "mean noise strength", units="u^2 length time", above=0.0, symbol="D_0")
    length: float = parameter(8.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")

    def check(self) -> None:
        super().check()
        spacing = self.length / self.n_site
        for name in ("kernel_width", "inhibition_width"):
            if getattr(self, name) < spacing * (1 - 1e-9):
                remedy = f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}"
                raise self.error(name, f">= {spacing:.4g} [site spacing length / n_site]", remedy)

    def check_gain(self, gain: Array) -> None:
        """Raise where noise that follows the gain would vary beyond all measure."""
        if gain.min() < 1e-6 * gain.max() and self.noise_exponent != 0:
            raise ParameterError(
                "noise_exponent",
                f"{self.name}: noise_exponent = {self.noise_exponent}, expected 0: the gain spans more than six decades, "
                "and noise that follows it would too; lower slope or pull",
            )

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The half of the ring around the bump, and the rest."""
        half, quarter = self.n_site // 2, self.n_site // 4
        return {
            "bump": range(quarter, quarter + half),
            "surround": [*range(quarter), *range(quarter + half, self.n_site)],
        }

    @property
    def centre(self) -> float:
        """Of the bump, in sites: the middle of its half of the ring."""
        return self.n_site // 4 + (self.n_site // 2 - 1) / 2

    @cached_property
    def weights(self) -> Array:
        """W = J dx w(x_i - x_j), symmetric."""
        name, widths = "difference_of_gaussians", (self.kernel_width, self.inhibition_width)
        reach = spatial.PROFILES[name].reach * max(widths)
        values = spatial.profile_at_sites(name, 0.0, *widths, self.inhibition, self.n_site, self.length, reach)
        return self.weight * (self.length / self.n_site) * spatial.circulant(values)

    @cached_property
    def local_input(self) -> Array:
        """I(x_j) (n_site,)."""
        distance = (np.arange(self.n_site) - self.centre + self.n_site / 2) % self.n_site - self.n_site / 2
        x = distance * self.length / self.n_site
        return self.input + self.pull * np.exp(-0.5 * (x / self.input_width) ** 2)

    def noise_of(self, gain: Array) -> Array:
        """D (n_site,) [u^2/time] at sites of given gain."""
        shape = gain**-self.noise_exponent
        site_strength = self.noise_strength * self.n_site / (self.length * self.time_constant**2)
        return np.asarray(site_strength * shape / shape.mean())
