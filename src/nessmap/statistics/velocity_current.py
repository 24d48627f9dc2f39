"""The current that proves most dissipation in a single step."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.linear import LinearModel
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic


class VelocityCurrent(Statistic[LinearModel]):
    """Sum over steps of s = (M (x + x')/2) . (x' - x) and of s^2, (2, 16) [1, 1]; M x = D^-1 times the current velocity."""

    name: ClassVar[str] = "velocity_current"
    version: ClassVar[int] = 1

    def zero(self, model: LinearModel) -> Array:
        return np.zeros((2, N_GROUP))

    def accumulate(self, sums: Array, model: LinearModel, block: Block) -> None:
        before, after = block.x[:-1], block.x[1:]
        pushed = model.velocity_weight @ ((before + after) / 2)
        current = (pushed * (after - before)).sum(axis=1)
        sums += by_group(np.stack([current, current**2]))
