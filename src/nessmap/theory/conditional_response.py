"""What neurons with tuning curves do given the velocity now: mean and second moments of their activity as functions of it.

dr_i = -rho_i (r_i - a_i f_i(v) - sum_j J_ij r_j) dt + sqrt(2 D_i) dW_i: given v, moments of each order are driven by those of
the order below, Hermite polynomial by Hermite polynomial. docs/theory.md, "Learning with any tuning".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nessmap.theory.nonlinear_sensing import Array, Tuning, hermite_functions, normal_panels
from nessmap.theory.sensing import SensingNetwork
from nessmap.theory.sensing_steps import Step


class ConditionalResponse(NamedTuple):
    """<r|v> = sum_n mean_n h_n(v/s), <r r^T|v> = sum_n second_n h_n(v/s), h_n = He_n/sqrt(n!)."""

    mean: Array
    """(n_term + 1, N) [r]"""
    second: Array
    """(n_term + 1, N, N) [r^2]"""


def tuning_products(tuning: Tuning, signal_variance: float, n_term: int, kinks: Sequence[float] = (0.0,)) -> Array:
    """F_nm = <h_n f h_m> of one curve or of N, (n_term + 1, n_term + 1) or (N, n_term + 1, n_term + 1)  [r].

    >>> tuning_products(lambda v: v, 4.0, 2).round(12)[1].tolist()  # v h_1 = 2 (h_0 + sqrt(2) h_2)
    [2.0, 0.0, 2.828427124746]
    """
    deviation = np.sqrt(signal_variance)
    z, measure = normal_panels(np.asarray(kinks, dtype=float) / deviation)
    basis = hermite_functions(z, n_term)
    values = np.asarray(tuning(deviation * z), dtype=np.float64)
    return np.asarray((values[..., None, :] * measure * basis) @ basis.T)


def conditional_response(network: SensingNetwork, products: Array, dt: float = 0.0) -> ConditionalResponse:
    """First two moments of the activity given the velocity, in continuous time or as it is simulated in steps dt.

    n kappa X_n = A X_n + g_n,  n kappa R_n = A R_n + R_n A^T + Z_n + Z_n^T + 2 D delta_n0,  Z_n = sum_m G_nm X_m^T
    docs/theory.md (236); in steps (237)

    The series is cut: what f carries beyond n_term is left out. O(n_term^2 N^2 + n_term N^6).

    Parameters
    ----------
    network : its gain multiplies the tuning curves.
    products : F of `tuning_products`, of one curve for all or of N curves.

    >>> pair = SensingNetwork(1.0, 1.0, [1.0], 1.0, 1.0)
    >>> found = conditional_response(pair, tuning_products(lambda v: v, 1.0, 8))
    >>> round(float(found.mean[1, 0]), 12), found.second[::2, 0, 0].round(12)[:2].tolist()  # v/2, 5/4 + v^2/4
    (0.5, [1.5, 0.353553390593])
    """
    n_neuron, n_mode = network.n_neuron, products.shape[-1]
    coupled = network.coupling[:, None, None] * np.broadcast_to(products, (n_neuron, n_mode, n_mode))  # G
    driven = coupled[:, :, 0]  # g_n, (N, n_mode)
    order, kappa = np.arange(n_mode), network.signal_rate
    unit, both = np.eye(n_neuron), np.eye(n_neuron**2)

    def stacked(matrix: Array, right: Array) -> Array:
        return np.asarray(np.linalg.solve(matrix, right.reshape(n_mode, -1, 1)).reshape(right.shape))

    if dt == 0.0:
        drift = network.drift_matrix[1:, 1:]
        fading = kappa * order[:, None, None]
        mean = stacked(fading * unit - drift, driven.T)
        met = np.einsum("inm,mk->nik", coupled, mean)
        source = met + met.mT
        source[0] += 2.0 * np.diag(network.noise)
        of_pairs = np.kron(drift, unit) + np.kron(unit, drift)
        return ConditionalResponse(mean, stacked(fading * both - of_pairs, source))
    step = Step(network, dt)
    kept, push = step.propagator, step.drive
    memory = np.exp(-kappa * dt * order)
    left = memory[:, None, None]
    mean = stacked(unit - left * kept, (push @ driven * (1 + memory) / 2).T)
    # the drive of a step is the mean of f at its ends: one end is in the past, whose polynomials have faded
    met = np.einsum("inm,mk->nik", coupled, memory[:, None] * mean) / 2
    met += left * np.einsum("inm,mk->nik", coupled, mean) / 2
    alike = np.einsum("inm,km->nik", coupled, driven) * (1 + left) / 4
    apart = np.einsum("knm,im->nik", coupled, memory * driven) / 4
    crossed = push @ met @ kept.T
    source = crossed + crossed.mT + push @ (alike + apart + apart.mT) @ push.T
    source[0] += step.noise
    return ConditionalResponse(mean, stacked(both - left * np.kron(kept, kept), source))
