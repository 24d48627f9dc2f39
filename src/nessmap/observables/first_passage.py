"""How long a synapse keeps its weight: passages between its two stable weights, their rates, and where it is found.

A run starts anew after each passage. Its time over the number of passages is the mean first-passage time, up to what a
step and a last, unfinished passage add, which the expectation knows. docs/theory.md, "First passages in steps".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.bcm_synapse import BcmSynapse
from nessmap.observables.observable import Observable

RESOLVED = 200.0  # passages from which on the error of a ratio to their number is calibrated
LEAST_LANES = 32  # sixteen for each way


class _OfPassages(Observable[BcmSynapse]):
    model_class: ClassVar[type] = BcmSynapse
    protocol: ClassVar[str] = "first_passage"
    needs: ClassVar[tuple[str, ...]] = ("passages",)

    def why_undefined(self, model: BcmSynapse, run: Run) -> str:
        enough = run.n_replica >= LEAST_LANES
        return "" if enough else f"{run.n_replica} lanes go one way only; set run.n_replica >= {LEAST_LANES}"

    def ratios(self, means: Mapping[str, Array], what: int, back: int) -> Array:
        """A sum over the number of passages (...), NaN where none was seen; 0 time, 4 time beyond the barrier."""
        own = means["passages"][..., 5 * back : 5 * back + 5]
        seen = own[..., 1] > 0
        return np.where(seen, own[..., what] / np.where(seen, own[..., 1], 1.0), np.nan)

    @staticmethod
    def is_resolved(model: BcmSynapse, run: Run, back: int) -> bool:
        """Whether enough passages are expected for errors to be calibrated."""
        return run.n_step * run.dt * run.n_replica / 2 >= RESOLVED * model.lifetime(bool(back))


class StrongLifetime(_OfPassages):
    """Mean first-passage time from the strong to the weak weight."""

    name: ClassVar[str] = "strong_lifetime"
    long_name: ClassVar[str] = "lifetime of the strong weight"
    symbol: ClassVar[str] = r"T_{+\to0}"
    units: ClassVar[str] = "time"
    source: ClassVar[str] = (
        'docs/theory.md, "Plastic synapses", "First passages in steps"; Gardiner, Stochastic Methods'
    )
    back: ClassVar[int] = 1

    def finalize(self, model: BcmSynapse, run: Run, means: Mapping[str, Array]) -> Array:
        return self.ratios(means, 0, self.back) - run.dt / 2.0

    def expected(self, model: BcmSynapse, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """The mean at this dt and duration; none where the run is too short to see passages."""
        if not self.is_resolved(model, run, self.back):
            return None
        return Prediction(model.lifetime_at(bool(self.back), run), "exact", self.source)


class WeakLifetime(StrongLifetime):
    """Mean first-passage time from the weak to the strong weight."""

    name: ClassVar[str] = "weak_lifetime"
    long_name: ClassVar[str] = "lifetime of the weak weight"
    symbol: ClassVar[str] = r"T_{0\to+}"
    back: ClassVar[int] = 0


class StrongEscapeRate(_OfPassages):
    """Passages from the strong to the weak weight per unit time; theory is Kramers' rate, for deep wells."""

    name: ClassVar[str] = "strong_escape_rate"
    long_name: ClassVar[str] = "rate of losing the strong weight"
    symbol: ClassVar[str] = r"k_{+\to0}"
    units: ClassVar[str] = "1 / time"
    source: ClassVar[str] = 'docs/theory.md, "Plastic synapses"; Kramers, Physica 7, 284 (1940)'
    back: ClassVar[int] = 1

    def finalize(self, model: BcmSynapse, run: Run, means: Mapping[str, Array]) -> Array:
        time = self.ratios(means, 0, self.back) - run.dt / 2.0
        return np.asarray(1.0 / time)


class WeakEscapeRate(StrongEscapeRate):
    """Passages from the weak to the strong weight per unit time; theory is Kramers' rate, for deep wells."""

    name: ClassVar[str] = "weak_escape_rate"
    long_name: ClassVar[str] = "rate of losing the weak weight"
    symbol: ClassVar[str] = r"k_{0\to+}"
    back: ClassVar[int] = 0


class StrongProbability(_OfPassages):
    """Share of the time beyond the barrier on a way there and back, which is the stationary probability.

    Renewal-reward: the way from the weak weight to the strong one and home again is a cycle of the stationary process.
    """

    name: ClassVar[str] = "strong_probability"
    long_name: ClassVar[str] = "probability of the strong state"
    symbol: ClassVar[str] = r"p_+"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = 'docs/theory.md, "Plastic synapses", "First passages in steps"'

    def finalize(self, model: BcmSynapse, run: Run, means: Mapping[str, Array]) -> Array:
        time, strong = (self.ratios(means, what, 0) + self.ratios(means, what, 1) for what in (0, 4))
        return np.asarray(strong / time)

    def expected(self, model: BcmSynapse, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        both = all(self.is_resolved(model, run, back) for back in range(2))
        return predictions.get(self.name) if both else None
