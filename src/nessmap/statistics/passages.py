"""How often a synapse lost its state, and how long it was where."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Run
from nessmap.models.bcm_synapse import BcmSynapse
from nessmap.statistics.statistic import N_GROUP, Statistic


class Passages(Statistic[BcmSynapse]):
    """Of lanes that leave the weak weight, then of those that leave the strong one, (10, 16).

    Time [time], passages [1], sum of their times [time] and of the squares [time^2], time beyond the barrier [time].
    """

    name: ClassVar[str] = "passages"
    version: ClassVar[int] = 1

    def zero(self, model: BcmSynapse) -> Array:
        return np.zeros((10, N_GROUP))

    def accumulate(self, sums: Array, model: BcmSynapse, block: Block) -> None:
        n_step, n_lane = len(block.x) - 1, block.x.shape[2]
        strong = (block.x[:-1, 0] > model.synapse.fixed_points.barrier).sum(axis=0)
        elapsed = np.full(n_lane, n_step * block.run.dt)
        own = np.concatenate([[elapsed], block.x[-1, 2:] - block.x[0, 2:], [strong * block.run.dt]])
        for back in range(2):
            lanes = model.direction(n_lane) == back
            sums[5 * back : 5 * back + 5] += own[:, lanes].reshape(5, lanes.sum() // N_GROUP, N_GROUP).sum(axis=1)

    def n_term(self, run: Run) -> int:
        """One: a lane's sums over the whole run."""
        return 1
