"""Sampling a measure rather than following a dynamics: iterations of a Monte Carlo method, several temperatures at once."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Model, Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.protocols.protocol import State
from nessmap.protocols.stationary import BURN_IN_STEPS, Stationary


class Sampler(Stationary):
    """Iterations after a burn-in that cools down; State.x holds all rungs of the ladder, a block the lowest alone.

    A step is an iteration, run.dt is 1. Every rung has the run's lanes, with random numbers of their own.
    """

    name: ClassVar[str] = "sampler"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "realisation"

    model: QuasiPotential

    def __init__(self, model: Model, run: Run, key: int, first_lane: int, n_lane: int) -> None:
        if not isinstance(model, QuasiPotential):
            raise TypeError(f"{model.name}: protocol {self.name} needs a model with a potential")
        super().__init__(model, run, key, first_lane, n_lane)

    def rough_start(self) -> State:
        from nessmap.kernels.random import PURPOSE_START, standard_normals  # late: planning must not load numba

        rungs: list[Array] = []
        for rung in range(len(self.model.ladder)):
            normals = np.empty((self.model.n_dim, self.n_lane))
            standard_normals(normals, np.uint64(self.key), self.first_lane, rung, PURPOSE_START)
            rungs.append(self.sample(normals))
        return State(0, np.concatenate(rungs, axis=1))

    def start(self) -> State:
        state, n_iteration = self.rough_start(), self.model.burn_in
        if n_iteration > BURN_IN_STEPS:
            raise ValueError(f"burn_in of {n_iteration} iterations, expected at most {BURN_IN_STEPS}")
        for n in range(n_iteration):
            self.stepper = self.model.stepper_at(self.model.annealed(n))
            # numbered backwards from 2^32, where no run counts
            state, _ = self.advance(State(2**32 - n_iteration + n, state.x), 1)
        self.stepper = self.model.stepper(self.run.dt)
        return State(0, state.x)

    def advance(self, state: State, n_step: int) -> tuple[State, Block]:
        after, block = super().advance(state, n_step)
        return after, block._replace(x=np.ascontiguousarray(block.x[:, :, : self.n_lane]))
