"""What the path sum of the entropy production of a random network comes to at a finite time step, N to infinity.

dx = (-x + J phi(x)) dt + sqrt(2 D) dW. docs/theory.md, "Random networks: steps".
"""

from __future__ import annotations

import math

import numpy as np

from nessmap.theory.autocorrelation_series import Transfer
from nessmap.theory.mean_field import autocorrelation
from nessmap.theory.random_linear_network import critical_gain, response

_N_NODE = 12  # of a step, over which correlations are smooth
_N_FREQUENCY = 600


def path_entropy_production_rate(gain: float, diffusion: float, dt: float, transfer: Transfer = np.tanh) -> float:
    """Mean of the path sum of a network without symmetry over samples dt apart, per neuron [k_B/tau].

    <(h + h') . (x' - x)>/(2 N D dt) = [D (1 - e^-dt) - Int_0^dt (Delta - g^2 C_phi) dlag]/(D dt),  h = J phi(x)
    docs/theory.md, "Random networks: steps". <F^2>/D - 1 for dt -> 0, less g^2 <phi'^2> dt/2 to first order. NaN where the
    correlations did not converge.

    Parameters
    ----------
    gain, diffusion, transfer : as `mean_field.stationary_state`, with diffusion > 0.
    dt : time step [tau].

    >>> [round(path_entropy_production_rate(2.0, 0.5, dt), 6) for dt in (1e-6, 0.05)]
    [1.0393, 1.005632]
    """
    node, weight = np.polynomial.legendre.leggauss(_N_NODE)
    found = autocorrelation(gain, diffusion, 0.5 * dt * (1.0 + node), transfer)
    if not found.converged:
        return math.nan
    pulled = 0.5 * dt * float(weight @ (found.activity - gain**2 * found.rate))
    return (-diffusion * math.expm1(-dt) - pulled) / (diffusion * dt)


def linear_path_entropy_production_rate(gain: float, symmetry: float, dt: float) -> float:
    """Mean of the path sum of a linear network over samples dt apart, per neuron, whatever the noise [k_B/tau].

    (1 - gamma) g^2 Int domega/pi  sin(omega dt)/(omega dt)  omega^2 |G|^4 / [(1 - g^2 |G|^2)(1 - gamma g^2 |G|^2)]
    docs/theory.md, "Random networks: steps". NaN at and beyond the critical gain.

    Parameters
    ----------
    gain, symmetry : g >= 0; gamma from -1 to 1.
    dt : time step [tau].

    >>> round(linear_path_entropy_production_rate(0.8, 0.0, 1e-9), 6)  # 1 - sqrt(1 - g^2)
    0.4
    """
    if gain >= critical_gain(symmetry):
        return math.nan
    node, weight = np.polynomial.legendre.leggauss(_N_FREQUENCY)
    angle = 0.25 * math.pi * (1.0 + node)
    frequency = np.tan(angle)
    power = np.abs(response(gain, symmetry, frequency)) ** 2
    bounded = (frequency * power) ** 2 / ((1.0 - gain**2 * power) * (1.0 - symmetry * gain**2 * power))
    # less the tail, 1/(1 + omega^2), whose integral is known
    rest = (bounded * (1.0 + frequency**2) - 1.0) * np.sinc(frequency * dt / math.pi)
    return (1.0 - symmetry) * gain**2 * (0.5 * float(weight @ rest) - math.expm1(-dt) / dt)
