"""Quenched random coupling of a network: one Gaussian matrix J per realisation, partly symmetric.

J = g/sqrt(N) [sqrt((1 + gamma)/2) S + sqrt((1 - gamma)/2) K],  S = (X + X^T)/sqrt 2,  K = (Y - Y^T)/sqrt 2,  J_ii = 0

with X, Y of independent standard normals: E J_ij^2 = g^2/N, E J_ij J_ji = gamma g^2/N. X and Y depend on size, realisation and
root seed alone, so that a realisation is the same network at any gain, symmetry and noise. docs/theory.md, "Random networks".
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from nessmap.model import Array, Model, parameter

_MOST_DRAWS = 100  # of a J that is admitted


@dataclasses.dataclass(frozen=True)
class RandomCoupling(Model):
    """Size, gain and symmetry of the coupling."""

    papers: ClassVar[tuple[str, ...]] = (
        "Sompolinsky, Crisanti & Sommers, PRL 61, 259 (1988)",
        "Qiu & Huang, Commun. Theor. Phys. 77, 035601 (2025)",
    )
    disordered: ClassVar[bool] = True
    drawn: ClassVar[Array | None] = None  # J (N, N) of a realisation; the model itself has none

    n_neuron: int = parameter(100, "number of neurons", minimum=2, symbol="N")
    gain: float = parameter(1.0, "gain of the coupling", minimum=0.0, symbol="g")
    symmetry: float = parameter(0.0, "symmetry of the coupling", minimum=-1.0, symbol=r"\gamma")

    def check(self) -> None:
        super().check()
        if self.symmetry > 1:
            raise self.error("symmetry", "between -1 and 1", "it is a correlation coefficient")

    @property
    def n_dim(self) -> int:
        return self.n_neuron

    def realisation(self, index: int, seed: int) -> Self:
        """The model with its J: the first draw that it admits; which one may depend on parameters where not all will do."""
        for attempt in range(_MOST_DRAWS):
            matrix = self.coupling_matrix(index, seed, attempt)
            if self.admits(matrix):
                made = dataclasses.replace(self)
                object.__setattr__(made, "drawn", matrix)
                return made
        known = f"gain = {self.gain}, n_neuron = {self.n_neuron}"
        raise ValueError(
            f"{self.name}: {known}: none of {_MOST_DRAWS} draws of J is stable; lower gain or raise n_neuron"
        )

    def admits(self, matrix: Array) -> bool:
        """Whether J has a stationary state."""
        return True

    def coupling_matrix(self, index: int, seed: int, attempt: int = 0) -> Array:
        """J (N, N) of a realisation; rows receive. Later attempts are for those who cannot use the first."""
        symmetric, antisymmetric = _drawn_matrices(self.n_neuron, index, seed, attempt)
        share = np.sqrt((1 + self.symmetry) / 2), np.sqrt((1 - self.symmetry) / 2)
        matrix = share[0] * symmetric + share[1] * antisymmetric
        return np.asarray(matrix * (self.gain / np.sqrt(self.n_neuron)))

    @property
    def weights(self) -> Array:
        """J (N, N). Raises LookupError unless the model is a realisation."""
        if self.drawn is None:
            raise LookupError(
                f"{self.name}: the coupling belongs to a realisation; ask realisation(index, seed) for it"
            )
        return self.drawn


@lru_cache(maxsize=2)
def _drawn_matrices(n_neuron: int, index: int, seed: int, attempt: int) -> tuple[Array, Array]:
    """S and K (N, N) of a realisation, without their diagonals."""
    from nessmap.kernels.random import (
        PURPOSE_START,
        STREAM_VERSION,
        standard_normals,
    )  # late: planning must not load numba

    # a stream of its own: other parameters have no say
    name = json.dumps(
        ["random_coupling", n_neuron, index, seed, STREAM_VERSION, *([attempt] if attempt else [])]
    ).encode()
    key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
    made: list[Any] = []
    for draw, sign in enumerate((1.0, -1.0)):
        normals = np.empty((n_neuron, n_neuron))
        standard_normals(normals, np.uint64(key), 0, draw, PURPOSE_START)
        matrix = (normals + sign * normals.T) / np.sqrt(2)
        np.fill_diagonal(matrix, 0.0)
        made.append(matrix)
    return made[0], made[1]
