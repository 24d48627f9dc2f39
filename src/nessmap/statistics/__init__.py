"""STATISTICS: what is stored. Additive over blocks of trajectory, named and versioned; one line per statistic here."""

from __future__ import annotations

from typing import Any

from nessmap.statistics.field_entropy import FieldEntropy
from nessmap.statistics.moments import Covariance, LaggedCovariance
from nessmap.statistics.relaxation import RelaxingMoments
from nessmap.statistics.statistic import N_GROUP, Statistic
from nessmap.statistics.windows import PathEntropyWindows, Periodogram

STATISTICS: dict[str, Statistic[Any]] = {
    "covariance": Covariance(),
    "lagged_covariance": LaggedCovariance(),
    "field_entropy": FieldEntropy(),
    "path_entropy_windows": PathEntropyWindows(),
    "periodogram": Periodogram(),
    "relaxing_moments": RelaxingMoments(),
}

__all__ = ["N_GROUP", "STATISTICS", "Statistic"]
