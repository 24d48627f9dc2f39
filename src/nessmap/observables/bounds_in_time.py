"""A bound on relaxing states: how much entropy it takes, at least, to carry them as far as they have come.

Functions of the mean and covariance that lanes have at the kept times, with the model's drift and diffusion.
docs/theory.md, "Bounds".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.linear import LinearModel
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables.observable import Observable
from nessmap.observables.relaxation import TIME, Production
from nessmap.statistics.relaxation import RelaxingMoments
from nessmap.theory import bounds, relaxation


class _Relaxing(Observable[LinearModel]):
    """Has a value at every kept time of a relaxation, of a model with few coordinates, all even."""

    model_class: ClassVar[type] = LinearModel
    protocol: ClassVar[str] = "transient"
    units: ClassVar[str] = "k_B"
    source: ClassVar[str] = 'docs/theory.md, "Bounds"'
    needs: ClassVar[tuple[str, ...]] = ("relaxing_moments",)
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"time": TIME}

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, LinearLangevin | LinearSensingNetwork)

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        strengths = np.linalg.eigvalsh(model.linear_diffusion)
        noiseless = "a direction without noise has no bound; give every direction noise"
        return Production().why_undefined(model, run) or ("" if strengths[0] > 1e-12 * strengths[-1] else noiseless)

    def coordinates(self, model: LinearModel, run: Run) -> tuple[Array, ...]:
        return (run.times,)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        mean, moments = RelaxingMoments.unpacked(means["relaxing_moments"], model)
        if self.why_undefined(model, run):
            return np.full(mean.shape[:-1], np.nan)
        first, second = model.correlated_pairs
        n_lane = means["share"][..., None, None] * run.n_replica
        central = (moments - mean[..., first] * mean[..., second]) * n_lane / (n_lane - 1)
        covariance = model.covariance_of(central)
        flat = [array.reshape(-1, *array.shape[mean.ndim - 2 :]) for array in (mean, covariance)]
        values = [self.of_states(model, run, *states) for states in zip(*flat, strict=True)]
        return np.array(values).reshape(mean.shape[:-1])

    def theory(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if self.why_undefined(model, run):
            return None
        start = run.start.variance * np.eye(model.n_dim)
        states = relaxation.relaxing_moments(
            model.linear_drift, model.linear_diffusion, model.initial_mean(run.start), start, run.times
        )
        return Prediction(self.of_states(model, run, *states), "exact", self.source)

    @abstractmethod
    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        """The observable (n_time,) of means (n_time, n) and covariances (n_time, n, n)."""


class SpeedLimit(_Relaxing):
    """W_2^2/t, W_2 the distance of the state at t from the start where D = 1: less entropy carries no drift so far."""

    name: ClassVar[str] = "speed_limit"
    long_name: ClassVar[str] = "speed limit on the entropy produced so far"
    symbol: ClassVar[str] = r"W_2^2 / t"
    source: ClassVar[str] = 'docs/theory.md, "Bounds"; Aurell et al., J. Stat. Phys. 147, 487 (2012)'

    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        noise, start = model.linear_diffusion, (mean[0], covariance[0])
        states = list(zip(mean, covariance, run.times, strict=True))
        # at the start nothing has moved
        return np.array(
            [0.0, *(bounds.transport_bound(*start, centre, spread, noise, time) for centre, spread, time in states[1:])]
        )


class AccumulatedEntropyProduction(_Relaxing):
    """Entropy produced since the start, at least the speed limit; trapezoids between the kept times."""

    name: ClassVar[str] = "accumulated_entropy_production"
    long_name: ClassVar[str] = "entropy produced so far"
    symbol: ClassVar[str] = r"\Sigma(t)"
    source: ClassVar[str] = 'integral of the production; docs/theory.md (18), "Bounds"'

    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        made = relaxation.balance(model.linear_drift, model.linear_diffusion, mean, covariance)
        return _integral(made.production, run)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        # production has a correction for the number of lanes that is exact where coordinates are independent
        return _integral(Production().finalize(model, run, means), run)


def _integral(rate: Array, run: Run) -> Array:
    steps = np.diff(run.times) * (rate[..., 1:] + rate[..., :-1]) / 2
    return np.concatenate([np.zeros_like(rate[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)
