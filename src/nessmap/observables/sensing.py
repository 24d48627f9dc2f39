"""What neurons know of the velocity that drives them, how fast they learn it, and what they pay.

From data: where `fitted`, of the drift and diffusion that covariance and lagged covariance imply, as in information_flow.py;
else of measured moments with the model's own drift and noise. The velocity is a signal that is even under time reversal, and
the heat of the neurons is then all the entropy produced; only `entropy_production_rate_odd_signal` takes it as odd.
docs/theory.md, "Neurons that sense a velocity".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.moments import Fit
from nessmap.models.sensing import SensingModel
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables.observable import Observable
from nessmap.theory import blocks

_SOURCE = 'docs/theory.md, "Neurons that sense a velocity"'
_FITTED = f"fit of drift and diffusion; {_SOURCE}"
_MOMENTS = "exact moments of the steps; docs/theory.md"
RESOLVED = 50  # square of a signal over its error: seven errors


class NeuronHeatRate(Observable[SensingModel]):
    """sum_i F_i o dr_i / D_i along the path, F_i the drift: what the neurons give off to their bath, over its temperature."""

    name: ClassVar[str] = "neuron_heat_rate"
    model_class: ClassVar[type] = SensingModel
    long_name: ClassVar[str] = "heat of the neurons over temperature"
    symbol: ClassVar[str] = r"\Phi_r"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = f"Stratonovich sum along the path; {_SOURCE}"

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return model.heat_needs if issubclass(model, SensingModel) else ()

    def finalize(self, model: SensingModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.heat_of_a_step(means) / run.dt

    def expected(self, model: SensingModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(model.heat_rate_at(run.dt), "exact", "mean of the path sum at this dt; docs/theory.md")


class _OfTheFit(Observable[LinearSensingNetwork]):
    """An observable of the fitted drift, diffusion and covariance."""

    model_class: ClassVar[type] = LinearSensingNetwork
    units: ClassVar[str] = "1"
    source: ClassVar[str] = _FITTED
    needs: ClassVar[tuple[str, ...]] = ("covariance", "lagged_covariance")

    def finalize(self, model: LinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["covariance"].shape[:-1], np.nan)
        particle, neurons = model.sides
        # a fit is a stack of blocks; here there is one
        return self.of_fit(model.fit(means, run.dt), particle, neurons)[..., 0]

    @abstractmethod
    def of_fit(self, fit: Fit, particle: list[int], neurons: list[int]) -> Array:
        """The observable, (..., 1)."""


class LearningRate(Observable[SensingModel]):
    """Information flow of the neurons: how fast their own moves raise what they know; in the long run the velocity's loss.

    With tuning curves it is measured as far as scores of the velocity that are linear in the activity, and piecewise linear in
    the velocity, show it: a lower bound of the flow, which it attains where the activity is Gaussian given the velocity.
    """

    name: ClassVar[str] = "learning_rate"
    model_class: ClassVar[type] = SensingModel
    long_name: ClassVar[str] = "information flow of the neurons"
    symbol: ClassVar[str] = r"\dot I_r"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = f'{_FITTED}; with tuning curves a lower bound, "Learning with any tuning"'

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return model.learning_needs if issubclass(model, SensingModel) else ()

    def finalize(self, model: SensingModel, run: Run, means: Mapping[str, Array]) -> Array:
        return model.learning_of(means, run.dt)

    def expected(self, model: SensingModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return _if_resolved(model, run, Prediction(model.learning_at(run.dt), "exact", _MOMENTS))


def _if_resolved(model: SensingModel, run: Run, prediction: Prediction) -> Prediction | None:
    """None where a run cannot tell the learning from none."""
    told = not run.n_step or model.squared_learning_to_error(run.dt, run.n_step * run.dt * run.n_replica) > RESOLVED
    return prediction if told else None


class SecondLawResidual(LearningRate):
    """Heat less learning, Phi_r - I_r >= 0: heat from sums along the path, learning from moments, so that it may fail.

    With tuning curves it is too large by what the learning is too small.
    """

    name: ClassVar[str] = "second_law_residual"
    long_name: ClassVar[str] = "heat less learning, >= 0 by the second law"
    symbol: ClassVar[str] = r"\Phi_r - \dot I_r"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = f"{_SOURCE}; Horowitz & Esposito, Phys. Rev. X 4, 031015 (2014)"
    signed: ClassVar[bool] = True  # it is what is checked

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        if not issubclass(model, SensingModel):
            return ()
        return *model.learning_needs, *(name for name in model.heat_needs if name not in model.learning_needs)

    def finalize(self, model: SensingModel, run: Run, means: Mapping[str, Array]) -> Array:
        return NeuronHeatRate().finalize(model, run, means) - LearningRate().finalize(model, run, means)

    def expected(self, model: SensingModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        value = model.heat_rate_at(run.dt) - model.learning_at(run.dt)
        return Prediction(value, "exact", "mean of the path sum at this dt less the flow; docs/theory.md")


class SensingEfficiency(LearningRate):
    """Learning over heat, I_r / Phi_r <= 1; with tuning curves too small as the learning is."""

    name: ClassVar[str] = "sensing_efficiency"
    long_name: ClassVar[str] = "efficiency: learning over heat"
    symbol: ClassVar[str] = r"\eta"
    units: ClassVar[str] = "1"

    def needs_for(self, model: type[Model]) -> tuple[str, ...]:
        return model.efficiency_needs if issubclass(model, SensingModel) else ()

    def why_undefined(self, model: SensingModel, run: Run) -> str:
        return _why_no_share(model)

    def finalize(self, model: SensingModel, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means[model.efficiency_needs[0]].shape[:-1], np.nan)
        return model.efficiency_of(means, run.dt)

    def expected(self, model: SensingModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if self.why_undefined(model, run):
            return None
        return _if_resolved(model, run, Prediction(model.efficiency_at(run.dt), "exact", _MOMENTS))


def _why_no_share(model: SensingModel) -> str:
    return "" if model.signal_to_noise else "neurons without a signal learn nothing; set signal_to_noise > 0"


class SensoryCapacity(_OfTheFit):
    """Learning over what the neurons' whole past is sent, I_r / T_v->r <= 1; Hartich, Barato & Seifert (2016).

    Where a run does not tell it from 1 there is no z-score: the estimate is 1 less the square of noise.
    """

    name: ClassVar[str] = "sensory_capacity"
    long_name: ClassVar[str] = "sensory capacity: learning over transfer entropy"
    symbol: ClassVar[str] = r"\dot I_r / T_{v\to r}"
    source: ClassVar[str] = f"{_FITTED}; Hartich, Barato & Seifert, Phys. Rev. E 93, 022116 (2016)"

    def why_undefined(self, model: LinearSensingNetwork, run: Run) -> str:
        return _why_no_share(model)

    def expected(
        self, model: LinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        # at 1 it has no gradient: neurons that are the filter itself are the best there can be
        lost = model.sensing.transfer_entropy_rate - model.sensing.information_flow
        sampled = run.n_step * run.dt * run.n_replica
        return None if sampled and lost * sampled < RESOLVED else self.theory(model, run, predictions)

    def of_fit(self, fit: Fit, particle: list[int], neurons: list[int]) -> Array:
        sent = blocks.transfer_entropy_rate(fit.drift, fit.diffusion, particle, neurons)
        return np.asarray(blocks.information_flow(fit.drift, fit.covariance, neurons, particle) / sent)


class FilterError(_OfTheFit):
    """Variance of the velocity given all the past of the neurons: the Kalman filter's, from the fit."""

    name: ClassVar[str] = "filter_error"
    long_name: ClassVar[str] = "decoding error from all the past"
    symbol: ClassVar[str] = r"\langle\delta v^2\rangle_\mathrm{past}"
    units: ClassVar[str] = "v^2"

    def of_fit(self, fit: Fit, particle: list[int], neurons: list[int]) -> Array:
        # T = g^T D_rr^-1 g P / 4, g = A_rv: the transfer entropy is the error in other units
        sent = blocks.transfer_entropy_rate(fit.drift, fit.diffusion, particle, neurons)
        drive = fit.drift[..., neurons, :][..., particle]
        noise = fit.diffusion[..., neurons, :][..., neurons]
        heard = np.sum(drive * np.linalg.solve(noise, drive), axis=(-2, -1))
        return np.asarray(4 * sent / heard)


class DecodingError(Observable[LinearSensingNetwork]):
    """Variance of the velocity given the neurons now, 1/(S^-1)_vv."""

    name: ClassVar[str] = "decoding_error"
    model_class: ClassVar[type] = LinearSensingNetwork
    long_name: ClassVar[str] = "decoding error from the neurons now"
    symbol: ClassVar[str] = r"\langle\delta v^2\rangle"
    units: ClassVar[str] = "v^2"
    source: ClassVar[str] = f"measured covariance; {_SOURCE}"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: LinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(1.0 / np.linalg.inv(model.covariance_of(means["covariance"]))[..., 0, 0])


class RelativeDecodingError(DecodingError):
    """Decoding error over that of identical uncoupled neurons which give off the same heat: accuracy against energy."""

    name: ClassVar[str] = "decoding_error_relative"
    long_name: ClassVar[str] = "decoding error over that of uncoupled neurons of equal heat"
    symbol: ClassVar[str] = r"\langle\delta v^2\rangle / \langle\delta v^2\rangle_\Phi"
    units: ClassVar[str] = "1"

    def finalize(self, model: LinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return super().finalize(model, run, means) / model.error_at_heat(model.local_mean(means))


class OddSignalEntropyProductionRate(DecodingError):
    """Sum of the irreversible currents where the velocity changes sign under time reversal; measured covariance.

    Driving neurons by an odd variable is reversible, so that other terms are counted than with an even signal.
    """

    name: ClassVar[str] = "entropy_production_rate_odd_signal"
    long_name: ClassVar[str] = "irreversible currents, velocity odd"
    symbol: ClassVar[str] = r"\dot\Sigma_E"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = f"measured covariance; {_SOURCE}; Spinney & Ford, Phys. Rev. E 85, 051113 (2012)"

    def finalize(self, model: LinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return model.odd_signal_production(model.covariance_of(means["covariance"]))
