"""The stochastic field of an excitatory and an inhibitory population on a ring, with the nonlinearity of both.

docs/theory.md, "Two nonlinear populations".
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import ClassVar

from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.nonlinear_populations import NonlinearPopulations
from nessmap.models.two_populations import PopulationsOnRing


@dataclasses.dataclass(frozen=True)
class NonlinearExcitatoryInhibitoryField(PopulationsOnRing, NonlinearPopulations):
    """Two fields of n_site sites each."""

    name: ClassVar[str] = "nonlinear_excitatory_inhibitory_field"
    version: ClassVar[int] = 1

    @cached_property
    def linearised(self) -> ExcitatoryInhibitoryField:
        shared = {name: getattr(self, name) for name in PopulationsOnRing.parameters()}
        excitatory, inhibitory = map(float, self.gains)
        return ExcitatoryInhibitoryField(**shared, excitatory_gain=excitatory, inhibitory_gain=inhibitory)
