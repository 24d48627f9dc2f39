"""Map of how far estimates are from an approximate theory, with contours of what that theory neglects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nessmap.figures import colours, contours, maps, style, surfaces, zscores
from nessmap.figures.disagreement import LABEL, relative
from nessmap.figures.selection import BOUNDARY, EXACT_ZERO, SMALL_PARAMETER, facets, note, select
from nessmap.figures.theory_kind import theory_words, z_words

HEIGHT, WIDTH = 2.4, 2.4  # of a map [inch], about: the layout decides
LEVELS = 5  # contours of the small parameter at most


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    x: str,
    y: str,
    at: Mapping[str, object] | None = None,
    limits: Sequence[float] | None = None,
    levels: Sequence[float] | None = None,
) -> Figure:
    """(a) (estimate - theory) / theory, grey within two standard errors of zero; (b) z-scores, in standard errors.

    Contours are of the small parameter, where the store has one: what the linear drift leaves out over the linear drift. Where
    the theory is zero there is no ratio.

    Parameters
    ----------
    variable : an observable of the dataset that has theory.
    x, y : its axes.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    limits : lowest and highest colour; symmetric about zero where left out.
    levels : contours of the small parameter.

    Raises
    ------
    ValueError : an unknown observable or axis, no theory.
    """
    with style.applied():
        chosen = select("disagreement_map", dataset, variable, {"x": x, "y": y}, at)
        chosen.require_theory()
        across, up = chosen.axis(x), chosen.axis(y)
        found = relative(chosen, (y, x))
        whole = maps.cells(chosen, x, y)
        flag = np.where(found.zero & (whole.flag != EXACT_ZERO), BOUNDARY, whole.flag)
        whole = replace(whole, flag=flag)
        cell = replace(whole, value=found.value, error=found.error, signed=True)
        shades = colours_of(cell, limits)
        small = surfaces.surface(chosen, SMALL_PARAMETER, across, up)
        wall = contours.boundary_lines(surfaces.surface(chosen, "leading_rate", across, up), across, up)
        if levels is None:
            levels = (
                contours.nice_levels([small.values], True, (0.0, float(np.nanmax(small.values))), LEVELS)
                if small
                else ()
            )
        lines = {level: contours.contour_lines(small, level) for level in levels} if small and cell.shown.any() else {}

        heading = "; ".join(filter(None, [theory_words(chosen.attrs), note(facets(chosen, None, 1))]))
        figure, panels = maps.sheet(1, True, HEIGHT, heading)
        z_shades = maps.z_shades()
        left, right = panels[0]
        room = (WIDTH, HEIGHT)
        occurs = maps.paint(left, cell, cell.value, shades, across, up, room)
        occurs += maps.paint(right, whole, whole.z, z_shades, across, up, room)
        occurs["theory"] = sum(map(len, lines.values()))
        occurs["boundary"] = len(wall)
        right.set_title(str(zscores.numbers(zscores.usable(whole.z, whole.status, whole.flag))), loc="left")
        if not cell.shown.any():
            maps.say_empty(left, cell)
        for index, axes in enumerate((left, right)):
            style.letter(axes, index)
            contours.draw_boundary(axes, wall)
            maps.frame(axes, across, up, room, bottom=True, left=index == 0)
        height = HEIGHT + 0.2
        if shades is not None:
            maps.colour_bar(figure, [left], shades, f"{style.quantity(chosen.attrs, variable)}: {LABEL}", height)
        maps.colour_bar(figure, [right], z_shades, z_words(chosen.attrs), height)
        style.legend(figure, maps.legend_entries(occurs, "small parameter"))
        style.freeze(figure)
        contours.draw_contours(left, lines, wall)
        return figure


def colours_of(cell: maps.Cells, limits: Sequence[float] | None) -> maps.Shades | None:
    """Diverging about agreement, as far as it surely reaches, two standard errors off; None where there is nothing to show."""
    if not cell.shown.any():
        return None
    surely = (np.abs(cell.value) - 2 * cell.error)[cell.resolved]
    reach = float(surely.max(initial=0.0)) or 1.0
    low, high = limits or (-reach, reach)
    ends = maps.extend(cell.value[cell.resolved], low, high)
    return maps.Shades(colours.vik(), Normalize(low, high), ends, blank=True, signs=maps.dark(low, high))
