"""What neurons with tuning curves do, and know: heat, moments of their activity, alone and given the velocity, their paths."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Run
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic
from nessmap.theory.velocity_score import N_INTERVAL, N_POWER, interval_of, n_moment

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


class ScoreMoments(Statistic[NonlinearSensingNetwork]):
    """Sums of t^p {1, r_i, r_i r_j}, p = 0, 1, 2, i <= j, for each interval of the velocity, t the place in it.

    Every tenth state; (N_INTERVAL * 3 * n_moment, 16) [r^2].
    """

    name: ClassVar[str] = "score_moments"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 10

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((N_INTERVAL * N_POWER * n_moment(model.n_neuron), N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        states = block.x[: -1 : self.segment]
        number, place = interval_of(states[:, 0])
        cell = (number * N_GROUP + np.arange(states.shape[2]) % N_GROUP).ravel()
        r = np.moveaxis(states[:, 1:], 1, 0)
        first, second = np.triu_indices(model.n_neuron)
        values = np.concatenate([np.ones((1, *place.shape)), r, r[first] * r[second]])
        added = [
            [np.bincount(cell, (weight * value).ravel(), N_INTERVAL * N_GROUP) for value in values]
            for weight in (1.0, place, place**2)
        ]
        sums += np.moveaxis(np.reshape(added, (N_POWER, len(values), N_INTERVAL, N_GROUP)), 2, 0).reshape(sums.shape)


class PathInformation(Statistic[NonlinearSensingNetwork]):
    """Sum of ln p(r'|r, v, v') - ln p(r'|past of r) over the last 200 steps of pieces of 400, (1, 16) [nat].

    The past is that of the piece, which begins in ignorance: too little of it is known by what 200 steps and more miss.
    """

    name: ClassVar[str] = "path_information"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 400
    counted: ClassVar[int] = 200

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((1, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        for first in range(0, len(block.x) - 1, self.segment):
            piece = block.x[first : first + self.segment + 1]
            sums += by_group(model.information_of_steps(piece, block.run.dt)[None, -self.counted :])

    def n_term(self, run: Run) -> int:
        return run.n_step // self.segment * self.counted


class InnovationProducts(Statistic[NonlinearSensingNetwork]):
    """Sums over steps of the products of 1, v, r_1, ... r_N and z = v' - <v'|v>, pairs i <= j, (n_pair, 16)."""

    name: ClassVar[str] = "innovation_products"
    version: ClassVar[int] = 1

    def zero(self, model: NonlinearSensingNetwork) -> Array:
        return np.zeros((len(np.triu_indices(model.n_dim + 2)[0]), N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearSensingNetwork, block: Block) -> None:
        x = np.moveaxis(block.x[:-1], 1, 0)
        innovation = block.x[1:, 0] - np.exp(-model.signal_rate * block.run.dt) * x[0]
        entries = np.stack([np.ones_like(innovation), *x, innovation])
        products = [by_group(entries[i:] * entries[i]) for i in range(len(entries))]
        sums += np.concatenate(products)
