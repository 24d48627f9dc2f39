"""The contract of an observable: which statistics it needs, how it is made of them, and what it should come out as."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from nessmap.model import Array, Model, Prediction

ModelT = TypeVar("ModelT", bound=Model)


class Observable(ABC, Generic[ModelT]):
    """A number (or a vector over `dimension`) per point of a model of class `model_class` or below it."""

    name: ClassVar[str]
    model_class: ClassVar[type]
    long_name: ClassVar[str]  # {first} and {second} stand for the sides of the model's partition
    symbol: ClassVar[str]
    units: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    signed: ClassVar[bool] = False  # may the true value be negative? decides the colour map
    dimension: ClassVar[str | None] = None  # an extra dimension the observable owns
    coordinate_attributes: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        """Whether the observable means anything for this kind of model."""
        return issubclass(model, cls.model_class)

    @abstractmethod
    def finalize(self, model: ModelT, dt: float, means: Mapping[str, Array]) -> Array:
        """The plug-in value from time averages {statistic: (..., n)}, vectorised over leading axes."""

    def expected(self, model: ModelT, dt: float, theory: Mapping[str, Prediction]) -> Prediction | None:
        """The mean of this estimator at this dt; the continuum value where it has no bias, None where nothing is known."""
        return theory.get(self.name)

    def coordinate(self, model: ModelT) -> Array:
        """Values of `dimension` for this model."""
        raise LookupError(f"{self.name} has no dimension of its own")
