"""How much paths of neurons tell of the path of the velocity: a filter on a grid, and the rate of a Gaussian channel.

As the velocity ignores its neurons, the information of both paths per time is the transfer entropy rate. docs/theory.md,
"Learning with any tuning".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nessmap.theory.nonlinear_sensing import Array, Tuning, TuningSpectrum
from nessmap.theory.sensing import SensingNetwork
from nessmap.theory.sensing_steps import Step

_REACH = 6.0  # standard deviations of the velocity
_MESH = 0.9  # of the standard deviation of a step: sums over the mesh miss e^(-2 pi^2/0.81) of an integral
_WIDEST = 8.0  # standard deviations of a step: e^-32
_LARGEST = 600.0  # exponent of a weight between nodes that hardly any path connects; its pair is as small
MOST_NODES = 800
_SPACING = 0.2  # of trapezoids; singular only at imaginary frequencies, pi/2 away: e^(-pi^2/0.2)
_FARTHEST = 30.0  # e^30 signal rates


class VelocityFilter(NamedTuple):
    """p(v | past of r) on a grid, step by step."""

    prior: Array
    """(n_node,) probability of each node before anything is known."""
    tuned: Array
    """(n_curve, n_node) f(v)/2."""
    cost: Array
    """(n_node,) f^T M f/4."""
    band: Array
    """(n_node, 2 b + 1) probability of a step to a node from each of its neighbours, times e^(d^T M d/8), d = f - f'."""


def n_node(signal_rate: float, dt: float) -> int:
    """Nodes that a filter needs at a step; the shorter the step, the finer."""
    return math.ceil(2 * _REACH / (_MESH * math.sqrt(-math.expm1(-2 * signal_rate * dt)))) + 1


def velocity_filter(tuning: Tuning, signal_rate: float, dt: float, precision: Array) -> VelocityFilter:
    """The filter of a velocity (standard deviation 1) seen through curves f, noise of precision M per step.

    A step has likelihood e^{u (f + f')/2 - (f + f')^T M (f + f')/8}, which is a product of a factor for each end and of
    e^(d^T M d/8), d = f - f', that no observation enters.                                       docs/theory.md (242)

    Parameters
    ----------
    tuning : f, (m,) to (n_curve, m).
    precision : M (n_curve, n_curve), inverse covariance with which a step shows (f + f')/2.
    """
    node = np.linspace(-_REACH, _REACH, n_node(signal_rate, dt))
    spacing, memory = node[1] - node[0], math.exp(-signal_rate * dt)
    deviation = math.sqrt(-math.expm1(-2 * signal_rate * dt))
    values = np.asarray(tuning(node), dtype=np.float64)
    half_width = math.ceil((_WIDEST * deviation + (1 - memory) * _REACH) / spacing)
    source = np.arange(len(node))[:, None] + np.arange(-half_width, half_width + 1)
    there = (source >= 0) & (source < len(node))
    source = np.clip(source, 0, len(node) - 1)
    exponent = -0.5 * ((node[:, None] - memory * node[source]) / deviation) ** 2
    chance = np.where(there, np.exp(exponent), 0.0)
    leaving = np.bincount(source.ravel(), chance.ravel(), len(node))  # so that each node's chances add up to 1
    apart = values[:, :, None] - values[:, source]
    tilt = np.einsum("cij,cd,dij->ij", apart, precision, apart) / 8
    band = np.where(there, np.exp(np.minimum(exponent + tilt, _LARGEST)) / leaving[source], 0.0)
    prior = np.exp(-0.5 * node**2)
    return VelocityFilter(
        prior / prior.sum(), values / 2, np.einsum("ci,cd,di->i", values, precision, values) / 4, band
    )


def gaussian_channel_rate(network: SensingNetwork, spectrum: TuningSpectrum, dt: float = 0.0) -> float:
    """Transfer entropy rate of Gaussian signals with the spectra of f(v), >= that of f(v) itself  [nat/time].

    int_0^inf dw/(2 pi) ln det(1 + (2 D)^-1 S(w)),  S = sum_n g_n g_n^T 2 n kappa/(w^2 + (n kappa)^2)
    docs/theory.md (243), at a step (244); Shannon (1948). Of a linear tuning curve it is the rate, (165).

    O(n_term n_frequency N^2), a tenth of a second.

    Parameters
    ----------
    network : its gain multiplies the tuning curve.
    spectrum : of one curve for all, or of N curves.
    dt : step of the simulation [time]; 0 for continuous time.

    >>> from nessmap.theory.nonlinear_sensing import tuning_spectrum
    >>> linear = tuning_spectrum(lambda v: v, 1.0, 4)
    >>> round(gaussian_channel_rate(SensingNetwork(1.0, 1.0, [1.0], 3.0, 1.0), linear), 9)  # (sqrt(1 + 9) - 1)/2
    1.08113883
    """
    coefficients = np.atleast_2d(spectrum.coefficients)[:, 1:]
    order = np.arange(1.0, coefficients.shape[1] + 1)
    kappa, u = network.signal_rate, np.arange(0.0, _FARTHEST, _SPACING)
    if dt == 0.0:
        frequency, measure = kappa * np.sinh(u), kappa * np.cosh(u) * _SPACING / (2 * math.pi)
        shape = 2 * order * kappa / (frequency[:, None] ** 2 + (order * kappa) ** 2)
        push, noise = np.diag(network.coupling), 2 * np.diag(network.noise)
    else:
        step = Step(network, dt)
        half_angle = kappa * dt / 2 * np.sinh(u)  # its tangent
        measure = kappa * np.cosh(u) / (1 + half_angle**2) * _SPACING / (2 * math.pi)
        cosine2, memory = 1 / (1 + half_angle**2), np.exp(-order * kappa * dt)
        # 1 - 2 y cos + y^2 = (1 - y)^2 + 4 y sin^2 of half the angle
        shape = (1 - memory**2) * cosine2[:, None] / ((1 - memory) ** 2 + 4 * memory * (1 - cosine2[:, None]))
        push, noise = step.drive * network.coupling, step.noise
    measure[0] /= 2
    if len(coefficients) == 1:  # all neurons see one signal
        push = push.sum(axis=1, keepdims=True)
    strength, axis = np.linalg.eigh(push.T @ np.linalg.solve(noise, push))
    seen = (axis * np.sqrt(np.maximum(strength, 0.0))).T @ coefficients
    powers = np.einsum("in,wn,jn->wij", seen, shape, seen, optimize=True)
    # ln(1 + x) of eigenvalues, as x falls to rounding long before its measure is spent
    return float(measure @ np.log1p(np.maximum(np.linalg.eigvalsh(powers), 0.0)).sum(axis=1))
