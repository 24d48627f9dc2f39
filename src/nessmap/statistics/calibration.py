"""Are the error bars honest? z-scores against exact theory must follow Student's t with 15 degrees of freedom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.statistics.statistic import N_GROUP


class Calibration(NamedTuple):
    """Number of z-scores, share with |z| < 2 (0.936 expected), rms (1.074 expected) and Kolmogorov-Smirnov p-value."""

    n: int
    share_within_two: float
    rms: float
    p_value: float


def calibration(z: ArrayLike, degrees_of_freedom: int = N_GROUP - 1) -> Calibration:
    """Compare finite z-scores with Student's t; NaN (exact zeros, failures) are left out.

    >>> calibration([np.nan]).n
    0
    """
    from scipy import stats

    scores = np.asarray(z, float)
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return Calibration(0, float("nan"), float("nan"), float("nan"))
    p_value = stats.kstest(scores, stats.t(degrees_of_freedom).cdf).pvalue
    return Calibration(
        len(scores), float(np.mean(np.abs(scores) < 2)), float(np.sqrt(np.mean(scores**2))), float(p_value)
    )
