"""A swept parameter as a direction of a figure: where its cells lie, how they are ticked and named."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from nessmap.figures import style
from nessmap.figures.knots import geometric

Array = NDArray[np.float64]

DECADES = 8  # below the largest value, on logarithmic scales; what is smaller is at the lower end


class Axis(NamedTuple):
    """Numbers, or categories (and single values) at fixed places."""

    name: str
    centres: Array
    edges: Array
    ticks: tuple[str, ...]  # one text per cell; empty for a numeric axis of several values
    logarithmic: bool
    label: str
    doubling: bool = False  # ticked at its values, in powers of two

    @property
    def continuous(self) -> bool:
        """Lines may be drawn along it."""
        return not self.ticks

    def scaled(self, positions: Array) -> Array:
        """Positions as they are spaced in the figure."""
        return np.log(positions) if self.logarithmic else positions

    def doubled(self) -> "Axis":
        """The same positive values on a scale of powers of two."""
        return self._replace(edges=edges_of(self.centres, True), ticks=(), logarithmic=True, doubling=True)

    def show(self, axes: Axes, direction: str, room: float) -> None:
        """Scale, limits and ticks along x or y, for an axis of `room` inches."""
        axis = axes.xaxis if direction == "x" else axes.yaxis
        limits = axes.set_xlim if direction == "x" else axes.set_ylim
        if self.logarithmic:
            (axes.set_xscale if direction == "x" else axes.set_yscale)("log", base=2 if self.doubling else 10)
        limits(self.edges[0], self.edges[-1])
        if self.doubling:
            texts = [style.value_text(value, "1") for value in self.centres]
            need = max(style.inches(text, style.SMALL) for text in texts) + 0.08 if direction == "x" else 0.14
            every = int(np.ceil(need * len(texts) / room))
            axis.set_ticks(self.centres[::-every][::-1], texts[::-every][::-1])
            axis.set_minor_locator(NullLocator())
        elif self.ticks:
            need = max(style.inches(tick, style.SMALL) for tick in self.ticks) + 0.08 if direction == "x" else 0.14
            turned = direction == "x" and need * len(self.ticks) > room
            every = int(np.ceil((0.14 if turned else need) * len(self.ticks) / room))
            axis.set_ticks(self.centres[::every], self.ticks[::every])
            axis.set_minor_locator(NullLocator())
            if turned:
                axis.set_tick_params(rotation=90)
        elif self.logarithmic:
            ticks = log_ticks(
                float(self.edges[0]), float(self.edges[-1]), int(room / (0.4 if direction == "x" else 0.25))
            )
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_major_formatter(FixedFormatter([level_text(tick) for tick in ticks]))
            axis.set_minor_formatter(NullFormatter())
        else:
            most = int(room / (0.34 if direction == "x" else 0.25))
            axis.set_major_locator(MaxNLocator(max(2, min(7, most)), steps=[1, 2, 5, 10]))


def axis_of(coordinate: xr.DataArray) -> Axis:
    """The direction along a coordinate: equal ratios become a logarithmic axis, words become categories.

    Whole numbers in equal ratios, as sizes of grids are, are ticked at their values.
    """
    name, label = str(coordinate.name), style.label(coordinate.attrs, str(coordinate.name))
    values = coordinate.values
    if not np.issubdtype(values.dtype, np.number):
        places = np.arange(len(values), dtype=float)
        return Axis(
            name,
            places,
            np.arange(len(values) + 1.0) - 0.5,
            tuple(style.value_text(value, "1") for value in values),
            False,
            label,
        )
    centres = np.asarray(values, dtype=float)
    if len(centres) == 1:
        half = abs(centres[0]) / 2 or 0.5
        only = (style.value_text(centres[0], "1"),)
        return Axis(name, centres, np.array([centres[0] - half, centres[0] + half]), only, False, label)
    logarithmic = geometric(centres)
    doubling = logarithmic and bool(np.issubdtype(values.dtype, np.integer))
    return Axis(name, centres, edges_of(centres, logarithmic), (), logarithmic, label, doubling)


def edges_of(centres: Array, logarithmic: bool) -> Array:
    """Edges half-way between two or more centres, the outermost as far outside as inside."""
    places = np.log(centres) if logarithmic else centres
    inner = (places[1:] + places[:-1]) / 2
    edges: Array = np.concatenate([[2 * places[0] - inner[0]], inner, [2 * places[-1] - inner[-1]]])
    return np.exp(edges) if logarithmic else edges


def level_text(level: float) -> str:
    """A number beside a contour or a tick: 0.03, 10, $10^{-5}$."""
    if level == 0 or 1e-3 <= abs(level) < 1e4:
        return f"{level:g}".replace("-", "\N{MINUS SIGN}")
    mantissa, exponent = f"{level:.1e}".split("e")
    factor = "" if float(mantissa) == 1 else rf"{float(mantissa):g}\times "
    return f"${factor}10^{{{int(exponent)}}}$"


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers between positive limits: 1, 2, 5 or 1, 3 in each decade, else whole decades."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    rungs = ((1, (1, 2, 5)), (1, (1, 3)), (1, (1,)), (2, (1,)), (3, (1,)), (5, (1,)))
    ladders = [[float(f"{digit}e{k}") for k in decades[::every] for digit in digits] for every, digits in rungs]
    inside = [[tick for tick in ladder if low * 0.999 <= tick <= high * 1.001] for ladder in ladders]
    return next((ticks for ticks in inside if len(ticks) <= max(most, 3)), inside[-1])
