"""What one neuron with any tuning curve knows and learns of the velocity, from its law given the velocity.

r is the filtered tuning curve plus noise that does not depend on v: its characteristic function given v is a Gaussian times
the solution of a linear differential equation. docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.fokker_planck import Box, Estimate
from nessmap.theory.gaussian_stationary import Matrix
from nessmap.theory.nonlinear_sensing import Array, hermite_functions, normal_panels
from nessmap.theory.sensing_grid import SensingNeuron, information_box

ComplexArray: TypeAlias = NDArray[np.complex128]

_REACH = 9.0  # standard deviations of the noise's characteristic function: e^-40
_WIDER = 1.3  # than the box, whose walls cut 1e-9 of the density: the transform is periodic
_GROWTH = 8.0  # exponent of the largest terms of a Taylor step: they cancel to 1e-13
_ORDER = 80
_NEGLIGIBLE = 1e-17
_NODES = 80  # of the average over the velocity
_WEIGHT = 1e-11  # of a node that is left out: polynomials are large there
_LEFT_OUT = 1e-9  # of 1 nat, rho and s2: error of that, and of the box
_FLOOR = 1e-13  # of the largest density: rounding of the transform


class InformationEstimates(NamedTuple):
    """Each with what it may be off by."""

    mutual_information: Estimate
    """[nats]"""
    information_flow: Estimate
    """Of the neuron; its heat / T less this is what it produces [nats/time]."""
    present_transfer_entropy_rate: Estimate
    """From the velocity, if the neuron's past is ignored, >= information_flow [nats/time]."""
    instantaneous_error: Estimate
    """Mean variance of the velocity given the neuron now [v^2]."""


def _characteristic(drive: Matrix, ratio: float, spacing: float, n_frequency: int) -> ComplexArray:
    """c(k) of k c' = -ratio n c + i k F c, c(0) = (1, 0, ...), at k = 0, spacing, ...; (n_frequency, n_mode).

    Taylor steps: k = 0 is a singular point, elsewhere the series converges up to it.
    """
    n_mode = len(drive)
    decay = ratio * np.arange(n_mode)
    size = float(np.abs(np.linalg.eigvalsh(drive)).max())

    def driven(values: ComplexArray) -> ComplexArray:
        # i F c, by one product of real matrices
        return np.asarray(1j * (drive @ values.view(np.float64).reshape(n_mode, 2)).view(np.complex128)[:, 0])

    found = np.zeros((n_frequency, n_mode), dtype=np.complex128)
    found[0, 0] = 1.0
    here, k = found[0].copy(), 0.0
    for index in range(1, n_frequency):
        goal = index * spacing
        while k < goal:
            term, before, total = here, np.zeros_like(here), here.copy()
            if k == 0.0:
                step = min(goal, _GROWTH / max(size, _NEGLIGIBLE))
                for order in range(1, _ORDER):
                    term = step * driven(term) / (order + decay)
                    total += term
                    if np.abs(term).max() < _NEGLIGIBLE:
                        break
            else:
                step = min(goal - k, _GROWTH / (size + decay[-1] / k), 0.4 * k)
                for order in range(_ORDER):
                    pushed = step * (k * driven(term) + step * driven(before) - (order + decay) * term)
                    before, term = term, pushed / (k * (order + 1))
                    total += term
                    if max(np.abs(term).max(), np.abs(before).max()) < _NEGLIGIBLE:
                        break
            here, k = total, (goal if step >= goal - k else k + step)
        found[index] = here
    return found


def _information(
    neuron: SensingNeuron, box: Box, n_mode: int, kinks: Sequence[float]
) -> tuple[float, float, float, float]:
    """The four numbers of InformationEstimates, with n_mode polynomials of the velocity."""
    rho, noise = neuron.relaxation_rate, neuron.diffusion
    deviation, own = math.sqrt(neuron.signal_variance), math.sqrt(noise / rho)
    z, measure = normal_panels(np.asarray(kinks, dtype=float) / deviation)
    tuned = np.asarray(neuron.tuning(deviation * z), dtype=np.float64)
    mean = float(tuned @ measure)
    basis = hermite_functions(z, n_mode - 1)
    drive = (basis * ((tuned - mean) * measure)) @ basis.T

    middle, length = (box.low[1] + box.high[1]) / 2 - mean, _WIDER * float(box.high[1] - box.low[1])
    spacing = 2 * math.pi / length
    n_frequency = math.ceil(_REACH / own / spacing) + 1
    k = spacing * np.arange(n_frequency)
    coefficients = _characteristic(drive, neuron.signal_rate / rho, spacing, n_frequency)

    node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    weight = weight / weight.sum()
    node, weight = node[weight > _WEIGHT], weight[weight > _WEIGHT] / weight[weight > _WEIGHT].sum()
    given = np.exp(-0.5 * (own * k[:, None]) ** 2) * (coefficients @ hermite_functions(node, n_mode - 1))
    given[1:] *= 2.0  # k < 0
    r = middle + length * (np.arange(4 * n_frequency) / (4 * n_frequency) - 0.5)
    cell = length / len(r)
    wave = np.exp(-1j * np.outer(r, k))
    density = (wave @ given).real / length  # (r, v), of r given v
    slope = (wave @ (-1j * k[:, None] * given)).real / length

    there = density > _FLOOR * density.max(axis=0)
    safe = np.where(there, density, 1.0)
    marginal = np.maximum(density @ weight, _FLOOR * float(density.max()))
    entropy = -cell * float(marginal @ np.log(marginal))
    conditional = -cell * float((np.where(there, density, 0.0) * np.log(safe)).sum(axis=0) @ weight)
    roughness = cell * float(np.where(there, slope**2 / safe, 0.0).sum(axis=0) @ weight)
    curve = np.asarray(neuron.tuning(deviation * node)) - mean

    def unexplained(values: Array) -> float:
        explained = cell * float((((density * values) @ weight) ** 2 / marginal).sum())
        return float(values**2 @ weight) - explained

    return (
        entropy - conditional,
        rho - noise * roughness,
        rho**2 / (4.0 * noise) * unexplained(curve),
        unexplained(deviation * node),
    )


def nonlinear_information(
    neuron: SensingNeuron, n_mode: int = 96, kinks: Sequence[float] = (0.0,)
) -> InformationEstimates:
    """Information of one neuron with any tuning, from the law of its activity given the velocity.

    p(r|v) = int dk/(2 pi) e^(-i k r - D_r k^2/(2 rho)) sum_n c_n(k) He_n(v/s)/sqrt(n!),  k c' = -(kappa/rho) n c + i k F c
    I = h(r) - h(r|v),  flow = rho - D_r <(d ln p(r|v)/dr)^2>                               docs/theory.md (179), (180)

    Converges exponentially in n_mode for smooth curves, algebraically where f has a kink. The error is the difference from
    two thirds of the modes. Strong signals need more: steps of r much larger than its noise, given v. N identical neurons
    without recurrence know as much as one with diffusion D_r/N.

    Parameters
    ----------
    n_mode : polynomials of the velocity, a multiple of 3, at least 12. A second for 96.
    kinks : as in `tuning_spectrum` [v].

    >>> found = nonlinear_information(SensingNeuron(lambda v: v, 1.0, 1.0, 1.0, 1.0), n_mode=48)
    >>> round(found.mutual_information.value, 9), round(found.information_flow.value, 9)
    (0.091160778, 0.2)
    """
    if n_mode < 12 or n_mode % 3:
        raise ValueError(f"n_mode: {n_mode}, expected a multiple of 3, at least 12")
    box = information_box(neuron)
    coarse, fine = (_information(neuron, box, modes, kinks) for modes in (2 * n_mode // 3, n_mode))
    scales = (1.0, neuron.relaxation_rate, abs(fine[2]), neuron.signal_variance)
    return InformationEstimates(
        *(
            Estimate(value, abs(value - before) + _LEFT_OUT * scale)
            for value, before, scale in zip(fine, coarse, scales, strict=True)
        )
    )
