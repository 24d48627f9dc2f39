"""What observables of a ring field's wavenumbers share: the dimension they own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nessmap.model import Array
from nessmap.models.amari_field import AmariField
from nessmap.observables.observable import Observable


class PerWavenumber(Observable[AmariField]):
    """An observable with one value for every wavenumber k = 2 pi q / length, q = 0 .. N/2, of a ring field."""

    model_class: ClassVar[type] = AmariField
    dimension: ClassVar[str | None] = "wavenumber"
    coordinate_attributes: ClassVar[Mapping[str, str]] = {
        "units": "1 / length",
        "long_name": "wavenumber",
        "symbol": "k",
    }

    def coordinate(self, model: AmariField) -> Array:
        return model.modes.wavenumber
