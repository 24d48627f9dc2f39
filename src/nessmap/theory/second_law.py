"""Second law of linear Langevin systems: variables of either parity, and parts that exchange information.

dx = A x dt + sqrt(2 D) dW. docs/theory.md, "Neurons that sense a velocity".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import gaussian
from nessmap.theory.gaussian_information import Coordinates
from nessmap.theory.gaussian_stationary import square_matrix, stable_system, symmetric_matrix

Array = NDArray[np.floating[Any]]


def irreversible_current_rate(drift_matrix: ArrayLike, diffusion: ArrayLike, parity: ArrayLike) -> float:
    """Mean square of the irreversible currents, each variable even or odd under time reversal  [k_B/time].

    tr(G^T D^-1 G S), G = (A + E A E)/2 + D S^-1, E = diag(parity)
    docs/theory.md (169); Spinney & Ford, PRE 85, 051113 (2012)

    All even: `gaussian.entropy_production_rate`. A coupling from an odd to an even variable is a reversible drift and
    costs nothing itself. Where S is not the covariance of the reversed state, E S E != S, this is the sum of the terms
    of irreversible currents, and not the divergence of paths from reversed paths. A coordinate without noise must have
    no irreversible drift: position next to velocity.

    Parameters
    ----------
    drift_matrix : (n, n) array [1/time]; stable.
    parity : (n,) of +1 and -1.

    Raises
    ------
    ValueError : a parity is neither, D is not diagonal by parity, or an irreversible drift acts where no noise does.

    >>> drift = [[-1.0, 0.0], [5.0, -5.0]]
    >>> [round(irreversible_current_rate(drift, np.eye(2), parity), 12) for parity in ([1, 1], [-1, 1])]
    [4.166666666667, 20.833333333333]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    sign = np.asarray(parity, dtype=np.float64)
    if sign.shape != (len(drift),) or not np.all(np.abs(sign) == 1.0):
        raise ValueError(f"parity: {parity!r}, expected {len(drift)} numbers +1 (even) or -1 (odd)")
    same = np.outer(sign, sign) > 0.0
    if np.any(noise[~same] != 0.0):
        raise ValueError("diffusion: correlates an even with an odd variable, expected no noise common to both")
    drift = np.where(same, drift, 0.0)
    noisy = np.diag(noise) > 0.0
    if drift[~noisy].any():
        raise ValueError("drift_matrix: an irreversible drift acts on a variable without noise, expected noise there")
    return float(mean_square_current(drift, noise, gaussian.stationary_covariance(drift_matrix, noise)))


def mean_square_current(irreversible_drift: Array, diffusion: Array, covariance: Array) -> Array:
    """The same in any Gaussian states of zero mean, given what of the drift is irreversible, (...)  [k_B/time].

    tr(G^T D^-1 G S), G = A_irr + D S^-1                                                          docs/theory.md (169)

    Parameters
    ----------
    irreversible_drift, diffusion : (n, n) arrays; no drift and no noise on the same coordinates.
    covariance : (..., n, n) array [x^2].
    """
    noisy = np.flatnonzero(np.diag(diffusion) > 0.0)
    current = (irreversible_drift + diffusion @ np.linalg.inv(covariance))[..., noisy, :]
    spread = current @ covariance @ np.swapaxes(current, -1, -2)
    return np.asarray(np.trace(np.linalg.solve(diffusion[np.ix_(noisy, noisy)], spread), axis1=-2, axis2=-1))


class SecondLaw(NamedTuple):
    """Of a part in any Gaussian state: entropy_flow + entropy_rate - information_flow = production >= 0."""

    information_flow: float
    """Rate at which the motion of a alone changes I(a; b) [nats/time]."""
    entropy_rate: float
    """Of the part's own differential entropy [k_B/time]."""
    entropy_flow: float
    """Into the bath of the part [k_B/time]."""
    production: float
    """[k_B/time]"""


def second_law(
    drift_matrix: ArrayLike,
    diffusion: ArrayLike,
    covariance: ArrayLike,
    a: Coordinates,
    b: Coordinates,
    mean: ArrayLike | None = None,
) -> SecondLaw:
    """Second law of a part with its information flow, in any Gaussian state of a bipartite system.

    I^a = [tr(S_aa^-1 S'_aa) - tr(S^-1 S'(a))]/2,  S'(a) = rows a of A S and transposed, 2 D_aa once
    sigma_a = <nu_a^T D_aa^-1 nu_a>, nu_a = A_a x + D_aa (S^-1 x)_a       docs/theory.md (171); Horowitz & Esposito (2014)

    Parameters
    ----------
    drift_matrix : (n, n) array [1/time]; need not be stable.
    covariance : (n, n) array [x^2], of the state now.
    a, b : coordinates that together are all; D_ab = 0.
    mean : (n,) array [x], of the state now; zero if not given.

    >>> law = second_law([[-1.0, 0.0], [1.0, -1.0]], np.eye(2), [[1.0, 0.5], [0.5, 1.5]], [1], [0])
    >>> [round(part, 12) for part in law]
    [0.2, 0.0, 0.5, 0.3]
    """
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    state = symmetric_matrix(covariance, "covariance", len(drift))
    order = np.arange(len(drift))
    part, rest = order[a], order[b]
    if not np.array_equal(np.sort(np.concatenate([part, rest])), order):
        raise ValueError(
            f"a, b: {part.tolist()} and {rest.tolist()}, expected a partition of all {len(drift)} coordinates"
        )
    if noise[np.ix_(part, rest)].any():
        raise ValueError("second_law: a and b share noise, expected D_ab = 0 (a bipartite system)")
    block = np.ix_(part, part)
    precision, noise_a = np.linalg.inv(state), noise[block]
    centre = np.zeros(len(drift)) if mean is None else np.asarray(mean, dtype=float)
    speed = np.zeros_like(state)
    speed[part] = drift[part] @ state
    speed = speed + speed.T
    speed[block] += 2.0 * noise_a
    own = float(np.trace(np.linalg.solve(state[block], speed[block]))) / 2.0
    velocity = drift[part] + noise_a @ precision[part]
    push = drift[part] @ centre
    moved = velocity @ state @ velocity.T + np.outer(push, push)
    given = drift[part] @ state @ drift[part].T + np.outer(push, push)
    return SecondLaw(
        own - 0.5 * float(np.sum(precision * speed)),
        own,
        float(np.trace(np.linalg.solve(noise_a, given)) + np.trace(drift[block])),
        float(np.trace(np.linalg.solve(noise_a, moved))),
    )
