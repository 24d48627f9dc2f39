"""Sampling the stationary state: from its law where that is known, else from near it and after a burn-in."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Model, Run
from nessmap.protocols.protocol import Protocol, State

BURN_IN_STEPS = 2**20  # config.MAX_STEP leaves them free


class Stationary(Protocol):
    """Steps from the model's stationary start; lanes are independent."""

    name: ClassVar[str] = "stationary"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "lane"

    def __init__(self, model: Model, run: Run, key: int, first_lane: int, n_lane: int) -> None:
        super().__init__(model, run, key, first_lane, n_lane)
        self.stepper = model.stepper(run.dt)
        self._buffer = np.empty((0, model.n_dim, n_lane))

    def sample(self, normals: Array) -> Array:
        """The start (n_dim, n_lane), given standard normals of that shape."""
        return self.model.stationary_sample(normals)

    def rough_start(self) -> State:
        """The start without its burn-in."""
        from nessmap.kernels.random import PURPOSE_START, standard_normals  # late: planning must not load numba

        normals = np.empty((self.model.n_dim, self.n_lane))
        standard_normals(normals, np.uint64(self.key), self.first_lane, 0, PURPOSE_START)
        return State(0, self.sample(normals))

    def start(self) -> State:
        return self._burnt_in(self.rough_start())

    def _burnt_in(self, state: State) -> State:
        """The state after the burn-in, whose steps are numbered backwards from 2^32, where no run counts."""
        left = math.ceil(self.model.burn_in / self.run.dt)
        if left > BURN_IN_STEPS:
            raise ValueError(
                f"burn-in of {left} steps, expected at most {BURN_IN_STEPS}; raise dt, or stay off the threshold"
            )
        while left:
            n_step = min(left, self.steps_per_block(self.model.n_dim))
            state, _ = self.advance(State(2**32 - left, state.x), n_step)
            left -= n_step
        return State(0, state.x)

    def advance(self, state: State, n_step: int) -> tuple[State, Block]:
        if len(self._buffer) != n_step + 1:
            self._buffer = np.empty((n_step + 1, *state.x.shape))
        x = self._buffer
        x[0] = state.x
        names = self.stepper.scalars
        sums = np.empty((n_step, len(names), self.n_lane))
        filled = (x, sums) if names else (x,)
        self.stepper.advance(*filled, *self.stepper.coefficients, np.uint64(self.key), self.first_lane, state.step)
        scalars = {name: sums[:, k] for k, name in enumerate(names)}
        return State(state.step + n_step, x[-1].copy()), Block(state.step, self.run, x, scalars)
