"""Second moments of the coordinates, at equal times and one step apart."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.moments import MomentModel
from nessmap.statistics.statistic import N_GROUP, Statistic


class Covariance(Statistic[MomentModel]):
    """Sum over steps of x_i(t) x_j(t) for the model's correlated_pairs, (n_pair, 16) [x^2]. x from the model's reference."""

    name: ClassVar[str] = "covariance"
    version: ClassVar[int] = 1

    def zero(self, model: MomentModel) -> Array:
        return np.zeros((len(model.correlated_pairs[0]), N_GROUP))

    def accumulate(self, sums: Array, model: MomentModel, block: Block) -> None:
        from nessmap.kernels.moments import add_products  # late: planning a sweep must not load numba

        add_products(sums, model.deviations(block.x), *model.correlated_pairs, 0)


class LaggedCovariance(Statistic[MomentModel]):
    """Sum over steps of x_i(t) x_j(t + dt) for the model's lagged_pairs, (n_pair, 16) [x^2]."""

    name: ClassVar[str] = "lagged_covariance"
    version: ClassVar[int] = 1

    def zero(self, model: MomentModel) -> Array:
        return np.zeros((len(model.lagged_pairs[0]), N_GROUP))

    def accumulate(self, sums: Array, model: MomentModel, block: Block) -> None:
        from nessmap.kernels.moments import add_products

        add_products(sums, model.deviations(block.x), *model.lagged_pairs, 1)
