"""Observables that a nonlinear field has in common with linear ones, from sums that its kernel makes along the path."""

from __future__ import annotations

from typing import Any

from nessmap.model import Model
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.observables.observable import Observable


class AlsoOfNonlinearFields(Observable[Any]):
    """Linear models have their own statistics; a nonlinear field has one for all."""

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return ("field_entropy",) if issubclass(model, NonlinearField) else self.needs
