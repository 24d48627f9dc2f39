"""The linearised stochastic field of an excitatory and an inhibitory population on a ring.

tau_E du_E/dt = -u_E + g_E w_EE*u_E - g_I w_EI*u_I + noise_E
tau_I du_I/dt = -u_I + g_E w_IE*u_E - g_I w_II*u_I + noise_I

Even kernels do not make equilibrium here: excitation and inhibition are not reciprocal. docs/theory.md, "Two populations".
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from nessmap.models.linear_populations import LinearPopulations
from nessmap.models.two_populations import PopulationsOnRing


@dataclasses.dataclass(frozen=True)
class ExcitatoryInhibitoryField(PopulationsOnRing, LinearPopulations):
    """Two linear fields of n_site sites each."""

    name: ClassVar[str] = "excitatory_inhibitory_field"
    version: ClassVar[int] = 1
