"""From averages over blocks to an estimate: the jackknife of nessmap.statistics, and what to say where it has too few."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from nessmap.estimators.estimate import Estimate
from nessmap.estimators.recording import FEWEST_BLOCKS, Array, Recording
from nessmap.statistics.jackknife import jackknife

Means = Mapping[str, Array]


def from_blocks(
    recording: Recording, function: Callable[[Means], Array], means: Means, remarks: tuple[str, ...], reason: str
) -> Estimate:
    """Value and error of function(means) by the delete-one-block jackknife; docs/theory.md (35).

    Parameters
    ----------
    function : maps {name: (..., p)} to (...); NaN where it has no value.
    means : {name: (p, n_block)}.
    reason : remark in case there is no value.
    """
    n_block = next(iter(means.values())).shape[-1]
    plain = float(function({name: values.mean(axis=-1)[None] for name, values in means.items()})[0])
    if not math.isfinite(plain):
        return Estimate(math.nan, math.nan, recording.n_independent, math.nan, n_block, (reason, *remarks))
    if n_block < FEWEST_BLOCKS:
        return Estimate(plain, math.nan, recording.n_independent, 0.0, n_block, (too_few_blocks(n_block), *remarks))
    value, error = (float(part) for part in jackknife(function, means))
    if not math.isfinite(value):
        return Estimate(
            math.nan, math.nan, recording.n_independent, math.nan, n_block, (f"{reason} (in a part of it)", *remarks)
        )
    return Estimate(value, error, recording.n_independent, plain - value, n_block, remarks)


def from_pieces(
    recording: Recording, function: Callable[[Array], float], pieces: Array, remarks: tuple[str, ...], reason: str
) -> Estimate:
    """The same for a function of the samples (n_block, n_term, p) themselves, which no averages determine."""

    def chosen(given: Means) -> Array:
        return np.array([function(pieces[weights > 0]) for weights in given["weight of a block"]])

    return from_blocks(recording, chosen, {"weight of a block": np.eye(len(pieces))}, remarks, reason)


def too_few_blocks(n_block: int) -> str:
    """Why there is no error."""
    return f"error unknown: {n_block} blocks of ten correlation times, expected {FEWEST_BLOCKS}; record longer"


def products(first: Array, second: Array) -> Array:
    """(p q, n_block) averages of the products of two stacks (n_block, n_term, p) and (n_block, n_term, q)."""
    moments = np.swapaxes(first, 1, 2) @ second / first.shape[1]
    return np.asarray(moments.reshape(len(moments), -1).T)


def averages(terms: Array) -> Array:
    """(p, n_block) averages of (n_block, n_term, p)."""
    return np.asarray(terms.mean(axis=1).T)


def matrix(flat: Array, width: int) -> Array:
    """(..., p, width) from (..., p * width)."""
    return flat.reshape(*flat.shape[:-1], -1, width)
