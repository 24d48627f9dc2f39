"""The contract of a protocol: where a trajectory starts and how it goes on, block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from nessmap.model import Array, Block, Model, Run

# A block of trajectory should stay in a core's L2 cache: 8192 numbers a step allow 10 steps in 0.7 MB.
_NUMBERS_PER_BLOCK = 81920
_BLOCK_LENGTHS = (100, 50, 20, 10, 5, 2, 1)
LANES_PER_UNIT = 128  # the unit of work and of recovery


class State(NamedTuple):
    """All that is needed to go on: the step reached and x (n_dim, n_lane)."""

    step: int
    x: Array


class Protocol(ABC):
    """One unit of work bound to a model, a run, a random stream and a range of lanes."""

    name: ClassVar[str]
    version: ClassVar[int]
    unit: ClassVar[str]  # what is statistically independent: a lane, or a group of them
    offers: ClassVar[tuple[str, ...]] = ()  # protocols whose observables its runs have, besides its own
    resumable: ClassVar[bool] = True  # does a longer run prolong a shorter one?

    def __init__(self, model: Model, run: Run, key: int, first_lane: int, n_lane: int) -> None:
        self.model, self.run, self.key = model, run, key
        self.first_lane, self.n_lane = first_lane, n_lane

    @staticmethod
    def steps_per_block(n_dim: int) -> int:
        """Steps that are summed together. Sums depend on it to the last bit, so it may depend on the model alone."""
        return next((n for n in _BLOCK_LENGTHS if n * n_dim * LANES_PER_UNIT <= _NUMBERS_PER_BLOCK), 1)

    @classmethod
    def step_unit(cls, n_dim: int) -> int:
        """Runs are rounded up to multiples of this many steps."""
        return cls.steps_per_block(n_dim)

    @classmethod
    def n_independent(cls, n_lane: int, duration: float, leading_rate: float) -> float:
        """Independent samples of the slowest mode: correlation times, all lanes together."""
        return n_lane * duration * -leading_rate

    @abstractmethod
    def start(self) -> State:
        """The state at step 0."""

    def rough_start(self) -> State:
        """Any state of the right shape, made at no cost: kernels are tried on it."""
        return self.start()

    @abstractmethod
    def advance(self, state: State, n_step: int) -> tuple[State, Block]:
        """The state n_step later and the trajectory between; the block's array is reused by the next call."""
