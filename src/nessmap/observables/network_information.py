"""What the halves of a random network tell of each other: of each J, exactly for the linear network, else linearised.

The linearised network has the mean gains <phi'(x_i)> measured on that J in place of phi' (statistical linearisation): good
below the critical gain and under strong noise, without meaning where it is not stable. No closed form is known for large N.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.random_network import RandomNetwork
from nessmap.observables.network import OfNetwork


class _Information(OfNetwork):
    """NaN where a single realisation of J is not stable when linearised: the others are no fair sample."""

    source: ClassVar[str] = 'statistical linearisation of each realisation; docs/theory.md, "Information"'
    needs: ClassVar[tuple[str, ...]] = ("network_gains",)
    row: ClassVar[int]

    def finalize(self, model: RandomNetwork, run: Run, means: Mapping[str, Array]) -> Array:
        found = means["network_gains"][..., model.n_neuron + 1 :]
        return np.where(found[..., 0] > 1 - 1e-9, found[..., self.row], np.nan)

    def why_undefined(self, model: RandomNetwork, run: Run) -> str:
        return "" if model.noise_strength > 0 else "without noise no state has a density; set noise_strength > 0"

    def expected(self, model: RandomNetwork, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return None


class MutualInformationPerNeuron(_Information):
    """Between the halves, at equal times, over N."""

    name: ClassVar[str] = "mutual_information_per_neuron"
    long_name: ClassVar[str] = "mutual information of the halves, per neuron"
    symbol: ClassVar[str] = r"I / N"
    units: ClassVar[str] = "nat"
    row: ClassVar[int] = 1


class TransferEntropyPerNeuron(_Information):
    """From the first half to the second, over N."""

    name: ClassVar[str] = "transfer_entropy_per_neuron"
    long_name: ClassVar[str] = "transfer entropy rate between the halves, per neuron"
    symbol: ClassVar[str] = r"\dot T / N"
    units: ClassVar[str] = "nat / time"
    row: ClassVar[int] = 2


class TransferEntropyPerNeuronBack(_Information):
    """From the second half to the first, over N."""

    name: ClassVar[str] = "transfer_entropy_per_neuron_back"
    long_name: ClassVar[str] = "transfer entropy rate between the halves, back, per neuron"
    symbol: ClassVar[str] = r"\dot T_\leftarrow / N"
    units: ClassVar[str] = "nat / time"
    row: ClassVar[int] = 3
