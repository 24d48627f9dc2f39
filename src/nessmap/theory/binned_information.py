"""Mutual information of velocity and activity as a histogram sees it, and as it is.

docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nessmap.theory.fokker_planck import Box, PlanarSystem, stationary_state
from nessmap.theory.gaussian_stationary import Matrix
from nessmap.theory.nonlinear_sensing import Array
from nessmap.theory.sensing_grid import SensingNeuron, grid_information

_COARSE, _FINE = 64, 96  # cells along each axis, of two grids between which a limit is taken


def histogram_information(probability: Array) -> Array:
    """I = sum p ln[p/(p_v p_r)] of joint histograms (..., n_v, n_r) that add up to 1, (...)  [nat].

    Never more than the information of what was binned (data processing). Counts of n independent samples are on average high
    by (n_v - 1)(n_r - 1)/(2 n).

    >>> round(float(histogram_information(np.array([[0.5, 0.0], [0.0, 0.5]]))), 12)  # ln 2
    0.69314718056
    """
    of_v, of_r = probability.sum(axis=-1, keepdims=True), probability.sum(axis=-2, keepdims=True)
    there = probability > 0.0
    ratio = np.where(there, probability, 1.0) / np.where(there, of_v * of_r, 1.0)
    return np.asarray((probability * np.log(ratio)).sum(axis=(-2, -1)))


def _probability(neuron: SensingNeuron, box: Box, n_cell: int) -> Matrix:
    system = PlanarSystem(neuron.drift, [neuron.signal_rate * neuron.signal_variance, neuron.diffusion])
    density = stationary_state(system, box, n_cell).density
    return np.asarray(density / density.sum())


def _limit(coarse: float, fine: float, ratio: float) -> float:
    """Of an error in proportion to the square of the cells, the fine ones smaller by a ratio."""
    return fine + (fine - coarse) / (ratio**2 - 1.0)


class GridLimit(NamedTuple):
    """Of a neuron, as its grids become fine."""

    mutual_information: float
    """[nat]"""
    information_flow: float
    """Of the neuron [nat/time]."""


def grid_limit(neuron: SensingNeuron, box: Box) -> GridLimit:
    """Information and flow of a neuron, from two Fokker-Planck grids and the second order of their error.

    Off by 2e-3 of themselves where f saturates or grows linearly, by up to 1e-2 at kinks and for v^2, the flow of v^2 by 3e-2
    at a signal to noise of 4; by more for |v|^2.5, whose density has a tail too long for a grid. `nonlinear_information` has
    more digits, and takes longer.  docs/theory.md (178)

    >>> from nessmap.theory.sensing_grid import information_box
    >>> neuron = SensingNeuron(lambda v: v, 1.0, 1.0, 1.0, 1.0)
    >>> [round(part, 3) for part in grid_limit(neuron, information_box(neuron))]  # exactly ln(6/5)/2 = 0.0912, 0.2
    [0.091, 0.2]
    """
    coarse, fine = (grid_information(neuron, box, n) for n in (_COARSE, _FINE))
    ratio = _FINE / _COARSE
    return GridLimit(
        _limit(coarse.mutual_information, fine.mutual_information, ratio),
        _limit(coarse.information_flow, fine.information_flow, ratio),
    )


def binned_mutual_information(neuron: SensingNeuron, box: Box, n_bin: int) -> float:
    """What a histogram of n_bin x n_bin bins of the box shows of I(v; r), from two grids that the bins divide  [nat].

    >>> from nessmap.theory.sensing_grid import information_box
    >>> neuron = SensingNeuron(lambda v: v, 1.0, 1.0, 1.0, 1.0)
    >>> round(binned_mutual_information(neuron, information_box(neuron), 32), 3)
    0.089
    """

    def seen(n_per_bin: int) -> float:
        cells = _probability(neuron, box, n_bin * n_per_bin)
        bins = cells.reshape(n_bin, n_per_bin, n_bin, n_per_bin).sum(axis=(1, 3))
        return float(histogram_information(bins))

    return _limit(seen(2), seen(4), 2.0)
