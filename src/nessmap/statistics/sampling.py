"""What is kept of a sampled measure: moments, overlaps between replicas, and whether the chains have mixed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic


class SampledMoments(Statistic[QuasiPotential]):
    """Sums over iterations, (6, 16): E/N, |phi|^2/N, |x|^2/N, F.phi/N, whether accepted, exchanges of the ladder."""

    name: ClassVar[str] = "sampled_moments"
    version: ClassVar[int] = 1
    scalars: ClassVar[tuple[str, ...]] = ("energy", "rate_square", "square", "force_rate", "accepted", "exchanged")

    def zero(self, model: QuasiPotential) -> Array:
        return np.zeros((len(self.scalars), N_GROUP))

    def accumulate(self, sums: Array, model: QuasiPotential, block: Block) -> None:
        sums += by_group(np.stack([block.scalars[name] for name in self.scalars]))


class ReplicaOverlaps(Statistic[QuasiPotential]):
    """Sums over iterations, (3, 16), of means over pairs of lanes a, b of one network: O^2, -O (F_a.phi_b)/N and

    (F_a.phi_b)(F_b.phi_a)/N^2, with O = phi_a.phi_b/N. Products in which the sign of no state counts, as x and -x weigh the
    same.
    """

    name: ClassVar[str] = "replica_overlaps"
    version: ClassVar[int] = 1

    def zero(self, model: QuasiPotential) -> Array:
        return np.zeros((3, N_GROUP))

    def accumulate(self, sums: Array, model: QuasiPotential, block: Block) -> None:
        model.kernels.add_overlaps(sums, block.x[1:], *model.in_kernels)


class TemperatureSlope(Statistic[QuasiPotential]):
    """T^2 dq/dT = N Cov(E/N, |phi|^2/N) of a network, and what it is made of, (6, 16).

    Rows: the slope, sums of E/N, of |phi|^2/N, of their product, iterations, lanes of a group.
    """

    name: ClassVar[str] = "temperature_slope"
    version: ClassVar[int] = 1

    def zero(self, model: QuasiPotential) -> Array:
        return np.zeros((6, N_GROUP))

    def accumulate(self, sums: Array, model: QuasiPotential, block: Block) -> None:
        energy, rate_square = block.scalars["energy"], block.scalars["rate_square"]
        sums[1:4] += by_group(np.stack([energy, rate_square, energy * rate_square]))
        sums[4] += len(energy)
        sums[5] = energy.shape[1] / N_GROUP

    def finish(self, sums: Array, model: QuasiPotential) -> None:
        energy, rate_square, product = sums[1:4].mean(axis=1) / (sums[4, 0] * sums[5, 0])
        # a point adds up 16 groups of each realisation and divides by the lanes
        sums[0] = sums[5] * model.n_neuron * (product - energy * rate_square)

    def n_term(self, run: Run) -> int:
        """One: what is kept is made of a whole run."""
        return 1


class Mixing(Statistic[QuasiPotential]):
    """Split R-hat, the larger, and effective sample size, the smaller, of E and |phi|^2, and what they are made of, (n, 16).

    A chain is a group of lanes. Its iterations are summed in batches, with squares; when all 32 are full, neighbours become
    one, so that a prolonged run has the batches of a fresh longer one. Rows: R-hat, effective size, iterations, length of a
    batch, lanes of a group, batches. A run of fewer than 4 iterations leaves the first two at 0.
    """

    name: ClassVar[str] = "mixing"
    version: ClassVar[int] = 1
    n_batch: ClassVar[int] = 32
    watched: ClassVar[tuple[str, ...]] = ("energy", "rate_square")
    _first: ClassVar[int] = 5  # row of the first batch

    def zero(self, model: QuasiPotential) -> Array:
        sums = np.zeros((self._first + self.n_batch * 2 * len(self.watched), N_GROUP))
        sums[3] = 1.0
        return sums

    def _batches(self, sums: Array) -> Array:
        return sums[self._first :].reshape(self.n_batch, len(self.watched), 2, N_GROUP)

    def accumulate(self, sums: Array, model: QuasiPotential, block: Block) -> None:
        batches = self._batches(sums)
        chains = np.stack([block.scalars[name] for name in self.watched], axis=1)
        sums[4] = chains.shape[-1] / N_GROUP
        chains = chains.reshape(*chains.shape[:2], -1, N_GROUP).mean(axis=2)
        for values in chains:
            if sums[2, 0] == self.n_batch * sums[3, 0]:
                batches[: self.n_batch // 2] = batches[::2] + batches[1::2]
                batches[self.n_batch // 2 :] = 0.0
                sums[3] *= 2.0
            batch = batches[int(sums[2, 0] // sums[3, 0])]
            batch[:, 0] += values
            batch[:, 1] += values**2
            sums[2] += 1.0

    def finish(self, sums: Array, model: QuasiPotential) -> None:
        length, lanes = sums[3, 0], sums[4, 0]
        n_half = int(sums[2, 0] // length) // 2
        if n_half < 2:
            return
        halves = self._batches(sums)[: 2 * n_half].reshape(2, n_half, len(self.watched), 2, N_GROUP)
        mixed = [split_mixing(halves[:, :, k], length) for k in range(len(self.watched))]
        # a point adds up 16 groups of each realisation and divides by the lanes
        sums[0] = lanes * max(r_hat for r_hat, _ in mixed)
        sums[1] = lanes * lanes * min(size for _, size in mixed)

    def n_term(self, run: Run) -> int:
        """One: what is kept is made of a whole run."""
        return 1


def split_mixing(halves: Array, length: float) -> tuple[float, float]:
    """Split R-hat and effective sample size of chains, from sums over batches of values and squares (2, n_batch, 2, n_chain).

    R-hat^2 = (n - 1)/n + Var(chain means)/W, W the mean variance within a half chain (Gelman et al., Bayesian Data Analysis,
    3rd ed., 11.4); effective size = variance times the number of batches, or of half chains, over the variance of their means.

    >>> still = np.stack([np.arange(64.0).reshape(2, 8, 4), np.arange(64.0).reshape(2, 8, 4) ** 2], axis=2)
    >>> [round(value, 2) for value in split_mixing(still, 1.0)]  # a trend: halves differ
    [1.98, 10.29]
    """
    n_batch, n_chain = halves.shape[1], halves.shape[3]
    n = n_batch * length
    total, square = halves.sum(axis=1)[:, 0], halves.sum(axis=1)[:, 1]
    within = float(np.mean((square - total**2 / n) / (n - 1)))
    if not within > 0.0:  # chains that never moved
        return np.inf if np.ptp(total) > 0 else 1.0, float(n_chain)
    between = float(np.var(total / n, ddof=1))
    variance = (n - 1) / n * within + between
    of_batches = float(np.var(halves[:, :, 0] / length, ddof=1))
    # batches longer than the memory of a chain tell it precisely; where chains stick, their own means tell
    size = variance * min(2 * n_batch * n_chain / of_batches, 2 * n_chain / between)
    return float(np.sqrt(variance / within)), size
