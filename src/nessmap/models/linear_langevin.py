"""Any linear Langevin system: A, D and a partition given as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, parameter
from nessmap.models.linear import LinearModel


@dataclasses.dataclass(frozen=True)
class LinearLangevin(LinearModel):
    """dx = (A + coupling B) x dt + sqrt(2 T D) dW; A = drift_matrix, B = coupling_matrix, D = diffusion_matrix.

    B (zero unless given) and the scale T = noise_amplitude are what a sweep varies. A is stable when its eigenvalues have
    negative real part. Entropy production treats every coordinate as even under time reversal.
    """

    name: ClassVar[str] = "linear_langevin"
    version: ClassVar[int] = 1

    drift_matrix: Matrix = parameter(((-1.0, -1.0), (1.0, -1.0)), "drift matrix A", units="1/time", symbol="A")
    diffusion_matrix: Matrix = parameter(((1.0, 0.0), (0.0, 1.0)), "diffusion matrix D", units="x^2/time", symbol="D")
    coupling_matrix: Matrix = parameter((), "coupling matrix B", units="1/time", symbol="B")
    coupling: float = parameter(0.0, "coupling", symbol="g")
    noise_amplitude: float = parameter(1.0, "noise amplitude", above=0.0, symbol="T")
    parts: dict[str, tuple[int, ...]] = parameter({}, "partition into two groups of coordinates", shapes_path=False)

    def check(self) -> None:
        n_dim = len(self.drift_matrix)
        if not n_dim:
            raise self.error("drift_matrix", "at least one row", "give A as a list of rows, such as [[-1.0]]")
        for name in ("drift_matrix", "diffusion_matrix", "coupling_matrix"):
            matrix = getattr(self, name)
            if (len(matrix), len(matrix[0]) if matrix else 0) != (n_dim, n_dim) and (
                matrix or name != "coupling_matrix"
            ):
                raise self.error(name, f"{n_dim} rows of {n_dim} numbers", "drift_matrix sets the dimension")
        if self.coupling and not self.coupling_matrix:
            raise self.error("coupling", "0 where coupling_matrix is not given", "give the matrix that it multiplies")
        diffusion = np.array(self.diffusion_matrix)
        if not np.array_equal(diffusion, diffusion.T) or np.linalg.eigvalsh(diffusion)[0] < 0:
            raise self.error(
                "diffusion_matrix", "a symmetric matrix without negative eigenvalues", "D is half the noise intensity"
            )
        members = [i for side in self.parts.values() for i in side]
        if self.parts and (len(self.parts) != 2 or not all(self.parts.values())):
            raise self.error("parts", "two named, non-empty groups", "such as {left: [0], right: [1]}")
        if len(set(members)) != len(members) or not set(members) <= set(range(n_dim)):
            raise self.error(
                "parts", f"disjoint groups of indices 0 to {n_dim - 1}", "a coordinate belongs to one group"
            )

    @property
    def n_dim(self) -> int:
        return len(self.drift_matrix)

    @cached_property
    def partition(self) -> Mapping[str, Sequence[int]]:
        half = self.n_dim // 2
        halves = {"first": range(half), "second": range(half, self.n_dim)} if half else {}
        return self.parts or halves

    @cached_property
    def linear_drift(self) -> Array:
        drift = np.array(self.drift_matrix)
        return drift + self.coupling * np.array(self.coupling_matrix) if self.coupling_matrix else drift

    @cached_property
    def linear_diffusion(self) -> Array:
        return self.noise_amplitude * np.array(self.diffusion_matrix)
