"""A linear field on a ring driven by noise with a memory, whose correlation time may differ from site to site.

du = A u dt + z dt + sqrt(2 D_u) dW,  tc_i dz_i = -z_i dt + sqrt(2 D) dW,  tc_i = correlation_time (1 + heterogeneity h_i)

The state is (u, z). What "the" entropy production rate is depends on what z does under time reversal, so there are three:
joint (u and z even), odd velocity (u and its velocity), marginal (the path of u alone); docs/theory.md, "Coloured noise".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, parameter
from nessmap.models.linear import LinearModel
from nessmap.models.ring_field import RingField
from nessmap.theory import coloured


@dataclasses.dataclass(frozen=True)
class ColouredField(RingField, LinearModel):
    """Simulated at the sites, u first and z after, by the exact step of the joint linear system."""

    name: ClassVar[str] = "coloured_field"
    version: ClassVar[int] = 1
    all_even: ClassVar[bool] = False

    n_site: int = parameter(8, "number of sites", minimum=3, symbol="N")
    length: float = parameter(4.0, "length of the ring", units="length", above=0.0, symbol="L")
    correlation_time: float = parameter(0.5, "correlation time of the noise", units="time", above=0.0, symbol="t_c")
    correlation_time_heterogeneity: float = parameter(
        0.0, "heterogeneity of the correlation time", symbol=r"\epsilon_c"
    )
    intrinsic_noise: float = parameter(
        0.0, "strength of the white noise beside it", units="u^2 length time", minimum=0.0, symbol="D_u"
    )

    def check(self) -> None:
        super().check()
        if not abs(self.correlation_time_heterogeneity) < 1:
            raise self.error("correlation_time_heterogeneity", "between -1 and 1", "every site's time is positive")

    @property
    def n_dim(self) -> int:
        return 2 * self.n_site

    @property
    def n_field(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the field; the noise that drives them is hidden."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @cached_property
    def field_drift(self) -> Array:
        """A (n_site, n_site) of the field alone."""
        return (self.coupling * self.kernel_matrix_at_sites() - np.eye(self.n_site)) / self.time_constant

    @cached_property
    def field_diffusion(self) -> Array:
        """D (n_site, n_site), the diffusion of the white noise that short correlation times tend to."""
        return self.noise_matrix()

    @cached_property
    def correlation_times(self) -> Array:
        """tc at the sites."""
        return self.correlation_time * (1 + self.correlation_time_heterogeneity * self.cosine)

    @property
    def _intrinsic_diffusion(self) -> float:
        return self.intrinsic_noise / (self.spacing * self.time_constant**2)

    @cached_property
    def _joint(self) -> tuple[Array, Array]:
        return coloured.joint_system(
            self.field_drift, self.field_diffusion, self.correlation_times, self._intrinsic_diffusion
        )

    @property
    def linear_drift(self) -> Array:
        return self._joint[0]

    @property
    def linear_diffusion(self) -> Array:
        return self._joint[1]

    @cached_property
    def odd_velocity_weights(self) -> Array:
        """w such that sum w <x_first x_second> over correlated_pairs is the entropy production with an odd velocity."""
        return self.on_pairs(
            coloured.odd_velocity_weight(self.field_drift, self.field_diffusion, self.correlation_times)
        )

    @cached_property
    def odd_velocity_path_weights(self) -> Array:
        """w such that sum w <x_first(t) x_second(t + dt)> over lagged_pairs is the entropy of a step of u's own path."""
        first, second = self.lagged_pairs
        weight = coloured.odd_velocity_path_weight(self.field_drift, self.field_diffusion, self.correlation_times)
        return np.asarray(weight[second, first])

    def predictions(self) -> dict[str, Callable[[], Array | float]]:
        drift, diffusion = self.field_drift, self.field_diffusion
        inherited = super().predictions()
        own: dict[str, Callable[[], Array | float]] = {
            "site_variance": lambda: (
                float(np.trace(self.stationary_covariance[: self.n_site, : self.n_site])) / self.n_site
            ),
            "mutual_information": inherited["mutual_information"],
            "entropy_production_rate_joint": lambda: coloured.joint_entropy_production_rate(
                drift, diffusion, self.correlation_times, self._intrinsic_diffusion
            ),
            "entropy_production_rate_marginal": lambda: coloured.marginal_entropy_production_rate(
                self.linear_drift, self.linear_diffusion, list(range(self.n_site))
            ),
        }
        if self.intrinsic_noise == 0:  # with white noise of its own u has no velocity
            own["entropy_production_rate_odd_velocity"] = lambda: coloured.odd_velocity_entropy_production_rate(
                drift, diffusion, self.correlation_times
            )
        return own

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        return self.as_predictions(wanted, 'docs/theory.md, "Coloured noise"')
