"""Transfer functions f of a neural population, and the homogeneous states u = weight f(u) + input that they allow.

docs/theory.md, "Transfer functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]
_TOUCHING = 8 * float(np.finfo(np.float64).eps)  # rounding of the residual, relative to its terms


class TransferFunction(NamedTuple):
    """f(u) of an activity u, with its slope parameter [1/u] and its threshold [u]."""

    value: Callable[[ArrayLike, float, float], Array]
    derivative: Callable[[ArrayLike, float, float], Array]


def _drive(u: ArrayLike, slope: float, threshold: float) -> Array:
    return np.asarray(slope * (np.asarray(u, dtype=float) - threshold))


def _logistic(u: ArrayLike, slope: float, threshold: float) -> Array:
    # 1 / (1 + e^-x) that overflows nowhere
    return np.asarray((1 + np.tanh(_drive(u, slope, threshold) / 2)) / 2)


def _logistic_derivative(u: ArrayLike, slope: float, threshold: float) -> Array:
    return np.asarray(slope * _logistic(u, slope, threshold) * _logistic(u, -slope, threshold))


def _tanh_derivative(u: ArrayLike, slope: float, threshold: float) -> Array:
    # 1 - tanh^2 = 4 f (1 - f) of the logistic function at twice the drive: no cancellation in the tails
    return np.asarray(4 * slope * _logistic(u, 2 * slope, threshold) * _logistic(u, -2 * slope, threshold))


TRANSFER_FUNCTIONS: dict[str, TransferFunction] = {
    "identity": TransferFunction(_drive, lambda u, slope, threshold: np.full(np.shape(u), float(slope))),
    "tanh": TransferFunction(
        lambda u, slope, threshold: np.asarray(np.tanh(_drive(u, slope, threshold))), _tanh_derivative
    ),
    "logistic": TransferFunction(_logistic, _logistic_derivative),
    "threshold_linear": TransferFunction(
        lambda u, slope, threshold: np.asarray(np.maximum(_drive(u, slope, threshold), 0.0)),
        lambda u, slope, threshold: np.where(_drive(u, slope, threshold) > 0, float(slope), 0.0),
    ),
}


def gain(name: str, slope: float, threshold: float, u: ArrayLike) -> Array:
    """f'(u), what a small change of activity is multiplied with [1/u]; of a threshold-linear function 0 at the kink.

    >>> float(gain("logistic", 4.0, 0.5, 0.5))
    1.0
    """
    return TRANSFER_FUNCTIONS[name].derivative(u, slope, threshold)


def homogeneous_fixed_points(name: str, slope: float, threshold: float, weight: float, input: float) -> Array:
    """All solutions of u = weight f(u) + input, ascending [u]; one, two or three for sigmoids; docs/theory.md (72), (73).

    A sigmoid's residual u - weight f(u) - input has at most two turning points, known in closed form; each monotone piece
    between them is searched by bisection, so that no solution is missed.

    Parameters
    ----------
    name : of TRANSFER_FUNCTIONS.
    slope : beta [1/u]; any sign.
    threshold : theta [u].
    weight : integral of the kernel, any sign.
    input : constant drive [u].

    Raises
    ------
    ValueError : weight x slope = 1 where that leaves no solution or a continuum of them.

    >>> homogeneous_fixed_points("tanh", 1.0, 0.0, 2.0, 0.0).round(9).tolist()
    [-1.915008048, 0.0, 1.915008048]
    """
    if name in ("identity", "threshold_linear"):
        return _piecewise_linear_fixed_points(name, slope, threshold, weight, input)
    value = TRANSFER_FUNCTIONS[name].value

    def residual(u: float) -> float:
        return u - weight * float(value(u, slope, threshold)) - input

    low, high = (-abs(weight), abs(weight)) if name == "tanh" else (min(weight, 0.0), max(weight, 0.0))
    low, high = input + low, input + high
    # room for rounding: a saturated sigmoid has its solution at the end
    margin = _TOUCHING * (abs(input) + abs(weight)) + 1e-300
    turning = [u for u in _turning_points(name, slope, threshold, weight) if low < u < high]
    depth = [residual(u) for u in turning]
    touching = [abs(r) <= _TOUCHING * (abs(u) + abs(weight) + abs(input)) for u, r in zip(turning, depth, strict=True)]
    if len(turning) == 2 and all(touching):  # three solutions in one to rounding: the cusp
        turning, depth, touching = [], [], []
    states = [u for u, touches in zip(turning, touching, strict=True) if touches]
    edges = [low - margin, *turning, high + margin]
    inner = [0.0 if touches else r for r, touches in zip(depth, touching, strict=True)]
    signs = [-1.0, *inner, 1.0]  # known at the ends, beyond the reach of weight f
    for left, right, before, after in zip(edges, edges[1:], signs, signs[1:], strict=False):
        if before * after < 0:
            states.append(_bisected(residual, left, right, before))
    return np.array(sorted(states))


def _turning_points(name: str, slope: float, threshold: float, weight: float) -> list[float]:
    """Where weight f'(u) = 1, ascending; none or a double one means that the residual is monotone; docs/theory.md (73)."""
    # largest slope of weight f: weight beta at the threshold, a quarter of it for the logistic function
    steepest = weight * slope / (4 if name == "logistic" else 1)
    if steepest <= 1:
        return []
    root = math.sqrt(1 - 1 / steepest)
    # artanh(root) without the cancellation of 1 - root
    arm = math.asinh(root * math.sqrt(steepest)) * (2 if name == "logistic" else 1) / abs(slope)
    return [threshold - arm, threshold + arm]


def _bisected(residual: Callable[[float], float], left: float, right: float, sign: float) -> float:
    """The zero of a monotone function between two points, to the last bit; `sign` is that at the left."""
    while left < (middle := left + (right - left) / 2) < right:
        value = residual(middle)
        if value == 0:
            return middle
        left, right = (middle, right) if value * sign > 0 else (left, middle)
    return left if abs(residual(left)) < abs(residual(right)) else right


def _piecewise_linear_fixed_points(name: str, slope: float, threshold: float, weight: float, input: float) -> Array:
    """Closed form: u = input where f is 0, u = (input - weight slope threshold) / (1 - weight slope) where it is linear."""
    loop = weight * slope
    silent = [input] if name == "threshold_linear" and slope * (input - threshold) <= 0 else []
    if loop == 1:
        if silent and input != threshold:
            return np.array(silent)
        if name == "threshold_linear" and input != threshold:
            return np.array([])
        kind = "every u on the line is one" if input == threshold else "there is none"
        raise ValueError(
            f"weight: weight x slope = 1, expected any other value for the {name} function: of homogeneous states {kind};"
            " change weight or slope"
        )
    active = (input - loop * threshold) / (1 - loop)
    linear = [active] if name == "identity" or slope * (active - threshold) > 0 else []
    return np.array(sorted(silent + linear))


def homogeneous_states(name: str, slope: float, threshold: float, weight: float, input: float) -> list[float]:
    """`homogeneous_fixed_points`, and none where a line parallel to u leaves none or all of them.

    >>> homogeneous_states("identity", 1.0, 0.0, 0.5, 1.0), homogeneous_states("identity", 1.0, 0.0, 1.0, 1.0)
    ([2.0], [])
    """
    try:
        return [float(state) for state in homogeneous_fixed_points(name, slope, threshold, weight, input)]
    except ValueError:
        return []
