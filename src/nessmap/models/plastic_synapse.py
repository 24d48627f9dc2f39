"""Synapses whose weights follow a velocity while it lasts and decay afterwards: the linear learner."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Stability, Stepper, parameter
from nessmap.models.plastic import PlasticModel
from nessmap.theory.plasticity import LinearLearner


@dataclasses.dataclass(frozen=True)
class PlasticSynapse(PlasticModel):
    """dw = -(w - lam v)/tau dt + sqrt(2 D_w) dW for each synapse while the stimulus v lasts, then -w/tau.

    v is normal, drawn once for each lane and known to all synapses; weights start from their stationary law without v.
    What they know of v is in their mean, which is a sufficient statistic: N synapses of noise D_w are one of D_w/N.
    """

    name: ClassVar[str] = "plastic_synapse"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "plastic_synapse"
    integrator: ClassVar[str] = "exact"

    learning_gain: float = parameter(1.0, "learning gain", units="w/v", symbol=r"\lambda")
    signal_variance: float = parameter(1.0, "variance of the velocity", units="v^2", above=0.0, symbol="s^2")
    signal_mean: float = parameter(0.0, "mean of the velocity", units="v", symbol=r"\bar v")
    time_constant: float = parameter(1.0, "time constant of the weights", units="time", above=0.0, symbol=r"\tau")
    weight_diffusion: float = parameter(1.0, "diffusion of the weights", units="w^2/time", above=0.0, symbol=r"D_w")

    @cached_property
    def learner(self) -> LinearLearner:
        """The same in theory."""
        return LinearLearner(
            self.learning_gain,
            self.signal_variance,
            self.time_constant,
            self.weight_diffusion,
            self.n_synapse,
            self.signal_mean,
        )

    def drift(self, x: Array, t: float) -> Array:
        pull = self.learning_gain if t < self.stimulus_duration else 0.0
        weights = x[1:-1]
        goal = pull * x[:1]
        heat = (goal - weights) ** 2 / (self.time_constant**2 * self.weight_diffusion) - 1.0 / self.time_constant
        return np.concatenate([0.0 * goal, (goal - weights) / self.time_constant, heat.sum(axis=0, keepdims=True)])

    def diffusion(self, x: Array, t: float) -> Array:
        """Of the weights; the heat's noise is theirs."""
        return np.diag([0.0, *self.n_synapse * [self.weight_diffusion], 0.0])

    def stability(self) -> Stability:
        return Stability(-1.0 / self.time_constant, "forgetting", math.nan)

    def stationary_sample(self, normals: Array) -> Array:
        """Weights at rest, and a velocity for each lane."""
        spread = np.r_[
            math.sqrt(self.signal_variance),
            np.full(self.n_synapse, math.sqrt(self.weight_diffusion * self.time_constant)),
            0.0,
        ]
        offset = np.r_[self.signal_mean, np.zeros(self.n_synapse + 1)]
        return np.asarray(offset[:, None] + spread[:, None] * normals)

    def stepper(self, dt: float) -> Stepper:
        from nessmap.kernels.plastic_synapse import advance  # late: planning a sweep must not load numba

        tau, noise = self.time_constant, self.weight_diffusion
        kick = math.sqrt(-noise * tau * math.expm1(-2.0 * dt / tau))
        rates = np.array([math.exp(-dt / tau), kick, self.learning_gain, 1.0 / (tau * noise)])
        return Stepper(advance, (rates, self.stimulus_steps(dt)))

    # --- what is measured

    @property
    def n_entry(self) -> int:
        return 6

    def entries(self, x: Array) -> Array:
        """v, the mean weight, their squares and product, the heat."""
        velocity, weight = x[0], x[1:-1].mean(axis=0)
        return np.stack([velocity, weight, velocity**2, velocity * weight, weight**2, x[-1]])

    def information_of(self, averages: Array) -> Array:
        """-ln(1 - R^2)/2, R the correlation of velocity and mean weight."""
        velocity, weight, square, product, weight_square, _ = np.moveaxis(averages, -1, 0)
        covariance = product - velocity * weight
        share = covariance**2 / ((square - velocity**2) * (weight_square - weight**2))
        return np.asarray(-0.5 * np.log1p(-share))

    def production_of(self, averages: Array, at_end: Array, times: Array) -> Array:
        """N <v^2>/(tau D_w) [lam b - b^2/2], b = <v w>/<v^2>; afterwards as much more as b^2/2 has fallen.

        Given v the weights keep their width and move with b v, so that b is all that changes.
        """
        square, follows = averages[..., 2], averages[..., 3] / averages[..., 2]
        reached = at_end[..., 3] / at_end[..., 2]
        scale = self.n_synapse * square / (self.time_constant * self.weight_diffusion)
        during = self.learning_gain * follows - follows**2 / 2.0
        after = self.learning_gain * reached - follows**2 / 2.0
        ended = times > self.stimulus_duration * (1.0 + 1e-12)
        return np.asarray(scale * np.where(ended, after, during))

    def heat_of(self, averages: Array) -> Array:
        return averages[..., 5]

    # --- what theory says

    def information_at(self, times: Array) -> Array:
        return self.learner.information(
            np.minimum(times, self.stimulus_duration), np.maximum(times - self.stimulus_duration, 0.0)
        )

    def production_at(self, times: Array) -> Array:
        since = np.maximum(times - self.stimulus_duration, 0.0)
        forgotten = -np.expm1(-2.0 * since / self.time_constant)
        return np.asarray(
            self.learner.production(np.minimum(times, self.stimulus_duration))
            + self.learner.forgetting_production(self.stimulus_duration) * forgotten
        )

    def heat_at(self, times: Array) -> Array:
        """The production: given v the weights keep their width, and with it their entropy."""
        return self.production_at(times)

    @property
    def memory_lifetime(self) -> float:
        return float(self.learner.memory_lifetime(self.stimulus_duration, self.memory_threshold))
