"""Transfer functions f(u) by number with their first two derivatives, and elementary functions that vectorise.

0 identity, 1 tanh, 2 logistic, 3 threshold-linear, 4 arcsinh of y = slope (u - threshold). A call of libm in a loop over
lanes is a call per lane; these are polynomials and selections, which the compiler turns into vectors. NaN stays NaN.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, _as_bits, _as_float, _log

KERNEL_VERSION = 2

_LOG2_E = 1.4426950408889634
_LN2_UPPER = 6.93147180369123816490e-01  # 33 bits: a multiple by an exponent is exact
_LN2_LOWER = 1.90821492927058770002e-10
_ROUNDING = 6755399441055744.0  # 1.5 2^52: a sum with it is rounded to an integer, which stands in its lowest bits
_LARGEST_EXPONENT = 709.782712893384  # ln of the largest float
_SMALLEST_NORMAL = 2.2250738585072014e-308


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _reduced(x):
    """expm1(r) and 2^(k - 1) of x = k ln 2 + r, |r| <= ln(2)/2, for |x| < 709.79; half the power, as 2^1024 is no float."""
    shifted = x * _LOG2_E + _ROUNDING
    k = shifted - _ROUNDING
    r = (x - k * _LN2_UPPER) - k * _LN2_LOWER
    half_power = _as_float((_as_bits(shifted) + np.uint64(1022)) << np.uint64(52))
    # Taylor series; the terms dropped are below 2e-17 of r
    r2 = r * r
    r4 = r2 * r2
    t0 = 0.5 + r * (1.0 / 6.0)
    t1 = 1.0 / 24.0 + r * (1.0 / 120.0)
    t2 = 1.0 / 720.0 + r * (1.0 / 5040.0)
    t3 = 1.0 / 40320.0 + r * (1.0 / 362880.0)
    t4 = 1.0 / 3628800.0 + r * (1.0 / 39916800.0)
    t5 = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    series = (t0 + t1 * r2) + r4 * ((t2 + t3 * r2) + r4 * (t4 + t5 * r2))
    return r + r2 * series, half_power


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def exp(x):
    """e^x to 3e-16 of itself; 0 below -708, where libm has subnormal numbers."""
    small, half_power = _reduced(x)
    value = 2.0 * (half_power + half_power * small)
    value = np.inf if x > _LARGEST_EXPONENT else value
    return 0.0 if x < -708.0 else value


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def expm1(x):
    """e^x - 1 to 4e-16 of itself."""
    bounded = -100.0 if x < -100.0 else x
    small, half_power = _reduced(bounded)
    value = 2.0 * (half_power * small + (half_power - 0.5))
    return np.inf if x > _LARGEST_EXPONENT else value


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def log(x):
    """ln x to 2e-15 of max(|ln x|, 1); -inf at 0 and for subnormal numbers, NaN below."""
    value = _log(x)
    value = x if not x < np.inf else value  # inf and NaN
    value = -np.inf if x < _SMALLEST_NORMAL else value
    return np.nan if x < 0.0 else value


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def log1p(x):
    """ln(1 + x) to 4e-15 of itself."""
    whole = 1.0 + x
    rest = x - (whole - 1.0)
    rest = 0.0 if whole > 1e17 else rest / whole  # of inf: NaN
    rest = 0.0 if whole == 0.0 else rest
    return log(whole) + rest


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def tanh(x):
    """Hyperbolic tangent to 4e-16 of itself; odd to the bit."""
    size = abs(x)
    size = 20.0 if size > 20.0 else size  # 1 to rounding from 19.1 on
    small, half_power = _reduced(-2.0 * size)
    decayed = 2.0 * (half_power * small + (half_power - 0.5))
    value = -decayed / (2.0 + decayed)
    return value if x > 0.0 else -value


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def logistic(x):
    """1 / (1 + e^-x) to 3e-16."""
    return 0.5 + 0.5 * tanh(0.5 * x)


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def arcsinh(x):
    """Inverse hyperbolic sine to 4e-15 of itself, odd to the bit; NaN beyond 1e154, where x^2 overflows."""
    size = abs(x)
    square = size * size
    value = log1p(size + square / (1.0 + np.sqrt(1.0 + square)))
    return value if x > 0.0 else -value


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def maximum(x, y):
    """The larger one; NaN where one is."""
    larger = y if y > x else x
    return y if y != y else larger


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def minimum(x, y):
    """The smaller one; NaN where one is."""
    smaller = y if y < x else x
    return y if y != y else smaller


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def sign(x):
    """-1, 0 or 1; NaN of NaN."""
    signed = 1.0 if x > 0.0 else -1.0
    return signed if x * x > 0.0 else x


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_response(out, u, function, slope, threshold):
    """out = f(u), (n_dim, n_lane); slope, threshold (n_dim,)."""
    for i in range(u.shape[0]):
        beta, theta = slope[i], threshold[i]
        # the branch is outside the loop over lanes, so that each of them is vectors
        if function == 0:
            for j in range(u.shape[1]):
                out[i, j] = beta * (u[i, j] - theta)
        elif function == 1:
            for j in range(u.shape[1]):
                out[i, j] = tanh(beta * (u[i, j] - theta))
        elif function == 2:
            for j in range(u.shape[1]):
                out[i, j] = logistic(beta * (u[i, j] - theta))
        elif function == 3:
            for j in range(u.shape[1]):
                out[i, j] = maximum(beta * (u[i, j] - theta), 0.0)
        else:
            for j in range(u.shape[1]):
                out[i, j] = arcsinh(beta * (u[i, j] - theta))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_gain(out, u, function, slope, threshold):
    """out = f'(u), (n_dim, n_lane); slope, threshold (n_dim,). Of threshold-linear 0 at the kink."""
    for i in range(u.shape[0]):
        beta, theta = slope[i], threshold[i]
        if function == 0:
            for j in range(u.shape[1]):
                out[i, j] = beta
        elif function == 1:
            for j in range(u.shape[1]):
                f = tanh(beta * (u[i, j] - theta))
                out[i, j] = beta * (1.0 - f * f)
        elif function == 2:
            for j in range(u.shape[1]):
                f = tanh(0.5 * beta * (u[i, j] - theta))
                out[i, j] = 0.25 * beta * (1.0 - f * f)
        elif function == 3:
            for j in range(u.shape[1]):
                out[i, j] = beta if beta * (u[i, j] - theta) > 0.0 else 0.0
        else:
            for j in range(u.shape[1]):
                y = beta * (u[i, j] - theta)
                out[i, j] = beta / np.sqrt(1.0 + y * y)


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_curvature(out, u, function, slope, threshold):
    """out = f''(u), (n_dim, n_lane); slope, threshold (n_dim,)."""
    for i in range(u.shape[0]):
        beta, theta = slope[i], threshold[i]
        if function == 1:
            for j in range(u.shape[1]):
                f = tanh(beta * (u[i, j] - theta))
                out[i, j] = -2.0 * beta * beta * f * (1.0 - f * f)
        elif function == 2:
            for j in range(u.shape[1]):
                f = tanh(0.5 * beta * (u[i, j] - theta))
                out[i, j] = -0.25 * beta * beta * f * (1.0 - f * f)
        elif function == 4:
            for j in range(u.shape[1]):
                y = beta * (u[i, j] - theta)
                square = 1.0 + y * y
                out[i, j] = -beta * beta * y / (square * np.sqrt(square))
        else:
            for j in range(u.shape[1]):
                out[i, j] = 0.0
