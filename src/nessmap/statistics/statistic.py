"""The contract of a statistic: sums over blocks, kept for 16 groups of lanes so that the jackknife can see their spread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from nessmap.model import Array, Block, Model

N_GROUP = 16  # group = lane mod 16; errors have 15 degrees of freedom


ModelT = TypeVar("ModelT", bound=Model)


class Statistic(ABC, Generic[ModelT]):
    """A named, versioned sum over trajectory; bump `version` whenever the numbers it stores change."""

    name: ClassVar[str]
    version: ClassVar[int]

    @abstractmethod
    def zero(self, model: ModelT) -> Array:
        """The empty sum, (..., 16)."""

    @abstractmethod
    def accumulate(self, sums: Array, model: ModelT, block: Block) -> None:
        """Add a block, n_step terms per lane, to sums in place."""
