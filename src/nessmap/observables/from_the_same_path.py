"""More from the same path: entropy production extrapolated to dt = 0, and with the linear twin as control variate.

Of nonlinear models alone: a linear one is sampled exactly. docs/theory.md, "Less bias, less noise".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.langevin import LangevinModel
from nessmap.models.moments import MomentModel
from nessmap.models.neural_field import NeuralField
from nessmap.observables.entropy_production import AlongPaths, shifted
from nessmap.observables.observable import Observable
from nessmap.statistics.path_entropy import TwinEntropy

_ROUNDING = 1e-12
NO_TWIN = "control_variate = none: no linear field is simulated beside it; set control_variate: linear"


class EntropyProductionRateExtrapolated(AlongPaths):
    """2 s(dt) - s(2 dt), s the path sum per unit time over steps and over pairs of steps: what is linear in dt cancels."""

    name: ClassVar[str] = "entropy_production_rate_extrapolated"
    model_class: ClassVar[type] = LangevinModel
    long_name: ClassVar[str] = "entropy production rate, extrapolated to dt = 0"
    symbol: ClassVar[str] = r"\dot\Sigma_{dt \to 0}"
    source: ClassVar[str] = "Richardson extrapolation of the path sum; docs/theory.md"
    sums: ClassVar[str] = "path_sum"

    def rate(self, model: LangevinModel, run: Run, means: Mapping[str, Array]) -> Array:  # type: ignore[override]
        return (2 * model.path_sum(means) - model.path_sum_of_two(means)) / run.dt

    def expected(self, model: MomentModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return shifted(super().expected(model, run, predictions), model, run, 2)


def _by_kind(means: Mapping[str, Array], kind: int) -> Array:
    """(5, ...): means of p, q, p q, q^2, p^2 of one of the two estimators."""
    return np.moveaxis(means["twin_entropy"][..., kind::3], -1, 0)


class _Controlled(Observable[NeuralField]):
    """An estimate with the twin's deviation from its exact mean taken off, as far as both go together."""

    model_class: ClassVar[type] = NeuralField
    needs: ClassVar[tuple[str, ...]] = ("twin_entropy",)
    kind: ClassVar[int]  # 0 local mean, 1 path sum, 2 the path sum extrapolated

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, NeuralField)

    def why_undefined(self, model: NeuralField, run: Run) -> str:
        return "" if model.has_twin else NO_TWIN


class EntropyProductionRateControlled(_Controlled):
    """<p> - b (<q> - E q), b = Cov(p, q)/Var q: p of the field, q of its linear twin, local means over 100 steps."""

    name: ClassVar[str] = "entropy_production_rate_controlled"
    long_name: ClassVar[str] = "entropy production rate, controlled"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{c}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "local mean with the linear field as control variate; docs/theory.md (103)"
    kind: ClassVar[int] = 0

    def finalize(self, model: NeuralField, run: Run, means: Mapping[str, Array]) -> Array:
        p, q, both, square, _ = _by_kind(means, self.kind)
        if not model.has_twin:
            return np.full(p.shape, np.nan)
        per_time = TwinEntropy.segment * (1 if self.kind == 0 else run.dt)
        spread = square - q**2
        # a twin at equilibrium produces nothing at all, and helps nothing
        share = np.where(spread > 0, (both - p * q) / np.where(spread > 0, spread, 1.0), 0.0)
        return np.asarray((p - share * q) / per_time + share * model.chain_means(run)[self.kind])

    def expected(self, model: NeuralField, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return shifted(super().expected(model, run, predictions), model, run, self.kind)


class EntropyProductionRatePathControlled(EntropyProductionRateControlled):
    """The same of the path sum."""

    name: ClassVar[str] = "entropy_production_rate_path_controlled"
    long_name: ClassVar[str] = "entropy production rate along paths, controlled"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{path, c}"
    source: ClassVar[str] = "path sum with the linear field as control variate; docs/theory.md (103)"
    kind: ClassVar[int] = 1


class EntropyProductionRateExtrapolatedControlled(EntropyProductionRateControlled):
    """The same of the path sum extrapolated to dt = 0: neither bias of first order nor what the linear field explains."""

    name: ClassVar[str] = "entropy_production_rate_extrapolated_controlled"
    long_name: ClassVar[str] = "entropy production rate, extrapolated and controlled"
    symbol: ClassVar[str] = r"\dot\Sigma_{dt \to 0, \mathrm{c}}"
    source: ClassVar[str] = "extrapolated path sum with the linear field as control variate; docs/theory.md (103)"
    kind: ClassVar[int] = 2


class WorkReduction(_Controlled):
    """1 / (1 - r^2), r the correlation of p and q over pieces of 100 steps: how much longer a run without twin takes."""

    name: ClassVar[str] = "work_reduction"
    long_name: ClassVar[str] = "reduction of work by the control variate"
    symbol: ClassVar[str] = r"1/(1 - r^2)"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = "variance without and with the linear field as control variate, local mean; docs/theory.md"
    kind: ClassVar[int] = 0

    def finalize(self, model: NeuralField, run: Run, means: Mapping[str, Array]) -> Array:
        p, q, both, square, own = _by_kind(means, self.kind)
        if not model.has_twin:
            return np.full(p.shape, np.nan)
        spread, covariance, variance = square - q**2, both - p * q, own - p**2
        with np.errstate(invalid="ignore", divide="ignore"):
            explained = np.where(spread > 0, covariance**2 / (spread * variance), 0.0)
        # a field that is its own twin leaves nothing but rounding
        return np.asarray(1 / np.maximum(1 - explained, _ROUNDING))


class WorkReductionPath(WorkReduction):
    """The same of the path sum."""

    name: ClassVar[str] = "work_reduction_path"
    long_name: ClassVar[str] = "reduction of work by the control variate, path sum"
    source: ClassVar[str] = "variance without and with the linear field as control variate, path sum; docs/theory.md"
    kind: ClassVar[int] = 1
