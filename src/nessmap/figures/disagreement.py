"""How far estimates are from an approximate theory, against what the theory neglects: does it fail as it should?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from numpy.typing import NDArray

from nessmap.figures import curves, panels, style
from nessmap.figures.axis import Array, Axis, level_text, log_ticks
from nessmap.figures.selection import OK, SHORT_RUN, SMALL_PARAMETER, Selection, pick, select
from nessmap.figures.theory_kind import theory_words

# relative disagreement ~ x^p where x is small: the parameter's square is in proportion to the strength of the noise
POWERS = {SMALL_PARAMETER: 2, "noise_strength": 1}
FEWEST = 3  # resolved points that a power law is compared with
SYMBOL = "r"  # of the small parameter, docs/notation.md
LABEL = "(estimate \N{MINUS SIGN} theory) / theory"
GUIDE: dict[str, Any] = {"color": "0.35", "linewidth": 0.9, "linestyle": (0, (4, 1.5))}


class Relative(NamedTuple):
    """Relative disagreement and its standard error, NaN where there is none; masks of why."""

    value: Array
    error: Array
    zero: NDArray[np.bool_]
    short: NDArray[np.bool_]


def relative(chosen: Selection, dims: tuple[str, ...]) -> Relative:
    """(estimate - expectation) / expectation over `dims`; undefined where the theory is zero, to rounding."""
    value, error, theory, expected = (
        chosen.values(part, dims) for part in ("", "_standard_error", "_theory", "_expected")
    )
    theory = np.where(np.isfinite(expected), expected, theory)  # a known bias of the time step is no disagreement
    status = chosen.status(dims)
    known = np.isfinite(value) & np.isfinite(theory) & np.isin(status, (OK, SHORT_RUN))
    zero = known & (np.abs(theory) <= 1e-9 * np.abs(theory[np.isfinite(theory)]).max(initial=0.0))
    divisor = np.where(known & ~zero, theory, np.nan)
    return Relative((value - divisor) / divisor, error / np.abs(divisor), zero, known & ~zero & (status == SHORT_RUN))


class Points(NamedTuple):
    """The points of one colour, those alone that have a place on the axis."""

    x: Array
    value: Array
    error: Array
    resolved: NDArray[np.bool_]


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    series: str | None = None,
    x: str | None = None,
    at: Mapping[str, object] | None = None,
) -> Figure:
    """(a) (estimate - theory) / theory with bars, open within two standard errors of zero; (b) its modulus, logarithmic.

    (b) is there where three points or more are resolved. Its guides, one per colour through the lower half of its points, have
    the slope with which a linear response fails: 2 against the small parameter, 1 against the strength of the noise. Left out,
    and counted: points where the theory is zero, short runs, points without a place on the axis.

    Parameters
    ----------
    variable : an observable of the dataset that has theory.
    series : an axis with one colour per value, at most six, evenly picked.
    x : an axis of positive numbers to plot against; where left out, the small parameter: what the linear drift leaves out
        over the linear drift.
    at : axis to the value at which it is held. Other axes are held at their middle value where `x` is given; against the
        small parameter all their values are shown.

    Raises
    ------
    ValueError : an unknown observable or axis, no theory, no small parameter, an `x` that is not positive.
    """
    with style.applied():
        chosen = select("disagreement", dataset, variable, {"x": x, "series": series}, at, hold=x is not None)
        against = _against(chosen, x)
        chosen.require_theory()
        picked = pick(chosen.dataset.sizes[series], panels.MOST_SERIES) if series is not None else []
        found, left = [], Counter[str]()
        for part in [chosen.at(str(series), i) for i in picked] or [chosen]:
            points, missing = _points(part, against.name)
            found.append(points)
            left += missing
        heading = _heading(chosen, series, picked, left)
        return _page(found, against, heading, [chosen.value_text(str(series), i) for i in picked])


class Against(NamedTuple):
    """What the disagreement is plotted against."""

    name: str
    label: str
    symbol: str

    @property
    def power(self) -> int | None:
        """Of it, where an approximation fails in proportion to one."""
        return POWERS.get(self.name)

    def axis(self, places: Array) -> Axis:
        """A logarithmic axis that holds the places of all points."""
        low, high = (float(places.min()), float(places.max())) if len(places) else (0.1, 1.0)
        room = max((high / low) ** 0.06, 1.1)
        return Axis(self.name, places, np.array([low / room, high * room]), (), True, self.label)


def _against(chosen: Selection, x: str | None) -> Against:
    if x is None and SMALL_PARAMETER not in chosen.dataset:
        raise ValueError("disagreement: this phase diagram has no small parameter, its model is linear; give x")
    name = x or SMALL_PARAMETER
    attrs = dict(chosen.dataset[name].attrs)
    if x is not None:
        values = chosen.dataset[x].values
        if not np.issubdtype(values.dtype, np.number) or values.min() <= 0:
            found = ", ".join(str(value) for value in values[:4])
            raise ValueError(f"disagreement: x = {x} has the values {found}, expected positive numbers")
    attrs["symbol"] = attrs.get("symbol") or (SYMBOL if x is None else "x")
    return Against(name, style.label(attrs, name), str(attrs["symbol"]))


def _points(part: Selection, x: str) -> tuple[Points, Counter[str]]:
    dims = tuple(str(dim) for dim in part.dataset[part.variable].dims)
    found, place = relative(part, dims), part.array(x, dims)
    assert place is not None
    known = np.isfinite(found.value) & np.isfinite(found.error) & ~found.short
    shown = known & (place > 0)
    missing = {
        "theory is 0": found.zero,
        "short run": found.short,
        "no small parameter": known & ~shown,
    }
    value, error = found.value[shown], found.error[shown]
    points = Points(place[shown], value, error, np.abs(value) >= 2 * error)
    return points, Counter({why: int(mask.sum()) for why, mask in missing.items()})


def _heading(chosen: Selection, series: str | None, picked: Sequence[int], left: Counter[str]) -> list[str]:
    """Which observable and theory, what is held, what is left out, and the axis of the colours."""
    missing = ", ".join(f"{count} ({why})" for why, count in left.items() if count)
    colours = ", ".join(filter(None, [chosen.axis(series).label, chosen.part(series, picked)])) if series else ""
    lines = [
        style.quantity(chosen.attrs, chosen.variable),
        f"against {theory_words(chosen.attrs)}",
        f"at {chosen.held}" if chosen.held else "",
        f"left out: {missing}" if missing else "",
        colours,
    ]
    return [line for line in lines if line]


def _page(found: Sequence[Points], against: Against, heading: Sequence[str], names: Sequence[str]) -> Figure:
    two = sum(int(points.resolved.sum()) for points in found) >= FEWEST
    title = "\n".join(style.wrapped(line, style.SINGLE - 0.3, style.SMALL) for line in heading)
    figure = style.figure(style.SINGLE, 2.6 + 1.8 * two + 0.14 * title.count("\n") + 0.17 * bool(names))
    sheet = list(figure.subplots(2 if two else 1, 1, sharex=True, squeeze=False).flat)
    across = against.axis(np.concatenate([points.x for points in found]))
    for index, axes in enumerate(sheet):
        style.letter(axes, index)
        across.show(axes, "x", 2.5)
    occurs = _draw_values(sheet[0], found)
    if two:
        occurs["guide"] = _draw_moduli(sheet[1], found, against.power)
    sheet[-1].set_xlabel(style.wrapped(across.label, 2.8))
    entries = [(Line2D([], [], linestyle="none", **curves.look(i)), name) for i, name in enumerate(names)]
    if entries:
        style.legend(figure, entries, "outside upper center", title=title)
    else:
        figure.suptitle(title)
    style.legend(figure, _kinds(occurs, against))
    style.freeze(figure)
    return figure


def _draw_values(axes: Axes, found: Sequence[Points]) -> Counter[str]:
    axes.axhline(0, gid="reference", **panels.REFERENCE)
    axes.set_ylabel(LABEL)
    if not any(len(points.x) for points in found):
        style.say(axes, "no complete run whose theory is not 0")
        axes.set_yticks([])
        return Counter()
    low, high = _limits(found)
    axes.set_ylim(low, high)
    occurs = Counter[str]()
    for index, points in enumerate(found):
        for mask, face in ((~points.resolved, "white"), (points.resolved, curves.look(index)["color"])):
            _errorbar(axes, points.x[mask], points.value[mask], points.error[mask], index, face)
        occurs["resolved"] += int(points.resolved.sum())
        occurs["unresolved"] += int((~points.resolved).sum())
    return occurs


def _limits(found: Sequence[Points]) -> tuple[float, float]:
    """Hold every value and the bars of all that are resolved; longer bars leave the panel."""
    value, error = (np.concatenate([getattr(points, part) for points in found]) for part in ("value", "error"))
    reach = np.where(np.concatenate([points.resolved for points in found]), error, 0.0)
    low, high = min(0.0, float((value - reach).min())), max(0.0, float((value + reach).max()))
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _errorbar(axes: Axes, x: Array, y: Array, error: Array, index: int, face: str) -> None:
    if len(x):
        marks = curves.look(index) | {"markersize": curves.MARKER, "markerfacecolor": face}
        axes.errorbar(x, y, error, linestyle="none", elinewidth=0.7, capsize=0, zorder=3, gid="points", **marks)


def _draw_moduli(axes: Axes, found: Sequence[Points], power: int | None) -> int:
    """|disagreement| of what is resolved, and a guide for each colour of three points or more; how many guides."""
    y, error = (
        np.concatenate([np.abs(getattr(points, part)[points.resolved]) for points in found])
        for part in ("value", "error")
    )
    axes.set_yscale("log")
    low, high = float((y - np.minimum(error, 0.7 * y)).min()) / 1.3, float((y + error).max()) * 1.3
    axes.set_ylim(low, high)
    ticks = log_ticks(low, high, 6)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([level_text(tick) for tick in ticks]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("|disagreement|")
    for index, points in enumerate(found):
        kept = points.resolved
        _errorbar(
            axes, points.x[kept], np.abs(points.value[kept]), points.error[kept], index, curves.look(index)["color"]
        )
    if power is None:
        return 0
    guides = 0
    for index, points in enumerate(found):
        x, y = points.x[points.resolved], np.abs(points.value[points.resolved])
        if len(x) >= FEWEST:
            ends = np.array([x.min(), x.max()])
            line = guide_factor(x, y, power) * ends**power
            axes.plot(ends, line, gid="guide", zorder=1, **GUIDE | {"color": curves.look(index)["color"]})
            guides += 1
    return guides


def guide_factor(x: Array, y: Array, power: int) -> float:
    """c of y = c x^power through the lower half of the points along x: where x is large the law has ended.

    >>> guide_factor(np.array([0.1, 0.2, 5.0, 9.0]), np.array([0.03, 0.12, 1.0, 1.0]), 2).__round__(9)
    3.0
    """
    lower = np.argsort(x)[: -(-len(x) // 2)]
    return float(np.exp(np.median(np.log(y[lower] / x[lower] ** power))))


def _kinds(occurs: Counter[str], against: Against) -> list[tuple[Any, str]]:
    """Legend keys of what occurs, nothing else."""
    point: dict[str, Any] = {"color": "0.35", "marker": "o", "linestyle": "none"}
    slope = "" if against.power in (None, 1) else f"^{against.power}"
    keys: dict[str, tuple[Any, str]] = {
        "resolved": (Line2D([], [], **point), "estimate"),
        "unresolved": (Line2D([], [], markerfacecolor="white", **point), "within 2 s.e. of 0"),
        "guide": (Line2D([], [], **GUIDE), rf"${{\propto}}\,{against.symbol}{slope}$"),
    }
    return [entry for name, entry in keys.items() if occurs[name]]
