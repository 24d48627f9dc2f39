"""Transfer entropy rate of a stationary recording by lagged regression, and what independent variables would give."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.estimators import remarks
from nessmap.estimators.estimate import Estimate, undefined
from nessmap.estimators.from_blocks import Means, averages, from_blocks, matrix, products
from nessmap.estimators.recording import DEPENDENT, FEWEST_BLOCKS, Array, Columns, Recording, as_recording, sides

SURE, NOTICED = 3.0, 0.05  # standard errors, and share of the value, by which half the history must give more


class Null(NamedTuple):
    """What transfer entropy rates without bias correction are where there is no transfer  [nats/time]."""

    mean: float
    standard_deviation: float
    p_value: float
    """Share of values as large as the one found; at least 1 over the number of surrogates and one."""
    n_surrogate: int
    """0: the chi-squared law of the likelihood ratio."""


class _Sizes(NamedTuple):
    n_target: int
    n_source: int
    n_history: int

    @property
    def n_parameter(self) -> int:
        """Regression coefficients of the source's past: degrees of freedom of the likelihood ratio."""
        return self.n_target * self.n_source * self.n_history


def transfer_entropy_rate(
    data: Any, dt: float | None = None, source: Columns = (0,), target: Columns = (1,), n_history: int = 8
) -> Estimate:
    """Transfer entropy rate from source to target by regression on n_history samples of both  [nats/time].

    ln(det N_own / det N_both) / (2 dt), covariances of what own past, and own and the source's past, leave of the next sample
    docs/theory.md (172), "Neurons that sense a velocity"; Barnett & Seth, J. Neurosci. Methods 223, 50 (2014)

    Its bias, that of a likelihood ratio, (coefficients of the source's past)/(2 dt n), is subtracted; where there is no
    transfer the estimate therefore scatters about 0, with an error that is on average too large, by up to 1.6; ask
    `transfer_entropy_null` whether there is any. It converges to the transfer between samples dt apart, which is below
    that in continuous time by O(dt). It fails: on nonlinear dependence, which it does not see; where a drive common to
    both is not recorded; with measurement noise on the source (too low) or on the target (then it also sees a transfer
    backwards); with too short a history of the target (too high; a remark is made where half the history gives more).

    Parameters
    ----------
    data, dt : see `as_recording`.
    source, target : names or positions, disjoint.
    n_history : samples of each, the present one included; it should span the target's memory of what is hidden from it.

    >>> noise = np.random.default_rng(2).normal(size=(20001, 2))
    >>> x = noise.copy()
    >>> for n in range(20000):
    ...     x[n + 1, 1] += 0.5 * x[n, 0]  # the second variable is the first one before, and noise
    >>> estimate = transfer_entropy_rate(x, n_history=2)  # ln(1.25)/2 = 0.1116
    >>> abs(estimate.value - 0.1116) < 3 * estimate.standard_error < 0.02
    True
    """
    recording, sizes, terms = _regression(data, dt, source, target, n_history)
    if recording.dependent:
        return undefined(DEPENDENT, recording.n_independent)
    means = {"mean": averages(terms), "products": products(terms, terms)}
    width = terms.shape[-1]

    def rate(given: Means, history: int = n_history) -> Array:
        covariance = matrix(given["products"], width) - given["mean"][..., None] * given["mean"][..., None, :]
        plain = _transfer(covariance, sizes, history) / recording.dt
        return plain - _bias(sizes._replace(n_history=history), n_term, recording.dt)

    n_term = terms.shape[0] * terms.shape[1]
    found = [*remarks.on_length(recording), *remarks.on_steps(recording), *remarks.on_shape(recording)]
    reason = "pasts are dependent: a variable is a combination of others, or is smooth at this dt"
    estimate = from_blocks(recording, rate, means, (), reason)
    if n_history > 1 and estimate.value > SURE * estimate.standard_error:
        change = from_blocks(recording, lambda given: rate(given, -(-n_history // 2)) - rate(given), means, (), reason)
        if change.value > max(SURE * change.standard_error, NOTICED * estimate.value):
            found.append(f"history too short: half of it gives {change.value:.2g} more; raise n_history")
    return _with_known_bias(estimate, _bias(sizes, n_term, recording.dt), tuple(found))


def _with_known_bias(estimate: Estimate, bias: float, found: tuple[str, ...]) -> Estimate:
    """The bias of the likelihood ratio in place of the jackknife's guess of what is left of it, which would add noise."""
    said = (*estimate.remarks, *found)
    return estimate._replace(value=estimate.value + estimate.bias, bias=bias, remarks=said)


def transfer_entropy_null(
    data: Any,
    dt: float | None = None,
    source: Columns = (0,),
    target: Columns = (1,),
    n_history: int = 8,
    n_surrogate: int = 0,
    seed: int = 0,
) -> Null:
    """What `transfer_entropy_rate` would find, before bias correction, if nothing went from source to target.

    2 dt n T follows chi-squared with as many degrees of freedom as the source's past has coefficients, if the regression
    leaves white noise (Wilks, Ann. Math. Stat. 9, 60 (1938)). Surrogates assume less: the source of another trial or,
    where trials are fewer than eight, of another time of its own trial, ten correlation times away or more. Both keep
    each variable's own dynamics.

    Parameters
    ----------
    n_surrogate : 0 for the chi-squared law.
    seed : of the surrogates' shifts.
    """
    recording, sizes, terms = _regression(data, dt, source, target, n_history)
    n_term = terms.shape[0] * terms.shape[1]
    found = _plain(terms, sizes) / recording.dt
    if not n_surrogate:
        from scipy.special import chdtrc

        mean = _bias(sizes, n_term, recording.dt)
        likelihood_ratio = 2.0 * recording.dt * n_term * found
        spread = mean * np.sqrt(2.0 / sizes.n_parameter)
        return Null(mean, float(spread), float(chdtrc(sizes.n_parameter, max(likelihood_ratio, 0.0))), 0)
    random = np.random.default_rng(seed)
    columns = sides(recording, source, target, ("source", "target"))
    values = []
    for _ in range(n_surrogate):
        other = Recording(_surrogate(recording, columns[0], random), recording.dt, recording.names)
        values.append(_plain(_regression(other, None, source, target, n_history)[2], sizes) / recording.dt)
    as_large = sum(value >= found for value in values)
    return Null(float(np.mean(values)), float(np.std(values, ddof=1)), (1 + as_large) / (1 + n_surrogate), n_surrogate)


def _surrogate(recording: Recording, source: list[int], random: np.random.Generator) -> Array:
    """The samples with the source of another trial, or of another time."""
    values, n_trial, n_time = recording.values.copy(), *recording.values.shape[:2]
    if n_trial >= FEWEST_BLOCKS:
        values[..., source] = np.roll(values[random.permutation(n_trial)][..., source], 1, axis=0)
        return values
    apart = min(int(np.ceil(10 * recording.correlation_time / recording.dt)), n_time // 3)
    shift = int(random.integers(apart, n_time - apart + 1))
    values[..., source] = np.roll(values[..., source], shift, axis=1)
    return values


def _regression(
    data: Any, dt: float | None, source: Columns, target: Columns, n_history: int
) -> tuple[Recording, _Sizes, Array]:
    """Terms (n_block, n_term, 1 + n_history of the target, then n_history of the source), newest first, as differences.

    Differences of successive samples, not the samples: these are nearly equal at short dt, and would be told apart badly.
    """
    whole = as_recording(data, dt)
    origin, goal = sides(whole, source, target, ("source", "target"))
    if n_history < 1 or n_history > whole.values.shape[1] // 4:
        most = whole.values.shape[1] // 4
        raise ValueError(
            f"n_history = {n_history}, expected a number of samples from 1 to {most}, a quarter of a trial"
        )
    values = whole.values[..., goal + origin]
    values = (values - values.mean(axis=(0, 1))) / values.std(axis=(0, 1))
    names = tuple(whole.names[column] for column in goal + origin)
    recording = Recording(values, whole.dt, names)
    n_target, steps = len(goal), np.diff(values, axis=1)
    last = values.shape[1] - 1
    kept = slice(n_history - 1, last)  # the present sample of every term
    own = [steps[:, kept, :n_target], values[:, kept, :n_target]]
    given = [values[:, kept, n_target:]]
    for lag in range(1, n_history):
        past = slice(n_history - 1 - lag, last - lag)
        own.append(steps[:, past, :n_target])
        given.append(steps[:, past, n_target:])
    terms = recording.blocks(np.concatenate([*own, *given], axis=2))
    return recording, _Sizes(n_target, len(origin), n_history), terms


def _plain(terms: Array, sizes: _Sizes) -> float:
    flat = terms.reshape(-1, terms.shape[-1])
    return float(_transfer(np.cov(flat.T, bias=True), sizes, sizes.n_history))


def _bias(sizes: _Sizes, n_term: int, dt: float) -> float:
    return sizes.n_parameter / (2.0 * n_term * dt)


def _transfer(covariance: Array, sizes: _Sizes, history: int) -> Array:
    """Transfer (...) of one step from the covariance (..., m, m) of the terms, with a history not longer than theirs [nats]."""
    n_own, n_past = sizes.n_target * (1 + history), sizes.n_target * (1 + sizes.n_history)
    own = np.arange(sizes.n_target, n_own)
    both = np.concatenate([own, np.arange(n_past, n_past + sizes.n_source * history)])
    return (_log_unexplained(covariance, sizes.n_target, own) - _log_unexplained(covariance, sizes.n_target, both)) / 2


def _log_unexplained(covariance: Array, n_target: int, known: NDArray[np.integer]) -> Array:
    """ln det (...) of what regression on the known terms leaves of the step of the target; NaN where they are dependent."""
    chosen = np.concatenate([known, np.arange(n_target)])
    part = covariance[..., chosen, :][..., chosen]
    unit = np.sqrt(np.diagonal(part, axis1=-2, axis2=-1))
    try:
        factor = np.linalg.cholesky(part / (unit[..., :, None] * unit[..., None, :]))
    except np.linalg.LinAlgError:
        return np.full(covariance.shape[:-2], np.nan)
    diagonal = np.diagonal(factor, axis1=-2, axis2=-1)[..., len(known) :] * unit[..., len(known) :]
    return np.asarray(2.0 * np.sum(np.log(diagonal), axis=-1))
