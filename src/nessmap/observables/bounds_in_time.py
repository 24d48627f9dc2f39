"""Bounds on relaxing states: how much entropy it takes, at least, to carry them as far as they have come, or to learn so fast.

Functions of the mean and covariance that lanes have at the kept times, with the model's drift and diffusion.
docs/theory.md, "Bounds".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.linear import LinearModel
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables.observable import Observable
from nessmap.observables.relaxation import TIME, Production
from nessmap.statistics.relaxation import RelaxingMoments
from nessmap.theory import bounds, relaxation
from nessmap.theory.second_law import mean_square_current

RESOLVED = 50.0  # lanes times a sum of squares, from which on the error of its root is calibrated


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
        if self.why_no_theory(model, run):
            return None
        start = run.start.variance * np.eye(model.n_dim)
        states = relaxation.relaxing_moments(
            model.linear_drift, model.linear_diffusion, model.initial_mean(run.start), start, run.times
        )
        return Prediction(self.of_states(model, run, *states), "exact", self.source)

    def why_no_theory(self, model: LinearModel, run: Run) -> str:
        """Why there is none even with any number of lanes; empty where there is one."""
        return self.why_undefined(model, run)

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


class MutualInformationRate(_Relaxing):
    """dI/dt of the two sides, tr(K S')/2: how fast they learn of each other while the state relaxes.

    Without z-score while lanes do not resolve what the sides know: K and S' are then both noise.
    """

    name: ClassVar[str] = "mutual_information_rate"
    long_name: ClassVar[str] = "rate of the mutual information of {first} and {second}"
    symbol: ClassVar[str] = r"\dot I"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = 'docs/theory.md (193), "Bounds"'
    signed: ClassVar[bool] = True

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        if len(model.partition) != 2:
            return "there are no two sides that could inform each other; name them"
        first, second = (list(side) for side in model.partition.values())
        drift, noise = model.linear_drift, model.linear_diffusion
        coupled = any(np.any(m[np.ix_(*pair)]) for m in (drift, noise) for pair in ((first, second), (second, first)))
        # where there are hidden coordinates, they may carry what the sides know
        hidden = len(first) + len(second) < model.n_dim
        independent = "" if coupled or hidden else "the sides are independent; couple them"
        return super().why_undefined(model, run) or independent

    def expected(self, model: LinearModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        exact = self.theory(model, run, predictions)
        return exact and exact._replace(value=np.where(_resolved(model, run), exact.value, np.nan))

    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        return _rate_and_bound(model, covariance)[0]


class MutualInformationRateBound(MutualInformationRate):
    """sqrt(Pi tr(K D K S)), the fastest that the sides may learn, or forget, for what the spread of the state dissipates.

    A root of two sums of squares: NaN while either is not resolved.
    """

    name: ClassVar[str] = "mutual_information_rate_bound"
    long_name: ClassVar[str] = "dissipation bound on the rate of the mutual information"
    symbol: ClassVar[str] = r"|\dot I|_\mathrm{max}"
    source: ClassVar[str] = 'docs/theory.md (194), "Bounds"'
    signed: ClassVar[bool] = False

    def why_undefined(self, model: LinearModel, run: Run) -> str:
        if reason := super().why_undefined(model, run):
            return reason
        most = float(_squares(model, run).max())
        if most * run.n_replica > RESOLVED:
            return ""
        if most < 1e-12:
            return "the sides know nothing of each other, or nothing is dissipated; couple them, or leave equilibrium"
        return f"too few lanes tell the bound from none; set n_replica > {RESOLVED / most:.0f}"

    def why_no_theory(self, model: LinearModel, run: Run) -> str:
        return super().why_undefined(model, run)

    def finalize(self, model: LinearModel, run: Run, means: Mapping[str, Array]) -> Array:
        found = super().finalize(model, run, means)
        return found if self.why_undefined(model, run) else np.where(_resolved(model, run), found, np.nan)

    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        return _rate_and_bound(model, covariance)[1]


class MutualInformationRateTightness(MutualInformationRateBound):
    """The rate over its bound, from -1 to 1; NaN while the bound is not resolved."""

    name: ClassVar[str] = "mutual_information_rate_tightness"
    long_name: ClassVar[str] = "rate of the mutual information over its bound"
    symbol: ClassVar[str] = r"b_{\dot I}"
    units: ClassVar[str] = "1"
    signed: ClassVar[bool] = True

    def of_states(self, model: LinearModel, run: Run, mean: Array, covariance: Array) -> Array:
        rate, bound = _rate_and_bound(model, covariance)
        return np.asarray(np.divide(rate, bound, out=np.full_like(rate, np.nan), where=bound > 0))


def _rate_and_bound(model: LinearModel, covariance: Array) -> tuple[Array, Array]:
    first, second = (list(side) for side in model.partition.values())
    return bounds.dissipation_bounds(model.linear_drift, model.linear_diffusion, covariance, first, second)


def _squares(model: LinearModel, run: Run) -> Array:
    """The smaller of information and of entropy produced within a shortest relaxation time, (n_time,) [nat]: sums of squares
    that lanes must resolve, and whose estimates in n lanes are off by some 1/n."""
    start = run.start.variance * np.eye(model.n_dim)
    _, covariance = relaxation.relaxing_moments(
        model.linear_drift, model.linear_diffusion, model.initial_mean(run.start), start, run.times
    )
    produced = mean_square_current(model.linear_drift, model.linear_diffusion, covariance)
    fastest = float(np.abs(np.linalg.eigvals(model.linear_drift)).max())
    first, second = (list(side) for side in model.partition.values())

    def log_volume(part: list[int]) -> Array:
        rows, columns = np.ix_(part, part)
        return np.asarray(np.linalg.slogdet(covariance[:, rows, columns])[1])

    known = (log_volume(first) + log_volume(second) - log_volume(first + second)) / 2
    return np.asarray(np.minimum(known, produced / fastest))


def _resolved(model: LinearModel, run: Run) -> NDArray[np.bool_]:
    """At which of the times, (n_time,)."""
    return np.asarray(_squares(model, run) * run.n_replica > RESOLVED)


def _integral(rate: Array, run: Run) -> Array:
    steps = np.diff(run.times) * (rate[..., 1:] + rate[..., :-1]) / 2
    return np.concatenate([np.zeros_like(rate[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)
