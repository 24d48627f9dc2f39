"""Relaxation from a start that is not stationary, watched at 51 times."""

from __future__ import annotations

from typing import ClassVar

from nessmap.model import N_TIME, Array
from nessmap.protocols.stationary import Stationary


class Transient(Stationary):
    """Steps from where the model's relaxations begin; of a linear one from independent normal coordinates of one variance."""

    name: ClassVar[str] = "transient"
    version: ClassVar[int] = 1
    resumable: ClassVar[bool] = False  # the times that are kept depend on the duration

    def sample(self, normals: Array) -> Array:
        return self.model.transient_start(normals, self.run.start)

    @classmethod
    def step_unit(cls, n_dim: int) -> int:
        """Equal steps between the kept times; as a transient is never resumed, its last block may be shorter."""
        return N_TIME - 1

    @classmethod
    def n_independent(cls, n_lane: int, duration: float, leading_rate: float) -> float:
        """Lanes: a time is seen once by each."""
        return n_lane
