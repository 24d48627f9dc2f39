"""Synapses with two states, weak and strong, into which a stimulus writes its sign."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Stability, Stepper, parameter
from nessmap.models.plastic import PlasticModel
from nessmap.theory.plasticity import TwoStateSynapse as Synapse


@dataclasses.dataclass(frozen=True)
class TwoStateSynapse(PlasticModel):
    """Each synapse jumps up and down at rates that a positive stimulus sets, a negative one exchanges, and its end resets.

    The sign is drawn once for each lane; a coordinate of a synapse is 0 or 1. Synapses are alike, so that the number of
    strong ones is all that they know of the sign.
    """

    name: ClassVar[str] = "two_state_synapse"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "two_state_synapse"
    integrator: ClassVar[str] = "exact"

    write_up: float = parameter(
        2.0, "rate of strengthening under a positive stimulus", units="1/time", above=0.0, symbol=r"k_\uparrow^+"
    )
    write_down: float = parameter(
        0.1, "rate of weakening under a positive stimulus", units="1/time", above=0.0, symbol=r"k_\downarrow^+"
    )
    rest_up: float = parameter(0.01, "rate of strengthening at rest", units="1/time", above=0.0, symbol=r"k_\uparrow^0")
    rest_down: float = parameter(0.01, "rate of weakening at rest", units="1/time", above=0.0, symbol=r"k_\downarrow^0")

    @cached_property
    def synapse(self) -> Synapse:
        """One of them, in theory."""
        return Synapse(self.write_up, self.write_down, self.rest_up, self.rest_down)

    @cached_property
    def _rates(self) -> Array:
        """Up and down (phase, sign, 2): stimulus and rest, negative and positive [1/time]."""
        written = (self.write_up, self.write_down)
        rest = (self.rest_up, self.rest_down)
        return np.array([[written[::-1], written], [rest, rest]])

    @property
    def _resting(self) -> float:
        return self.rest_up / (self.rest_up + self.rest_down)

    @cached_property
    def _force(self) -> Array:
        """Entropy (phase, sign) given to the bath when a synapse becomes strong [k_B]."""
        return np.asarray(np.log(self._rates[..., 0] / self._rates[..., 1]))

    def drift(self, x: Array, t: float) -> Array:
        """Mean rates of change."""
        phase = 0 if t < self.stimulus_duration else 1
        up, down = np.moveaxis(self._rates[phase][(x[:1] > 0).astype(int)], -1, 0)
        flow = up * (1.0 - x[1:-1]) - down * x[1:-1]
        heat = (np.log(up / down) * flow).sum(axis=0, keepdims=True)
        return np.concatenate([0.0 * x[:1], flow, heat])

    def diffusion(self, x: Array, t: float) -> Array:
        """None: the synapses jump."""
        return np.full((self.n_dim, self.n_dim), math.nan)

    def stability(self) -> Stability:
        return Stability(-(self.rest_up + self.rest_down), "forgetting", math.nan)

    def stationary_sample(self, normals: Array) -> Array:
        """Synapses at rest, and a sign for each lane."""
        strong = normals[1:-1] < NormalDist().inv_cdf(self._resting)
        return np.concatenate([np.where(normals[:1] > 0.0, 1.0, -1.0), strong, 0.0 * normals[-1:]])

    def stepper(self, dt: float) -> Stepper:
        from nessmap.kernels.two_state_synapse import advance  # late: planning a sweep must not load numba

        total = self._rates.sum(axis=-1)
        goal, fade = self._rates[..., 0] / total, np.exp(-total * dt)
        strong = goal[..., None] + (np.array([0.0, 1.0]) - goal[..., None]) * fade[..., None]
        quantile = np.vectorize(NormalDist().inv_cdf)(strong)
        return Stepper(advance, (quantile, self._force, self.stimulus_steps(dt)))

    # --- what is measured

    @property
    def n_entry(self) -> int:
        return 2 * (self.n_synapse + 1) + 1

    def entries(self, x: Array) -> Array:
        """Whether the sign is negative (positive) and the number of strong synapses 0, 1, .. N; the heat."""
        count = x[1:-1].sum(axis=0) + np.where(x[0] > 0.0, self.n_synapse + 1, 0)
        return np.concatenate([np.arange(self.n_entry - 1)[:, None] == count, x[-1:]])

    def _joint(self, averages: Array) -> Array:
        """Probabilities (..., sign, count)."""
        return averages[..., :-1].reshape(*averages.shape[:-1], 2, self.n_synapse + 1)

    def information_of(self, averages: Array) -> Array:
        """Of the sign and the number of strong synapses."""
        joint = self._joint(averages)
        apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
        ratio = np.where(joint > 0.0, joint, 1.0) / np.where(joint > 0.0, apart, 1.0)
        return np.asarray((joint * np.log(ratio)).sum(axis=(-2, -1)))

    def _strong(self, averages: Array) -> Array:
        """Probability (..., sign) that a synapse is strong."""
        joint = self._joint(averages)
        return np.asarray((joint @ np.arange(self.n_synapse + 1.0)) / (self.n_synapse * joint.sum(axis=-1)))

    def production_of(self, averages: Array, at_end: Array, times: Array) -> Array:
        """Entropy of the synapses' own states, and what the change of their mean gave to the bath; signs weigh 1/2 each."""
        now, reached = self._strong(averages), self._strong(at_end)
        ended = (times > self.stimulus_duration * (1.0 + 1e-12))[:, None]
        written = np.where(ended, reached, now)
        heat = self._force[0] * (written - self._resting) + self._force[1] * (now - written)
        own = _entropy(now) - _entropy(np.array(self._resting))
        return np.asarray(self.n_synapse * (heat + own).mean(axis=-1))

    def heat_of(self, averages: Array) -> Array:
        return averages[..., -1]

    # --- what theory says

    def _memories(self, times: Array) -> list[tuple[float, float]]:
        """Duration of the stimulus until each time, and time since its end."""
        end = self.stimulus_duration
        return [(min(float(t), end), max(float(t) - end, 0.0)) for t in np.ravel(times)]

    def information_at(self, times: Array) -> Array:
        known = [self.synapse.memory(*memory, self.n_synapse).information_retained for memory in self._memories(times)]
        return np.reshape(known, np.shape(times))

    def production_at(self, times: Array) -> Array:
        made = [
            self.synapse.memory(written, 0.0, self.n_synapse).production
            + self.synapse.forgetting_production(written, since, self.n_synapse)
            for written, since in self._memories(times)
        ]
        return np.reshape(made, np.shape(times))

    def heat_at(self, times: Array) -> Array:
        """What is produced, less the growth of the synapses' own entropy."""
        fade = self.rest_up + self.rest_down
        own = []
        for written, since in self._memories(times):
            memory = self.synapse.memory(written, 0.0)
            ends = np.array([memory.up_after_negative, memory.up_after_positive])
            now = self._resting + (ends - self._resting) * math.exp(-fade * since)
            own.append(float((_entropy(now) - _entropy(np.array(self._resting))).mean()))
        return np.asarray(self.production_at(times) - self.n_synapse * np.reshape(own, np.shape(times)))

    @property
    def memory_lifetime(self) -> float:
        return self.synapse.memory_lifetime(self.stimulus_duration, self.memory_threshold, self.n_synapse)


def _entropy(p: Array) -> Array:
    """Of a coin (...), 0 where it has one side [nat]."""
    sure = (p <= 0.0) | (p >= 1.0)
    inside = np.where(sure, 0.5, p)
    return np.where(sure, 0.0, -inside * np.log(inside) - (1.0 - inside) * np.log1p(-inside))
