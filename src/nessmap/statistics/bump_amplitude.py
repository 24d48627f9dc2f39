"""Whether a bump is still there: its first Fourier amplitude, and how often that is large."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.nonlinear_bump import NonlinearBump
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.statistic import N_GROUP, Statistic


class BumpAmplitude(Statistic[NonlinearBump]):
    """Sums over every tenth state, (2, 16): |u_1| / |u*_1|, u_1 the first Fourier coefficient, and whether it is above 1/2."""

    name: ClassVar[str] = "bump_amplitude"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 10

    def zero(self, model: NonlinearBump) -> Array:
        return np.zeros((2, N_GROUP))

    def accumulate(self, sums: Array, model: NonlinearBump, block: Block) -> None:
        amplitude = model.relative_amplitude(block.x[: -1 : self.segment])
        sums += by_group(np.stack([amplitude, amplitude > 0.5]))
