"""What is summed along the paths of a random network: per neuron, so that sizes compare.

Replicas of one J are independent given J: products of two of them have no bias from short runs or correlated samples.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Run
from nessmap.models.random_network import GROWTH, SCALARS, RandomNetwork
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic

INTERVAL = 20  # steps between states that are looked at: neighbours in time tell little that is new


def states_of(block: Block) -> Array:
    """The states (n, n_dim, n_lane) of a block whose step is a multiple of the interval, its last state left to the next."""
    return block.x[-block.step % INTERVAL : len(block.x) - 1 : INTERVAL]


def n_state(run: Run) -> int:
    """How many of them a run has."""
    return -(-run.n_step // INTERVAL)


class NetworkSums(Statistic[RandomNetwork]):
    """Sums over steps, (5, 16), per neuron: F^2, x^2, phi^2, phi', and the work of J phi along the step [x^2/time]."""

    name: ClassVar[str] = "network_sums"
    version: ClassVar[int] = 1

    def zero(self, model: RandomNetwork) -> Array:
        return np.zeros((len(SCALARS), N_GROUP))

    def accumulate(self, sums: Array, model: RandomNetwork, block: Block) -> None:
        sums += by_group(np.array([block.scalars[name] for name in SCALARS])) / model.n_neuron


class TangentGrowth(Statistic[RandomNetwork]):
    """Sum over steps of the logarithm by which a small deviation grows, (1, 16)."""

    name: ClassVar[str] = "tangent_growth"
    version: ClassVar[int] = 1

    def zero(self, model: RandomNetwork) -> Array:
        return np.zeros((1, N_GROUP))

    def accumulate(self, sums: Array, model: RandomNetwork, block: Block) -> None:
        sums += by_group(block.scalars[GROWTH][None])


class NetworkOverlaps(Statistic[RandomNetwork]):
    """Sums over every twentieth state, (4, 16): O_ab^2 and O_aa O_bb of x, then of phi; means over replicas b other than a.

    O_ab = x_a . x_b / N. <O_ab^2> = tr C^2/N^2 and <O_aa O_bb> = (tr C/N)^2 of the covariance C of one J about zero.
    """

    name: ClassVar[str] = "network_overlaps"
    version: ClassVar[int] = 1

    def zero(self, model: RandomNetwork) -> Array:
        return np.zeros((4, N_GROUP))

    def accumulate(self, sums: Array, model: RandomNetwork, block: Block) -> None:
        for x in states_of(block):
            rows = []
            for values in (x, model.rate(x)):
                overlap = values.T @ values / model.n_neuron
                own = np.diagonal(overlap)
                others = len(own) - 1
                rows += [((overlap**2).sum(axis=1) - own**2) / others, own * (own.sum() - own) / others]
            sums += by_group(np.array(rows)[:, None])

    def n_term(self, run: Run) -> int:
        return n_state(run)


class NetworkAutocorrelation(Statistic[RandomNetwork]):
    """Sums over windows of 400 steps of <x(t) x(t + lag)>, then of phi, (42, 16), lags of 0, 20, ..., 400 steps.

    Means over neurons and over all pairs of states in the window that are so far apart.
    """

    name: ClassVar[str] = "network_autocorrelation"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 400
    every: ClassVar[int] = INTERVAL

    def lags(self, dt: float) -> Array:
        """Lags [time]."""
        return np.asarray(np.arange(self.segment // self.every + 1) * self.every * dt)

    def zero(self, model: RandomNetwork) -> Array:
        return np.zeros((2 * (self.segment // self.every + 1), N_GROUP))

    def accumulate(self, sums: Array, model: RandomNetwork, block: Block) -> None:
        n_lag = self.segment // self.every
        for first in range(0, len(block.x) - 1, n_lag):
            x = block.x[first : first + n_lag + 1]
            rows = []
            for values in (x, model.rate(x)):
                products = np.einsum("sil,til->stl", values, values) / model.n_neuron
                rows += [np.diagonal(products, lag).mean(axis=-1) for lag in range(n_lag + 1)]
            sums += by_group(np.array(rows)[:, None])


class NetworkGains(Statistic[RandomNetwork]):
    """Sums over every twentieth state of phi'(x_i), of 1, and of what the network linearised with their means tells.

    (N + 5, 16); the last four are made once the unit has run, of J and <phi'_i>: 1 where that network is stable, the mutual
    information of its halves per neuron [nat], the transfer entropy rates there and back, per neuron [nat/time].
    """

    name: ClassVar[str] = "network_gains"
    version: ClassVar[int] = 1

    def zero(self, model: RandomNetwork) -> Array:
        return np.zeros((model.n_neuron + 5, N_GROUP))

    def accumulate(self, sums: Array, model: RandomNetwork, block: Block) -> None:
        states = states_of(block)
        if len(states):
            n = model.n_neuron
            sums[:n] += by_group(np.moveaxis(model.slope(states), 1, 0))
            sums[n] += len(states) * (states.shape[2] // N_GROUP)

    def finish(self, sums: Array, model: RandomNetwork) -> None:
        n = model.n_neuron
        found = model.linearised_information(sums[:n].sum(axis=1) / sums[n].sum())
        sums[n + 1 :] = found[:, None] * sums[n]

    def n_term(self, run: Run) -> int:
        return n_state(run)
