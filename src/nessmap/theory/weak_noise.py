"""Entropy production that the curvature of the drift makes under weak noise, where linear theory sees equilibrium.

dx = F(x) dt + sqrt(2 D) dW with constant D of order epsilon, about a stable fixed point. docs/theory.md, "Weak noise".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import gaussian
from nessmap.theory.gaussian_stationary import (
    Matrix,
    cholesky_factor,
    reversibility_defect,
    solve_lyapunov,
    stable_system,
    unit_of,
)

Array = NDArray[np.floating[Any]]

_DEFECTIVE = 1e7  # half the digits
_ROUNDING = 8.0 * float(np.finfo(np.float64).eps)
_PAIRS = 2**20  # at a time


class WeakNoiseExpansion(NamedTuple):
    """Entropy production rate = linear + correction + O(D^2) [k_B/tau]."""

    linear: float
    """Of the linear system, independent of the strength of the noise."""
    correction: float
    """In proportion to the strength of the noise; of either sign."""


def uniform_state_rate(
    kernel_transform: ArrayLike,
    mode_diffusion: ArrayLike,
    n_site: int,
    gain: float,
    curvature: float,
    time_constant: float = 1.0,
) -> float:
    """Entropy production rate of a nonlinear ring field under weak noise, even kernel, uniform state  [k_B/tau].

    f''^2/(2 tau^2 N) sum_{k+p+q=0} d_k d_p S_q (w_k/d_k - w_p/d_p)^2 / (a_k + a_p + a_q),  a_k = (1 - f' w_k)/tau
    docs/theory.md (90)

    `homogeneous_state_rate` on a ring, from the wavenumbers 0 to N/2 alone.

    Parameters
    ----------
    kernel_transform : (N//2 + 1,) array, w_k = spacing x discrete transform of the kernel with its weight, real [u].
    mode_diffusion : (N//2 + 1,) array, d_k = discrete transform of the noise covariance / tau^2 [u^2/tau].
    n_site : N.
    gain, curvature : f'(u0) [1/u] and f''(u0) [1/u^2] at the uniform state.
    time_constant : tau.

    Raises
    ------
    ValueError : the state is not stable; the message names the leading rate.

    >>> round(uniform_state_rate([1.6, 0.2], [1.0, 1.0], 2, 0.42781939304058886, 0.32509906883686385), 12)
    0.052820950333
    """
    half, noise_half = (np.asarray(values, dtype=np.float64) for values in (kernel_transform, mode_diffusion))
    expected = (n_site // 2 + 1,)
    for name, values in (("kernel_transform", half), ("mode_diffusion", noise_half)):
        if values.shape != expected or not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: shape {values.shape}, expected {expected} finite numbers, wavenumbers 0 to N/2")
    mode = np.minimum(np.arange(n_site), n_site - np.arange(n_site))
    return homogeneous_state_rate(half[mode], noise_half[mode], gain, curvature, time_constant)


def homogeneous_state_rate(
    kernel_transform: ArrayLike,
    mode_diffusion: ArrayLike,
    gain: float,
    curvature: float,
    time_constant: float = 1.0,
) -> float:
    """Entropy production rate of a nonlinear field on a ring, a torus or any product of rings, even kernel  [k_B/tau].

    f''^2/(2 tau^2 N) sum_{k+p+q=0} d_k d_p S_q (w_k/d_k - w_p/d_p)^2 / (a_k + a_p + a_q),  a_k = (1 - f' w_k)/tau
    docs/theory.md (90), wavenumbers added ring by ring

    The first order in the noise; the linear field is at equilibrium. Exactly 0.0 where w_k/d_k is the same for all k.
    inf where the kernel reaches a mode without noise. O(N^2) for N sites in all, in memory of a million pairs.

    Parameters
    ----------
    kernel_transform : (N_1, N_2, ...) array, w_k = area of a site x discrete transform of the kernel with its weight, for
        every wavenumber; real and even, w_-k = w_k [u].
    mode_diffusion : array of that shape, d_k = discrete transform of the noise covariance / tau^2 [u^2/tau].
    gain, curvature : f'(u0) [1/u] and f''(u0) [1/u^2] at the homogeneous state.
    time_constant : tau.

    Raises
    ------
    ValueError : the state is not stable; the message names the leading rate.

    >>> row, white = np.array([1.6, 0.2]), np.ones(2)
    >>> ring = homogeneous_state_rate(row, white, 0.4, 0.3)
    >>> torus = homogeneous_state_rate(np.outer(row, white), np.ones((2, 2)), 0.4, 0.3)  # rings that do not meet
    >>> round(torus / ring, 12)
    2.0
    """
    weight, noise = (np.asarray(values, dtype=np.float64) for values in (kernel_transform, mode_diffusion))
    for name, values in (("kernel_transform", weight), ("mode_diffusion", noise)):
        if values.shape != weight.shape or values.size == 0 or not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: shape {values.shape}, expected {weight.shape} finite numbers, all wavenumbers")
    if noise.min() < 0.0:
        raise ValueError(f"mode_diffusion: {noise.min():.6g}, expected >= 0; clip the rounding of a smooth spectrum")
    shape, index = weight.shape, np.indices(weight.shape).reshape(weight.ndim, -1)
    weight, noise = weight.ravel(), noise.ravel()
    rate = (1.0 - gain * weight) / time_constant
    if rate.min() <= 0.0:
        raise ValueError(
            f"gain: leading rate {-rate.min():.6g} [1/tau], expected < 0: no stationary state; lower the gain"
        )
    if curvature == 0.0:
        return 0.0
    # frozen modes drop out; a driven one without noise would trace where it came from
    if np.any((noise == 0.0) & (weight != 0.0)):
        return float("inf")
    variance = noise / rate
    root = np.sqrt(np.where(noise > 0.0, noise, 1.0))
    total, n_row = 0.0, max(1, _PAIRS // len(weight))
    for first in range(0, len(weight), n_row):
        some = slice(first, first + n_row)
        sums = (-(axis[some, None] + axis) % n for axis, n in zip(index, shape, strict=True))
        third = np.ravel_multi_index(tuple(sums), shape)
        # d_k d_p (w_k/d_k - w_p/d_p)^2 = (w_k d_p - w_p d_k)^2 / (d_k d_p), which keeps what is equal equal
        own, other = weight[some, None] * noise, noise[some, None] * weight
        difference = own - other
        difference[np.abs(difference) <= _ROUNDING * np.maximum(np.abs(own), np.abs(other))] = 0.0
        with np.errstate(over="ignore"):
            share = (difference / root / root[some, None]) ** 2
            total += np.sum(share * variance[third] / (rate[some, None] + rate + rate[third]))
    return float(total * curvature**2 / (2.0 * time_constant**2 * len(weight)))


def _curvature_tensor(values: ArrayLike, n_dim: int) -> Matrix:
    tensor = np.asarray(values, dtype=np.float64)
    if tensor.shape != (n_dim,) * 3 or not np.all(np.isfinite(tensor)):
        raise ValueError(f"second_derivative: shape {tensor.shape}, expected {(n_dim,) * 3} finite numbers")
    return np.asarray((tensor + tensor.swapaxes(1, 2)) / 2)


def reversible_state_rate(drift_matrix: ArrayLike, second_derivative: ArrayLike, diffusion: ArrayLike) -> float:
    """Entropy production rate under weak noise where the linear system is at equilibrium  [k_B/tau].

    (1/2) sum_ijl (G_ijl - G_jil)^2 / [a_l (a_i + a_j + a_l)]                               docs/theory.md (89)

    in coordinates with D = 1 in which -A = diag(a); G_ijl = d^2 F_i / dx_j dx_l there. First order in the noise. Not
    negative; third derivatives do not matter. O(n^4) for the change of coordinates.

    Parameters
    ----------
    drift_matrix : (n, n) array A = dF_i/dx_j [1/tau].
    second_derivative : (n, n, n) array d^2 F_i / dx_j dx_l [1/(x tau)].
    diffusion : (n, n) array, positive definite [x^2/tau].

    Raises
    ------
    ValueError : A is not stable, D is singular, or A D - D A^T is not zero to rounding.

    >>> curvature = np.zeros((2, 2, 2))
    >>> curvature[0, 1, 1] = 1.0
    >>> round(reversible_state_rate(-np.eye(2), curvature, 0.1 * np.eye(2)), 12)
    0.033333333333
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    defect = reversibility_defect(drift, noise)
    if defect.any():
        raise ValueError(
            f"drift_matrix: A D - D A^T reaches {np.abs(defect).max():.6g} [x^2/tau^2], expected 0 (linear equilibrium);"
            " use expansion, or linearise with nessmap.theory.linear_response, which removes the rounding of differences"
        )
    tensor = _curvature_tensor(second_derivative, len(drift))
    factor = cholesky_factor(noise, "diffusion", "reversed paths are impossible without noise everywhere")
    white = np.linalg.solve(factor, drift @ factor)
    rate, axis = np.linalg.eigh(-0.5 * (white + white.T))
    basis = factor @ axis
    inverse = np.linalg.solve(factor.T, axis).T
    force = np.einsum("ai,ijl,jb,lc->abc", inverse, tensor, basis, basis, optimize=True)
    curl = force - force.swapaxes(0, 1)
    total = rate[:, None, None] + rate[None, :, None] + rate[None, None, :]
    return float(0.5 * np.sum(curl**2 / (rate * total)))


def _third_cumulant(drift: Matrix, source: Matrix) -> Matrix:
    """K with A acting on each of its three indices: sum of the three = -source."""
    eigenvalue, vector = np.linalg.eig(drift)
    if np.linalg.cond(vector) > _DEFECTIVE:
        raise ValueError(
            f"drift_matrix: eigenvectors of condition {np.linalg.cond(vector):.3g}, expected below {_DEFECTIVE:g}; two modes"
            " coincide: change a rate a little"
        )
    inverse = np.linalg.inv(vector)
    turned = np.einsum("ai,bj,cl,ijl->abc", inverse, inverse, inverse, source, optimize=True)
    turned = -turned / (eigenvalue[:, None, None] + eigenvalue[None, :, None] + eigenvalue[None, None, :])
    found = np.einsum("ia,jb,lc,abc->ijl", vector, vector, vector, turned, optimize=True)
    return np.asarray(found.real, dtype=np.float64)


def expansion(
    drift_matrix: ArrayLike, second_derivative: ArrayLike, third_derivative: ArrayLike, diffusion: ArrayLike
) -> WeakNoiseExpansion:
    """Entropy production rate to first order in the noise, irreversible linear systems included  [k_B/tau].

    < F^T D^-1 F > + < div F > with mean, covariance and third cumulant to the order they need   docs/theory.md (87), (88)

    Moments of the law, by a route that shares nothing with `reversible_state_rate`; loses digits like (8) of the linear
    theory. O(n^4).

    Parameters
    ----------
    drift_matrix : (n, n) array A = dF_i/dx_j [1/tau].
    second_derivative : (n, n, n) array d^2 F_i / dx_j dx_l [1/(x tau)].
    third_derivative : (n, n, n, n) array d^3 F_i / dx_j dx_l dx_m [1/(x^2 tau)].
    diffusion : (n, n) array, positive definite [x^2/tau].

    >>> curvature = np.zeros((2, 2, 2))
    >>> curvature[0, 1, 1] = 1.0
    >>> round(expansion(-np.eye(2), curvature, np.zeros((2, 2, 2, 2)), 0.1 * np.eye(2)).correction, 12)
    0.033333333333
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    n_dim = len(drift)
    linear = gaussian.entropy_production_rate(drift, noise)
    cholesky_factor(noise, "diffusion", "reversed paths are impossible without noise everywhere")
    second = _curvature_tensor(second_derivative, n_dim)
    third = np.asarray(third_derivative, dtype=np.float64)
    if third.shape != (n_dim,) * 4 or not np.all(np.isfinite(third)):
        raise ValueError(f"third_derivative: shape {third.shape}, expected {(n_dim,) * 4} finite numbers")
    covariance = gaussian.stationary_covariance(drift, noise)
    mean = -np.linalg.solve(drift, 0.5 * np.einsum("ijl,jl->i", second, covariance))
    # (B(x, x)/2)_i x_j x_l without its mean: B_i contracted with two covariances, once for each place of i
    pushed = np.einsum("imn,mj,nl->ijl", second, covariance, covariance)
    cumulant = _third_cumulant(drift, pushed + pushed.transpose(1, 0, 2) + pushed.transpose(1, 2, 0))
    outer = np.einsum("i,jl->ijl", mean, covariance)
    cubic = cumulant + outer + outer.transpose(1, 0, 2) + outer.transpose(1, 2, 0)
    quartic = np.einsum("ijlm,lm->ij", third, covariance) / 2.0  # mean slope of the cubic term
    push = 0.5 * np.einsum("imn,mnj->ij", second, cubic) + quartic @ covariance
    moment = solve_lyapunov(drift, -(push + push.T), unit_of(noise))  # second moment to second order
    inverse = np.linalg.inv(noise)
    metric = drift.T @ inverse
    squares = np.einsum("ij,i,j->", inverse, *(2 * [0.5 * np.einsum("ijl,jl->i", second, covariance)]))
    squares += 0.5 * np.einsum("ab,aij,bmn,im,jn->", inverse, second, second, covariance, covariance, optimize=True)
    correction = (
        np.sum((metric @ drift) * moment)
        + np.einsum("ji,imn,mnj->", metric, second, cubic)
        + 2.0 * np.sum(metric.T * (quartic @ covariance))
        + squares
        + np.einsum("iij,j->", second, mean)
        + np.trace(quartic)
    )
    return WeakNoiseExpansion(linear, float(correction))
