"""What every estimator gives: a number, its error, what was taken off it, and what the data say against it."""

from __future__ import annotations

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A value from a recording; NaN, with a remark that says why, where there is none."""

    value: float
    """Bias already removed."""
    standard_error: float
    """From the spread over blocks; Student's t with n_block - 1 degrees of freedom. NaN where blocks are too few."""
    n_independent: float
    """How many independent samples the recording is worth: its duration over its correlation time."""
    bias: float
    """What was subtracted from the plug-in value."""
    n_block: int
    remarks: tuple[str, ...] = ()


def undefined(reason: str, n_independent: float = math.nan) -> Estimate:
    """No value, and the reason."""
    return Estimate(math.nan, math.nan, n_independent, math.nan, 0, (reason,))
