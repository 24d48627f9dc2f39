"""An observable against one axis for several values of another, with its theory, and the z-scores below."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nessmap.figures import curves, style, zscores
from nessmap.figures.axis import Axis
from nessmap.figures.selection import DIVERGED, FAILED, TIMEOUT, pick, select

MOST_SERIES, MOST_FACETS = 6, 4
MISSING = (DIVERGED, FAILED, TIMEOUT)


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    x: str,
    series: str | None = None,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
    yscale: str = "linear",
    limits: Sequence[float] | None = None,
) -> Figure:
    """Estimates with bars, open where the run was short; theory as lines; z-scores with a band of +-2 below.

    Where every series is unstable the panel is hatched; a dashed line marks where one of them becomes so.

    Parameters
    ----------
    variable : an observable of the dataset.
    x : the axis to plot against.
    series : an axis with one curve per value, at most six, evenly picked.
    facet : an axis with one column per value, at most four, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    yscale : "linear" or "log"; on "log" a value within two standard errors of zero is an arrow below its upper limit.
    limits : lowest and highest value shown, in the observable's units.
    """
    if yscale not in ("linear", "log"):
        raise ValueError(f"cut: yscale = {yscale}, expected linear or log")
    with style.applied():
        chosen = select("cut", dataset, variable, {"x": x, "series": series, "facet": facet}, at)
        across = chosen.axis(x)
        columns = [] if facet is None else pick(chosen.dataset.sizes[facet], MOST_FACETS)
        parts = [chosen.at(str(facet), i) for i in columns] or [chosen]
        picked = [] if series is None else pick(chosen.dataset.sizes[series], MOST_SERIES)
        lines = [
            [curves.curve(part.at(str(series), i), across) for i in picked] or [curves.curve(part, across)]
            for part in parts
        ]
        everything = [line for column in lines for line in column]
        compared = any(np.isfinite(line.z).any() for line in everything)

        figure, panels = _sheet(len(parts), compared, bool(chosen.held), bool(picked))
        some = chosen.part(facet, columns)
        held = "; ".join(
            [f"at {chosen.held}"] * bool(chosen.held) + [f"{some} of {facet}".replace("_", " ")] * bool(some)
        )
        held = style.wrapped(held, figure.get_figwidth() - 0.3, style.SMALL)
        occurs: Counter[str] = Counter()
        farthest = max(
            (float(np.nanmax(np.abs(line.z))) for line in everything if np.isfinite(line.z).any()), default=0.0
        )
        z_limit = float(np.clip(np.ceil(farthest), 3, 6)) + 0.5
        found = limits or curves.value_limits(everything, yscale == "log")
        room = 2.6 if len(parts) == 1 else 6.0 / len(parts)
        for index, axes in enumerate(panels.flat):
            style.letter(axes, index)
            across.show(axes, "x", room)
        panels[0, 0].set(yscale=yscale, ylim=found or (0.1, 1.0))
        for column, part_lines in enumerate(lines):
            upper = panels[0, column]
            occurs += _draw_values(upper, part_lines, across, yscale == "log")
            if columns:
                upper.set_title(chosen.statement(str(facet), columns[column]), loc="left")
            if not any(np.isfinite(line.value).any() or np.isfinite(line.theory).any() for line in part_lines):
                style.say(upper, "no estimate and no theory here")
                upper.set_yticks([], [])
                upper.set_yticks([], [], minor=True)
            if compared:
                _draw_z(panels[1, column], part_lines, across, z_limit)
        for axes in panels[-1]:
            axes.set_xlabel(style.wrapped(across.label, room + 0.2))
        panels[0, 0].set_ylabel(style.wrapped(style.label(chosen.attrs, variable), 2.0))
        if compared:
            panels[1, 0].set_ylabel("$z$")
        style.legend(figure, _kinds(occurs), "outside lower center")
        if picked:
            texts = [chosen.value_text(str(series), i) for i in picked]
            texts = [
                text + curves.remark([column[i] for column in lines], yscale == "log") for i, text in enumerate(texts)
            ]
            title = ", ".join(filter(None, [chosen.axis(str(series)).label, chosen.part(series, picked)]))
            title = style.wrapped(title, figure.get_figwidth() - 0.3, style.SMALL)
            title = f"{held}\n{title}" if held else title
            style.legend(figure, curves.series_entries(texts, everything), "outside upper center", title=title)
        elif held:
            figure.suptitle(held)
        style.freeze(figure)
        return figure


def _sheet(n_column: int, compared: bool, held: bool, titled: bool) -> tuple[Figure, Any]:
    """The empty figure and its panels (values and z-scores, column)."""
    height = 2.75 + 0.85 * compared + 0.4 * titled + 0.17 * held + 0.1 * (n_column == 1)
    figure = style.figure(style.SINGLE if n_column == 1 else style.DOUBLE, height)
    ratios = [2.6, 1] if compared else [1]
    return figure, figure.subplots(
        len(ratios), n_column, sharex=True, sharey="row", squeeze=False, height_ratios=ratios
    )


def _draw_values(axes: Axes, lines: Sequence[curves.Curve], x: Axis, logarithmic: bool) -> Counter[str]:
    shared, occurs = curves.common(lines), Counter[str]()
    for index, line in enumerate(lines):
        shift = 0.0 if x.continuous else 0.1 * (index - (len(lines) - 1) / 2)
        occurs["theory"] += curves.draw_theory(axes, line, index, x)
        occurs["limit"] += curves.draw_points(axes, line, index, logarithmic, shift)
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


def _draw_z(axes: Axes, lines: Sequence[curves.Curve], x: Axis, limit: float) -> None:
    axes.axhspan(-2, 2, color="0.92", linewidth=0, zorder=0.1)
    axes.axhline(0, color="0.4", linewidth=0.6, zorder=0.2)
    for index, line in enumerate(lines):
        curves.draw_z(axes, line, index, limit, 0.0 if x.continuous else 0.1 * (index - (len(lines) - 1) / 2))
    curves.hatch_unstable(axes, curves.common(lines), x)
    axes.set_ylim(-limit, limit)
    axes.set_yticks([-2, 0, 2] if limit < 5 else [-4, -2, 0, 2, 4])
    axes.set_title(str(zscores.numbers(np.concatenate([line.calibrated for line in lines]))), loc="left")


def _kinds(occurs: Counter[str]) -> list[tuple[Any, str]]:
    """Legend keys of what occurs, nothing else."""
    grey = "0.35"
    keys: dict[str, tuple[Any, str]] = {
        "points": (Line2D([], [], color=grey, marker="o", linestyle="none"), "estimate"),
        "short": (Line2D([], [], color=grey, marker="o", linestyle="none", markerfacecolor="white"), "short run"),
        "limit": (Line2D([], [], color=grey, marker=11, linestyle="none"), "below 2 s.e."),
        "missing": (Line2D([], [], color=grey, marker="x", linestyle="none"), "no result"),
        "theory": (Line2D([], [], color=grey), "theory"),
        "boundary": (Line2D([], [], color=grey, linewidth=0.7, linestyle=(0, (4, 2))), "stability boundary"),
        "unstable": (style.swatch(style.STATUSES[2][1]), "unstable"),
    }
    return [entry for name, entry in keys.items() if occurs[name]]
