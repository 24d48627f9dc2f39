"""z-scores as figures quote them: which count, and the two honest numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr  # scipy.stats takes 1.5 s to load, which every figure would pay

Array = NDArray[np.float64]

OK, ESTIMATE = 1, 0
GROUPS = 16  # of the jackknife: z follows Student's t with one degree of freedom fewer
DEGREES_OF_FREEDOM = GROUPS - 1
EXPECTED_SHARE = float(stdtr(DEGREES_OF_FREEDOM, 2) - stdtr(DEGREES_OF_FREEDOM, -2))
EXPECTED_RMS = float(np.sqrt(DEGREES_OF_FREEDOM / (DEGREES_OF_FREEDOM - 2)))


class Numbers(NamedTuple):
    """How many z-scores, the share with |z| < 2, the root of their mean square."""

    n: int
    share: float
    rms: float

    def __str__(self) -> str:
        if not self.n:
            return "no $z$-score here"
        return f"$|z|<2$: {100 * self.share:.1f} % of {self.n}, rms $z$ = {self.rms:.2f}"


def usable(z: Array, status: Array, flag: Array) -> Array:
    """The z-scores that test a calibration: of complete runs and of estimates, not of exact zeros."""
    found: Array = z[(status == OK) & (flag == ESTIMATE) & np.isfinite(z)]
    return found


def numbers(z: Array) -> Numbers:
    """The honest numbers of these z-scores; for Student's t(15) 93.6 % and 1.07."""
    if not len(z):
        return Numbers(0, np.nan, np.nan)
    return Numbers(len(z), float(np.mean(np.abs(z) < 2)), float(np.sqrt(np.mean(z**2))))
