"""A model of one's own: an excitable neuron, in 25 lines. Everything else follows from drift and diffusion."""

import dataclasses

import numpy as np

from nessmap.model import parameter
from nessmap.models.langevin import LangevinModel


@dataclasses.dataclass(frozen=True)
class FitzHughNagumo(LangevinModel):
    name, version, n_dim = "fitzhugh_nagumo", 1, 2
    partition = {"voltage": [0], "recovery": [1]}

    drive: float = parameter(0.1, "input current", symbol="I")
    slowness: float = parameter(0.5, "rate of recovery", above=0.0, symbol=r"\epsilon")
    noise_strength: float = parameter(0.01, "noise strength", units="v^2 / time", above=0.0, symbol="D")

    def drift(self, x, t):
        v, w = x
        return np.stack([v - v**3 / 3 - w + self.drive, self.slowness * (v + 0.7 - 0.8 * w)])

    def diffusion(self, x, t):
        return self.noise_strength * np.eye(2)
