"""The contract of a statistic: sums over blocks, kept for 16 groups of lanes so that the jackknife can see their spread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from nessmap.model import Array, Block, Model, Run

N_GROUP = 16  # group = lane mod 16; errors have 15 degrees of freedom


ModelT = TypeVar("ModelT", bound=Model)


class Statistic(ABC, Generic[ModelT]):
    """A named, versioned sum over trajectory; bump `version` whenever the numbers it stores change."""

    name: ClassVar[str]
    version: ClassVar[int]
    segment: ClassVar[int] = (
        0  # steps that it must see in one piece: it is given whole multiples of them; 0: any block will do
    )
    every: ClassVar[int] = 1  # of a segment's states it is given each that is a multiple of this from the first

    @abstractmethod
    def zero(self, model: ModelT) -> Array:
        """The empty sum, (n, 16)."""

    @abstractmethod
    def accumulate(self, sums: Array, model: ModelT, block: Block) -> None:
        """Add a block (or a segment) to sums in place."""

    def finish(self, sums: Array, model: ModelT) -> None:
        """Fill in place those entries that are made of the others once a unit has run; a longer run makes them anew."""

    def n_term(self, run: Run) -> int:
        """How many terms of each lane a whole run adds: what sums are divided by."""
        return run.n_step // self.segment if self.segment else run.n_step
