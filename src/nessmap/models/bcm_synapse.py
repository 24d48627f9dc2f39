"""A synapse with two stable weights, after Bienenstock, Cooper and Munro in mean field, and its passages between them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Model, Prediction, Run, Stability, Stepper, parameter
from nessmap.theory import bcm
from nessmap.theory.first_passage import kramers_rate, mean_first_passage_time, well_probability
from nessmap.theory.first_passage_steps import Passage, heun_passage

_SOURCE = 'docs/theory.md, "Plastic synapses"'
_KRAMERS = "Kramers' rate; docs/theory.md"
_BEHIND = 40.0  # noises above its well, behind which no path goes: e^-40


@dataclasses.dataclass(frozen=True)
class BcmSynapse(Model):
    """dw = [eta x y (y - alpha y^2) - eps w] dt + sqrt(2 D_w) dW, y = w x; bistable beyond an activity x.

    Coordinates: the weight, the time since it left a stable one, its passages to the other one so far, the sums of their
    times and of the squares. Half the lanes leave the weak weight again and again, half the strong one.
    """

    papers: ClassVar[tuple[str, ...]] = (
        "Bienenstock, Cooper & Munro, J. Neurosci. 2, 32 (1982)",
        "Karbowski, Entropy 26, 779 (2024)",
    )
    name: ClassVar[str] = "bcm_synapse"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "first_passage"
    integrator: ClassVar[str] = "heun"

    learning_rate: float = parameter(1.0, "learning rate", units="1/(w time)", above=0.0, symbol=r"\eta")
    threshold_gain: float = parameter(1.0, "gain of the sliding threshold", units="1/w", above=0.0, symbol=r"\alpha")
    decay: float = parameter(0.2, "decay of the weight", units="1/time", above=0.0, symbol=r"\epsilon")
    activity: float = parameter(1.0, "presynaptic activity", above=0.0, symbol="x")
    weight_diffusion: float = parameter(0.0008, "diffusion of the weight", units="w^2/time", above=0.0, symbol="D_w")

    @cached_property
    def synapse(self) -> bcm.BcmSynapse:
        """The same in theory."""
        return bcm.BcmSynapse(self.learning_rate, self.threshold_gain, self.decay, self.activity, self.weight_diffusion)

    @property
    def work_per_coordinate(self) -> float:
        return 3.0

    @property
    def n_dim(self) -> int:
        return 5

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        return {}

    def drift(self, x: Array, t: float) -> Array:
        """Of the weight; the clock runs, the sums wait for a passage."""
        return np.concatenate([self.synapse.drift(x[:1]), np.ones_like(x[:1]), np.zeros_like(x[2:])])

    def diffusion(self, x: Array, t: float) -> Array:
        return np.diag([self.weight_diffusion, 0.0, 0.0, 0.0, 0.0])

    def stability(self) -> Stability:
        """Slower of the rates within the two wells; they vanish at the onset of bistability, below which there is one.

        There, the rate is that of the drift past what is left of the strong weight.
        """
        spread = 1.0 - (self.synapse.onset / self.activity) ** 2
        if spread > 0.0:
            within = min(self.synapse.curvature(weight) for weight in self.ends)
            return Stability(-within, "saddle-node", math.nan)
        scale = self.learning_rate * self.activity**2 / (2.0 * self.threshold_gain)
        return Stability(scale * math.sqrt(-spread), "saddle-node", math.nan)

    @property
    def ends(self) -> tuple[float, float]:
        """The weak and the strong weight, between which passages go; NaN where there is one only [w]."""
        return self.synapse.fixed_points.low, self.synapse.fixed_points.high

    def stationary_sample(self, normals: Array) -> Array:
        """Where passages start: sixteen lanes at the weak weight, the next sixteen at the strong one, and so on."""
        start = np.zeros_like(normals)
        start[0] = np.array(self.ends)[self.direction(normals.shape[1])]
        return start

    @staticmethod
    def direction(n_lane: int) -> NDArray[np.int64]:
        """0 for lanes that leave the weak weight, 1 for those that leave the strong one (n_lane,); as in the kernel."""
        return np.asarray(np.arange(n_lane) // 16 % 2, dtype=np.int64)

    def stepper(self, dt: float) -> Stepper:
        from nessmap.kernels.first_passage import advance  # late: planning a sweep must not load numba

        eta, x = self.learning_rate, self.activity
        polynomial = np.array([0.0, -self.decay, eta * x**3, -eta * self.threshold_gain * x**4])
        return Stepper(advance, (polynomial, self.weight_diffusion, np.array(self.ends), dt))

    def passage(self, down: bool, dt: float) -> Passage:
        """Moments of the passage from the strong weight to the weak one, or back, as it is simulated."""
        start, target = self.ends[::-1] if down else self.ends
        away = math.copysign(math.sqrt(self.weight_diffusion / self.synapse.curvature(start)), start - target)
        bottom = self.synapse.potential(start)
        # no farther than needed: a quartic wall is so steep there that steps would jump over the well
        while self.synapse.potential(start + away) - bottom < _BEHIND * self.weight_diffusion:
            away *= 1.05
        return heun_passage(self.synapse.drift, self.weight_diffusion, dt, start, target, start + away)

    def lifetime_at(self, down: bool, run: Run) -> float:
        """What a run makes of the lifetime in the mean: its time over its passages, at this dt and duration [time]."""
        passage, duration = self.passage(down, run.dt), run.n_step * run.dt
        return duration / passage.number_in(duration) - run.dt / 2.0

    def lifetime(self, down: bool) -> float:
        """Mean first-passage time from the strong weight to the weak one, or back [time]."""
        start, target = self.ends[::-1] if down else self.ends
        return mean_first_passage_time(self.synapse.potential, self.weight_diffusion, start, target)

    def _kramers(self, down: bool) -> float:
        low, barrier, high = self.synapse.fixed_points
        well, height = (high, self.synapse.barriers[1]) if down else (low, self.synapse.barriers[0])
        return kramers_rate(
            self.synapse.curvature(well), self.synapse.curvature(barrier), height, self.weight_diffusion
        )

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        low, barrier, high = self.synapse.fixed_points
        potential, noise = self.synapse.potential, self.weight_diffusion
        made: dict[str, tuple[Callable[[], float], str]] = {
            "strong_lifetime": (lambda: self.lifetime(True), "exact"),
            "weak_lifetime": (lambda: self.lifetime(False), "exact"),
            "strong_escape_rate": (lambda: self._kramers(True), "approximate"),
            "weak_escape_rate": (lambda: self._kramers(False), "approximate"),
            "strong_probability": (lambda: well_probability(potential, noise, high, barrier, low), "exact"),
        }
        return {
            name: Prediction(value(), kind, _KRAMERS if kind == "approximate" else _SOURCE)
            for name, (value, kind) in made.items()
            if wanted is None or name in wanted
        }
