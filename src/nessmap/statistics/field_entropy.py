"""Entropy along paths of a nonlinear field, summed where the path is made."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.statistics.statistic import N_GROUP, Statistic


class FieldEntropy(Statistic[NonlinearField]):
    """Sums over steps, (4, 16): local mean [1/time], entropy of the step [1], mean [u] and mean square [u^2] of sites."""

    name: ClassVar[str] = "field_entropy"
    version: ClassVar[int] = 1

    def zero(self, model: NonlinearField) -> Array:
        return np.zeros((4, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearField, block: Block) -> None:
        from nessmap.kernels.nonlinear_field import add_entropy  # late: planning a sweep must not load numba

        add_entropy(sums, block.x, *model.entropy_terms)
