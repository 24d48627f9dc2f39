"""What a random network does, per neuron: entropy production by two estimators, dissipation, variances, Lyapunov exponent.

Theory is of N to infinity. What is expected of N neurons has the gain that N - 1 inputs make, g sqrt(1 - 1/N); the rest of the
finite-size effect, other terms of order 1/N and the correlations between neurons near chaos, is what z-scores then show.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.random_network import RandomNetwork
from nessmap.observables.observable import Observable
from nessmap.theory import network_steps


class OfNetwork(Observable[RandomNetwork]):
    """A mean over neurons, steps and realisations of J."""

    model_class: ClassVar[type] = RandomNetwork
    source: ClassVar[str] = 'docs/theory.md, "Random networks"; Sompolinsky, Crisanti & Sommers, PRL 61, 259 (1988)'
    needs: ClassVar[tuple[str, ...]] = ("network_sums",)

    def expected(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return model.of_effective_gain.theory([self.name]).get(self.name)


class _Sum(OfNetwork):
    """One of the rows of `network_sums`."""

    row: ClassVar[int]

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return means["network_sums"][..., self.row]


class _EntropyProduction(OfNetwork):
    units: ClassVar[str] = "k_B / time"

    def why_undefined(self, model: RandomNetwork, run: Run) -> str:
        return "" if model.noise_strength > 0 else "without noise no path has a reversed one; set noise_strength > 0"

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        if model.noise_strength == 0:
            return np.full(means["network_sums"].shape[:-1], np.nan)
        return self.rate(model, run, means["network_sums"])

    @abstractmethod
    def rate(self, model: RandomNetwork, run: Run, sums: Array) -> Array:
        """The rate (...) from averages (..., 5), with noise."""


class EntropyProductionPerNeuron(_EntropyProduction):
    """Local mean: <F^2>/D + div F, div F = -1 per neuron as J_ii = 0."""

    name: ClassVar[str] = "entropy_production_per_neuron"
    long_name: ClassVar[str] = "entropy production rate per neuron"
    symbol: ClassVar[str] = r"\dot\Sigma / N"
    source: ClassVar[str] = 'local mean; docs/theory.md, "Random networks: dynamics"'

    def rate(self, model: RandomNetwork, run: Run, sums: Array) -> Array:
        return np.asarray(sums[..., 0] / model.noise_strength - 1)


class EntropyProductionPerNeuronPath(_EntropyProduction):
    """Stratonovich sum of F . dx/D along the path, div F in it; -x . dx, an exact differential, is left out."""

    name: ClassVar[str] = "entropy_production_per_neuron_path"
    long_name: ClassVar[str] = "entropy production rate per neuron along paths"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{path} / N"
    source: ClassVar[str] = 'Stratonovich path sum; docs/theory.md, "Random networks: steps"'

    def rate(self, model: RandomNetwork, run: Run, sums: Array) -> Array:
        return np.asarray(sums[..., 4] / (model.noise_strength * run.dt))

    def expected(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if self.name not in predictions:
            return None
        gain, noise = model.of_effective_gain.gain, model.noise_strength
        if model.is_linear:
            value = network_steps.linear_path_entropy_production_rate(gain, model.symmetry, run.dt)
        else:
            value = network_steps.path_entropy_production_rate(gain, noise, run.dt, model.rate)
        known = predictions[self.name]._replace(value=value)
        return None if np.isnan(value) else known


class DissipatedPower(_Sum):
    """<F o dx/dt>/N = <F^2> - D: D times the entropy production rate, with a limit at D = 0."""

    name: ClassVar[str] = "dissipated_power_per_neuron"
    long_name: ClassVar[str] = "dissipated power per neuron"
    symbol: ClassVar[str] = r"D \dot\Sigma / N"
    units: ClassVar[str] = "x^2 / time^2"
    row: ClassVar[int] = 0

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(super().finalize(model, run, means) - model.noise_strength)


class MeanSquareDrift(_Sum):
    """<F^2>: the square of the speed for D = 0."""

    name: ClassVar[str] = "mean_square_drift"
    long_name: ClassVar[str] = "mean square drift"
    symbol: ClassVar[str] = r"\langle F^2 \rangle"
    units: ClassVar[str] = "x^2 / time^2"
    row: ClassVar[int] = 0


class VariancePerNeuron(_Sum):
    """<x^2>."""

    name: ClassVar[str] = "variance_per_neuron"
    long_name: ClassVar[str] = "variance of the activity"
    symbol: ClassVar[str] = r"\Delta_0"
    units: ClassVar[str] = "x^2"
    row: ClassVar[int] = 1


class RateVariance(_Sum):
    """<phi^2>."""

    name: ClassVar[str] = "rate_variance"
    long_name: ClassVar[str] = "variance of the rate"
    symbol: ClassVar[str] = r"C_\phi(0)"
    units: ClassVar[str] = "1"
    row: ClassVar[int] = 2


class MeanGain(_Sum):
    """<phi'>: the slope of the statistical linearisation."""

    name: ClassVar[str] = "mean_gain"
    long_name: ClassVar[str] = "mean gain of a neuron"
    symbol: ClassVar[str] = r"\langle \phi' \rangle"
    units: ClassVar[str] = "1 / x"
    row: ClassVar[int] = 3


class LyapunovExponent(OfNetwork):
    """Growth rate of small deviations under the same noise, averaged over realisations of J; positive is chaos."""

    name: ClassVar[str] = "lyapunov_exponent"
    protocol: ClassVar[str] = "tangent"
    long_name: ClassVar[str] = "largest Lyapunov exponent"
    symbol: ClassVar[str] = r"\lambda"
    units: ClassVar[str] = "1 / time"
    source: ClassVar[str] = (
        'docs/theory.md, "Random networks: dynamics"; Schuecker, Goedeke & Helias, PRX 8, 041029 (2018)'
    )
    needs: ClassVar[tuple[str, ...]] = ("tangent_growth",)
    signed: ClassVar[bool] = True

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["tangent_growth"][..., 0] / run.dt)

    def expected(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """The theory: an extreme of a spectrum does not follow the gain of N - 1 inputs alone."""
        return self.theory(model, run, predictions)
