"""Networks of neurons with tuning curves as they are simulated: moments and heat at a finite step.

v is sampled exactly and r relaxes to the mean of f at both ends of a step. docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

import math

import numpy as np

from nessmap.theory import discrete_steps
from nessmap.theory.gaussian_propagator import propagator
from nessmap.theory.gaussian_stationary import Matrix
from nessmap.theory.nonlinear_sensing import Array, NetworkResponse, TuningSpectrum, series_tail
from nessmap.theory.sensing import SensingNetwork


class Step:
    """r' = P r + B g + z, g = rho a (f(v) + f(v'))/2, z of covariance N."""

    def __init__(self, network: SensingNetwork, dt: float) -> None:
        drift = network.drift_matrix[1:, 1:]
        own = propagator(drift, np.diag(network.noise), dt)
        self.propagator, self.noise = own.matrix, own.covariance
        self.drive: Array = np.linalg.solve(drift, own.matrix - np.eye(len(drift)))


def stepped_response(network: SensingNetwork, spectrum: TuningSpectrum, dt: float) -> NetworkResponse:
    """Moments and heat of a network as it is simulated in steps dt; tends to `network_response` as dt -> 0.

    X_n = (1 - y P)^-1 B g_n (1 + y)/2, y = e^(-n kappa dt),  Y = sum_n X_n g_n^T (1 + y)/2,  C = cov of g
    S = P S P^T + P Y B^T + B Y^T P^T + B C B^T + N,  C1 = P S + B Y^T = <r' r^T>
    heat_i = [(P - 1) Y + B C + (C1 - C1^T) A_rr^T / 2]_ii / (D_i dt)               docs/theory.md, "Nonlinear tuning"

    Heat is summed by midpoints of r and means of f. O(n_term N^3); one neuron without recurrence: `neuron_response`.

    Parameters
    ----------
    network : its gain multiplies the tuning curve.
    spectrum : of one curve for all, or of N curves; of the network's signal variance.
    dt : step of the simulation [time].

    >>> from nessmap.theory.nonlinear_sensing import neuron_response, tuning_spectrum
    >>> spectrum, neuron = tuning_spectrum(lambda v: v**2, 1.0, 4), SensingNetwork(1.0, 1.0, [1.0], 2.0, 0.5)
    >>> round(float(stepped_response(neuron, spectrum, 0.1).entropy_flow[0]), 9)
    6.593599079
    >>> round(neuron_response(spectrum, 1.0, 1.0, 2.0, 0.5, 0.1).entropy_flow, 9)
    6.593599079
    """
    drift: Matrix = network.drift_matrix[1:, 1:]
    step = Step(network, dt)
    strength = network.coupling
    coefficients = strength[:, None] * spectrum.coefficients
    forced = np.outer(strength, strength) * np.asarray(spectrum.covariance, dtype=float)
    unit = np.eye(len(drift))

    def memory(n: Array) -> Array:
        return np.asarray(np.exp(-n * network.signal_rate * dt))

    def lagged(n: Array) -> Array:
        y = memory(n)[:, None, None]
        return np.asarray(np.linalg.inv(unit - y * step.propagator) * (1 + y) / 2)

    order = np.arange(1.0, coefficients.shape[1])
    driven = coefficients[:, 1:]
    response = (lagged(order) @ (step.drive @ driven).T[:, :, None])[..., 0]  # X_n, (n_term, N)
    share = (1 + memory(order)) / 2
    mixed, met = response.T @ (share * driven).T, (share * driven) @ driven.T
    left, beyond = series_tail((coefficients**2).sum(axis=0), float(np.trace(forced)))
    if left > 0.0:
        rest, further = forced - driven @ driven.T, (1 + memory(beyond)) / 2
        mixed = mixed + (lagged(beyond) * further[:, None, None]).mean(axis=0) @ step.drive @ rest
        met = met + further.mean() * rest
    crossed = step.propagator @ mixed @ step.drive.T
    gathered = crossed + crossed.T + step.drive @ met @ step.drive.T + step.noise
    covariance = discrete_steps.stationary_covariance(step.propagator, (gathered + gathered.T) / 2)
    later = step.propagator @ covariance + step.drive @ mixed.T
    work = (step.propagator - unit) @ mixed + step.drive @ met + (later - later.T) @ drift.T / 2
    deviation = math.sqrt(network.signal_variance)
    return NetworkResponse(
        -np.linalg.solve(drift, coefficients[:, 0]),
        covariance,
        deviation * response[0],
        np.diag(work) / (network.noise * dt),
    )
