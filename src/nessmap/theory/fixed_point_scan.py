"""Solutions of u = weight f(u) + input that a scan can see, for functions whose turning points no closed form gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[Array], Array]

N_POINT = 2001  # about each centre
_GROWTH = 100.0
_MOST_GROWTHS = 6
_MOST_BISECTIONS = 200
_TOUCHING = 8 * float(np.finfo(np.float64).eps)  # rounding of the residual, relative to its terms
_JUMP = 1e-8  # a residual that is larger where its sign changes, relative to its terms, jumps over zero or has a pole


def scanned_fixed_points(
    value: Function, derivative: Function, weight: float, input: float, centres: Sequence[float], scale: float
) -> Array:
    """Solutions of u = weight f(u) + input, ascending [u].

    2001 points about each centre, 0.03 scales apart near it and wider with distance; their range grows up to 10^12 times,
    until u outweighs weight f(u) at both ends. Between two points, solutions lie where the residual
    u - weight f(u) - input changes sign, or where an extremum of it reaches over zero or touches it to rounding. Missed are
    pairs of solutions between two points with more than one extremum, and what lies beyond the range. A jump over zero is
    no solution. Work: some ten thousand values of f and f', and at most 200 bisections, of all brackets at once.

    Parameters
    ----------
    value, derivative : f and f' of arrays, NaN where undefined.
    weight, input : [u].
    centres, scale : where f varies, and over what distance [u].

    Raises
    ------
    ValueError : more than a twentieth of the points are solutions: a continuum of them.

    >>> scanned_fixed_points(lambda u: u**3, lambda u: 3 * u**2, 1.0, 0.0, [0.0], 1.0).round(12).tolist()
    [-1.0, 0.0, 1.0]
    """

    def residual(u: Array) -> Array:
        return np.asarray(u - weight * value(u) - input)

    def terms(u: Array) -> Array:
        return np.asarray(np.abs(u) + np.abs(u - residual(u) - input) + abs(input))

    with np.errstate(all="ignore"):
        middles = np.unique([*centres, input])
        size = terms(middles)
        points = _points(residual, middles, scale, abs(weight) + float(size[np.isfinite(size)].max(initial=0.0)))
        if np.count_nonzero(np.abs(residual(points)) <= _TOUCHING * terms(points)) > len(points) / 20:
            raise ValueError(
                "weight: u = weight f(u) + input for a range of u, expected single homogeneous states; change weight or input"
            )
        turning = _bisected(lambda u: 1 - weight * derivative(u), points)
        points = np.union1d(points, turning)
        values = residual(points)
        touching = np.isin(points, turning) & (np.abs(values) <= _TOUCHING * terms(points))
        values[touching] = 0.0
        crossings = _bisected(residual, points, values)
        zero = np.abs(residual(crossings)) <= _JUMP * (terms(crossings) + scale)
        found = np.union1d(points[values == 0], crossings[zero])
        # at a kink the state and its neighbour by a rounding may both have a residual of zero
        return found[np.diff(found, prepend=-np.inf) > _TOUCHING * terms(found)]


def _points(residual: Function, centres: Array, scale: float, size: float) -> Array:
    reach = 10 * (size + scale + float(np.abs(centres).max()))
    for _ in range(_MOST_GROWTHS):
        low, high = residual(np.array([-reach, reach]))
        if low < 0 < high:
            break
        reach *= _GROWTH
    steps = scale * np.sinh(np.linspace(-1.0, 1.0, N_POINT) * np.arcsinh(2 * reach / scale))
    return np.unique(centres[:, None] + steps)


def _bisected(function: Function, points: Array, values: Array | None = None) -> Array:
    """Where a function changes sign between two points, to the last bit."""
    signs = np.sign(function(points) if values is None else values)
    brackets = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    left, right, before = points[brackets], points[brackets + 1], signs[brackets]
    for _ in range(_MOST_BISECTIONS):
        middle = left + (right - left) / 2
        if not np.any((left < middle) & (middle < right)):
            break
        same = np.sign(function(middle)) == before
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.where(np.abs(function(left)) < np.abs(function(right)), left, right)
