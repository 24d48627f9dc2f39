"""One neuron with any tuning curve on a grid of velocity and activity: information, heat, an exact second law.

Finite volumes as in nessmap.theory.fokker_planck; nessmap.theory.nonlinear_information has more digits, but no grid on
which the second law can be watched. docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nessmap.theory.brownian import require_positive
from nessmap.theory.fokker_planck import Box, PlanarSystem, stationary_state
from nessmap.theory.gaussian_stationary import Matrix
from nessmap.theory.nonlinear_sensing import Tuning

_REACH = 6.0  # standard deviations of the velocity, and of the neuron's own noise
_OUTSIDE = 1e-9  # probability that a box may leave out at either end
_COARSE = 64  # cells per axis on which a box is settled


class GridInformation(NamedTuple):
    """On one grid: production = entropy_flow - information_flow, exactly."""

    mutual_information: float
    """[nats]"""
    information_flow: float
    """Of the neuron [nats/time]."""
    entropy_flow: float
    """Into the neuron's bath; slow to converge where f has a kink: take it from `neuron_response` [k_B/time]."""
    production: float
    """Of the neuron, >= 0 on any grid [k_B/time]."""
    present_transfer_entropy_rate: float
    """From the velocity, if the neuron's past is ignored, >= information_flow [nats/time]."""
    instantaneous_error: float
    """Mean variance of the velocity given the neuron now [v^2]."""


class SensingNeuron(NamedTuple):
    """dr = -rho (r - f(v)) dt + sqrt(2 D_r) dW, v as in nessmap.theory.sensing."""

    tuning: Tuning
    signal_rate: float
    signal_variance: float
    relaxation_rate: float
    diffusion: float

    def drift(self, u: Matrix) -> Matrix:
        """Of (v, r), (2, ...) to (2, ...)."""
        v, r = u
        return np.stack([-self.signal_rate * v, -self.relaxation_rate * (r - self.tuning(v))])


def information_box(neuron: SensingNeuron) -> Box:
    """Rectangle in (v, r) that leaves out 1e-9 of the probability at either end of r.

    Wide enough for all values of f within 6 standard deviations of v, then cut to where a coarse density lives.
    """
    require_positive("SensingNeuron", **{name: value for name, value in neuron._asdict().items() if name != "tuning"})
    reach = _REACH * math.sqrt(neuron.signal_variance)
    values = np.asarray(neuron.tuning(np.linspace(-reach, reach, 513)))
    own = _REACH * math.sqrt(neuron.diffusion / neuron.relaxation_rate)
    low, high = float(values.min()) - own, float(values.max()) + own
    system = PlanarSystem(neuron.drift, [neuron.signal_rate * neuron.signal_variance, neuron.diffusion])
    for _ in range(2):  # a narrow density is seen better in the box of the first look
        box = Box(np.array([-reach, low]), np.array([reach, high]))
        state = stationary_state(system, box, _COARSE)
        marginal = state.density.sum(axis=0) / state.density.sum()
        spacing = (high - low) / _COARSE
        inside = np.flatnonzero((np.cumsum(marginal) > _OUTSIDE) & (np.cumsum(marginal[::-1])[::-1] > _OUTSIDE))
        low, high = low + spacing * max(inside[0] - 1, 0), low + spacing * min(inside[-1] + 2, _COARSE)
    return Box(np.array([-reach, low]), np.array([reach, high]))


def grid_information(neuron: SensingNeuron, box: Box, n_cell: int = 128) -> GridInformation:
    """Information and heat of one neuron on one grid of (v, r).

    I = sum p ln[p/(p_v p_r)],  flow = sum over faces in r of j ln[p(v|r')/p(v|r)],  heat = sum of j G
    docs/theory.md (178); Scharfetter & Gummel, IEEE Trans. Electron Devices 16, 64 (1969)

    Second law of the part, exact on any grid: each face adds j [G + ln(p/p')] >= 0. Of second order in the size of the
    cells for smooth f. 0.15 s for 128 x 128 cells, growing as n^3.

    Parameters
    ----------
    box : in (v, r); `information_box` finds one.
    n_cell : along each axis.

    >>> neuron = SensingNeuron(lambda v: v, 1.0, 1.0, 1.0, 1.0)
    >>> found = grid_information(neuron, information_box(neuron), 64)
    >>> round(found.information_flow, 2), round(found.entropy_flow, 2)  # exactly 0.2, 0.5
    (0.2, 0.5)
    """
    system = PlanarSystem(neuron.drift, [neuron.signal_rate * neuron.signal_variance, neuron.diffusion])
    state = stationary_state(system, box, n_cell)
    v, r = state.coordinates
    spacing = r[1] - r[0]
    probability = state.density / state.density.sum()
    of_v, of_r = probability.sum(axis=1, keepdims=True), probability.sum(axis=0, keepdims=True)
    tuned = np.asarray(neuron.tuning(v))[:, None]
    # the drift is linear in r: the middle of a face gives the integral of the force
    gain = neuron.relaxation_rate / neuron.diffusion * spacing * (tuned - (r[1:] + r[:-1]) / 2)
    there = (probability[:, :-1] > 0.0) & (probability[:, 1:] > 0.0)  # a far tail may underflow
    before, after = probability[:, :-1], probability[:, 1:]
    flow = neuron.diffusion / spacing**2 * (_bernoulli(-gain) * before - _bernoulli(gain) * after)
    with np.errstate(divide="ignore", invalid="ignore"):
        given = np.log(probability) - np.log(of_r)
        learned = float(np.sum((flow * (given[:, 1:] - given[:, :-1]))[there]))
        information = float(np.sum((probability * (given - np.log(of_v)))[probability > 0.0]))
    paid = float(np.sum(flow * gain))
    mean_drive, mean_v = (tuned * probability).sum(axis=0) / of_r[0], (v[:, None] * probability).sum(axis=0) / of_r[0]
    unknown_drive = float(np.sum(probability * (tuned - mean_drive) ** 2))
    unknown = float(np.sum(probability * (v[:, None] - mean_v) ** 2))
    transferred = neuron.relaxation_rate**2 / (4.0 * neuron.diffusion) * unknown_drive
    return GridInformation(information, learned, paid, paid - learned, transferred, unknown)


def _bernoulli(x: Matrix) -> Matrix:
    """x / (e^x - 1), 1 at 0."""
    small = np.abs(x) < 1e-4
    safe = np.where(small, 1.0, x)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(small, 1.0 - x / 2 + x * x / 12, safe / np.expm1(safe)))
