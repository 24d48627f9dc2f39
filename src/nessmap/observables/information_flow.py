"""Who learns about whom, and what it costs each: information flow, transfer entropy and local entropy production, from data.

All are fitted estimates: covariance and lagged covariance give a drift by the logarithm of the regression matrix and a
diffusion by stationarity; the formula follows. Sampled exactly, such a fit has no bias in dt; the bias of a finite sample is
removed by the jackknife. "First" and "second" are the sides of the model's partition. Horowitz & Esposito, Phys. Rev. X 4,
031015 (2014); docs/theory.md, "Information".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Run
from nessmap.models.moments import Fit, MomentModel
from nessmap.observables.observable import Observable
from nessmap.theory import blocks


class _Fitted(Observable[MomentModel]):
    """An observable of the fitted drift, diffusion and covariance of every block, summed over blocks."""

    model_class: ClassVar[type] = MomentModel
    needs: ClassVar[tuple[str, ...]] = ("covariance", "lagged_covariance")
    of_a_side: ClassVar[bool] = True  # belongs to one side, which common noise forbids

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, MomentModel) and model.all_even

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        if self.why_undefined(model, run):
            return np.full(means["covariance"].shape[:-1], np.nan)
        fit = model.sided_fit(means, run.dt)
        return np.asarray(self.per_block(fit, *model.sides).sum(axis=-1))

    def why_undefined(self, model: MomentModel, run: Run) -> str:
        if not model.whole_partition:
            return "the two sides of the partition leave coordinates out; let them hold all"
        if self.of_a_side and not model.bipartite:
            return "noise is common to both sides, so nothing belongs to one alone; take noise without correlation"
        return ""

    @abstractmethod
    def per_block(self, fit: Fit, first: list[int], second: list[int]) -> Array:
        """The observable of each block, (..., n_block)."""


class InformationFlow(_Fitted):
    """tr[(S^-1)_ba (D + Q)_ab]: how fast the first side's moves raise the mutual information; positive where it learns."""

    name: ClassVar[str] = "information_flow"
    long_name: ClassVar[str] = "information flow of the {first} side"
    symbol: ClassVar[str] = r"\dot I_1"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = "docs/theory.md (24); Horowitz & Esposito, Phys. Rev. X 4, 031015 (2014)"
    signed: ClassVar[bool] = True

    def per_block(self, fit: Fit, first: list[int], second: list[int]) -> Array:
        return blocks.information_flow(fit.drift, fit.covariance, first, second)


class LocalEntropyProduction(_Fitted):
    """tr[D_aa^-1 (Q S^-1 Q^T)_aa] of the first side a; with the second side's it adds up to the entropy production rate."""

    name: ClassVar[str] = "entropy_production_rate_first"
    long_name: ClassVar[str] = "entropy production rate of the {first} side"
    symbol: ClassVar[str] = r"\dot\Sigma_1"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "docs/theory.md (26); Horowitz & Esposito, Phys. Rev. X 4, 031015 (2014)"
    side: ClassVar[int] = 0

    def per_block(self, fit: Fit, first: list[int], second: list[int]) -> Array:
        return blocks.local_entropy_production(fit.drift, fit.covariance, fit.diffusion, (first, second)[self.side])


class SecondLocalEntropyProduction(LocalEntropyProduction):
    """The same of the second side."""

    name: ClassVar[str] = "entropy_production_rate_second"
    long_name: ClassVar[str] = "entropy production rate of the {second} side"
    symbol: ClassVar[str] = r"\dot\Sigma_2"
    side: ClassVar[int] = 1


class EntropyFlow(_Fitted):
    """tr[D_aa^-1 (A S A^T)_aa] + tr A_aa: what the first side gives to its reservoir, at least what it learns."""

    name: ClassVar[str] = "entropy_flow_first"
    long_name: ClassVar[str] = "entropy flow from the {first} side to its reservoir"
    symbol: ClassVar[str] = r"\Phi_1"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = "docs/theory.md (27); Horowitz & Esposito, Phys. Rev. X 4, 031015 (2014)"
    signed: ClassVar[bool] = True
    side: ClassVar[int] = 0

    def per_block(self, fit: Fit, first: list[int], second: list[int]) -> Array:
        own, other = (first, second) if self.side == 0 else (second, first)
        flow = blocks.information_flow(fit.drift, fit.covariance, own, other)
        return blocks.local_entropy_production(fit.drift, fit.covariance, fit.diffusion, own) + flow


class SecondEntropyFlow(EntropyFlow):
    """The same of the second side."""

    name: ClassVar[str] = "entropy_flow_second"
    long_name: ClassVar[str] = "entropy flow from the {second} side to its reservoir"
    symbol: ClassVar[str] = r"\Phi_2"
    side: ClassVar[int] = 1


class TransferEntropyRate(_Fitted):
    """Rate at which the first side's past predicts the second side beyond its own past."""

    name: ClassVar[str] = "transfer_entropy_rate"
    long_name: ClassVar[str] = "transfer entropy rate from the {first} to the {second} side"
    symbol: ClassVar[str] = r"T_{1\to 2}"
    units: ClassVar[str] = "nat / time"
    source: ClassVar[str] = "docs/theory.md (28), (29)"
    forward: ClassVar[bool] = True
    of_a_side: ClassVar[bool] = False

    def per_block(self, fit: Fit, first: list[int], second: list[int]) -> Array:
        source, target = (first, second) if self.forward else (second, first)
        return blocks.transfer_entropy_rate(fit.drift, fit.diffusion, source, target)


class TransferEntropyRateBack(TransferEntropyRate):
    """The other way: from the second side to the first."""

    name: ClassVar[str] = "transfer_entropy_rate_back"
    long_name: ClassVar[str] = "transfer entropy rate from the {second} to the {first} side"
    symbol: ClassVar[str] = r"T_{2\to 1}"
    forward: ClassVar[bool] = False
