"""STATISTICS: what is stored. Additive over blocks of trajectory, named and versioned; one line per statistic here."""

from __future__ import annotations

from typing import Any

from nessmap.statistics.bump_amplitude import BumpAmplitude
from nessmap.statistics.moments import Covariance, LaggedCovariance
from nessmap.statistics.path_entropy import PathEntropy, SiteMoments, TwinEntropy
from nessmap.statistics.relaxation import RelaxingMoments
from nessmap.statistics.statistic import N_GROUP, Statistic
from nessmap.statistics.windows import PathEntropyWindows, Periodogram

STATISTICS: dict[str, Statistic[Any]] = {
    "covariance": Covariance(),
    "lagged_covariance": LaggedCovariance(),
    "site_moments": SiteMoments(),
    "path_entropy": PathEntropy(),
    "twin_entropy": TwinEntropy(),
    "bump_amplitude": BumpAmplitude(),
    "path_entropy_windows": PathEntropyWindows(),
    "periodogram": Periodogram(),
    "relaxing_moments": RelaxingMoments(),
}

__all__ = ["N_GROUP", "STATISTICS", "Statistic"]
