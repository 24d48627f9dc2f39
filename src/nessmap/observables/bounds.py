"""Bounds on dissipation and on learning, and how tight they are: a bound over what it limits, 1 where it is attained.

Of linear models. docs/theory.md, "Bounds".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.linear import LinearModel
from nessmap.models.moments import Fit
from nessmap.observables.information_flow import InformationFlow
from nessmap.observables.observable import Observable
from nessmap.observables.windows import RESOLVED, EntropyProductionBound
from nessmap.theory import blocks, windows
from nessmap.theory.uncertainty_relations import short_time_current


class _AllEvenLinear(Observable[LinearModel]):
    """Has a meaning for linear models in which every coordinate is even under time reversal."""

    model_class: ClassVar[type] = LinearModel

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, LinearModel) and model.all_even


class ShortTimeBound(_AllEvenLinear):
    """2 <s>^2 / (dt Var s) of the current s along the velocity in a single step: as dt -> 0 the entropy production rate."""

    name: ClassVar[str] = "short_time_bound"
    long_name: ClassVar[str] = "uncertainty bound of single steps on the entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma_{dt}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = 'docs/theory.md, "Bounds"; Otsubo et al., Phys. Rev. E 101, 062106 (2020)'
    needs: ClassVar[tuple[str, ...]] = ("velocity_current",)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        mean, square = np.moveaxis(means["velocity_current"], -1, 0)
        variance = square - mean**2
        still = variance == 0  # at equilibrium no current flows
        return np.where(still, 0.0, windows.tur_bound(mean, np.where(still, 1.0, variance), run.dt))

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(_rate(model), "exact", self.source)

    def expected(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        weight = model.velocity_weight
        if not weight.any():
            return Prediction(0.0, "exact", self.source)
        bound = short_time_current(model.linear_drift, model.linear_diffusion, weight, run.dt).bound
        sampled = run.n_step * run.dt * run.n_replica
        if sampled and bound * sampled / 2 < RESOLVED:  # as of windows: the run cannot tell the mean from 0
            return None
        return Prediction(bound, "exact", "mean and variance of a step at this dt; docs/theory.md")


class ShortTimeTightness(ShortTimeBound):
    """The same over the entropy production rate, which the local mean measures: 1 - O(dt)."""

    name: ClassVar[str] = "short_time_tightness"
    long_name: ClassVar[str] = "uncertainty bound of single steps over entropy production rate"
    symbol: ClassVar[str] = r"b_{dt}"
    units: ClassVar[str] = "1"

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return *self.needs, *_rate_needs(model)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        return _share(super().finalize(model, run, means), model.local_mean(means))

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return _over_rate(super().theory(model, run, predictions), model)

    def expected(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return _over_rate(super().expected(model, run, predictions), model)


class UncertaintyTightness(_AllEvenLinear):
    """Uncertainty bound of windows of 100 steps over the entropy production rate, which the local mean measures."""

    name: ClassVar[str] = "uncertainty_tightness"
    long_name: ClassVar[str] = "uncertainty bound over entropy production rate"
    symbol: ClassVar[str] = r"b_\mathrm{TUR}"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = EntropyProductionBound.source
    needs: ClassVar[tuple[str, ...]] = EntropyProductionBound.needs

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return *self.needs, *_rate_needs(model)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        return _share(EntropyProductionBound().finalize(model, run, means), model.local_mean(means))

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return _over_rate(model.theory([EntropyProductionBound.name])[EntropyProductionBound.name], model)

    def expected(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return _over_rate(EntropyProductionBound().expected(model, run, model.theory([])), model)


class InformationFlowBound(_AllEvenLinear):
    """sqrt(sigma_a tr{D_aa [(S^-1)_aa - S_aa^-1]}), a the second side: the fastest it may learn for what it dissipates."""

    name: ClassVar[str] = "information_flow_bound"
    long_name: ClassVar[str] = "dissipation bound on the information flow of the {second} side"
    symbol: ClassVar[str] = r"\dot I_{2,\mathrm{max}}"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = 'fit of drift and diffusion; docs/theory.md, "Bounds"'
    needs: ClassVar[tuple[str, ...]] = InformationFlow.needs

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        return InformationFlow().why_undefined(model, run)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["covariance"].shape[:-1], np.nan)
        return self.of_fit(model, model.sided_fit(means, run.dt))

    def of_fit(self, model: LinearModel, fit: Fit) -> Array:
        """The observable (...), of a fit or of the model itself."""
        second = model.sides[1]
        cost = blocks.local_entropy_production(fit.drift, fit.covariance, fit.diffusion, second)
        return np.asarray(np.sqrt(cost.sum(axis=-1) * _knowledge(fit, second)))

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if self.why_undefined(model, run):
            return None
        if _why_none(model):  # to rounding it would be a small number
            return Prediction(0.0, "exact", self.source)
        return Prediction(float(self.of_fit(model, _exact(model))), "exact", self.source)


class InformationFlowTightness(InformationFlowBound):
    """Information flow of the second side over its bound, from -1 to 1."""

    name: ClassVar[str] = "information_flow_tightness"
    long_name: ClassVar[str] = "information flow of the {second} side over its bound"
    symbol: ClassVar[str] = "b_I"
    units: ClassVar[str] = "1"
    signed: ClassVar[bool] = True

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        return super().why_undefined(model, run) or _why_none(model)

    def of_fit(self, model: LinearModel, fit: Fit) -> Array:
        first, second = model.sides
        flow = blocks.information_flow(fit.drift, fit.covariance, second, first)
        return _share(flow.sum(axis=-1), super().of_fit(model, fit))


def _share(part: Array, whole: Array) -> Array:
    """part / whole; NaN where both vanish."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) != 0))


def _rate_needs(model: type[Model]) -> tuple[str, ...]:
    return model.needs["local_mean"] if issubclass(model, LinearModel) else ()


def _rate(model: LinearModel) -> float:
    return float(model.theory(["entropy_production_rate"])["entropy_production_rate"].value)


def _knowledge(fit: Fit, side: list[int]) -> Array:
    """tr{D_aa [(S^-1)_aa - S_aa^-1]} (...), summed over blocks [1/time]."""
    noise, own, whole = (
        matrices[..., side, :][..., side] for matrices in (fit.diffusion, fit.covariance, np.linalg.inv(fit.covariance))
    )
    squares = np.sum(noise * (whole - np.linalg.inv(own)), axis=(-2, -1))
    # mean squares, which rounding takes below 0 where nothing is known
    return np.asarray(np.maximum(squares, 0.0).sum(axis=-1))


def _exact(model: LinearModel) -> Fit:
    """The model itself in the place of a fit."""
    drift, diffusion = (matrices.reshape(-1, *matrices.shape[-2:]) for matrices in model.sided_system())
    return Fit(drift, diffusion, blocks.stationary_covariance(drift, diffusion))


def _why_none(model: LinearModel) -> str:
    """Why the second side may learn nothing; empty where it may."""
    name = "entropy_production_rate_second"
    if float(model.theory([name])[name].value) == 0:
        return "the second side dissipates nothing, and may learn nothing; take it out of equilibrium"
    exact = _exact(model)
    fastest = float(np.abs(exact.drift).max())
    known = float(_knowledge(exact, model.sides[1]))
    return "" if known > 1e-12 * fastest else "the sides are independent; couple them"


def _over_rate(prediction: Prediction | None, model: LinearModel) -> Prediction | None:
    rate = _rate(model)
    return prediction._replace(value=prediction.value / rate) if prediction and rate else None
