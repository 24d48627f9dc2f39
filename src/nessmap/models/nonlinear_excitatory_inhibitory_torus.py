"""The stochastic field of an excitatory and an inhibitory population on a square torus, with the nonlinearity of both.

As on the ring, with kernels that may be stretched along x or y. Matrices between sites are homogeneous in blocks: products and
quotients of 2 x 2 transforms, multiplied with by stages; docs/theory.md, "Two nonlinear populations".
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Run
from nessmap.models.excitatory_inhibitory_torus import ExcitatoryInhibitoryTorus
from nessmap.models.neural_field import of_shape
from nessmap.models.nonlinear_populations import NonlinearPopulations
from nessmap.models.torus_field import even
from nessmap.models.two_populations import PopulationsOnTorus
from nessmap.theory.stages import Stages, of_blocks

_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class NonlinearExcitatoryInhibitoryTorus(PopulationsOnTorus, NonlinearPopulations):
    """Two fields of n_site x n_site sites each."""

    name: ClassVar[str] = "nonlinear_excitatory_inhibitory_torus"
    version: ClassVar[int] = 1
    smoothest: ClassVar[float] = (
        1.5  # the shortest waves have 1e-9 of the noise of the longest, and the force divides by it
    )

    @cached_property
    def linearised(self) -> ExcitatoryInhibitoryTorus:
        shared = {name: getattr(self, name) for name in PopulationsOnTorus.parameters()}
        excitatory, inhibitory = map(float, self.gains)
        return ExcitatoryInhibitoryTorus(**shared, excitatory_gain=excitatory, inhibitory_gain=inhibitory)

    # --- matrices between sites, and their transforms (n_mode, 2, 2) on all wavenumbers

    @cached_property
    def _weights_transform(self) -> Array:
        return np.asarray(self.signed_weights * self.kernel_transforms.T[:, None, :])

    @cached_property
    def _inverse_noise(self) -> Array:
        return self.between_populations(np.linalg.inv(self.mode_diffusion))

    @cached_property
    def circulating_force(self) -> Array:
        rates = 1 / self.time_constants[:, None]
        force = np.linalg.solve(self.mode_diffusion, rates * (self._weights_transform * self.gains - np.eye(2)))
        antisymmetric = (force - np.swapaxes(force, 1, 2)) / 2
        at_rest = np.abs(antisymmetric).max() <= _ROUNDING * np.abs(force).max()
        return self.between_populations(np.zeros_like(force) if at_rest else antisymmetric)

    @cached_property
    def bending_force(self) -> Array:
        rates = 1 / self.time_constants[:, None]
        force = self.between_populations(np.linalg.solve(self.mode_diffusion, rates * self._weights_transform))
        rest = force - np.diag(self.rates * np.diag(self.weights) / np.diag(self.noise_covariance))
        return np.where(np.abs(rest).max() <= _ROUNDING * np.abs(force).max(), 0.0, rest)

    @cached_property
    def site_covariance(self) -> Array:
        linear = self.linearised
        spectrum = np.empty((self.n_place, 2, 2))
        spectrum[linear.mode_of] = linear.block_covariance
        p, q = np.divmod(linear.mode_of, self.n_site)
        spectrum[-p % self.n_site * self.n_site + -q % self.n_site] = linear.block_covariance  # of -k
        return self.between_populations(spectrum)

    def chain_means(self, run: Run) -> Array:
        """As of any model, wavenumber by wavenumber."""
        scheme = self.discretisation(run.dt)
        keep, first, second, pull = scheme.rows[:, [0, -1], None]
        matrices = self.weights * self.gain, scheme.noise, self.circulating_force, self.linear_drift
        linear, noise, circulating, drift = (self._transform_of(matrix) for matrix in matrices)
        one = np.eye(2)
        guess, corrector = keep * one + first * linear, second * linear + pull * one
        kick = one + corrector
        step = guess + corrector @ (guess - one)
        growth = float(np.abs(np.linalg.eigvals(step)).max())
        if not growth < 1:
            raise ValueError(f"step: grows by {growth:.6g} a step, expected below 1; lower dt")
        # S - P S P^T = K N K^T
        operator = np.eye(4) - np.einsum("kij,klm->kiljm", step, step).reshape(-1, 4, 4)
        right_side = (kick @ noise @ np.swapaxes(kick, 1, 2)).reshape(-1, 4, 1)
        covariance = np.linalg.solve(operator, right_side).reshape(-1, 2, 2)
        local, single, double = (np.sum(circulating * (moved @ covariance)) for moved in (drift, step, step @ step))
        return np.array([local, single / run.dt, (2 * single - double / 2) / run.dt])

    def _grids(self, matrix: Array) -> Array:
        """(2, 2, N, N): entries of a matrix that is homogeneous in blocks, at the target minus the source."""
        columns = matrix[:, [0, self.n_place]].reshape(2, self.n_site, self.n_site, 2)
        return np.moveaxis(columns, 3, 1)

    def _transform_of(self, matrix: Array) -> Array:
        """(n_mode, 2, 2): of a matrix whose blocks are even."""
        spectrum = np.fft.fft2(even(self._grids(matrix))).real
        return np.moveaxis(spectrum.reshape(2, 2, -1), 2, 0)

    # --- what the kernel multiplies with

    def stages_of(self, matrix: Array) -> Stages:
        return of_shape(of_blocks, self._grids(matrix))

    def _noise_stages(self, covariance: Array) -> Stages:
        """A root wave by wave, homogeneous as the covariance is; no dense triangle."""
        if any(self.noise_lengths):
            root = self.between_populations(np.linalg.cholesky(self._transform_of(covariance)))
        else:
            local = covariance[np.ix_([0, self.n_place], [0, self.n_place])]
            root = np.kron(np.linalg.cholesky(local), np.eye(self.n_place))
        return self.stages_of(root)
