"""How long a state of one variable lasts in a potential well: the first-passage integral, and Kramers' limit of it.

dx = -U'(x) dt + sqrt(2 D) dW with constant D. docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.brownian import require_positive

Array = NDArray[np.floating[Any]]
Potential = Callable[[Array], Array]

_NODES = 16
_PANELS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_ROUNDING = 1e-12  # change from one number of panels to the next that ends the refinement
_FAR = 50.0  # of U/D above the lowest point: e^-50 of the density lies beyond


def _quadrature() -> tuple[Array, Array, Array]:
    """Nodes and weights on (0, 1), and the matrix that integrates from 0 to each node."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    order = np.arange(_NODES)
    values = np.polynomial.legendre.legvander(node, _NODES)
    # int_-1^x P_n = [P_(n+1) - P_(n-1)]/(2 n + 1), and x + 1 for n = 0
    primitive = np.empty((_NODES, _NODES))
    primitive[:, 0] = node + 1.0
    primitive[:, 1:] = (values[:, 2:] - values[:, :-2]) / (2 * order[1:] + 1)
    analysis = (values[:, :-1] * weight[:, None]).T * (order[:, None] + 0.5)
    return (node + 1) / 2, weight / 2, primitive @ analysis / 2


_NODE, _WEIGHT, _PRIMITIVE = _quadrature()


def _far_end(potential: Potential, diffusion: float, inside: float, direction: float) -> float:
    """Where U/D has risen by 50 above the lowest point on the way, going outward from a well."""
    distance = abs(direction)
    for _ in range(200):
        way = inside + math.copysign(distance, direction) * np.linspace(0.0, 1.0, 129)
        height = np.asarray(potential(way), dtype=float) / diffusion
        if height[-1] - height.min() > _FAR:
            risen = np.flatnonzero(height - np.minimum.accumulate(height) > _FAR)
            return float(way[risen[0]])
        distance *= 1.3
    raise ValueError(
        f"potential: rises by {height[-1] - height.min():.3g} D within {distance:.3g} of {inside:.6g}, expected more than"
        f" {_FAR:g} D: a potential that confines"
    )


def _panels(start: float, stop: float, n_panel: int) -> tuple[Array, float]:
    """(n_panel, nodes) points and the width of a panel, from start to stop in either direction."""
    width = (stop - start) / n_panel
    return start + width * (np.arange(n_panel)[:, None] + _NODE), width


class _Integral(NamedTuple):
    """Of e^(-U/D) along panels, in logarithms: barriers of thousands of D meet the wells behind them."""

    at_nodes: Array
    """(n_panel, nodes), ln of the integral from the start of the first panel."""
    whole: float
    """ln of the integral over all panels."""
    height: Array
    """(n_panel, nodes), U/D."""
    width: float


def _integral(potential: Potential, diffusion: float, start: float, stop: float, n_panel: int) -> _Integral:
    points, width = _panels(start, stop, n_panel)
    height = np.asarray(potential(points), dtype=float) / diffusion
    lowest = height.min(axis=1, keepdims=True)
    weight = abs(width) * np.exp(lowest - height)
    ends = np.logaddexp.accumulate(np.log(weight @ _WEIGHT) - lowest[:, 0])
    before = np.concatenate([[-math.inf], ends[:-1]])
    with np.errstate(divide="ignore"):  # a coarse panel may integrate to nothing, or below
        within = np.log(np.maximum(weight @ _PRIMITIVE.T, 0.0)) - lowest
    return _Integral(np.logaddexp(before[:, None], within), float(ends[-1]), height, abs(width))


def mean_first_passage_time(potential: Potential, diffusion: float, start: float, target: float) -> float:
    """Mean time from start until target is first reached  [time].

    (1/D) int_start^target dy e^(U(y)/D) int_far^y dz e^(-U(z)/D), far = beyond start, where no density is
    docs/theory.md (184); Gardiner, Stochastic Methods, 4th ed. (2009)

    To the rounding of U/D; inf where it exceeds float64.

    Parameters
    ----------
    potential : U, arrays to arrays [x^2/time]; must rise beyond start.
    diffusion : D [x^2/time].

    >>> round(mean_first_passage_time(lambda x: x**2 / 2, 1.0, 0.0, 1.0), 9)
    2.09340665
    """
    found = log_mean_first_passage_time(potential, diffusion, start, target)
    return math.exp(found) if found < 709.0 else math.inf


def log_mean_first_passage_time(potential: Potential, diffusion: float, start: float, target: float) -> float:
    """Logarithm of `mean_first_passage_time`, for barriers of any height; -inf from a point to itself.

    >>> bistable = (lambda x: (x**2 - 1) ** 2), 0.001, -1.0, 1.0
    >>> round(log_mean_first_passage_time(*bistable) - 1000.0, 6)  # Kramers: ln(2 pi/sqrt(32)) = 0.105009
    0.105384
    """
    require_positive("mean_first_passage_time", diffusion=diffusion)
    if start == target:
        return -math.inf
    far = _far_end(potential, diffusion, start, start - target)
    before = math.nan
    for n_panel in _PANELS:
        behind = _integral(potential, diffusion, far, start, n_panel)
        ahead = _integral(potential, diffusion, start, target, n_panel)
        logarithm = ahead.height + np.logaddexp(ahead.at_nodes, behind.whole)
        highest = float(logarithm.max())
        share = float((np.exp(logarithm - highest) @ _WEIGHT).sum())
        found = highest + math.log(ahead.width * share / diffusion)
        if abs(found - before) < _ROUNDING * max(1.0, abs(found)):
            break
        before = found
    return found


def well_probability(potential: Potential, diffusion: float, well: float, barrier: float, other_well: float) -> float:
    """Stationary probability on the side of the barrier on which `well` lies, p ~ e^(-U/D); two wells.

    docs/theory.md (184)

    Parameters
    ----------
    potential : U [x^2/time].
    diffusion : D [x^2/time].

    >>> well_probability(lambda x: (x**2 - 1) ** 2, 0.1, 1.0, 0.0, -1.0)
    0.5
    """
    require_positive("well_probability", diffusion=diffusion)
    far = [_far_end(potential, diffusion, side, side - barrier) for side in (well, other_well)]
    before = math.nan
    for n_panel in _PANELS:
        here, there = (_integral(potential, diffusion, barrier, end, n_panel).whole for end in far)
        found = math.exp(here - np.logaddexp(here, there))
        if abs(found - before) < _ROUNDING:
            break
        before = found
    return found


def kramers_rate(well_curvature: float, barrier_curvature: float, barrier_height: float, diffusion: float) -> float:
    """Rate at which a deep well is left over a barrier  [1/time].

    sqrt(U''(well) |U''(barrier)|)/(2 pi) e^(-dU/D)          docs/theory.md (185); Kramers, Physica 7, 284 (1940)

    Off by a relative O(D/dU), and without meaning unless the barriers on both sides are much above D: else a particle
    that crosses returns.

    Parameters
    ----------
    well_curvature, barrier_curvature : U'' [1/time], > 0 and < 0.
    barrier_height : dU [x^2/time].
    diffusion : D [x^2/time].

    >>> round(kramers_rate(8.0, -4.0, 1.0, 0.1), 14)
    4.087429752e-05
    """
    if not (well_curvature > 0.0 > barrier_curvature):
        raise ValueError(
            f"curvature: {well_curvature:.6g} in the well and {barrier_curvature:.6g} on the barrier, expected > 0 and < 0"
        )
    return math.sqrt(-well_curvature * barrier_curvature) / (2.0 * math.pi) * math.exp(-barrier_height / diffusion)
