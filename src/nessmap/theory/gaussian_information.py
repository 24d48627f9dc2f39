"""Information in Gaussian states: mutual information, its flow through a cut, transfer entropy, divergence.

`a`, `b`, `source`, `target` are lists of coordinates or slices and may not overlap; coordinates in neither are hidden.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.gaussian_stationary import (
    ROUNDING,
    Matrix,
    cholesky_factor,
    irreversible_circulation,
    outer_unit,
    stable_system,
    stationary_covariance,
    symmetric_matrix,
    unit_of,
)

Coordinates: TypeAlias = Sequence[int] | NDArray[np.integer] | slice
Indices: TypeAlias = NDArray[np.intp]

_DEPENDENT = "drop coordinates that are fixed or combinations of others"


def _indices(selection: Coordinates, n_dim: int, name: str) -> Indices:
    """Coordinates as an index array; negative ones count from the end."""
    chosen = np.arange(n_dim)[selection] if isinstance(selection, slice) else np.asarray(selection)
    if chosen.ndim != 1 or chosen.size == 0 or not np.issubdtype(chosen.dtype, np.integer):
        raise ValueError(f"{name}: {selection!r}, expected a slice or list of integers with at least one coordinate")
    if chosen.min() < -n_dim or chosen.max() >= n_dim:
        raise ValueError(f"{name}: {selection!r} is out of range, expected coordinates from 0 to {n_dim - 1}")
    chosen = chosen % n_dim
    if len(np.unique(chosen)) != len(chosen):
        raise ValueError(f"{name}: {selection!r} names a coordinate twice, expected each at most once")
    return chosen.astype(np.intp)


def _disjoint(first: Coordinates, second: Coordinates, n_dim: int, names: tuple[str, str]) -> tuple[Indices, Indices]:
    """Both selections as index arrays without a common coordinate."""
    one, other = _indices(first, n_dim, names[0]), _indices(second, n_dim, names[1])
    common = np.intersect1d(one, other)
    if common.size:
        raise ValueError(f"{names[0]}, {names[1]}: both hold coordinates {common.tolist()}, expected disjoint sets")
    return one, other


def _shares_noise(noise: Matrix, first: Indices, second: Indices) -> bool:
    """Whether any noise acts on both sets at once, beyond rounding."""
    cross = noise[np.ix_(first, second)] / outer_unit(noise)[np.ix_(first, second)]
    return bool(np.any(np.abs(cross) > ROUNDING))


def mutual_information(covariance: ArrayLike, a: Coordinates, b: Coordinates) -> float:
    """Mutual information of two sets of coordinates of a normal distribution  [nats].

    ln(det S_aa det S_bb / det S) / 2               docs/theory.md (23); Cover & Thomas, Elements of Information Theory

    Computed from canonical correlations, so that weak dependence loses no digits; inf where a determines a part of b.

    Parameters
    ----------
    covariance : (n, n) array [x^2]; symmetric, positive definite on a and on b.
    a, b : coordinates, disjoint.

    Raises
    ------
    ValueError : the sets overlap or are out of range, or S_aa or S_bb is singular.

    >>> round(mutual_information([[1.0, 0.6], [0.6, 1.0]], [0], [1]), 12)
    0.223143551314
    """
    from scipy.linalg import solve_triangular

    matrix = symmetric_matrix(covariance, "covariance")
    first, second = _disjoint(a, b, len(matrix), ("a", "b"))
    factor_a = cholesky_factor(matrix[np.ix_(first, first)], "covariance of a", _DEPENDENT)
    factor_b = cholesky_factor(matrix[np.ix_(second, second)], "covariance of b", _DEPENDENT)
    half = solve_triangular(factor_a, matrix[np.ix_(first, second)], lower=True)
    correlation = np.linalg.svd(solve_triangular(factor_b, half.T, lower=True), compute_uv=False)
    if correlation[0] ** 2 >= 1.0 - len(matrix) * np.finfo(np.float64).eps:
        return math.inf
    return float(-0.5 * np.sum(np.log1p(-(correlation**2))))


def information_flow(
    drift_matrix: ArrayLike, diffusion: ArrayLike, a: Coordinates, b: Coordinates, bipartite: bool = True
) -> float:
    """Stationary flow of a: rate at which the motion of a alone changes its mutual information with b  [nats / tau].

    tr[(S^-1)_ba (D + Q)_ab]                        docs/theory.md (24); Horowitz & Esposito, PRX 4, 031015 (2014)

    Positive: a learns about b. The flows of a and b sum to 2 tr[(S^-1)_ab D_ba], docs/theory.md (25). That is 0 for a
    bipartite system (D_ab = 0), whose flow enters the second law of each part and is exactly 0.0 at equilibrium.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.
    a, b : coordinates, disjoint.
    bipartite : expect D_ab = 0; False allows common noise, with the sum rule but without a second law of the parts.

    Raises
    ------
    ValueError : the drift is not stable, the sets overlap or are out of range, D_ab != 0, or S is singular.

    >>> round(information_flow([[-1.0, 0.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], [1], [0]), 12)
    0.2
    """
    from scipy.linalg import cho_solve

    drift, noise = stable_system(drift_matrix, diffusion)
    first, second = _disjoint(a, b, len(drift), ("a", "b"))
    if bipartite and _shares_noise(noise, first, second):
        raise ValueError(
            "information_flow: a and b share noise, expected D_ab = 0 (a bipartite system); pass bipartite=False for"
            " the flow with its sum rule, without a second law of the parts"
        )
    joint = np.concatenate([first, second])
    covariance = stationary_covariance(drift, noise)[np.ix_(joint, joint)]
    factor = cholesky_factor(covariance, "stationary covariance", _DEPENDENT)
    precision = cho_solve((factor, True), np.eye(len(joint)))[len(first) :, : len(first)]
    # Not tr(A_aa) + tr(D_aa (S^-1)_aa), whose terms grow with n and cancel at equilibrium.
    current = irreversible_circulation(drift, noise)[np.ix_(first, second)]
    if not bipartite:
        current = current + noise[np.ix_(first, second)]
    return float(np.sum(precision.T * current))


def local_entropy_production(drift_matrix: ArrayLike, diffusion: ArrayLike, a: Coordinates, b: Coordinates) -> float:
    """Share of the stationary entropy production rate that belongs to a, in a system made of a and b  [k_B / tau].

    tr[D_aa^-1 (Q S^-1 Q^T)_aa] >= 0                docs/theory.md (26); Horowitz & Esposito, PRX 4, 031015 (2014)

    It equals the entropy flow into the reservoir of a minus `information_flow` of a: the second law of a part. The
    shares of a and b sum to `entropy_production_rate`. Exactly 0.0 at equilibrium, inf where a noiseless direction of a
    is driven.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite, D_ab = 0.
    a, b : coordinates, disjoint; together all of them.

    Raises
    ------
    ValueError : as `information_flow`, or a and b leave a coordinate out. With D_ab != 0 no local second law exists.

    >>> round(local_entropy_production([[-1.0, 0.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], [1], [0]), 12)
    0.3
    """
    from scipy.linalg import solve_triangular

    drift, noise = stable_system(drift_matrix, diffusion)
    first, second = _disjoint(a, b, len(drift), ("a", "b"))
    if len(first) + len(second) != len(drift):
        missing = sorted(set(range(len(drift))) - set(first.tolist()) - set(second.tolist()))
        raise ValueError(
            f"a, b: leave out coordinates {missing}, expected a partition of all {len(drift)}; add them to b"
        )
    if _shares_noise(noise, first, second):
        raise ValueError(
            "local_entropy_production: a and b share noise, expected D_ab = 0 (a bipartite system); no share of the"
            " entropy production belongs to a part otherwise: use entropy_production_rate of the whole"
        )
    factor = cholesky_factor(stationary_covariance(drift, noise), "stationary covariance", _DEPENDENT)
    noise_a = noise[np.ix_(first, first)]
    if np.linalg.eigvalsh(noise_a / outer_unit(noise_a))[0] <= len(drift) * ROUNDING:
        return math.inf  # S is regular: a noiseless direction of a moves, and cannot move backwards
    noise_factor = cholesky_factor(noise_a, "diffusion of a", _DEPENDENT)
    velocity = solve_triangular(factor, irreversible_circulation(drift, noise)[first].T, lower=True)
    return float(np.sum(solve_triangular(noise_factor, velocity.T, lower=True) ** 2))


def transfer_entropy_rate(
    drift_matrix: ArrayLike, diffusion: ArrayLike, source: Coordinates, target: Coordinates
) -> float:
    """Stationary transfer entropy rate: what the source's past tells of the target beyond its own past  [nats / tau].

    tr[(2 D_tt)^-1 A_ts P A_ts^T] / 2, P = error covariance of the Kalman-Bucy filter of s given the past of t
    docs/theory.md (28), (29); Schreiber, PRL 85, 461 (2000); Kalman & Bucy, J. Basic Eng. 83, 95 (1961)

    Noise common to both enters the filter; what it correlates instantaneously is not counted. With hidden coordinates
    the rate is the difference of two filters: given the past of the target alone, and of both. O(n^3).

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite, positive definite on what is observed.
    source, target : coordinates, disjoint.

    Raises
    ------
    ValueError : the drift is not stable, the sets overlap or are out of range, or the target has a noiseless direction.

    >>> rate = transfer_entropy_rate([[-1.0, 0.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], source=[0], target=[1])
    >>> round(rate, 12), round((2**0.5 - 1) / 2, 12)
    (0.207106781187, 0.207106781187)
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    origin, goal = _disjoint(source, target, len(drift), ("source", "target"))
    alone = _unpredicted_drift_rate(drift, noise, goal, goal)
    both = _unpredicted_drift_rate(drift, noise, goal, np.concatenate([goal, origin]))
    return max(alone - both, 0.0)  # a difference of two filters may round below zero


def _unpredicted_drift_rate(drift: Matrix, noise: Matrix, target: Indices, observed: Indices) -> float:
    """Information rate that the drift of the target still holds once the past of `observed` is known  [nats / tau]."""
    from scipy.linalg import cho_solve, solve_continuous_are

    hidden = np.setdiff1d(np.arange(len(drift)), observed)
    drive = drift[np.ix_(target, hidden)]
    if not drive.any():
        return 0.0
    unit = unit_of(stationary_covariance(drift, noise))
    drift, noise = drift * (unit / unit[:, None]), noise / np.outer(unit, unit)
    drive = drift[np.ix_(target, hidden)]
    noise_observed = noise[np.ix_(observed, observed)]
    cholesky_factor(noise_observed, "diffusion of what is observed", "a record without noise reveals its drive at once")
    try:
        error = solve_continuous_are(
            drift[np.ix_(hidden, hidden)].T,
            drift[np.ix_(observed, hidden)].T,
            2.0 * noise[np.ix_(hidden, hidden)],
            2.0 * noise_observed,
            s=2.0 * noise[np.ix_(hidden, observed)],
        )
    except np.linalg.LinAlgError as failure:
        raise ValueError(
            f"transfer_entropy_rate: no stationary filter of the coordinates {hidden.tolist()} ({failure}), expected"
            " noise or damping in each of them; add a little noise there"
        ) from failure
    factor = cholesky_factor(noise[np.ix_(target, target)], "diffusion of the target", "add noise to it")
    return float(0.25 * np.sum(cho_solve((factor, True), drive) * (drive @ error)))


def kl_divergence(
    mean: ArrayLike, covariance: ArrayLike, reference_mean: ArrayLike, reference_covariance: ArrayLike
) -> float:
    """Kullback-Leibler divergence of a normal distribution from a reference one  [nats].

    [tr(S1^-1 S0) - n - ln det(S1^-1 S0) + (m0 - m1)^T S1^-1 (m0 - m1)] / 2, where 1 is the reference
    docs/theory.md (22); Kullback & Leibler, Ann. Math. Stat. 22, 79 (1951)

    inf where S0 is singular.

    Parameters
    ----------
    mean, reference_mean : (n,) arrays [x].
    covariance : (n, n) array [x^2]; symmetric positive semidefinite.
    reference_covariance : (n, n) array [x^2]; symmetric positive definite.

    Raises
    ------
    ValueError : shapes differ or the reference covariance is singular.

    >>> round(kl_divergence([1.0], [[2.0]], [0.0], [[1.0]]), 12)
    0.65342640972
    """
    from scipy.linalg import solve_triangular

    reference = symmetric_matrix(reference_covariance, "reference_covariance")
    state = symmetric_matrix(covariance, "covariance", len(reference))
    offset = np.array(mean, dtype=np.float64) - np.array(reference_mean, dtype=np.float64)
    if offset.shape != (len(reference),):
        raise ValueError(f"mean, reference_mean: shape {offset.shape}, expected ({len(reference)},) as the covariances")
    factor = cholesky_factor(reference, "reference_covariance", _DEPENDENT)
    try:
        cholesky_factor(state, "covariance", _DEPENDENT)
    except ValueError:
        return math.inf
    half = solve_triangular(factor, state - reference, lower=True)
    # Eigenvalues of S1^-1 S0 - 1: each has its own non-negative term, so close states lose no digits to cancellation.
    excess = np.linalg.eigvalsh(solve_triangular(factor, half.T, lower=True))
    distance = solve_triangular(factor, offset, lower=True)
    return float(0.5 * (np.sum(excess - np.log1p(excess)) + distance @ distance))
