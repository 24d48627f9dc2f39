"""How strongly a field fluctuates, in all and per wavenumber."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array
from nessmap.models.amari_field import AmariField
from nessmap.models.linear import LinearModel
from nessmap.observables.observable import Observable
from nessmap.observables.per_wavenumber import PerWavenumber


class SiteVariance(Observable[LinearModel]):
    """Mean variance of a coordinate, tr S / n; of a site, where the coordinates are an orthonormal turn of the sites."""

    name: ClassVar[str] = "site_variance"
    model_class: ClassVar[type] = LinearModel
    long_name: ClassVar[str] = "variance of a site"
    symbol: ClassVar[str] = r"\langle u^2\rangle"
    units: ClassVar[str] = "u^2"
    source: ClassVar[str] = "docs/theory.md, stationary state"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: LinearModel, dt: float, means: Mapping[str, Array]) -> Array:
        first, second = model.correlated_pairs
        return np.asarray(means["covariance"][..., first == second].sum(axis=-1) / model.n_dim)


class StructureFactor(PerWavenumber):
    """S(k) = <|u_k|^2> of unitary Fourier modes; times the site spacing it is the continuum structure factor."""

    name: ClassVar[str] = "structure_factor"
    long_name: ClassVar[str] = "structure factor"
    symbol: ClassVar[str] = "S(k)"
    units: ClassVar[str] = "u^2"
    source: ClassVar[str] = "docs/theory.md, ring field"
    needs: ClassVar[tuple[str, ...]] = ("covariance",)

    def finalize(self, model: AmariField, dt: float, means: Mapping[str, Array]) -> Array:
        return model.mode_power(means["covariance"])
