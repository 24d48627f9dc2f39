"""Entropy production of a linear Langevin system: stationary rate, fluctuations, estimators' means, transients."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_propagator import propagator_increment
from nessmap.theory.gaussian_stationary import (
    Matrix,
    WhiteCoordinates,
    cholesky_factor,
    reversibility_defect,
    solve_lyapunov,
    stable_system,
    stationary_covariance,
    symmetric_matrix,
    white_coordinates,
)


class EntropyBalance(NamedTuple):
    """Rates of entropy [k_B / tau]: entropy_rate = production - flow, production = housekeeping + excess."""

    entropy_rate: float
    """Of the state's own differential entropy."""
    production: float
    """Total, >= 0."""
    flow: float
    """Into the reservoir."""
    housekeeping: float
    """Share that keeps the stationary currents going, >= 0."""
    excess: float
    """Share that relaxes the state: minus the time derivative of its divergence from the stationary one, >= 0."""


def _irreversible_part(drift: Matrix, noise: Matrix) -> WhiteCoordinates | float:
    """White coordinates of an irreversible system; 0.0 at equilibrium, inf where reversed paths are impossible."""
    defect = reversibility_defect(drift, noise)
    if not defect.any():
        return 0.0
    white = white_coordinates(drift, noise, defect)
    return math.inf if white is None else white


def entropy_production_rate(drift_matrix: ArrayLike, diffusion: ArrayLike) -> float:
    """Stationary entropy production rate of dx = A x dt + sqrt(2 D) dW, all variables even  [k_B / tau].

    tr(D^-1 A Q) with A Q + Q A^T = A D - D A^T     docs/theory.md (7); Godreche & Luck, J. Phys. A 52, 035002 (2019)

    Exactly 0.0 at equilibrium (A D = D A^T to the rounding of A and D), inf where the drift feeds a noiseless
    direction. Loses log10 cond(D) digits, with D scaled to a unit diagonal. O(n^3).

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Raises
    ------
    ValueError : the drift is not stable (the message names the leading eigenvalue), or D is too near singular.

    >>> round(entropy_production_rate([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]), 12)
    8.0
    """
    white = _irreversible_part(*stable_system(drift_matrix, diffusion))
    if isinstance(white, float):
        return white
    # tr(D^-1 A Q) in white coordinates keeps only the antisymmetric part of A: nothing of order n cancels.
    circulation = solve_lyapunov(white.drift, white.defect, np.ones(len(white.drift)))
    return float(-0.5 * np.sum(white.defect * circulation))


def entropy_production_variance_rate(drift_matrix: ArrayLike, diffusion: ArrayLike) -> float:
    """Long-time variance of the time-integrated entropy production, per unit time  [k_B^2 / tau].

    2 tr[(2 Y + M_a)^T D (2 Y + M_a) S] with A^T Y + Y A = -sym(M_a^T A), M_a the antisymmetric part of D^-1 A
    docs/theory.md (15); at least twice the rate itself: Barato & Seifert, PRL 114, 158101 (2015)

    A time average over a duration T has standard error sqrt(variance rate / T). Exactly 0.0 at equilibrium, inf with
    the rate itself.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Raises
    ------
    ValueError : as `entropy_production_rate`.

    >>> round(entropy_production_variance_rate([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]), 12)
    80.0
    """
    white = _irreversible_part(*stable_system(drift_matrix, diffusion))
    if isinstance(white, float):
        return white
    unit = np.ones(len(white.drift))
    covariance = solve_lyapunov(white.drift, -2.0 * np.eye(len(unit)), unit)
    response = solve_lyapunov(white.drift.T, -_white_weight(white), unit)
    gradient = response + response.T + 0.5 * white.defect
    return float(2.0 * np.sum((gradient @ covariance) * gradient))


def _white_weight(white: WhiteCoordinates) -> Matrix:
    """sym(M_a^T A) in white coordinates, where M_a = (B - B^T) / 2."""
    weight = 0.5 * white.defect.T @ white.drift
    return np.asarray(0.5 * (weight + weight.T), dtype=np.float64)


def _finite_irreversible_part(drift: Matrix, noise: Matrix) -> WhiteCoordinates | None:
    """White coordinates of an irreversible system, None at equilibrium; raise where reversed paths are impossible."""
    white = _irreversible_part(drift, noise)
    if not isinstance(white, float):
        return white
    if math.isinf(white):
        raise ValueError(
            "diffusion: the drift feeds a direction without noise, expected noise wherever the drift acts; the entropy"
            " production rate is infinite: add noise, or describe that direction as odd under time reversal"
        )
    return None


def antisymmetric_force(drift_matrix: ArrayLike, diffusion: ArrayLike) -> Matrix:
    """Matrix M_a of the force that no potential explains, in units of the noise  [1 / x^2].

    M_a = (D^-1 A - A^T D^-1) / 2 = D^-1 (A D - D A^T) D^-1 / 2        docs/theory.md (12)

    Exact sampling at steps dt produces x'^T M_a x of entropy per step on average (docs/theory.md (33)). Exactly zero at
    equilibrium.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Raises
    ------
    ValueError : as `entropy_production_rate`, or the drift feeds a noiseless direction: no finite force exists there.

    >>> antisymmetric_force([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]).round(12).tolist()
    [[0.0, 2.0], [-2.0, 0.0]]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    white = _finite_irreversible_part(drift, noise)
    if white is None:
        return np.zeros_like(drift)
    force = 0.5 * white.inverse.T @ white.defect @ white.inverse
    return np.asarray(0.5 * (force - force.T), dtype=np.float64)


def local_mean_weight(drift_matrix: ArrayLike, diffusion: ArrayLike) -> Matrix:
    """Symmetric P such that x^T P x has the entropy production rate as its stationary mean  [k_B / (tau x^2)].

    P = sym(M_a^T A), M_a = (D^-1 A - A^T D^-1) / 2, tr(P S) = entropy production rate     docs/theory.md (14)

    The weight of the local-mean estimator: no time-step bias; it sees covariances only. Exactly zero at equilibrium.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Raises
    ------
    ValueError : as `antisymmetric_force`.

    >>> local_mean_weight([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]).round(12).tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    white = _finite_irreversible_part(drift, noise)
    if white is None:
        return np.zeros_like(drift)
    return np.asarray(white.inverse.T @ _white_weight(white) @ white.inverse, dtype=np.float64)


def path_entropy_production_rate_at(drift_matrix: ArrayLike, diffusion: ArrayLike, dt: float) -> float:
    """Mean of the path estimator of the entropy production rate on exact samples dt apart  [k_B / tau].

    tr(M_a S F^T) / dt, F = exp(A dt), M_a = antisymmetric part of D^-1 A          docs/theory.md (33)

    The estimator is the Stratonovich sum of (M_a x)^T o dx: the entropy of the path, its exact differential removed.
    Its mean is low by a fraction of about damping rate x dt, and tends to `entropy_production_rate` as dt -> 0 without
    loss of digits. Exactly 0.0 at equilibrium.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.
    dt : spacing of the samples [tau], > 0.

    Raises
    ------
    ValueError : as `entropy_production_rate`, or dt is not positive.

    >>> round(path_entropy_production_rate_at([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], 0.1), 9)
    7.190537773
    """
    if not (math.isfinite(dt) and dt > 0.0):
        raise ValueError(f"path_entropy_production_rate_at: dt = {dt!r} [tau], expected a finite number > 0")
    white = _irreversible_part(*stable_system(drift_matrix, diffusion))
    if isinstance(white, float):
        return white
    identity = np.eye(len(white.drift))
    covariance = solve_lyapunov(white.drift, -2.0 * identity, np.ones(len(identity)))
    # F - 1 serves as well as F, because tr(M_a S) = 0, and does not cancel at small dt.
    increment, _ = propagator_increment(white.drift, identity, float(dt))
    return float(0.5 * np.sum(white.defect * (increment @ (0.5 * (covariance + covariance.T)))) / dt)


def differential_entropy(covariance: ArrayLike) -> float:
    """Differential (Shannon) entropy of a normal distribution  [nats].

    ln det(2 pi e S) / 2                            docs/theory.md (17)

    It can be negative and shifts with the unit of x; differences do not. -inf for a singular S.

    Parameters
    ----------
    covariance : (n, n) array [x^2]; symmetric positive semidefinite.

    >>> round(differential_entropy([[1.0]]), 12)
    1.418938533205
    """
    matrix = symmetric_matrix(covariance, "covariance")
    try:
        factor = cholesky_factor(matrix, "covariance", "")
    except ValueError:
        return -math.inf
    return float(0.5 * len(matrix) * math.log(2.0 * math.pi * math.e) + np.sum(np.log(np.diag(factor))))


def entropy_balance(
    drift_matrix: ArrayLike, diffusion: ArrayLike, covariance: ArrayLike, mean: ArrayLike | None = None
) -> EntropyBalance:
    """Entropy rate, production, flow, housekeeping and excess of a Gaussian state that relaxes  [k_B / tau].

    housekeeping = tr(V^T D^-1 V (S + m m^T)), V = Q S_inf^-1; excess = -d/dt of the divergence from stationarity
    docs/theory.md (18) to (21); Hatano & Sasa, PRL 86, 3463 (2001); Esposito & Van den Broeck, PRL 104, 090601 (2010)

    Where the drift feeds a noiseless direction, production, flow and housekeeping are inf; the other two stay finite.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite, noise reaches every direction.
    covariance : (n, n) array [x^2]; symmetric positive definite, of the state now.
    mean : (n,) array [x]; of the state now, measured from the fixed point; zero if not given.

    Raises
    ------
    ValueError : the drift is not stable, or a covariance (now or stationary) is singular: the rates do not exist then.

    >>> balance = entropy_balance([[-1.0]], [[1.0]], [[2.0]], [1.0])
    >>> [round(rate, 12) for rate in balance]
    [-0.5, 1.5, 2.0, 0.0, 1.5]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    n_dim = len(drift)
    state = symmetric_matrix(covariance, "covariance", n_dim)
    centre = np.zeros(n_dim) if mean is None else np.array(mean, dtype=np.float64)
    if centre.shape != (n_dim,) or not np.all(np.isfinite(centre)):
        raise ValueError(f"mean: shape {centre.shape}, expected ({n_dim},) finite numbers to match the drift matrix")
    final = stationary_covariance(drift, noise)
    factor = cholesky_factor(
        state, "covariance", "for a sharp start, begin with the propagator's covariance at a t > 0"
    )
    final_factor = cholesky_factor(final, "stationary covariance", "drop the coordinates that no noise reaches")
    precision, final_precision = _inverse(factor), _inverse(final_factor)

    entropy_rate = float(np.sum(noise * precision) + np.trace(drift))
    # D (S^-1 - S_inf^-1) x is the velocity with which the state relaxes; squares, so nothing cancels.
    relaxation = (precision - final_precision) @ factor
    shift = final_precision @ centre
    excess = float(np.sum(relaxation * (noise @ relaxation)) + shift @ noise @ shift)
    defect = reversibility_defect(drift, noise)
    if not defect.any():
        housekeeping = 0.0
    else:
        white = white_coordinates(drift, noise, defect)
        if white is None:
            return EntropyBalance(entropy_rate, math.inf, math.inf, math.inf, excess)
        circulation = solve_lyapunov(white.drift, white.defect, np.ones(n_dim))
        # White velocity field -Q S_inf^-1 x; S_inf^-1 is a covector in x, hence basis^T.
        velocity = circulation @ white.basis.T @ final_precision
        housekeeping = float(np.sum((velocity @ factor) ** 2) + np.sum((velocity @ centre) ** 2))
    production = housekeeping + excess
    return EntropyBalance(entropy_rate, production, production - entropy_rate, housekeeping, excess)


def _inverse(factor: Matrix) -> Matrix:
    """(L L^T)^-1 from its Cholesky factor."""
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((factor, True), np.eye(len(factor))), dtype=np.float64)
