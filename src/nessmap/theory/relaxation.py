"""Gaussian states on their way to the stationary one: moments in time, and the balance of entropy by mode or by block.

The equations of nessmap.theory.gaussian.entropy_balance for many times and many systems dx = A x dt + sqrt(2 D) dW at once.
NaN where a covariance is not positive definite. docs/theory.md, "Transients" and "Relaxation, mode by mode".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import blocks

Array = NDArray[np.floating[Any]]


class Balance(NamedTuple):
    """Entropy of a state and what changes it: entropy_rate = production - flow, production = housekeeping + excess."""

    entropy: Array
    """Differential entropy [nat]."""
    entropy_rate: Array
    """Its time derivative [nat/time]."""
    production: Array
    """Total entropy production rate [k_B/time], >= 0."""
    flow: Array
    """Into the reservoir [k_B/time]."""
    housekeeping: Array
    """Share that keeps the stationary currents going [k_B/time], >= 0."""
    excess: Array
    """Share that relaxes the state: minus the time derivative of the divergence [k_B/time], >= 0."""
    divergence: Array
    """Kullback-Leibler divergence of the state from the stationary law [nat], >= 0."""


def relaxing_moments(
    drift: Array, diffusion: Array, mean0: Array, covariance0: Array, times: ArrayLike
) -> tuple[Array, Array]:
    """Means (T, ..., w) and covariances (T, ..., w, w) of a Gaussian state at given times after its start.

    m(t) = e^(A t) m0, S(t) = S_inf + e^(A t) (S0 - S_inf) e^(A^T t)        docs/theory.md (30), (55)

    Parameters
    ----------
    drift, diffusion : (..., w, w); stable blocks.
    mean0 : (..., w) [x]; measured from the fixed point.
    covariance0 : (..., w, w) [x^2]; may be singular, as in a sharp start.
    times : (T,) [time], >= 0.

    >>> mean, covariance = relaxing_moments(-np.eye(1), np.eye(1), np.array([2.0]), np.zeros((1, 1)), [0.0, np.log(2.0)])
    >>> mean.ravel().round(12).tolist(), covariance.ravel().round(12).tolist()
    ([2.0, 1.0], [0.0, 0.75])
    """
    from scipy.linalg import expm

    final = blocks.stationary_covariance(drift, diffusion)
    moments = np.asarray(times, dtype=float)
    step = np.asarray(expm(moments.reshape(-1, *(1,) * drift.ndim) * drift))
    means = np.einsum("...ij,...j->...i", step, mean0)
    covariances = final + step @ (covariance0 - final) @ step.mT
    return means, (covariances + covariances.mT) / 2


def balance(drift: Array, diffusion: Array, mean: Array, covariance: Array) -> Balance:
    """Entropy balance of a Gaussian state in every block, (...) each; docs/theory.md (17) to (22).

    Housekeeping, excess and divergence are sums of squares; housekeeping is exactly 0 where A D is exactly symmetric. NaN where
    the covariance is not positive definite. The leading axes of the state (times, say) go before those of the blocks.

    Parameters
    ----------
    drift, diffusion : (..., w, w); stable blocks, noise in every direction.
    mean : (..., w) [x]; measured from the fixed point.
    covariance : (..., w, w) [x^2]; of the state now.

    >>> state = balance(-np.eye(1), np.eye(1), np.array([1.0]), np.array([[2.0]]))
    >>> [round(float(value), 12) for value in state[1:]]
    [-0.5, 1.5, 2.0, 0.0, 1.5, 0.65342640972]
    """
    width = drift.shape[-1]
    final = blocks.stationary_covariance(drift, diffusion)
    noise_factor, final_factor = blocks.cholesky_factor(diffusion), blocks.cholesky_factor(final)
    factor = blocks.cholesky_factor(covariance)
    # Q S_inf^-1: the stationary current velocity is minus this times x
    velocity = np.linalg.solve(final, blocks.irreversible_circulation(drift, diffusion).mT).mT
    white_velocity = np.linalg.solve(noise_factor, velocity)
    # (S^-1 - S_inf^-1) L = S_inf^-1 (S_inf - S) L^-T: a small difference is taken before anything is inverted
    inner = np.linalg.solve(factor, final - covariance).mT
    relaxation = noise_factor.mT @ np.linalg.solve(final, inner)
    shift = noise_factor.mT @ np.linalg.solve(final, np.asarray(mean)[..., None])
    housekeeping = ((white_velocity @ factor) ** 2).sum(axis=(-2, -1))
    housekeeping = housekeeping + ((white_velocity @ np.asarray(mean)[..., None]) ** 2).sum(axis=(-2, -1))
    excess = (relaxation**2).sum(axis=(-2, -1)) + (shift**2).sum(axis=(-2, -1))
    log_volume = np.log(np.einsum("...ii->...i", factor)).sum(axis=-1)
    entropy = width / 2 * math.log(2 * math.pi * math.e) + log_volume
    precise = np.linalg.solve(factor, noise_factor)
    entropy_rate = (precise**2).sum(axis=(-2, -1)) + np.trace(drift, axis1=-2, axis2=-1)
    offset = np.linalg.solve(final_factor, np.asarray(mean)[..., None])
    divergence = _divergence(final_factor, factor, covariance - final) + (offset**2).sum(axis=(-2, -1)) / 2
    production = housekeeping + excess
    return Balance(
        *np.broadcast_arrays(
            entropy, entropy_rate, production, production - entropy_rate, housekeeping, excess, divergence
        )
    )


def corrected_balance(
    drift: Array, diffusion: Array, mean: Array, sample_covariance: Array, n_sample: ArrayLike
) -> Balance:
    """`balance` from a sample of a Gaussian state, exactly unbiased for any sample size; docs/theory.md, "Small samples".

    Every term is linear in S, S^-1, ln det S and m m^T, whose sample values are biased by known factors. Unbiased also means
    that a value may fall below zero where the true one is near zero.

    Parameters
    ----------
    drift, diffusion : as in `balance`.
    mean : (..., w) sample mean of n_sample values.
    sample_covariance : (..., w, w) about the sample mean, divided by n_sample - 1; NaN where it is not positive definite.
    n_sample : (...) values; NaN results where n_sample <= w + 2: the mean of the inverse covariance does not exist.

    >>> state = corrected_balance(-np.eye(1), np.eye(1), np.array([1.0]), np.array([[2.0]]), 1e9)
    >>> [round(float(value), 6) for value in state[1:]]
    [-0.5, 1.5, 2.0, 0.0, 1.5, 0.653426]
    """
    from scipy.special import digamma

    width = drift.shape[-1]
    n = np.asarray(n_sample, dtype=float)
    freedom = np.where(n > width + 2, n - 1, np.nan)
    final = blocks.stationary_covariance(drift, diffusion)
    final_inverse = np.linalg.inv(final)
    velocity = np.linalg.solve(final, blocks.irreversible_circulation(drift, diffusion).mT).mT
    cost = velocity.mT @ np.linalg.solve(diffusion, velocity)
    pull = final_inverse @ diffusion @ final_inverse
    factor = blocks.cholesky_factor(sample_covariance)
    precise = np.linalg.solve(factor, blocks.cholesky_factor(diffusion))
    spread = (1 - (width + 1) / freedom) * (precise**2).sum(axis=(-2, -1))  # tr(D S^-1)
    bias = digamma((freedom[..., None] - np.arange(width)) / 2).sum(axis=-1) - width * np.log(freedom / 2)
    log_volume = 2 * np.log(np.einsum("...ii->...i", factor)).sum(axis=-1) - bias
    outer = np.asarray(mean)[..., :, None] * np.asarray(mean)[..., None, :]
    second = sample_covariance * (1 - 1 / n)[..., None, None] + outer  # S + m m^T

    def trace(weight: Array, matrix: Array) -> Array:
        return np.asarray(np.einsum("...ij,...ji->...", weight, matrix))

    entropy = (width * math.log(2 * math.pi * math.e) + log_volume) / 2
    entropy_rate = spread + np.trace(drift, axis1=-2, axis2=-1)
    housekeeping = trace(cost, second)
    excess = spread - 2 * trace(diffusion, final_inverse) + trace(pull, second)
    divergence = (trace(final_inverse, second) - width - log_volume + np.linalg.slogdet(final)[1]) / 2
    production = housekeeping + excess
    return Balance(
        *np.broadcast_arrays(
            entropy, entropy_rate, production, production - entropy_rate, housekeeping, excess, divergence
        )
    )


def _divergence(final_factor: Array, factor: Array, difference: Array) -> Array:
    """Part of (22) without the mean, from the eigenvalues of S_inf^-1 S - 1, each of which adds a non-negative term."""
    half = np.linalg.solve(final_factor, difference)
    relative = np.linalg.solve(final_factor, half.mT)
    there = np.asarray(np.isfinite(factor).all(axis=(-2, -1)))
    relative = np.where(there[..., None, None], relative, 0.0)
    excess = np.linalg.eigvalsh((relative + relative.mT) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):  # a covariance singular to rounding
        total = (excess - np.log1p(excess)).sum(axis=-1) / 2
    return np.where(there, total, np.nan)


def mode_balance(
    decay: ArrayLike, rotation: ArrayLike, diffusion: ArrayLike, variance: ArrayLike, mean_square: ArrayLike
) -> Balance:
    """Entropy balance per real coordinate of a homogeneous field's mode, (...) each; docs/theory.md (56), (57).

    Both coordinates of a pair share the variance: multiply by the number of coordinates of the wavenumber, and sum.

    Parameters
    ----------
    decay, rotation : gamma, omega [1/time]; rotation is 0 for a coordinate without partner.
    diffusion : d [x^2/time], > 0.
    variance : S(t) [x^2] of each real coordinate, about its mean; NaN results where it is not positive.
    mean_square : m^2 [x^2], averaged over the coordinates of the mode.

    >>> [round(float(value), 12) for value in mode_balance(1.0, 2.0, 1.0, 2.0, 1.0)[1:]]
    [-0.5, 13.5, 14.0, 12.0, 1.5, 0.65342640972]
    """
    gamma, omega, d, s, square = _as_arrays(decay, rotation, diffusion, variance, mean_square)
    s = np.where(s > 0, s, np.nan)
    final = d / gamma
    relative = (s - final) / final
    excess = (gamma * s - d) ** 2 / (d * s) + square * gamma**2 / d
    divergence = (relative - np.log1p(relative)) / 2 + square / (2 * final)
    return _assembled(np.log(s), d / s - gamma, omega**2 * (s + square) / d, excess, divergence)


def corrected_mode_balance(
    decay: ArrayLike,
    rotation: ArrayLike,
    diffusion: ArrayLike,
    sample_variance: ArrayLike,
    sample_mean_square: ArrayLike,
    degrees_of_freedom: ArrayLike,
    n_per_mean: ArrayLike,
) -> Balance:
    """`mode_balance` from a sample of a Gaussian state, exactly unbiased for any size of the sample; docs/theory.md (58), (59).

    The plug-in values are off because 1/s^2 and ln s^2 are not linear in s^2, and the square of a mean holds the mean's error.
    Unbiased also means that a value may fall below zero where the true one is near zero.

    Parameters
    ----------
    decay, rotation, diffusion : as in `mode_balance`.
    sample_variance : s^2 [x^2]: squares about the sample means, divided by the degrees of freedom.
    sample_mean_square : square of a coordinate's sample mean [x^2], averaged over the coordinates of the mode.
    degrees_of_freedom : of s^2: 2 (n - 1) for a pair in n lanes with a mean of its own for either coordinate, n - 1 for a
        single coordinate. NaN results where it is <= 2: the mean of 1/s^2 does not exist.
    n_per_mean : values behind each sample mean, n in the example.

    >>> many = corrected_mode_balance(1.0, 2.0, 1.0, 2.0, 1.0, 1e9, 1e9)
    >>> [round(float(value), 6) for value in many[1:]]
    [-0.5, 13.5, 14.0, 12.0, 1.5, 0.653426]
    """
    from scipy.special import digamma

    gamma, omega, d, s, square = _as_arrays(decay, rotation, diffusion, sample_variance, sample_mean_square)
    freedom, n_mean = np.asarray(degrees_of_freedom, dtype=float), np.asarray(n_per_mean, dtype=float)
    freedom = np.where(freedom > 2, freedom, np.nan)
    s = np.where(s > 0, s, np.nan)
    inverse = (1 - 2 / freedom) / s
    logarithm = np.log(s) - digamma(freedom / 2) + np.log(freedom / 2)
    square = square - s / n_mean
    final = d / gamma
    excess = gamma**2 * s / d - 2 * gamma + d * inverse + square * gamma**2 / d
    divergence = ((s + square) / final - 1 - logarithm + np.log(final)) / 2
    return _assembled(logarithm, d * inverse - gamma, omega**2 * (s + square) / d, excess, divergence)


def _as_arrays(*values: ArrayLike) -> list[Array]:
    return [np.asarray(value, dtype=float) for value in values]


def _assembled(
    log_variance: Array, entropy_rate: Array, housekeeping: Array, excess: Array, divergence: Array
) -> Balance:
    """Balance per real coordinate from its independent parts."""
    entropy = (math.log(2 * math.pi * math.e) + log_variance) / 2
    production = housekeeping + excess
    return Balance(
        *np.broadcast_arrays(
            entropy, entropy_rate, production, production - entropy_rate, housekeeping, excess, divergence
        )
    )
