"""A swept parameter as a direction of a figure: where its cells lie, how they are ticked and named."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from nessmap.figures import style

Array = NDArray[np.float64]


class Axis(NamedTuple):
    """Numbers, or categories (and single values) at fixed places."""

    name: str
    centres: Array
    edges: Array
    ticks: tuple[str, ...]  # one text per cell; empty for a numeric axis of several values
    logarithmic: bool
    label: str

    @property
    def continuous(self) -> bool:
        """Lines may be drawn along it."""
        return not self.ticks

    def scaled(self, positions: Array) -> Array:
        """Positions as they are spaced in the figure."""
        return np.log(positions) if self.logarithmic else positions

    def show(self, axes: Axes, direction: str, room: float) -> None:
        """Scale, limits and ticks along x or y, for an axis of `room` inches."""
        axis = axes.xaxis if direction == "x" else axes.yaxis
        limits = axes.set_xlim if direction == "x" else axes.set_ylim
        if self.logarithmic:
            (axes.set_xscale if direction == "x" else axes.set_yscale)("log")
        limits(self.edges[0], self.edges[-1])
        if self.ticks:
            need = max(style.inches(tick, style.SMALL) for tick in self.ticks) + 0.08 if direction == "x" else 0.14
            turned = direction == "x" and need * len(self.ticks) > room
            every = int(np.ceil((0.14 if turned else need) * len(self.ticks) / room))
            axis.set_ticks(self.centres[::every], self.ticks[::every])
            axis.set_minor_locator(NullLocator())
            if turned:
                axis.set_tick_params(rotation=90)
        elif not self.logarithmic:
            most = int(room / (0.34 if direction == "x" else 0.25))
            axis.set_major_locator(MaxNLocator(max(2, min(7, most)), steps=[1, 2, 5, 10]))


def axis_of(coordinate: xr.DataArray) -> Axis:
    """The direction along a coordinate: equal ratios become a logarithmic axis, words become categories."""
    name, label = str(coordinate.name), style.label(coordinate.attrs, str(coordinate.name))
    values = coordinate.values
    if not np.issubdtype(values.dtype, np.number):
        places = np.arange(len(values), dtype=float)
        return Axis(
            name, places, np.arange(len(values) + 1.0) - 0.5, tuple(str(value) for value in values), False, label
        )
    centres = np.asarray(values, dtype=float)
    if len(centres) == 1:
        half = abs(centres[0]) / 2 or 0.5
        only = (style.value_text(centres[0], "1"),)
        return Axis(name, centres, np.array([centres[0] - half, centres[0] + half]), only, False, label)
    logarithmic = geometric(centres)
    places = np.log(centres) if logarithmic else centres
    inner = (places[1:] + places[:-1]) / 2
    edges: Array = np.concatenate([[2 * places[0] - inner[0]], inner, [2 * places[-1] - inner[-1]]])
    return Axis(name, centres, np.exp(edges) if logarithmic else edges, (), logarithmic, label)


def geometric(values: Array) -> bool:
    """Nearer to equal ratios than to equal steps, over almost a decade or more."""
    if len(values) < 3 or values[0] <= 0 or values[-1] < 8 * values[0]:
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(np.std(ratios) / np.mean(ratios) < np.std(steps) / np.mean(steps))
