"""Inequalities between what linear Langevin systems dissipate, how fast they change, and how fast they learn.

dx = A x dt + sqrt(2 D) dW, all variables even, Gaussian states. A bound comes with the quantity that it limits, so that
their ratio says where it is tight. docs/theory.md, "Bounds".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory import gaussian
from nessmap.theory.gaussian_information import Coordinates
from nessmap.theory.gaussian_stationary import Matrix, cholesky_factor, square_matrix, stable_system, symmetric_matrix
from nessmap.theory.second_law import Array, mean_square_current


def _root(covariance: Matrix) -> Matrix:
    """R with R R^T = S, of a possibly singular S."""
    strength, axis = np.linalg.eigh(covariance)
    return np.asarray(axis * np.sqrt(np.maximum(strength, 0.0)))


def wasserstein_squared(
    mean: ArrayLike, covariance: ArrayLike, other_mean: ArrayLike, other_covariance: ArrayLike
) -> float:
    """Squared 2-Wasserstein distance of two normal distributions  [x^2].

    |m0 - m1|^2 + min_O |R0 O - R1|^2 over rotations O, S = R R^T                                  docs/theory.md (187)
    Olkin & Pukelsheim, Linear Algebra Appl. 48, 257 (1982); one variable: (m0 - m1)^2 + (sd0 - sd1)^2

    Parameters
    ----------
    mean, other_mean : (n,) arrays [x].
    covariance, other_covariance : (n, n) arrays [x^2]; symmetric positive semidefinite.

    >>> wasserstein_squared([0.0], [[4.0]], [1.0], [[1.0]])
    2.0
    """
    first = symmetric_matrix(covariance, "covariance")
    last = symmetric_matrix(other_covariance, "other_covariance", len(first))
    offset = np.asarray(mean, dtype=float) - np.asarray(other_mean, dtype=float)
    if offset.shape != (len(first),):
        raise ValueError(f"mean, other_mean: shape {offset.shape}, expected ({len(first)},) as the covariances")
    one, other = _root(first), _root(last)
    left, _, right = np.linalg.svd(one.T @ other)
    # a difference of roots, not of traces: close states keep their digits
    return float(offset @ offset + np.sum((one @ left @ right - other) ** 2))


def transport_bound(
    mean: ArrayLike,
    covariance: ArrayLike,
    other_mean: ArrayLike,
    other_covariance: ArrayLike,
    diffusion: ArrayLike,
    time: float,
) -> float:
    """Least entropy production with which any drift takes one normal law to the other in a time  [k_B].

    int sigma dt >= W_2^2 / t in coordinates in which D = 1                                        docs/theory.md (188)
    Benamou & Brenier, Numer. Math. 84, 375 (2000); Aurell et al., J. Stat. Phys. 147, 487 (2012)

    Parameters
    ----------
    diffusion : (n, n) array, positive definite, constant [x^2/time].
    time : > 0.

    >>> round(transport_bound([0.0], [[4.0]], [1.0], [[1.0]], [[0.5]], 2.0), 12)
    2.0
    """
    if not (math.isfinite(time) and time > 0.0):
        raise ValueError(f"transport_bound: time = {time!r}, expected a finite number > 0")
    factor = cholesky_factor(
        symmetric_matrix(diffusion, "diffusion"), "diffusion", "a direction without noise costs inf"
    )
    inverse = np.linalg.inv(factor)
    laws = []
    for centre, spread in ((mean, covariance), (other_mean, other_covariance)):
        root = inverse @ _root(symmetric_matrix(spread, "covariance", len(factor)))
        laws += [inverse @ np.asarray(centre, dtype=float), root @ root.T]
    return wasserstein_squared(*laws) / time


def _speed(drift: Matrix, noise: Matrix, covariance: Matrix) -> Matrix:
    """dS/dt of a Gaussian state."""
    flux = drift @ covariance
    return np.asarray(flux + flux.T + 2.0 * noise)


def temporal_fisher_information(
    drift_matrix: ArrayLike, diffusion: ArrayLike, covariance: ArrayLike, mean: ArrayLike | None = None
) -> float:
    """Mean square rate at which the log density of a Gaussian state changes, <(d ln p/dt)^2>  [1/time^2].

    tr[(S^-1 S')^2]/2 + m'^T S^-1 m'              docs/theory.md (192); Ito & Dechant, PRX 10, 021056 (2020)

    Parameters
    ----------
    drift_matrix : (n, n) array [1/time]; need not be stable.
    covariance : (n, n) array [x^2], of the state now; positive definite.
    mean : (n,) array [x], of the state now; zero if not given.

    >>> temporal_fisher_information([[-1.0]], [[1.0]], [[2.0]], [1.0])
    1.0
    """
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    state = symmetric_matrix(covariance, "covariance", len(drift))
    cholesky_factor(state, "covariance", "a state without spread changes at an infinite rate")
    relative = np.linalg.solve(state, _speed(drift, noise, state))
    centre = np.zeros(len(drift)) if mean is None else drift @ np.asarray(mean, dtype=float)
    return float(0.5 * np.sum(relative * relative.T) + centre @ np.linalg.solve(state, centre))


class InformationRate(NamedTuple):
    """How fast two parts gain mutual information, |rate| <= fisher_bound and <= dissipation_bound [nats/time]."""

    rate: float
    fisher_bound: float
    """sqrt(<(d ln p/dt)^2> Var i), i = pointwise mutual information."""
    dissipation_bound: float
    """sqrt(entropy production rate <grad i^T D grad i>)."""


def mutual_information_rate(
    drift_matrix: ArrayLike, diffusion: ArrayLike, covariance: ArrayLike, a: Coordinates, b: Coordinates
) -> InformationRate:
    """Rate of the mutual information of a and b in a Gaussian state, and two Cauchy-Schwarz bounds on it  [nats/time].

    dI/dt = tr(K S')/2,  K = diag(S_aa^-1, S_bb^-1) - S^-1                                   docs/theory.md (193), (194)

    Parameters
    ----------
    drift_matrix : (n, n) array [1/time]; stable, needed for the entropy production.
    covariance : (n, n) array [x^2], of the state now.
    a, b : coordinates, disjoint; others are hidden.

    >>> found = mutual_information_rate([[-1.0, 0.0], [1.0, -1.0]], np.eye(2), [[1.0, 0.2], [0.2, 1.0]], [0], [1])
    >>> [round(number, 6) for number in found]
    [0.116667, 0.124722, 0.23863]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    state = symmetric_matrix(covariance, "covariance", len(drift))
    order = np.arange(len(drift))
    first, second = order[a], order[b]
    speed = _speed(drift, noise, state)
    kernel = np.zeros_like(state)
    for part, sign in ((first, 1.0), (second, 1.0), (np.concatenate([first, second]), -1.0)):
        block = np.ix_(part, part)
        kernel[block] += sign * np.linalg.inv(state[block])
    joint = np.ix_(np.concatenate([first, second]), np.concatenate([first, second]))
    relative = np.linalg.solve(state[joint], speed[joint])
    fisher = 0.5 * float(np.sum(relative * relative.T))
    spread = kernel @ state
    variance = 0.5 * float(np.sum(spread * spread.T))
    production = gaussian.entropy_balance(drift, noise, state).production
    roughness = float(np.sum((kernel @ noise @ kernel) * state))
    return InformationRate(
        0.5 * float(np.sum(kernel * speed)), math.sqrt(fisher * variance), math.sqrt(production * roughness)
    )


def dissipation_bounds(
    drift_matrix: Array, diffusion: Array, covariances: Array, a: Coordinates, b: Coordinates
) -> tuple[Array, Array]:
    """Rate of the mutual information in many states at once, and the most that dissipation permits, (...)  [nats/time].

    dI/dt = tr(K S')/2,  bound = sqrt(Pi tr(K D K S)), Pi of the spread alone: a mean that moves tells nothing
    docs/theory.md (193), (194)

    Parameters
    ----------
    diffusion : (n, n) array, positive definite [x^2/time].
    covariances : (..., n, n) array [x^2]; NaN for those that are not positive definite.
    a, b : coordinates, disjoint; others are hidden.

    >>> drift, state = np.array([[-1.0, 0.0], [1.0, -1.0]]), np.array([[1.0, 0.2], [0.2, 1.0]])
    >>> rate, bound = dissipation_bounds(drift, np.eye(2), state, [0], [1])
    >>> round(float(rate), 6), round(float(bound), 6)
    (0.116667, 0.23863)
    """
    order = np.arange(len(drift_matrix))
    first, second = order[a], order[b]
    positive = np.linalg.eigvalsh(covariances)[..., 0] > 0.0
    states = np.where(positive[..., None, None], covariances, np.eye(len(order)))
    kernel = np.zeros_like(states)
    for part, sign in ((first, 1.0), (second, 1.0), (np.concatenate([first, second]), -1.0)):
        rows, columns = np.ix_(part, part)
        kernel[..., rows, columns] += sign * np.linalg.inv(states[..., rows, columns])
    flux = drift_matrix @ states
    rate = 0.5 * np.sum(kernel * (flux + flux.mT + 2.0 * diffusion), axis=(-2, -1))
    roughness = np.sum((kernel @ diffusion @ kernel) * states, axis=(-2, -1))
    production = mean_square_current(drift_matrix, diffusion, states)
    bound = np.sqrt(np.maximum(production * roughness, 0.0))
    return np.where(positive, rate, np.nan), np.where(positive, bound, np.nan)


def information_flow_bound(
    drift_matrix: ArrayLike, diffusion: ArrayLike, a: Coordinates, b: Coordinates
) -> tuple[float, float]:
    """Stationary flow of a and the largest that its own dissipation permits, |I^a| <= bound  [nats/time].

    sqrt(sigma_a tr{D_aa [(S^-1)_aa - S_aa^-1]}), sigma_a = `local_entropy_production`               docs/theory.md (195)

    Parameters
    ----------
    a, b : coordinates, disjoint, together all; D_ab = 0.

    >>> flow, bound = information_flow_bound([[-1.0, 0.0], [1.0, -1.0]], np.eye(2), [1], [0])
    >>> round(flow, 12), round(bound, 12)
    (0.2, 0.2)
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    part = np.arange(len(drift))[a]
    block = np.ix_(part, part)
    covariance = gaussian.stationary_covariance(drift, noise)
    informed = np.linalg.inv(covariance)[block] - np.linalg.inv(covariance[block])
    cost = gaussian.local_entropy_production(drift, noise, a, b)
    return gaussian.information_flow(drift, noise, a, b), math.sqrt(
        cost * max(float(np.sum(noise[block] * informed)), 0.0)
    )


class DivergenceRate(NamedTuple):
    """Rate of the divergence of a state that moves from one that rests, |rate| <= fisher_bound [nats/time]."""

    rate: float
    fisher_bound: float
    """sqrt(<(d ln p/dt)^2> Var ln(p/q))."""


def divergence_rate(
    drift_matrix: ArrayLike,
    diffusion: ArrayLike,
    mean: ArrayLike,
    covariance: ArrayLike,
    reference_mean: ArrayLike,
    reference_covariance: ArrayLike,
) -> DivergenceRate:
    """Rate of KL(p_t || q) of a Gaussian state from a fixed normal law q, and a Cauchy-Schwarz bound on it  [nats/time].

    d KL/dt = tr[(S_q^-1 - S^-1) S']/2 + (m - m_q)^T S_q^-1 m'                                     docs/theory.md (196)

    Parameters
    ----------
    drift_matrix : (n, n) array [1/time]; need not be stable.
    mean, covariance : of the state now [x], [x^2].
    reference_mean, reference_covariance : of q; both covariances positive definite.

    >>> found = divergence_rate([[-1.0]], [[1.0]], [1.0], [[2.0]], [0.0], [[1.0]])
    >>> found.rate, round(found.fisher_bound, 12)
    (-1.5, 1.581138830084)
    """
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    state = symmetric_matrix(covariance, "covariance", len(drift))
    target = symmetric_matrix(reference_covariance, "reference_covariance", len(drift))
    centre = np.asarray(mean, dtype=float)
    pull = np.linalg.solve(target, centre - np.asarray(reference_mean, dtype=float))
    kernel = np.linalg.inv(target) - np.linalg.inv(state)
    spread = kernel @ state
    variance = 0.5 * float(np.sum(spread * spread.T)) + float(pull @ state @ pull)
    fisher = temporal_fisher_information(drift, noise, state, centre)
    rate = 0.5 * float(np.sum(kernel * _speed(drift, noise, state))) + float(pull @ drift @ centre)
    return DivergenceRate(rate, math.sqrt(fisher * variance))
