"""Entropy production rate by two estimators, each blind to errors that the other sees.

The local mean is a linear functional of equal-time covariances: no dt bias under exact sampling and the smaller variance,
but blind to the currents. The path sum is a functional of the lagged covariance: it sees the currents actually simulated
and is biased by about -gamma dt, so it is compared with its exact mean at this dt. A third estimate is fitted: a linear model
is read off both covariances, and nothing is assumed of its drift and noise. All treat all coordinates as even.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.fourier_field import FourierField
from nessmap.models.moments import MomentModel
from nessmap.observables.observable import Observable
from nessmap.observables.per_wavenumber import PerWavenumber
from nessmap.theory import blocks


class _AllEven(Observable[MomentModel]):
    """Has a meaning where every coordinate is even under time reversal: there is one entropy production rate."""

    model_class: ClassVar[type] = MomentModel

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, MomentModel) and issubclass(model, cls.model_class) and model.all_even


class AlongPaths(_AllEven):
    """An entropy production rate from what the model itself sums; `sums` names the method."""

    units: ClassVar[str] = "k_B / time"
    sums: ClassVar[str]

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return model.needs[self.sums] if issubclass(model, MomentModel) else ()

    def why_undefined(self, model: MomentModel, run: Run) -> str:
        return model.why_no_entropy

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        value = self.rate(model, run, means)
        return np.full_like(value, np.nan) if self.why_undefined(model, run) else value

    @abstractmethod
    def rate(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        """The rate (...), where there is one."""


def shifted(prediction: Prediction | None, model: MomentModel, run: Run, kind: int) -> Prediction | None:
    """An approximate prediction with what an estimator misses at this dt: 0 local mean, 1 path sum, 2 extrapolated."""
    if prediction is None or prediction.kind == "exact":
        return prediction
    return prediction._replace(value=prediction.value + model.offsets(run)[kind])


class EntropyProductionRate(AlongPaths):
    """Local mean: of a linear model <x^T sym(M_a^T A) x>, M_a the antisymmetric part of D^-1 A; docs/theory.md (32), (102)."""

    name: ClassVar[str] = "entropy_production_rate"
    long_name: ClassVar[str] = "entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma"
    source: ClassVar[str] = "local mean; docs/theory.md; Godreche & Luck, J. Phys. A 52, 035002 (2019)"
    sums: ClassVar[str] = "local_mean"

    def rate(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.local_mean(means)

    def expected(self, model: MomentModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return shifted(super().expected(model, run, predictions), model, run, 0)


class EntropyProductionRatePath(AlongPaths):
    """Path sum of Stratonovich increments weighted with the force, exact differentials removed, per unit time."""

    name: ClassVar[str] = "entropy_production_rate_path"
    long_name: ClassVar[str] = "entropy production rate along paths"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{path}"
    source: ClassVar[str] = "Stratonovich path sum; docs/theory.md; Seifert, Rep. Prog. Phys. 75, 126001 (2012)"
    sums: ClassVar[str] = "path_sum"

    def rate(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.path_sum(means) / run.dt

    def expected(self, model: MomentModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        exact = model.path_entropy_production_rate(run.dt)
        if exact is None:
            return shifted(super().expected(model, run, predictions), model, run, 1)
        return Prediction(exact, "exact", "mean of the path sum at this dt; docs/theory.md")


class EntropyProductionRateFitted(_AllEven):
    """tr(D^-1 A Q) of the drift and diffusion that covariance and lagged covariance imply."""

    name: ClassVar[str] = "entropy_production_rate_fitted"
    long_name: ClassVar[str] = "fitted entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{fit}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "fit of drift and diffusion; docs/theory.md (7), (52)"
    needs: ClassVar[tuple[str, ...]] = ("covariance", "lagged_covariance")

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
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
