"""What neurons with tuning curves do: the moments of their mean activity, and what a histogram shows of their information.

Expectations are exact for the steps that are simulated, by Hermite series; those of histograms come from Fokker-Planck grids.
docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.nonlinear_sensing_network import (
    NonlinearSensingNetwork,
    linear_readout_error,
    mean_moments,
)
from nessmap.observables.observable import Observable
from nessmap.statistics.neurons import N_BIN
from nessmap.theory.binned_information import (
    binned_mutual_information,
    grid_mutual_information,
    histogram_information,
)

_STEPPED = 'at this dt by Hermite series; docs/theory.md, "Nonlinear tuning"'


class MeanActivity(Observable[NonlinearSensingNetwork]):
    """<r>, averaged over neurons."""

    name: ClassVar[str] = "mean_activity"
    model_class: ClassVar[type] = NonlinearSensingNetwork
    long_name: ClassVar[str] = "mean activity"
    symbol: ClassVar[str] = r"\langle r\rangle"
    units: ClassVar[str] = "r"
    source: ClassVar[str] = 'docs/theory.md, "Nonlinear tuning"'
    needs: ClassVar[tuple[str, ...]] = ("activity_moments",)
    signed: ClassVar[bool] = True

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["activity_moments"][..., 1])

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return Prediction(mean_moments(model.response_at(run.dt))[0], "exact", _STEPPED)


class ActivityVariance(MeanActivity):
    """Variance of the neurons' mean activity."""

    name: ClassVar[str] = "activity_variance"
    long_name: ClassVar[str] = "variance of the mean activity"
    symbol: ClassVar[str] = r"\mathrm{Var}\,r"
    units: ClassVar[str] = "r^2"
    signed: ClassVar[bool] = False

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        _, mean, _, square, _ = np.moveaxis(means["activity_moments"], -1, 0)
        return np.asarray(square - mean**2)

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return Prediction(mean_moments(model.response_at(run.dt))[1], "exact", _STEPPED)


class LinearReadoutError(MeanActivity):
    """Share of the velocity's variance that the best straight line through the mean activity leaves; 1 for even tuning."""

    name: ClassVar[str] = "linear_readout_error"
    long_name: ClassVar[str] = "decoding error of a linear readout"
    symbol: ClassVar[str] = r"\langle\delta v^2\rangle_\mathrm{lin}"
    units: ClassVar[str] = "v^2"
    signed: ClassVar[bool] = False

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        v, r, vv, rr, vr = np.moveaxis(means["activity_moments"], -1, 0)
        return np.asarray(1.0 - (vr - v * r) ** 2 / ((vv - v**2) * (rr - r**2)))

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        response = model.response_at(run.dt)
        # the square of a correlation that vanishes is no normal estimate
        if abs(mean_moments(response)[2]) < 1e-9:
            return None
        return Prediction(linear_readout_error(response), "exact", _STEPPED)


class BinnedMutualInformation(MeanActivity):
    """I of velocity and mean activity in 32 x 32 bins: what even tuning tells too. At most the mutual information.

    Theory is the mutual information itself, the expectation that of the bins: both of identical neurons without recurrence.
    """

    name: ClassVar[str] = "mutual_information_binned"
    long_name: ClassVar[str] = "mutual information of velocity and mean activity, binned"
    symbol: ClassVar[str] = "I"
    units: ClassVar[str] = "nat"
    source: ClassVar[str] = 'histogram, jackknife-corrected; docs/theory.md, "Nonlinear tuning"'
    needs: ClassVar[tuple[str, ...]] = ("activity_histogram",)
    signed: ClassVar[bool] = False

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        counted = means["activity_histogram"]
        return histogram_information(counted.reshape(*counted.shape[:-1], N_BIN, N_BIN))

    def theory(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        if model.pooled is None:
            return None
        return Prediction(grid_mutual_information(model.pooled, model.box), "approximate", "grid; docs/theory.md")

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        if model.pooled is None:
            return None
        value = binned_mutual_information(model.pooled, model.box, N_BIN)
        return Prediction(value, "approximate", "of the bins, by a grid; docs/theory.md")
