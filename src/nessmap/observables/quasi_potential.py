"""Order parameters of the quasi-potential of a random network, against the replica theory of an infinite one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.observables.observable import Observable

_FINITE = "leading order in the number of neurons; docs/theory.md, sampling the quasi-potential"


class _Sampled(Observable[QuasiPotential]):
    """What iterations of a sampler tell."""

    model_class: ClassVar[type] = QuasiPotential
    protocol: ClassVar[str] = "sampler"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = "docs/theory.md, random networks: quasi-potential"
    needs: ClassVar[tuple[str, ...]] = ("sampled_moments",)


class SelfOverlap(_Sampled):
    """q = <phi^2>."""

    name: ClassVar[str] = "self_overlap"
    long_name: ClassVar[str] = "self-overlap"
    symbol: ClassVar[str] = "q"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return means["sampled_moments"][..., 1]


class TemperatureExponent(_Sampled):
    """d ln q / d ln T, from how energy and self-overlap of a network vary together: N Cov(E/N, |phi|^2/N)/(T q)."""

    name: ClassVar[str] = "temperature_exponent"
    long_name: ClassVar[str] = "exponent of the self-overlap in temperature"
    symbol: ClassVar[str] = r"d\ln q/d\ln T"
    source: ClassVar[str] = "docs/theory.md, sampling the quasi-potential"
    needs: ClassVar[tuple[str, ...]] = ("sampled_moments", "temperature_slope")
    signed: ClassVar[bool] = True

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        slope = means["temperature_slope"][..., 0] / model.temperature
        return np.asarray(slope / means["sampled_moments"][..., 1])


class SecondMoment(_Sampled):
    """<x^2>."""

    name: ClassVar[str] = "second_moment"
    long_name: ClassVar[str] = "mean square of the activity"
    symbol: ClassVar[str] = r"\langle x^2\rangle"
    units: ClassVar[str] = "x^2"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return means["sampled_moments"][..., 2]


class QuasiPotentialEnergy(_Sampled):
    """E/N."""

    name: ClassVar[str] = "quasi_potential_energy"
    long_name: ClassVar[str] = "energy per neuron"
    symbol: ClassVar[str] = "E/N"
    units: ClassVar[str] = "x^2/time^2"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return means["sampled_moments"][..., 0]


class RelativeEnergy(QuasiPotentialEnergy):
    """E/(N T); 1/2 for a network without symmetry, and far above where chains stick at slow points."""

    name: ClassVar[str] = "relative_energy"
    long_name: ClassVar[str] = "energy per neuron over temperature"
    symbol: ClassVar[str] = "E/(NT)"
    units: ClassVar[str] = "1"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return means["sampled_moments"][..., 0] / model.temperature


class IntegratedResponse(_Sampled):
    """G + rho = -<F.phi>/(N T): change of a neuron's mean rate with its own input, over all states."""

    name: ClassVar[str] = "integrated_response"
    long_name: ClassVar[str] = "response of a neuron to its input"
    symbol: ClassVar[str] = r"G+\rho"
    units: ClassVar[str] = "time"
    signed: ClassVar[bool] = True

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return -means["sampled_moments"][..., 3] / model.temperature


class ReplicaOverlap(_Sampled):
    """Q as root mean square overlap of two replicas of one network; q/sqrt(N) and more where they are independent."""

    name: ClassVar[str] = "replica_overlap"
    long_name: ClassVar[str] = "overlap of replicas, root mean square"
    symbol: ClassVar[str] = "Q"
    needs: ClassVar[tuple[str, ...]] = ("replica_overlaps",)

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return np.sqrt(means["replica_overlaps"][..., 0])

    def theory(self, model: QuasiPotential, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        infinite = predictions.get(self.name)
        if infinite is None or infinite.value > 0.0:
            return infinite
        found = model.fluctuations
        return None if found is None else Prediction(math.sqrt(found.square), "approximate", _FINITE)


class CrossOverlap(_Sampled):
    """rho, by <O rho_ab>/sqrt <O^2>, rho_ab = -F_a.phi_b/(N T), in which signs cancel; of order 1/sqrt(N) where Q = 0."""

    name: ClassVar[str] = "cross_overlap"
    long_name: ClassVar[str] = "overlap of force and rate of two replicas"
    symbol: ClassVar[str] = r"\rho"
    units: ClassVar[str] = "time"
    needs: ClassVar[tuple[str, ...]] = ("replica_overlaps",)
    signed: ClassVar[bool] = True

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        square, crossed, _ = np.moveaxis(means["replica_overlaps"], -1, 0)
        return np.asarray(crossed / np.sqrt(square) / model.temperature)

    def theory(self, model: QuasiPotential, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        infinite = predictions.get(self.name)
        if infinite is None or model.replica.overlap > 0.0:
            return infinite
        found = model.fluctuations
        return None if found is None else Prediction(found.crossed / math.sqrt(found.square), "approximate", _FINITE)


class Response(_Sampled):
    """G, of one state: the integrated response less rho, of which a rest of order 1/sqrt(N) is where Q = 0."""

    name: ClassVar[str] = "response"
    long_name: ClassVar[str] = "response within a state"
    symbol: ClassVar[str] = "G"
    units: ClassVar[str] = "time"
    signed: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("sampled_moments", "replica_overlaps")

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        whole = -means["sampled_moments"][..., 3] / model.temperature
        return np.asarray(whole - CrossOverlap().finalize(model, run, means))

    def theory(self, model: QuasiPotential, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        infinite = predictions.get(self.name)
        if infinite is None or model.replica.overlap > 0.0:
            return infinite
        found = model.fluctuations
        if found is None:
            return None
        return Prediction(infinite.value - found.crossed / math.sqrt(found.square), "approximate", _FINITE)


class _TheoryAlone(_Sampled):
    """What only theory tells: the estimate is NaN."""

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return np.full(means["sampled_moments"].shape[:-1], np.nan)


class ReplicaStability(_TheoryAlone):
    """Largest eigenvalue of the map of replica differences; theory holds below 1."""

    name: ClassVar[str] = "replica_stability"
    long_name: ClassVar[str] = "stability eigenvalue of the replica theory"
    symbol: ClassVar[str] = r"\Lambda"


class LogVolume(_TheoryAlone):
    """omega = ln Z/N - ln(2 pi T)/2, the free energy."""

    name: ClassVar[str] = "log_volume"
    long_name: ClassVar[str] = "free energy per neuron over minus temperature"
    symbol: ClassVar[str] = r"\omega"
    signed: ClassVar[bool] = True
