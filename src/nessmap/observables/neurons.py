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
from nessmap.theory.binned_information import binned_mutual_information, histogram_information
from nessmap.theory.path_information import MOST_NODES, n_node

_STEPPED = 'at this dt by Hermite series; docs/theory.md, "Nonlinear tuning"'

_PATHS = 'docs/theory.md, "Learning with any tuning"'


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
        if model.grid_limit is None:
            return None
        return Prediction(model.grid_limit.mutual_information, "approximate", "grid; docs/theory.md")

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        if model.pooled is None:
            return None
        value = binned_mutual_information(model.pooled, model.box, N_BIN)
        return Prediction(value, "approximate", "of the bins, by a grid; docs/theory.md")


class PathTransferEntropyRate(MeanActivity):
    """<ln p(r'|r, v, v') - ln p(r'|past of r)> per time: what the paths of the neurons hold about that of the velocity.

    As the velocity ignores its neurons this is the transfer entropy rate from it to them. The second term is that of a filter
    of the velocity on a grid, in pieces of the path: any filter's mean is at least the rate, by the divergence of its
    predictions from the true ones, which is of second order in its error.

    Theory is the rate of Gaussian signals with the same spectra: exact for linear tuning, an upper bound for other curves.
    """

    name: ClassVar[str] = "transfer_entropy_rate_path"
    long_name: ClassVar[str] = "transfer entropy rate from velocity to neurons"
    symbol: ClassVar[str] = r"T_{v\to r}"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = f"filter along the path; {_PATHS}"
    needs: ClassVar[tuple[str, ...]] = ("path_information",)
    signed: ClassVar[bool] = False

    def why_undefined(self, model: NonlinearSensingNetwork, run: Run) -> str:
        if n_node(model.signal_rate, run.dt) <= MOST_NODES:
            return ""
        return "in a step this short the velocity moves less than a filter's grid resolves; raise dt"

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        found = means["path_information"][..., 0] / run.dt
        return np.full_like(found, np.nan) if self.why_undefined(model, run) else found

    def theory(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return self._of_gaussian_signals(model, 0.0)

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return None if self.why_undefined(model, run) else self._of_gaussian_signals(model, run.dt)

    def _of_gaussian_signals(self, model: NonlinearSensingNetwork, dt: float) -> Prediction:
        kind = "exact" if model.tunes_linearly else "approximate"
        return Prediction(
            model.transfer_entropy_rate_at(dt), kind, "Gaussian signals of the same spectra; docs/theory.md"
        )


class PathTransferEntropyRateBack(MeanActivity):
    """-ln(1 - R^2)/(2 dt), R the correlation of what is new in a step of the velocity with the neurons before, linear in them.

    The velocity ignores its neurons: the rate is exactly 0, and the estimate is what the jackknife leaves of chance.
    """

    name: ClassVar[str] = "transfer_entropy_rate_path_back"
    long_name: ClassVar[str] = "transfer entropy rate from neurons to velocity"
    symbol: ClassVar[str] = r"T_{r\to v}"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = f"regression of innovations; {_PATHS}"
    needs: ClassVar[tuple[str, ...]] = ("innovation_products",)
    signed: ClassVar[bool] = False

    def finalize(self, model: NonlinearSensingNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        size = model.n_dim + 2
        first, second = np.triu_indices(size)
        products = np.zeros((*means["innovation_products"].shape[:-1], size, size))
        products[..., first, second] = means["innovation_products"]
        products[..., second, first] = means["innovation_products"]
        velocity = [0, 1, size - 1]
        # variance of what is new given 1 and v, and given the neurons too
        before, after = (
            1 / np.linalg.inv(known)[..., -1, -1] for known in (products[..., velocity, :][..., velocity], products)
        )
        return np.asarray(np.log(before / after) / (2 * run.dt))

    def theory(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return Prediction(0.0, "exact", "the velocity ignores its neurons; docs/theory.md")

    def expected(
        self, model: NonlinearSensingNetwork, run: Run, predictions: Mapping[str, Prediction]
    ) -> Prediction | None:
        return self.theory(model, run, predictions)
