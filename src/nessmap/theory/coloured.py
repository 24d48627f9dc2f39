"""Linear systems driven by coloured (Ornstein-Uhlenbeck) noise, and the three entropy production rates they have.

du = A u dt + z dt + sqrt(2 D_u) dW_u,  dz_i = -(z_i / tc_i) dt + sqrt(2 D) dW / tc_i,  white noise of diffusion D as tc -> 0.
Joint: u and z both even. Odd velocity: (u, v = du/dt) with v odd, for D_u = 0. Marginal: what the path of u alone shows.
docs/theory.md, "Coloured noise"; joint matrices are in the order (u, z).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import blocks
from nessmap.theory.gaussian_entropy import entropy_production_rate
from nessmap.theory.gaussian_propagator import propagator_increment
from nessmap.theory.gaussian_stationary import (
    ROUNDING,
    Matrix,
    cholesky_factor,
    reversibility_defect,
    square_matrix,
    stable_system,
    stationary_covariance,
    symmetric_matrix,
)

Array = NDArray[np.floating[Any]]
_CONVERGED = 1e-11  # relative change of the spectral integral at one more doubling
_MOST_NODES = 2**16


def _rates(correlation_time: ArrayLike, n_dim: int) -> Matrix:
    """1/tc of every coordinate, (n,)."""
    time = np.asarray(correlation_time, dtype=np.float64)
    if time.shape not in ((), (n_dim,)) or not (np.all(np.isfinite(time)) and np.all(time > 0)):
        raise ValueError(f"correlation_time: {correlation_time!r} [tau], expected one or {n_dim} finite numbers > 0")
    return np.asarray(1 / np.broadcast_to(time, (n_dim,)), dtype=np.float64)


def joint_system(
    drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike, intrinsic_diffusion: ArrayLike = 0.0
) -> tuple[Matrix, Matrix]:
    """Drift and diffusion, (2n, 2n) each, of activity and noise together; docs/theory.md (60).

    Parameters
    ----------
    drift : (n, n) A [1/tau] of u.
    diffusion : (n, n) D [u^2/tau]; of the white noise that z tends to as its correlation time vanishes.
    correlation_time : tc [tau], one number or (n,).
    intrinsic_diffusion : D_u [u^2/tau] of additional white noise in u; one number for every coordinate, or (n, n).

    >>> [matrix.tolist() for matrix in joint_system([[-1.0]], [[1.0]], 0.5)]
    [[[-1.0, 1.0], [0.0, -2.0]], [[0.0, 0.0], [0.0, 4.0]]]
    """
    matrix = square_matrix(drift, "drift")
    n_dim = len(matrix)
    rate = _rates(correlation_time, n_dim)
    noise = symmetric_matrix(diffusion, "diffusion", n_dim) * np.outer(rate, rate)
    intrinsic = np.asarray(intrinsic_diffusion, dtype=float)
    own = symmetric_matrix(
        intrinsic * np.eye(n_dim) if intrinsic.ndim == 0 else intrinsic, "intrinsic_diffusion", n_dim
    )
    nothing = np.zeros_like(matrix)
    return np.block([[matrix, np.eye(n_dim)], [nothing, -np.diag(rate)]]), np.block([[own, nothing], [nothing, noise]])


def joint_entropy_production_rate(
    drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike, intrinsic_diffusion: ArrayLike = 0.0
) -> float:
    """Entropy production rate of (u, z), both even under time reversal; inf where u has no noise of its own  [k_B / tau].

    Parameters as in `joint_system`; docs/theory.md (7), (60), for the modes of a field (62).

    >>> round(joint_entropy_production_rate([[-1.0]], [[1.0]], 1.0, 0.5), 12)  # d / (D_u tc (1 + gamma tc))
    1.0
    """
    return entropy_production_rate(*joint_system(drift, diffusion, correlation_time, intrinsic_diffusion))


def structure_factor_coloured(
    decay: ArrayLike, rotation: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike
) -> Array:
    """Stationary S of a mode without white noise of its own [u^2]; docs/theory.md (61).

    (d / gamma) (1 + gamma tc) / ((1 + gamma tc)^2 + omega^2 tc^2)

    >>> float(structure_factor_coloured(1.0, 0.0, 1.0, 1.0))
    0.5
    """
    gamma, omega, tc = (np.asarray(v, dtype=float) for v in (decay, rotation, correlation_time))
    slowed = 1 + gamma * tc
    return np.asarray(np.asarray(diffusion) / gamma * slowed / (slowed**2 + (omega * tc) ** 2))


def joint_mode_entropy_production(
    decay: ArrayLike,
    rotation: ArrayLike,
    diffusion: ArrayLike,
    correlation_time: ArrayLike,
    intrinsic_diffusion: ArrayLike,
) -> Array:
    """Entropy production rate of (u, z), both even, per real coordinate of a mode [k_B / tau]; docs/theory.md (62).

    omega^2 / gamma + (d / D_u) (gamma / tc + a^2) / (gamma [1 + 2 gamma tc + tc^2 a^2]), a^2 = gamma^2 + omega^2

    Positive even at omega = 0: the even noise variable z drives u one way. Grows like 1 / D_u.

    >>> float(joint_mode_entropy_production(1.0, 0.0, 1.0, 1.0, 0.5))
    1.0
    """
    gamma, omega, d, tc, own = (
        np.asarray(v, dtype=float) for v in (decay, rotation, diffusion, correlation_time, intrinsic_diffusion)
    )
    square = gamma**2 + omega**2
    driven = d * (gamma / tc + square) / (gamma * (1 + 2 * gamma * tc + tc**2 * square))
    return np.asarray(omega**2 / gamma + driven / own)


def odd_velocity_path_weight(drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike) -> Matrix:
    """W with x'^T W x the entropy of a step from x = (u, z) to x', velocity odd, (2n, 2n) antisymmetric  [1 / x^2].

    W = -T^T diag(G_a, H_a) T, v = A u + z = second half of T x
    docs/theory.md (64), (65)

    Exact differentials are left out; exactly zero at equilibrium (to the rounding of A and D).

    Parameters
    ----------
    drift : (n, n) A [1/tau]; stable.
    diffusion : (n, n) D [u^2/tau]; positive definite.
    correlation_time : tc [tau], one number or (n,).

    Raises
    ------
    ValueError : the drift is not stable, or D is singular: a reversed path has probability zero or the system is smaller.

    >>> odd_velocity_path_weight([[-1.0, 0.0], [0.0, -2.0]], [[1.0, 0.0], [0.0, 3.0]], 0.5).any()
    np.False_
    """
    matrix, noise = stable_system(drift, diffusion)
    n_dim = len(matrix)
    rate = _rates(correlation_time, n_dim)
    cholesky_factor(noise, "diffusion", "leave out coordinates without noise")
    if np.all(rate == rate[0]):
        # one filter for all: the white-noise force M_a, taken with v in place of A u, and its share without A u
        precision = np.asarray(np.linalg.inv(noise), dtype=np.float64)
        restoring = -0.5 * precision @ reversibility_defect(matrix, noise) @ precision
        turning = restoring / rate[0] ** 2
    else:
        kick, damping = noise * np.outer(rate, rate), np.diag(rate) - matrix
        precision = np.asarray(np.linalg.inv(kick), dtype=np.float64)
        # H - H^T = D_v^-1 (damping D_v - D_v damping^T) D_v^-1
        turning = -0.5 * precision @ reversibility_defect(-damping, kick) @ precision
        restoring = _antisymmetric_part(damping.T, precision, -rate[:, None] * matrix)
    velocity = np.hstack([matrix, np.eye(n_dim)])
    weight = -velocity.T @ turning @ velocity
    weight[:n_dim, :n_dim] -= restoring
    return np.asarray(0.5 * (weight - weight.T), dtype=np.float64)


def _antisymmetric_part(first: Matrix, second: Matrix, third: Matrix) -> Matrix:
    """Of the product of three matrices; exactly zero when their rounding explains all of it."""
    product = first @ second @ third
    size = np.abs(first) @ np.abs(second) @ np.abs(third)
    part = 0.5 * (product - product.T)
    return np.zeros_like(part) if np.all(np.abs(part) <= ROUNDING * (size + size.T)) else part


def odd_velocity_weight(drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike) -> Matrix:
    """Symmetric P such that <x^T P x> over x = (u, z) is the entropy production rate with odd velocity  [1 / (tau x^2)].

    P = sym(W^T A_joint), exactly zero at equilibrium; parameters as in `odd_velocity_path_weight`; docs/theory.md (65).
    """
    weight = odd_velocity_path_weight(drift, diffusion, correlation_time)
    joint, _ = joint_system(drift, diffusion, correlation_time)
    product = weight.T @ joint
    return np.asarray(0.5 * (product + product.T), dtype=np.float64)


def odd_velocity_entropy_production_rate(drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike) -> float:
    """Entropy production rate of (u, v = du/dt), v odd under time reversal, without white noise in u  [k_B / tau].

    tr(P S_joint), equal to tr(D_v^-1 B S_vv B^T) - tr B with B = 1/tc - A and D_v = D / tc^2        docs/theory.md (64), (65)

    One correlation time for all: the white-noise rate of (A, D), whatever the time. Exactly 0.0 at equilibrium.

    Parameters and errors as in `odd_velocity_path_weight`.

    >>> round(odd_velocity_entropy_production_rate([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], 0.7), 12)
    8.0
    """
    weight = odd_velocity_weight(drift, diffusion, correlation_time)
    if not weight.any():
        return 0.0
    return float(np.sum(weight * stationary_covariance(*joint_system(drift, diffusion, correlation_time))))


def odd_velocity_path_rate_at(drift: ArrayLike, diffusion: ArrayLike, correlation_time: ArrayLike, dt: float) -> float:
    """Mean of x'^T W x / dt on exact samples dt apart  [k_B / tau]; tr(W S F^T) / dt of the joint system, docs/theory.md (33).

    Tends to `odd_velocity_entropy_production_rate` as dt -> 0, at first order in dt / tc.

    Parameters and errors as in `odd_velocity_path_weight`; dt [tau] > 0.

    >>> round(odd_velocity_path_rate_at([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], 0.7, 1e-6), 4)
    8.0
    """
    if not (math.isfinite(dt) and dt > 0.0):
        raise ValueError(f"odd_velocity_path_rate_at: dt = {dt!r} [tau], expected a finite number > 0")
    weight = odd_velocity_path_weight(drift, diffusion, correlation_time)
    if not weight.any():
        return 0.0
    joint = joint_system(drift, diffusion, correlation_time)
    # F - 1 serves as well as F, because W is antisymmetric, and does not cancel at small dt.
    increment, _ = propagator_increment(*joint, float(dt))
    return float(np.sum(weight * (increment @ stationary_covariance(*joint))) / dt)


def marginal_entropy_production_rate(
    joint_drift: ArrayLike, joint_diffusion: ArrayLike, observed: Sequence[int]
) -> float:
    """Entropy production rate that the stationary path of some coordinates shows, all of them even  [k_B / tau].

    (1/2) Int {tr[phi^-T phi] - n} d nu / 2 pi, phi(nu) = spectral matrix of what is observed        docs/theory.md (66), (67)

    Of one coordinate alone: 0; inf where one observed coordinate follows from the others. The integral is taken at nodes that
    double until eleven digits stand still.

    Parameters
    ----------
    joint_drift, joint_diffusion : (n, n) of the whole system; the drift is stable.
    observed : coordinates.

    Raises
    ------
    ValueError : the drift is not stable, or no convergence: the rate is infinite, or a resonance is too narrow.

    >>> round(marginal_entropy_production_rate([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], [0, 1]), 9)
    8.0
    """
    drift, noise = stable_system(joint_drift, joint_diffusion)
    rates = np.linalg.eigvals(drift)
    # between the widest and the narrowest feature of the spectrum
    unit = math.sqrt(float(-rates.real.max()) * float(np.abs(rates).max()))
    chosen, last, n_node = list(observed), math.nan, 32
    while n_node <= _MOST_NODES:
        # midpoints in theta of nu = unit tan(theta / 2): periodic, so that the error falls exponentially
        theta = (np.arange(n_node) + 0.5) * math.pi / n_node
        total = 0.0
        for part in np.array_split(theta, max(1, n_node // 256)):
            density = _irreversibility_density(drift, noise, unit * np.tan(part / 2), chosen)
            total += float(np.sum(density / np.cos(part / 2) ** 2)) * unit / (4 * n_node)
        if math.isinf(total) or abs(total - last) <= _CONVERGED * total + 1e-16 * unit:
            return total
        last, n_node = total, 2 * n_node
    raise ValueError(
        f"marginal_entropy_production_rate: {last:.9g} after {n_node // 2} nodes, expected convergence; a noisy"
        f" one of the coordinates {chosen} drives a noiseless one (the rate is infinite), or a resonance is too narrow"
    )


def _irreversibility_density(drift: Matrix, noise: Matrix, frequency: Array, observed: list[int]) -> Array:
    """tr[phi^-T phi] - n at every frequency, from phi = R + i X: nothing cancels where X is small; docs/theory.md (67)."""
    unit = np.eye(len(drift))
    transfer = np.linalg.solve(1j * frequency[:, None, None] * unit - drift, unit[None].astype(complex))[:, observed]
    spectrum = transfer @ (2 * noise) @ np.swapaxes(transfer.conj(), 1, 2)
    factor = blocks.cholesky_factor((spectrum.real + np.swapaxes(spectrum.real, 1, 2)) / 2)
    half = np.linalg.solve(factor, (spectrum.imag - np.swapaxes(spectrum.imag, 1, 2)) / 2)
    turning = np.linalg.solve(factor, np.swapaxes(half, 1, 2))
    if np.isnan(turning).any():
        return np.full(len(frequency), math.inf)
    coherence = np.linalg.eigvalsh(turning @ np.swapaxes(turning, 1, 2))
    fixed = coherence >= 1 - len(drift) * ROUNDING  # phi is singular: one coordinate follows from the others
    return np.asarray(np.where(fixed, math.inf, 2 * coherence / np.where(fixed, 1.0, 1 - coherence)).sum(axis=-1))
