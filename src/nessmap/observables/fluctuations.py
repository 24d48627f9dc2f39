"""How strongly a field fluctuates: per site, per wavenumber, and how far coupling changes its entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.fourier_field import FourierField
from nessmap.models.linear import LinearModel
from nessmap.models.moments import MomentModel
from nessmap.observables.observable import Observable
from nessmap.observables.per_wavenumber import PerWavenumber


class SiteVariance(Observable[MomentModel]):
    """Mean variance of the field's coordinates, tr S / n: of a site, where they are an orthonormal turn of the sites."""

    name: ClassVar[str] = "site_variance"
    model_class: ClassVar[type] = MomentModel
    long_name: ClassVar[str] = "variance of a site"
    symbol: ClassVar[str] = r"\langle u^2\rangle"
    units: ClassVar[str] = "u^2"
    source: ClassVar[str] = "docs/theory.md, stationary state"

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return model.needs[self.name] if issubclass(model, MomentModel) else ()

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.site_variance(means)


class StructureFactor(PerWavenumber):
    """S(k) = <|u_k|^2> of unitary Fourier modes; times the area of a site it is the continuum structure factor."""

    name: ClassVar[str] = "structure_factor"
    long_name: ClassVar[str] = "structure factor"
    symbol: ClassVar[str] = "S(k)"
    units: ClassVar[str] = "u^2"
    source: ClassVar[str] = "docs/theory.md, ring field"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: FourierField, run: Run, means: Mapping[str, Array]) -> Array:
        return model.shell_means(model.mode_power(means["covariance"]))


class EntropyRelativeToUncoupled(Observable[LinearModel]):
    """(1/2) ln(det S / det S_uncoupled): what coupling adds to the field's Shannon entropy; free of the grid's n ln dx."""

    name: ClassVar[str] = "entropy_relative_to_uncoupled"
    model_class: ClassVar[type] = LinearModel
    long_name: ClassVar[str] = "entropy relative to the uncoupled field"
    symbol: ClassVar[str] = r"h - h_0"
    units: ClassVar[str] = "nat"
    source: ClassVar[str] = "docs/theory.md (17); the uncoupled field has the same noise and no kernel"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)
    signed: ClassVar[bool] = True

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, cls.model_class) and hasattr(model, "uncoupled_log_determinant")

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        reference: float = model.uncoupled_log_determinant  # type: ignore[attr-defined]  # defined_for has asked
        return (model.log_determinant(means["covariance"]) - reference) / 2

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        first, second = model.correlated_pairs
        covariance = {"covariance": model.stationary_covariance[first, second]}
        return Prediction(float(self.finalize(model, run, covariance)), "exact", self.source)
