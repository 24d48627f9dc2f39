"""Are the error bars honest? z-scores against exact theory must follow Student's t with 15 degrees of freedom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.statistics.statistic import N_GROUP


class Calibration(NamedTuple):
    """Number of z-scores, share with |z| < 2 (0.936 expected), rms (1.074 expected) and two p-values.

    p_value is Kolmogorov-Smirnov's, which sees the shape; spread_p_value that of the mean square, which sees errors that
    are all too small or too large, and has ten times the power there.
    """

    n: int
    share_within_two: float
    rms: float
    p_value: float
    spread_p_value: float


def calibration(z: ArrayLike, degrees_of_freedom: int = N_GROUP - 1) -> Calibration:
    """Compare finite z-scores with Student's t; NaN (exact zeros, failures) are left out.

    >>> calibration([np.nan]).n
    0
    """
    from scipy import stats

    scores = np.asarray(z, float)
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return Calibration(0, *[float("nan")] * 4)
    law = stats.t(degrees_of_freedom)
    mean_square = float(np.mean(scores**2))
    variance, excess = law.stats(moments="vk")
    error = np.sqrt((2 + float(excess)) * float(variance) ** 2 / len(scores))
    return Calibration(
        len(scores),
        float(np.mean(np.abs(scores) < 2)),
        float(np.sqrt(mean_square)),
        float(stats.kstest(scores, law.cdf).pvalue),
        float(2 * stats.norm.sf(abs(mean_square - float(variance)) / error)),
    )
