"""Neurons that track the velocity of a Brownian particle linearly: everything about them is known exactly."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction
from nessmap.models.linear import LinearModel
from nessmap.models.sensing import SensingModel
from nessmap.theory import blocks
from nessmap.theory.second_law import mean_square_current
from nessmap.theory.sensing import Sensing, decoding_error_at_heat, sensing

ODD_SIGNAL = (-1.0, 1.0)  # parities of velocity and neurons, for what takes the velocity as odd


@dataclasses.dataclass(frozen=True)
class LinearSensingNetwork(SensingModel, LinearModel):
    """f(v) = v: the exact step and all that linear models have, the two sides being particle and neurons."""

    name: ClassVar[str] = "sensing_network"
    version: ClassVar[int] = 1

    heat_needs: ClassVar[tuple[str, ...]] = ("lagged_covariance",)

    def heat_of_a_step(self, means: Mapping[str, Array]) -> Array:
        # the velocity's own force is a gradient: what is left of the path sum is the neurons'
        return self.path_sum(means)

    def heat_rate_at(self, dt: float) -> float:
        return self.path_entropy_production_rate(dt)

    learning_needs: ClassVar[tuple[str, ...]] = ("covariance", "lagged_covariance")
    efficiency_needs: ClassVar[tuple[str, ...]] = learning_needs

    def learning_of(self, means: Mapping[str, Array], dt: float) -> Array:
        particle, neurons = self.sides
        fit = self.fit(means, dt)  # a stack of blocks, of which there is one
        return np.asarray(blocks.information_flow(fit.drift, fit.covariance, neurons, particle)[..., 0])

    def learning_at(self, dt: float) -> float:
        return float(self.sensing.information_flow)  # the fit has no bias in dt

    def squared_learning_to_error(self, dt: float, sampled_time: float) -> float:
        return math.inf  # of a fit: the error vanishes with what is fitted

    def efficiency_of(self, means: Mapping[str, Array], dt: float) -> Array:
        particle, neurons = self.sides
        fit = self.fit(means, dt)
        learned = blocks.information_flow(fit.drift, fit.covariance, neurons, particle)
        produced = blocks.local_entropy_production(fit.drift, fit.covariance, fit.diffusion, neurons)
        return np.asarray((learned / (produced + learned))[..., 0])

    def efficiency_at(self, dt: float) -> float:
        return float(self.sensing.efficiency)

    @cached_property
    def sensing(self) -> Sensing:
        """What the neurons know, learn and pay; docs/theory.md, "Neurons that sense a velocity"."""
        return sensing(self.network)

    def site_variance(self, means: Mapping[str, Array]) -> Array:
        """Of a neuron, averaged over them."""
        return np.asarray(_neuron_variance(self.covariance_of(means["covariance"])))

    def odd_signal_production(self, covariance: Array) -> Array:
        """Sum of irreversible currents (...) of states of a covariance (..., n, n), the velocity odd [k_B/time]."""
        sign = np.repeat(ODD_SIGNAL, (1, self.n_neuron))
        drift = np.where(np.outer(sign, sign) > 0, self.linear_drift, 0.0)
        return mean_square_current(drift, self.linear_diffusion, covariance)

    def error_at_heat(self, heat: Array) -> Array:
        """Decoding error (...) of uncoupled, identical neurons that give off a heat (...) [v^2]."""
        return decoding_error_at_heat(heat, self.signal_rate, 1.0 / self.time_constant, 1.0)

    def predictions(self) -> dict[str, Callable[[], Array | float]]:
        return {
            **super().predictions(),
            "site_variance": lambda: float(_neuron_variance(self.stationary_covariance)),
            "neuron_heat_rate": lambda: self.sensing.entropy_flow,
            "learning_rate": lambda: self.sensing.information_flow,
            "second_law_residual": lambda: self.sensing.neuron_production,
            "sensing_efficiency": lambda: self.sensing.efficiency,
            "sensory_capacity": lambda: self.sensing.sensory_capacity,
            "decoding_error": lambda: self.sensing.instantaneous_error,
            "filter_error": lambda: self.sensing.filter_error,
            "decoding_error_relative": lambda: float(
                self.sensing.instantaneous_error / self.error_at_heat(np.array(self.sensing.entropy_flow))
            ),
            "entropy_production_rate_odd_signal": lambda: self.sensing.odd_production,
        }

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        return self.as_predictions(wanted, 'docs/theory.md, "Neurons that sense a velocity"')


def _neuron_variance(covariance: Array) -> Array:
    return np.asarray(np.diagonal(covariance, axis1=-2, axis2=-1)[..., 1:].mean(axis=-1))
