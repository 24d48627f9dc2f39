"""Entropy production rate of a stationary recording: by a fitted linear model, and by the bound that short steps prove.

All variables are taken as even under time reversal: do not give position and velocity of one particle. At equilibrium
estimates scatter about 0, skewed, as squares of currents less their mean: an error beside a negative value may be too small, a
value two errors above 0 is as rare as it should be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from nessmap.estimators import remarks
from nessmap.estimators.estimate import Estimate, undefined
from nessmap.estimators.from_blocks import Means, averages, from_blocks, matrix, products
from nessmap.estimators.recording import DEPENDENT, Array, Columns, Recording, as_recording
from nessmap.theory import blocks

SURE, NOTICED = 4.0, 0.1  # standard errors, and share of the value, by which a fit at twice the step must differ
STEPS_PER_CURRENT = 50  # fewer, and the matrix of the currents' products is not known well enough to be inverted


def entropy_production_rate(
    data: Any, dt: float | None = None, variables: Columns = slice(None), stride: int = 1
) -> Estimate:
    """Entropy production rate of the linear Langevin model fitted to a recording  [k_B/time].

    tr(D^-1 Q S^-1 Q^T), D + Q = -A S, A = ln(<x' x^T> <x x^T>^-1)/dt
    docs/theory.md (52), (54), "Estimates from data"; bias of order 1/duration removed by the jackknife, (35)

    No bias in dt where the recording is linear. It fails: on nonlinear dynamics (it gives that of the linear model with
    the same covariances, zero for circulations that these do not show); with hidden or odd variables; with measurement
    noise; where a variable has no noise of its own (D not invertible); where a rate times dt is above about 1 (NaN).

    Parameters
    ----------
    data, dt : see `as_recording`.
    variables : names or positions; all if not given.
    stride : fitted step in samples; values that change with it say that the recording is no linear Langevin system alone.

    >>> noise = np.random.default_rng(1).normal(size=(20000, 2))
    >>> x = np.zeros((20001, 2))
    >>> for n in range(20000):  # turns by 0.1 and decays by 5 % per step
    ...     x[n + 1] = 0.95 * (x[n] @ [[0.995, 0.1], [-0.1, 0.995]]) + 0.1 * noise[n]
    >>> estimate = entropy_production_rate(x, dt=0.1)  # 2 frequency^2 / damping = 2 x 1.0017^2 / 0.5129
    >>> abs(estimate.value - 3.9122) < 2 * estimate.standard_error < 0.5
    True
    """
    recording = _chosen(data, dt, variables)
    if recording.dependent:
        return undefined(DEPENDENT, recording.n_independent)
    steps, n_dim = _strides(recording, (stride, 2 * stride)), recording.values.shape[2]
    means: dict[str, Array] = {}
    for step in steps:
        begin, end = _ends(recording, step)
        means[f"covariance {step}"] = (products(begin, begin) + products(end, end)) / 2
        means[f"lagged {step}"] = products(end, begin)
        means[f"begin {step}"], means[f"end {step}"] = averages(begin), averages(end)

    def rate(given: Means, step: int = stride) -> Array:
        begin, end = given[f"begin {step}"][..., None], given[f"end {step}"][..., None]
        covariance = matrix(given[f"covariance {step}"], n_dim) - (_squared(begin) + _squared(end)) / 2
        lagged = matrix(given[f"lagged {step}"], n_dim) - end * np.swapaxes(begin, -1, -2)
        drift = blocks.fitted_drift(covariance, lagged, step * recording.dt)
        return np.asarray(blocks.fitted_entropy_production_rate(drift, covariance))

    found = (*remarks.on_length(recording), *remarks.on_steps(recording), *remarks.on_shape(recording))
    reason = "no linear model fits: increments too coarse (a rate times dt above 1), or D not invertible"
    estimate = from_blocks(recording, rate, means, found, reason)
    change = from_blocks(recording, lambda given: rate(given, 2 * stride) - rate(given), means, (), reason)
    if abs(change.value) > max(SURE * change.standard_error, NOTICED * abs(estimate.value)):
        said = f"a fit at twice the step gives {estimate.value + change.value:.3g}: hidden variables, noise of the measurement"
        return estimate._replace(remarks=(*estimate.remarks, f"{said}, or a nonlinear system"))
    return estimate


def _squared(mean: Array) -> Array:
    return np.asarray(mean * np.swapaxes(mean, -1, -2))


def short_time_bound(
    data: Any, dt: float | None = None, variables: Columns = slice(None), degree: int = 1, stride: int = 1
) -> Estimate:
    """Largest lower bound that currents of short steps set on the entropy production rate  [k_B/time].

    (2/dt) mu^T C^-1 mu, mean and covariance of the currents phi(u) (x' - x), u = (x + x')/2, phi all monomials to a degree
    docs/theory.md (191), "Bounds"; Otsubo, Ito, Dechant & Sagawa, PRE 101, 062106 (2020)

    Overfitting adds about 2/duration for each current that is no exact differential (one for two variables and degree 1,
    six for degree 3); the jackknife takes it off, also where currents of successive steps are correlated. What is left
    may lie above the entropy production rate by its error.

    Low by O(dt), see `extrapolated_short_time_bound`; low where the circulation is of a higher degree than the
    currents, with hidden variables, and with measurement noise, which adds to C without end as dt falls. Odd variables
    make it meaningless.

    Parameters
    ----------
    degree : of the currents' weight in the midpoint; 1 suffices for linear dynamics.
    stride : step in samples; the bound is that of steps of stride x dt.
    """
    return extrapolated_short_time_bound(data, dt, variables, degree, (stride,))


def extrapolated_short_time_bound(
    data: Any,
    dt: float | None = None,
    variables: Columns = slice(None),
    degree: int = 1,
    strides: Sequence[int] = (1, 2, 4),
) -> Estimate:
    """The short-time bound at several steps, extrapolated to steps of no length  [k_B/time].

    The polynomial through the bounds f at stride x dt, at 0: (8 f(dt) - 6 f(2 dt) + f(4 dt))/3, or 2 f(dt) - f(2 dt)
    docs/theory.md, "Bounds"

    What is left is O(dt^3) for three strides, O(dt^2) for two, and the error grows a little; no bound any more. A remark is
    made where the extrapolation moves the value by more than a fifth: about a tenth of it is then still missing.

    Parameters
    ----------
    strides : different numbers of samples, ascending.
    """
    recording = _chosen(data, dt, variables)
    steps = _strides(recording, strides)
    n_current, n_term = _n_current(recording, degree), recording.values.shape[0] * recording.values.shape[1]
    if n_current * STEPS_PER_CURRENT > n_term:
        return undefined(
            f"{n_current} currents of {n_term} steps, expected at most one per {STEPS_PER_CURRENT}; lower the degree",
            recording.n_independent,
        )
    if recording.dependent:
        return undefined(DEPENDENT, recording.n_independent)
    means: dict[str, Array] = {}
    for stride in steps:
        means[f"mean {stride}"], means[f"products {stride}"] = _currents(recording, degree, stride)
    weights = [math.prod(other / (other - one) for other in steps if other != one) for one in steps]

    def bounds(given: Means) -> list[Array]:
        return [
            _bound(given[f"mean {stride}"], matrix(given[f"products {stride}"], n_current), stride * recording.dt)
            for stride in steps
        ]

    def extrapolated(given: Means) -> Array:
        return np.asarray(sum(weight * bound for weight, bound in zip(weights, bounds(given), strict=True)))

    found = (*remarks.on_length(recording), *remarks.on_steps(recording))
    reason = "currents are dependent: their products have no inverse"
    estimate = from_blocks(recording, extrapolated, means, found, reason)
    shortest = float(bounds({name: values.mean(axis=-1)[None] for name, values in means.items()})[0][0])
    resolved = abs(estimate.value) > 3 * estimate.standard_error
    if len(steps) > 1 and resolved and abs(estimate.value - shortest) > abs(estimate.value) / 5:
        said = f"increments too coarse: extrapolated from {shortest:.3g}; sample more often"
        return estimate._replace(remarks=(*estimate.remarks, said))
    return estimate


def _bound(mean: Array, second: Array, step: float) -> Array:
    """(2/step) mu^T C^-1 mu of averages (..., n_current) and (..., n_current, n_current) of products."""
    covariance = second - mean[..., :, None] * mean[..., None, :]
    try:
        solved = np.linalg.solve(covariance, mean[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.full(mean.shape[:-1], np.nan)
    return np.asarray(2.0 / step * np.sum(mean * solved, axis=-1))


def _currents(recording: Recording, degree: int, stride: int) -> tuple[Array, Array]:
    """Averages (n_current, n_block) of the currents, and (n_current^2, n_block) of their products."""
    mean, product = [], []
    for begin, end in zip(*_ends(recording, stride), strict=True):
        weights, increment = _monomials((begin + end) / 2, degree), end - begin
        current = (weights[:, :, None] * increment[:, None, :]).reshape(len(weights), -1)
        mean.append(current.mean(axis=0))
        product.append((current.T @ current / len(current)).ravel())
    return np.stack(mean, axis=1), np.stack(product, axis=1)


def _monomials(u: Array, degree: int) -> Array:
    """(n_term, n_monomial) products of up to `degree` coordinates of u (n_term, n_variable), 1 among them."""
    chosen = [list(c) for d in range(degree + 1) for c in combinations_with_replacement(range(u.shape[1]), d)]
    return np.stack([u[:, c].prod(axis=1) for c in chosen], axis=1)


def _n_current(recording: Recording, degree: int) -> int:
    if degree < 1:
        raise ValueError(f"degree = {degree}, expected 1 or more: a constant weight makes no current that lasts")
    n_dim = int(recording.values.shape[2])
    return n_dim * math.comb(n_dim + degree, degree)


def _strides(recording: Recording, strides: Sequence[int]) -> list[int]:
    found, n_time = [int(stride) for stride in strides], recording.values.shape[1]
    if not found or sorted(set(found)) != found or found[0] < 1 or found[-1] > n_time // 4:
        raise ValueError(f"strides = {found}, expected ascending numbers from 1 to {n_time // 4}, a quarter of a trial")
    return found


def _chosen(data: Any, dt: float | None, variables: Columns) -> Recording:
    """The variables asked for, in units of their standard deviations, about their means."""
    recording = as_recording(data, dt)
    columns = recording.columns(variables, "variables")
    values = recording.values[..., columns]
    values = (values - values.mean(axis=(0, 1))) / values.std(axis=(0, 1))
    return Recording(values, recording.dt, tuple(recording.names[column] for column in columns))


def _ends(recording: Recording, stride: int) -> tuple[Array, Array]:
    """First and last samples (n_block, n_term, n_variable) of all steps of `stride` samples."""
    return recording.blocks(recording.values[:, :-stride]), recording.blocks(recording.values[:, stride:])
