"""Moments at the times that a relaxation keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from nessmap.model import N_TIME, Array, Block, Run
from nessmap.models.linear import LinearModel
from nessmap.statistics.statistic import N_GROUP, Statistic


def kept_states(block: Block) -> Iterator[tuple[int, Array]]:
    """The states (n_dim, n_lane) of a block that a relaxation keeps, each with the number of its time."""
    stride = block.run.stride
    last = block.step + len(block.x) - 1 == block.run.n_step  # only then is a block's last state no other's first
    for n in range(-block.step % stride, len(block.x) - (not last), stride):
        yield (block.step + n) // stride, block.x[n]


class RelaxingMoments(Statistic[LinearModel]):
    """At each kept time the sum of x_i, then that of x_i x_j over correlated_pairs, (n_time * (n_dim + n_pair), 16)."""

    name: ClassVar[str] = "relaxing_moments"
    version: ClassVar[int] = 1

    def zero(self, model: LinearModel) -> Array:
        return np.zeros((N_TIME * (model.n_dim + len(model.correlated_pairs[0])), N_GROUP))

    def accumulate(self, sums: Array, model: LinearModel, block: Block) -> None:
        first, second = model.correlated_pairs
        rows = sums.reshape(N_TIME, -1, N_GROUP)
        for time, x in kept_states(block):
            entries = np.concatenate([x, x[first] * x[second]])
            rows[time] += entries.reshape(len(entries), -1, N_GROUP).sum(axis=1)

    def n_term(self, run: Run) -> int:
        """One at each time."""
        return 1

    @staticmethod
    def unpacked(means: Array, model: LinearModel) -> tuple[Array, Array]:
        """Means (..., n_time, n_dim) and second moments (..., n_time, n_pair)."""
        rows = means.reshape(*means.shape[:-1], N_TIME, -1)
        return rows[..., : model.n_dim], rows[..., model.n_dim :]
