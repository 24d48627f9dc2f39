"""Values and standard errors from groups: the delete-one-group jackknife with bias correction.

Plug-in estimates of non-linear functions of moments (mutual information, fitted rates) are biased by about their curvature
over the sample size; for a field of 64 sites that is many standard errors. Efron & Stein, Ann. Stat. 9, 586 (1981).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from nessmap.model import Array


class Estimate(NamedTuple):
    """A value and its standard error, which has n_group - 1 degrees of freedom."""

    value: Array
    standard_error: Array


def jackknife(function: Callable[[Mapping[str, Array]], Array], group_means: Mapping[str, Array]) -> Estimate:
    """Bias-corrected value and standard error of function(means).

    theta = G f(mean) - (G - 1) mean_g f(mean without g),  error^2 = (G - 1)/G sum_g (f_g - mean f_g)^2

    Parameters
    ----------
    function : maps {name: (..., n)} to (...) or (..., m); vectorised over leading axes. "share" (...) is the share of the
        data that each sample holds.
    group_means : {name: (n, G)} means of G groups of equal weight.

    >>> groups = {"x": np.array([[1.0, 2.0, 3.0, 4.0]])}
    >>> estimate = jackknife(lambda means: means["x"][..., 0], groups)
    >>> float(estimate.value), float(round(estimate.standard_error, 6))  # the mean and s / sqrt(G)
    (2.5, 0.645497)
    """
    n_group = next(iter(group_means.values())).shape[-1]
    samples = {}
    for name, means in group_means.items():
        total = means.sum(axis=-1)
        without = (total[None] - np.moveaxis(means, -1, 0)) / (n_group - 1)
        samples[name] = np.concatenate([total[None] / n_group, without])
    samples["share"] = np.array([1.0] + [1 - 1 / n_group] * n_group)
    values = function(samples)
    full, without = values[0], values[1:]
    centre = without.mean(axis=0)
    spread = ((without - centre) ** 2).sum(axis=0)
    return Estimate(n_group * full - (n_group - 1) * centre, np.sqrt((n_group - 1) / n_group * spread))
