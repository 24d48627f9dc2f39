"""What a finite window of a stationary path shows: moments of its entropy sum, the bound they set, and its periodogram.

Paths of dx = A x dt + sqrt(2 D) dW are sampled exactly at steps dt. docs/theory.md, "Finite windows".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import blocks

Array = NDArray[np.floating[Any]]
_FORGOTTEN = 1e-10  # of a propagator: a covariance is quadratic in it


def path_sum_moments(drift: Array, diffusion: Array, dt: float, n_step: int) -> tuple[Array, Array]:
    """Mean and variance of the entropy sum y = sum_{n < n_step} x_{n+1}^T M_a x_n of a stationary window, (...) each [k_B].

    The mean is n_step times (33); the variance follows from Isserlis' theorem, lag by lag: docs/theory.md (68).

    Parameters
    ----------
    drift, diffusion : (..., w, w); stable blocks, noise in every direction.
    dt : spacing of the samples [time].
    n_step : steps in the window; O(n_step w^3), less where the window is longer than the memory.

    >>> mean, variance = path_sum_moments(np.array([[-1.0, -2.0], [2.0, -1.0]]), np.eye(2), 0.1, 1)
    >>> float(mean.round(9)), float(variance.round(9))
    (0.719053777, 1.96719231)
    """
    force = np.linalg.solve(diffusion, drift)
    force = (force - force.mT) / 2
    covariance = blocks.stationary_covariance(drift, diffusion)
    step, _ = blocks.propagator(drift, diffusion, dt)
    before: Array = (step @ covariance).mT  # <x(l dt) x(0)^T> at l - 1, l, l + 1
    here, after = covariance, before.mT
    # tr(M^T F S) = tr(M S F^T), less tr(M S) = 0, which would cancel at short steps
    mean = n_step * np.einsum("...ij,...ij->...", force, after - here)
    variance: Array = np.zeros_like(mean)
    power: Array = np.eye(drift.shape[-1])
    for lag in range(n_step):
        pairs = (n_step - lag) * (1 if lag == 0 else 2)
        same = np.einsum("...ij,...ij->...", force @ here, here @ force)
        crossed = np.einsum("...ij,...ji->...", force @ before.mT, force @ after)
        variance = variance + pairs * (same + crossed)
        before, here, after = here, after, step @ after
        power = step @ power
        if np.abs(power).max(initial=0.0) < _FORGOTTEN:
            break
    return np.asarray(mean), np.asarray(variance)


def tur_bound(mean: ArrayLike, variance: ArrayLike, duration: ArrayLike) -> Array:
    """Least entropy production rate that a current of this mean and variance permits [k_B/time].

    2 mean^2 / (variance duration), for windows of any length
    docs/theory.md (69); Barato & Seifert, PRL 114, 158101 (2015); Horowitz & Gingrich, PRE 96, 020103 (2017)

    Parameters
    ----------
    mean, variance : of the current summed over a window.
    duration : of the window [time].

    >>> float(tur_bound(4.0, 8.0, 2.0))
    2.0
    """
    return np.asarray(2 * np.asarray(mean) ** 2 / (np.asarray(variance) * np.asarray(duration)))


def hann_window(n: int) -> Array:
    """Periodic Hann window sin^2(pi j / n), (n,); its squares add up to 3 n / 8 for n >= 3.

    >>> hann_window(4).round(12).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return np.asarray(np.sin(np.pi * np.arange(n) / n) ** 2)


def power_spectrum(decay: ArrayLike, rotation: ArrayLike, diffusion: ArrayLike, frequency: ArrayLike) -> Array:
    """Spectrum 2 d / (gamma^2 + (nu + omega)^2) of a unitary mode u_k ~ e^(i nu t) [u^2 time]; docs/theory.md (70).

    Its integral over nu / 2 pi is d / gamma. A wave that decays as e^(-gamma t - i omega t) peaks at nu = -omega.

    Parameters
    ----------
    decay, rotation, diffusion : gamma, omega [1/time], d [u^2/time] of the mode; they broadcast against
    frequency : nu [rad/time].

    >>> float(power_spectrum(2.0, 1.0, 2.0, -1.0))
    1.0
    """
    gamma, shifted = np.asarray(decay, dtype=float), np.asarray(frequency) + np.asarray(rotation)
    return np.asarray(2 * np.asarray(diffusion) / (gamma**2 + shifted**2))


def periodogram_mean(
    decay: ArrayLike, rotation: ArrayLike, power: ArrayLike, dt: float, window: Array, frequency: ArrayLike
) -> Array:
    """Mean of the periodogram dt |sum_n w_n u_k(n dt) e^(-i nu n dt)|^2 / sum w_n^2 of a stationary mode [u^2 time].

    S dt sum_l r_l e^(-gamma |l| dt) cos((omega + nu) l dt), r_l = sum_n w_n w_(n+l) / sum w_n^2        docs/theory.md (71)

    Exact for samples of the exact law: leakage through the window and aliases beyond pi/dt are in it.

    Parameters
    ----------
    decay, rotation, power : (...) gamma, omega [1/time] and S = <|u_k|^2> [u^2] of the modes.
    dt : spacing of the samples [time].
    window : (n,) weights of the samples, e.g. `hann_window`.
    frequency : (n_frequency,) nu [rad/time].

    Returns
    -------
    (..., n_frequency)

    >>> periodogram_mean(1.0, 0.0, 3.0, 0.5, np.ones(1), [0.0, 1.0]).tolist()
    [1.5, 1.5]
    """
    gamma, omega, total = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (decay, rotation, power)))
    n = len(window)
    overlap = np.correlate(window, window, mode="full")[n - 1 :] / (window @ window)
    time = dt * np.arange(n)
    memory = overlap * np.exp(-(gamma + 1j * omega)[..., None] * time)
    memory[..., 1:] *= 2  # lags of either sign: twice the real part
    phase = np.exp(-1j * np.outer(time, np.asarray(frequency, dtype=float)))
    return np.asarray(dt * total[..., None] * (memory @ phase).real)
