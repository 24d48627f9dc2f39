"""A linear field on a ring whose sites differ: in noise, in gain, in how strongly they are coupled.

tau du_i/dt = -u_i + sum_j W_ij g_j u_j + noise_i,  W_ij = g dx m_i w(x_i - x_j) m_j,  C_ij = a_i C(x_i - x_j) a_j

with a^2 = 1 + noise heterogeneity h, g_j = 1 + gain heterogeneity h, m^2 = 1 + coupling heterogeneity h; the profile h is
cos 2 pi (x - x_left)/L, largest in the middle of the left half, or given site by site. Any kernel w(x, x') may be given as a
matrix. At equilibrium if and only if (W g) C is symmetric; docs/theory.md, "Broken homogeneity".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, parameter
from nessmap.models.linear import LinearModel
from nessmap.models.ring_field import RingField
from nessmap.theory import spatial

_MATRIX = ("kernel", ("matrix",))


@dataclasses.dataclass(frozen=True)
class HeterogeneousField(RingField, LinearModel):
    """Simulated at the sites, by the exact step of the whole matrix."""

    name: ClassVar[str] = "heterogeneous_field"
    version: ClassVar[int] = 1

    kernel: str = parameter("gaussian", "shape of the kernel", choices=(*spatial.PROFILES, "sampled", "matrix"))
    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    length: float = parameter(6.0, "length of the ring", units="length", above=0.0, symbol="L")
    noise_heterogeneity: float = parameter(0.0, "heterogeneity of the noise", symbol=r"\epsilon")
    gain_heterogeneity: float = parameter(0.0, "heterogeneity of the gain", symbol=r"\epsilon_g")
    coupling_heterogeneity: float = parameter(0.0, "heterogeneity of the coupling", symbol=r"\epsilon_w")
    profile: Matrix = parameter((), "profile of the heterogeneity at the sites, one row; a cosine if not given")
    kernel_matrix: Matrix = parameter((), "kernel w(x_i, x_j), a row per target", units="1/length", used_with=_MATRIX)

    def check(self) -> None:
        super().check()
        self.check_row("profile", bool(self.profile))
        rows = self.kernel_matrix
        if self.kernel == "matrix" and (len(rows), len(rows[0]) if rows else 0) != (self.n_site, self.n_site):
            raise self.error("kernel_matrix", f"{self.n_site} rows of {self.n_site} numbers", "n_site sets its size")
        for name, what in (
            ("noise_heterogeneity", "noise at every site"),
            ("coupling_heterogeneity", "coupling at every site"),
        ):
            if (1 + getattr(self, name) * self.shape).min() <= 0:
                above = [f"> {-1 / self.shape.max():.4g}"] if self.shape.max() > 0 else []
                below = [f"< {-1 / self.shape.min():.4g}"] if self.shape.min() < 0 else []
                bounds = f"{' and '.join(above + below)} [{what}]"
                raise self.error(name, bounds, "1 + heterogeneity x profile is positive everywhere")

    @property
    def n_dim(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the ring."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @cached_property
    def shape(self) -> Array:
        """h at the sites; the cosine is largest in the middle of the left half and smallest in that of the right."""
        if self.profile:
            return np.array(self.profile[0])
        return self.cosine

    @cached_property
    def gain(self) -> Array:
        """Gain of each site, relative to the coupling."""
        return 1 + self.gain_heterogeneity * self.shape

    @cached_property
    def weights(self) -> Array:
        """W_ij without gain and coupling: dx m_i w m_j."""
        strength = np.sqrt(1 + self.coupling_heterogeneity * self.shape)
        if self.kernel == "matrix":
            return np.asarray(np.outer(strength, strength) * self.spacing * np.array(self.kernel_matrix))
        return np.asarray(np.outer(strength, strength) * self.kernel_matrix_at_sites())

    @cached_property
    def linear_drift(self) -> Array:
        return np.asarray((self.coupling * self.weights * self.gain - np.eye(self.n_site)) / self.time_constant)

    @cached_property
    def linear_diffusion(self) -> Array:
        amplitude = np.sqrt(1 + self.noise_heterogeneity * self.shape)
        return np.asarray(np.outer(amplitude, amplitude) * self.noise_matrix())

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, D tau."""
        return float(np.linalg.slogdet(self.linear_diffusion * self.time_constant)[1])
