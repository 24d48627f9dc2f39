"""Two nonlinear populations: their homogeneous states, and the noise under which they are at equilibrium.

docs/theory.md, "Two nonlinear populations".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Function = Callable[..., Any]

_MOST_STEPS = 100
_SHORTENINGS = 0.5 ** np.arange(7)
_CONVERGED = 1e-12  # of the residual's terms
_SAME = 1e-4  # of the terms and 1/slope: what is nearer is one state, found twice, of three that meet to a third of the digits
_ACROSS = np.linspace(0.0, 1.0, 9)
_NEAR = np.array([-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0])  # 1/slope
_FAR = 10.0  # 1/slope: where sigmoids are saturated


class EquilibriumNoise(NamedTuple):
    """Noise of two populations that makes excitation and inhibition reciprocal."""

    strength_ratio: float
    """D_E / D_I."""
    correlation: float
    """Of the noise of both populations, on every wavenumber."""


def equilibrium_noise(weights: ArrayLike) -> EquilibriumNoise:
    """Noise under which two populations of one kernel and one time constant are at equilibrium, whatever their f  [1].

    D_E/D_I = w_EE w_EI / (w_IE w_II),  c = sign(w_EE w_IE) sqrt(w_EI w_IE / (w_EE w_II)), with the kernel as spatial covariance
    docs/theory.md, "Two nonlinear populations"

    Then W = D L with a diagonal L, and D^-1 F is a gradient. Exact for any transfer functions, slopes, thresholds and inputs,
    and for noise of any strength.

    Parameters
    ----------
    weights : (2, 2) array, first index receives, signed: inhibition is negative [u].

    Raises
    ------
    ValueError : no such noise exists; the weights to itself of a population and across must obey
        0 < w_EI w_IE / (w_EE w_II) < 1.

    >>> [round(value, 12) for value in equilibrium_noise([[1.6, -0.9], [1.0, -1.0]])]
    [1.44, 0.75]
    """
    (ee, ei), (ie, ii) = np.asarray(weights, dtype=np.float64).tolist()
    square = ei * ie / (ee * ii) if ee * ii else np.inf
    if not 0.0 < square < 1.0:
        raise ValueError(
            f"weights: w_EI w_IE / (w_EE w_II) = {square:.6g}, expected between 0 and 1: no noise makes them reciprocal;"
            " lower the weights across"
        )
    return EquilibriumNoise(ee * ei / (ie * ii), float(np.sign(ee * ie) * np.sqrt(square)))


def homogeneous_states(
    value: Function,
    derivative: Function,
    slopes: ArrayLike,
    thresholds: ArrayLike,
    weights: ArrayLike,
    inputs: ArrayLike,
) -> Array:
    """States (n_state, 2) of two populations at rest, by ascending activity of the first  [u].

    u_X = sum_Y w_XY f_Y(u_Y) + I_X, by Newton's method with shortened steps                docs/theory.md (107), (79)

    From 16 x 16 starts: of each population nine across what the two can drive it to, seven about its threshold. A state is
    missed only if none of them leads to it.

    Parameters
    ----------
    value, derivative : f(u, slope, threshold) and f', arrays that broadcast.
    slopes, thresholds : (2,) arrays, of each population [1/u], [u].
    weights : (2, 2) array, first index receives, signed [u].
    inputs : (2,) array [u].

    >>> from nessmap.theory.transfer_functions import TRANSFER_FUNCTIONS
    >>> tanh = TRANSFER_FUNCTIONS["tanh"]
    >>> apart = homogeneous_states(tanh.value, tanh.derivative, [1, 1], [0, 0], np.diag([2.0, 0.5]), [0, 0])
    >>> (apart.round(9) + 0.0).tolist()
    [[-1.915008048, 0.0], [0.0, 0.0], [1.915008048, 0.0]]
    """
    slope, threshold, drive = (np.asarray(x, dtype=np.float64)[:, None] for x in (slopes, thresholds, inputs))
    coupling = np.asarray(weights, dtype=np.float64)

    def terms(u: Array) -> Array:
        """(4, n_population, n): what adds up to the residual, received from either population, driven and decayed."""
        received = coupling[:, :, None] * value(u, slope, threshold)
        return np.stack([received[:, 0], received[:, 1], np.broadcast_to(drive, u.shape), -u])

    with np.errstate(all="ignore"):  # a start may be where f overflows
        u = _starts(value, slope, threshold, coupling, drive)
        residual = terms(u).sum(axis=0)
        for _ in range(_MOST_STEPS):
            gain = derivative(u, slope, threshold)
            (a, b), (c, d) = coupling[:, :, None] * gain - np.eye(2)[:, :, None]
            step = np.stack([b * residual[1] - d * residual[0], c * residual[0] - a * residual[1]]) / (a * d - b * c)
            trials = u[:, None] + _SHORTENINGS[:, None] * step[:, None]
            left = terms(trials.reshape(2, -1)).sum(axis=0).reshape(trials.shape)
            size = np.nan_to_num((left**2).sum(axis=0), nan=np.inf)
            best, lane = size.argmin(axis=0), np.arange(u.shape[1])
            better = size[best, lane] < (residual**2).sum(axis=0)
            if not better.any():
                break
            u = np.where(better, trials[:, best, lane], u)
            residual = np.where(better, left[:, best, lane], residual)
        size, scale = np.abs(residual).max(axis=0), np.abs(terms(u)).max(axis=(0, 1))
    order = np.argsort(size)
    states: list[Array] = []
    for state, unit in ((u[:, i], scale[i]) for i in order if size[i] <= _CONVERGED * scale[i]):
        nearest = _SAME * (unit + 1 / slope.max())
        if all(np.abs(state - other).max() > nearest for other in states):
            states.append(state)
    return np.array(sorted(states, key=lambda state: tuple(state))).reshape(-1, 2)


def _starts(value: Function, slope: Array, threshold: Array, coupling: Array, drive: Array) -> Array:
    places = np.concatenate([threshold + _NEAR * _FAR / slope, drive], axis=1)
    reached = value(places, slope, threshold)
    ends = np.stack([coupling * reached.min(axis=1), coupling * reached.max(axis=1)])
    low, high = (drive + extreme.sum(axis=1)[:, None] for extreme in (ends.min(axis=0), ends.max(axis=0)))
    starts = np.concatenate([low + (high - low) * _ACROSS, threshold + _NEAR / slope], axis=1)
    first, second = np.meshgrid(*np.where(np.isfinite(starts), starts, 0.0), indexing="ij")
    return np.stack([first.ravel(), second.ravel()])
