"""A recording of any origin: trials of equally spaced samples, how long they remember, and blocks that are independent.

Errors of all estimators come from blocks: whole trials where there are at least eight, otherwise stretches of at least ten
correlation times each, sixteen where the recording is long enough for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.statistics import N_GROUP

Array = NDArray[np.floating[Any]]
Columns = Sequence[int] | Sequence[str] | slice

TIME, TRIAL = "time", "trial"
FEWEST_BLOCKS = 8  # fewer give a standard error that is itself unknown to a third
MOST_BLOCKS = 32
BLOCK_LENGTH = 10.0  # [correlation times]: neighbouring blocks then share a twentieth of their variance
WINDOW = 5.0  # [correlation times] of the autocorrelation that are summed; Sokal's choice


DEPENDENT = "a variable is a copy or a combination of others to rounding, expected none; leave it out"


@dataclass(frozen=True)
class Recording:
    """Checked samples (n_trial, n_time, n_variable) at spacing dt, and the names of the variables."""

    values: Array
    dt: float
    names: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Of all trials together [time]."""
        return float(self.values.shape[0] * self.values.shape[1] * self.dt)

    @cached_property
    def correlation_time(self) -> float:
        """The longest over the variables of dt (1 + 2 sum_l rho(l)^2)  [time]; a whole trial where that is too short to say.

        rho is the autocorrelation, summed to five times the result (Sokal, in: Functional Integration, 131 (1997)); its square,
        since variances and currents are averaged, and since an oscillation must not cancel. Bartlett, J. R. Stat. Soc.
        Suppl. 8, 27 (1946). dt for independent samples, tau for rho = exp(-t/tau) and dt << tau.
        """
        steps = float(np.max(_correlation_steps(self.values)))
        return self.dt * (steps if math.isfinite(steps) else self.values.shape[1])

    @property
    def n_independent(self) -> float:
        """Duration over correlation time."""
        return self.duration / self.correlation_time

    @cached_property
    def dependent(self) -> bool:
        """Whether some variable is a linear combination of others, to a millionth of its size."""
        flat = self.values.reshape(-1, self.values.shape[2])
        return bool(np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(flat.T)))[0] < 1e-12 * len(self.names))

    @cached_property
    def segments(self) -> int:
        """Into how many blocks each trial is cut; 0 where the trials themselves are the blocks."""
        n_trial, n_time = map(int, self.values.shape[:2])
        if n_trial >= FEWEST_BLOCKS:
            return 0
        wanted = -(-N_GROUP // n_trial)
        most = n_time * self.dt / (BLOCK_LENGTH * self.correlation_time)
        return max(1, min(wanted, math.floor(most)))

    def blocks(self, terms: Array) -> Array:
        """(n_block, n_term, p) of terms (n_trial, n, p) at successive times; what no whole block holds is left out."""
        n_trial, n_term, width = terms.shape
        if self.segments:
            length = n_term // self.segments
            return terms[:, : self.segments * length].reshape(n_trial * self.segments, length, width)
        n_block = max(range(FEWEST_BLOCKS, min(MOST_BLOCKS, n_trial) + 1), key=lambda n: (n_trial // n * n, n))
        return terms[: n_trial // n_block * n_block].reshape(n_block, -1, width)

    def columns(self, chosen: Columns, argument: str) -> list[int]:
        """Positions of variables given by name, position or slice; ValueError naming what is there."""
        if isinstance(chosen, slice):
            found = list(range(len(self.names)))[chosen]
        else:
            found = [self._column(one, argument) for one in ([chosen] if isinstance(chosen, str) else chosen)]
        if not found or len(set(found)) != len(found):
            raise ValueError(
                f"{argument}: {chosen!r}, expected one variable or more, each once; there are {self._known}"
            )
        return found

    def _column(self, one: str | int, argument: str) -> int:
        if isinstance(one, str) and one in self.names:
            return self.names.index(one)
        if isinstance(one, int | np.integer) and -len(self.names) <= one < len(self.names):
            return int(one) % len(self.names)
        raise ValueError(f"{argument}: {one!r} is no variable of the recording; there are {self._known}")

    @property
    def _known(self) -> str:
        return ", ".join(self.names)


def sides(
    recording: Recording, first: Columns, second: Columns, arguments: tuple[str, str]
) -> tuple[list[int], list[int]]:
    """Positions of two sets of variables that share none."""
    one, other = recording.columns(first, arguments[0]), recording.columns(second, arguments[1])
    if common := sorted(set(one) & set(other)):
        shared = ", ".join(recording.names[column] for column in common)
        raise ValueError(
            f"{arguments[0]}, {arguments[1]}: both hold {shared}, expected two sets without a common variable"
        )
    return one, other


def as_recording(data: Any, dt: float | None = None) -> Recording:
    """Check samples of any origin.

    Parameters
    ----------
    data : (n_time, n_variable) or (n_trial, n_time, n_variable) array, one variable (n_time,), a Recording, or an xarray
        DataArray with a dimension `time`, perhaps `trial`, and at most one more, whose coordinate names the variables.
    dt : spacing of the samples [time]; of a DataArray with a time coordinate it may be left out; otherwise 1.

    Raises
    ------
    ValueError : wrong shape, values that are not finite, a variable that never changes, times that are not equally spaced.

    >>> as_recording(np.arange(12.0).reshape(6, 2) % 5, dt=0.5).duration
    3.0
    """
    if isinstance(data, Recording):
        return data
    names: Sequence[str] | None = None
    if hasattr(data, "dims") and hasattr(data, "transpose"):
        data, names, spacing = _from_labelled(data)
        dt = spacing if dt is None else dt
    dt = 1.0 if dt is None else float(dt)
    if not (math.isfinite(dt) and dt > 0.0):
        raise ValueError(f"dt = {dt!r}, expected a finite number > 0 [time]")
    values = _trials(data)
    names = [f"x{i}" for i in range(values.shape[2])] if names is None else names
    return Recording(values, dt, _checked(values, tuple(names)))


def _trials(data: ArrayLike) -> Array:
    values = np.asarray(data, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or not values.size:
        raise ValueError(
            f"data: shape {np.shape(data)}, expected (n_time, n_variable) or (n_trial, n_time, n_variable)"
        )
    if values.shape[1] < 3:
        raise ValueError(f"data: {values.shape[1]} samples in time, expected 3 at least; time is the last axis but one")
    return values


def _checked(values: Array, names: tuple[str, ...]) -> tuple[str, ...]:
    lost = np.argwhere(~np.isfinite(values))
    if len(lost):
        trial, time, variable = lost[0]
        raise ValueError(
            f"data: {len(lost)} values are not finite, the first of {names[variable]} at sample {time} of trial {trial};"
            " cut the recording there, or fill the gap"
        )
    for column, name in enumerate(names):
        if np.ptp(values[..., column]) == 0.0:
            raise ValueError(f"data: {name} never changes, expected variables that fluctuate; leave it out")
    return names


def _from_labelled(data: Any) -> tuple[Array, list[str], float | None]:
    """Samples, names and spacing of an xarray DataArray, which is known by what it offers: xarray is not needed here."""
    others = [dim for dim in data.dims if dim not in (TIME, TRIAL)]
    if TIME not in data.dims or len(others) > 1:
        raise ValueError(
            f"data: dimensions {', '.join(map(str, data.dims)) or 'none'}, expected {TIME}, perhaps {TRIAL}, and at most one"
            " more, of the variables; rename them"
        )
    order = [dim for dim in (TRIAL, TIME, *others) if dim in data.dims]
    values = np.asarray(data.transpose(*order).values, dtype=np.float64)
    values = values if others else values[..., None]
    labels: Mapping[Any, Any] = data.coords
    if others:
        names = [str(v) for v in labels[others[0]].values] if others[0] in labels else []
        names = names if names and not names[0].isdecimal() else [f"x{i}" for i in range(values.shape[-1])]
    else:
        names = [str(data.name) if data.name is not None else "x0"]
    return values, names, spacing_of(labels[TIME].values) if TIME in labels else None


def spacing_of(times: ArrayLike) -> float:
    """Spacing of equally spaced times; ValueError where they are not, to a thousandth of a step.

    >>> spacing_of([0.0, 0.5, 1.0])
    0.5
    """
    steps = np.diff(np.asarray(times))
    if np.issubdtype(steps.dtype, np.timedelta64):
        raise ValueError(
            "time: holds dates, expected numbers; give the spacing in the unit of time that you want, as dt"
        )
    step = float(np.median(steps)) if len(steps) else math.nan
    if not step > 0.0 or np.abs(steps - step).max() > 1e-3 * step:
        raise ValueError(
            f"time: steps from {steps.min() if len(steps) else step:.6g} to {steps.max() if len(steps) else step:.6g},"
            " expected equal steps > 0; interpolate, or cut at the gap"
        )
    return float(np.mean(steps))


def _correlation_steps(values: Array) -> Array:
    """(n_variable,) correlation times in steps; NaN where the window does not close within the trial."""
    n_time = values.shape[1]
    apart = values - values.mean(axis=(0, 1))
    size = 1 << (2 * n_time - 1).bit_length()
    power = (np.abs(np.fft.rfft(apart, size, axis=1)) ** 2).mean(axis=0)
    products = np.fft.irfft(power, size, axis=0)[: n_time // 2]
    correlation = products / np.arange(n_time, n_time - n_time // 2, -1)[:, None] * n_time / products[0]
    times = 2.0 * np.cumsum(correlation**2, axis=0) - 1.0
    closed = np.arange(len(times))[:, None] >= WINDOW * times
    first = closed.argmax(axis=0)
    found = times[first, np.arange(values.shape[2])]
    return np.where(closed.any(axis=0), found, np.nan)
