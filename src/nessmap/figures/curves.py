"""One observable along one axis: points with bars, theory lines, unstable stretches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from numpy.typing import NDArray

from nessmap.figures import colours, style
from nessmap.figures.axis import DECADES, Array, Axis
from nessmap.figures.selection import EXACT_ZERO, OK, SHORT_RUN, UNSTABLE, Selection
from nessmap.figures.zscores import usable

Stretch = tuple[float, float]
MARKER = 3.2  # [pt]
ARROW = Path([(-0.35, 0), (0.35, 0), (0, 0), (0, -1), (-0.35, -0.6), (0, -1), (0.35, -0.6)], [1, 2, 1, 2, 1, 2, 2])
ABOVE = 0.04  # share of the panel in which an arrow down has room
NEAR = 0.3  # of the range of the points: a peak of theory that leaves it by less is shown


class Curve(NamedTuple):
    """An observable along an axis, and its theory on the fine grid."""

    x: Array
    value: Array
    error: Array
    z: Array
    status: Array
    flag: Array
    fine: Array
    theory: Array
    unstable: list[Stretch]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Points with an estimate."""
        return np.asarray(np.isfinite(self.value) & np.isin(self.status, (OK, SHORT_RUN)))

    @property
    def short(self) -> NDArray[np.bool_]:
        """Points of runs that were too short for calibrated errors."""
        return np.asarray(self.shown & (self.status == SHORT_RUN))

    @property
    def calibrated(self) -> Array:
        """The z-scores that count."""
        return usable(self.z, self.status, self.flag)


def curve(chosen: Selection, x: Axis) -> Curve:
    """The selected observable along `x`."""
    dims = (x.name,)
    theory = chosen.line(f"{chosen.variable}_theory", x.name, dims) if x.continuous else None
    fine, line = theory if theory is not None else (x.centres, chosen.values("_theory", dims))
    value = chosen.values("", dims)
    status = chosen.status(dims)
    return Curve(
        x.centres, value, chosen.values("_standard_error", dims), chosen.values("_z", dims), status, chosen.flag(dims),
        fine, line, _unstable(chosen, x, status),
    )  # fmt: skip


def _unstable(chosen: Selection, x: Axis, status: Array) -> list[Stretch]:
    """Stretches without a stationary state: between the zeros of the leading rate, else whole cells."""
    rate = chosen.line("leading_rate", x.name, (x.name,)) if x.continuous else None
    if rate is None:
        stored = chosen.array("leading_rate", (x.name,)) if x.continuous else None
        rate = None if stored is None else (x.centres, stored)
    if rate is None or not np.isfinite(rate[1]).any():
        cells = [(float(x.edges[i]), float(x.edges[i + 1])) for i in np.flatnonzero(status == UNSTABLE)]
        return _joined(cells)
    place, values = x.scaled(rate[0]), rate[1]
    ends = x.scaled(x.edges)
    place, values = np.concatenate([ends[:1], place, ends[-1:]]), np.concatenate([values[:1], values, values[-1:]])
    found = []
    for left, right, a, b in zip(place[:-1], place[1:], values[:-1], values[1:], strict=True):
        if a >= 0 and b >= 0:
            found.append((left, right))
        elif a >= 0 > b or a < 0 <= b:
            zero = left + (right - left) * a / (a - b)
            found.append((left, zero) if a >= 0 else (zero, right))
    # a confined model has a stationary state beyond: where runs say so, nothing is unstable
    ran = x.scaled(x.centres)[np.isin(status, (OK, SHORT_RUN))]
    unscaled = np.exp if x.logarithmic else np.asarray
    return [
        (float(unscaled(left)), float(unscaled(right)))
        for left, right in _joined(found)
        if not ((left < ran) & (ran < right)).any()
    ]


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for left, right in stretches:
        if right <= left:
            continue
        if merged and left <= merged[-1][1] + 1e-12 * abs(right):
            merged[-1] = (merged[-1][0], right)
        else:
            merged.append((left, right))
    return merged


def common(curves: Sequence[Curve]) -> list[Stretch]:
    """Stretches in which every curve is unstable."""
    shared = list(curves[0].unstable) if curves else []
    for other in curves[1:]:
        shared = [(max(a, c), min(b, d)) for a, b in shared for c, d in other.unstable if max(a, c) < min(b, d)]
    return shared


def hatch_unstable(axes: Axes, stretches: Sequence[Stretch], x: Axis) -> None:
    """Hatch the stretches over the height of the axes; a black line where each begins inside."""
    look = style.hatch_look(style.STATUSES[UNSTABLE][1]) | {"zorder": 0.5}
    for left, right in stretches:
        axes.axvspan(left, right, gid="unstable", **look)
        for end in (left, right):
            if x.edges[0] < end < x.edges[-1]:
                axes.axvline(end, color="black", linewidth=1.0, zorder=0.6)


def look(index: int) -> dict[str, Any]:
    """Colour and marker of the series with this index."""
    return {
        "color": colours.SERIES[index % len(colours.SERIES)],
        "marker": colours.MARKERS[index % len(colours.MARKERS)],
    }


def limit_look(size: float = MARKER) -> dict[str, Any]:
    """An arrow down: an upper limit, which a filled triangle would make the point of another series."""
    return {"marker": ARROW, "linestyle": "none", "markersize": 2.6 * size, "markerfacecolor": "none"}


def marker_size(x: Axis, room: float) -> float:
    """Size that leaves neighbours along an axis of `room` inches apart [pt]."""
    return float(np.clip(0.55 * 72 * room / len(x.centres), 1.8, MARKER))


def draw_points(
    axes: Axes, line: Curve, index: int, logarithmic: bool, shift: float = 0.0, size: float = MARKER
) -> int:
    """Points with bars, open where the run was short; the number of upper limits.

    On a logarithmic scale a value within two standard errors of zero is an arrow down from estimate + 2 s.e., or from just
    above the frame where that is lower: it is below that too.
    """
    style_of = look(index) | {"markersize": size}
    resolved = line.shown & ((line.value > 0) & ~(line.value < 2 * line.error) if logarithmic else True)
    places = line.x + shift
    for mask, face in ((resolved & ~line.short, style_of["color"]), (resolved & line.short, "white")):
        if mask.any():
            axes.errorbar(
                places[mask], line.value[mask], np.nan_to_num(line.error[mask]), linestyle="none", elinewidth=0.7,
                capsize=0, markerfacecolor=face, zorder=3, gid="points", **style_of,
            )  # fmt: skip
    limit = line.value + 2 * line.error
    arrows = line.shown & ~resolved & (line.flag != EXACT_ZERO) & (limit > 0)
    if logarithmic and arrows.any():
        low, high = axes.get_ylim()
        axes.plot(
            places[arrows],
            np.maximum(limit[arrows], low ** (1 - ABOVE) * high**ABOVE),
            **style_of | limit_look(size) | {"zorder": 3, "gid": "limits"},
        )
    return int(arrows.sum()) if logarithmic else 0


def draw_theory(axes: Axes, line: Curve, index: int, x: Axis, colour: str = "") -> bool:
    """The theory as a line; as short level strokes where the axis has categories."""
    if not np.isfinite(line.theory).any():
        return False
    colour = colour or look(index)["color"]
    if x.continuous:
        axes.plot(line.fine, line.theory, color=colour, zorder=2, gid="theory")
    else:
        reach = 0.3 * np.diff(x.edges)
        axes.hlines(line.theory, x.centres - reach, x.centres + reach, color=colour, zorder=2, gid="theory")
    return True


def draw_z(axes: Axes, line: Curve, index: int, limit: float, shift: float = 0.0, size: float = MARKER) -> None:
    """The z-scores, those beyond the limit on the frame."""
    style_of = look(index)
    seen = np.isfinite(line.z) & line.shown
    z = np.clip(line.z, -limit, limit)
    for mask, face in ((seen & ~line.short, style_of["color"]), (seen & line.short, "white")):
        if mask.any():
            axes.plot(
                line.x[mask] + shift,
                z[mask],
                linestyle="none",
                markersize=0.875 * size,
                markerfacecolor=face,
                clip_on=False,
                gid="z",
                **style_of,
            )


def remark(lines: Sequence[Curve], logarithmic: bool) -> str:
    """Why the legend names a series that is not to be seen."""
    if all((line.status == UNSTABLE).all() for line in lines):
        return " (unstable)"
    if not any(line.shown.any() or np.isfinite(line.theory).any() for line in lines):
        return (
            " (no resolved value)"
            if any(np.isin(line.status, (OK, SHORT_RUN)).any() for line in lines)
            else " (no run)"
        )
    zero = [(line.flag[line.shown] == EXACT_ZERO).all() for line in lines if line.shown.any()]
    return " (exactly 0)" if logarithmic and zero and all(zero) else ""


def value_limits(curves: Sequence[Curve], logarithmic: bool) -> Stretch | None:
    """Limits that hold every point with its bar, and peaks of theory near them. None where nothing can be shown."""
    held: list[float] = []
    for line in curves:
        error = np.nan_to_num(line.error)
        ends = np.concatenate(
            [line.value - error, line.value + error, np.where(error > 0, line.value + 2 * error, np.nan)]
        )
        drawn = line.shown & ~(logarithmic & (line.flag == EXACT_ZERO))
        points = ends[np.tile(drawn, 3)] if logarithmic else ends[: 2 * len(error)][np.tile(drawn, 2)]
        if not line.shown.any() and np.isfinite(line.theory).any():
            points = np.nanquantile(line.theory, [0.0, 0.9])
        held += list(points[np.isfinite(points)])
    if logarithmic:
        floor = [line.value[(line.value > 2 * line.error) & line.shown] for line in curves]
        smallest = min(
            (float(values.min()) for values in floor if len(values)),
            default=min((v for v in held if v > 0), default=0.0),
        )
        smallest = max(smallest, max(held, default=0.0) / 10**DECADES)
        held = [float(np.log10(max(value, smallest / 3))) for value in held] if smallest > 0 else []
    if not held:
        return None
    low, high = min(held), max(held)
    # a peak between two points belongs into the picture; a divergence, largest where its line ends, cannot be in it
    reach = NEAR * (high - low)
    for line in curves:
        theory = line.theory[np.isfinite(line.theory)]
        theory = np.log10(theory[theory > 0]) if logarithmic else theory
        inside = theory[1:-1]
        if len(inside) and low - reach <= inside.min() < min(theory[0], theory[-1]):
            low = min(low, float(inside.min()))
        if len(inside) and max(theory[0], theory[-1]) < inside.max() <= high + reach:
            high = max(high, float(inside.max()))
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    low, high = low - margin, high + margin
    return (float(10**low), float(10**high)) if logarithmic else (low, high)


def parted(curves: Sequence[Curve], level: float) -> bool:
    """There is theory, or where none is known an estimate by three standard errors, on both sides of a level."""
    bounds: list[Array] = []
    for line in curves:
        far = np.where(line.shown, 3 * np.nan_to_num(line.error), np.nan)
        known = np.isfinite(line.theory).any()
        bounds.append(np.stack([line.theory, line.theory] if known else [line.value + far, line.value - far]))
    return any((low < level).any() for low, _ in bounds) and any((high > level).any() for _, high in bounds)


def last_value(line: Curve) -> float:
    """The height at which a curve ends: of its theory, else of its estimates."""
    values = line.theory[np.isfinite(line.theory)]
    values = values if len(values) else line.value[line.shown]
    return float(values[-1]) if len(values) else np.nan
