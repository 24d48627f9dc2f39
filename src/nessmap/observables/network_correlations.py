"""Correlations in a random network: in time, and between neurons, seen through replicas of one J.

Two replicas a, b of a network are independent given J. So <(x_a . x_b)^2> = tr C^2 of the covariance C of that J, without its
N^2 entries, and without bias however short the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.random_network import RandomNetwork
from nessmap.observables.network import OfNetwork
from nessmap.statistics.network import NetworkAutocorrelation
from nessmap.theory.mean_field import autocorrelation

LAG = {"units": "time", "long_name": "lag", "symbol": r"\tau"}


class ActivityAutocorrelation(OfNetwork):
    """<x(t) x(t + lag)>, lags of 0, 20, ..., 400 steps."""

    name: ClassVar[str] = "activity_autocorrelation"
    long_name: ClassVar[str] = "autocorrelation of the activity"
    symbol: ClassVar[str] = r"\Delta(\tau)"
    units: ClassVar[str] = "x^2"
    needs: ClassVar[tuple[str, ...]] = ("network_autocorrelation",)
    signed: ClassVar[bool] = True
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"lag": LAG}
    row: ClassVar[int] = 0

    def coordinates(self, model: RandomNetwork, run: Run) -> tuple[Array, ...]:
        return (NetworkAutocorrelation().lags(run.dt),)

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        found = means["network_autocorrelation"]
        return np.asarray(found.reshape(*found.shape[:-1], 2, -1)[..., self.row, :])

    def theory(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        """Mean-field theory; with symmetry, and of the linear network, none is made."""
        if model.symmetry != 0 or model.is_linear:
            return None
        found = autocorrelation(model.gain, model.noise_strength, self.coordinates(model, run)[0], model.rate)
        values = (found.activity, found.rate)[self.row]
        return Prediction(values, "approximate", f"N -> infinity; {self.source}") if found.converged else None

    def expected(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return self.theory(model.of_effective_gain, run, predictions)


class RateAutocorrelation(ActivityAutocorrelation):
    """<phi(t) phi(t + lag)>, lags of 0, 20, ..., 400 steps."""

    name: ClassVar[str] = "rate_autocorrelation"
    long_name: ClassVar[str] = "autocorrelation of the rate"
    symbol: ClassVar[str] = r"C_\phi(\tau)"
    units: ClassVar[str] = "1"
    row: ClassVar[int] = 1


class ActivityDimension(OfNetwork):
    """(tr C)^2/(N tr C^2) of the equal-time covariance C of x: 1 for independent neurons."""

    name: ClassVar[str] = "activity_dimension"
    long_name: ClassVar[str] = "dimension of the activity, share of N"
    symbol: ClassVar[str] = r"\mathrm{PR}_x / N"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = (
        'docs/theory.md, "Random networks: dynamics"; Clark, Abbott & Litwin-Kumar, PRL 131, 118401 (2023)'
    )
    needs: ClassVar[tuple[str, ...]] = ("network_overlaps",)
    row: ClassVar[int] = 0

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        squares, products = (means["network_overlaps"][..., 2 * self.row + k] for k in range(2))
        return np.asarray(products / (model.n_neuron * squares))


class RateDimension(ActivityDimension):
    """(tr C)^2/(N tr C^2) of the equal-time covariance C of phi(x)."""

    name: ClassVar[str] = "rate_dimension"
    long_name: ClassVar[str] = "dimension of the rate, share of N"
    symbol: ClassVar[str] = r"\mathrm{PR}_\phi / N"
    row: ClassVar[int] = 1


class ActivityOverlap(OfNetwork):
    """Root mean square of x_a . x_b / N between replicas of one J: it vanishes with N unless they share a frozen state."""

    name: ClassVar[str] = "activity_overlap"
    long_name: ClassVar[str] = "overlap of the activity of two replicas, root mean square"
    symbol: ClassVar[str] = r"\langle (x_a x_b / N)^2 \rangle^{1/2}"
    units: ClassVar[str] = "x^2"
    needs: ClassVar[tuple[str, ...]] = ("network_overlaps",)
    row: ClassVar[int] = 0

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(np.sqrt(means["network_overlaps"][..., 2 * self.row]))


class RateOverlap(ActivityOverlap):
    """Root mean square of phi_a . phi_b / N between replicas of one J."""

    name: ClassVar[str] = "rate_overlap"
    long_name: ClassVar[str] = "overlap of the rates of two replicas, root mean square"
    symbol: ClassVar[str] = r"\langle (\phi_a \phi_b / N)^2 \rangle^{1/2}"
    units: ClassVar[str] = "1"
    row: ClassVar[int] = 1
