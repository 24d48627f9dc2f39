"""Exact law of one time step of a linear Langevin system, for any drift: stiff, singular or unstable."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_stationary import Matrix, square_matrix, symmetric_matrix


class Propagator(NamedTuple):
    """x(t + dt) = matrix x(t) + normal noise of this covariance."""

    matrix: Matrix
    """F = exp(A dt)."""
    covariance: Matrix
    """Of the noise gathered in the step: integral of exp(A s) 2 D exp(A^T s) over 0 < s < dt  [x^2]."""


def propagator_increment(drift: Matrix, noise: Matrix, dt: float) -> tuple[Matrix, Matrix]:
    """(exp(A dt) - 1, noise covariance) by a Taylor series on a short step and doubling, docs/theory.md (31).

    The increment, not exp(A dt) itself, is squared: near 1 the slow modes live in its last digits, and squaring would
    amplify their rounding. Every operation commutes with a change of the units of x, and exp(-A dt) never appears, so
    nothing overflows that is not itself too large. Cost O(n^3 log(rate dt)).
    """
    # Spectral radius of |A|: its least infinity norm over all choices of units, hence no needless doublings.
    rate = float(np.abs(np.linalg.eigvals(np.abs(drift))).max())
    n_doubling = max(0, math.ceil(math.log2(rate * dt / 0.5))) if rate * dt > 0.5 else 0
    step = math.ldexp(dt, -n_doubling)
    term = np.eye(len(drift))
    noise_term = 2.0 * step * noise
    increment = np.zeros_like(drift)
    covariance = noise_term.copy()
    # Until terms are below rounding: rate x step <= 1/2, and the noise, which A drives from both sides, has 1 / 20!.
    for order in range(1, 20):
        term = term @ drift * (step / order)
        increment += term
        drive = drift @ noise_term
        noise_term = (drive + drive.T) * (step / (order + 1))
        covariance += noise_term
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n_doubling):
            factor = increment + np.eye(len(drift))
            covariance = covariance + factor @ covariance @ factor.T
            increment = 2.0 * increment + increment @ increment
    return increment, 0.5 * (covariance + covariance.T)


def propagator(drift_matrix: ArrayLike, diffusion: ArrayLike, dt: float) -> Propagator:
    """Exact law of a step of dx = A x dt + sqrt(2 D) dW: the matrix F and the covariance of the noise.

    F = exp(A dt), N = integral of exp(A s) 2 D exp(A^T s) over 0 < s < dt
    docs/theory.md (30); Van Loan, IEEE Trans. Autom. Control 23, 395 (1978)

    The two integrals of Van Loan's block exponential, by doubling: the block holds exp(-A dt), which overflows for
    stiff drifts. A need not be stable or invertible, D may be singular.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau].
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.
    dt : time step [tau], >= 0.

    Raises
    ------
    ValueError : dt is negative or not finite, or the unstable modes grow beyond float64.

    >>> step = propagator([[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]], 3.0)
    >>> step.matrix.round(12).tolist(), step.covariance.round(12).tolist()
    ([[1.0, 3.0], [0.0, 1.0]], [[18.0, 9.0], [9.0, 6.0]])
    """
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    if not (math.isfinite(dt) and dt >= 0.0):
        raise ValueError(f"propagator: dt = {dt!r} [tau], expected a finite number >= 0")
    increment, covariance = propagator_increment(drift, noise, float(dt))
    if not (np.all(np.isfinite(increment)) and np.all(np.isfinite(covariance))):
        leading = float(np.linalg.eigvals(drift).real.max())
        raise ValueError(
            f"propagator: growth exp({leading:.6g} x {dt:.6g}) exceeds float64, expected less than exp(350); lower dt"
        )
    return Propagator(increment + np.eye(len(drift)), covariance)
