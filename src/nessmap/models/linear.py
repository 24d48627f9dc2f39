"""What every linear model shares: dx = A x dt + sqrt(2 D) dW has an exactly known step, stationary law and thermodynamics.

A subclass gives A, D and a partition; a subclass with structure (Fourier modes, blocks) overrides what structure makes
cheaper. Matrices of `block_system` are stacks (..., n_block, w, w) of blocks that are independent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from nessmap.model import Array, Prediction, Run, Stability, Start, Stepper
from nessmap.models.moments import MomentModel
from nessmap.theory import blocks, gaussian, relaxation, windows

# observables of the two sides of a partition
SIDED = frozenset(
    {
        "information_flow",
        "transfer_entropy_rate",
        "transfer_entropy_rate_back",
        *(f"{what}_{side}" for what in ("entropy_production_rate", "entropy_flow") for side in ("first", "second")),
    }
)


class LinearModel(MomentModel):
    """A model whose drift is A x; unstable when an eigenvalue of A has a real part >= 0."""

    kernel_file: ClassVar[str] = "linear_blocks"
    integrator: ClassVar[str] = "exact"
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "local_mean": ("covariance",),
        "path_sum": ("lagged_covariance",),
        "site_variance": ("covariance",),
    }

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

    @cached_property
    def stationary_covariance(self) -> Array:
        """S of the simulated coordinates, docs/theory.md, "Stationary state"."""
        return gaussian.stationary_covariance(self.linear_drift, self.linear_diffusion)

    def local_mean(self, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["covariance"] @ self.local_mean_weights)

    def path_sum(self, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["lagged_covariance"] @ self.path_weights)

    def site_variance(self, means: Mapping[str, Array]) -> Array:
        """tr S / n: of a site, where the coordinates are an orthonormal turn of the sites."""
        first, second = self.correlated_pairs
        squares = (first == second) & (first < self.n_field)
        return np.asarray(means["covariance"][..., squares].sum(axis=-1) / self.n_field)

    def add_window_entropy(self, sums: Array, x: Array) -> None:
        from nessmap.kernels.windows import add_window_sums  # late: planning a sweep must not load numba

        first, second = self.lagged_pairs
        used = self.path_weights != 0
        add_window_sums(sums, x, first[used], second[used], self.path_weights[used])

    def window_entropy_moments(self, dt: float, n_step: int) -> tuple[float, float] | None:
        if not self.path_weights.any():  # at equilibrium to rounding, as the estimator takes it
            return 0.0, 0.0
        mean, variance = windows.path_sum_moments(*self.block_system, dt, n_step)
        return float(mean.sum()), float(variance.sum())

    @cached_property
    def local_mean_weights(self) -> Array:
        """w such that sum w <x_first x_second> over correlated_pairs is the entropy production rate."""
        return self.on_pairs(gaussian.local_mean_weight(self.linear_drift, self.linear_diffusion))

    @cached_property
    def path_weights(self) -> Array:
        """w such that sum w <x_first(t) x_second(t + dt)> over lagged_pairs is the entropy produced in a step."""
        first, second = self.lagged_pairs
        return gaussian.antisymmetric_force(self.linear_drift, self.linear_diffusion)[second, first]

    @cached_property
    def velocity_weight(self) -> Array:
        """M = D^-1 V (n_dim, n_dim), V x the current velocity; exactly 0 at equilibrium. D is regular."""
        circulation = gaussian.irreversible_circulation(self.linear_drift, self.linear_diffusion)
        velocity = -np.linalg.solve(self.stationary_covariance, circulation.T).T
        return np.asarray(np.linalg.solve(self.linear_diffusion, velocity))

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
        return Stepper(advance, (whole, step.matrix[None], noise_factor(step.covariance)[None]))

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from N(0, S), given standard normals (n_dim, n_lane)."""
        return noise_factor(self.stationary_covariance) @ normals

    def transient_start(self, normals: Array, start: Start) -> Array:
        """Independent normal coordinates of one variance, about a mean with a wave on it."""
        return np.asarray(self.initial_mean(start)[:, None] + np.sqrt(start.variance) * normals)

    def initial_mean(self, start: Start) -> Array:
        """Mean of the simulated coordinates (n_dim,) where a relaxation begins."""
        return start.mean + start.wave * np.cos(2 * np.pi * np.arange(self.n_dim) / self.n_dim)

    def sided_system(self) -> tuple[Array, Array]:
        """A and D (..., w, w) in coordinates that `sides` divides."""
        return self.block_system

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


def _bound(rate: float, variance_rate: float) -> float:
    """What the thermodynamic uncertainty relation makes of the entropy production as a current; docs/theory.md (16)."""
    return 2 * rate**2 / variance_rate if rate else 0.0


def noise_factor(covariance: Array) -> Array:
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
