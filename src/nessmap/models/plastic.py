"""What models of plastic synapses share: a stimulus, drawn once for each lane, is written into them and then forgotten.

What they know of it, and what writing it cost, are functions of a few averages over lanes at one time. docs/theory.md,
"Plastic synapses".
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run, Start, parameter

_SOURCE = 'docs/theory.md, "Plastic synapses"'


@dataclasses.dataclass(frozen=True)
class PlasticModel(Model):
    """Coordinates: the stimulus, then the synapses, then the entropy that each lane gave to its bath since the start."""

    papers: ClassVar[tuple[str, ...]] = ("Karbowski, Entropy 26, 779 (2024)",)
    n_synapse: int = parameter(1, "number of synapses", minimum=1, symbol="N")
    stimulus_duration: float = parameter(3.0, "duration of the stimulus", units="time", above=0.0, symbol="t_s")
    memory_threshold: float = parameter(
        0.01, "information that counts as a memory", units="nat", above=0.0, symbol=r"\theta", shapes_path=False
    )

    @property
    def n_dim(self) -> int:
        return self.n_synapse + 2

    @property
    def work_per_coordinate(self) -> float:
        """Runs are short: what is kept of each time costs more than the steps between."""
        return 10.0

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        return {"stimulus": [0], "synapses": range(1, self.n_synapse + 1)}

    def transient_start(self, normals: Array, start: Start) -> Array:
        """The synapses at rest and a stimulus for each lane (n_dim, n_lane), given standard normals of that shape."""
        if start != Start():
            raise ValueError(f"{self.name}: run.start is given, expected nothing: synapses start at rest")
        return self.stationary_sample(normals)

    def stimulus_steps(self, dt: float) -> int:
        """Steps of the stimulus; ValueError unless it ends with a step."""
        n_step = round(self.stimulus_duration / dt)
        if n_step < 1 or abs(n_step * dt - self.stimulus_duration) > 1e-9 * self.stimulus_duration:
            found = f"{self.name}: stimulus_duration = {self.stimulus_duration:g}"
            raise ValueError(f"{found}, expected whole steps of run.dt = {dt:g}; choose another run.dt")
        return n_step

    def why_not_written(self, run: Run) -> str:
        """Why a run does not see the stimulus end, with the remedy; empty where it does."""
        try:
            n_step = self.stimulus_steps(run.dt)
        except ValueError as error:
            return str(error)
        lasts = f"the stimulus lasts {self.stimulus_duration:g}"
        return "" if n_step <= run.n_step else f"{lasts}, the run {run.n_step * run.dt:g}; raise run.duration"

    # --- what is measured

    @property
    @abstractmethod
    def n_entry(self) -> int:
        """How many numbers are kept of a time."""

    @abstractmethod
    def entries(self, x: Array) -> Array:
        """The numbers (n_entry, n_lane) whose averages over lanes are kept of a state x (n_dim, n_lane)."""

    @abstractmethod
    def information_of(self, averages: Array) -> Array:
        """What the synapses know of the stimulus (...), from averages (..., n_entry), plug-in [nat]."""

    @abstractmethod
    def production_of(self, averages: Array, at_end: Array, times: Array) -> Array:
        """Entropy (..., n_time) produced until the times, from averages (..., n_time, n_entry) at them [k_B].

        at_end (..., 1, n_entry) is of the stimulus' end.
        """

    @abstractmethod
    def heat_of(self, averages: Array) -> Array:
        """Entropy (...) given to the bath, summed along paths [k_B]."""

    # --- what theory says

    @abstractmethod
    def information_at(self, times: Array) -> Array:
        """Exact information (...) at times since the start [nat]."""

    @abstractmethod
    def production_at(self, times: Array) -> Array:
        """Exact entropy production (...) until the times [k_B]."""

    @abstractmethod
    def heat_at(self, times: Array) -> Array:
        """Exact entropy (...) given to the bath until the times [k_B]."""

    @property
    @abstractmethod
    def memory_lifetime(self) -> float:
        """Time after the stimulus for which the synapses know more than the threshold [time]."""

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        """Of what is known when the stimulus ends; the rest depends on the run."""
        end = np.array(self.stimulus_duration)

        def per_bit() -> float:
            known = float(self.information_at(end))
            return math.log(2.0) * float(self.production_at(end)) / known if known > 0.0 else math.nan

        made: dict[str, Callable[[], float]] = {
            "bits_learned": lambda: float(self.information_at(end)) / math.log(2.0),
            "cost_per_bit": per_bit,
            "memory_lifetime": lambda: self.memory_lifetime,
        }
        return {
            name: Prediction(value(), "exact", _SOURCE)
            for name, value in made.items()
            if wanted is None or name in wanted
        }
