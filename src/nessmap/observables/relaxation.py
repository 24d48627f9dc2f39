"""The entropy balance of a relaxing state against time: dh/dt = production - flow, production = housekeeping + excess.

Each is a function of the state's mean and covariance, measured over lanes, with the model's drift and diffusion; exact at
every dt. For a homogeneous field the bias of a finite number of lanes is removed exactly, mode by mode; elsewhere by the
jackknife. docs/theory.md, "Transients" and "Relaxation, mode by mode".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.linear import LinearModel
from nessmap.observables.observable import Observable
from nessmap.statistics.relaxation import RelaxingMoments

RESOLVED = 10.0  # lanes times nats from the stationary state: nearer to it, what vanishes there is the square of noise
TIME = {"units": "time", "long_name": "time", "symbol": "t"}


class _OfTheBalance(Observable[LinearModel]):
    """One term of the entropy balance at the kept times."""

    model_class: ClassVar[type] = LinearModel
    protocol: ClassVar[str] = "transient"
    units: ClassVar[str] = "k_B / time"
    needs: ClassVar[tuple[str, ...]] = ("relaxing_moments",)
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"time": TIME}
    term: ClassVar[str]

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, LinearModel) and model.all_even

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        mean, moments = RelaxingMoments.unpacked(means["relaxing_moments"], model)
        balance = model.balance_of(mean, moments, means["share"][..., None], run)
        value: Array = getattr(balance, self.term)
        return value

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(getattr(model.relaxing_balance(run), self.term), "exact", self.source)

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        needed = 16 * -(-(model.jointly_sampled + 3) * 16 // 15 // 16)  # the jackknife leaves a sixteenth out
        if run.n_replica >= needed:
            return ""
        return (
            f"{run.n_replica} lanes do not determine a covariance of {model.jointly_sampled}; set n_replica >= {needed}"
        )

    def coordinates(self, model: LinearModel, run: Run) -> tuple[Array, ...]:
        return (run.times,)


class RelaxingEntropy(_OfTheBalance):
    """Differential (Shannon) entropy h = (1/2) ln det(2 pi e S)."""

    name: ClassVar[str] = "shannon_entropy"
    long_name: ClassVar[str] = "Shannon entropy"
    symbol: ClassVar[str] = "h"
    units: ClassVar[str] = "nat"
    source: ClassVar[str] = "docs/theory.md (17)"
    signed: ClassVar[bool] = True
    term: ClassVar[str] = "entropy"


class EntropyRate(_OfTheBalance):
    """dh/dt = tr(D S^-1) + tr A."""

    name: ClassVar[str] = "shannon_entropy_rate"
    long_name: ClassVar[str] = "rate of change of the Shannon entropy"
    symbol: ClassVar[str] = r"\dot h"
    source: ClassVar[str] = "docs/theory.md (18)"
    signed: ClassVar[bool] = True
    term: ClassVar[str] = "entropy_rate"


class Production(_OfTheBalance):
    """Total entropy production rate, >= 0."""

    name: ClassVar[str] = "transient_entropy_production_rate"
    long_name: ClassVar[str] = "entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma"
    source: ClassVar[str] = "docs/theory.md (18), (19)"
    term: ClassVar[str] = "production"


class Flow(_OfTheBalance):
    """Entropy flow into the reservoir."""

    name: ClassVar[str] = "transient_entropy_flow"
    long_name: ClassVar[str] = "entropy flow into the reservoir"
    symbol: ClassVar[str] = r"\Phi"
    source: ClassVar[str] = "docs/theory.md (18)"
    signed: ClassVar[bool] = True
    term: ClassVar[str] = "flow"


class Housekeeping(_OfTheBalance):
    """What the stationary currents cost in the present state, >= 0."""

    name: ClassVar[str] = "housekeeping_entropy_production_rate"
    long_name: ClassVar[str] = "housekeeping part"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{hk}"
    source: ClassVar[str] = "docs/theory.md (20); Hatano & Sasa, PRL 86, 3463 (2001)"
    term: ClassVar[str] = "housekeeping"


class Excess(_OfTheBalance):
    """What relaxation costs, minus the time derivative of the divergence from stationarity, >= 0.

    Next to the stationary state, where it has no gradient, its error is too large by up to the root of two, and there is no
    z-score.
    """

    name: ClassVar[str] = "excess_entropy_production_rate"
    long_name: ClassVar[str] = "excess part"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{ex}"
    source: ClassVar[str] = "docs/theory.md (21); Esposito & Van den Broeck, PRL 104, 090601 (2010)"
    term: ClassVar[str] = "excess"

    def expected(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        balance = model.relaxing_balance(run)
        apart = balance.divergence * run.n_replica > RESOLVED
        return Prediction(np.where(apart, getattr(balance, self.term), np.nan), "exact", self.source)


class Divergence(Excess):
    """Kullback-Leibler divergence of the state from the stationary one; the excess part is its rate of loss."""

    name: ClassVar[str] = "divergence_from_stationarity"
    long_name: ClassVar[str] = "divergence from the stationary state"
    symbol: ClassVar[str] = r"\mathrm{KL}"
    units: ClassVar[str] = "nat"
    source: ClassVar[str] = "docs/theory.md (22)"
    term: ClassVar[str] = "divergence"
