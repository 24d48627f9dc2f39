"""What observables of a homogeneous field's wavenumbers share: the dimension they own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nessmap.model import Array, Run
from nessmap.models.fourier_field import FourierField
from nessmap.observables.observable import Observable

WAVENUMBER = {"units": "1 / length", "long_name": "wavenumber", "symbol": "k"}


class PerWavenumber(Observable[FourierField]):
    """An observable with one value for every size of wavenumber; on a ring 2 pi q / length, q = 0 .. N/2."""

    model_class: ClassVar[type] = FourierField
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"wavenumber": WAVENUMBER}

    def coordinates(self, model: FourierField, run: Run) -> tuple[Array, ...]:
        return (model.shells[0],)
