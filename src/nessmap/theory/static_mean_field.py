"""Fixed points of random networks, N to infinity: the static mean-field theory, and how many fixed points there are.

x = J phi(x), E[J_ij^2] = g^2/N, E[J_ij J_ji] = gamma g^2/N. docs/theory.md, "Random networks: fixed points".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.random_linear_network import critical_gain
from nessmap.theory.replica import ordered_response

Array = NDArray[np.floating[Any]]
Transfer = Callable[[Array], Array]

_N_POINT, _REACH = 800, 9.0
_TOLERANCE, _STEPS = 1e-11, 30


class StaticState(NamedTuple):
    """A frozen state of the network, if `converged`."""

    rate_variance: float
    """C = <phi^2>; 0 up to the critical gain."""
    response: float
    """R = d<phi>/dh, h a constant input [tau]."""
    stability: float
    """g^2 <(dphi/dh)^2>; above 1 the state is unstable, and the zero-temperature ansatz of finite beta (q - Q) fails."""
    converged: bool
    residual: float
    message: str


class FixedPoints(NamedTuple):
    """Number exp(N x complexity) of fixed points of a network without symmetry, if `converged`."""

    complexity: float
    """Of all, ln of the mean number per neuron."""
    weighted: float
    """Of those that dominate when each counts with 1/|det DF|, as in the zero-temperature measure."""
    rate_variance: float
    """<phi^2> at the typical one of all."""
    converged: bool
    residual: float
    message: str


def static_state(gain: float, symmetry: float, transfer: Transfer = np.tanh) -> StaticState:
    """Static mean-field theory: a random frozen field and the reaction of the rest to the neuron itself.

    x = h + g^2 gamma R phi(x), h Gaussian of variance g^2 C, C = <phi^2>, R = <dphi/dh>               docs/theory.md (146)

    Parameters
    ----------
    gain, symmetry : g >= 0, gamma from -1 to 1.
    transfer : phi, odd, of unit slope at 0, concave for x > 0.

    >>> found = static_state(1.2, 0.5)
    >>> round(found.rate_variance, 6), round(found.response, 6)
    (0.542571, 0.773259)
    """
    if gain <= critical_gain(symmetry):
        response = ordered_response(gain, symmetry)
        return StaticState(0.0, response, (gain * response) ** 2, True, 0.0, "")

    def equations(at: Array) -> Array:
        moments = _reacting(gain * math.exp(0.5 * at[0]), gain**2 * symmetry * at[1], transfer)
        return np.array([math.log(moments[0]), moments[1]]) - at

    for start in (0.5, 0.1, 0.01, 1e-3):
        at, residual = _newton(equations, np.array([math.log(start), 1.0 / (1.0 + 0.5 * gain)]))
        loop = gain**2 * symmetry * float(at[1])
        if residual < _TOLERANCE and loop < 1.0:
            stability = gain**2 * _reacting(gain * math.exp(0.5 * at[0]), loop, transfer)[2]
            return StaticState(math.exp(at[0]), float(at[1]), stability, True, residual, "")
    message = f"gain: {gain:.6g}, symmetry: {symmetry:.6g}: no state found with g^2 gamma R < 1, beyond which x(h) is ambiguous"
    return StaticState(math.nan, math.nan, math.nan, False, math.inf, message)


def fixed_points(gain: float, transfer: Transfer = np.tanh) -> FixedPoints:
    """Annealed Kac-Rice complexity of the fixed points of a network without symmetry.

    docs/theory.md (147), (148); compare Stubenrauch et al., arXiv:2210.07877

    Parameters
    ----------
    gain : g >= 0; only x = 0 up to 1.
    transfer : phi, odd, of unit slope at 0.

    >>> found = fixed_points(1.5)
    >>> round(found.complexity, 8), round(found.weighted, 8)
    (0.00714257, 0.00279521)
    """
    if gain <= 1.0:
        return FixedPoints(0.0, 0.0, 0.0, True, 0.0, "")

    def weighted(at: Array) -> Array:
        found = _counted(gain, math.exp(at[0]), 0.0, 0.0, math.exp(at[1]), transfer)
        return np.array([math.log(found.rate_square) - at[0], math.log(found.slope)])

    def every(at: Array) -> Array:
        q, tension = math.exp(at[0]), math.exp(at[2])
        found = _counted(gain, q, float(at[1]), tension, tension, transfer)
        return np.array([math.log(found.rate_square) - at[0], found.confinement - at[1], math.log(found.slope)])

    # what they tend to near the onset, made to saturate
    share = (gain - 1.0) / gain
    at, residual = _newton(weighted, np.array([math.log(share), 2.0 * math.log(share)]))
    q, tension = math.exp(at[0]), math.exp(at[1])
    of_weighted = _counted(gain, q, 0.0, 0.0, tension, transfer).determinant - 0.5 * tension
    at, residual_of_all = _newton(every, np.array([math.log(0.7 * share), -0.5, math.log(0.7 * share)]))
    q, confinement, tension = math.exp(at[0]), float(at[1]), math.exp(at[2])
    total = _counted(gain, q, confinement, tension, tension, transfer).logarithm
    complexity = total - confinement * q - 0.5 * tension
    residual = max(residual, residual_of_all)
    message = "" if residual < 1e-9 else f"gain: {gain:.6g}: Newton's method ended at a residual of {residual:.1e}"
    return FixedPoints(complexity, of_weighted, q, not message, residual, message)


class _Counted(NamedTuple):
    """Averages over ln w = -x^2/(2 g^2 q) + a phi^2 + ln(1 + u g^2 phi'^2)/2, u possibly 0."""

    rate_square: float
    confinement: float
    """-1/(2 q) + <x^2>/(2 g^2 q^2), what a is to be."""
    slope: float
    """<g^2 phi'^2/(1 + u g^2 phi'^2)>, to be 1."""
    determinant: float
    """<ln(1 + u g^2 phi'^2)>/2."""
    logarithm: float
    """ln Int w dx - ln(2 pi g^2 q)/2."""


def _counted(gain: float, q: float, a: float, tension: float, u: float, transfer: Transfer) -> _Counted:
    """`tension` is the u of the weight, u that of the averages."""
    scale = gain * math.sqrt(q)
    z, gaussian = _gaussian_nodes()
    x = scale * z
    rate = transfer(x)
    square = (gain * _slope(transfer, x)) ** 2
    weight = gaussian * np.exp(a * rate**2) * np.sqrt(1.0 + tension * square)
    total = float(weight.sum())
    weight = weight / total
    second = float(weight @ x**2)
    return _Counted(
        float(weight @ rate**2),
        (second / scale**2 - 1.0) / (2.0 * q),
        float(weight @ (square / (1.0 + u * square))),
        0.5 * float(weight @ np.log1p(u * square)),
        math.log(total),
    )


def _reacting(scale: float, loop: float, transfer: Transfer) -> tuple[float, float, float]:
    """<phi^2>, <dphi/dh> and <(dphi/dh)^2> for x = h + loop phi(x), h Gaussian of a standard deviation."""
    z, weight = _gaussian_nodes()
    h = scale * z
    # from the side on which Newton's method is monotonic: above for a convex residual, below for a concave one
    x = h + loop * transfer(h + loop) if loop > 0.0 else h / (1.0 - loop)
    for _ in range(_STEPS):
        step = (x - h - loop * transfer(x)) / (1.0 - loop * _slope(transfer, x))
        x = x - step
        if np.max(np.abs(step)) < 1e-14 * scale:
            break
    slope = _slope(transfer, x)
    gain = slope / (1.0 - loop * slope)
    return float(weight @ transfer(x) ** 2), float(weight @ gain), float(weight @ gain**2)


def _gaussian_nodes() -> tuple[Array, Array]:
    """Midpoints z > 0, and their weights in the mean of an even function of a standard Gaussian variable."""
    spacing = _REACH / _N_POINT
    z = (np.arange(_N_POINT) + 0.5) * spacing
    return z, 2.0 * spacing / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z**2)


def _slope(transfer: Transfer, x: Array) -> Array:
    """phi' by a difference of fourth order."""
    step = 2.0**-10
    near, far = transfer(x + step) - transfer(x - step), transfer(x + 2 * step) - transfer(x - 2 * step)
    return np.asarray((8.0 * near - far) / (12.0 * step))


def _newton(equations: Callable[[Array], Array], start: Array) -> tuple[Array, float]:
    """Newton's method with differences for derivatives and steps of at most 0.5."""
    at, worst = start, math.inf
    for _ in range(_STEPS):
        try:
            value = equations(at)
            columns = [(equations(at + 1e-6 * unit) - value) / 1e-6 for unit in np.eye(len(at))]
            move = -np.linalg.solve(np.array(columns).T, value)
        except (ValueError, OverflowError, np.linalg.LinAlgError):  # logarithm of nothing, singular equations
            return at, math.inf
        worst = float(np.abs(value).max())
        if worst < _TOLERANCE:
            break
        at = at + move * min(1.0, 0.5 / float(np.abs(move).max()))
    return at, worst
