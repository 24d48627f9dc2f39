"""Dimension of the activity of random networks without symmetry, from the two-site mean-field theory.

dx = (-x + J phi(x)) dt + sqrt(2 D) dW. Correlations between neurons are of order 1/sqrt(N) each, and all of them together make
the dimension a fraction of N. docs/theory.md, "Random networks: dynamics".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nessmap.theory.autocorrelation_series import (
    ORDERS,
    Array,
    DecaySeries,
    Transfer,
    check_network,
    decay_series,
    stationary_variance,
)

_TOLERANCE, _ENOUGH = 1e-8, 1e-5  # relative change at which points are no longer doubled; which is accepted
_FEWEST, _MOST = 32, 1024  # points of one of two frequencies


class NetworkDimension(NamedTuple):
    """Participation ratios (tr S)^2 / tr S^2 / N of equal-time covariances, N to infinity, if `converged`."""

    activity: float
    """Of x."""
    rate: float
    """Of phi(x)."""
    converged: bool
    residual: float
    """Relative change when the points were doubled."""
    message: str


def network_dimension(gain: float, diffusion: float, transfer: Transfer = np.tanh) -> NetworkDimension:
    """Participation ratios of an infinite random network without symmetry.

    docs/theory.md (137), (138); Clark, Abbott & Litwin-Kumar, Phys. Rev. Lett. 131, 118401 (2023)

    Ladders of J on two sources: the noise, and the part of phi(x) that is not linear in x. Near the onset of chaos the
    integrals need more points than there are: `converged` says so.

    Parameters
    ----------
    gain, diffusion, transfer : as `mean_field.stationary_state`. Where x = 0 nothing has a dimension: NaN.

    >>> found = network_dimension(3.0, 0.0)
    >>> round(found.activity, 6), round(found.rate, 6)
    (0.031372, 0.044651)
    """
    check_network(gain, diffusion, transfer)
    variance = stationary_variance(gain, diffusion, transfer)
    if variance == 0.0 or math.isinf(variance):
        what = "there is no activity; raise gain or diffusion" if variance == 0.0 else "there is no stationary state"
        return NetworkDimension(math.nan, math.nan, False, math.nan, f"gain: {gain:.6g}, {what}")
    series = decay_series(gain, diffusion, variance, transfer)
    n_point, found, change = _FEWEST, _ratios(series, gain, diffusion, _FEWEST, ORDERS[1]), math.inf
    while change > _TOLERANCE and n_point < _MOST:
        n_point *= 2
        order = ORDERS[min(len(ORDERS) - 1, int(math.log2(n_point / _FEWEST)) + 1)]
        before, found = found, _ratios(series, gain, diffusion, n_point, order)
        change = float(np.max(np.abs(found - before) / found))
    residual = max(series.residual, change)
    message = "" if residual < _ENOUGH else f"gain: {gain:.6g}, integrals still change by {residual:.1e}"
    return NetworkDimension(float(found[0]), float(found[1]), not message, residual, message)


def _ratios(series: DecaySeries, gain: float, diffusion: float, n_point: int, order: int) -> Array:
    # omega = width tan(theta/2): the integrand is narrow where correlations decay slowly
    width = math.sqrt(series.rate)
    theta = (np.arange(n_point) + 0.5) * (math.pi / n_point)
    frequency = width * np.tan(0.5 * theta)
    weight = 0.5 * width / n_point / np.cos(0.5 * theta) ** 2  # sum = Int domega/(2 pi), of what is even
    slope = math.sqrt(series.square[0] / series.variance)
    response = slope / (1.0 + 1j * frequency)
    square = gain**2 * np.abs(response) ** 2
    rung = square * (1.0 + frequency**2) / (series.rate**2 + frequency**2)  # square/(1 - square)
    spectrum = series.rate_spectrum(frequency, order)
    noise = 2.0 * diffusion * np.abs(response) ** 2
    # what of phi(x) is neither linear in x nor comes along with the noise
    own = np.maximum(spectrum / (1.0 + rung) - noise, 0.0)
    noisy = (1.0 + rung) * noise
    activity = rate = 0.0
    for other in (response, response.conj()):  # both signs of the second frequency
        ladder = 1.0 / (1.0 - gain**2 * np.outer(response.conj(), other))
        through, across = np.abs(ladder) ** 2, np.abs(ladder - 1.0) ** 2
        mixed = rung * through + across
        terms = np.outer(noisy, noisy) * through + noisy[:, None] * mixed * own + own[:, None] * mixed.T * noisy
        terms += np.outer(own, own) * (np.outer(rung, rung) * through + across * (1.0 + rung[:, None] + rung))
        activity += 0.5 * float(weight @ terms @ weight)
        rate += 0.5 * float((weight * spectrum) @ through @ (weight * spectrum))
    return np.array([(series.variance * slope**2) ** 2 / activity, float(series.square.sum()) ** 2 / rate])
