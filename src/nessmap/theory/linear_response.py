"""Linear theory of a nonlinear Langevin system about a fixed point: the state, the Jacobian with its error, neutral modes.

dx = F(x) dt + sqrt(2 D(x)) dW for any smooth F that maps arrays (n, ...) to arrays of the same shape. What comes out feeds
nessmap.theory.gaussian. docs/theory.md, "Linear response of a nonlinear system".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_stationary import Matrix, square_matrix, symmetric_matrix

Drift = Callable[[Matrix], Any]  # arrays of any float type
Diffusion = ArrayLike | Callable[[Matrix], Any]

_EPSILON = float(np.finfo(np.float64).eps)
_HALVINGS = 14  # 0.25 to 1.5e-5 of the scale: below, rounding has long won
_NEWTON_STEPS, _SHORTENINGS, _RELAXING_STEPS = 50, 30, 400
_NOISE_POINTS, _NOISE_ORDER = 24, 4


class NoFixedPointError(ValueError):
    """The search from a guess ended where the drift does not vanish."""


class FixedPoint(NamedTuple):
    """Where the drift vanishes, if `converged`; else the best state met, to be used for nothing."""

    state: Matrix
    residual: float
    """Largest |F_i| there [x/tau]."""
    converged: bool


class Jacobian(NamedTuple):
    """dF_i/dx_j [1/tau] and, entry by entry, a bound on what differences leave uncertain."""

    matrix: Matrix
    error: Matrix


class LinearisedSystem(NamedTuple):
    """dx = A x dt + sqrt(2 D) dW of the deviations x from `state`."""

    state: Matrix
    drift_matrix: Matrix
    diffusion_matrix: Matrix
    error: Matrix
    """Of the drift matrix, entry by entry [1/tau]."""
    leading_rate: float
    """Largest real part of its eigenvalues [1/tau]; negative = stable."""
    defect_bound: float
    """A D - D A^T below this cannot be told from detailed balance and was set to zero [x^2/tau^2]."""


class ProjectedSystem(NamedTuple):
    """A linear system on the complement of one direction, x = basis y."""

    drift_matrix: Matrix
    diffusion: Matrix
    basis: Matrix
    """(n, n - 1), orthonormal columns."""


def _values(drift: Drift, states: Matrix) -> Matrix:
    """F, checked."""
    found = np.asarray(drift(states), dtype=np.float64)
    if found.shape != states.shape:
        raise ValueError(f"drift: maps shape {states.shape} to {found.shape}, expected the same shape")
    if not np.all(np.isfinite(found)):
        raise ValueError(
            "drift: not finite near the state, expected finite numbers; start elsewhere or lower the scale"
        )
    return found


def _vector(values: ArrayLike, name: str) -> Matrix:
    state = np.array(values, dtype=np.float64)
    if state.ndim != 1 or state.size == 0 or not np.all(np.isfinite(state)):
        raise ValueError(f"{name}: shape {state.shape}, expected (n,) finite numbers with n >= 1")
    return state


def _rounding_level(drift: Drift, state: Matrix, scale: float) -> Matrix:
    """Rounding of every F_i [x/tau], from high differences along a short line; More & Wild, SISC 33, 1292 (2011).

    F at a fixed point is a small difference of large terms: its own size says nothing about its rounding.
    """
    # unequal steps, so that not every coordinate is displaced by the same power of two
    direction = 0.7 + 0.3 * np.cos(np.arange(len(state)) + 1.0)
    # a saturated F shows its rounding only where differences will take it
    places = scale * np.array([-0.25, 0.0, 0.25])
    steps = scale * 2.0**-24 * np.arange(_NOISE_POINTS)
    values = _values(drift, state[:, None, None] + direction[:, None, None] * (places[:, None] + steps))
    differences = np.diff(values, n=_NOISE_ORDER, axis=2)
    # squares of the binomial coefficients 1 4 6 4 1 add up to 70
    level = np.sqrt(np.mean(differences**2, axis=2) / 70.0)
    return np.asarray(6.0 * level.max(axis=1) + _EPSILON * np.abs(values).max(axis=(1, 2)))


def jacobian(drift: Drift, state: ArrayLike, scale: float = 1.0, tolerance: float = 0.0) -> Jacobian:
    """Matrix dF_i/dx_j by central differences, extrapolated to step zero, with an error for every entry  [1/tau].

    [F(x + h e_j) - F(x - h e_j)] / 2h, h = scale/4, scale/8, ...  docs/theory.md (78); Ridders, Adv. Eng. Softw. 4, 75 (1982)

    The step is halved until the error of every entry is below `tolerance` or none improves any more. The error is the
    disagreement of neighbouring extrapolations plus the measured rounding of F over h. At a kink it is the jump of the
    slope. 2 n evaluations of F per halving.

    Parameters
    ----------
    drift : F, arrays (n, ...) to (n, ...) [x/tau].
    state : (n,) array [x].
    scale : distance over which F varies [x]; the first step is a quarter of it.
    tolerance : error that is good enough [1/tau]; 0 asks for the best.

    Raises
    ------
    ValueError : F is not finite within scale/4 of the state.

    >>> found = jacobian(lambda x: x**3, [2.0])
    >>> round(float(found.matrix[0, 0]), 10), bool(found.error[0, 0] < 1e-11)
    (12.0, True)
    """
    state = _vector(state, "state")
    n_dim = len(state)
    unit = np.eye(n_dim)
    rounding = _rounding_level(drift, state, scale)[:, None]
    centre = _values(drift, state[:, None])
    best, error = np.zeros((n_dim, n_dim)), np.full((n_dim, n_dim), np.inf)
    row: list[Matrix] = []
    last_bend = np.full((n_dim, n_dim), np.inf)
    idle = 0
    for halving in range(_HALVINGS):
        step = 0.25 * scale * 0.5**halving
        ahead, behind = state[:, None] + step * unit, state[:, None] - step * unit
        # as displaced, not as meant: x + h rounds
        width = np.diag(ahead - behind)
        right, left = _values(drift, ahead), _values(drift, behind)
        above, row = row, [(right - left) / width]
        noise = 2.0 * (rounding + _EPSILON * np.maximum(np.abs(right), np.abs(left))) / width
        # F(x+h) - 2 F(x) + F(x-h) over h falls with h unless the slope jumps at x
        bend = np.abs(right - 2.0 * centre + left) / step
        jump = np.where((bend > 0.75 * last_bend) & (bend > 8.0 * noise), bend, 0.0)
        last_bend = bend
        improved = False
        for order, coarser in enumerate(above):
            finer = row[order]
            # the remainder is even in h: 4, 16, 64, ... times smaller after a halving
            extrapolated = finer + (finer - coarser) / (4.0 ** (order + 1) - 1.0)
            row.append(extrapolated)
            spread = np.maximum(np.abs(extrapolated - finer), np.abs(extrapolated - coarser))
            candidate = spread + noise + _EPSILON * np.abs(finer) + jump
            better = candidate < error
            improved |= bool(np.any(candidate < 0.5 * error))
            best, error = np.where(better, extrapolated, best), np.where(better, candidate, error)
        if jump.any():  # known only now: what larger steps promised is void
            best, error = np.where(jump > 0, row[0], best), np.where(jump > 0, np.maximum(error, jump), error)
        idle = 0 if improved else idle + 1
        if np.all(error <= tolerance) or (halving > 3 and idle == 3):
            break
    return Jacobian(best, error)


def fixed_point(drift: Drift, guess: ArrayLike, scale: float = 1.0, tolerance: float = 1e-12) -> FixedPoint:
    """State with F(x) = 0 near a guess: Newton's steps, shortened where they do not help, then relaxation  [x].

    J s = -F, x -> x + s / 2^m;  else (1/dt - J) s = F with dt growing as |F| falls          docs/theory.md (79)

    Newton's method also finds unstable states; relaxation follows dx/dt = F and finds those that it ends in.
    `converged` says that |F| is below tolerance or below its own rounding. Check it.

    Parameters
    ----------
    drift : F, arrays (n, ...) to (n, ...) [x/tau].
    guess : (n,) array [x].
    scale : distance over which F varies [x].
    tolerance : largest |F_i| that counts as zero [x/tau].

    >>> found = fixed_point(lambda x: 1.0 - x**2, [0.3])
    >>> round(float(found.state[0]), 12), found.converged
    (1.0, True)
    """
    start = _vector(guess, "guess")
    newton = _newton(drift, start, scale, tolerance)
    if newton.converged:
        return newton
    relaxed = _relaxed(drift, start, scale)
    last = _newton(drift, relaxed, scale, tolerance)
    return last if last.converged or last.residual < newton.residual else newton


def _size(values: Matrix) -> float:
    return float(np.abs(values).max())


def _newton(drift: Drift, state: Matrix, scale: float, tolerance: float) -> FixedPoint:
    """Newton's method with halved steps until |F| falls."""
    force = _values(drift, state[:, None])[:, 0]
    for _ in range(_NEWTON_STEPS):
        if _size(force) <= tolerance:
            break
        # a step needs no digits beyond its own
        slope = jacobian(drift, state, scale, tolerance=1e-6).matrix
        try:
            step = -np.linalg.solve(slope, force)
        except np.linalg.LinAlgError:
            break
        for halving in range(_SHORTENINGS):
            trial = state + step * 0.5**halving
            moved = np.asarray(drift(trial[:, None]), dtype=np.float64)[:, 0]
            if np.all(np.isfinite(moved)) and np.linalg.norm(moved) < np.linalg.norm(force):
                state, force = trial, moved
                break
        else:
            break
    residual = _size(force)
    rounding = float(_rounding_level(drift, state, scale).max())
    return FixedPoint(state, residual, residual <= max(tolerance, 4.0 * rounding))


def _relaxed(drift: Drift, state: Matrix, scale: float) -> Matrix:
    """State after relaxation by implicit Euler steps that grow as |F| falls."""
    force = _values(drift, state[:, None])[:, 0]
    slope = jacobian(drift, state, scale, tolerance=1e-6).matrix
    dt = 0.1 / max(float(np.linalg.norm(slope, 2)), _size(force) / scale, 1e-300)
    for _ in range(_RELAXING_STEPS):
        if _size(force) == 0.0:
            break
        slope = jacobian(drift, state, scale, tolerance=1e-6).matrix
        try:
            step = np.asarray(np.linalg.solve(np.eye(len(state)) / dt - slope, force), dtype=np.float64)
        except np.linalg.LinAlgError:
            step = np.full_like(state, np.inf)
        # no farther than the neighbourhood in which the slope holds
        moved = np.asarray(drift((state + step)[:, None]))[:, 0] if _size(step) < scale else np.full_like(state, np.inf)
        if not np.all(np.isfinite(moved)):
            dt *= 0.25
            continue
        growth = float(np.linalg.norm(force)) / max(float(np.linalg.norm(moved)), 1e-300)
        dt *= min(max(growth, 0.5), 2.0)
        state, force = state + step, moved
    return state


def diffusion_at(diffusion: Diffusion, state: Matrix) -> Matrix:
    """D (n, n) at a state [x^2/tau], of a matrix, a vector of local strengths, or a function that returns either."""
    values = np.asarray(diffusion(state) if callable(diffusion) else diffusion, dtype=np.float64)
    if values.shape == (len(state),):
        values = np.diag(values)
    return symmetric_matrix(values, "diffusion", len(state))


def linearise(
    drift: Drift, diffusion: Diffusion, guess: ArrayLike, scale: float = 1.0, tolerance: float = 1e-12
) -> LinearisedSystem:
    """Linear system of small deviations from the fixed point near a guess.

    A_ij = dF_i/dx_j, D = D(x*) at F(x*) = 0                                               docs/theory.md (78), (80)

    Where the error of A explains all of A D - D A^T and D is positive definite, A D is made symmetric, so that an
    exactly reversible system has an entropy production rate of 0.0; what this may hide is `defect_bound`.
    The drift is taken as it is given: a drift that noise induces is of higher order in D.

    Parameters
    ----------
    drift : F, arrays (n, ...) to (n, ...) [x/tau].
    diffusion : (n, n) matrix, (n,) local strengths, or a function of the state (n,) that returns either [x^2/tau].
    guess, scale, tolerance : as `fixed_point`.

    Raises
    ------
    ValueError : no fixed point was reached; the message names the residual.

    >>> system = linearise(lambda x: np.stack([-x[0] + x[1] ** 2, -2.0 * x[1]]), np.eye(2), [0.1, 0.1])
    >>> system.drift_matrix.round(9).tolist(), round(system.leading_rate, 9)
    ([[-1.0, 0.0], [0.0, -2.0]], -1.0)
    """
    found = fixed_point(drift, guess, scale, tolerance)
    if not found.converged:
        raise NoFixedPointError(
            f"drift: residual {found.residual:.6g} [x/tau] at the best state, expected a fixed point; start nearer to"
            " one, or lower the scale to the distance over which the drift varies"
        )
    matrix, error = jacobian(drift, found.state, scale)
    noise = diffusion_at(diffusion, found.state)
    flux = matrix @ noise
    bound = error @ np.abs(noise)
    bound = bound + bound.T
    if np.all(np.abs(flux - flux.T) <= bound):
        lowest = float(np.linalg.eigvalsh(noise)[0])
        if lowest > len(noise) * _EPSILON * float(np.abs(noise).max()):
            matrix = np.asarray(np.linalg.solve(noise, 0.5 * (flux + flux.T)).T, dtype=np.float64)
    leading = float(np.linalg.eigvals(matrix).real.max())
    return LinearisedSystem(found.state, matrix, noise, error, leading, float(bound.max()))


def project_neutral(
    drift_matrix: ArrayLike, diffusion: ArrayLike, mode: ArrayLike, tolerance: float = 1e-6
) -> ProjectedSystem:
    """The system beside a neutral mode e, A e = 0: what fluctuates in shape while a bump wanders.

    x = e s + V y, V^T e = 0:  dy = V^T A V y dt + noise of V^T D V                        docs/theory.md (81)

    y does not depend on s, so that its law and its entropy production stand alone; the rate is a lower bound of the whole.

    Parameters
    ----------
    drift_matrix, diffusion : (n, n) arrays [1/tau], [x^2/tau].
    mode : (n,) array, any length but 0.
    tolerance : of |A e| relative to |A| |e|.

    Raises
    ------
    ValueError : the mode is not neutral; the message names its rate.

    >>> drift = [[-1.0, 1.0, 0.0], [1.0, -2.0, 1.0], [0.0, 1.0, -1.0]]
    >>> projected = project_neutral(drift, np.eye(3), [1.0, 1.0, 1.0])
    >>> np.linalg.eigvalsh(projected.drift_matrix).round(12).tolist()
    [-3.0, -1.0]
    """
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    direction = _vector(mode, "mode")
    if direction.shape != (len(drift),) or not direction.any() or len(drift) < 2:
        raise ValueError(f"mode: shape {direction.shape}, expected ({len(drift)},) not all zero, of at least 2")
    direction = direction / np.linalg.norm(direction)
    rate = float(np.linalg.norm(drift @ direction))
    if rate > tolerance * float(np.linalg.norm(drift, 2)):
        raise ValueError(
            f"mode: changes at the rate {rate:.6g} [1/tau], expected 0 (a neutral mode); pass the derivative of the"
            " state along its symmetry, or raise the tolerance if the grid breaks the symmetry"
        )
    basis = np.linalg.qr(direction[:, None], mode="complete")[0][:, 1:]
    return ProjectedSystem(basis.T @ drift @ basis, basis.T @ noise @ basis, basis)


def neglected_share(
    drift: Drift, state: ArrayLike, drift_matrix: ArrayLike, covariance: ArrayLike, n_point: int = 1024
) -> float:
    """What the linear drift leaves out over the linear drift, root mean squares under the linear law  [1].

    < |F(x* + x) - A x|^2 > / < |A x|^2 >, square root, x Gaussian of covariance S              docs/theory.md (82)

    The small parameter of linear response, all orders included: it grows as the square root of the noise where F is curved, in
    proportion to it where F is odd. From n_point fixed draws in pairs x, -x: a few per cent, and the same at every call.

    Parameters
    ----------
    drift : F, arrays (n, ...) to (n, ...) [x/tau].
    state : (n,) array, the fixed point [x].
    drift_matrix : (n, n) array A [1/tau].
    covariance : (n, n) array S, of the linear law [x^2].

    >>> share = neglected_share(lambda x: -x + 0.1 * x**2, [0.0], [[-1.0]], [[4.0]])
    >>> bool(abs(share - 0.1 * 3**0.5 * 2.0) < 0.02)  # exactly 0.1 sqrt(3 S)
    True
    """
    centre = _vector(state, "state")
    matrix, spread = (
        square_matrix(drift_matrix, "drift_matrix"),
        symmetric_matrix(covariance, "covariance", len(centre)),
    )
    values, vectors = np.linalg.eigh(spread)
    half = np.random.Generator(np.random.PCG64(1)).standard_normal((len(centre), n_point // 2))
    apart = vectors @ (np.sqrt(np.clip(values, 0.0, None))[:, None] * np.hstack([half, -half]))
    linear = matrix @ apart
    rest = _values(drift, centre[:, None] + apart) - linear
    size = float(np.sum(linear**2))
    return float(np.sqrt(np.sum(rest**2) / size)) if size else float("nan")
