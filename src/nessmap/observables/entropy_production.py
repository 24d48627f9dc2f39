"""Entropy production rate by two estimators, each blind to errors that the other sees.

The local mean is a linear functional of equal-time covariances: no dt bias under exact sampling and the smaller variance,
but blind to the currents. The path sum is a functional of the lagged covariance: it sees the currents actually simulated
and is biased by about -gamma dt, so it is compared with its exact mean at this dt. Both treat all coordinates as even.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction
from nessmap.models.amari_field import AmariField
from nessmap.models.linear import LinearModel
from nessmap.observables.observable import Observable
from nessmap.observables.per_wavenumber import PerWavenumber


class EntropyProductionRate(Observable[LinearModel]):
    """Local mean <x^T sym(M_a^T A) x>, M_a the antisymmetric part of D^-1 A; docs/theory.md, "Two estimators"."""

    name: ClassVar[str] = "entropy_production_rate"
    model_class: ClassVar[type] = LinearModel
    long_name: ClassVar[str] = "entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "local mean; docs/theory.md; Godreche & Luck, J. Phys. A 52, 035002 (2019)"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: LinearModel, dt: float, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["covariance"] @ model.local_mean_weights)


class EntropyProductionRatePath(Observable[LinearModel]):
    """Path sum of M_a-weighted Stratonovich increments, exact differential removed, per unit time."""

    name: ClassVar[str] = "entropy_production_rate_path"
    model_class: ClassVar[type] = LinearModel
    long_name: ClassVar[str] = "entropy production rate along paths"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{path}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "Stratonovich path sum; docs/theory.md; Seifert, Rep. Prog. Phys. 75, 126001 (2012)"
    needs: ClassVar[tuple[str, ...]] = ("lagged_covariance",)

    def finalize(self, model: LinearModel, dt: float, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["lagged_covariance"] @ model.path_weights / dt)

    def expected(self, model: LinearModel, dt: float, theory: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(
            model.path_entropy_production_rate(dt), "exact", "mean of the path sum at this dt; docs/theory.md"
        )


class EntropyProductionPerMode(PerWavenumber):
    """Local mean of one wavenumber, both directions: (omega^2/d) S(k) over k and -k; adds up to the whole rate."""

    name: ClassVar[str] = "entropy_production_per_mode"
    long_name: ClassVar[str] = "entropy production rate per wavenumber"
    symbol: ClassVar[str] = r"\dot\Sigma_k"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "local mean; docs/theory.md (45)"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: AmariField, dt: float, means: Mapping[str, Array]) -> Array:
        weighted = means["covariance"] * model.local_mean_weights
        return model.mode_power(weighted) * model.mode_multiplicity
