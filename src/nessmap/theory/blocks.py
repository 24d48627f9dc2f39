"""Gaussian theory for stacks of small systems: the modes of a homogeneous field, one block (w, w) each, all at once.

The same equations as nessmap.theory.gaussian, vectorised over leading axes; dx = A x dt + sqrt(2 D) dW in every block. Lyapunov
equations are solved as w^2 linear equations per block, which is quickest for w <= 4, wide blocks by doubling. Blocks must be
stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
_RADIUS = 0.6  # of (F - 1)/(F + 1): |lambda dt| up to 1.4 along the real axis, 1.08 along the imaginary one
_SERIES = 32  # terms of artanh: the first one dropped is 0.6^65 / 65 = 6e-17
_WIDE = 8  # from here on w^2 linear equations, of cost w^6, are slower than a dozen doublings of cost w^3
_DOUBLINGS = 60  # enough for rates that differ by 1e15; convergence ends the loop long before


def _transposed(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def _lyapunov(drift: Array, right_side: Array) -> Array:
    """X with A X + X A^T = right side, per block."""
    width = drift.shape[-1]
    if width > _WIDE:
        return _lyapunov_by_doubling(drift, right_side)
    unit = np.eye(width)
    operator = np.einsum("...ij,kl->...ikjl", drift, unit) + np.einsum("ij,...kl->...ikjl", unit, drift)
    flat = operator.reshape(*drift.shape[:-2], width**2, width**2)
    return np.linalg.solve(flat, right_side.reshape(*right_side.shape[:-2], width**2, 1)).reshape(right_side.shape)


def _lyapunov_by_doubling(drift: Array, right_side: Array) -> Array:
    """X = M X M^T + N with the Cayley transform M of A, summed as X(2n) = X(n) + M^n X(n) M^nT; docs/theory.md (53)."""
    rate = np.linalg.norm(drift, axis=(-2, -1), keepdims=True) / np.sqrt(drift.shape[-1])
    unit = np.eye(drift.shape[-1])
    shifted = np.linalg.inv(drift - rate * unit)
    step = unit + 2 * rate * shifted
    total = -2 * rate * shifted @ right_side @ _transposed(shifted)
    for _ in range(_DOUBLINGS):
        total = total + step @ total @ _transposed(step)
        step = step @ step
        if not np.abs(step).max(initial=0.0) > 1e-17:
            break
    return np.asarray(total)


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


def cholesky_factor(matrices: Array) -> Array:
    """Lower L of L L^T, (..., w, w); NaN where a matrix is not positive definite.

    >>> cholesky_factor(np.array([[[4.0]], [[-1.0]]])).ravel().tolist()
    [2.0, nan]
    """
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:  # at least one of them: look at each
        factors = np.full(matrices.shape, np.nan)
        for block in np.ndindex(matrices.shape[:-2]):
            try:
                factors[block] = np.linalg.cholesky(matrices[block])
            except np.linalg.LinAlgError:
                continue
        return factors


def fitted_entropy_production_rate(drift: Array, covariance: Array) -> Array:
    """Entropy production rate per block of a measured drift and covariance, (...) [k_B/time]; docs/theory.md (54).

    tr(D^-1 Q S^-1 Q^T) with D + Q = -A S: no Lyapunov equation, a sum of squares. Exactly 0 where A S is symmetric; NaN where
    the implied D, or S, is not positive definite.

    >>> fitted_entropy_production_rate(np.array([[[-1.0, -1.0], [1.0, -1.0]]]), np.eye(2)[None]).tolist()
    [2.0]
    """
    flux = -(drift @ covariance)
    circulation = (flux - _transposed(flux)) / 2
    noise_factor = cholesky_factor((flux + _transposed(flux)) / 2)
    half = np.linalg.solve(noise_factor, circulation)
    velocity = np.linalg.solve(cholesky_factor(covariance), _transposed(half))
    return np.asarray((velocity**2).sum(axis=(-2, -1)))


def transfer_entropy_rate(
    drift: Array, diffusion: Array, source: int | Sequence[int], target: int | Sequence[int]
) -> Array:
    """Rate from source to target per block, (...) [nat/time]; docs/theory.md (28), (29), (51), (53).

    tr[(2 D_tt)^-1 A_ts E A_ts^T] / 2, E = error covariance of the stationary filter of the source given the target's past.
    Noise common to both enters the filter. NaN where D_tt, or the noise of the source given the target's, is not positive.

    Parameters
    ----------
    drift, diffusion : (..., w, w); stable blocks.
    source, target : positions that together are all w coordinates of a block; a single one may be given as a number.

    Raises
    ------
    ValueError : a coordinate is in neither or in both.

    >>> drift = np.array([[[-1.0, 0.0], [1.0, -1.0]]])
    >>> round(float(transfer_entropy_rate(drift, np.eye(2)[None], 0, 1)[0]), 12)  # (sqrt(2) - 1) / 2
    0.207106781187
    """
    s, t = ([part] if isinstance(part, int) else list(part) for part in (source, target))
    width = drift.shape[-1]
    if sorted(s + t) != list(range(width)) or not (s and t):
        raise ValueError(f"source, target: {s} and {t}, expected a partition of the coordinates 0 to {width - 1}")
    shape = np.broadcast_shapes(drift.shape, diffusion.shape)
    drift, diffusion = np.broadcast_to(drift, shape), np.broadcast_to(diffusion, shape)
    # the rate does not see how the target acts on the source: a missing number there is missing all the same
    missing = ~np.isfinite(drift + diffusion).all(axis=(-2, -1))
    if width == 2:
        return np.where(missing, np.nan, _transfer_entropy_rate_of_pairs(drift, diffusion, s[0], t[0]))
    seen = np.concatenate([_part(drift, t, s), _part(diffusion, t, s)], axis=-1)
    seen = np.linalg.solve(cholesky_factor(_part(diffusion, t, t)), seen)
    reach, common = seen[..., : len(s)], seen[..., len(s) :]
    own = _part(drift, s, s) - _transposed(common) @ reach
    noise = _part(diffusion, s, s) - _transposed(common) @ common
    information = _transposed(reach) @ reach / 2
    error = _filter_error(own, 2 * noise, information)
    return np.where(missing, np.nan, np.einsum("...ij,...ji->...", information, error) / 2)


def _transfer_entropy_rate_of_pairs(drift: Array, diffusion: Array, source: int, target: int) -> Array:
    """The quadratic Riccati equation of two coordinates in closed form; docs/theory.md (51)."""
    reach = drift[..., target, source]
    common = diffusion[..., source, target] / diffusion[..., target, target]
    own = drift[..., source, source] - common * reach
    noise = diffusion[..., source, source] / diffusion[..., target, target] - common**2
    with np.errstate(invalid="ignore"):  # a fitted diffusion may be negative
        # (own + sqrt(own^2 + reach^2 noise)) / 2 without the cancellation at weak coupling
        root = np.sqrt(own**2 + reach**2 * noise)
        return np.asarray(np.where(own < 0, reach**2 * noise / (root - own), own + root) / 2)


def _filter_error(drift: Array, noise: Array, information: Array) -> Array:
    """Stabilising E of A E + E A^T + N - E I E = 0, per block, by structure-preserving doubling; docs/theory.md (53).

    NaN where an entry is not finite or N has a negative eigenvalue beyond rounding.
    """
    width = drift.shape[-1]
    unit = np.eye(width)
    finite = np.asarray(np.isfinite(drift + noise + information).all(axis=(-2, -1)))
    # the rest of the stack goes on beside blocks that have no number
    drift, noise, information = (
        np.where(finite[..., None, None], matrices, stand_in)
        for matrices, stand_in in ((drift, -unit), (noise, unit), (information, unit))
    )
    strength = np.linalg.eigvalsh(noise)
    exists = finite & (strength[..., 0] >= -1e-13 * width * np.abs(strength[..., -1]))
    variance = np.einsum("...ii->...i", noise)
    root = np.sqrt(np.where(variance > 0, variance, 1.0))  # units in which the noise is of order 1
    scale = root[..., :, None] * root[..., None, :]
    # A^T, since the doubling is written for A^T E + E A
    a = _transposed(drift * root[..., None, :] / root[..., :, None])
    g, h = information * scale, noise / scale
    sizes = [np.linalg.norm(matrices, axis=(-2, -1), keepdims=True) for matrices in (a, g, h)]
    rate = sizes[0] + np.sqrt(sizes[1] * sizes[2])  # above every rate of the filter: no shifted matrix is singular
    rate = np.where(rate > 0, rate, 1.0)
    inverse = np.linalg.inv(a - rate * unit)
    mixed = np.linalg.inv(_transposed(a) - rate * unit + h @ inverse @ g)
    a = unit + 2 * rate * _transposed(mixed)
    g, h = 2 * rate * inverse @ g @ mixed, 2 * rate * mixed @ h @ inverse
    for _ in range(_DOUBLINGS):
        forward = np.linalg.solve(unit + g @ h, np.concatenate([a, g], axis=-1))
        increment = _transposed(a) @ h @ forward[..., :width]
        g = g + a @ forward[..., width:] @ _transposed(a)
        h = h + (increment + _transposed(increment)) / 2
        a = a @ forward[..., :width]
        if np.all(np.abs(increment).max(axis=(-2, -1)) <= 1e-17 * np.abs(h).max(axis=(-2, -1))):
            break
    return np.where(exists[..., None, None], h * scale, np.nan)
