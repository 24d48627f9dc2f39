"""Mutual information of variables of a recording at one time: by a Gaussian copula, and by nearest neighbours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nessmap.estimators import remarks
from nessmap.estimators.estimate import Estimate, undefined
from nessmap.estimators.from_blocks import from_pieces
from nessmap.estimators.recording import Array, Columns, Recording, as_recording, sides
from nessmap.theory import blocks, gaussian

MOST_PHASES = 8  # interleaved sets of samples; more say nothing new
FEWEST_SAMPLES = 50  # in which neighbours are counted


def mutual_information_copula(data: Any, a: Columns = (0,), b: Columns = (1,)) -> Estimate:
    """Mutual information of a and b if ranks, turned into normal scores, are jointly normal  [nats].

    -sum_i ln(1 - rho_i^2)/2, rho the canonical correlations of the scores
    docs/theory.md (23), "Information"; Ince et al., Hum. Brain Mapp. 38, 1541 (2017)

    Bias of order 1/n is removed by the jackknife, which ranks afresh, also where samples are correlated in time. Unchanged
    by any increasing map of any one variable. Where the copula is not Gaussian it is low as a rule, and blind to
    dependence that is even: y = x^2 + noise gives 0. A remark is made where squares of the scores are correlated as
    those of no normal law are: trust `mutual_information_ksg` then.

    Parameters
    ----------
    data : see `as_recording`; times matter only to find blocks that are independent.
    a, b : names or positions, disjoint.

    >>> x = np.random.default_rng(3).normal(size=(5000, 2))
    >>> x[:, 1] += 0.75 * x[:, 0]  # correlation 0.6: 0.2231
    >>> estimate = mutual_information_copula(np.exp(x))
    >>> abs(estimate.value - 0.2231) < 3 * estimate.standard_error < 0.05
    True
    """
    recording, n_a, remark = _scored(data, a, b)
    width = recording.values.shape[2]
    one, other = list(range(n_a)), list(range(n_a, width))
    covariance = np.cov(recording.values.reshape(-1, width).T)
    try:
        exact = gaussian.mutual_information(covariance, one, other)
    except ValueError:
        return undefined("variables of one side are copies or combinations of others", recording.n_independent)
    if math.isinf(exact):
        return undefined("a determines a part of b: mutual information has no bound", recording.n_independent)

    def information(chosen: Array) -> float:
        scores = scores_again(chosen.reshape(-1, width))  # ranks among the blocks chosen
        return float(blocks.mutual_information(np.cov(scores.T)[None], one, other)[0])

    found = (*remark, *remarks.on_length(recording), *_even_dependence(recording, n_a))
    return from_pieces(recording, information, recording.blocks(recording.values), found, "a determines a part of b")


def mutual_information_ksg(data: Any, a: Columns = (0,), b: Columns = (1,), n_neighbour: int = 4) -> Estimate:
    """Mutual information of a and b by the distances of nearest neighbours  [nats].

    psi(k) + psi(N) - <psi(n_a + 1) + psi(n_b + 1)>, n points nearer in one side than the k-th neighbour in both
    Kraskov, Stogbauer & Grassberger, PRE 69, 066138 (2004), their first estimator, on normal scores of ranks

    Any dependence is seen, and increasing maps of one variable change nothing. Neighbours in time are neighbours in space
    and would count as information: samples are taken a correlation time apart, and up to eight interleaved sets of them
    averaged. The error is the jackknife's over blocks, which for counts of neighbours is too large rather than too small
    (up to 1.7 times near independence). No bias is removed, since that would treble the variance: it is about +0.01 nat
    for 1000 independent samples of two variables, and turns large and negative where information is several nats or
    variables are many; a remark is made where halves of the recording give something else. Discrete data have no density:
    ties are broken by chance, with a remark. O(N log N) for each of about twenty sets of neighbours.

    Parameters
    ----------
    data : see `as_recording`; times matter for the spacing of the samples.
    a, b : names or positions, disjoint.
    n_neighbour : k; more means less noise and more bias.

    >>> x = np.random.default_rng(3).normal(size=(2000, 2))
    >>> x[:, 1] = x[:, 0] ** 2 + 0.1 * x[:, 1]  # the copula sees nothing of it
    >>> mutual_information_ksg(x).value > 1
    True
    """
    recording, n_a, remark = _scored(data, a, b)
    stride = sample_spacing(recording)
    pieces = recording.blocks(recording.values)
    n_sample = len(pieces) * (pieces.shape[1] // stride)
    if n_sample < FEWEST_SAMPLES:
        said = f"too few independent samples: {n_sample}, a correlation time apart, expected {FEWEST_SAMPLES}; record longer"
        return undefined(said, recording.n_independent)
    phases = sorted({stride * i // MOST_PHASES for i in range(MOST_PHASES)})

    def information(chosen: Array) -> float:
        """Of the blocks chosen, averaged over the phases of the samples."""
        sets = [chosen[:, phase::stride].reshape(-1, chosen.shape[2]) for phase in phases]
        return float(np.mean([neighbour_information(points[:, :n_a], points[:, n_a:], n_neighbour) for points in sets]))

    found = (*remark, *remarks.on_length(recording))
    estimate = from_pieces(recording, information, pieces, found, "neighbours at no distance")
    estimate = estimate._replace(value=estimate.value + estimate.bias, bias=0.0)
    halves = [information(half) for half in np.array_split(pieces, 2) if len(half)]
    off = float(np.mean(halves)) - estimate.value
    if abs(off) > max(2 * estimate.standard_error, 0.05 * abs(estimate.value)):
        said = f"depends on the number of samples: halves give {estimate.value + off:.3g}; record longer"
        return estimate._replace(remarks=(*estimate.remarks, f"{said}, or take fewer variables"))
    return estimate


def neighbour_information(a: Array, b: Array, n_neighbour: int) -> float:
    """The estimator itself, on independent points (N, n_a) and (N, n_b) without ties  [nats]."""
    from scipy.spatial import cKDTree
    from scipy.special import psi

    if not 1 <= n_neighbour < len(a):
        raise ValueError(
            f"n_neighbour = {n_neighbour}, expected a number from 1 to {len(a) - 1}, one less than the points"
        )
    both = np.hstack([a, b])
    distance = cKDTree(both).query(both, [n_neighbour + 1], p=np.inf)[0][:, 0]
    inside = distance * (1.0 - 1e-9) - 1e-14  # strictly nearer, beyond the rounding of scores of order 1
    counts = [_nearer(side, inside) for side in (a, b)]
    return float(psi(n_neighbour) + psi(len(a)) - sum(np.mean(psi(count)) for count in counts))


def _nearer(points: Array, radius: Array) -> Array:
    """How many points (N,) lie within the radius of each, itself among them."""
    from scipy.spatial import cKDTree

    if points.shape[1] > 1:
        return np.asarray(cKDTree(points).query_ball_point(points, radius, p=np.inf, return_length=True))
    order = np.sort(points[:, 0])
    first = np.searchsorted(order, points[:, 0] - radius, "left")
    return np.asarray(np.searchsorted(order, points[:, 0] + radius, "right") - first)


def sample_spacing(recording: Recording) -> int:
    """Spacing of samples that are about a correlation time apart, 1 where all are independent  [steps]."""
    beyond = recording.correlation_time / recording.dt - 1.0  # 0 for independent samples
    return min(1 + round(beyond), int(recording.values.shape[1]))


def normal_scores(values: Array) -> tuple[Array, float]:
    """Normal scores of the ranks of each column (n, p), ties broken by chance, and the largest share of tied values.

    >>> normal_scores(np.array([[3.0], [1.0], [2.0]]))[0].round(4).ravel().tolist()
    [0.6745, -0.6745, 0.0]
    """
    from scipy.special import ndtri

    n_sample, n_column = values.shape
    chance = np.asarray(np.random.default_rng(0).random(n_sample))
    scores, tied = np.empty(values.shape), 0.0
    for column in range(n_column):
        order = np.lexsort((chance, values[:, column]))
        scores[order, column] = ndtri(np.arange(1, n_sample + 1) / (n_sample + 1))
        tied = max(tied, float(np.mean(np.diff(values[order, column]) == 0.0)))
    return scores, tied


def scores_again(scores: Array) -> Array:
    """Normal scores of a part of a recording, whose values have no ties any more."""
    from scipy.special import ndtri

    table, again = ndtri(np.arange(1, len(scores) + 1) / (len(scores) + 1)), np.empty(scores.shape)
    for column in range(scores.shape[1]):
        again[np.argsort(scores[:, column]), column] = table
    return again


def _scored(data: Any, a: Columns, b: Columns) -> tuple[Recording, int, tuple[str, ...]]:
    """Normal scores of a, then b; how many variables a has; a remark where values are tied."""
    whole = as_recording(data)
    one, other = sides(whole, a, b, ("a", "b"))
    chosen = whole.values[..., one + other]
    scores, tied = normal_scores(chosen.reshape(-1, chosen.shape[2]))
    names = tuple(whole.names[column] for column in one + other)
    remark = (f"{100 * tied:.0f} % of the values are ties: discrete data have no density",) if tied > 0.01 else ()
    return Recording(scores.reshape(chosen.shape), whole.dt, names), len(one), remark


def _even_dependence(recording: Recording, n_a: int) -> tuple[str, ...]:
    """Pairs whose squares are not correlated as those of a normal law: by 0 with the other, by rho^2 with its square."""
    x = recording.values.reshape(-1, recording.values.shape[2])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    square = (x**2 - 1.0) / np.std(x**2, axis=0)
    error = 1.0 / math.sqrt(max(recording.n_independent, 1.0))
    found = []
    for i in range(n_a):
        for j in range(n_a, x.shape[1]):
            rho = float(np.mean(x[:, i] * x[:, j]))
            crossed = [np.mean(square[:, i] * x[:, j]), np.mean(x[:, i] * square[:, j])]
            if max(abs(np.mean(square[:, i] * square[:, j]) - rho**2), *np.abs(crossed)) > max(
                remarks.SURE * error, 0.1
            ):
                names = f"{recording.names[i]} and {recording.names[j]}"
                found.append(
                    f"{names} depend on each other otherwise than a Gaussian copula can: it sees a part, or nothing"
                )
    return tuple(found)
