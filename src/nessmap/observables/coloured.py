"""Three entropy production rates of a field with coloured noise, which differ in what is reversed and what is seen.

Joint: noise and field are both even, a model of a reservoir with memory; infinite unless white noise acts on the field too.
Odd velocity: the field u and its velocity du/dt, which changes sign; from covariances. Marginal: the path of u alone, which
sees no noise at all; where u has a velocity both are the same number, here by another estimator, the sum along the path.
docs/theory.md, "Coloured noise".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.coloured_field import ColouredField
from nessmap.observables.observable import Observable
from nessmap.theory import coloured


class JointEntropyProductionRate(Observable[ColouredField]):
    """Local mean <x^T sym(M_a^T A) x> of x = (u, z), both even; no number without white noise on u, where it is infinite."""

    name: ClassVar[str] = "entropy_production_rate_joint"
    model_class: ClassVar[type] = ColouredField
    long_name: ClassVar[str] = "entropy production rate, field and noise even"
    symbol: ClassVar[str] = r"\dot\Sigma_J"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = 'local mean; docs/theory.md, "Coloured noise"'
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: ColouredField, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["covariance"].shape[:-1], np.nan)
        return np.asarray(means["covariance"] @ model.local_mean_weights)

    def why_undefined(self, model: ColouredField, run: Run) -> str:
        return (
            "" if model.intrinsic_noise else "it is infinite without white noise on the field; set intrinsic_noise > 0"
        )


class OddVelocityEntropyProductionRate(Observable[ColouredField]):
    """Local mean of u and du/dt, the velocity odd, exact differentials removed; no number where u has no velocity."""

    name: ClassVar[str] = "entropy_production_rate_odd_velocity"
    model_class: ClassVar[type] = ColouredField
    long_name: ClassVar[str] = "entropy production rate, velocity odd"
    symbol: ClassVar[str] = r"\dot\Sigma_V"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = 'local mean; docs/theory.md, "Coloured noise"'
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: ColouredField, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["covariance"].shape[:-1], np.nan)
        return np.asarray(means["covariance"] @ model.odd_velocity_weights)

    def why_undefined(self, model: ColouredField, run: Run) -> str:
        return _no_velocity(model)


class MarginalEntropyProductionRate(Observable[ColouredField]):
    """Stratonovich sum along the path of u and its velocity; theory is the integral over spectra of u."""

    name: ClassVar[str] = "entropy_production_rate_marginal"
    model_class: ClassVar[type] = ColouredField
    long_name: ClassVar[str] = "entropy production rate of the field's path alone"
    symbol: ClassVar[str] = r"\dot\Sigma_M"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = 'path sum; docs/theory.md, "Coloured noise"'
    needs: ClassVar[tuple[str, ...]] = ("lagged_covariance",)

    def finalize(self, model: ColouredField, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["lagged_covariance"].shape[:-1], np.nan)
        return np.asarray(means["lagged_covariance"] @ model.odd_velocity_path_weights / run.dt)

    def why_undefined(self, model: ColouredField, run: Run) -> str:
        return _no_velocity(model)

    def expected(self, model: ColouredField, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if model.intrinsic_noise > 0:
            return None
        value = coloured.odd_velocity_path_rate_at(
            model.field_drift, model.field_diffusion, model.correlation_times, run.dt
        )
        return Prediction(value, "exact", "mean of the path sum at this dt; docs/theory.md")


def _no_velocity(model: ColouredField) -> str:
    return "white noise leaves the field without a velocity; set intrinsic_noise: 0" if model.intrinsic_noise else ""
