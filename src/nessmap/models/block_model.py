"""Linear models that fall apart into small independent blocks: the modes of a homogeneous field with several components."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import cached_property

import numpy as np

from nessmap.model import Array, Prediction, Run, Stability, Stepper
from nessmap.models.linear import LinearModel
from nessmap.models.moments import Fit, Indices, fit_of, log_determinant
from nessmap.theory import blocks, gaussian, relaxation


class BlockModel(LinearModel):
    """A linear model given block by block; every block has the same width w and takes the same part in the partition."""

    @property
    @abstractmethod
    def members(self) -> Indices:
        """Coordinates of each block, (n_block, w)."""

    @property
    @abstractmethod
    def block_drift(self) -> Array:
        """A of each block, (n_block, w, w) [1/time]."""

    @property
    @abstractmethod
    def block_diffusion(self) -> Array:
        """D of each block, (n_block, w, w) [x^2/time]."""

    @property
    @abstractmethod
    def sides(self) -> tuple[list[int], list[int]]:
        """Positions within a block of the two sides of the partition."""

    def _whole(self, matrices: Array) -> Array:
        whole = np.zeros((self.n_dim, self.n_dim))
        whole[self.members[:, :, None], self.members[:, None, :]] = matrices
        return whole

    @property
    def work_per_coordinate(self) -> float:
        return 1.0

    @cached_property
    def linear_drift(self) -> Array:
        return self._whole(self.block_drift)

    @cached_property
    def linear_diffusion(self) -> Array:
        return self._whole(self.block_diffusion)

    @cached_property
    def correlated_pairs(self) -> tuple[Indices, Indices]:
        first, second = np.triu_indices(self.members.shape[1])
        return self.members[:, first].ravel(), self.members[:, second].ravel()

    @cached_property
    def block_system(self) -> tuple[Array, Array]:
        return self.block_drift, self.block_diffusion

    @cached_property
    def block_covariance(self) -> Array:
        """Stationary S of each block, (n_block, w, w)."""
        return blocks.stationary_covariance(self.block_drift, self.block_diffusion)

    @cached_property
    def stationary_covariance(self) -> Array:
        return self._whole(self.block_covariance)

    @cached_property
    def _antisymmetric_force(self) -> Array:
        force = np.linalg.solve(self.block_diffusion, self.block_drift)
        return (force - np.swapaxes(force, 1, 2)) / 2

    @cached_property
    def local_mean_weights(self) -> Array:
        weight = np.swapaxes(self._antisymmetric_force, 1, 2) @ self.block_drift
        weight = (weight + np.swapaxes(weight, 1, 2)) / 2
        first, second = np.triu_indices(self.members.shape[1])
        return (np.where(first == second, 1.0, 2.0) * weight[:, first, second]).ravel()

    @cached_property
    def path_weights(self) -> Array:
        first, second = self.lagged_pairs
        return self._whole(self._antisymmetric_force)[second, first]

    def path_entropy_production_rate(self, dt: float) -> float:
        step, _ = blocks.propagator(self.block_drift, self.block_diffusion, dt)
        return float(np.einsum("bij,bjk,bik->", self._antisymmetric_force, self.block_covariance, step) / dt)

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.linear_blocks import advance

        step, noise = blocks.propagator(self.block_drift, self.block_diffusion, dt)
        return Stepper(advance, (self.members, step, np.linalg.cholesky(noise)))

    def stationary_sample(self, normals: Array) -> Array:
        sample = np.empty_like(normals)
        factor = np.linalg.cholesky(self.block_covariance)
        sample[self.members] = np.einsum("bij,bjl->bil", factor, normals[self.members])
        return sample

    def block_moments(self, moments: Array) -> Array:
        """Covariance of each block, (..., n_block, w, w), from second moments (..., n_pair)."""
        width = self.members.shape[1]
        first, second = np.triu_indices(width)
        per_block = moments.reshape(*moments.shape[:-1], len(self.members), len(first))
        matrices = np.empty((*per_block.shape[:-1], width, width))
        matrices[..., first, second] = per_block
        matrices[..., second, first] = per_block
        return matrices

    def block_lagged_moments(self, moments: Array) -> Array:
        """<x_i(t + dt) x_j(t)> of each block, (..., n_block, w, w), from lagged moments (..., n_lagged_pair)."""
        width, n_block = self.members.shape[1], len(self.members)
        first, second = np.triu_indices(width)
        apart = first != second
        forward = moments[..., : n_block * len(first)].reshape(*moments.shape[:-1], n_block, len(first))
        backward = moments[..., n_block * len(first) :].reshape(*moments.shape[:-1], n_block, int(apart.sum()))
        matrices = np.empty((*forward.shape[:-1], width, width))
        matrices[..., second, first] = forward  # the second coordinate is the later one
        matrices[..., first[apart], second[apart]] = backward
        return matrices

    def log_determinant(self, moments: Array) -> Array:
        return np.asarray(log_determinant(self.block_moments(moments)).sum(axis=-1))

    def fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        covariance = self.block_moments(means["covariance"])
        return fit_of(covariance, self.block_lagged_moments(means["lagged_covariance"]), dt)

    def balance_of(self, means: Array, moments: Array, share: Array, run: Run) -> relaxation.Balance:
        mean, n_lane = means[..., self.members], share[..., None] * run.n_replica  # of each block
        covariance = self.block_moments(moments) - mean[..., :, None] * mean[..., None, :]
        covariance = covariance * (n_lane / (n_lane - 1))[..., None, None]
        balance = relaxation.corrected_balance(self.block_drift, self.block_diffusion, mean, covariance, n_lane)
        return relaxation.Balance(*(values.sum(axis=-1) for values in balance))

    @property
    def jointly_sampled(self) -> int:
        return int(self.members.shape[1])

    def relaxing_balance(self, run: Run) -> relaxation.Balance:
        start = run.start.variance * np.eye(self.members.shape[1])
        own_mean, own_start = self.initial_mean(run.start)[self.members], np.broadcast_to(start, self.block_drift.shape)
        mean, covariance = relaxation.relaxing_moments(
            self.block_drift, self.block_diffusion, own_mean, own_start, run.times
        )
        balance = relaxation.balance(self.block_drift, self.block_diffusion, mean, covariance)
        return relaxation.Balance(*(values.sum(axis=-1) for values in balance))

    def covariance_of(self, moments: Array) -> Array:
        matrices = self.block_moments(moments)
        whole = np.zeros((*moments.shape[:-1], self.n_dim, self.n_dim))
        whole[..., self.members[:, :, None], self.members[:, None, :]] = matrices
        return whole

    def mutual_information(self, covariance: Array) -> Array:
        """Between the sides of the partition; blocks are independent, so theirs add up."""
        matrices = covariance[..., self.members[:, :, None], self.members[:, None, :]]
        return np.asarray(blocks.mutual_information(matrices, *self.sides).sum(axis=-1))

    def stability(self) -> Stability:
        rates = np.linalg.eigvals(self.block_drift)
        leading = np.unravel_index(np.argmax(rates.real), rates.shape)
        oscillates = abs(rates[leading].imag) > 0
        return Stability(float(rates[leading].real), *self.kind_of(int(leading[0]), bool(oscillates)))

    @abstractmethod
    def kind_of(self, block: int, oscillates: bool) -> tuple[str, float]:
        """Kind and wavenumber of an instability that starts in a block."""

    def predictions(self) -> dict[str, Callable[[], Array | float]]:
        drift, diffusion, covariance = self.block_drift, self.block_diffusion, self.block_covariance
        a, b = self.sides

        def bound() -> float:
            rates = [gaussian.entropy_production_variance_rate(*block) for block in zip(drift, diffusion, strict=True)]
            rate = float(blocks.entropy_production_rate(drift, diffusion).sum())
            return 2 * rate**2 / sum(rates) if rate else 0.0

        return {
            **super().predictions(),
            "entropy_production_rate": lambda: float(blocks.entropy_production_rate(drift, diffusion).sum()),
            "entropy_production_bound": bound,
            "site_variance": lambda: float(np.trace(covariance, axis1=1, axis2=2).sum() / self.n_dim),
            "mutual_information": lambda: float(blocks.mutual_information(covariance, a, b).sum()),
        }

    def predictions_of_sides(self) -> dict[str, Callable[[], Array | float]]:
        drift, diffusion, covariance = self.block_drift, self.block_diffusion, self.block_covariance
        a, b = self.sides

        def flow(side: list[int], other: list[int]) -> float:
            return float(blocks.information_flow(drift, covariance, side, other).sum())

        def local(side: list[int]) -> float:
            return float(blocks.local_entropy_production(drift, covariance, diffusion, side).sum())

        made = super().predictions_of_sides()
        if not self.bipartite:
            return made
        return {
            **made,
            "information_flow": lambda: flow(a, b),
            "entropy_production_rate_first": lambda: local(a),
            "entropy_production_rate_second": lambda: local(b),
            "entropy_flow_first": lambda: local(a) + flow(a, b),
            "entropy_flow_second": lambda: local(b) + flow(b, a),
        }

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        return self.as_predictions(wanted, "docs/theory.md, sums over modes")
