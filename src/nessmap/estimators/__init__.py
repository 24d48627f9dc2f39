"""Estimators from recordings of any origin: arrays (n_time, n_variable), trials of them, xarray DataArrays.

Each gives an Estimate: value, standard error, what was subtracted as bias, how many independent samples there were, and remarks
where the data contradict what it assumes. All assume a stationary state, and variables that are even under time reversal.
docs/estimators.md says when to use which, and how far off each is against exact values.
"""

from nessmap.estimators.entropy_production import (
    entropy_production_rate,
    extrapolated_short_time_bound,
    short_time_bound,
)
from nessmap.estimators.estimate import Estimate
from nessmap.estimators.mutual_information import mutual_information_copula, mutual_information_ksg
from nessmap.estimators.recording import Recording, as_recording
from nessmap.estimators.transfer_entropy import Null, transfer_entropy_null, transfer_entropy_rate

__all__ = [
    "Estimate",
    "Null",
    "Recording",
    "as_recording",
    "entropy_production_rate",
    "extrapolated_short_time_bound",
    "mutual_information_copula",
    "mutual_information_ksg",
    "short_time_bound",
    "transfer_entropy_null",
    "transfer_entropy_rate",
]
