"""Relaxation of a linear model from a start that is not stationary, watched at 51 times."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import N_TIME, Array
from nessmap.models.linear import LinearModel
from nessmap.protocols.stationary import Stationary


class Transient(Stationary):
    """Exact steps from independent normal coordinates of one variance, about a mean with a wave on it."""

    name: ClassVar[str] = "transient"
    version: ClassVar[int] = 1
    resumable: ClassVar[bool] = False  # the times that are kept depend on the duration

    def sample(self, normals: Array) -> Array:
        if not isinstance(self.model, LinearModel):
            raise TypeError(f"{self.model.name}: protocol {self.name} needs a linear model")
        mean = self.model.initial_mean(self.run.start)
        return np.asarray(mean[:, None] + np.sqrt(self.run.start.variance) * normals)

    @classmethod
    def step_unit(cls, n_dim: int) -> int:
        """Equal steps between the kept times; as a transient is never resumed, its last block may be shorter."""
        return N_TIME - 1

    @classmethod
    def n_independent(cls, n_lane: int, duration: float, leading_rate: float) -> float:
        """Lanes: a time is seen once by each."""
        return n_lane
