"""How far the overlaps of independent replicas of a finite random network stray from zero: fluctuations of the replica theory.

docs/theory.md, "Sampling the quasi-potential".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nessmap.theory.replica import ReplicaState


class OverlapFluctuations(NamedTuple):
    """Mean squares of overlaps between two replicas of one network, times the number of neurons; leading order in 1/N."""

    square: float
    """N <O_ab^2>, O_ab = phi_a.phi_b/N."""
    crossed: float
    """N <O_ab rho_ab>, rho_ab = -F_a.phi_b/(N T)."""


def overlap_fluctuations(gain: float, symmetry: float, state: ReplicaState) -> OverlapFluctuations:
    """Fluctuations about Q = 0; NaN where replicas overlap or are not stable.

    (1 - M)^-1 in its columns Qh and rho, M the map of replica differences   docs/theory.md, "Sampling the quasi-potential"

    Parameters
    ----------
    gain, symmetry : of the state.
    state : with Q = 0, of nessmap.theory.replica.

    >>> from nessmap.theory.replica import replica_state
    >>> linear = replica_state(0.5, 0.0, 1e-9)  # q^2/(1 - g^2)^2, q = T/(1 - g^2)
    >>> round(overlap_fluctuations(0.5, 0.0, linear).square / linear.self_overlap**2, 6)
    1.777778
    """
    if not state.converged or state.overlap > 0.0 or not state.stability < 1.0:
        return OverlapFluctuations(np.nan, np.nan)
    coupling, crossed = gain**2, gain**2 * symmetry
    # cumulants of one neuron: <phi; y>, <phi; phi>, <y; y> - 1/S
    alpha, beta = state.response, state.self_overlap
    kappa = 2.0 * state.conjugate / coupling if coupling > 0.0 else 0.0
    # of Q, Qh and g^2 gamma times 2 rho: finite at gamma = 0
    mapped = np.array(
        [
            [coupling * alpha**2, beta**2, alpha * beta],
            [coupling**2 * kappa**2, coupling * alpha**2, coupling * alpha * kappa],
            [
                2.0 * crossed * coupling * alpha * kappa,
                2.0 * crossed * alpha * beta,
                crossed * (alpha**2 + beta * kappa),
            ],
        ]
    )
    inverse = np.linalg.inv(np.eye(3) - mapped)
    return OverlapFluctuations(float(inverse[0, 1]), float(inverse[0, 2]))
