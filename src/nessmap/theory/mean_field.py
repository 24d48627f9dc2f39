"""Dynamical mean-field theory of random networks without symmetry: autocorrelation, Lyapunov exponent, onset of chaos.

dx = (-x + J phi(x)) dt + sqrt(2 D) dW, J_ij independent of variance g^2/N, phi odd, averages for N to infinity.
docs/theory.md, "Random networks: dynamics".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.autocorrelation_series import (
    LARGEST_VARIANCE,
    ORDERS,
    SMALLEST_VARIANCE,
    Array,
    DecaySeries,
    Transfer,
    chebyshev_points,
    check_network,
    decay_series,
    moments,
    root_between,
    stationary_variance,
)

_ENOUGH = 1e-6  # residual that is accepted


class MeanField(NamedTuple):
    """Stationary state of a network without symmetry, per neuron, if `converged`; else not to be used, and why."""

    variance: float
    """Delta_0 = <x^2>."""
    rate_variance: float
    """C_phi(0) = <phi(x)^2>."""
    gain: float
    """<phi'(x)>, slope of the statistical linearisation."""
    mean_square_drift: float
    """<F^2> [1/tau^2]: the square of the speed for D = 0."""
    entropy_production_rate: float
    """<F^2>/D - 1 [k_B/tau]; for D = 0 its limit, inf in chaos."""
    lyapunov_exponent: float
    """The largest [1/tau]."""
    relaxation_rate: float
    """At which correlations are forgotten in the end [1/tau]."""
    converged: bool
    residual: float
    """Largest relative error known of."""
    message: str


class Autocorrelation(NamedTuple):
    """Of a neuron against the lag, if `converged`."""

    activity: Array
    """Delta = <x(t) x(t + lag)>."""
    rate: Array
    """C_phi = <phi(t) phi(t + lag)>."""
    gain: Array
    """C_phi' = <phi'(t) phi'(t + lag)>; 1 - g^2 C_phi' is the potential in which perturbations grow."""
    converged: bool
    residual: float


class Onset(NamedTuple):
    """Where the Lyapunov exponent of a network without symmetry is zero, if `converged`."""

    gain: float
    variance: float
    """Delta_0 there."""
    converged: bool
    residual: float


def stationary_state(gain: float, diffusion: float, transfer: Transfer = np.tanh) -> MeanField:
    """Stationary state of an infinite random network without symmetry: everything a phase diagram shows.

    D^2/2 = Delta_0^2/2 - g^2 Var Phi(x),  Phi' = phi           docs/theory.md (131); Sompolinsky et al., PRL 61, 259 (1988)
    <F^2> = 2 D + g^2 C_phi(0) - Delta_0,  sigma/N = <F^2>/D - 1                                               (133)
    lambda = -1 + sqrt(1 - E_0)                    (134); Schuecker, Goedeke & Helias, Phys. Rev. X 8, 041029 (2018)

    The solution with the largest variance. About 20 ms, ten times that at a gain of 12.

    Parameters
    ----------
    gain : g >= 0.
    diffusion : D >= 0 [x^2/tau]; at D = 0 the chaotic state beyond g phi'(0) = 1, else x = 0.
    transfer : phi, odd, with |phi| growing less than |x|/g; analytic within about pi/2 of the real line, as tanh, for all
        digits (`residual` says what is lost otherwise).

    >>> found = stationary_state(2.0, 0.5)
    >>> round(found.variance, 6), round(found.entropy_production_rate, 6), round(found.lyapunov_exponent, 6)
    (2.091986, 1.0393, 0.008136)
    """
    check_network(gain, diffusion, transfer)
    variance = stationary_variance(gain, diffusion, transfer)
    if math.isinf(variance):
        nan = math.nan
        message = f"gain: {gain:.6g}, no state of variance below {LARGEST_VARIANCE:.0e}; lower it, or bound transfer"
        return MeanField(nan, nan, nan, nan, nan, nan, nan, False, nan, message)
    if variance == 0.0:
        slope = _slope_at_zero(transfer)
        decay = 1.0 - (gain * slope) ** 2
        rate = math.sqrt(max(0.0, decay))
        return MeanField(0.0, 0.0, slope, 0.0, 1.0 - rate, gain * slope - 1.0, rate, True, 0.0, "")
    series = decay_series(gain, diffusion, variance, transfer)
    lyapunov, change = _lyapunov_exponent(series)
    # 2 D - Delta''(0+), without the difference of g^2 C_phi(0) and Delta_0, which are nearly equal at the onset of chaos
    drift = 2.0 * diffusion + variance * (float(series.excess.sum()) - series.start**2)
    entropy = drift / diffusion - 1.0 if diffusion > 0.0 else math.inf
    residual = max(series.residual, change)
    message = "" if residual < _ENOUGH else f"variance: {variance:.6g} [x^2], known to {residual:.1e} only; lower gain"
    rate_variance, slope = float(series.square.sum()), math.sqrt(series.square[0] / variance)
    return MeanField(
        variance, rate_variance, slope, drift, entropy, lyapunov, series.rate, not message, residual, message
    )


def autocorrelation(gain: float, diffusion: float, lag: ArrayLike, transfer: Transfer = np.tanh) -> Autocorrelation:
    """Delta(lag), C_phi(lag) and C_phi'(lag) of an infinite random network without symmetry.

    Delta'' = Delta - g^2 C_phi(Delta), Delta'(0+) = -D, Delta(inf) = 0                            docs/theory.md (129), (132)

    Parameters
    ----------
    gain, diffusion, transfer : as `stationary_state`.
    lag : any shape [tau].

    >>> autocorrelation(2.0, 0.0, [0.0, 10.0]).activity.round(5).tolist()
    [1.92481, 0.35106]
    """
    check_network(gain, diffusion, transfer)
    lags = np.abs(np.asarray(lag, dtype=np.float64))
    variance = stationary_variance(gain, diffusion, transfer)
    if variance == 0.0:
        silent = np.zeros(lags.shape)
        return Autocorrelation(silent, silent, silent + _slope_at_zero(transfer) ** 2, True, 0.0)
    if math.isinf(variance):
        nothing = np.full(lags.shape, math.nan)
        return Autocorrelation(nothing, nothing, nothing, False, math.nan)
    series = decay_series(gain, diffusion, variance, transfer)
    found, change = series.squared_ratio(lags.ravel())
    ratio = found.reshape(lags.shape)
    residual = max(series.residual, change)
    activity, rate, slope = variance * np.sqrt(ratio), series.rate_correlation(ratio), series.gain_correlation(ratio)
    return Autocorrelation(activity, rate, slope, residual < _ENOUGH, residual)


def chaos_onset(diffusion: float, transfer: Transfer = np.tanh) -> Onset:
    """Gain at which an infinite random network without symmetry becomes chaotic, for any noise.

    lambda = 0  <=>  g^2 C_phi(0) = Delta_0  <=>  <F^2> = 2 D  <=>  sigma/N = 1                            docs/theory.md (135)

    Solved without the Lyapunov exponent, whose value there is the residual.

    Parameters
    ----------
    diffusion : D >= 0 [x^2/tau].
    transfer : as `stationary_state`.

    >>> found = chaos_onset(0.1)
    >>> round(found.gain, 6), found.residual < 1e-9
    (1.425034, True)
    """
    check_network(0.0, diffusion, transfer)
    if diffusion == 0.0:
        return Onset(1.0 / _slope_at_zero(transfer), 0.0, True, 0.0)

    def excess(logarithm: float) -> float:
        variance = math.exp(logarithm)
        rate, integral = moments(variance, transfer)
        return 1.0 - 2.0 * integral / (variance * rate) - (diffusion / variance) ** 2

    low = high = math.log(SMALLEST_VARIANCE)
    while excess(high) < 0.0:
        low, high = high, high + math.log(4.0)
        if high > math.log(LARGEST_VARIANCE):
            return Onset(math.nan, math.nan, False, math.nan)
    variance = math.exp(root_between(excess, low, high))
    gain = math.sqrt(variance / moments(variance, transfer)[0])
    series = decay_series(gain, diffusion, variance, transfer)
    residual = max(series.residual, *(abs(value) for value in _lyapunov_exponent(series)))
    return Onset(gain, variance, residual < _ENOUGH, residual)


def _slope_at_zero(transfer: Transfer) -> float:
    step = 2.0**-11
    near, far = transfer(np.array([step, 2.0 * step]))
    return float((8.0 * near - far) / (6.0 * step))


def _lyapunov_exponent(series: DecaySeries) -> tuple[float, float]:
    """lambda [1/tau], and its change with the last refinement; docs/theory.md (134)."""
    found, change = _exponent_at_order(series, ORDERS[0]), math.inf
    for order in ORDERS[1:]:
        before, found = found, _exponent_at_order(series, order)
        change = abs(found - before)
        if change < 1e-9:
            break
    return found, change


def _exponent_at_order(series: DecaySeries, order: int) -> float:
    """Even ground state of -d^2/dlag^2 + 1 - g^2 C_phi' by collocation, linear in its decay rate mu; (134).

    psi = exp(-mu lag) chi with E_0 = rate^2 - mu^2: -chi'' + (1 - g^2 C_phi' - rate^2) chi = -2 mu chi', chi' = mu chi at 0.
    """
    w, slope = chebyshev_points(order)
    course = series.course(w)
    derivative = course.speed[:, None] * slope  # -(1/w) d/dlag
    energy = -derivative @ (w[:, None] * derivative) - np.diag(series.well(course))
    momentum = 2.0 * derivative
    energy[0], momentum[0] = -derivative[0], np.eye(len(w))[0]
    decay = np.linalg.eigvals(np.linalg.solve(momentum, energy))
    real = decay.real[np.abs(decay.imag) < 1e-6 * np.abs(decay)]
    # none is resolved where the well is too shallow to matter: the edge of the continuum
    mu = max(float(real.max(initial=0.0)), 0.0)
    lowest = series.rate**2 - mu**2
    return -lowest / (1.0 + math.sqrt(1.0 - lowest))
