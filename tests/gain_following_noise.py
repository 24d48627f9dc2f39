"""Noise that follows the gain on one and two sites: the ring's kernel where quadrature and Fokker-Planck know everything."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from nessmap.models.langevin import LangevinModel, Linearised
from nessmap.models.multiplicative_field import MultiplicativeField
from nessmap.models.neural_field import NeuralField
from nessmap.theory.fokker_planck import PlanarSystem
from nessmap.theory.stages import of_matrix
from sampling import estimates, group_means, run_of

RATE, PATH, VARIANCE = "entropy_production_rate", "entropy_production_rate_path", "site_variance"
EXTRAPOLATED = "entropy_production_rate_extrapolated"
SMALL = {"n_site": 6, "length": 4.0, "kernel_width": 0.8}
SHAPES = [
    {"exponent": 1.0, "interpretation": "stratonovich"},
    {"exponent": 0.5, "interpretation": "ito", "shift": 0.4, "time_constant": 0.5},
    {"exponent": 1.3, "interpretation": "anti_ito", "shift": 0.4, "input": 0.3, "control_variate": "linear"},
    {"exponent": -0.5, "interpretation": "anti_ito", "transfer": "tanh", "slope": 0.8},
    {"exponent": 1.0, "interpretation": "ito", "shift": 0.4, "transfer": "0.2 * u + tanh(slope * u)", "slope": 0.7},
    {"exponent": 0.0, "interpretation": "ito", "shift": 0.4, "transfer": "threshold_linear", "slope": 1.0},
]
NAMES = [f"{shape.get('transfer', 'arcsinh')[:16]}-{shape['exponent']}-{shape['interpretation']}" for shape in SHAPES]
SKEW, EVEN = np.array([[0.3, 0.9], [0.1, 0.3]]), np.array([[0.9, 0.7], [0.7, 0.9]])


@dataclasses.dataclass(frozen=True)
class TwoSites(MultiplicativeField):
    """The kernel on two sites, where the Fokker-Planck equation knows everything; u* = 0 at both."""

    matrix = SKEW
    n_field = 2
    rates = np.ones(2)
    fixed_point = np.zeros(2)
    # of any field: two sites have no waves
    site_covariance, stability = LangevinModel.site_covariance, LangevinModel.stability
    stationary_sample = NeuralField.stationary_sample

    @property
    def partition(self):
        return {"left": range(1), "right": range(1, self.n_field)}

    def check(self):
        """A ring has three sites at least."""

    @property
    def weights(self):
        return self.coupling * self.matrix

    @property
    def drive(self):
        return -self.weights @ self._of(self.function.value, self.fixed_point)

    @cached_property
    def noise_covariance(self):
        return self.noise_strength * np.eye(2)

    def stages_of(self, matrix):
        return of_matrix(matrix)

    @cached_property
    def linearised(self):
        return Linearised(self.linear_drift, self.noise_covariance, self.partition)

    @property
    def planar(self):
        return PlanarSystem(lambda u: self.drift(u, 0.0), lambda u: self.diffusion(u, 0.0), self.alpha)


@dataclasses.dataclass(frozen=True)
class EvenSites(TwoSites):
    """The same with a symmetric coupling."""

    matrix = EVEN


@dataclasses.dataclass(frozen=True)
class OneSite(TwoSites):
    matrix = np.ones((1, 1))
    n_field = 1
    rates = np.ones(1)
    fixed_point = np.zeros(1)
    noise_covariance = np.array([[0.2]])


def measured(model, *, dt=0.05, duration=300.0, n_lane=512, key=1, names=(RATE, EXTRAPOLATED)):
    means = group_means(
        model, dt=dt, duration=duration, n_lane=n_lane, key=key, statistics=("path_entropy", "site_moments")
    )
    return estimates(model, means, dt, names, run_of(dt, duration, n_lane, model.n_dim))
