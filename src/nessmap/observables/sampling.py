"""Can the samples be trusted: acceptance, exchanges along the ladder, split R-hat, effective sample size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.observables.observable import Observable


class Acceptance(Observable[QuasiPotential]):
    """Share of trajectories at the lowest temperature that were accepted; 0.65 to 0.9 is efficient."""

    name: ClassVar[str] = "acceptance"
    model_class: ClassVar[type] = QuasiPotential
    protocol: ClassVar[str] = "sampler"
    long_name: ClassVar[str] = "share of trajectories accepted"
    symbol: ClassVar[str] = "p_a"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = "docs/theory.md, sampling the quasi-potential"
    needs: ClassVar[tuple[str, ...]] = ("sampled_moments",)

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        return means["sampled_moments"][..., 4]


class ExchangeAcceptance(Acceptance):
    """Share of exchanges between neighbouring temperatures that were accepted."""

    name: ClassVar[str] = "exchange_acceptance"
    long_name: ClassVar[str] = "share of exchanges accepted"
    symbol: ClassVar[str] = "p_e"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        # of n rungs n - 1 pairs are tried in every two iterations
        return np.asarray(means["sampled_moments"][..., 5] * 2 / (len(model.ladder) - 1))

    def why_undefined(self, model: QuasiPotential, run: Run) -> str:
        return "" if len(model.ladder) > 1 else "one temperature has no exchanges; set hottest above temperature"


class SplitRHat(Acceptance):
    """Larger of those of E and q, mean over realisations of the disorder; above 1.05 the chains of a network disagree."""

    name: ClassVar[str] = "split_r_hat"
    long_name: ClassVar[str] = "split R-hat"
    symbol: ClassVar[str] = r"\hat R"
    source: ClassVar[str] = "Gelman et al., Bayesian Data Analysis, 3rd ed., 11.4"
    needs: ClassVar[tuple[str, ...]] = ("mixing",)

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        found = means["mixing"][..., 0]
        return np.where(found > 0.0, found, np.nan)  # too short a run has none


class EffectiveSampleSize(SplitRHat):
    """Smaller of those of E and q, all lanes of a realisation together."""

    name: ClassVar[str] = "effective_sample_size"
    long_name: ClassVar[str] = "effective sample size of a realisation"
    symbol: ClassVar[str] = r"n_\mathrm{eff}"
    source: ClassVar[str] = "batch means; docs/theory.md, sampling the quasi-potential"

    def finalize(self, model: QuasiPotential, run: Run, means: Mapping[str, Array]) -> Array:
        found = means["mixing"][..., 1]
        return np.where(found > 0.0, found, np.nan)
