"""Linear neurons that sense the velocity of a Brownian particle: what they know, what they learn, what they pay.

dv = -kappa v dt + sqrt(2 kappa s2) dW,  dr_i = -rho_i (r_i - a_i v - sum_j J_ij r_j) dt + sqrt(2 D_i) dW_i. The velocity
is coordinate 0 and ignores its neurons. docs/theory.md, "Neurons that sense a velocity".
"""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import gaussian
from nessmap.theory.brownian import require_positive
from nessmap.theory.gaussian_stationary import Matrix, require_stable, square_matrix
from nessmap.theory.second_law import irreversible_current_rate

Array = NDArray[np.floating[Any]]
SIGNAL = [0]
NEURONS = slice(1, None)


@dataclasses.dataclass(frozen=True, eq=False)
class SensingNetwork:
    """N linear neurons and their signal; raises ValueError for what cannot be, or where recurrence destabilises.

    Parameters
    ----------
    signal_rate : kappa [1/time].
    signal_variance : s2 [v^2].
    gain : a, (N,) [r/v].
    relaxation_rate : rho, a number or (N,) [1/time].
    diffusion : D_r, a number or (N,) [r^2/time].
    recurrence : J, (N, N), first index receives; none if not given.
    """

    signal_rate: float
    signal_variance: float
    gain: ArrayLike
    relaxation_rate: ArrayLike = 1.0
    diffusion: ArrayLike = 1.0
    recurrence: ArrayLike | None = None

    def __post_init__(self) -> None:
        require_positive("SensingNetwork", signal_rate=self.signal_rate, signal_variance=self.signal_variance)
        for name, values in (("relaxation_rate", self.rates), ("diffusion", self.noise)):
            if not (np.all(np.isfinite(values)) and values.min() > 0.0):
                raise ValueError(f"SensingNetwork: {name} = {values.min():.6g}, expected finite numbers > 0")
        require_stable(self.drift_matrix)

    def _per_neuron(self, values: ArrayLike, name: str) -> Matrix:
        found = np.asarray(values, dtype=np.float64)
        if found.shape not in ((), (self.n_neuron,)):
            raise ValueError(
                f"SensingNetwork: {name} has shape {found.shape}, expected one number or ({self.n_neuron},)"
            )
        return np.broadcast_to(found, (self.n_neuron,)).copy()

    @property
    def n_neuron(self) -> int:
        return int(np.atleast_1d(np.asarray(self.gain)).shape[0])

    @cached_property
    def rates(self) -> Matrix:
        """rho, (N,) [1/time]."""
        return self._per_neuron(self.relaxation_rate, "relaxation_rate")

    @cached_property
    def noise(self) -> Matrix:
        """D_r, (N,) [r^2/time]."""
        return self._per_neuron(self.diffusion, "diffusion")

    @cached_property
    def coupling(self) -> Matrix:
        """Drift of the neurons from the velocity, rho a, (N,) [r/(v time)]."""
        return self.rates * np.atleast_1d(np.asarray(self.gain, dtype=np.float64))

    @cached_property
    def drift_matrix(self) -> Matrix:
        """A, (1 + N, 1 + N), velocity first [1/time]."""
        matrix = np.zeros((1 + self.n_neuron, 1 + self.n_neuron))
        matrix[0, 0] = -self.signal_rate
        matrix[1:, 0] = self.coupling
        matrix[1:, 1:] = -np.diag(self.rates)
        if self.recurrence is not None:
            recurrence = square_matrix(self.recurrence, "recurrence")
            if len(recurrence) != self.n_neuron:
                raise ValueError(f"recurrence: shape {recurrence.shape}, expected ({self.n_neuron}, {self.n_neuron})")
            matrix[1:, 1:] += self.rates[:, None] * recurrence
        return matrix

    @cached_property
    def diffusion_matrix(self) -> Matrix:
        """D, (1 + N, 1 + N)."""
        return np.diag(np.concatenate([[self.signal_rate * self.signal_variance], self.noise]))

    @cached_property
    def covariance(self) -> Matrix:
        """S of the stationary state, (1 + N, 1 + N)."""
        return gaussian.stationary_covariance(self.drift_matrix, self.diffusion_matrix)


class Sensing(NamedTuple):
    """What neurons know of the velocity, at what cost; arrays for identical neurons, numbers for a network."""

    mutual_information: Any
    """[nats]"""
    information_flow: Any
    """Learning rate of the neurons = loss of the signal, <= entropy_flow and <= transfer_entropy_rate [nats/time]."""
    entropy_flow: Any
    """Heat of the neurons / T = entropy production rate of the whole, with an even velocity [k_B/time]."""
    neuron_production: Any
    """entropy_flow - information_flow, >= 0 [k_B/time]."""
    efficiency: Any
    """information_flow / entropy_flow; NaN where nothing is dissipated."""
    transfer_entropy_rate: Any
    """From the velocity to the neurons; the other way there is none [nats/time]."""
    present_transfer_entropy_rate: Any
    """The same if the neurons' past beyond the present is ignored, >= transfer_entropy_rate [nats/time]."""
    sensory_capacity: Any
    """information_flow / transfer_entropy_rate, <= 1; NaN where nothing is sensed."""
    instantaneous_error: Any
    """Variance of the velocity given the neurons now [v^2]."""
    filter_error: Any
    """Variance of the velocity given all the past of the neurons (Kalman), <= instantaneous_error [v^2]."""
    odd_production: Any
    """Sum of irreversible currents if the velocity is odd, see `irreversible_current_rate` [k_B/time]."""


def identical_neurons(
    n_neuron: ArrayLike,
    signal_rate: ArrayLike,
    relaxation_rate: ArrayLike,
    gain: ArrayLike,
    signal_variance: ArrayLike,
    diffusion: ArrayLike,
) -> Sensing:
    """Closed forms for N identical neurons without recurrence; all arguments broadcast.

    with q = rho/(kappa + rho), c = N a^2 s2 rho/D_r:  I = ln[(1 + c q)/(1 + c q (1 - q))]/2,
    flow = rho c q (1 - q)/(1 + c q (1 - q)),  heat = rho c (1 - q)                      docs/theory.md (163) to (166)

    The mean activity holds all that the neurons know, with noise D_r/N: N enters as a gain of signal to noise only. The
    instantaneous error tends to s2 (1 - q) for many neurons, the filter's to 0.

    >>> found = identical_neurons(1, 1.0, 5.0, 1.0, 1.0, 1.0)
    >>> round(float(found.entropy_flow), 12), round(float(found.odd_production), 12)
    (4.166666666667, 20.833333333333)
    """
    kappa, rho = np.asarray(signal_rate, dtype=float), np.asarray(relaxation_rate, dtype=float)
    variance = np.asarray(signal_variance, dtype=float)
    ratio = np.asarray(n_neuron) * np.asarray(gain, dtype=float) ** 2 * variance * rho / np.asarray(diffusion)
    fast, slow = rho / (kappa + rho), kappa / (kappa + rho)
    unknown = 1.0 + ratio * fast * slow
    seen = ratio * fast**2 / (1.0 + ratio * fast)  # squared correlation of the velocity and the mean activity
    learned = rho * ratio * fast * slow / unknown
    paid = rho * ratio * slow
    # (sqrt(kappa^2 + kappa rho c) - kappa)/2 without the cancellation of a weak signal
    root = np.sqrt(1.0 + rho * ratio / kappa)
    transferred = rho * ratio / (1.0 + root) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        efficiency, capacity = learned / paid, learned / transferred
    return Sensing(
        mutual_information=-0.5 * np.log1p(-seen),
        information_flow=learned,
        entropy_flow=paid,
        neuron_production=paid - learned,
        efficiency=efficiency,
        transfer_entropy_rate=transferred,
        present_transfer_entropy_rate=rho * ratio / 4.0 * (1.0 - seen),
        sensory_capacity=capacity,
        instantaneous_error=variance * unknown / (1.0 + ratio * fast),
        filter_error=2.0 * variance / (1.0 + root),
        odd_production=rho * ratio * fast,
    )


def sensing(network: SensingNetwork) -> Sensing:
    """The same for any linear network, from its covariance.                    docs/theory.md (23) to (29), (167), (168)

    Recurrence that no symmetric matrix of couplings explains costs entropy even where nothing is sensed. O(N^3).

    >>> pair = SensingNetwork(1.0, 1.0, [1.0, 1.0], 2.0, 0.5, [[0.0, 0.5], [-0.5, 0.0]])
    >>> round(sensing(pair).entropy_flow, 12), round(sensing(pair).information_flow, 12)
    (6.6, 1.360703812317)
    """
    drift, noise, covariance = network.drift_matrix, network.diffusion_matrix, network.covariance
    variance, coupling = network.signal_variance, network.coupling
    cost = gaussian.local_entropy_production(drift, noise, NEURONS, SIGNAL)
    learned = gaussian.information_flow(drift, noise, NEURONS, SIGNAL)
    # The signal drives itself reversibly: all heat is the neurons', and all entropy produced is heat.
    paid = gaussian.entropy_production_rate(drift, noise)
    transferred = gaussian.transfer_entropy_rate(drift, noise, SIGNAL, NEURONS)
    error = _conditional_variance(covariance)
    drive = float(np.sum(coupling**2 / network.noise))  # [1/(v^2 time)]
    return Sensing(
        mutual_information=gaussian.mutual_information(covariance, NEURONS, SIGNAL),
        information_flow=learned,
        entropy_flow=paid,
        neuron_production=cost,
        efficiency=learned / paid if paid > 0.0 else math.nan,
        transfer_entropy_rate=transferred,
        present_transfer_entropy_rate=0.25 * drive * error,
        sensory_capacity=learned / transferred if transferred > 0.0 else math.nan,
        instantaneous_error=error,
        filter_error=2.0 * variance / (1.0 + math.sqrt(1.0 + drive * variance / network.signal_rate)),
        odd_production=irreversible_current_rate(drift, noise, [-1.0] + network.n_neuron * [1.0]),
    )


def _conditional_variance(covariance: Matrix) -> float:
    """Of coordinate 0 given all others."""
    return float(1.0 / np.linalg.inv(covariance)[0, 0])


def decoding_error_at_heat(
    entropy_flow: ArrayLike, signal_rate: ArrayLike, relaxation_rate: ArrayLike, signal_variance: ArrayLike
) -> Array:
    """Least instantaneous error that a flow of entropy into the bath buys, at given time constants  [v^2].

    s2 (1 + c q (1 - q))/(1 + c q) with c = heat (kappa + rho)/(kappa rho)                         docs/theory.md (166)

    >>> float(decoding_error_at_heat(0.5, 1.0, 1.0, 1.0).round(12))
    0.833333333333
    """
    paid, kappa, rho = (np.asarray(values, dtype=float) for values in (entropy_flow, signal_rate, relaxation_rate))
    signal = paid / kappa  # c q
    return np.asarray(np.asarray(signal_variance) * (1.0 + signal * kappa / (kappa + rho)) / (1.0 + signal))


class FisherInformation(NamedTuple):
    """About a velocity that does not change [1/v^2], [1/(v^2 time)]."""

    snapshot: float
    rate: float


def fisher_information(network: SensingNetwork) -> FisherInformation:
    """Of the neurons about a constant velocity: in their stationary state now, and gained by watching them.

    m^T S0^-1 m with m = -A_rr^-1 rho a, S0 the covariance at rest;  (rho a)^T (2 D)^-1 (rho a)     docs/theory.md (170)

    >>> fisher_information(SensingNetwork(1.0, 1.0, [2.0], 3.0, 0.5))
    FisherInformation(snapshot=24.0, rate=36.0)
    """
    drift, noise = network.drift_matrix[1:, 1:], network.diffusion_matrix[1:, 1:]
    response = -np.linalg.solve(drift, network.coupling)
    resting = gaussian.stationary_covariance(drift, noise)
    snapshot = float(response @ np.linalg.solve(resting, response))
    return FisherInformation(snapshot, float(np.sum(network.coupling**2 / network.noise) / 2.0))
