"""z-scores as figures and the explorer quote them: which count, the two honest numbers, and the law that they should follow."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr  # scipy.stats takes 1.5 s to load, which every figure would pay

Array = NDArray[np.float64]

OK, ESTIMATE = 1, 0
GROUPS = 16  # of the jackknife, where realisations of a disorder are not its groups


class Numbers(NamedTuple):
    """How many z-scores, the share with |z| < 2, the root of their mean square."""

    n: int
    share: float
    rms: float

    def __str__(self) -> str:
        if not self.n:
            return "no $z$-score here"
        return f"$|z|<2$: {100 * self.share:.1f} % of {self.n}, rms $z$ = {self.rms:.2f}"


class Law(NamedTuple):
    """Student's t: its degrees of freedom, its density at 0, the share that it has within 2, the root of its mean square."""

    degrees_of_freedom: int
    peak: float
    share: float
    rms: float


def law(degrees_of_freedom: int = GROUPS - 1) -> Law:
    """What z-scores against exact theory follow.

    >>> [round(number, 4) for number in law(15)]
    [15, 0.3924, 0.9361, 1.0742]
    """
    n = degrees_of_freedom
    peak = np.exp(gammaln((n + 1) / 2) - gammaln(n / 2)) / np.sqrt(n * np.pi)
    return Law(n, float(peak), float(stdtr(n, 2) - stdtr(n, -2)), float(np.sqrt(n / (n - 2))))


def law_of(dataset: xr.Dataset) -> Law:
    """Of a phase diagram: one degree of freedom fewer than groups, or than realisations of its disorder."""
    return law(dataset.sizes.get("disorder", GROUPS) - 1)


def kinds(attrs: Mapping[Any, Any]) -> list[str]:
    """What kinds of theory an observable with these attributes has."""
    return str(attrs.get("theory_kind", "")).split()


def approximate(attrs: Mapping[Any, Any]) -> bool:
    """Some of the observable's theory is not exact: its z-scores measure that, and no law is expected of them.

    >>> approximate({"theory_kind": "approximate"}), approximate({"theory_kind": "exact"}), approximate({})
    (True, False, False)
    """
    return any(kind != "exact" for kind in kinds(attrs))


def usable(z: Array, status: Array, flag: Array) -> Array:
    """The z-scores that test a calibration: of complete runs and of estimates, not of exact zeros."""
    found: Array = z[(status == OK) & (flag == ESTIMATE) & np.isfinite(z)]
    return found


def numbers(z: Array) -> Numbers:
    """The honest numbers of these z-scores; for Student's t(15) 93.6 % and 1.07."""
    if not len(z):
        return Numbers(0, np.nan, np.nan)
    return Numbers(len(z), float(np.mean(np.abs(z) < 2)), float(np.sqrt(np.mean(z**2))))
