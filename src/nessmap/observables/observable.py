"""The contract of an observable: which statistics it needs, how it is made of them, and what it should come out as."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.moments import MomentModel

ModelT = TypeVar("ModelT", bound=Model)


class Observable(ABC, Generic[ModelT]):
    """A number (or an array over `dimensions`) per point of a model of class `model_class` or below it."""

    name: ClassVar[str]
    model_class: ClassVar[type]
    protocol: ClassVar[str] = "stationary"  # what the run must be
    long_name: ClassVar[str]  # {first} and {second} stand for the sides of the model's partition
    symbol: ClassVar[str]
    units: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    signed: ClassVar[bool] = False  # may the true value be negative? decides the colour map
    # extra dimensions that the observable owns, with their attributes
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        """Whether the observable means anything for this kind of model."""
        return issubclass(model, cls.model_class)

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        """The statistics needed for a kind of model, those about whose mean others are taken included."""
        return model.with_means(self.needs) if issubclass(model, MomentModel) else self.needs

    def value(self, model: ModelT, run: Run, means: Mapping[str, Array]) -> Array:
        """The plug-in value from averages as they are stored."""
        return self.finalize(model, run, model.central(means) if isinstance(model, MomentModel) else means)

    @abstractmethod
    def finalize(self, model: ModelT, run: Run, means: Mapping[str, Array]) -> Array:
        """The plug-in value from averages {statistic: (..., n)}, second moments central; vectorised over leading axes.

        means["share"] (...) is the share of the lanes that each average is of.
        """

    def theory(self, model: ModelT, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """The continuum value; an observable whose value depends on the run, not on the model alone, overrides it."""
        return predictions.get(self.name)

    def expected(self, model: ModelT, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """The mean of this estimator at this dt; the continuum value where it has no bias, None where none is known.

        It is of its theory's kind: the z-score against an approximate one measures the approximation.
        """
        return self.theory(model, run, predictions)

    def why_undefined(self, model: ModelT, run: Run) -> str:
        """Why there is no value for these parameters, with the remedy; empty where there is one."""
        return ""

    def coordinates(self, model: ModelT, run: Run) -> tuple[Array, ...]:
        """Values along each of `dimensions` for this model and run."""
        return ()
