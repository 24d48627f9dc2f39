"""What one part of the system knows about the other at the same instant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nessmap.model import Array, Run
from nessmap.models.moments import MomentModel
from nessmap.observables.observable import Observable


class MutualInformation(Observable[MomentModel]):
    """I = (1/2) ln(det S_aa det S_bb / det S) between the two sides of the model's partition, of the fitted covariance."""

    name: ClassVar[str] = "mutual_information"
    model_class: ClassVar[type] = MomentModel
    long_name: ClassVar[str] = "mutual information of the {first} and {second} side"
    symbol: ClassVar[str] = "I"
    units: ClassVar[str] = "nat"
    source: ClassVar[str] = (
        "Gaussian plug-in, jackknife-corrected; Cover & Thomas, Elements of Information Theory, ch. 8"
    )
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.mutual_information(model.covariance_of(means["covariance"]))
