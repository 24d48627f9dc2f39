"""Linear random networks of infinite size: entropy production, variance, participation ratio of any symmetry.

dx = (-x + J x) dt + sqrt(2 D) dW with E[J_ij^2] = g^2/N, E[J_ij J_ji] = gamma g^2/N. Averages over J, exact for N to infinity.
docs/theory.md, "Random networks".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

_TOLERANCE, _ENOUGH = 1e-10, 1e-6  # relative change at which points are no longer doubled; which is accepted
_FEWEST, _MOST, _MOST_SQUARED = 32, 2**17, 2**11  # points of an integral; of one axis of a double integral


class LinearNetwork(NamedTuple):
    """Stationary state of an infinite linear network, if `converged`."""

    entropy_production_rate: float
    """Per neuron, whatever the noise [k_B/tau]."""
    variance: float
    """<x^2>/D of a neuron [tau]."""
    converged: bool
    residual: float
    """Largest relative change when the points of the integrals were doubled."""
    message: str
    """Why it did not converge; empty otherwise."""


class ParticipationRatio(NamedTuple):
    """Share of the dimensions that the activity fills, if `converged`."""

    value: float
    """From 0 to 1, the latter for independent neurons."""
    converged: bool
    residual: float
    """Relative change when the points were doubled."""
    message: str


class _Line(NamedTuple):
    """The line z = 1 + i omega, by the angle that the response has on it."""

    frequency: Array
    response: NDArray[np.complexfloating[Any, Any]]
    square: Array
    """g^2 |G|^2 < 1."""
    weight: Array
    """Sum over it = integral over all frequencies / pi, of what is even in frequency."""


def critical_gain(symmetry: float) -> float:
    """g at which the linear network, and the silent state of any other with unit slope, becomes unstable: 1/(1 + gamma).

    docs/theory.md (124); inf for an antisymmetric J.

    >>> critical_gain(0.25)
    0.8
    """
    _checked(0.0, symmetry)
    return math.inf if symmetry == -1.0 else 1.0 / (1.0 + symmetry)


def response(gain: float, symmetry: float, frequency: ArrayLike) -> NDArray[np.complexfloating[Any, Any]]:
    """G(omega) = tr (1 + i omega - J)^-1 / N  [tau].

    G = 1/(z - g^2 gamma G), z = 1 + i omega, the root with |g G| < 1       docs/theory.md (123); Sommers et al., PRL 60, 1895

    Parameters
    ----------
    gain, symmetry : g below the critical gain; gamma from -1 to 1.
    frequency : omega [1/tau].

    >>> complex(response(0.0, 0.0, 1.0))
    (0.5-0.5j)
    """
    _checked(gain, symmetry)
    z = 1.0 + 1j * np.asarray(frequency, dtype=np.float64)
    focus = 2.0 * gain * np.sqrt(complex(symmetry))
    # the product of two roots is cut between the foci, inside the spectrum of J, where z never is
    return np.asarray(2.0 / (z + np.sqrt(z - focus) * np.sqrt(z + focus)))


def linear_network(gain: float, symmetry: float) -> LinearNetwork:
    """Entropy production rate and variance of an infinite linear network, any gain and symmetry.

    sigma/N = (1 - gamma) g^2 Int domega/pi  omega^2 |G|^4 / [(1 - g^2 |G|^2)(1 - gamma g^2 |G|^2)]    docs/theory.md (126)
    <x^2>/D = Int domega/pi K,  K = |G|^2 / (1 - g^2 |G|^2)                                            (125)

    Sums over equidistant angles, doubled until nothing changes: they converge exponentially, more slowly near the critical
    gain. NaN beyond it.

    Parameters
    ----------
    gain, symmetry : g >= 0; gamma from -1 to 1.

    >>> found = linear_network(0.8, 0.0)
    >>> round(found.entropy_production_rate, 10), round(found.variance, 10)
    (0.4, 1.6666666667)
    """
    _checked(gain, symmetry)
    if gain >= critical_gain(symmetry):
        return LinearNetwork(math.nan, math.nan, False, math.nan, _unstable(gain, symmetry))

    def moments(n_point: int) -> Array:
        line = _line(gain, symmetry, n_point, 0.25)
        power = np.abs(line.response) ** 2
        spectrum = line.weight * power / (1.0 - line.square)
        irreversible = (gain * line.frequency) ** 2 * power / (1.0 - symmetry * line.square)
        return np.array([(1.0 - symmetry) * np.sum(spectrum * irreversible), np.sum(spectrum)])

    (rate, variance), residual = _doubled(moments, _MOST)
    message = _poor(gain, symmetry, residual)
    return LinearNetwork(float(rate), float(variance), not message, residual, message)


def participation_ratio(gain: float, symmetry: float) -> ParticipationRatio:
    """(tr S)^2 / tr S^2 / N of the equal-time covariance of an infinite linear network.

    tr S^2/(N D^2) = IInt domega domega'/pi^2 K K' (1 - gamma^2 g^4 |G G'|^2) / (|1 - g^2 G* G'|^2 |1 - gamma g^2 G G'|^2)
    docs/theory.md (128)

    Near the critical gain it vanishes as the cube of the leading rate's root, and the integral needs more points than there
    are: `converged` says so.

    Parameters
    ----------
    gain, symmetry : g >= 0; gamma from -1 to 1.

    >>> round(participation_ratio(0.8, 0.0).value, 10)  # 5/11
    0.4545454545
    """
    _checked(gain, symmetry)
    if gain >= critical_gain(symmetry):
        return ParticipationRatio(math.nan, False, math.nan, _unstable(gain, symmetry))

    def traces(n_point: int) -> Array:
        line = _line(gain, symmetry, n_point, 0.5)
        spectrum = line.weight * np.abs(line.response) ** 2 / (1.0 - line.square)
        return np.array([spectrum.sum() ** 2 / _square_trace(line, spectrum, gain, symmetry)])

    (value,), residual = _doubled(traces, _MOST_SQUARED)
    message = _poor(gain, symmetry, residual)
    return ParticipationRatio(float(value), not message, residual, message)


def _checked(gain: float, symmetry: float) -> None:
    if not 0.0 <= gain < math.inf:
        raise ValueError(f"gain: {gain:.6g}, expected a number >= 0")
    if not -1.0 <= symmetry <= 1.0:
        raise ValueError(f"symmetry: {symmetry:.6g}, expected a number from -1 (antisymmetric) to 1 (symmetric)")


def _unstable(gain: float, symmetry: float) -> str:
    return f"gain: {gain:.6g}, expected < {critical_gain(symmetry):.6g} = 1/(1 + symmetry): no stationary state"


def _poor(gain: float, symmetry: float, residual: float) -> str:
    if residual < _ENOUGH:
        return ""
    return (
        f"gain: {gain:.9g}, critical {critical_gain(symmetry):.9g}: integrals still change by {residual:.1e}, expected <"
        f" {_ENOUGH:.0e}; stay farther away from it"
    )


def _line(gain: float, symmetry: float, n_point: int, power: float) -> _Line:
    """z = 1 + i omega in Joukowski's angle: g G = r e^(-i angle), g cos(angle) (1/r + gamma r) = 1; theory.md (127)."""
    # near the critical gain |g G| comes near 1 at zero frequency, over an angle of about the root of the distance to it;
    # two frequencies must also resolve each other there, and want the finer power
    width = min(1.0, 2.0 * max(1.0 - gain * (1.0 + symmetry), 1e-12) ** power)
    theta = (np.arange(n_point) + 0.5) * (0.5 * np.pi / n_point)
    # tan(angle) = width tan(theta)
    sine, cosine = width * np.sin(theta), np.cos(theta)
    size = np.hypot(sine, cosine)
    sine, cosine = sine / size, cosine / size
    root = np.sqrt(1.0 - 4.0 * symmetry * (gain * cosine) ** 2)
    frequency = sine / cosine * root
    modulus = 2.0 * cosine / (1.0 + root)  # |G|
    slope = (1.0 - 4.0 * symmetry * gain**2 * cosine**4) / (root * cosine**2)
    weight = slope * (width / size**2) / n_point
    phase = cosine - 1j * sine
    return _Line(frequency, modulus * phase, (gain * modulus) ** 2, weight)


def _square_trace(line: _Line, spectrum: Array, gain: float, symmetry: float) -> float:
    """tr S^2 / (N D^2) [tau^2]; theory.md (128)."""
    total = np.zeros((len(spectrum), len(spectrum)))
    crossed = 1.0 - symmetry**2 * np.outer(line.square, line.square)
    for other in (line.response, line.response.conj()):  # both signs of the second frequency
        ladder = np.abs(1.0 - gain**2 * np.outer(line.response.conj(), other)) ** 2
        total += 0.5 * crossed / (ladder * np.abs(1.0 - symmetry * gain**2 * np.outer(line.response, other)) ** 2)
    return float(spectrum @ total @ spectrum)


def _doubled(integral: Callable[[int], Array], most: int) -> tuple[Array, float]:
    """An integral with twice as many points until it no longer changes, and its last relative change."""
    n_point, found, change = _FEWEST, integral(_FEWEST), math.inf
    while change > _TOLERANCE and n_point < most:
        n_point *= 2
        before, found = found, integral(n_point)
        change = float(np.max(np.abs(found - before) / np.maximum(np.abs(found), 1e-300)))
    return found, change
