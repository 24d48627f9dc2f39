"""A page of curves: a column of panels per facet, z-scores below the values, names above, the meaning of marks below."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

from nessmap.figures import curves, ends, style, zscores
from nessmap.figures.axis import Axis, level_text, log_ticks
from nessmap.figures.ends import End
from nessmap.figures.selection import DIVERGED, FAILED, TIMEOUT
from nessmap.figures.theory_kind import MEASURE

MOST_SERIES, MOST_FACETS = 6, 4
MISSING = (DIVERGED, FAILED, TIMEOUT)
VALUES, SCORES = 2.6, 1.0  # heights of the panels, relative
REFERENCE: dict[str, Any] = {"color": "0.4", "linewidth": 0.6, "zorder": 0.2}


@dataclass(frozen=True)
class Page:
    """What a figure of curves shows."""

    lines: Sequence[Sequence[curves.Curve]]  # (column, curve)
    across: Axis
    label: str  # of the values, with their unit
    titles: Sequence[str]  # of the columns
    heading: Sequence[str] = ()  # above the names
    names: Sequence[str] = ()  # of the curves; none where there is one without a name
    ends: Sequence[Sequence[End]] = ()  # (column, curve): what stands at the right end of each
    logarithmic: bool = False
    scored: bool = True  # z-scores are shown where there are any
    reference: float = 0.0  # a level line, where it parts the values
    theory: str = "theory"  # what the lines are
    approximate: bool = False  # the z-scores measure an approximation

    @property
    def everything(self) -> list[curves.Curve]:
        """The curves of all columns."""
        return [line for column in self.lines for line in column]


def draw(page: Page, limits: Sequence[float] | None = None) -> Figure:
    """Estimates with bars, open where the run was short; theory as lines; z-scores with a band of +-2 below."""
    everything = page.everything
    compared = page.scored and any(np.isfinite(line.z).any() for line in everything)
    figure, panels = _sheet(page, compared)
    beside = max((ends.width(column) for column in page.ends), default=0.0)
    room = (2.6 if len(page.lines) == 1 else 6.0 / len(page.lines)) - beside
    for index, axes in enumerate(panels.flat):
        style.letter(axes, index)
        page.across.show(axes, "x", room)
    _scale(panels[0, 0], page, limits)
    labels = []
    occurs: Counter[str] = Counter()
    for column, (title, lines) in enumerate(zip(page.titles, page.lines, strict=True)):
        upper = panels[0, column]
        occurs += _draw_values(upper, lines, page, curves.marker_size(page.across, room))
        upper.set_title(style.wrapped(title, room, style.SMALL), loc="left")
        if not any(np.isfinite(line.value).any() or np.isfinite(line.theory).any() for line in lines):
            style.say(upper, style.wrapped("no estimate and no theory here", room - 0.1, style.SMALL))
        if compared:
            _draw_z(panels[1, column], lines, page, _z_limit(everything), room)
        if page.ends:
            labels.append(ends.write(upper, page.ends[column]))
    if not any(np.isfinite(line.value).any() or np.isfinite(line.theory).any() for line in everything):
        panels[0, 0].set_yticks([], [])
        panels[0, 0].set_yticks([], [], minor=True)
    for axes in panels[-1]:
        axes.set_xlabel(style.wrapped(page.across.label, room + 0.2))
    panels[0, 0].set_ylabel(style.wrapped(page.label, 2.0))
    if compared:
        panels[1, 0].set_ylabel("$z$")
    style.legend(figure, _kinds(occurs, page.theory), "outside lower center")
    said = [style.wrapped(line, figure.get_figwidth() - 0.3, style.SMALL) for line in page.heading if line]
    heading = "\n".join(said)
    if page.names:
        entries = series_entries(page)
        style.legend(figure, entries, "outside upper center", title=heading or None)
    elif heading:
        figure.suptitle(heading)
    style.freeze(figure)
    for placed in labels:
        ends.spread(placed)
    return figure


def series_entries(page: Page) -> list[tuple[Line2D, str]]:
    """Legend keys of the curves: colour, marker, line; and why a curve is not to be seen."""
    joined = {} if any(np.isfinite(line.theory).any() for line in page.everything) else {"linestyle": "none"}
    remarks = [curves.remark([column[i] for column in page.lines], page.logarithmic) for i in range(len(page.names))]
    return [
        (Line2D([], [], **curves.look(i) | joined), name + remark)
        for i, (name, remark) in enumerate(zip(page.names, remarks, strict=True))
    ]


def _sheet(page: Page, compared: bool) -> tuple[Figure, Any]:
    """The empty figure and its panels (values and z-scores, column)."""
    single = len(page.lines) == 1
    width = style.SINGLE if single else style.DOUBLE
    names = [name for _, name in series_entries(page)]
    rows = -(-len(names) // style.legend_columns(names, width)) if names else 0
    scores = (0.85 + 0.12 * page.approximate) * compared
    height = 2.75 + scores + 0.1 * single + 0.14 * rows + 0.14 * sum(map(bool, page.heading))
    figure = style.figure(width, height)
    ratios = [VALUES, SCORES] if compared else [1]
    return figure, figure.subplots(
        len(ratios), len(page.lines), sharex=True, sharey="row", squeeze=False, height_ratios=ratios
    )


def _scale(axes: Axes, page: Page, limits: Sequence[float] | None) -> None:
    low, high = limits or curves.value_limits(page.everything, page.logarithmic) or (0.1, 1.0)
    axes.set_ylim(low, high)
    if page.logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks = log_ticks(low, high, 7)
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_major_formatter(FixedFormatter([level_text(tick) for tick in ticks]))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_values(axes: Axes, lines: Sequence[curves.Curve], page: Page, size: float) -> Counter[str]:
    x, shared, occurs = page.across, curves.common(lines), Counter[str]()
    if curves.parted(lines, page.reference):
        axes.axhline(page.reference, gid="reference", **REFERENCE)
    for index, line in enumerate(lines):
        shift = 0.0 if x.continuous else 0.1 * (index - (len(lines) - 1) / 2)
        occurs["theory"] += curves.draw_theory(axes, line, index, x)
        occurs["limit"] += curves.draw_points(axes, line, index, page.logarithmic, shift, size)
        occurs["points"] += int(line.shown.sum())
        occurs["short"] += int(line.short.sum())
        own = {end for stretch in line.unstable for end in stretch} - {end for stretch in shared for end in stretch}
        for end in sorted(own):
            if x.edges[0] < end < x.edges[-1]:
                axes.axvline(
                    end,
                    color=curves.look(index)["color"],
                    linewidth=0.7,
                    linestyle=(0, (4, 2)),
                    zorder=0.7,
                    gid="boundary",
                )
                occurs["boundary"] += 1
                if _alone(end, line, lines, x):  # whose it is: on the frame, where no estimate is
                    mark = curves.look(index) | {"markersize": 2.6, "clip_on": False, "gid": "owner"}
                    axes.plot([end], [1], transform=axes.get_xaxis_transform(), zorder=5, **mark)
        lost = np.isin(line.status, MISSING)
        occurs["missing"] += int(lost.sum())
        axes.plot(
            line.x[lost] + shift,
            np.full(lost.sum(), 0.03),
            "x",
            color=curves.look(index)["color"],
            transform=axes.get_xaxis_transform(),
        )
    occurs["unstable"] = len(shared)
    curves.hatch_unstable(axes, shared, x)
    return occurs


def _alone(end: float, own: curves.Curve, lines: Sequence[curves.Curve], x: Axis) -> bool:
    """There are other curves, and none has a boundary within a hundredth of the axis."""
    others = [there for line in lines if line is not own for pair in line.unstable for there in pair]
    apart = np.abs(x.scaled(np.array(others, float)) - x.scaled(np.array([end])))
    return len(lines) > 1 and bool((apart > 0.01 * np.ptp(x.scaled(x.edges))).all())


def _z_limit(lines: Sequence[curves.Curve]) -> float:
    farthest = max((float(np.nanmax(np.abs(line.z))) for line in lines if np.isfinite(line.z).any()), default=0.0)
    return float(np.clip(np.ceil(farthest), 3, 6)) + 0.5


def _draw_z(axes: Axes, lines: Sequence[curves.Curve], page: Page, limit: float, room: float) -> None:
    x = page.across
    axes.axhspan(-2, 2, color="0.92", linewidth=0, zorder=0.1)
    axes.axhline(0, **REFERENCE)
    size = curves.marker_size(x, room)
    for index, line in enumerate(lines):
        curves.draw_z(axes, line, index, limit, 0.0 if x.continuous else 0.1 * (index - (len(lines) - 1) / 2), size)
    curves.hatch_unstable(axes, curves.common(lines), x)
    axes.set_ylim(-limit, limit)
    axes.set_yticks([-2, 0, 2] if limit < 5 else [-4, -2, 0, 2, 4])
    found = str(zscores.numbers(np.concatenate([line.calibrated for line in lines])))
    found = found if style.inches(found, style.SMALL) <= room else found.replace(", ", ",\n")
    said = [style.wrapped(f"{MEASURE}:", room, style.SMALL)] if page.approximate else []
    axes.set_title("\n".join([*said, found]), loc="left")


def _kinds(occurs: Counter[str], theory: str) -> list[tuple[Any, str]]:
    """Legend keys of what occurs, nothing else."""
    grey = "0.35"
    keys: dict[str, tuple[Any, str]] = {
        "points": (Line2D([], [], color=grey, marker="o", linestyle="none"), "estimate"),
        "short": (Line2D([], [], color=grey, marker="o", linestyle="none", markerfacecolor="white"), "short run"),
        "limit": (Line2D([], [], color=grey, **curves.limit_look()), "below 2 s.e."),
        "missing": (Line2D([], [], color=grey, marker="x", linestyle="none"), "no result"),
        "theory": (Line2D([], [], color=grey), theory),
        "boundary": (Line2D([], [], color=grey, linewidth=0.7, linestyle=(0, (4, 2))), "stability boundary"),
        "unstable": (style.swatch(style.STATUSES[2][1]), "unstable"),
    }
    return [entry for name, entry in keys.items() if occurs[name]]
