"""What neurons with tuning curves do: heat, moments of their mean activity, and its joint histogram with the velocity."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic

N_BIN = 32  # of velocity and of activity


class NeuronHeat(Statistic[NonlinearSensingNetwork]):
    """Sum over steps of the heat of all neurons over temperature, gradients left out, (1, 16) [k_B]."""

    name: ClassVar[str] = "neuron_heat"
    version: ClassVar[int] = 1

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((1, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        sums += by_group(model.heat_of_steps(block.x)[None])


class ActivityMoments(Statistic[NonlinearSensingNetwork]):
    """Sums over steps of v, r, v^2, r^2 and v r, (5, 16); r the mean activity."""

    name: ClassVar[str] = "activity_moments"
    version: ClassVar[int] = 1

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((5, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        v, r = block.x[:-1, 0], block.x[:-1, 1:].mean(axis=1)
        sums += by_group(np.stack([v, r, v**2, r**2, v * r]))


class ActivityHistogram(Statistic[NonlinearSensingNetwork]):
    """How often velocity and mean activity lie in each of 32 x 32 equal bins of the model's box, (1024, 16); every tenth state.

    What lies outside counts for the outermost bins.
    """

    name: ClassVar[str] = "activity_histogram"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 10

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((N_BIN * N_BIN, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        states = block.x[: -1 : self.segment]
        place = np.stack([states[:, 0], states[:, 1:].mean(axis=1)], axis=-1)
        bins = np.floor((place - model.box.low) / (model.box.high - model.box.low) * N_BIN)
        v, r = np.moveaxis(np.clip(bins, 0, N_BIN - 1).astype(np.int64), -1, 0)
        group = np.arange(states.shape[2]) % N_GROUP
        counted = np.bincount(((v * N_BIN + r) * N_GROUP + group).ravel(), minlength=sums.size)
        sums += counted.reshape(sums.shape)
