"""What a nonlinear model's own sums along the path are: entropy by two estimators, and the first two moments of each site."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Run
from nessmap.models.langevin import LangevinModel
from nessmap.models.neural_field import LinearTwin, NeuralField
from nessmap.statistics.statistic import N_GROUP, Statistic


def by_group(values: Array) -> Array:
    """Sums (n, 16) of values (n, n_term, n_lane) over terms and over the lanes of a group."""
    return np.asarray(values.sum(axis=1).reshape(len(values), -1, N_GROUP).sum(axis=1))


def along_path(model: LangevinModel | LinearTwin, x: Array, every: int) -> Array:
    """(3, n_step // every, n_lane) of pieces of `every` steps: what PathEntropy adds of each."""
    local, single, double = model.entropy_along_path(x, every)
    pieces = (len(local), -1, x.shape[2])
    return np.stack([every * local, single.reshape(pieces).sum(axis=1), double.reshape(pieces).sum(axis=1)])


class PathEntropy(Statistic[LangevinModel]):
    """Sums, (3, 16): local mean at every tenth state, ten times [1/time], entropy of steps, of pairs of steps as one [1]."""

    name: ClassVar[str] = "path_entropy"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 10

    def zero(self, model: LangevinModel) -> Array:
        return np.zeros((3, N_GROUP))

    def accumulate(self, sums: Array, model: LangevinModel, block: Block) -> None:
        sums += by_group(along_path(model, block.x, self.segment))

    def n_term(self, run: Run) -> int:
        return run.n_step // self.segment * self.segment


class SiteMoments(Statistic[LangevinModel]):
    """Sums over steps of x_i - x*_i, then of its square, (2 n_field, 16) [x, x^2]; x* the fixed point."""

    name: ClassVar[str] = "site_moments"
    version: ClassVar[int] = 1

    def zero(self, model: LangevinModel) -> Array:
        return np.zeros((2 * model.n_field, N_GROUP))

    def accumulate(self, sums: Array, model: LangevinModel, block: Block) -> None:
        apart = np.moveaxis(model.deviations(block.x[:-1]), 1, 0)
        sums += by_group(np.concatenate([apart, apart**2]))


class TwinEntropy(Statistic[NeuralField]):
    """Sums over pieces of 100 steps, (15, 16), of p, q, p q, q^2, p^2, three rows each.

    p is of the field's piece the local mean as in PathEntropy, the entropy of the steps, and twice that less the entropy of
    pairs of steps taken as one; q the same of its linear twin on the same noise.
    """

    name: ClassVar[str] = "twin_entropy"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 100

    def zero(self, model: NeuralField) -> Array:
        return np.zeros((15, N_GROUP))

    def accumulate(self, sums: Array, model: NeuralField, block: Block) -> None:
        if not model.has_twin:
            return
        own = _piece(model, block.x)
        twin = _piece(model.twin, block.x[:, model.n_field :])
        sums += by_group(np.concatenate([own, twin, own * twin, twin**2, own**2])[:, None])


def _piece(model: LangevinModel | LinearTwin, x: Array) -> Array:
    """(3, n_lane): local mean, entropy, entropy extrapolated to dt = 0 of the whole piece."""
    local, single, double = along_path(model, x, 10).sum(axis=1)
    return np.stack([local, single, 2 * single - double])
