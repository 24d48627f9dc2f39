"""STATISTICS: what is stored. Additive over blocks of trajectory, named and versioned; one line per statistic here."""

from __future__ import annotations

from typing import Any

from nessmap.statistics.moments import Covariance, LaggedCovariance
from nessmap.statistics.statistic import N_GROUP, Statistic

STATISTICS: dict[str, Statistic[Any]] = {
    "covariance": Covariance(),
    "lagged_covariance": LaggedCovariance(),
}

__all__ = ["N_GROUP", "STATISTICS", "Statistic"]
