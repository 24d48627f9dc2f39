"""Transfer entropy between samples of a linear Langevin system: what an estimator from a time series converges to.

docs/theory.md, "Neurons that sense a velocity".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory import gaussian
from nessmap.theory.gaussian_information import Coordinates
from nessmap.theory.gaussian_stationary import Matrix, cholesky_factor, stable_system, unit_of


def sampled_transfer_entropy_rate(
    drift_matrix: ArrayLike,
    diffusion: ArrayLike,
    source: Coordinates,
    target: Coordinates,
    dt: float,
    n_history: int | None = None,
) -> float:
    """Transfer entropy from source to target between samples dt apart, divided by dt  [nats/time].

    ln det(F_ts P F_ts^T + N_tt)/det(N_tt) / (2 dt), P = covariance of the source given n_history samples of the target
    docs/theory.md (172); Barnett & Seth, J. Neurosci. Methods 275, 93 (2017)

    With all the past it is below `gaussian.transfer_entropy_rate` and tends to it as dt -> 0; a short history makes it
    larger again, since less of the source is known from the target alone.

    Parameters
    ----------
    source, target : coordinates, disjoint, together all.
    dt : spacing of the samples [time], > 0.
    n_history : samples of the target, the present one included; all the past if not given.

    >>> rate = sampled_transfer_entropy_rate([[-1.0, 0.5], [0.8, -2.0]], [[1.0, 0.3], [0.3, 0.5]], [1], [0], 0.1, 5)
    >>> round(rate, 12)
    0.009624765683
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    order = np.arange(len(drift))
    seen, hidden = order[target], order[source]
    if not np.array_equal(np.sort(np.concatenate([seen, hidden])), order):
        raise ValueError(
            f"source, target: {hidden.tolist()} and {seen.tolist()}, expected a partition of all {len(drift)} coordinates"
        )
    if not (math.isfinite(dt) and dt > 0.0):
        raise ValueError(f"dt = {dt!r}, expected a finite number > 0 [time]")
    if n_history is not None and n_history < 1:
        raise ValueError(f"n_history: {n_history}, expected at least the present sample, or None for all the past")
    unit = unit_of(gaussian.stationary_covariance(drift, noise))
    drift, noise = drift * (unit / unit[:, None]), noise / np.outer(unit, unit)
    step = gaussian.propagator(drift, noise, dt)
    own, reach = step.matrix[np.ix_(hidden, hidden)], step.matrix[np.ix_(seen, hidden)]
    gathered, observed = step.covariance[np.ix_(hidden, hidden)], step.covariance[np.ix_(seen, seen)]
    common = step.covariance[np.ix_(hidden, seen)]
    if n_history is None:
        error = _steady_error(own, reach, gathered, observed, common)
    else:
        covariance = gaussian.stationary_covariance(drift, noise)
        error = np.linalg.inv(np.linalg.inv(covariance)[np.ix_(hidden, hidden)])
        for _ in range(n_history - 1):
            predicted = own @ error @ reach.T + common
            gain = np.linalg.solve(reach @ error @ reach.T + observed, predicted.T)
            error = own @ error @ own.T + gathered - predicted @ gain
            error = 0.5 * (error + error.T)
    factor = cholesky_factor(observed, "noise of the target", "add noise to it")
    half = np.linalg.solve(factor, reach)
    # ln det(1 + X), X >= 0 small at short steps
    return float(0.5 * np.sum(np.log1p(np.maximum(np.linalg.eigvalsh(half @ error @ half.T), 0.0))) / dt)


def _steady_error(own: Matrix, reach: Matrix, gathered: Matrix, observed: Matrix, common: Matrix) -> Matrix:
    """Covariance of the source given all the past of the target, of the filter that runs for ever."""
    from scipy.linalg import solve_discrete_are

    return np.asarray(solve_discrete_are(own.T, reach.T, gathered, observed, s=common))
