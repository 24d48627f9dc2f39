"""A synapse with the learning rule of Bienenstock, Cooper and Munro in mean field: two stable weights and their lifetimes.

y = w x, sliding threshold theta = alpha y^2, dw = [eta x y (y - theta) - eps w] dt + sqrt(2 D_w) dW.
docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory.brownian import require_positive
from nessmap.theory.first_passage import kramers_rate, mean_first_passage_time, well_probability

Array = NDArray[np.floating[Any]]


class FixedPoints(NamedTuple):
    """Weights at which the drift vanishes; barrier and high are NaN below the onset of bistability."""

    low: float
    barrier: float
    high: float


class Lifetimes(NamedTuple):
    """How long the strong and the weak state of the synapse last."""

    high_to_low: float
    """Mean first-passage time from the strong to the weak weight [time]."""
    low_to_high: float
    """[time]"""
    kramers_down: float
    """Rate of loss in the limit of deep wells [1/time]."""
    kramers_up: float
    """[1/time]"""
    high_probability: float
    """Stationary, of a weight beyond the barrier."""


@dataclasses.dataclass(frozen=True)
class BcmSynapse:
    """dw = -U'(w) dt + sqrt(2 D_w) dW with U = eps w^2/2 - eta x^3 w^3/3 + eta alpha x^4 w^4/4.

    Constant activity and additive noise: a gradient, hence an equilibrium; keeping a memory costs nothing here.
    docs/theory.md (183)

    Parameters
    ----------
    learning_rate : eta.
    threshold_gain : alpha, theta = alpha y^2.
    decay : eps [1/time].
    activity : x, presynaptic; not 0.
    diffusion : D_w [w^2/time].
    """

    learning_rate: float
    threshold_gain: float
    decay: float
    activity: float
    diffusion: float

    def __post_init__(self) -> None:
        positive = dataclasses.asdict(self) | {"activity": abs(self.activity)}
        require_positive("BcmSynapse", **positive)

    def drift(self, weight: ArrayLike) -> Array:
        """-U' [w/time]."""
        w, x = np.asarray(weight, dtype=float), self.activity
        y = w * x
        return np.asarray(self.learning_rate * x * y * (y - self.threshold_gain * y**2) - self.decay * w)

    def potential(self, weight: ArrayLike) -> Array:
        """U [w^2/time]."""
        w, x = np.asarray(weight, dtype=float), self.activity
        learned = (x * w) ** 3 * (self.threshold_gain * x * w / 4.0 - 1.0 / 3.0)
        return np.asarray(self.decay * w**2 / 2.0 + self.learning_rate * learned)

    def curvature(self, weight: float) -> float:
        """U'' [1/time]."""
        x, w = self.activity, weight
        return self.decay + self.learning_rate * x**3 * w * (3.0 * self.threshold_gain * x * w - 2.0)

    @property
    def onset(self) -> float:
        """Least |x| at which a second stable weight exists, 2 sqrt(eps alpha/eta)."""
        return 2.0 * math.sqrt(self.decay * self.threshold_gain / self.learning_rate)

    @property
    def fixed_points(self) -> FixedPoints:
        """0 and [1 -+ sqrt(1 - 4 eps alpha/(eta x^2))]/(2 alpha x).

        >>> [round(weight, 12) for weight in BcmSynapse(1.0, 1.0, 0.2, 1.0, 0.0008).fixed_points]
        [0.0, 0.27639320225, 0.72360679775]
        """
        spread = 1.0 - (self.onset / self.activity) ** 2
        if spread <= 0.0:
            return FixedPoints(0.0, math.nan, math.nan)
        scale, root = 2.0 * self.threshold_gain * self.activity, math.sqrt(spread)
        # (1 - sqrt(1 - e)) = e / (1 + sqrt(1 - e)): no cancellation far above the onset
        return FixedPoints(0.0, (1.0 - spread) / (1.0 + root) / scale, (1.0 + root) / scale)

    @property
    def barriers(self) -> tuple[float, float]:
        """Heights above the low and above the high weight, NaN below the onset [w^2/time].

        >>> [round(height, 12) for height in BcmSynapse(1.0, 1.0, 0.2, 1.0, 0.0008).barriers]
        [0.002060113296, 0.007453559925]
        """
        low, top, high = (float(self.potential(weight)) for weight in self.fixed_points)
        return top - low, top - high

    def lifetimes(self) -> Lifetimes:
        """First-passage times between the stable weights, their Kramers rates and the occupation.   docs/theory.md (184)

        Raises
        ------
        ValueError : the activity is below the onset: there is one state only.

        >>> round(BcmSynapse(1.0, 1.0, 0.2, 1.0, 0.0008).lifetimes().low_to_high, 6)
        616.912928
        """
        low, barrier, high = self.fixed_points
        if math.isnan(barrier):
            raise ValueError(
                f"BcmSynapse: activity {self.activity:.6g}, expected beyond the onset of bistability at {self.onset:.6g};"
                " raise it or lower the decay"
            )
        noise, top = self.diffusion, self.curvature(barrier)
        from_low, from_high = self.barriers
        return Lifetimes(
            mean_first_passage_time(self.potential, noise, high, low),
            mean_first_passage_time(self.potential, noise, low, high),
            kramers_rate(self.curvature(high), top, from_high, noise),
            kramers_rate(self.curvature(low), top, from_low, noise),
            well_probability(self.potential, noise, high, barrier, low),
        )
