"""Information flow of neurons from a score of the velocity: a lower bound that needs a few moments and no density.

The score d/dv ln p(r|v) is sought among functions that are linear in the activity and piecewise linear in the velocity.
docs/theory.md, "Learning with any tuning".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.conditional_response import ConditionalResponse
from nessmap.theory.nonlinear_sensing import Array, hermite_functions, normal_panels

KNOTS = np.linspace(-2.5, 2.5, 11)  # of the velocity, in its standard deviations; lines go on beyond the outermost ones
N_INTERVAL = len(KNOTS) - 1
_WIDTH = float(KNOTS[1] - KNOTS[0])
N_POWER = 3


def interval_of(v: Array) -> tuple[NDArray[np.int64], Array]:
    """Number of the interval in which v lies, and how far in it, 0 at its left knot and 1 at its right one.

    >>> number, place = interval_of(np.array([-3.0, 0.25]))
    >>> number.tolist(), place.tolist()
    ([0, 5], [-1.0, 0.5])
    """
    number = np.clip(np.floor((v - KNOTS[0]) / _WIDTH), 0, N_INTERVAL - 1).astype(np.int64)
    return number, np.asarray((v - KNOTS[number]) / _WIDTH)


def n_moment(n_neuron: int) -> int:
    """Of 1, r_i and r_i r_j, i <= j: moments that each interval keeps with each of three powers."""
    return 1 + n_neuron + n_neuron * (n_neuron + 1) // 2


def exact_moments(response: ConditionalResponse) -> Array:
    """<t^p {1, r_i, r_i r_j}; interval>, (N_INTERVAL * 3 * n_moment,), t the place in the interval, p = 0, 1, 2."""
    first, second = np.triu_indices(response.mean.shape[1])
    one = np.zeros((len(response.mean), 1))
    one[0] = 1.0
    series = np.concatenate([one, response.mean, response.second[:, first, second]], axis=1)
    return np.asarray((_interval_weights(len(series) - 1) @ series).ravel())


@lru_cache(maxsize=8)
def _interval_weights(n_term: int) -> Array:
    """<t^p h_n; interval>, (N_INTERVAL, 3, n_term + 1)."""
    z, measure = normal_panels(np.empty(0))  # whose edges the knots are
    number, place = interval_of(z)
    basis = hermite_functions(z, n_term) * measure
    powers = place ** np.arange(N_POWER)[:, None]
    return np.stack([(powers * (number == interval)) @ basis.T for interval in range(N_INTERVAL)])


def score_flow(moments: Array, n_neuron: int, signal_rate: float) -> Array:
    """Information flow of the neurons as far as scores linear in r show it, <= the flow, (...)  [nat/time].

    kappa b^T M^-1 b,  b = <(v - d/dv) phi>,  M = <phi phi^T>,  phi = hat functions of v times (1, r)
    docs/theory.md (240); v in units of its standard deviation. NaN where M is singular: too few states.

    Parameters
    ----------
    moments : (..., N_INTERVAL * 3 * n_moment), as `exact_moments` or averages over states.
    signal_rate : kappa [1/time].
    """
    kept = moments.reshape(-1, N_INTERVAL, N_POWER, n_moment(n_neuron))
    n, size = len(kept), 1 + n_neuron
    first, second = np.triu_indices(n_neuron)
    square: NDArray[Any] = np.zeros((n, N_INTERVAL, N_POWER, size, size))
    square[..., 0, :] = kept[..., :size]
    square[..., :, 0] = kept[..., :size]
    square[..., 1 + first, 1 + second] = kept[..., size:]
    square[..., 1 + second, 1 + first] = kept[..., size:]
    gram: NDArray[Any] = np.zeros((n, N_INTERVAL + 1, size, N_INTERVAL + 1, size))
    goal: NDArray[Any] = np.zeros((n, N_INTERVAL + 1, size))
    for j, start in enumerate(KNOTS[:-1]):
        none, once, twice = np.moveaxis(square[:, j], 1, 0)
        gram[:, j, :, j] += none - 2 * once + twice
        gram[:, j + 1, :, j + 1] += twice
        gram[:, j, :, j + 1] += once - twice
        gram[:, j + 1, :, j] += once - twice
        none, once, twice = none[:, 0], once[:, 0], twice[:, 0]
        # v B - B' of the two hats that slope here, v = start + width t
        rising = start * once + _WIDTH * twice - none / _WIDTH
        goal[:, j] += start * none + _WIDTH * once - rising
        goal[:, j + 1] += rising
    gram, goal = gram.reshape(n, goal[0].size, -1), goal.reshape(n, -1)
    found = [signal_rate * _quadratic(*pair) for pair in zip(gram, goal, strict=True)]
    return np.array(found).reshape(moments.shape[:-1])


def _quadratic(gram: Array, goal: Array) -> float:
    """b^T M^-1 b; NaN where M is singular."""
    try:
        return float(goal @ np.linalg.solve(gram, goal))
    except np.linalg.LinAlgError:
        return float("nan")
