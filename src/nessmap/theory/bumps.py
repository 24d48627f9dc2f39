"""Bumps of activity on a ring: found, followed to where they end, and how one that nothing holds wanders.

tau du/dt = -u + W f(u) + I with a homogeneous symmetric W and an input I that is even about a centre. Without a local
input a bump may stand anywhere: its shift is a neutral mode, which the mirror symmetry about the centre keeps out of Newton's
equations. docs/theory.md, "Bumps".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory import gaussian
from nessmap.theory.gaussian_stationary import Matrix, cholesky_factor, symmetric_matrix
from nessmap.theory.linear_response import project_neutral
from nessmap.theory.nonlinear_equilibria import NonlinearField
from nessmap.theory.transfer_functions import resolve

_NEWTON_STEPS, _SHORTENINGS, _GUESSES = 40, 12, 32
_RESIDUAL = 1e-13  # of Newton's method, relative to 1 + max |u|
_SAME, _UNIFORM = 1e-7, 1e-6  # two states, and one without a bump, relative to the same
_FAR = 4.0  # from the threshold, in 1/slope: where responses of a guess are taken


class Bump(NamedTuple):
    """A state with one elevation, even about its centre, and how fast deviations from it grow."""

    state: Matrix
    """u* (n,) [u]."""
    width: float
    """At half its height, in sites."""
    shape_rate: float
    """Leading rate of even deviations: existence ends where it is 0 [1/tau]."""
    shift_rate: float
    """Leading rate of odd deviations: the shift, 0 on a fine grid where nothing holds the bump [1/tau]."""


class NeutralMode(NamedTuple):
    """The shift of a bump, A e = rate e and v^T A = rate v^T with v = f'(u*) e."""

    mode: Matrix
    """e (n,), of unit length, odd about the centre."""
    adjoint: Matrix
    """v (n,), v.e = 1."""
    rate: float
    """0 but for the grid, which holds or repels the bump [1/tau]."""
    next_rate: float
    """Largest rate of all the others [1/tau]."""


def mirror_bases(n_site: int, centre: float) -> tuple[Matrix, Matrix]:
    """Orthonormal columns of the even and of the odd functions about a site or half-way between two.

    >>> even, odd = mirror_bases(4, 0.5)
    >>> (2 * even**2).round(12).tolist(), odd.shape
    ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], (4, 2))
    """
    site = np.arange(n_site)
    image = (round(2 * centre) - site) % n_site
    first = site[site <= image]
    unit = np.eye(n_site)
    even = unit[:, first] + unit[:, image[first]]
    odd = (unit[:, first] - unit[:, image[first]])[:, first != image[first]]
    return even / np.linalg.norm(even, axis=0), odd / np.sqrt(2.0)


def jacobian(field: NonlinearField, state: Matrix) -> Matrix:
    """A = (W f'(u) - 1)/tau, (n, n) [1/tau].

    >>> jacobian(NonlinearField(np.eye(1), "identity", 0.5), np.zeros(1)).tolist()
    [[-0.5]]
    """
    return np.asarray((field.weights * field.gain(state) - np.eye(len(state))) / field.time_constant)


def _newton(field: NonlinearField, guess: Matrix, even: Matrix) -> Matrix | None:
    """Even state with F = 0, by Newton's steps that are halved until |F| falls; None where they get stuck."""
    state, force = guess, even.T @ field.drift(guess)
    for _ in range(_NEWTON_STEPS):
        if np.abs(force).max() * field.time_constant <= _RESIDUAL * (1 + np.abs(state).max()):
            return state
        try:
            step = -even @ np.linalg.solve(even.T @ jacobian(field, state) @ even, force)
        except np.linalg.LinAlgError:
            return None
        for halving in range(_SHORTENINGS):
            trial = state + 0.5**halving * step
            moved = even.T @ field.drift(trial)
            if np.linalg.norm(moved) < np.linalg.norm(force):
                state, force = trial, moved
                break
        else:
            return None
    return None


def _leading(matrix: Matrix) -> float:
    return float(np.linalg.eigvals(matrix).real.max(initial=-np.inf))


def width_at_half_height(state: Matrix, centre: float) -> float:
    """Sites between the two places where u crosses half its height; NaN unless it does so twice, around the centre.

    >>> width_at_half_height(np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]), 2.5)
    2.0
    """
    above = state - (state.max() + state.min()) / 2
    following = np.roll(above, -1)
    crossing = np.flatnonzero((above > 0) != (following > 0))
    if len(crossing) != 2 or above[int(centre)] <= 0:
        return float("nan")
    place = crossing + above[crossing] / (above[crossing] - following[crossing])
    return float(place[1] - place[0] if above[crossing[0]] <= 0 else len(state) - place[1] + place[0])


def _guess(field: NonlinearField, excited: float, centre: float) -> Matrix:
    """State that follows if `excited` sites around the centre answer as far above threshold, the others as far below."""
    function, far = resolve(field.transfer), _FAR / field.slope
    low, high = (float(function.value(field.threshold + side * far, field.slope, field.threshold)) for side in (-1, 1))
    n_site = len(field.weights)
    distance = np.abs((np.arange(n_site) - centre + n_site / 2) % n_site - n_site / 2)
    share = np.clip((excited - 2 * distance + 1) / 2, 0.0, 1.0)
    return np.asarray(field.weights @ (low + (high - low) * share) + field.input)


def bumps(field: NonlinearField, centre: float) -> list[Bump]:
    """All states with one bump about the centre that Newton's method reaches from top hats of 32 widths, lowest first.

    E^T F(E y) = 0 for even states u = E y                                                   docs/theory.md (114)

    Stable and unstable ones: where a bump exists without local input, a narrow unstable one does too. Empty: none was met.

    Parameters
    ----------
    field : W homogeneous on a ring and symmetric, input even about the centre.
    centre : a site, or half-way between two (.5).

    >>> distance = np.minimum(np.arange(24), 24 - np.arange(24)) / 3
    >>> row = (np.exp(-(distance**2) / 1.28) / 0.8 - np.exp(-(distance**2) / 5.12) / 1.6) / 3 * 4 / np.sqrt(2 * np.pi)
    >>> weights = np.array([np.roll(row, j) for j in range(24)])
    >>> narrow, wide = bumps(NonlinearField(weights, "logistic", 6.0, 0.5), 11.5)
    >>> narrow.shape_rate > 0 > wide.shape_rate, wide.width > narrow.width
    (True, True)
    """
    n_site = len(field.weights)
    even, odd = mirror_bases(n_site, centre)
    found: list[Bump] = []
    for excited in np.linspace(1.0, n_site - 1.0, _GUESSES):
        state = _newton(field, _guess(field, float(excited), centre), even)
        if state is None:
            continue
        size = 1 + np.abs(state).max()
        width = width_at_half_height(state, centre) if np.ptp(state) > _UNIFORM * size else np.nan
        if np.isnan(width) or any(np.abs(state - other.state).max() < _SAME * size for other in found):
            continue
        slope = jacobian(field, state)
        found.append(Bump(state, width, _leading(even.T @ slope @ even), _leading(odd.T @ slope @ odd)))
    return sorted(found, key=lambda bump: float(np.ptp(bump.state)))


class BranchPoint(NamedTuple):
    """A bump of given response, and the homogeneous input that holds it."""

    state: Matrix
    input: float
    """Added to the field's own [u]."""
    slope: float
    """d input / d response: 0 where the branch turns, negative on its narrow, unstable side [u]."""


def branch_point(field: NonlinearField, response: float, centre: float) -> BranchPoint:
    """The bump whose responses add up to a given number, and the homogeneous input that it needs.

    F(u) + h/tau = 0, sum_i f(u_i) = response                                               docs/theory.md (115)

    One equation more than unknowns of the state makes the turn of the branch a point like any other. For a step function the
    response is the width, and h = theta - I - W(width) (Amari 1977).

    Parameters
    ----------
    response : sum over sites of f(u), less than its saturation [1].

    Raises
    ------
    ValueError : Newton's method does not converge.
    """
    even, _ = mirror_bases(len(field.weights), centre)
    total = even.sum(axis=0)
    state, shift = _guess(field, response, centre), 0.0
    for _ in range(_NEWTON_STEPS):
        force = even.T @ field.drift(state) * field.time_constant + shift * total
        rest = np.append(force, field.response(state).sum() - response)
        slope = even.T @ jacobian(field, state) @ even * field.time_constant
        bordered = np.block([[slope, total[:, None]], [(field.gain(state) @ even)[None], np.zeros((1, 1))]])
        if np.abs(rest).max() <= 10 * _RESIDUAL * len(state) * (1 + np.abs(state).max()):
            along = np.linalg.solve(bordered, np.append(np.zeros(len(total)), 1.0))
            return BranchPoint(state, float(shift), float(along[-1]))
        try:
            step = -np.linalg.solve(bordered, rest)
        except np.linalg.LinAlgError:  # all sites saturated
            break
        # no farther than f varies: a step across the threshold would lose the bump
        step = step * min(1.0, 2.0 / (field.slope * float(np.abs(step).max())))
        state, shift = state + even @ step[:-1], shift + step[-1]
    raise ValueError(
        f"response: no bump of {response:.6g} was reached, residual {np.abs(rest).max():.6g} [u]; stay between 0 and"
        f" {len(state)} sites' saturation, or lower the slope"
    )


def existence_threshold(field: NonlinearField, centre: float, narrow: float, wide: float) -> BranchPoint:
    """Where stable and unstable bump meet: the lowest homogeneous input, added to the field's own, that holds a bump.

    d h / d response = 0                                                                     docs/theory.md (115)

    Parameters
    ----------
    narrow, wide : responses on the unstable and on the stable side.

    Raises
    ------
    ValueError : the branch does not turn between them.
    """
    from scipy.optimize import brentq  # slow to load

    ends = [branch_point(field, response, centre).slope for response in (narrow, wide)]
    if not ends[0] < 0 < ends[1]:
        raise ValueError(
            f"narrow, wide: slopes {ends[0]:.6g} and {ends[1]:.6g} [u] of the input, expected one below and one above 0;"
            " move them apart"
        )
    turn = brentq(lambda response: branch_point(field, response, centre).slope, narrow, wide, xtol=1e-12, rtol=1e-12)
    return branch_point(field, turn, centre)


def neutral_mode(field: NonlinearField, state: Matrix, centre: float) -> NeutralMode:
    """The shift of a bump: the slowest odd deviation, what undoes it, and its rate on this grid.

    A u*' = 0 in the continuum; v = f'(u*) u*' for symmetric W                              docs/theory.md (114), (117)

    The rate falls exponentially with the number of sites, and changes sign between a centre on a site and one half-way.
    """
    even, odd = mirror_bases(len(state), centre)
    slope = jacobian(field, state)
    rates, modes = np.linalg.eig(odd.T @ slope @ odd)
    order = np.argsort(-rates.real)
    mode = odd @ modes[:, order[0]].real
    # u*' is positive before the centre
    mode = mode / np.linalg.norm(mode) * np.sign(mode[(int(np.floor(centre)) - 1) % len(state)] or 1.0)
    adjoint = field.gain(state) * mode
    others = max(_leading(even.T @ slope @ even), float(rates.real[order[1]]) if len(order) > 1 else -np.inf)
    return NeutralMode(mode, adjoint / (adjoint @ mode), float(rates.real[order[0]]), others)


def derivative(state: Matrix, length: float) -> Matrix:
    """du/dx at the sites of a ring, by its Fourier series  [u/length].

    >>> x = np.arange(8) / 8
    >>> derivative(np.sin(2 * np.pi * x), 1.0).round(12)[0] == round(2 * np.pi, 12)
    np.True_
    """
    n_site = len(state)
    wavenumber = 2j * np.pi * np.arange(n_site // 2 + 1) / length
    if n_site % 2 == 0:
        wavenumber[-1] = 0.0  # the shortest wave has no phase
    return np.fft.irfft(wavenumber * np.fft.rfft(state), n=n_site)


def position_diffusion(neutral: NeutralMode, state: Matrix, diffusion: ArrayLike, length: float) -> float:
    """Diffusion constant of the place of a bump that nothing holds, under weak noise  [length^2/tau].

    v^T D v / (v . u*')^2, <x^2> = 2 D_x t           docs/theory.md (117); Kilpatrick & Ermentrout, SIADS 12, 61 (2013)

    Parameters
    ----------
    diffusion : (n, n) array D [u^2/tau].
    length : of the ring.
    """
    noise = symmetric_matrix(diffusion, "diffusion", len(state))
    moved = float(neutral.adjoint @ derivative(state, length))
    return float(neutral.adjoint @ noise @ neutral.adjoint) / moved**2


def wandering_rate(drift_matrix: ArrayLike, diffusion: ArrayLike, mode: ArrayLike, tolerance: float = 1e-6) -> float:
    """Entropy production rate of a linear system with a neutral mode e, place and shape together  [k_B/tau].

    tr[D^-1 N S_y N^T], N = A V + D V S_y^-1, x = e s + V y, s uniform                       docs/theory.md (118)

    The limit of a force that holds s ever more weakly. At least the rate of the shape y alone, which does not see the
    currents of s. Exactly 0.0 where A D is symmetric to rounding.

    Parameters
    ----------
    drift_matrix, diffusion : (n, n) arrays [1/tau], [x^2/tau].
    mode : (n,) array e, any length but 0.
    tolerance : of |A e| relative to |A| |e|.

    Raises
    ------
    ValueError : the mode is not neutral, or the others do not decay.

    >>> drift = np.array([[0.0, 2.0], [0.0, -1.0]])  # a place that is pushed by a shape
    >>> round(wandering_rate(drift, np.eye(2), [1.0, 0.0]), 12)
    4.0
    """
    drift, noise = np.asarray(drift_matrix, dtype=np.float64), symmetric_matrix(diffusion, "diffusion")
    shape = project_neutral(drift, noise, mode, tolerance)
    cholesky_factor(noise, "diffusion", "reversed paths are impossible without noise everywhere")
    flux = drift @ noise
    if np.abs(flux - flux.T).max() <= 1e-12 * np.abs(flux).max():
        return 0.0
    covariance = gaussian.stationary_covariance(shape.drift_matrix, shape.diffusion)
    velocity = drift @ shape.basis + noise @ np.linalg.solve(covariance, shape.basis.T).T
    return float(np.sum(np.linalg.solve(noise, velocity) * (velocity @ covariance)))
