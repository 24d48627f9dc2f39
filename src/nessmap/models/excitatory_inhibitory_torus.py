"""The linearised stochastic field of an excitatory and an inhibitory population on a square torus.

As on the ring, with kernels that may be stretched along x or y, each population's by its own `anisotropy`; docs/theory.md,
"Two populations" and "Torus".
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from nessmap.models.linear_populations import LinearPopulations
from nessmap.models.two_populations import PopulationsOnTorus


@dataclasses.dataclass(frozen=True)
class ExcitatoryInhibitoryTorus(PopulationsOnTorus, LinearPopulations):
    """Two linear fields of n_site x n_site sites each."""

    name: ClassVar[str] = "excitatory_inhibitory_torus"
    version: ClassVar[int] = 1
    smoothest: ClassVar[float] = 7.0  # beyond, the noise of the shortest waves underflows
