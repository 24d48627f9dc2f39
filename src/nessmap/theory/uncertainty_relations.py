"""Currents of a stationary linear Langevin system: their mean, their variance, and the dissipation that these prove.

dx = A x dt + sqrt(2 D) dW, all variables even. docs/theory.md, "Bounds"; of a window of any length: nessmap.theory.windows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory import gaussian
from nessmap.theory.gaussian_propagator import propagator_increment
from nessmap.theory.gaussian_stationary import Matrix, solve_lyapunov, square_matrix, stable_system, unit_of


class Current(NamedTuple):
    """A time-integrated current per unit time, and the entropy production rate that it proves."""

    mean: float
    """[1/time]"""
    variance: float
    """[1/time]"""

    @property
    def bound(self) -> float:
        """2 mean^2 / variance <= entropy production rate [k_B/time]."""
        return 2.0 * self.mean**2 / self.variance if self.variance > 0.0 else math.nan


def long_time_current(drift_matrix: ArrayLike, diffusion: ArrayLike, weight: ArrayLike) -> Current:
    """Mean and variance of a current int (M x)^T o dx over a long time, each per unit time.

    mean -tr(M_a^T Q),  variance 2 tr[(2 Y + M_a)^T D (2 Y + M_a) S],  A^T Y + Y A = -sym(M_a^T A)
    docs/theory.md (189); Gingrich, Horowitz, Perunov & England, PRL 116, 120601 (2016)

    M_a is the antisymmetric part of M; the symmetric part is an exact differential and drops out.

    Parameters
    ----------
    weight : (n, n) array M [1/x^2] for a current without unit.

    >>> current = long_time_current([[-1.0, 2.0], [-2.0, -1.0]], np.eye(2), [[0.0, 1.0], [-1.0, 0.0]])
    >>> current.mean, current.variance, round(current.bound, 12)  # of an entropy production rate of 8
    (4.0, 20.0, 1.6)
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    matrix = square_matrix(weight, "weight")
    matrix = 0.5 * (matrix - matrix.T)
    circulation = gaussian.irreversible_circulation(drift, noise)
    covariance = gaussian.stationary_covariance(drift, noise)
    source = 0.5 * (matrix.T @ drift + drift.T @ matrix)
    scale = 1.0 / unit_of(noise)
    response = solve_lyapunov(drift.T, -source, np.asarray(scale))
    gradient = response + response.T + matrix
    return Current(
        float(-np.sum(matrix * circulation)), float(2.0 * np.sum((noise @ gradient @ covariance) * gradient))
    )


class _Increments(NamedTuple):
    """Covariances of a stationary step: midpoint u = (x + x')/2 and increment d = x' - x."""

    midpoint: Matrix
    increment: Matrix
    mixed: Matrix
    """<d u^T>, antisymmetric."""


def _increments(drift: Matrix, noise: Matrix, dt: float) -> _Increments:
    if not (math.isfinite(dt) and dt > 0.0):
        raise ValueError(f"dt = {dt!r}, expected a finite number > 0 [time]")
    covariance = gaussian.stationary_covariance(drift, noise)
    growth, gathered = propagator_increment(drift, noise, dt)
    increment = growth @ covariance @ growth.T + gathered
    moved = growth @ covariance
    return _Increments(covariance - increment / 4.0, increment, 0.5 * (moved - moved.T))


def short_time_current(drift_matrix: ArrayLike, diffusion: ArrayLike, weight: ArrayLike, dt: float) -> Current:
    """Mean and variance of the current (M (x + x')/2)^T (x' - x) of one stationary step, divided by dt; exact.

    The bound of a current with M = D^-1 V, V x the current velocity, tends to the entropy production rate as dt -> 0
    docs/theory.md (190); Otsubo, Ito, Dechant & Sagawa, PRE 101, 062106 (2020)

    Parameters
    ----------
    weight : (n, n) array M [1/x^2] for a current without unit.
    dt : duration of the step [time].

    >>> current = short_time_current([[-1.0, 2.0], [-2.0, -1.0]], np.eye(2), [[0.0, 1.0], [-1.0, 0.0]], 1e-6)
    >>> round(current.bound, 4)
    8.0
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    matrix = square_matrix(weight, "weight")
    step = _increments(drift, noise, dt)
    crossed = matrix @ step.mixed.T
    variance = np.sum((step.increment @ matrix @ step.midpoint) * matrix) + np.sum(crossed * crossed.T)
    return Current(float(np.sum(matrix * step.mixed)) / dt, float(variance) / dt)


def short_time_bound(drift_matrix: ArrayLike, diffusion: ArrayLike, dt: float) -> float:
    """Largest bound that any current linear in the midpoint sets on the entropy production rate  [k_B/time].

    (2/dt) mu^T C^-1 mu over the n^2 currents u_i d_j,  C_(ij)(kl) = U_ik V_jl + W_li W_jk          docs/theory.md (191)

    What the variational estimator from short steps converges to with much data; the entropy production rate for dt -> 0,
    less by O(dt). O(n^6).

    Parameters
    ----------
    dt : duration of the step [time].

    >>> round(short_time_bound([[-1.0, 2.0], [-2.0, -1.0]], np.eye(2), 1e-6), 4)
    8.0
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    unit = unit_of(gaussian.stationary_covariance(drift, noise))
    drift, noise = drift * (unit / unit[:, None]), noise / np.outer(unit, unit)
    step = _increments(drift, noise, dt)
    n_dim = len(drift)
    # first pair of indices (j, i) of d_j u_i; both divided by dt, so that the matrix stays of order 1
    matrix = np.einsum("ik,jl->jilk", step.midpoint, step.increment / dt)
    matrix += np.einsum("li,jk->jilk", step.mixed, step.mixed / dt)
    mean = step.mixed.ravel() / dt
    return float(2.0 * mean @ np.linalg.solve(matrix.reshape(n_dim**2, n_dim**2), mean))


def step_divergence_rate(drift_matrix: ArrayLike, diffusion: ArrayLike, dt: float) -> float:
    """Divergence of a stationary step (x, x') from the reversed one (x', x), divided by dt  [k_B/time].

    KL of two normal laws of 2 n variables; <= entropy production rate, which it tends to as dt -> 0
    docs/theory.md (22); Kawai, Parrondo & Van den Broeck, PRL 98, 080602 (2007)

    >>> rate = step_divergence_rate([[-1.0, 2.0], [-2.0, -1.0]], np.eye(2), 0.1)
    >>> 7 < rate < 8
    True
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    covariance = gaussian.stationary_covariance(drift, noise)
    lagged = gaussian.propagator(drift, noise, dt).matrix @ covariance
    forward = np.block([[covariance, lagged.T], [lagged, covariance]])
    backward = np.block([[covariance, lagged], [lagged.T, covariance]])
    zero = np.zeros(len(forward))
    return gaussian.kl_divergence(zero, forward, zero, backward) / dt
