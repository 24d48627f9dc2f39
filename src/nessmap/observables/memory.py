"""What synapses know of a stimulus while it lasts and afterwards, what that cost, and how long it is remembered.

docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.plastic import PlasticModel
from nessmap.observables.observable import Observable
from nessmap.statistics.memory import MemoryEntries

TIME = {"units": "time", "long_name": "time", "symbol": "t"}
RESOLVED = 200.0  # lanes times nats from which on an estimated information is normal: below, it is the square of noise
MARGIN = 1.3  # of the lifetime, that a run must see: noise takes the information across the threshold later, too


class _OfMemory(Observable[PlasticModel]):
    """Made of averages at separate times of a run that sees the stimulus end."""

    model_class: ClassVar[type] = PlasticModel
    protocol: ClassVar[str] = "transient"
    source: ClassVar[str] = 'docs/theory.md, "Plastic synapses"'
    needs: ClassVar[tuple[str, ...]] = ("memory_entries",)

    def why_undefined(self, model: PlasticModel, run: Run) -> str:
        return model.why_not_written(run)

    def finalize(self, model: PlasticModel, run: Run, means: Mapping[str, Array]) -> Array:
        averages = means["memory_entries"]
        if self.why_undefined(model, run):
            return np.full((*averages.shape[:-1], *map(len, self.coordinates(model, run))), np.nan)
        return self.measured(model, run, *MemoryEntries.unpacked(averages))

    @abstractmethod
    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        """The value, from averages (..., n_time, n_entry) at the times and (..., 1, n_entry) at the stimulus' end."""


def _end(model: PlasticModel) -> Array:
    return np.array([model.stimulus_duration])


def _is_resolved(model: PlasticModel, run: Run) -> bool:
    return bool(model.information_at(_end(model))[0] * run.n_replica >= RESOLVED)


class _AgainstTime(_OfMemory):
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"time": TIME}

    def coordinates(self, model: PlasticModel, run: Run) -> tuple[Array, ...]:
        return (run.times,)


class SynapticInformation(_AgainstTime):
    """Mutual information of the stimulus and all synapses, plug-in and jackknife-corrected."""

    name: ClassVar[str] = "synaptic_information"
    long_name: ClassVar[str] = "information of the synapses about the stimulus"
    symbol: ClassVar[str] = "I"
    units: ClassVar[str] = "nat"

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        return model.information_of(at_times)

    def theory(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(model.information_at(run.times), "exact", self.source)

    def expected(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        known = model.information_at(run.times)
        return Prediction(np.where(known * run.n_replica < RESOLVED, np.nan, known), "exact", self.source)


class SynapticEntropyProduction(_AgainstTime):
    """Entropy produced since the start by writing and forgetting, from how synapses follow the stimulus in the mean."""

    name: ClassVar[str] = "synaptic_entropy_production"
    long_name: ClassVar[str] = "entropy produced by the synapses"
    symbol: ClassVar[str] = r"\Sigma_\mathrm{syn}"
    units: ClassVar[str] = "k_B"

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        return model.production_of(at_times, at_end, run.times)

    def theory(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(model.production_at(run.times), "exact", self.source)


class SynapticHeat(_AgainstTime):
    """Entropy given to the bath since the start, summed along the paths of the synapses."""

    name: ClassVar[str] = "synaptic_heat"
    long_name: ClassVar[str] = "entropy given to the bath by the synapses"
    symbol: ClassVar[str] = r"Q_\mathrm{syn}/T"
    units: ClassVar[str] = "k_B"
    signed: ClassVar[bool] = True

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        return model.heat_of(at_times)

    def theory(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(model.heat_at(run.times), "exact", self.source)


class BitsLearned(_OfMemory):
    """Information about the stimulus when it ends."""

    name: ClassVar[str] = "bits_learned"
    long_name: ClassVar[str] = "information learned"
    symbol: ClassVar[str] = r"I(t_s)"
    units: ClassVar[str] = "bit"

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        return np.asarray(model.information_of(at_end)[..., 0] / np.log(2.0))

    def expected(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return predictions.get(self.name) if _is_resolved(model, run) else None


class CostPerBit(_OfMemory):
    """Entropy produced until the stimulus ends over the information then there; never below ln 2."""

    name: ClassVar[str] = "cost_per_bit"
    long_name: ClassVar[str] = "entropy produced per bit learned"
    symbol: ClassVar[str] = r"\Sigma_\mathrm{syn} \ln 2 / I(t_s)"
    units: ClassVar[str] = "k_B / bit"

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        produced = model.production_of(at_end, at_end, _end(model))
        return np.asarray((np.log(2.0) * produced / model.information_of(at_end))[..., 0])

    def expected(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return predictions.get(self.name) if _is_resolved(model, run) else None


class MemoryLifetime(_OfMemory):
    """Time after the stimulus that the information is above the model's threshold, all such times together.

    Between the times that are kept, ln(e^(2 I) - 1) is a straight line: exactly so for a linear learner. Noise that makes
    the information cross the threshold several times leaves the mean of their total where it is.
    """

    name: ClassVar[str] = "memory_lifetime"
    long_name: ClassVar[str] = "lifetime of the memory"
    symbol: ClassVar[str] = r"T_\theta"
    units: ClassVar[str] = "time"

    def why_undefined(self, model: PlasticModel, run: Run) -> str:
        if unseen := super().why_undefined(model, run):
            return unseen
        needed = model.stimulus_duration + MARGIN * model.memory_lifetime
        short = f"the memory outlasts the run; set run.duration >= {needed:.4g}, or raise memory_threshold"
        return "" if needed <= run.n_step * run.dt else short

    def measured(self, model: PlasticModel, run: Run, at_times: Array, at_end: Array) -> Array:
        known = np.concatenate([model.information_of(at_end), model.information_of(at_times)], axis=-1)
        later = run.times > model.stimulus_duration
        times = np.concatenate([_end(model), run.times[later]])
        with np.errstate(divide="ignore"):  # nothing known, as happens in a small sample
            strength = np.log(np.expm1(2.0 * known[..., np.r_[True, later]]))
        return _time_above(times, np.maximum(strength, -1e3), _strength(model.memory_threshold))

    def expected(self, model: PlasticModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """None where a run cannot tell the threshold from nothing, or from what was learned."""
        above = _strength(float(model.information_at(_end(model))[0])) - _strength(model.memory_threshold)
        lanes = model.memory_threshold * run.n_replica
        return predictions.get(self.name) if lanes >= 2.0 * RESOLVED and above > 8.0 / np.sqrt(2.0 * lanes) else None


def _strength(information: float) -> float:
    """ln of the ratio of signal and noise that an information means [1]."""
    return float(np.log(np.expm1(2.0 * information)))


def _time_above(times: Array, values: Array, level: float) -> Array:
    """How long a piecewise straight line (..., n_time) is above a level, all stretches together (...)."""
    before, after = values[..., :-1] - level, values[..., 1:] - level
    high, low = np.maximum(before, after), np.minimum(before, after)
    crossing = (high > 0.0) & (low < 0.0)
    share = np.where(crossing, high / np.where(crossing, high - low, 1.0), high > 0.0)
    return np.asarray((share * np.diff(times)).sum(axis=-1))
