"""What every linear model shares: dx = A x dt + sqrt(2 D) dW has an exactly known step, stationary law and thermodynamics.

A subclass gives A, D and a partition; a subclass with structure (Fourier modes, blocks) overrides what structure makes
cheaper. Matrices of a fit and of `block_system` are stacks (..., n_block, w, w) of blocks that are independent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Model, Prediction, Run, Stability, Start, Stepper
from nessmap.theory import blocks, gaussian, relaxation

Indices = NDArray[np.int64]


# observables of the two sides of a partition
SIDED = frozenset(
    {
        "information_flow",
        "transfer_entropy_rate",
        "transfer_entropy_rate_back",
        *(f"{what}_{side}" for what in ("entropy_production_rate", "entropy_flow") for side in ("first", "second")),
    }
)


class Fit(NamedTuple):
    """A linear model read off data: stacks (..., n_block, w, w); NaN where the data imply no diffusion."""

    drift: Array
    diffusion: Array
    covariance: Array


class LinearModel(Model):
    """A model whose drift is A x; unstable when an eigenvalue of A has a real part >= 0."""

    kernel_file: ClassVar[str] = "linear_blocks"
    integrator: ClassVar[str] = "exact"
    all_even: ClassVar[bool] = (
        True  # is every coordinate even under time reversal, so that there is one entropy production?
    )

    @property
    def work_per_coordinate(self) -> float:
        """A dense step and all pairs of moments cost in proportion to the dimension."""
        return max(1.0, self.n_dim / 4)

    @property
    @abstractmethod
    def linear_drift(self) -> Array:
        """A (n_dim, n_dim) [1/time] in the simulated coordinates."""

    @property
    @abstractmethod
    def linear_diffusion(self) -> Array:
        """D (n_dim, n_dim) [x^2/time] in the simulated coordinates."""

    @property
    def n_field(self) -> int:
        """How many of the coordinates are the field; the first ones."""
        return self.n_dim

    @cached_property
    def correlated_pairs(self) -> tuple[Indices, Indices]:
        """Coordinates i <= j whose covariance does not vanish by symmetry; here all of them."""
        first, second = np.triu_indices(self.n_dim)
        return first.astype(np.int64), second.astype(np.int64)

    @cached_property
    def lagged_pairs(self) -> tuple[Indices, Indices]:
        """The correlated pairs in both orders: x_first(t) x_second(t + dt)."""
        first, second = self.correlated_pairs
        apart = first != second
        return np.concatenate([first, second[apart]]), np.concatenate([second, first[apart]])

    @cached_property
    def stationary_covariance(self) -> Array:
        """S of the simulated coordinates, docs/theory.md, "Stationary state"."""
        return gaussian.stationary_covariance(self.linear_drift, self.linear_diffusion)

    @cached_property
    def local_mean_weights(self) -> Array:
        """w such that sum w <x_first x_second> over correlated_pairs is the entropy production rate."""
        return self.on_pairs(gaussian.local_mean_weight(self.linear_drift, self.linear_diffusion))

    def on_pairs(self, weight: Array) -> Array:
        """A symmetric weight (n_dim, n_dim) as weights of the products over correlated_pairs."""
        first, second = self.correlated_pairs
        return np.where(first == second, 1.0, 2.0) * weight[first, second]

    @cached_property
    def path_weights(self) -> Array:
        """w such that sum w <x_first(t) x_second(t + dt)> over lagged_pairs is the entropy produced in a step."""
        first, second = self.lagged_pairs
        return gaussian.antisymmetric_force(self.linear_drift, self.linear_diffusion)[second, first]

    def path_entropy_production_rate(self, dt: float) -> float:
        """Exact mean of the path estimator at step dt; differs from the rate by about -gamma dt per mode."""
        return gaussian.path_entropy_production_rate_at(self.linear_drift, self.linear_diffusion, dt)

    @cached_property
    def block_system(self) -> tuple[Array, Array]:
        """A and D of independent blocks, (n_block, w, w) each; here one block of everything."""
        return self.linear_drift[None], self.linear_diffusion[None]

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.linear_blocks import advance

        step = gaussian.propagator(self.linear_drift, self.linear_diffusion, dt)
        whole = np.arange(self.n_dim)[None]  # one block of all coordinates
        return Stepper(advance, (whole, step.matrix[None], _factor(step.covariance)[None]))

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from N(0, S), given standard normals (n_dim, n_lane)."""
        return _factor(self.stationary_covariance) @ normals

    def initial_mean(self, start: Start) -> Array:
        """Mean of the simulated coordinates (n_dim,) where a relaxation begins."""
        return start.mean + start.wave * np.cos(2 * np.pi * np.arange(self.n_dim) / self.n_dim)

    def covariance_of(self, moments: Array) -> Array:
        """Covariance (..., n, n) in the coordinates of `partition`, from second moments (..., n_pair)."""
        first, second = self.correlated_pairs
        covariance = np.zeros((*moments.shape[:-1], self.n_dim, self.n_dim))
        covariance[..., first, second] = moments
        covariance[..., second, first] = moments
        return covariance

    def log_determinant(self, moments: Array) -> Array:
        """ln det of the covariance (...), from second moments (..., n_pair)."""
        return log_determinant(self.covariance_of(moments))

    def fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        """Drift by the logarithm of the regression of x(t + dt) on x(t), diffusion by stationarity; docs/theory.md (52)."""
        first, second = self.lagged_pairs
        lagged = np.zeros((*means["lagged_covariance"].shape[:-1], self.n_dim, self.n_dim))
        lagged[..., second, first] = means["lagged_covariance"]  # the second coordinate is the later one
        return fit_of(self.covariance_of(means["covariance"])[..., None, :, :], lagged[..., None, :, :], dt)

    def sided_fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        """The fit in coordinates that `sides` divides."""
        return self.fit(means, dt)

    def sided_system(self) -> tuple[Array, Array]:
        """A and D (..., w, w) in coordinates that `sides` divides."""
        return self.block_system

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

    def balance_of(self, means: Array, moments: Array, share: Array, run: Run) -> relaxation.Balance:
        """Entropy balance (...) of a state with these means (..., n_dim) and second moments (..., n_pair), unbiased.

        share (...) is the share of the run's lanes that each was measured on.
        """
        first, second = self.correlated_pairs
        n_lane = share * run.n_replica
        central = (moments - means[..., first] * means[..., second]) * (n_lane / (n_lane - 1))[..., None]
        covariance = np.zeros((*moments.shape[:-1], self.n_dim, self.n_dim))
        covariance[..., first, second] = central
        covariance[..., second, first] = central
        return relaxation.corrected_balance(self.linear_drift, self.linear_diffusion, means, covariance, n_lane)

    @property
    def jointly_sampled(self) -> int:
        """Coordinates whose covariance matrix a relaxation estimates as one."""
        return self.n_dim

    def relaxing_balance(self, run: Run) -> relaxation.Balance:
        """Entropy balance (n_time,) of the relaxation that a run follows."""
        start = run.start.variance * np.eye(self.n_dim)
        mean, covariance = relaxation.relaxing_moments(
            self.linear_drift, self.linear_diffusion, self.initial_mean(run.start), start, run.times
        )
        return relaxation.balance(self.linear_drift, self.linear_diffusion, mean, covariance)

    def drift(self, x: Array, t: float) -> Array:
        return np.tensordot(self.linear_drift, x, axes=1)

    def diffusion(self, x: Array, t: float) -> Array:
        return self.linear_diffusion

    def stability(self) -> Stability:
        eigenvalues = np.linalg.eigvals(self.linear_drift)
        leading = eigenvalues[np.argmax(eigenvalues.real)]
        kind: Literal["real", "oscillating"] = "real" if leading.imag == 0 else "oscillating"
        return Stability(float(leading.real), kind, float("nan"))

    def predictions(self) -> dict[str, Callable[[], Array | float]]:
        """How to compute each prediction; nothing is computed that is not asked for."""
        drift, diffusion = self.linear_drift, self.linear_diffusion
        made: dict[str, Callable[[], Array | float]] = {
            "entropy_production_rate": lambda: self._rate,
            "entropy_production_bound": lambda: _bound(
                self._rate, gaussian.entropy_production_variance_rate(drift, diffusion)
            ),
            "site_variance": lambda: float(np.trace(self.stationary_covariance)) / self.n_dim,
        }
        if self.partition:
            made["mutual_information"] = lambda: float(self.mutual_information(self.stationary_covariance))
        return made

    def predictions_of_sides(self) -> dict[str, Callable[[], Array | float]]:
        """The same of SIDED observables; what two sides exchange needs matrices that the others do without."""
        if not self.whole_partition:
            return {}
        drift, diffusion = self.sided_system()
        a, b = self.sides

        def summed(values: Array) -> float:
            return float(np.sum(values))

        made: dict[str, Callable[[], Array | float]] = {
            "transfer_entropy_rate": lambda: summed(blocks.transfer_entropy_rate(drift, diffusion, a, b)),
            "transfer_entropy_rate_back": lambda: summed(blocks.transfer_entropy_rate(drift, diffusion, b, a)),
        }
        if self.bipartite:
            made |= {
                "information_flow": lambda: self._second_laws[0],
                "entropy_production_rate_first": lambda: self._second_laws[1],
                "entropy_production_rate_second": lambda: self._second_laws[2],
                "entropy_flow_first": lambda: self._second_laws[1] + self._second_laws[0],
                "entropy_flow_second": lambda: self._second_laws[2] - self._second_laws[0],
            }
        return made

    @cached_property
    def _rate(self) -> float:
        return gaussian.entropy_production_rate(self.linear_drift, self.linear_diffusion)

    @cached_property
    def _second_laws(self) -> tuple[float, float, float]:
        """Information flow of the first side, entropy production of both; docs/theory.md (24), (26). D_ab = 0."""
        drift, diffusion = (matrix.reshape(matrix.shape[-2:]) for matrix in self.sided_system())
        a, b = self.sides
        inverse = np.linalg.inv(gaussian.stationary_covariance(drift, diffusion))
        circulation = gaussian.irreversible_circulation(drift, diffusion)  # exactly 0 at equilibrium
        flow = float(np.sum(inverse[np.ix_(b, a)].T * circulation[np.ix_(a, b)]))
        spread = circulation @ inverse @ circulation.T
        first, second = (
            float(np.trace(np.linalg.solve(diffusion[np.ix_(s, s)], spread[np.ix_(s, s)]))) for s in (a, b)
        )
        return flow, first, second

    def as_predictions(self, wanted: Collection[str] | None, source: str) -> dict[str, Prediction]:
        """The predictions wanted, with what is the same for both estimators and for the fit."""
        made = self.predictions()
        if wanted is None or not SIDED.isdisjoint(wanted):
            made |= self.predictions_of_sides()
        if self.all_even:
            rate = made["entropy_production_rate"]
            made |= {"entropy_production_rate_path": rate, "entropy_production_rate_fitted": rate}
        chosen = made if wanted is None else {name: value for name, value in made.items() if name in wanted}
        return {name: Prediction(value(), "exact", source) for name, value in chosen.items()}

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        return self.as_predictions(wanted, "exact theory of (A, D); docs/theory.md")


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


def _bound(rate: float, variance_rate: float) -> float:
    """What the thermodynamic uncertainty relation makes of the entropy production as a current; docs/theory.md (16)."""
    return 2 * rate**2 / variance_rate if rate else 0.0


def _or_nan(function: Callable[[], float]) -> float:
    try:
        return function()
    except ValueError:
        return float("nan")


def _factor(covariance: Array) -> Array:
    """A lower factor L with L L^T = covariance; noiseless directions are allowed."""
    values, vectors = np.linalg.eigh(covariance)
    if values[0] > 1e-12 * values[-1]:
        return np.linalg.cholesky(covariance)
    # singular, or only in its units: a QR of the symmetric root gives the triangular factor the kernel wants
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = scale[:, None] * vectors * np.sqrt(np.clip(values, 0.0, None))
    return np.ascontiguousarray(np.asarray(np.linalg.qr(root.T, mode="r")).T)
