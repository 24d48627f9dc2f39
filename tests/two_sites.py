"""Two coupled sites: small enough for the Fokker-Planck equation, and simulated by the same kernel as a whole field."""

import dataclasses

import numpy as np

from nessmap.model import Matrix, parameter
from nessmap.models.neural_field import NeuralField
from nessmap.theory.fokker_planck import PlanarSystem, entropy_production_rate, settled_box, stationary_state


@dataclasses.dataclass(frozen=True)
class TwoSites(NeuralField):
    """du = -u + W (f(u) - f(0)) + noise; W and D as given."""

    name = "two_sites"
    version = 1
    n_field = 2
    partition = {"first": [0], "second": [1]}  # noqa: RUF012  # no field of the dataclass

    matrix: Matrix = parameter(((0.9, 0.7), (0.7, 0.9)), "weights")
    noise: Matrix = parameter(((0.3, 0.0), (0.0, 0.3)), "noise covariance")

    @property
    def weights(self):
        return np.array(self.matrix)

    @property
    def rates(self):
        return np.ones(2)

    @property
    def noise_covariance(self):
        return np.array(self.noise)

    @property
    def drive(self):
        at_rest = np.zeros(2)
        return -self.weights @ self._of(self.function.value, at_rest)

    def planar(self):
        """The same system for the Fokker-Planck equation."""
        return PlanarSystem(lambda u: self.drift(u, 0.0), self.noise_covariance)

    def exact_rate(self, n_cell=128):
        """Entropy production rate from the Fokker-Planck equation, with its error."""
        system = self.planar()
        return entropy_production_rate(system, settled_box(system, [0.0, 0.0]), n_cell)

    def exact_variance(self, n_cell=96):
        """Mean variance of the sites, from two grids whose error falls with the square of the cells."""
        system = self.planar()
        box = settled_box(system, [0.0, 0.0])

        def variance(n):
            state = stationary_state(system, box, n)
            share = state.density / state.density.sum()
            marginals = share.sum(axis=1), share.sum(axis=0)
            means = [p @ x for p, x in zip(marginals, state.coordinates, strict=True)]
            return np.mean([p @ (x - m) ** 2 for p, x, m in zip(marginals, state.coordinates, means, strict=True)])

        return (4 * variance(2 * n_cell) - variance(n_cell)) / 3
