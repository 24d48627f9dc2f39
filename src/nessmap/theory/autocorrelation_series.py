"""How correlations decay in the mean-field theory of random networks: power series, and one smooth coordinate for the lag.

A function phi of Gaussian variables of variance Delta_0 and covariance Delta has the correlation sum a_k^2 rho^k, where rho =
Delta/Delta_0 and a_k are its Hermite coefficients (Mehler). docs/theory.md, "Random networks: dynamics".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Transfer = Callable[[Array], Array]

LARGEST_VARIANCE, SMALLEST_VARIANCE = 1e4, 1e-13  # between which states are sought [x^2]
ORDERS = (24, 36, 54, 81, 121)  # of Chebyshev polynomials, until nothing changes
_POLE = math.pi / 2  # distance from the real line at which a transfer function of unit slope ceases to be analytic
_MOST_TERMS = 8192


class Course(NamedTuple):
    """Delta on its way to zero, by a coordinate w from 1 (lag 0) to 0 (infinity) in which all is smooth."""

    squared_ratio: Array
    """v = rho^2."""
    speed: Array
    """p of dw/dlag = -w p [1/tau]."""
    per_coordinate: Array
    """v/w."""


@dataclasses.dataclass(frozen=True, eq=False)
class DecaySeries:
    """phi of a Gaussian variable x in Hermite polynomials, and the decay of Delta that it implies.

    Parameters
    ----------
    variance : Delta_0 [x^2].
    square : a_k^2 of k = 1, 3, 5, ...
    start : -Delta'(0+)/Delta_0 = D/Delta_0 [1/tau].
    rate : -Delta'/Delta at infinite lag [1/tau].
    excess : (Delta'/Delta)^2 = start^2 + (1 - v) sum excess_i v^i, v = rho^2 [1/tau^2].
    residual : share of <phi^2> or <phi'^2> that the terms miss.
    """

    variance: float
    square: Array
    start: float
    rate: float
    excess: Array
    residual: float

    def rate_correlation(self, v: Array) -> Array:
        """C_phi where rho^2 = v."""
        return np.asarray(np.sqrt(v) * _power_sum(self.square, v))

    def gain_correlation(self, v: Array) -> Array:
        """C_phi' = dC_phi/dDelta where rho^2 = v."""
        return _power_sum(self._gain_terms, v)

    def well(self, course: Course) -> Array:
        """g^2 [C_phi' - C_phi'(lag = infinity)]/w on a course, smooth at w = 0."""
        # rate^2 = 1 - g^2 a_1^2/Delta_0
        coupling = (1.0 - self.rate**2) / self._gain_terms[0]
        return np.asarray(coupling * _power_sum(self._gain_terms[1:], course.squared_ratio) * course.per_coordinate)

    def rate_spectrum(self, frequency: Array, order: int) -> Array:
        """Int C_phi cos(omega lag) dlag over all lags [tau], by collocation for each frequency.

        y(lag) = Int_lag^inf exp(-i omega (s - lag)) C_phi(s) ds solves y' = i omega y - C_phi; y/sqrt(w) is smooth in w.
        """
        w, slope = chebyshev_points(order)
        course = self.course(w)
        source = np.sqrt(course.per_coordinate) * _power_sum(self.square, course.squared_ratio)
        decay = (w * course.speed)[:, None] * slope + np.diag(0.5 * course.speed)
        operator = decay + 1j * frequency[:, None, None] * np.eye(len(w))
        return np.asarray(2.0 * np.linalg.solve(operator, source[:, None].astype(complex))[:, 0, 0].real)

    @property
    def _gain_terms(self) -> Array:
        return np.asarray((2.0 * np.arange(len(self.square)) + 1.0) * self.square / self.variance)

    def course(self, w: Array) -> Course:
        """Delta at w: 1 - tanh of the lag if the potential were quartic with the curvature that it has at lag 0; (132)."""
        slope = float(self.excess.sum())
        top = self.start**2 + slope
        depth = slope / top / (1.0 + math.sqrt(self.start**2 / top))
        per_coordinate = (2.0 - depth * w) / (2.0 - depth)
        v = w * per_coordinate
        pull = _power_sum(self.excess, v)
        if self.start == 0.0:  # the ratio below, without its 0/0 at lag 0
            speed = np.sqrt(pull)
        else:
            speed = np.sqrt(top * (self.start**2 + (1.0 - v) * pull) / (self.start**2 + (1.0 - v) * slope))
        return Course(v, speed * (2.0 - depth * w), per_coordinate)

    def squared_ratio(self, lags: Array) -> tuple[Array, float]:
        """rho^2 at lags >= 0, and its change with the last refinement."""
        found, change = self._squared_ratio(lags, ORDERS[0]), math.inf
        for order in ORDERS[1:]:
            before, found = found, self._squared_ratio(lags, order)
            change = float(np.max(np.abs(found - before), initial=0.0))
            if change < 1e-11:
                break
        return found, change

    def _squared_ratio(self, lags: Array, order: int) -> Array:
        """lag = -m(0) ln w + Int_w^1 [m(s) - m(0)]/s ds with m = 1/p, inverted by Newton's method."""
        from numpy.polynomial import Chebyshev

        last = 0.5 / self.rate
        rest = Chebyshev.interpolate(lambda w: (1.0 / self.course(w).speed - last) / w, order, domain=[0.0, 1.0])
        integral = rest.integ(lbnd=1.0)
        logarithm = -lags / last
        for _ in range(60):
            w = np.exp(logarithm)
            step = (-last * logarithm - integral(w) - lags) / (last + w * rest(w))
            logarithm = np.minimum(logarithm + step, 0.0)
            if np.max(np.abs(step), initial=0.0) < 1e-13:
                break
        return self.course(np.exp(logarithm)).squared_ratio


def check_network(gain: float, diffusion: float, transfer: Transfer) -> None:
    """Raise ValueError unless gain and diffusion are >= 0 and the transfer function is odd and positive for x > 0."""
    for name, value in (("gain", gain), ("diffusion", diffusion)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name}: {value:.6g}, expected a number >= 0")
    at = np.array([0.1, 0.5, 1.0, 3.0])
    values = np.asarray(transfer(at))
    if not np.allclose(transfer(-at), -values, rtol=1e-12, atol=0.0) or np.any(values <= 0.0):
        raise ValueError(f"transfer: maps {at} to {values}, expected an odd function, positive for positive x")


def decay_series(gain: float, diffusion: float, variance: float, transfer: Transfer) -> DecaySeries:
    """Hermite coefficients by midpoint sums, as many as count; docs/theory.md (130), (132).

    >>> linear = decay_series(0.6, 0.8, 1.0, lambda x: x)
    >>> round(linear.rate, 12), bool(abs(linear.square[1:]).max() < 1e-20)
    (0.8, True)
    """
    scale = math.sqrt(variance)
    strip = min(_POLE / scale, 8.0)
    n_term = min(_MOST_TERMS, math.ceil(24.0 + (18.0 / strip) ** 2)) // 2
    # the polynomial of degree k turns as fast as sqrt(k) in z, phi as fast as its poles allow
    spacing = min(0.25, 2.0 * math.pi / (math.sqrt(2.0 * n_term) + 38.0 / strip))
    z, weight = _half_line(spacing, 12.5)
    root = np.exp(-0.25 * z**2)
    values = transfer(scale * z)
    weighted = weight * values / root
    # orthonormal polynomials times the root of the Gaussian: bounded for every k
    lower, upper = root, z * root
    coefficient = np.empty(n_term)
    for i in range(n_term):
        k = 2 * i + 1
        coefficient[i] = weighted @ upper
        lower = (z * upper - math.sqrt(k) * lower) / math.sqrt(k + 1)
        upper = (z * lower - math.sqrt(k + 1) * upper) / math.sqrt(k + 2)
    square = coefficient**2
    share = gain**2 / variance * square / np.arange(1, n_term + 1)
    # (1 - v^j)/(1 - v) = 1 + v + ... + v^(j-1)
    excess = np.cumsum(share[::-1])[::-1][1:]
    whole = float(weight @ values**2)
    # the terms k a_k^2 of <phi'^2> fall as exp(-2 strip sqrt(k)): what lies beyond the last
    tail = 2.0 * n_term * square[-1] * math.sqrt(2.0 * n_term) / (2.0 * strip)
    residual = max(abs(whole - float(square.sum())), float(tail)) / whole
    rate = math.sqrt(max(0.0, 1.0 - float(share[0])))
    return DecaySeries(variance, square, diffusion / variance, rate, excess, residual)


def moments(variance: float, transfer: Transfer) -> tuple[float, float]:
    """<phi^2> and Var Phi of a Gaussian variable, Phi' = phi; midpoint sums, exponentially accurate.

    >>> [round(value, 12) for value in moments(2.0, lambda x: x)]  # of x^2/2: half the variance squared
    [2.0, 2.0]
    """
    scale = math.sqrt(variance)
    spacing = min(0.25, 2.0 * math.pi * (_POLE / scale) / 40.0)
    z, weight = _half_line(spacing, 9.0)
    nodes, shares = np.polynomial.legendre.leggauss(8)
    edges = np.concatenate([[0.0], z])
    width = np.diff(edges)[:, None]
    pieces = transfer(scale * (edges[:-1, None] + 0.5 * width * (1.0 + nodes))) @ shares
    integral = np.cumsum(0.5 * scale * width[:, 0] * pieces)
    return float(weight @ transfer(scale * z) ** 2), float(weight @ (integral - weight @ integral) ** 2)


def stationary_variance(gain: float, diffusion: float, transfer: Transfer) -> float:
    """The largest Delta_0 that solves docs/theory.md (131) [x^2]; 0 if there is none, inf beyond what is sought.

    >>> round(stationary_variance(0.8, 0.3, lambda x: x), 12)  # D / sqrt(1 - g^2)
    0.5
    """

    def excess(logarithm: float) -> float:
        variance = math.exp(logarithm)
        return (diffusion / variance) ** 2 - 1.0 + 2.0 * (gain / variance) ** 2 * moments(variance, transfer)[1]

    low = high = math.log(LARGEST_VARIANCE)
    while excess(low) < 0.0:
        low, high = low - math.log(4.0), low
        if low < math.log(SMALLEST_VARIANCE) and diffusion == 0.0:
            return 0.0
    return math.inf if low == high else math.exp(root_between(excess, low, high))


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function changes sign, to rounding: false position, the end that stays being halved (Illinois).

    >>> round(root_between(lambda x: x**2 - 2.0, 0.0, 2.0), 14)
    1.4142135623731
    """
    at_low, at_high = function(low), function(high)
    for _ in range(200):
        middle = high - at_high * (high - low) / (at_high - at_low)
        value = function(middle)
        if value == 0.0 or abs(middle - high) <= 1e-15 * max(1.0, abs(middle)):
            return middle
        if (value > 0.0) == (at_high > 0.0):
            at_low *= 0.5
        else:
            low, at_low = high, at_high
        high, at_high = middle, value
    return high


def chebyshev_points(order: int) -> tuple[Array, Array]:
    """Chebyshev points on [0, 1], from 1 down, and the matrix of the derivative."""
    index = np.arange(order + 1)
    points = np.cos(np.pi * index / order)
    sign = np.where((index == 0) | (index == order), 2.0, 1.0) * (-1.0) ** index
    matrix = np.outer(sign, 1.0 / sign) / (points[:, None] - points + np.eye(order + 1))
    matrix -= np.diag(matrix.sum(axis=1))
    return np.asarray(0.5 * (1.0 + points)), np.asarray(2.0 * matrix)


def _half_line(spacing: float, reach: float) -> tuple[Array, Array]:
    """Midpoints z > 0, and their weights in the mean of an even function of a standard Gaussian variable."""
    z = (np.arange(math.ceil(reach / spacing)) + 0.5) * spacing
    return z, 2.0 * spacing / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z**2)


def _power_sum(coefficients: Array, v: Array) -> Array:
    return np.asarray(np.polynomial.polynomial.polyval(v, coefficients))
