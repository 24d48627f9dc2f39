"""Transfer functions f of a neural population, and the homogeneous states u = weight f(u) + input that they allow.

One of five by name, or the user's own: a formula in u, slope and threshold, or a Python function in a file.
docs/theory.md, "Transfer functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.fixed_point_scan import scanned_fixed_points
from nessmap.theory.transfer_algebra import Expression
from nessmap.theory.transfer_expression import parse
from nessmap.theory.transfer_program import is_reference, read_function

Array = NDArray[np.floating[Any]]
Function = Callable[[ArrayLike, ArrayLike, ArrayLike], Array]
_TOUCHING = 8 * float(np.finfo(np.float64).eps)  # rounding of the residual, relative to its terms


class TransferFunction(NamedTuple):
    """f(u) of an activity u, with its slope parameter [1/u] and its threshold [u]; arrays that broadcast."""

    value: Function
    derivative: Function
    curvature: Function
    integral: Function | None
    """Int f du up to a constant [u]; None where no closed form is known."""
    canonical: str
    """The name, or the formula in one spelling: functions with equal ones are equal."""
    expression: Expression | None = None
    """Of a function of the user's."""


def _logistic(y: Array) -> Array:
    # 1 / (1 + e^-y) that overflows nowhere
    return np.asarray((1 + np.tanh(y / 2)) / 2)


def _tanh_slope(y: Array, beta: Array) -> Array:
    # 1 - tanh^2 = 4 f (1 - f) of the logistic function at twice the drive: no cancellation in the tails
    return np.asarray(4 * beta * _logistic(2 * y) * _logistic(-2 * y))


def _logistic_slope(y: Array, beta: Array) -> Array:
    return np.asarray(beta * _logistic(y) * _logistic(-y))


OfDrive = Callable[[Array], Any]
OfDriveAndSlope = Callable[[Array, Array], Any]


def _of_drive(
    name: str, value: OfDrive, derivative: OfDriveAndSlope, curvature: OfDriveAndSlope, integral: OfDrive
) -> TransferFunction:
    """f from functions of the drive y = beta (u - theta), the derivatives with their powers of beta, Int f dy without."""

    def made(of: Callable[[Array, Array], Any]) -> Function:
        def function(u: ArrayLike, slope: ArrayLike, threshold: ArrayLike) -> Array:
            beta = np.asarray(slope, dtype=float)
            y = np.asarray(beta * (np.asarray(u, dtype=float) - np.asarray(threshold)))
            return np.asarray(of(y, beta))

        return function

    return TransferFunction(
        made(lambda y, beta: value(y)),
        made(derivative),
        made(curvature),
        made(lambda y, beta: integral(y) / beta),
        name,
    )


# in the order in which kernels number them
TRANSFER_FUNCTIONS: dict[str, TransferFunction] = {
    function.canonical: function
    for function in (
        _of_drive(
            "identity",
            lambda y: y,
            lambda y, beta: np.zeros_like(y) + beta,
            lambda y, beta: np.zeros_like(y),
            lambda y: y**2 / 2,
        ),
        _of_drive(
            "tanh",
            np.tanh,
            _tanh_slope,
            lambda y, beta: -2 * beta * np.tanh(y) * _tanh_slope(y, beta),
            lambda y: np.logaddexp(y, -y),
        ),
        _of_drive(
            "logistic",
            _logistic,
            _logistic_slope,
            lambda y, beta: -beta * np.tanh(y / 2) * _logistic_slope(y, beta),
            lambda y: np.logaddexp(0.0, y),
        ),
        _of_drive(
            "threshold_linear",
            lambda y: np.maximum(y, 0.0),
            lambda y, beta: np.where(y > 0, beta, 0.0),
            lambda y, beta: np.zeros_like(y),
            lambda y: np.maximum(y, 0.0) ** 2 / 2,
        ),
        _of_drive(
            "arcsinh",
            np.arcsinh,
            lambda y, beta: beta / np.hypot(1.0, y),
            lambda y, beta: -(beta**2) * y / np.hypot(1.0, y) ** 3,
            lambda y: y * np.arcsinh(y) - np.hypot(1.0, y),
        ),
    )
}


def resolve(text: str) -> TransferFunction:
    """The function that a text names, writes, or refers to; nothing of the user's is imported or run.

    Parameters
    ----------
    text : one of TRANSFER_FUNCTIONS, a formula as `transfer_expression.parse` reads it, or path/to/file.py:name, relative to
        the current folder, or package.module:name, as `transfer_program.read_function` reads it.

    Raises
    ------
    ValueError : none of these; the message names the part that is wrong.

    >>> resolve("u/(1+abs(u))").canonical
    'u / (1 + abs(u))'
    >>> float(resolve("slope*u**3").curvature(2.0, 0.5, 0.0))
    6.0
    """
    if text in TRANSFER_FUNCTIONS:
        return TRANSFER_FUNCTIONS[text]
    return _of_expression(read_function(text) if is_reference(text) else _parsed(text))


_parsed = lru_cache(maxsize=256)(parse)


@lru_cache(maxsize=256)
def _of_expression(formula: Expression) -> TransferFunction:
    slope = formula.derivative()
    return TransferFunction(formula.value, slope.value, slope.derivative().value, None, formula.canonical, formula)


def is_named(text: str) -> bool:
    """Whether kernels have the function by number; any other is compiled for itself.

    >>> is_named("tanh"), is_named("tanh(u)")
    (True, False)
    """
    return text in TRANSFER_FUNCTIONS


def kernel_number(text: str) -> int:
    """The function's number in kernels/functions.py; 0 for one that is compiled for itself and ignores it.

    >>> kernel_number("arcsinh"), kernel_number("tanh(u)")
    (4, 0)
    """
    return list(TRANSFER_FUNCTIONS).index(text) if is_named(text) else 0


def gain(name: str, slope: ArrayLike, threshold: ArrayLike, u: ArrayLike) -> Array:
    """f'(u), what a small change of activity is multiplied with [1/u]; of a threshold-linear function 0 at the kink.

    >>> float(gain("logistic", 4.0, 0.5, 0.5))
    1.0
    """
    return resolve(name).derivative(u, slope, threshold)


def curvature(name: str, slope: ArrayLike, threshold: ArrayLike, u: ArrayLike) -> Array:
    """f''(u), by how much the gain changes with activity [1/u^2]; 0 at a kink.

    >>> float(curvature("u**2", 1.0, 0.0, 0.5))
    2.0
    """
    return resolve(name).curvature(u, slope, threshold)


def homogeneous_fixed_points(name: str, slope: float, threshold: float, weight: float, input: float) -> Array:
    """All solutions of u = weight f(u) + input, ascending [u]; one, two or three for sigmoids; docs/theory.md (72), (73).

    The residual u - weight f(u) - input of a sigmoid, and of arcsinh, has at most two turning points, known in closed form;
    each monotone piece between them is searched by bisection, so that no solution is missed. A function of the user's is
    scanned, with what `scanned_fixed_points` may miss.

    Parameters
    ----------
    name : as `resolve`.
    slope : beta [1/u]; any sign.
    threshold : theta [u].
    weight : integral of the kernel, any sign.
    input : constant drive [u].

    Raises
    ------
    ValueError : weight x slope = 1 where that leaves no solution or a continuum of them; or as `resolve`.

    >>> homogeneous_fixed_points("tanh", 1.0, 0.0, 2.0, 0.0).round(9).tolist()
    [-1.915008048, 0.0, 1.915008048]
    """
    if name in ("identity", "threshold_linear"):
        return _piecewise_linear_fixed_points(name, slope, threshold, weight, input)
    value, derivative, *_ = resolve(name)
    if not is_named(name):
        return scanned_fixed_points(
            lambda u: value(u, slope, threshold),
            lambda u: derivative(u, slope, threshold),
            weight,
            input,
            (0.0, threshold),
            1 / abs(slope) if slope else 1.0,
        )

    def residual(u: float) -> float:
        return u - weight * float(value(u, slope, threshold)) - input

    if name == "arcsinh":
        low, high = _ends(residual, abs(input) + abs(threshold) + abs(weight))
    else:
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
    """Where weight f'(u) = 1, ascending; none or a double one means that the residual is monotone; docs/theory.md (73).

    arcsinh: f' = beta / sqrt(1 + y^2), so y^2 = (weight beta)^2 - 1.
    """
    # largest slope of weight f: weight beta at the threshold, a quarter of it for the logistic function
    steepest = weight * slope / (4 if name == "logistic" else 1)
    if steepest <= 1:
        return []
    if name == "arcsinh":
        arm = math.sqrt(steepest - 1) * math.sqrt(steepest + 1) / abs(slope)
        return [threshold - arm, threshold + arm]
    root = math.sqrt(1 - 1 / steepest)
    # artanh(root) without the cancellation of 1 - root
    arm = math.asinh(root * math.sqrt(steepest)) * (2 if name == "logistic" else 1) / abs(slope)
    return [threshold - arm, threshold + arm]


def _ends(residual: Callable[[float], float], reach: float) -> tuple[float, float]:
    """A range about 0 at whose ends u outweighs an f that grows more slowly."""
    while not residual(-reach) < 0 < residual(reach):
        reach = 2 * reach + 1e-300
    return -reach, reach


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
