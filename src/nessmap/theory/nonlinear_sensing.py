"""Neurons with any tuning curve f(v) of a Gaussian velocity: exact moments and heat from the Hermite series of f.

dr_i = -rho_i (r_i - a_i f_i(v) - sum_j J_ij r_j) dt + sqrt(2 D_i) dW_i, v as in nessmap.theory.sensing. Each Hermite
polynomial of v is an eigenfunction of its motion, so that second moments close. docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.brownian import require_positive
from nessmap.theory.gaussian_stationary import Matrix, solve_lyapunov
from nessmap.theory.sensing import SensingNetwork

Array = NDArray[np.floating[Any]]
Tuning = Callable[[Array], Array]

_REACH = 14.0  # standard deviations: He_n sqrt(weight) is bounded, and the other root is e^-49
_PANEL = 0.25  # 45 rad per standard deviation at the 2000th polynomial: 11 rad in a panel of 24 nodes
_NODES = 24
_GRADED = 48  # halvings of the panels towards a kink
_EXHAUSTED = 1e-12  # of the variance: what is left of the series is rounding


class TuningSpectrum(NamedTuple):
    """f(s z) = sum_n f_n He_n(z)/sqrt(n!), z standard normal; neurons first if there are several."""

    coefficients: Array
    """(..., n_term + 1) f_n [r]."""
    covariance: Array
    """Of f over all n >= 1, () or (N, N) [r^2]; what the terms leave of it is the tail of the series."""


def normal_panels(kinks: Array) -> tuple[Array, Array]:
    """Nodes and weights for averages over a standard normal variable, of functions with kinks, (m,) each.

    Gauss-Legendre panels over 14 standard deviations to either side, that shrink towards the kinks.
    """
    edges = np.arange(-_REACH, _REACH + _PANEL / 2, _PANEL)
    steps = _PANEL * 0.5 ** np.arange(_GRADED)
    inside = kinks[np.abs(kinks) < _REACH]
    edges = np.unique(np.concatenate([edges, *(kink + sign * steps for kink in inside for sign in (0, 1, -1))]))
    edges = edges[np.abs(edges) <= _REACH]
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    width = np.diff(edges)
    z = (edges[:-1, None] + width[:, None] * (node + 1) / 2).ravel()
    measure = (width[:, None] * weight / 2).ravel() * np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return z, measure


def hermite_functions(z: Array, n_term: int) -> Array:
    """He_n(z)/sqrt(n!) for n = 0 to n_term, (n_term + 1, m): orthonormal under a standard normal variable.

    >>> hermite_functions(np.array([2.0]), 2)[:, 0].round(12).tolist()
    [1.0, 2.0, 2.12132034356]
    """
    values = np.empty((n_term + 1, len(z)))
    before, here = np.zeros_like(z), np.ones_like(z)
    for n in range(n_term + 1):
        values[n] = here
        before, here = here, (z * here - math.sqrt(n) * before) / math.sqrt(n + 1)
    return values


def tuning_spectrum(
    tuning: Tuning, signal_variance: float, n_term: int = 2000, kinks: Sequence[float] = (0.0,)
) -> TuningSpectrum:
    """Hermite coefficients of a tuning curve.

    f_n = int f(s z) He_n(z)/sqrt(n!) exp(-z^2/2)/sqrt(2 pi) dz                                    docs/theory.md (173)

    Gauss-Legendre panels that shrink towards the kinks; a kink that is not named costs digits. Gauss-Hermite nodes serve
    smooth curves only: 200 of them, and 80 terms, miss 8 % of the heat of |v|^1/2.

    Parameters
    ----------
    tuning : f, (m,) to (m,) or, for N neurons, to (N, m) [v to r].
    signal_variance : s^2 [v^2].
    n_term : highest n, a multiple of 2, at least 4.
    kinks : where f or a derivative of it jumps or diverges [v].

    Raises
    ------
    ValueError : f is not finite somewhere.

    >>> found = tuning_spectrum(lambda v: v**2, 1.0, 4)
    >>> found.coefficients[::2].round(12).tolist(), round(float(found.covariance), 12)
    ([1.0, 1.414213562373, -0.0], 2.0)
    """
    require_positive("tuning_spectrum", signal_variance=signal_variance)
    if n_term < 4 or n_term % 2:
        raise ValueError(f"n_term: {n_term}, expected a multiple of 2, at least 4")
    deviation = math.sqrt(signal_variance)
    z, measure = normal_panels(np.asarray(kinks, dtype=float) / deviation)
    value = np.asarray(tuning(deviation * z), dtype=np.float64)
    if not np.all(np.isfinite(value)):
        raise ValueError(f"tuning: not finite within {_REACH:g} standard deviations, expected finite numbers [r]")
    weighted = value * measure
    mean = weighted.sum(axis=-1, keepdims=True)
    centred = value - mean
    coefficients = weighted @ hermite_functions(z, n_term).T
    return TuningSpectrum(coefficients, np.asarray((centred * measure) @ centred.T))


def power_law_spectrum(exponent: float, signal_variance: float, n_term: int = 20000) -> TuningSpectrum:
    """Hermite coefficients of |v|^alpha in closed form; only even ones, f_2m^2 ~ m^(-alpha - 3/2).

    f_2m = s^alpha M prod_{j < m} (alpha - 2 j)/sqrt((2 m)!),  M = 2^(alpha/2) Gamma((alpha + 1)/2)/sqrt(pi)
    docs/theory.md (176)

    Parameters
    ----------
    exponent : alpha > 0.

    >>> power_law_spectrum(2.0, 3.0, 4).coefficients.round(12).tolist()
    [3.0, 0.0, 4.242640687119, 0.0, 0.0]
    """
    require_positive("power_law_spectrum", exponent=exponent, signal_variance=signal_variance)
    if n_term < 4 or n_term % 2:
        raise ValueError(f"n_term: {n_term}, expected a multiple of 2, at least 4")

    def moment(power: float) -> float:
        return float((2 * signal_variance) ** (power / 2) * math.gamma((power + 1) / 2) / math.sqrt(math.pi))

    half = np.arange(n_term // 2)
    ratio = (exponent - 2 * half) / np.sqrt((2 * half + 1) * (2 * half + 2))
    coefficients = np.zeros(n_term + 1)
    coefficients[0] = moment(exponent)
    coefficients[2::2] = moment(exponent) * np.cumprod(ratio)
    return TuningSpectrum(coefficients, np.asarray(moment(2 * exponent) - moment(exponent) ** 2))


def series_tail(squares: Array, total: float) -> tuple[float, Array]:
    """What the series leaves of the total, and 32 values of n of equal weight that stand for it.

    Remainders R_n ~ n^-beta, beta from the last octave: a share y of the tail lies beyond n = N y^(-1/beta).
    """
    last = len(squares) - 1
    left = total - float(squares[1:].sum())
    before = left + float(squares[last // 2 + 1 :].sum())
    if left <= _EXHAUSTED * total:
        return 0.0, np.array([float(last)])
    decay = math.log2(before / left)
    share = (np.arange(32) + 0.5) / 32
    return left, np.asarray((last + 0.5) * share ** (-1.0 / decay))


class Response(NamedTuple):
    """Stationary moments of one neuron, and its heat."""

    mean: float
    """[r]"""
    variance: float
    """[r^2]"""
    covariance: float
    """With the velocity; 0 for even tuning, which depends on the velocity all the same [r v]."""
    entropy_flow: float
    """Heat / T = entropy production rate of the whole, with an even velocity [k_B/time]."""


def neuron_response(
    spectrum: TuningSpectrum,
    signal_rate: float,
    signal_variance: float,
    relaxation_rate: float,
    diffusion: float,
    dt: float = 0.0,
) -> Response:
    """Moments and heat of one neuron with any tuning, in continuous time or as it is simulated.

    Var r = D/rho + sum_n f_n^2 rho/(rho + n kappa),  heat = (rho^2/D) sum_n f_n^2 n kappa/(rho + n kappa)
    docs/theory.md (174); at a finite step (177)

    The tail of the series is added from the variance of f, as a power law: heat of |v|^1/2 to 1e-10 with 2000 terms. At a
    step dt the values are those of exact samples of v and of r relaxed to (f + f')/2 in each step, with heat by midpoints;
    1.4e-8 off for |v|^1/2 at kappa dt = 1/4000, where more terms matter.

    Parameters
    ----------
    signal_rate, signal_variance : kappa [1/time], s2 [v^2], as in the spectrum.
    relaxation_rate, diffusion : rho [1/time], D_r [r^2/time].
    dt : step of the simulation [time]; 0 for continuous time.

    >>> found = neuron_response(tuning_spectrum(lambda v: v**2, 1.0, 4), 1.0, 1.0, 2.0, 0.5)
    >>> round(found.mean, 12), round(found.variance, 12), round(found.entropy_flow, 12)
    (1.0, 1.25, 8.0)
    """
    require_positive("neuron_response", signal_rate=signal_rate, relaxation_rate=relaxation_rate, diffusion=diffusion)
    kappa, rho = signal_rate, relaxation_rate
    if spectrum.coefficients.ndim != 1:
        raise ValueError(f"spectrum: of {len(spectrum.coefficients)} neurons, expected one; use network_response")

    def kept(n: Array) -> Array:
        if dt == 0.0:
            return np.asarray(rho / (rho + n * kappa))
        memory, forgotten = np.exp(-n * kappa * dt), -math.expm1(-rho * dt)
        return np.asarray(forgotten * (1 + memory) / (2 * -np.expm1(-(rho + n * kappa) * dt)))

    def dissipated(n: Array) -> Array:
        if dt == 0.0:
            return np.asarray(rho**2 / diffusion * n * kappa / (rho + n * kappa))
        lost, both = -np.expm1(-2 * n * kappa * dt), -np.expm1(-(rho + n * kappa) * dt)
        return np.asarray(rho * -math.expm1(-2 * rho * dt) / (4 * diffusion * dt) * lost / both)

    squares = spectrum.coefficients**2
    order = np.arange(1.0, len(squares))
    left, beyond = series_tail(squares, float(spectrum.covariance))

    def summed(weight: Callable[[Array], Array]) -> float:
        return float(squares[1:] @ weight(order) + left * weight(beyond).mean())

    linear = float(spectrum.coefficients[1]) * math.sqrt(signal_variance)
    return Response(
        float(spectrum.coefficients[0]),
        diffusion / rho + summed(kept),
        linear * float(kept(np.ones(1))[0]),
        summed(dissipated),
    )


class NetworkResponse(NamedTuple):
    """Stationary moments of N neurons, and their heat."""

    mean: Array
    """(N,) [r]"""
    covariance: Array
    """(N, N) [r^2]"""
    signal_covariance: Array
    """(N,), with the velocity [r v]."""
    entropy_flow: Array
    """(N,), heat of each neuron / T; their sum is the entropy production rate, with an even velocity [k_B/time]."""


def network_response(network: SensingNetwork, spectrum: TuningSpectrum) -> NetworkResponse:
    """Moments and heat of a network, f_i(v) in the place of v: different neurons, recurrence, any tuning.

    X_n = (n kappa - A_rr)^-1 rho a f_n,  Y = sum_n X_n (rho a f_n)^T,  A_rr S + S A_rr^T = -(Y + Y^T + 2 D)
    heat_i = [A_rr S A_rr^T + A_rr Y + Y^T A_rr^T + cov(rho a f)]_ii/D_i + A_ii                     docs/theory.md (175)

    O(n_term N^3).

    Parameters
    ----------
    network : its gain multiplies the tuning curve.
    spectrum : of one curve for all, or of N curves.

    >>> pair = SensingNetwork(1.0, 1.0, [1.0, 1.0], 2.0, 0.5)
    >>> network_response(pair, tuning_spectrum(lambda v: v**2, 1.0, 4)).entropy_flow.round(12).tolist()
    [8.0, 8.0]
    """
    drive = network.coupling
    coefficients = drive[:, None] * spectrum.coefficients  # (N, n_term + 1)
    own = np.asarray(spectrum.covariance, dtype=float)
    forced = np.outer(drive, drive) * own
    drift: Matrix = network.drift_matrix[1:, 1:]
    unit = np.eye(len(drift))

    def lagged(n: Array) -> Array:
        return np.asarray(np.linalg.inv(n[:, None, None] * network.signal_rate * unit - drift))

    order = np.arange(1.0, coefficients.shape[1])
    response = (lagged(order) @ coefficients.T[1:, :, None])[..., 0]  # (n_term, N)
    mixed = response.T @ coefficients[:, 1:].T
    # the slowest part of the series decides what its tail looks like
    left, beyond = series_tail((coefficients**2).sum(axis=0), float(np.trace(forced)))
    if left > 0.0:
        mixed = mixed + lagged(beyond).mean(axis=0) @ (forced - coefficients[:, 1:] @ coefficients[:, 1:].T)
    noise = network.noise
    covariance = solve_lyapunov(drift, -(mixed + mixed.T + 2.0 * np.diag(noise)), np.ones(len(drift)))
    pushed = drift @ mixed
    moment = drift @ covariance @ drift.T + pushed + pushed.T + forced
    deviation = math.sqrt(network.signal_variance)
    return NetworkResponse(
        -np.linalg.solve(drift, coefficients[:, 0]),
        (covariance + covariance.T) / 2.0,
        deviation * response[0],
        np.diag(moment) / noise + np.diag(drift),
    )
