"""From a particle's velocity to neurons that sense it to synapses that remember it: a chain in which nothing acts back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, parameter
from nessmap.models.linear import LinearModel
from nessmap.theory.plasticity import chain_system
from nessmap.theory.sensing import SensingNetwork


@dataclasses.dataclass(frozen=True)
class LearningChain(LinearModel):
    """dv = -kappa v dt + .., dr_i = -rho (r_i - a v) dt + .., dw_j = -omega (w_j - g <r>) dt + .., <r> the mean over neurons.

    v is in units of its standard deviation, r and w of the noise of a neuron and of a synapse alone: a^2 is the signal to
    noise of a neuron, g^2 that of a synapse, the noise of one neuron taken for a signal. The velocity is an external
    signal, even under time reversal.
    """

    papers: ClassVar[tuple[str, ...]] = ("Karbowski, Entropy 26, 779 (2024)",)
    name: ClassVar[str] = "learning_chain"
    version: ClassVar[int] = 1

    n_neuron: int = parameter(1, "number of neurons", minimum=1, symbol="N")
    n_synapse: int = parameter(1, "number of synapses", minimum=1, symbol="M")
    signal_to_noise: float = parameter(4.0, "signal to noise of a neuron", minimum=0.0, symbol="c")
    synapse_signal_to_noise: float = parameter(1.25, "signal to noise of a synapse", minimum=0.0, symbol="c_w")
    rate_ratio: float = parameter(2.0, "rate of neurons over rate of the velocity", above=0.0, symbol=r"\rho/\kappa")
    synapse_rate_ratio: float = parameter(
        0.25, "rate of synapses over rate of neurons", above=0.0, symbol=r"\omega/\rho"
    )
    time_constant: float = parameter(1.0, "time constant of the neurons", units="time", above=0.0, symbol=r"\tau_r")
    sides_are: str = parameter(
        "velocity and network",
        "the two sides that inform each other",
        choices=("velocity and network", "velocity and synapses", "inputs and synapses"),
        shapes_path=False,
    )

    @property
    def n_dim(self) -> int:
        return 1 + self.n_neuron + self.n_synapse

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        velocity, neurons = [0], list(range(1, 1 + self.n_neuron))
        synapses = list(range(1 + self.n_neuron, self.n_dim))
        return {
            "velocity and network": {"velocity": velocity, "network": neurons + synapses},
            "velocity and synapses": {"velocity": velocity, "synapses": synapses},
            "inputs and synapses": {"inputs": velocity + neurons, "synapses": synapses},
        }[self.sides_are]

    @cached_property
    def _system(self) -> tuple[Array, Array]:
        rate = 1.0 / self.time_constant
        gain = np.full(self.n_neuron, np.sqrt(self.signal_to_noise))
        network = SensingNetwork(rate / self.rate_ratio, 1.0, gain, rate, rate)
        synapses = np.full((self.n_synapse, self.n_neuron), np.sqrt(self.synapse_signal_to_noise) / self.n_neuron)
        slow = rate * self.synapse_rate_ratio
        return chain_system(network, synapses, slow, slow)

    @property
    def linear_drift(self) -> Array:
        return self._system[0]

    @property
    def linear_diffusion(self) -> Array:
        return self._system[1]
