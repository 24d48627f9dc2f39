"""Sampling the stationary state of a linear model: the start is drawn from the known law, so there is no burn-in."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block, Model, Run
from nessmap.models.linear import LinearModel
from nessmap.protocols.protocol import Protocol, State


class Stationary(Protocol):
    """Exact steps from an exact stationary start; lanes are independent."""

    name: ClassVar[str] = "stationary"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "lane"

    def __init__(self, model: Model, run: Run, key: int, first_lane: int, n_lane: int) -> None:
        super().__init__(model, run, key, first_lane, n_lane)
        if not isinstance(model, LinearModel):
            raise TypeError(f"{model.name}: its law is not known exactly; protocol {self.name} needs a linear model")
        self.linear = model
        self.stepper = model.stepper(run.dt)
        self._buffer = np.empty((0, model.n_dim, n_lane))

    def sample(self, normals: Array) -> Array:
        """The start (n_dim, n_lane), given standard normals of that shape."""
        return self.linear.stationary_sample(normals)

    def start(self) -> State:
        from nessmap.kernels.random import PURPOSE_START, standard_normals  # late: planning must not load numba

        normals = np.empty((self.model.n_dim, self.n_lane))
        standard_normals(normals, np.uint64(self.key), self.first_lane, 0, PURPOSE_START)
        return State(0, self.sample(normals))

    def advance(self, state: State, n_step: int) -> tuple[State, Block]:
        if len(self._buffer) != n_step + 1:
            self._buffer = np.empty((n_step + 1, *state.x.shape))
        x = self._buffer
        x[0] = state.x
        self.stepper.advance(x, *self.stepper.coefficients, np.uint64(self.key), self.first_lane, state.step)
        return State(state.step + n_step, x[-1].copy()), Block(state.step, self.run, x)
