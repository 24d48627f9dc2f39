"""What the noise cannot change: one observable collapses on one curve for every noise, another spreads."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nessmap.figures import curves, style
from nessmap.figures.axis import Array, Axis
from nessmap.figures.selection import ESTIMATE, OK, pick, select
from nessmap.figures.theory_kind import theory_words
from nessmap.figures.zscores import Numbers, numbers

MOST_SERIES = 6
LINEAR = 3.0  # differences beyond so many combined standard errors are drawn logarithmically


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    contrast: str,
    x: str,
    series: str,
    at: Mapping[str, object] | None = None,
) -> Figure:
    """(a) an observable that does not depend on the noise, (b) one that does, (c) their differences in standard errors.

    The entropy production rate of a homogeneous linear field is sum_k omega_k^2 / gamma_k, whatever the strength and
    the spatial correlation of the noise; the variance of its sites does depend on them. (c) compares each value of
    `series` with the first one: (v_i - v_0) / sqrt(se_i^2 + se_0^2); its title counts all cells of the sweep.

    Parameters
    ----------
    variable, contrast : the observable that collapses, the one that spreads.
    x : the axis to plot against.
    series : the axis over the noise, one colour per value, at most six, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    """
    with style.applied():
        axes_of = {"x": x, "series": series}
        upper = select("collapse", dataset, variable, axes_of, at)
        lower = select("collapse", dataset, contrast, axes_of, at)
        if upper.dataset.sizes[series] < 2:
            raise ValueError(f"collapse: series = {series} has one value, expected two or more noises to compare")
        across = upper.axis(x)
        picked = pick(upper.dataset.sizes[series], MOST_SERIES)
        lines = [[curves.curve(chosen.at(series, i), across) for i in picked] for chosen in (upper, lower)]
        totals = [numbers(differences(dataset, name, series, picked)) for name in (variable, contrast)]

        figure = style.figure(style.SINGLE, 5.9 + (0.17 if upper.held else 0))
        panels = figure.subplots(3, 1, sharex=True, height_ratios=[1.2, 1.2, 1])
        for index, axes in enumerate(panels):
            style.letter(axes, index)
            across.show(axes, "x", 2.6)
        occurs: Counter[str] = Counter()
        for axes, part, chosen in zip(panels, lines, (upper, lower), strict=False):
            occurs += _draw_values(axes, part, across)
            axes.set_ylabel(style.wrapped(style.label(chosen.attrs, chosen.variable), 1.35))
        _draw_differences(panels[2], lines, across, totals)
        panels[2].set_xlabel(style.wrapped(across.label, 2.8))
        symbol = str(upper.dataset[series].attrs.get("symbol") or "")
        first = f"${symbol}$ = {upper.value_text(series, picked[0])}" if symbol else upper.value_text(series, picked[0])
        panels[2].set_ylabel(style.wrapped(f"difference from {first} (s.e.)", 1.2))
        title = style.wrapped(upper.axis(series).label, 3.0, style.SMALL)
        title = style.wrapped(f"at {upper.held}", 3.0, style.SMALL) + f"\n{title}" if upper.held else title
        texts = [upper.value_text(series, i) for i in picked]
        entries = [(Line2D([], [], linestyle="none", **curves.look(i)), text) for i, text in enumerate(texts)]
        style.legend(figure, entries, "outside upper center", title=title)
        style.legend(figure, _kinds(occurs, theory_words(upper.attrs, lower.attrs)))
        style.freeze(figure)
        return figure


def differences(dataset: xr.Dataset, variable: str, series: str, picked: Sequence[int]) -> Array:
    """(v_i - v_0) / sqrt(se_i^2 + se_0^2) of all cells of the sweep with two complete runs and two estimates."""
    if np.issubdtype(dataset[series].dtype, np.number):
        dataset = dataset.sortby(series)
    value, error = dataset[variable], dataset[f"{variable}_standard_error"]
    status = dataset.get("status", xr.DataArray(OK))
    flag = dataset.get(f"{variable}_flag", xr.DataArray(ESTIMATE))
    good = (status == OK) & (flag == ESTIMATE) & (error > 0)
    value, error = value.where(good), error.where(good)
    first = {series: picked[0]}
    with np.errstate(invalid="ignore"):
        found = [
            (value.isel({series: i}) - value.isel(first)) / np.hypot(error.isel({series: i}), error.isel(first))
            for i in picked[1:]
        ]
    flat = np.concatenate([np.asarray(part.values, dtype=float).ravel() for part in found])
    return np.asarray(flat[np.isfinite(flat)])


def one_curve(lines: Sequence[curves.Curve]) -> bool:
    """The theory is the same for every noise, but for rounding."""
    first = lines[0].theory
    return all(np.allclose(line.theory, first, rtol=1e-9, atol=1e-12, equal_nan=True) for line in lines[1:])


def _draw_values(axes: Axes, lines: Sequence[curves.Curve], x: Axis) -> Counter[str]:
    occurs, same, shared = Counter[str](), one_curve(lines), curves.common(lines)
    axes.set_ylim(*(curves.value_limits(lines, logarithmic=False) or (0.0, 1.0)))
    for index, line in enumerate(lines):
        shift = 0.0 if x.continuous else 0.1 * (index - (len(lines) - 1) / 2)
        if not same or index == 0:
            occurs["one theory" if same else "theory"] += curves.draw_theory(
                axes, line, index, x, "black" if same else ""
            )
        curves.draw_points(axes, line, index, logarithmic=False, shift=shift)
        occurs["short"] += int(line.short.sum())
    curves.hatch_unstable(axes, shared, x)
    occurs["unstable"] = len(shared)
    return occurs


def _draw_differences(axes: Axes, lines: Sequence[Sequence[curves.Curve]], x: Axis, totals: Sequence[Numbers]) -> None:
    axes.axhspan(-2, 2, color="0.92", linewidth=0, zorder=0.1)
    axes.axhline(0, color="0.4", linewidth=0.6, zorder=0.2)
    farthest = LINEAR
    for kind, part in enumerate(lines):
        first = part[0]
        for index, line in enumerate(part[1:], 1):
            with np.errstate(divide="ignore", invalid="ignore"):
                z = (line.value - first.value) / np.hypot(line.error, first.error)
            shown = np.isfinite(z) & line.shown & first.shown
            marks = curves.look(index) if kind == 0 else curves.look(index) | {"marker": "x"}
            short = line.short | first.short
            for mask, face in ((shown & ~short, marks["color"]), (shown & short, "white")):
                axes.plot(
                    line.x[mask],
                    z[mask],
                    linestyle="none",
                    markerfacecolor=face,
                    markersize=3.0,
                    gid=f"difference {kind}",
                    **marks,
                )
            farthest = max([farthest, *np.abs(z[shown])])
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=1.0)
    axes.set_ylim(-1.6 * farthest, 1.6 * farthest)
    ticks = [0.0, 2.0, *[10.0**k for k in range(1, 12) if 10.0**k < 1.6 * farthest]]
    ticks = ticks if len(ticks) <= 4 else [0.0, 2.0, *ticks[2 :: -(-(len(ticks) - 2) // 2)]]
    axes.yaxis.set_major_locator(FixedLocator(sorted({sign * tick for tick in ticks[1:] for sign in (-1, 1)} | {0.0})))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value + 0.0:g}".replace("-", "\N{MINUS SIGN}")))
    axes.yaxis.set_minor_locator(NullLocator())
    curves.hatch_unstable(axes, curves.common(lines[0]), x)
    texts = [f"({name}) {total}" for name, total in zip("ab", totals, strict=True)]
    axes.set_title("\n".join(["all cells of the sweep:", *texts]), loc="left")


def _kinds(occurs: Counter[str], theory: str) -> list[tuple[Any, str]]:
    """Legend keys of what occurs, nothing else."""
    grey = "0.35"
    keys: list[tuple[str, Any, str]] = [
        ("one theory", Line2D([], [], color="black"), f"{theory}, one for all"),
        ("theory", Line2D([], [], color=grey), f"{theory}, each"),
        ("points", Line2D([], [], color=grey, marker="o", linestyle="none", markersize=3.0), "difference in (a)"),
        ("points", Line2D([], [], color=grey, marker="x", linestyle="none", markersize=3.0), "difference in (b)"),
        ("short", Line2D([], [], color=grey, marker="o", linestyle="none", markerfacecolor="white"), "short run"),
        ("unstable", style.swatch(style.STATUSES[2][1]), "unstable"),
    ]
    return [(key, text) for name, key, text in keys if occurs[name] or name == "points"]
