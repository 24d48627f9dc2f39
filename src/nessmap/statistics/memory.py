"""What is kept of a memory as it is written and forgotten: averages over lanes at separate times."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import N_TIME, Array, Block, Run
from nessmap.models.plastic import PlasticModel
from nessmap.statistics.statistic import N_GROUP, Statistic


class MemoryEntries(Statistic[PlasticModel]):
    """The model's entries at each time that a transient keeps, then at the end of the stimulus, ((n_time + 1) n_entry, 16)."""

    name: ClassVar[str] = "memory_entries"
    version: ClassVar[int] = 1

    def zero(self, model: PlasticModel) -> Array:
        return np.zeros(((N_TIME + 1) * model.n_entry, N_GROUP))

    def accumulate(self, sums: Array, model: PlasticModel, block: Block) -> None:
        rows = sums.reshape(N_TIME + 1, model.n_entry, N_GROUP)
        stride, end = block.run.stride, model.stimulus_steps(block.run.dt)
        last = block.step + len(block.x) - 1 == block.run.n_step  # only then is a block's last state no other's first
        for n in range(len(block.x) - (not last)):
            step = block.step + n
            places = [step // stride] * (step % stride == 0) + [N_TIME] * (step == end)
            if places:
                own = model.entries(block.x[n]).reshape(model.n_entry, -1, N_GROUP).sum(axis=1)
                for place in places:
                    rows[place] += own

    def n_term(self, run: Run) -> int:
        """One at each time."""
        return 1

    @staticmethod
    def unpacked(averages: Array) -> tuple[Array, Array]:
        """Entries at the times (..., n_time, n_entry), and (..., 1, n_entry) at the end of the stimulus."""
        rows = averages.reshape(*averages.shape[:-1], N_TIME + 1, -1)
        return rows[..., :N_TIME, :], rows[..., N_TIME:, :]
