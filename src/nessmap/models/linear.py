"""What every linear model shares: dx = A x dt + sqrt(2 D) dW has an exactly known step, stationary law and thermodynamics.

A subclass gives A, D and a partition; a subclass with structure (Fourier modes) overrides what structure makes cheaper.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Model, Prediction, Stability, Stepper
from nessmap.theory import gaussian

Indices = NDArray[np.int64]


class LinearModel(Model):
    """A model whose drift is A x; unstable when an eigenvalue of A has a real part >= 0."""

    kernel_file: ClassVar[str] = "linear_blocks"
    integrator: ClassVar[str] = "exact"

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
        first, second = self.correlated_pairs
        weight = gaussian.local_mean_weight(self.linear_drift, self.linear_diffusion)
        return np.where(first == second, 1.0, 2.0) * weight[first, second]

    @cached_property
    def path_weights(self) -> Array:
        """w such that sum w <x_first(t) x_second(t + dt)> over lagged_pairs is the entropy produced in a step."""
        first, second = self.lagged_pairs
        return gaussian.antisymmetric_force(self.linear_drift, self.linear_diffusion)[second, first]

    def path_entropy_production_rate(self, dt: float) -> float:
        """Exact mean of the path estimator at step dt; differs from the rate by about -gamma dt per mode."""
        return gaussian.path_entropy_production_rate_at(self.linear_drift, self.linear_diffusion, dt)

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.linear_blocks import advance

        step = gaussian.propagator(self.linear_drift, self.linear_diffusion, dt)
        whole = np.arange(self.n_dim)[None]  # one block of all coordinates
        return Stepper(advance, (whole, step.matrix[None], _factor(step.covariance)[None]))

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from N(0, S), given standard normals (n_dim, n_lane)."""
        return _factor(self.stationary_covariance) @ normals

    def covariance_of(self, moments: Array) -> Array:
        """Covariance (..., n, n) in the coordinates of `partition`, from second moments (..., n_pair)."""
        first, second = self.correlated_pairs
        covariance = np.zeros((*moments.shape[:-1], self.n_dim, self.n_dim))
        covariance[..., first, second] = moments
        covariance[..., second, first] = moments
        return covariance

    def mutual_information(self, covariance: Array) -> Array:
        """Between the sides of `partition`, for covariances (..., n, n) [nat]; NaN where one is singular to rounding."""
        if not self.partition:
            return np.full(covariance.shape[:-2], np.nan)
        sides = [list(side) for side in self.partition.values()]
        flat = covariance.reshape(-1, *covariance.shape[-2:])
        values = [_or_nan(lambda c=c: gaussian.mutual_information(c, *sides)) for c in flat]  # type: ignore[misc]
        return np.array(values).reshape(covariance.shape[:-2])

    def drift(self, x: Array, t: float) -> Array:
        return np.tensordot(self.linear_drift, x, axes=1)

    def diffusion(self, x: Array, t: float) -> Array:
        return self.linear_diffusion

    def stability(self) -> Stability:
        eigenvalues = np.linalg.eigvals(self.linear_drift)
        leading = eigenvalues[np.argmax(eigenvalues.real)]
        kind: Literal["real", "oscillating"] = "real" if leading.imag == 0 else "oscillating"
        return Stability(float(leading.real), kind, float("nan"))

    def theory(self) -> dict[str, Prediction]:
        rate = Prediction(
            gaussian.entropy_production_rate(self.linear_drift, self.linear_diffusion),
            "exact",
            "Godreche & Luck, J. Phys. A 52, 035002 (2019)",
        )
        covariance = self.stationary_covariance
        predictions = {
            "entropy_production_rate": rate,
            "entropy_production_rate_path": rate,
            "site_variance": Prediction(float(np.trace(covariance)) / self.n_dim, "exact", "Lyapunov equation"),
        }
        if self.partition:
            information = self.mutual_information(covariance)
            predictions["mutual_information"] = Prediction(float(information), "exact", "Gaussian entropies")
        return predictions


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
    # singular: a QR of the symmetric root gives the triangular factor the kernel wants
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    return np.ascontiguousarray(np.asarray(np.linalg.qr(root.T, mode="r")).T)
