"""Map of an observable over two axes beside the map of its z-scores: the phase diagram itself."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nessmap.figures import contours, maps, style, surfaces, zscores
from nessmap.figures.selection import facets, note, select
from nessmap.figures.theory_kind import theory_words, z_words

MOST_FACETS = 4
ROW_HEIGHT = {1: 2.4, 2: 1.8, 3: 1.55, 4: 1.4}  # [inch]
MAP_WIDTH = 2.4  # [inch], about: the layout decides


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    x: str,
    y: str | None = None,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
    scale: str = "auto",
    limits: Sequence[float] | None = None,
    levels: Sequence[float] | None = None,
) -> Figure:
    """Estimate (colour), theory (contours), stability boundary and statuses; z-scores beside; one row per facet value.

    Without z-scores the standard error is shown beside; without either, a map alone in one column.

    Parameters
    ----------
    variable : an observable of the dataset.
    x, y : its axes; without `y` the map is a single strip.
    facet : an axis with one row per value, at most four of them, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    scale : colours "linear", "log", or "auto": logarithmic for an unsigned observable over more than one decade.
    limits : lowest and highest colour, in the observable's units.
    levels : contours of the theory, in the observable's units.
    """
    if scale not in ("auto", "linear", "log"):
        raise ValueError(f"phase_diagram: scale = {scale}, expected auto, linear or log")
    with style.applied():
        chosen = select("phase_diagram", dataset, variable, {"x": x, "y": y, "facet": facet}, at)
        across, up = chosen.axis(x), None if y is None else chosen.axis(y)
        rows = facets(chosen, facet, MOST_FACETS)
        parts, titles, said = rows.parts, rows.titles, note(rows)
        cells = [maps.cells(part, x, y) for part in parts]
        theories = [surfaces.surface(part, f"{variable}_theory", across, up) for part in parts]
        rates = [surfaces.surface(part, "leading_rate", across, up) for part in parts]

        attrs = chosen.attrs
        shades = maps.estimate_shades(bool(attrs.get("signed", 0)), cells, scale, limits)
        compared = any(np.isfinite(cell.z).any() for cell in cells)
        beside = maps.z_shades() if compared else maps.error_shades(cells)
        strip = up is None or len(up.centres) == 1
        if strip or not chosen.simulated:
            levels = levels or ()
        elif levels is None:
            fields = [theory.values for theory in theories if theory]
            levels = contours.nice_levels(fields, shades.logarithmic, shades.limits) if shades else ()
        room = (MAP_WIDTH, 0.55 if strip else ROW_HEIGHT[len(parts)])
        figure, panels = maps.sheet(len(parts), beside is not None, room[1], said)
        occurs: Counter[str] = Counter()
        lines = [
            {level: contours.contour_lines(theory, level) for level in levels} if theory else {} for theory in theories
        ]
        walls = [contours.boundary_lines(rate, across, up) for rate in rates]
        occurs["theory"] = sum(len(found) for line in lines for found in line.values())
        occurs["boundary"] = sum(len(wall) for wall in walls)
        shades = maps.with_signs(shades, cells) if occurs["theory"] else shades
        for row, (cell, wall) in enumerate(zip(cells, walls, strict=True)):
            left, *right = panels[row]
            occurs += maps.paint(left, cell, cell.value, shades, across, up, room)
            left.set_title(titles[row], loc="left")
            for axes in right:
                occurs += maps.paint(axes, cell, cell.z if compared else cell.error, beside, across, up, room)
                axes.set_title(
                    str(zscores.numbers(zscores.usable(cell.z, cell.status, cell.flag))) if compared else "", loc="left"
                )
            for axes in panels[row]:
                contours.draw_boundary(axes, wall)
                maps.frame(axes, across, up, room, bottom=row == len(parts) - 1, left=axes is left)
            if not (cell.shown | cell.zero).any():
                maps.say_empty(left, cell)
        for index, axes in enumerate(panels.flat):
            style.letter(axes, index)
        height = len(parts) * (room[1] + 0.2)
        if shades is not None:
            maps.colour_bar(figure, panels[:, 0], shades, style.label(attrs, variable), height)
        if beside is not None:
            words = {**attrs, "long_name": "standard error", "symbol": ""}
            maps.colour_bar(
                figure, panels[:, 1], beside, z_words(attrs) if compared else style.label(words, ""), height
            )
        style.legend(figure, maps.legend_entries(occurs, theory_words(attrs)))
        style.freeze(figure)
        for axes, line, wall in zip(panels[:, 0], lines, walls, strict=True):
            contours.draw_contours(axes, line, wall)
        return figure
