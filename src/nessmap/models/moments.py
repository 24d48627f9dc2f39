"""What estimators ask of a model: which moments are kept, and how sums along its paths become rates.

A linear model's estimates are functionals of covariances; a nonlinear one has sums of its own along the path. Observables
know only the methods here. Matrices of a fit are stacks (..., n_block, w, w) of blocks that are independent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Model, Run
from nessmap.theory import blocks, gaussian

Indices = NDArray[np.int64]


class Fit(NamedTuple):
    """A linear model read off data: stacks (..., n_block, w, w); NaN where the data imply no diffusion."""

    drift: Array
    diffusion: Array
    covariance: Array


class MomentModel(Model):
    """A model with a stationary state, seen through its moments and the entropy along its paths."""

    all_even: ClassVar[bool] = (
        True  # is every coordinate even under time reversal, so that there is one entropy production?
    )
    # the statistics behind the methods of the same name
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @abstractmethod
    def local_mean(self, means: Mapping[str, Array]) -> Array:
        """Entropy production rate (...) as an average over states [k_B/time]."""

    @abstractmethod
    def path_sum(self, means: Mapping[str, Array]) -> Array:
        """Entropy (...) of a step, the Stratonovich sum with exact differentials removed [k_B]."""

    @abstractmethod
    def site_variance(self, means: Mapping[str, Array]) -> Array:
        """Variance (...) of the field's coordinates, averaged over them [x^2]."""

    @property
    def why_no_entropy(self) -> str:
        """Why steps have no entropy, with the remedy; empty where they have."""
        return ""

    def path_entropy_production_rate(self, dt: float) -> float | None:
        """Exact mean of the path sum per unit time at step dt, None where it is not known [k_B/time]."""
        return None

    @abstractmethod
    def add_window_entropy(self, sums: Array, x: Array) -> None:
        """Add to sums (2, 16) the entropy that the whole of x (n_step + 1, n_dim, n_lane) produces, and its square."""

    def offsets(self, run: Run) -> Array:
        """By how much local mean, path sum and extrapolated path sum miss an approximate continuum value at this dt."""
        return np.zeros(3)

    def window_entropy_moments(self, dt: float, n_step: int) -> tuple[float, float] | None:
        """Exact mean and variance of what a window of n_step steps produces, None where they are not known."""
        return None

    @classmethod
    def with_means(cls, needs: tuple[str, ...]) -> tuple[str, ...]:
        """The statistics needed, and those that `central` needs with them."""
        return needs

    def deviations(self, x: Array) -> Array:
        """x (n_step, n_dim, n_lane) from a fixed reference, so that second moments lose no digits."""
        return x

    def central(self, means: Mapping[str, Array]) -> Mapping[str, Array]:
        """The averages with covariances about the mean; here the mean is zero by symmetry."""
        return means

    @property
    def n_field(self) -> int:
        """How many of the coordinates are the field; the first ones."""
        return self.n_dim

    @property
    def n_correlated(self) -> int:
        """How many of the coordinates have their covariances kept; the first ones."""
        return self.n_dim

    @cached_property
    def correlated_pairs(self) -> tuple[Indices, Indices]:
        """Coordinates i <= j whose covariance does not vanish by symmetry; here all of them."""
        first, second = np.triu_indices(self.n_correlated)
        return first.astype(np.int64), second.astype(np.int64)

    @cached_property
    def lagged_pairs(self) -> tuple[Indices, Indices]:
        """The correlated pairs in both orders: x_first(t) x_second(t + dt)."""
        first, second = self.correlated_pairs
        apart = first != second
        return np.concatenate([first, second[apart]]), np.concatenate([second, first[apart]])

    def on_pairs(self, weight: Array) -> Array:
        """A symmetric weight (n, n) as weights of the products over correlated_pairs."""
        first, second = self.correlated_pairs
        return np.where(first == second, 1.0, 2.0) * weight[first, second]

    def covariance_of(self, moments: Array) -> Array:
        """Covariance (..., n, n) in the coordinates of `partition`, from second moments (..., n_pair)."""
        first, second = self.correlated_pairs
        covariance = np.zeros((*moments.shape[:-1], self.n_correlated, self.n_correlated))
        covariance[..., first, second] = moments
        covariance[..., second, first] = moments
        return covariance

    def log_determinant(self, moments: Array) -> Array:
        """ln det of the covariance (...), from second moments (..., n_pair)."""
        return log_determinant(self.covariance_of(moments))

    def fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        """Drift by the logarithm of the regression of x(t + dt) on x(t), diffusion by stationarity; docs/theory.md (52)."""
        first, second = self.lagged_pairs
        lagged = np.zeros((*means["lagged_covariance"].shape[:-1], self.n_correlated, self.n_correlated))
        lagged[..., second, first] = means["lagged_covariance"]  # the second coordinate is the later one
        return fit_of(self.covariance_of(means["covariance"])[..., None, :, :], lagged[..., None, :, :], dt)

    def sided_fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        """The fit in coordinates that `sides` divides."""
        return self.fit(means, dt)

    @abstractmethod
    def sided_system(self) -> tuple[Array, Array]:
        """A and D (..., w, w) of the linear(ised) model in coordinates that `sides` divides."""

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        """Positions within a block of `sided_system` of the two sides of the partition."""
        first, second = self.partition.values()
        return list(first), list(second)

    @cached_property
    def whole_partition(self) -> bool:
        """Whether the two sides are the whole system: none is hidden."""
        return bool(self.partition) and len(set().union(*self.sides)) == self.sided_system()[0].shape[-1]

    @cached_property
    def bipartite(self) -> bool:
        """Whether no noise acts on both sides, D_ab = 0: only then has each side a second law of its own."""
        if not self.whole_partition:
            return False
        _, diffusion = self.sided_system()
        a, b = self.sides
        scale = np.sqrt(np.diagonal(diffusion, axis1=-2, axis2=-1).max())
        return bool(np.abs(diffusion[..., a, :][..., b]).max() <= 1e-12 * scale**2)

    def mutual_information(self, covariance: Array) -> Array:
        """Between the sides of `partition`, for covariances (..., n, n) [nat]; NaN where one is singular to rounding."""
        if not self.partition:
            return np.full(covariance.shape[:-2], np.nan)
        sides = [list(side) for side in self.partition.values()]
        flat = covariance.reshape(-1, *covariance.shape[-2:])
        values = [_or_nan(lambda c=c: gaussian.mutual_information(c, *sides)) for c in flat]  # type: ignore[misc]
        return np.array(values).reshape(covariance.shape[:-2])


def fit_of(covariance: Array, lagged: Array, dt: float) -> Fit:
    """Fit of blocks: drift by regression, diffusion by stationarity, NaN where that is not positive."""
    drift = blocks.fitted_drift(covariance, lagged, dt)
    diffusion = blocks.implied_diffusion(drift, covariance)
    # a run of few correlation times may imply a negative diffusion: no number is better than a wrong one
    filled = np.where(np.isfinite(diffusion), diffusion, 0.0)
    impossible = np.asarray(np.linalg.eigvalsh(filled)[..., 0] <= 0)[..., None, None]
    return Fit(np.where(impossible, np.nan, drift), np.where(impossible, np.nan, diffusion), covariance)


def log_determinant(covariance: Array) -> Array:
    """ln det (...) of covariances (..., n, n); NaN where one is not positive."""
    sign, value = np.linalg.slogdet(covariance)
    return np.where(sign > 0, value, np.nan)


def _or_nan(function: Callable[[], float]) -> float:
    try:
        return function()
    except ValueError:
        return float("nan")
