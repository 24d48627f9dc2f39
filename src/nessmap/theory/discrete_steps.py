"""Stationary law of a linear chain x' = P x + z: what an integrator samples, as against what it approximates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_stationary import Matrix, square_matrix, symmetric_matrix

_DOUBLINGS = 60


def stationary_covariance(step: ArrayLike, noise: ArrayLike) -> Matrix:
    """Covariance S = P S P^T + N of the stationary chain, by doubling its length  [x^2].

    S_2m = S_m + P^m S_m (P^m)^T,  S_1 = N                                                  docs/theory.md (100)

    Parameters
    ----------
    step : (n, n) array P; every eigenvalue inside the unit circle.
    noise : (n, n) array N, symmetric positive semidefinite [x^2].

    Raises
    ------
    ValueError : the chain grows; the message names its largest factor.

    >>> stationary_covariance([[0.5]], [[3.0]]).tolist()
    [[4.0]]
    """
    factor = square_matrix(step, "step")
    covariance = symmetric_matrix(noise, "noise", len(factor))
    growth = float(np.abs(np.linalg.eigvals(factor)).max())
    if not growth < 1.0:
        raise ValueError(f"step: grows by {growth:.6g} a step, expected below 1; lower dt")
    for _ in range(_DOUBLINGS):
        added = factor @ covariance @ factor.T
        covariance = covariance + (added + added.T) / 2
        if np.abs(added).max() <= 1e-17 * np.abs(covariance).max():
            break
        factor = factor @ factor
    return np.asarray(covariance)
