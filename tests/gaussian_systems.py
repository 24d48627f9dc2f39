"""Linear systems that the tests of nessmap.theory share, the oracles, and the precision they allow.

The oracles were computed by an independent derivation with drift -A x; their matrices are negated when they are read.
"""

import json
import math
from pathlib import Path

import numpy as np
import scipy.linalg
from hypothesis import assume, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nessmap.theory import gaussian

Matrix = NDArray[np.float64]

AMARI = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
SENSING = json.loads((Path(__file__).parent / "oracles" / "sensing.json").read_text())["oracles"]
EPSILON = float(np.finfo(np.float64).eps)
ORACLE = 1e-9  # relative; the oracles are float64 with at least ten correct digits
# relative; rounding of 1e-16 times the condition numbers of D (100) and S (1e4), which random_system bounds
ROUNDED = 1e-10
# relative, where matrices were first transformed by a factor of condition up to 100 or inverted once more
ROUNDED_TWICE = 1e-8
EXAMPLES = settings(max_examples=30, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def random_system(seed: int, n_dim: int, n_first: int = 0) -> tuple[Matrix, Matrix]:
    """(A, D), every rate between 0.3 and about 5; with n_first > 0 the noise does not cross that cut (bipartite)."""
    random = np.random.default_rng(seed)
    drift = random.normal(size=(n_dim, n_dim))
    drift -= (np.linalg.eigvals(drift).real.max() + 0.3 + random.random()) * np.eye(n_dim)
    root = random.normal(size=(n_dim, n_dim))
    diffusion = root @ root.T / n_dim + 0.2 * np.eye(n_dim)
    if n_first:
        diffusion[:n_first, n_first:] = 0.0
        diffusion[n_first:, :n_first] = 0.0
    # So that ROUNDED is a bound.
    assume(np.linalg.cond(diffusion) < 100)
    assume(np.linalg.cond(gaussian.stationary_covariance(drift, diffusion)) < 1e4)
    return drift, diffusion


def random_covariance(seed: int, n_dim: int) -> Matrix:
    root = np.random.default_rng(seed).normal(size=(n_dim, n_dim))
    return root @ root.T / n_dim + 0.1 * np.eye(n_dim)


def ring_coupling(n_site: int, length: float, width: float, strength: float, shift: float = 0.0) -> Matrix:
    """dx w((i - j) dx) for a Gaussian kernel summed over its periodic images; rows are targets."""
    spacing = length / n_site
    distance = spacing * np.arange(n_site)[:, None] + length * np.arange(-6, 7) - shift
    kernel = strength / (math.sqrt(2 * math.pi) * width) * np.exp(-0.5 * (distance / width) ** 2)
    return spacing * scipy.linalg.circulant(kernel.sum(axis=1))


def shifted_ring() -> tuple[Matrix, Matrix]:
    """Oracle C03: white noise 0.1 / dx on 16 sites of a ring of length 8."""
    return 0.9 * ring_coupling(16, 8.0, 0.7, 0.8, 0.5) - np.eye(16), 0.2 * np.eye(16)


def dense_system() -> tuple[Matrix, Matrix]:
    """Oracle C15: 6 x 6, correlated noise."""
    root = np.array(AMARI["C15"]["params"]["B"])
    return -np.array(AMARI["C15"]["params"]["A"]), root @ root.T


def rotation(damping: float, frequency: float) -> tuple[Matrix, Matrix]:
    return np.array([[-damping, -frequency], [frequency, -damping]]), np.eye(2)


def sensor(case: dict) -> tuple[Matrix, Matrix]:
    """v -> r with any number of neurons: oracles neuron_linear, population, recurrent."""
    gain = np.atleast_1d(np.asarray(case["a"], dtype=float)) * np.ones(case.get("N", 1))
    n_neuron, rate = len(gain), case["rho"]
    drift = np.zeros((1 + n_neuron, 1 + n_neuron))
    drift[0, 0] = -case["kappa"]
    drift[1:, 0] = rate * gain
    drift[1:, 1:] = rate * (np.asarray(case.get("J", np.zeros((n_neuron, n_neuron)))) - np.eye(n_neuron))
    return drift, np.diag([case["kappa"] * case["s2"]] + n_neuron * [case["D_r"]])


def reservoir_flow(drift: Matrix, diffusion: Matrix, part: slice) -> float:
    """Entropy flow of a part into its reservoir: tr(D_aa^-1 (A S A^T)_aa) + tr A_aa, for D_ab = 0."""
    second_moment = drift @ gaussian.stationary_covariance(drift, diffusion) @ drift.T
    return float(
        np.trace(np.linalg.solve(diffusion[part, part], second_moment[part, part])) + np.trace(drift[part, part])
    )
