"""Entropy production rate by two estimators, each blind to errors that the other sees.

The local mean is a linear functional of equal-time covariances: no dt bias under exact sampling and the smaller variance,
but blind to the currents. The path sum is a functional of the lagged covariance: it sees the currents actually simulated
and is biased by about -gamma dt, so it is compared with its exact mean at this dt. A third estimate is fitted: a linear model
is read off both covariances, and nothing is assumed of its drift and noise. All treat all coordinates as even.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.fourier_field import FourierField
from nessmap.models.linear import LinearModel
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.observables.observable import Observable
from nessmap.observables.of_fields import AlsoOfNonlinearFields
from nessmap.observables.per_wavenumber import PerWavenumber
from nessmap.theory import blocks


class _AllEven(Observable[LinearModel]):
    """Has a meaning where every coordinate is even under time reversal: there is one entropy production rate."""

    model_class: ClassVar[type] = LinearModel

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, LinearModel) and model.all_even


class _OfLinearAndNonlinear(AlsoOfNonlinearFields):
    """The same estimator for both: of a linear model from moments, of a nonlinear field from sums along the path."""

    model_class: ClassVar[type] = Model

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, NonlinearField) or _AllEven.defined_for(model)


class EntropyProductionRate(_OfLinearAndNonlinear):
    """Local mean <x^T sym(M_a^T A) x>, M_a the antisymmetric part of D^-1 A; docs/theory.md, "Two estimators"."""

    name: ClassVar[str] = "entropy_production_rate"
    long_name: ClassVar[str] = "entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "local mean; docs/theory.md; Godreche & Luck, J. Phys. A 52, 035002 (2019)"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: Any, run: Run, means: Mapping[str, Array]) -> Array:
        if isinstance(model, NonlinearField):
            return means["field_entropy"][..., 0]
        return np.asarray(means["covariance"] @ model.local_mean_weights)


class EntropyProductionRatePath(_OfLinearAndNonlinear):
    """Path sum of M_a-weighted Stratonovich increments, exact differential removed, per unit time."""

    name: ClassVar[str] = "entropy_production_rate_path"
    long_name: ClassVar[str] = "entropy production rate along paths"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{path}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "Stratonovich path sum; docs/theory.md; Seifert, Rep. Prog. Phys. 75, 126001 (2012)"
    needs: ClassVar[tuple[str, ...]] = ("lagged_covariance",)

    def finalize(self, model: Any, run: Run, means: Mapping[str, Array]) -> Array:
        if isinstance(model, NonlinearField):
            return means["field_entropy"][..., 1] / run.dt
        return np.asarray(means["lagged_covariance"] @ model.path_weights / run.dt)

    def expected(self, model: Any, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if isinstance(model, NonlinearField):
            return None
        return Prediction(
            model.path_entropy_production_rate(run.dt), "exact", "mean of the path sum at this dt; docs/theory.md"
        )


class EntropyProductionRateFitted(_AllEven):
    """tr(D^-1 A Q) of the drift and diffusion that covariance and lagged covariance imply."""

    name: ClassVar[str] = "entropy_production_rate_fitted"
    long_name: ClassVar[str] = "fitted entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{fit}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "fit of drift and diffusion; docs/theory.md (7), (52)"
    needs: ClassVar[tuple[str, ...]] = ("covariance", "lagged_covariance")

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        fit = model.fit(means, run.dt)
        return np.asarray(blocks.fitted_entropy_production_rate(fit.drift, fit.covariance).sum(axis=-1))


class EntropyProductionPerMode(PerWavenumber):
    """Local mean of one wavenumber, both directions: (omega^2/d) S(k) over k and -k; adds up to the whole rate."""

    name: ClassVar[str] = "entropy_production_per_mode"
    long_name: ClassVar[str] = "entropy production rate per wavenumber"
    symbol: ClassVar[str] = r"\dot\Sigma_k"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "local mean; docs/theory.md (45)"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: FourierField, run: Run, means: Mapping[str, Array]) -> Array:
        weighted = means["covariance"] * model.local_mean_weights
        return model.shell_sums(model.mode_power(weighted))
