"""Gaussian theory for stacks of small systems: the modes of a homogeneous field, one block (w, w) each, all at once.

The same equations as nessmap.theory.gaussian, vectorised over leading axes; dx = A x dt + sqrt(2 D) dW in every block. Lyapunov
equations are solved as w^2 linear equations per block, which is quickest for w <= 4. Blocks must be stable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
_RADIUS = 0.6  # of (F - 1)/(F + 1): |lambda dt| up to 1.4 along the real axis, 1.08 along the imaginary one
_SERIES = 32  # terms of artanh: the first one dropped is 0.6^65 / 65 = 6e-17


def _transposed(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def _lyapunov(drift: Array, right_side: Array) -> Array:
    """X with A X + X A^T = right side, per block."""
    width = drift.shape[-1]
    unit = np.eye(width)
    operator = np.einsum("...ij,kl->...ikjl", drift, unit) + np.einsum("ij,...kl->...ikjl", unit, drift)
    flat = operator.reshape(*drift.shape[:-2], width**2, width**2)
    return np.linalg.solve(flat, right_side.reshape(*right_side.shape[:-2], width**2, 1)).reshape(right_side.shape)


def stationary_covariance(drift: Array, diffusion: Array) -> Array:
    """S with A S + S A^T = -2 D, (..., w, w); docs/theory.md (3).

    >>> stationary_covariance(np.array([[[-2.0]]]), np.array([[[3.0]]])).tolist()
    [[[1.5]]]
    """
    solution = _lyapunov(drift, -2 * diffusion)
    return (solution + _transposed(solution)) / 2


def irreversible_circulation(drift: Array, diffusion: Array) -> Array:
    """Q with A Q + Q A^T = A D - D A^T, antisymmetric, (..., w, w); docs/theory.md (4)."""
    flux = drift @ diffusion
    solution = _lyapunov(drift, flux - _transposed(flux))
    return (solution - _transposed(solution)) / 2


def entropy_production_rate(drift: Array, diffusion: Array) -> Array:
    """tr(D^-1 A Q) per block, (...) [k_B/time]; docs/theory.md (7). Exactly 0 where A D is exactly symmetric.

    >>> entropy_production_rate(np.array([[[-1.0, -1.0], [1.0, -1.0]]]), np.eye(2)[None]).tolist()
    [2.0]
    """
    force = np.linalg.solve(diffusion, drift)
    antisymmetric = (force - _transposed(force)) / 2
    # tr(D^-1 A Q) sees the antisymmetric part of D^-1 A alone, because Q is antisymmetric
    return np.asarray(np.einsum("...ij,...ji->...", antisymmetric, irreversible_circulation(drift, diffusion)))


def propagator(drift: Array, diffusion: Array, dt: float) -> tuple[Array, Array]:
    """F = exp(A dt) and the step's noise covariance N = S - F S F^T, (..., w, w) each; docs/theory.md (30).

    The difference loses 1/(2 gamma dt) of the digits: a relative 1e-14 at gamma dt = 0.01.
    """
    from scipy.linalg import expm

    step = np.asarray(expm(drift * dt))
    covariance = stationary_covariance(drift, diffusion)
    return step, covariance - step @ covariance @ _transposed(step)


def fitted_drift(covariance: Array, lagged: Array, dt: float) -> Array:
    """A = ln(F)/dt of the regression x(t + dt) = F x(t) + noise, F = C1 C0^-1, (..., w, w).

    The logarithm is 2 artanh X with X = (F - 1)(F + 1)^-1, a series that needs neither eigenvectors nor their distance.
    NaN where dt is too long for it: an eigenvalue of X beyond 0.6, that is, of A dt beyond about 1.

    Parameters
    ----------
    covariance : (..., w, w) C0 = <x x^T>.
    lagged : (..., w, w) C1 = <x(t + dt) x(t)^T>.
    """
    unit = np.eye(covariance.shape[-1])
    step = _transposed(np.linalg.solve(_transposed(covariance), _transposed(lagged)))
    ratio = _transposed(np.linalg.solve(_transposed(step + unit), _transposed(step - unit)))
    too_far = np.abs(np.linalg.eigvals(ratio)).max(axis=-1) > _RADIUS
    ratio = np.where(too_far[..., None, None], np.nan, ratio)
    square, power, total = ratio @ ratio, ratio, np.zeros_like(ratio)
    for n in range(_SERIES):
        total = total + power / (2 * n + 1)
        power = power @ square
    return 2 * total / dt


def implied_diffusion(drift: Array, covariance: Array) -> Array:
    """D = -(A S + S A^T)/2, (..., w, w): the diffusion that makes S stationary; docs/theory.md (3)."""
    flux = drift @ covariance
    return -(flux + _transposed(flux)) / 2


def _part(matrices: Array, rows: list[int], columns: list[int]) -> Array:
    return matrices[..., rows, :][..., :, columns]


def mutual_information(covariance: Array, a: list[int], b: list[int]) -> Array:
    """I(a; b) per block, (...) [nat]; docs/theory.md (23).

    >>> round(float(mutual_information(np.array([[[1.0, 0.6], [0.6, 1.0]]]), [0], [1])[0]), 12)
    0.223143551314
    """
    explained = np.linalg.solve(_part(covariance, a, a), _part(covariance, a, b))
    given = np.linalg.solve(_part(covariance, b, b), _part(covariance, b, a))
    return np.asarray(-0.5 * np.linalg.slogdet(np.eye(len(a)) - explained @ given)[1])


def information_flow(drift: Array, covariance: Array, a: list[int], b: list[int]) -> Array:
    """Flow of a per block, tr[(S^-1)_ba (D + Q)_ab] with D + Q = -A S, (...) [nat/time]; docs/theory.md (24)."""
    inverse = np.linalg.inv(covariance)
    flux = -(drift @ covariance)
    return np.asarray(np.einsum("...ij,...ji->...", _part(inverse, b, a), _part(flux, a, b)))


def local_entropy_production(drift: Array, covariance: Array, diffusion: Array, a: list[int]) -> Array:
    """tr[D_aa^-1 (Q S^-1 Q^T)_aa] per block, (...) [k_B/time]; D_ab = 0; docs/theory.md (26)."""
    flux = -(drift @ covariance)
    circulation = (flux - _transposed(flux)) / 2
    spread = circulation @ np.linalg.solve(covariance, _transposed(circulation))
    return np.asarray(np.trace(np.linalg.solve(_part(diffusion, a, a), _part(spread, a, a)), axis1=-2, axis2=-1))


def transfer_entropy_rate(drift: Array, diffusion: Array, source: int, target: int) -> Array:
    """Rate per block of two coordinates, (...) [nat/time]; the Riccati equation (28) of docs/theory.md is quadratic there.

    >>> drift = np.array([[[-1.0, 0.0], [1.0, -1.0]]])
    >>> round(float(transfer_entropy_rate(drift, np.eye(2)[None], 0, 1)[0]), 12)  # (sqrt(2) - 1) / 2
    0.207106781187
    """
    own, reach = drift[..., source, source], drift[..., target, source]
    noise = diffusion[..., source, source] / diffusion[..., target, target]
    # (own + sqrt(own^2 + reach^2 noise)) / 2 without the cancellation at weak coupling
    root = np.sqrt(own**2 + reach**2 * noise)
    return np.asarray(np.where(own < 0, reach**2 * noise / (root - own), own + root) / 2)
