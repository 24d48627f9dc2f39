"""The stationary state with a small deviation beside it: how fast it grows is the largest Lyapunov exponent."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Block, Model, Run
from nessmap.protocols.protocol import State
from nessmap.protocols.stationary import Stationary


class Tangent(Stationary):
    """A lane is a path and a deviation of unit length, x (2 n_dim, n_lane), both on one noise; blocks show the path.

    The path is that of a stationary run, to the bit, and its observables are available, too. The burn-in is that of both: it
    turns the deviation from a random direction into the one that grows fastest.
    """

    name: ClassVar[str] = "tangent"
    version: ClassVar[int] = 1
    offers: ClassVar[tuple[str, ...]] = ("stationary",)

    def __init__(self, model: Model, run: Run, key: int, first_lane: int, n_lane: int) -> None:
        super().__init__(model, run, key, first_lane, n_lane)
        self.stepper = model.tangent_stepper(run.dt)

    def rough_start(self) -> State:
        from nessmap.kernels.random import PURPOSE_START, standard_normals  # late: planning must not load numba

        n_dim = self.model.n_dim
        normals = np.empty((n_dim, self.n_lane))
        # the start of a stationary run has step 0
        standard_normals(normals, np.uint64(self.key), self.first_lane, 1, PURPOSE_START)
        deviation = normals / np.sqrt((normals**2).sum(axis=0))
        return State(0, np.concatenate([super().rough_start().x, deviation]))

    def advance(self, state: State, n_step: int) -> tuple[State, Block]:
        state, block = super().advance(state, n_step)
        return state, block._replace(x=block.x[:, : self.model.n_dim])
