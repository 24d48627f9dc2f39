"""Nonlinear fields in exact thermal equilibrium, their densities, and how far from detailed balance others are.

tau du/dt = -u + W f(u) + I + noise. Two families are at equilibrium for any f: symmetric W with noise D(u) ~ 1/f'(u) of each
site's own, and additive noise of covariance C with W = C diag(lambda). docs/theory.md, "Nonlinear equilibria".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_stationary import ROUNDING, Matrix, cholesky_factor, symmetric_matrix
from nessmap.theory.linear_response import Drift, jacobian
from nessmap.theory.transfer_functions import resolve

LocalDiffusion = Callable[[Matrix], Matrix]

_STENCIL = 2.0**-9  # of the scale: h^4 and rounding over h both near 1e-12


class DetailedBalanceDefect(NamedTuple):
    """Largest |d(D^-1 Ft)_i/du_j - d(D^-1 Ft)_j/du_i| over the states; 0 at equilibrium [1/u^2]."""

    value: float
    error: float
    """What differences leave uncertain [1/u^2]."""
    size: float
    """Largest entry of the Jacobian, to compare the value with [1/u^2]."""


@dataclasses.dataclass(frozen=True, eq=False)
class NonlinearField:
    """tau du/dt = -u + W f(u) + I on n sites; drift and noise are per unit time.

    Parameters
    ----------
    weights : (n, n) array W, first index receives [u].
    transfer : as `transfer_functions.resolve`.
    slope, threshold : beta [1/u], theta [u] of f.
    input : I, one number or one per site [u].
    time_constant : tau.
    """

    weights: Matrix
    transfer: str
    slope: float
    threshold: float = 0.0
    input: ArrayLike = 0.0
    time_constant: float = 1.0

    def drift(self, u: Matrix) -> Matrix:
        """F = (-u + W f(u) + I)/tau, (n, ...) to (n, ...) [u/tau]."""
        recurrent = np.tensordot(self.weights, self.response(u), axes=1)
        return np.asarray((recurrent - u + self._input(u)) / self.time_constant)

    def response(self, u: Matrix) -> Matrix:
        """f(u)."""
        return np.asarray(resolve(self.transfer).value(u, self.slope, self.threshold), dtype=np.float64)

    def gain(self, u: Matrix) -> Matrix:
        """f'(u) [1/u]."""
        return np.asarray(resolve(self.transfer).derivative(u, self.slope, self.threshold), dtype=np.float64)

    def integrated_response(self, u: Matrix) -> Matrix:
        """Int f du up to a constant [u]; from 0 by adaptive quadrature, to 1e-12, where no closed form is known.

        >>> field = NonlinearField(np.eye(1), "logistic", 2.0)
        >>> round(float(field.integrated_response(np.array([0.0]))[0] * 2.0), 12)  # ln 2
        0.69314718056
        """
        integral = resolve(self.transfer).integral
        if integral is not None:
            return np.asarray(integral(u, self.slope, self.threshold), dtype=np.float64)
        from scipy.integrate import quad_vec  # slow to load

        state = np.asarray(u, dtype=np.float64)
        along = quad_vec(lambda s: state * self.response(s * state), 0.0, 1.0, epsabs=1e-12, epsrel=1e-12, norm="max")
        return np.asarray(along[0])

    def _input(self, u: Matrix) -> Matrix:
        drive = np.asarray(self.input, dtype=np.float64)
        return drive.reshape(drive.shape + (1,) * (u.ndim - 1)) if drive.ndim else drive


def gain_matched_diffusion(field: NonlinearField, temperature: float, u: Matrix) -> Matrix:
    """D_i = T / f'(u_i), the noise that a symmetric W needs for equilibrium  [u^2/tau]; docs/theory.md (94).

    Parameters
    ----------
    temperature : T [u/tau].
    u : (n, ...) array.

    Raises
    ------
    ValueError : f' is not positive everywhere.

    >>> field = NonlinearField(np.eye(1), "logistic", 4.0)
    >>> gain_matched_diffusion(field, 0.5, np.zeros(1)).tolist()
    [0.5]
    """
    slope = field.gain(u)
    if not np.all(slope > 0.0):
        raise ValueError(f"transfer: slope {slope.min():.6g} [1/u] of {field.transfer}, expected > 0 at every state")
    return np.asarray(temperature / slope)


def energy(field: NonlinearField, u: ArrayLike) -> Matrix:
    """E(u) of a field with symmetric W, (n, ...) to (...)  [u/tau].

    E = (1/tau) [sum_i Int^(u_i) (s - I_i) f'(s) ds - (1/2) f^T W f],  dE/du_i = -f'(u_i) F_i           docs/theory.md (95)

    Raises
    ------
    ValueError : W is not symmetric to rounding.

    >>> linear = NonlinearField(0.5 * np.eye(1), "identity", 1.0)
    >>> energy(linear, [2.0]).tolist()  # (1 - 0.5) u^2 / 2
    1.0
    """
    state = np.asarray(u, dtype=np.float64)
    weights = np.asarray(field.weights)
    asymmetry = float(np.abs(weights - weights.T).max())
    if asymmetry > ROUNDING * float(np.abs(weights).max()):
        raise ValueError(f"weights: asymmetric by {asymmetry:.6g}, expected a symmetric matrix: no energy exists")
    response = field.response(state)
    local = (state - field._input(state)) * response - field.integrated_response(state)
    recurrent = np.sum(response * np.tensordot(weights, response, axes=1), axis=0)
    return np.asarray((local.sum(axis=0) - 0.5 * recurrent) / field.time_constant)


def gain_matched_log_density(field: NonlinearField, temperature: float, interpretation: float, u: ArrayLike) -> Matrix:
    """ln p up to a constant, of symmetric W and D_i = T / f'(u_i), (n, ...) to (...).

    ln p = -E/T + (alpha - 1) sum_i ln D_i                                                           docs/theory.md (96)

    alpha does not decide whether there is equilibrium, but it shapes the density. E is bounded for bounded f: the law then
    needs the second term (alpha < 1), or walls, to have an end.

    Parameters
    ----------
    temperature : T [u/tau].
    interpretation : alpha, 0 Ito, 1/2 Stratonovich, 1 anti-Ito.

    Raises
    ------
    ValueError : W is not symmetric, or f' not positive.

    >>> linear = NonlinearField(0.5 * np.eye(1), "identity", 1.0)
    >>> gain_matched_log_density(linear, 0.5, 0.5, np.array([2.0])) - gain_matched_log_density(linear, 0.5, 0.5, np.zeros(1))
    np.float64(-2.0)
    """
    state = np.asarray(u, dtype=np.float64)
    noise = gain_matched_diffusion(field, temperature, state)
    return np.asarray(-energy(field, state) / temperature + (interpretation - 1.0) * np.log(noise).sum(axis=0))


def additive_log_density(field: NonlinearField, noise_covariance: ArrayLike, u: ArrayLike) -> Matrix:
    """ln p up to a constant, of additive noise of covariance C with W = C diag(lambda), (n, ...) to (...).

    ln p = -tau [(u - I)^T C^-1 (u - I) / 2 - sum_i lambda_i Int^(u_i) f ds],  D = C/tau^2           docs/theory.md (97)

    W in proportion to C is the case of equal lambda; either sign is allowed.

    Parameters
    ----------
    noise_covariance : (n, n) array C, positive definite, <eta eta> = 2 C delta(t) [u^2 tau].

    Raises
    ------
    ValueError : C^-1 W is not diagonal to rounding; the message says by how much.

    >>> free = NonlinearField(np.zeros((2, 2)), "tanh", 1.0)
    >>> additive_log_density(free, np.eye(2), [1.0, 1.0]).tolist()
    -1.0
    """
    state = np.asarray(u, dtype=np.float64)
    covariance = symmetric_matrix(noise_covariance, "noise_covariance", len(field.weights))
    cholesky_factor(covariance, "noise_covariance", "give every direction noise")
    share = np.linalg.solve(covariance, field.weights)
    strength = np.diag(share)
    rest = np.abs(field.weights - covariance * strength)
    allowed = len(share) * ROUNDING * float(np.linalg.cond(covariance)) * float(np.abs(field.weights).max())
    if rest.max() > allowed:
        raise ValueError(
            f"weights: differ by {rest.max():.6g} from C diag(lambda), expected {allowed:.3g} at most [u]: not an"
            " equilibrium of this family; use weights in proportion to the noise covariance"
        )
    deviation = state - field._input(state)
    quadratic = 0.5 * np.sum(deviation * np.tensordot(np.linalg.inv(covariance), deviation, axes=1), axis=0)
    driven = np.tensordot(strength, field.integrated_response(state), axes=1)
    return np.asarray(-field.time_constant * (quadratic - driven))


def thermodynamic_force(
    drift: Drift, diffusion: ArrayLike | LocalDiffusion, interpretation: float = 0.0, scale: float = 1.0
) -> Drift:
    """D^-1 Ft as a function of the state, (n, ...) to (n, ...)  [1/u]; Ft_i = F_i + (alpha - 1) D_i'(u_i).

    At equilibrium, and only there, the gradient of ln p; docs/theory.md (91), (92). D' by a five-point difference.

    Parameters
    ----------
    drift : F, arrays (n, ...) to (n, ...) [u/tau].
    diffusion : (n, n) matrix, or a function (n, ...) to (n, ...) whose entry i depends on u_i alone [u^2/tau].
    interpretation : alpha, 0 Ito, 1/2 Stratonovich, 1 anti-Ito.
    scale : distance over which D varies [u].

    >>> force = thermodynamic_force(lambda u: -u, lambda u: 1.0 + u**2, 0.0)
    >>> force(np.array([1.0])).round(10).tolist()  # (-1 - 2) / 2
    [-1.5]
    """
    if not callable(diffusion):
        inverse = np.linalg.inv(symmetric_matrix(diffusion, "diffusion"))
        return lambda u: np.asarray(np.tensordot(inverse, drift(u), axes=1))
    local, step = diffusion, scale * _STENCIL

    def force(u: Matrix) -> Matrix:
        near, far = local(u + step) - local(u - step), local(u + 2 * step) - local(u - 2 * step)
        slope = (8 * near - far) / (12 * step)
        return np.asarray((drift(u) + (interpretation - 1.0) * slope) / local(u))

    return force


def detailed_balance_defect(
    drift: Drift,
    diffusion: ArrayLike | LocalDiffusion,
    interpretation: float,
    states: ArrayLike,
    scale: float = 1.0,
) -> DetailedBalanceDefect:
    """Antisymmetric part of the Jacobian of D^-1 Ft, its largest entry over some states  [1/u^2].

    d(D^-1 Ft)_i/du_j = d(D^-1 Ft)_j/du_i everywhere <=> equilibrium                                  docs/theory.md (93)

    For D_i(u_i) the same for every interpretation: alpha adds a gradient. A value beyond its error proves
    irreversibility; one below it at many states speaks for equilibrium.

    Parameters
    ----------
    drift, diffusion, interpretation, scale : as `thermodynamic_force`.
    states : (n_state, n) array [u].

    >>> turning = detailed_balance_defect(lambda u: np.stack([-u[0] + u[1], -u[1]]), np.eye(2), 0.0, [[0.3, 0.1]])
    >>> round(turning.value, 10), bool(turning.error < 1e-10)
    (1.0, True)
    """
    force = thermodynamic_force(drift, diffusion, interpretation, scale)
    value = error = size = 0.0
    for state in np.atleast_2d(np.asarray(states, dtype=np.float64)):
        slope = jacobian(force, state, scale)
        value = max(value, float(np.abs(slope.matrix - slope.matrix.T).max()))
        # the diagonal of the Jacobian differs D' once more; only what is compared counts
        off = slope.error * (1.0 - np.eye(len(state)))
        error = max(error, float((off + off.T).max()))
        size = max(size, float(np.abs(slope.matrix).max()))
    return DetailedBalanceDefect(value, error, size)
