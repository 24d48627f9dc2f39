"""Where two observables cross their levels: entropy production per neuron 1, Lyapunov exponent 0; and how far apart that is."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.interpolate import PchipInterpolator

from nessmap.figures import curves, panels, style
from nessmap.figures.axis import Array, Axis
from nessmap.figures.selection import OK, SHORT_RUN, Facets, Selection, facets, note, select

LEVELS = (1.0, 0.0)  # of the variable and of the contrast: equal lines in mean-field theory
FINE = 400  # places between two neighbours at which a crossing is sought
SIDE = 0.09  # by which the marks of a pair stand apart, of the distance between neighbours


class Crossings(NamedTuple):
    """Where an observable crosses its level along one axis, for each value of another."""

    place: Array
    error: Array
    theory: Array


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    contrast: str,
    x: str,
    y: str,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
) -> Figure:
    """The `y` at which `variable` is 1 and that at which `contrast` is 0, against `x`; their difference below.

    Values at neighbouring `y` are joined by a monotone cubic, of the logarithm where all are positive. The bar of a crossing is
    the standard error there over the slope; that of a difference adds the two squares: both come from the same networks, so
    that it is rather too long. Lines are the crossings of the theory, on the fine grid along `y`.

    Parameters
    ----------
    variable, contrast : the observable whose level is 1, the one whose level is 0.
    x : the axis to plot against.
    y : the axis along which crossings are sought; two values or more.
    facet : an axis with one column per value, at most four, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    """
    with style.applied():
        axes_of = {"x": x, "y": y, "facet": facet}
        chosen = [select("edge_of_chaos", dataset, name, axes_of, at) for name in (variable, contrast)]
        if chosen[0].dataset.sizes[y] < 2:
            raise ValueError(
                f"edge_of_chaos: y = {y} has one value, expected two or more, to cross a level between them"
            )
        columns = [facets(one, facet, panels.MOST_FACETS) for one in chosen]
        pairs = list(zip(*[column.parts for column in columns], strict=True))
        found = [[crossings(part, x, y, level) for part, level in zip(pair, LEVELS, strict=True)] for pair in pairs]
        return _drawn(chosen, columns, found, chosen[0].axis(x), chosen[0].axis(y))


def crossings(part: Selection, x: str, y: str, level: float) -> Crossings:
    """Crossings from below, the one of the largest `y`; NaN where there is none."""
    dims, up = (x, y), part.axis(y)
    shown = np.isin(part.status(dims), (OK, SHORT_RUN))
    values = np.where(shown, part.estimate(dims), np.nan)
    errors = part.values("_standard_error", dims)
    fine = part.line(f"{part.variable}_theory", y, dims)
    theory = (
        [crossing(fine[0], line, np.zeros_like(line), level)[0] for line in fine[1]]
        if fine
        else np.full(len(values), np.nan)
    )
    pairs = [crossing(up.centres, value, error, level) for value, error in zip(values, errors, strict=True)]
    place, error = np.array(pairs).T
    return Crossings(place, error, np.array(theory))


def crossing(y: Array, value: Array, error: Array, level: float) -> tuple[float, float]:
    """The last place where value(y) rises through the level, and its standard error.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([-1.0, 0.0, 1.0]), np.full(3, 0.1), 0.5)
    (1.5, 0.070710678119)
    """
    known = np.isfinite(value)
    if known.sum() < 2:
        return np.nan, np.nan
    y, value, error = y[known], value[known], error[known]
    if level > 0 and (value > 0).all():  # rates grow by factors
        value, error, level = np.log(value), error / value, float(np.log(level))
    rising = np.flatnonzero((value[:-1] < level) & (value[1:] >= level))
    if not len(rising):
        return np.nan, np.nan
    i = rising[-1]
    along = np.linspace(y[i], y[i + 1], FINE + 1)
    curve = PchipInterpolator(y, value)
    place = float(np.interp(level, curve(along), along))
    share = (place - y[i]) / (y[i + 1] - y[i])
    slope = float(curve(place, 1)) or np.nan
    return round(place, 12), round(float(np.hypot((1 - share) * error[i], share * error[i + 1])) / abs(slope), 12)


def _drawn(
    chosen: list[Selection], columns: list[Facets], found: list[list[Crossings]], across: Axis, up: Axis
) -> Figure:
    single = len(found) == 1
    figure = style.figure(style.SINGLE if single else style.DOUBLE, 4.1)
    grid = figure.subplots(2, len(found), sharex=True, sharey="row", squeeze=False, height_ratios=[1.5, 1])
    room = 2.6 if single else 6.0 / len(found)
    for index, axes in enumerate(grid.flat):
        style.letter(axes, index)
        across.show(axes, "x", room)
    for column, (title, pair) in enumerate(zip(columns[0].titles, found, strict=True)):
        grid[0, column].set_title(style.wrapped(title, room, style.SMALL), loc="left")
        _draw_places(grid[0, column], pair, across)
        _draw_distance(grid[1, column], pair, across)
        grid[1, column].set_xlabel(style.wrapped(across.label, room + 0.2))
    grid[0, 0].set_ylabel(style.wrapped(up.label, 1.9))
    symbol = str(chosen[0].dataset[up.name].attrs.get("symbol") or up.name)
    subscripts = [rf"{symbol}_{{{sign}}}" for sign in (r"\lambda", r"\Sigma")]
    grid[1, 0].set_ylabel(f"${subscripts[0]} - {subscripts[1]}$")
    entries = [
        (
            Line2D([], [], linestyle="none", **curves.look(k)),
            f"${one.attrs.get('symbol', one.variable)} = {level:g}$: ${name}$",
        )
        for k, (one, level, name) in enumerate(zip(chosen, LEVELS, reversed(subscripts), strict=True))
    ]
    known = [np.isfinite(pair[k].theory).any() for pair in found for k in range(2)]
    if any(known):
        entries.append((Line2D([], [], color="black"), "theory, both"))
    style.legend(figure, entries, "outside upper center", title=note(*columns) or None)
    style.freeze(figure)
    return figure


def _apart(across: Axis, side: float) -> Array:
    """Places along x, moved by a share of the distance between neighbours."""
    places = across.scaled(across.centres)
    moved = places + side * float(np.diff(across.scaled(across.edges)).mean())
    return np.exp(moved) if across.logarithmic else moved


def _draw_places(axes: Axes, pair: list[Crossings], across: Axis) -> None:
    for k, one in enumerate(pair):
        if np.isfinite(one.theory).any():
            alone = "_" if np.isfinite(one.theory).sum() < 2 else ""  # a single place makes no line
            axes.plot(across.centres, one.theory, color="black", marker=alone, markersize=9, zorder=2, gid="theory")
        look = curves.look(k) | {"linestyle": "none", "elinewidth": 0.7, "zorder": 3, "gid": "points"}
        axes.errorbar(_apart(across, SIDE * (2 * k - 1)), one.place, one.error, **look)
    if not any(np.isfinite(one.place).any() for one in pair):
        style.say(axes, "no crossing here")


def _draw_distance(axes: Axes, pair: list[Crossings], across: Axis) -> None:
    production, exponent = pair
    axes.axhline(0, **panels.REFERENCE)
    distance, error = exponent.place - production.place, np.hypot(exponent.error, production.error)
    axes.errorbar(
        across.centres, distance, error, linestyle="none", elinewidth=0.7, color="0.25", marker="D", zorder=3, gid="distance"
    )  # fmt: skip
