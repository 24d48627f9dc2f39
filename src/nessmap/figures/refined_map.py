"""Map of an observable whose points are closer where a boundary is, beside the map of its z-scores, with what was located."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nessmap.figures import contours, maps, nearest, signs, style, zscores
from nessmap.figures.axis import Array, Axis
from nessmap.figures.knots import geometric, knots
from nessmap.figures.phase_diagram import MAP_WIDTH, MOST_FACETS, ROW_HEIGHT
from nessmap.figures.selection import observables, pick
from nessmap.figures.theory_kind import theory_words, z_words
from nessmap.mesh import Edge, Mesh

NO_POINT = -1
RIM = 0.02  # share of an axis
OUTLINE: dict[str, Any] = {"colors": "black", "linewidths": 0.15, "alpha": 0.35, "zorder": 1.5, "gid": "cells"}
EXPECTED: dict[str, Any] = {
    "colors": "white",
    "linewidths": 0.8,
    "path_effects": contours.THEORY_RIM,
    "zorder": 3,
    "gid": "theory",
}
LOCATED: dict[str, Any] = {"color": "black", "marker": "o", "markersize": 1.1, "linestyle": "none", "zorder": 6}


class Plane(NamedTuple):
    """The points of one map: the mesh of its two axes, and which point of the dataset lies at each place."""

    mesh: Mesh
    point: dict[tuple[int, ...], int]
    held: Mapping[str, int]  # place along every other axis


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    x: str,
    y: str,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
    scale: str = "auto",
    limits: Sequence[float] | None = None,
) -> Figure:
    """Estimate (colour) in cells of different size, what was located of each boundary with errors; z-scores beside.

    A place has the colour of the nearest point among the corners of its cell: on a grid without refinement the map is that
    of `phase_diagram`. Boundaries of an observable are points with standard errors, their expectation is a line.

    Parameters
    ----------
    variable : an observable of the dataset.
    x, y : the two axes that were refined.
    facet : another axis with one row per value, at most four of them, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value.
    scale : colours "linear", "log", or "auto", as in `phase_diagram`.
    limits : lowest and highest colour, in the observable's units.
    """
    if scale not in ("auto", "linear", "log"):
        raise ValueError(f"refined_map: scale = {scale}, expected auto, linear or log")
    known = observables(dataset)
    if variable not in known:
        raise ValueError(f"refined_map: variable = {variable} is no observable of it{nearest(variable, known)}")
    with style.applied():
        planes, titles, said = _planes(dataset, x, y, facet, at or {})
        across, up = _axis(dataset, x, planes[0]), _axis(dataset, y, planes[0])
        cells = [_cells(dataset, variable, _nearest_points(plane)) for plane in planes]
        attrs = dataset[variable].attrs
        shades = maps.estimate_shades(bool(attrs.get("signed", 0)), cells, scale, limits)
        compared = any(np.isfinite(cell.z).any() for cell in cells)
        beside = maps.z_shades() if compared else maps.error_shades(cells)
        room = (MAP_WIDTH, ROW_HEIGHT[len(planes)])
        figure, panels = maps.sheet(len(planes), beside is not None, room[1], said)
        occurs: Counter[str] = Counter()
        for row, (plane, cell) in enumerate(zip(planes, cells, strict=True)):
            for column, axes in enumerate(panels[row]):
                values, own = (cell.value, shades) if column == 0 else (cell.z if compared else cell.error, beside)
                found = maps.paint(axes, cell, values, own and own._replace(signs=np.inf), across, up, room)
                if own is not None:
                    _draw_signs(
                        axes, _nearest_points(plane), np.where(cell.shown, values, np.nan), own.signs, across, up, room
                    )
                occurs += found if column == 0 else Counter()
                _draw_cells(axes, dataset, plane, x, y)
                occurs += _draw_boundaries(axes, dataset, plane, x, y, points=column == 0)
                maps.frame(axes, across, up, room, bottom=row == len(planes) - 1, left=column == 0)
                axes.set(xlim=_limits(across), ylim=_limits(up))
            panels[row, 0].set_title(titles[row], loc="left")
            if compared:
                own_points = list(plane.point.values())
                parts = (dataset[name].values[own_points] for name in (f"{variable}_z", "status", f"{variable}_flag"))
                panels[row, 1].set_title(str(zscores.numbers(zscores.usable(*parts))), loc="left")
            if not (cell.shown | cell.zero).any():
                maps.say_empty(panels[row, 0], cell)
        for index, axes in enumerate(panels.flat):
            style.letter(axes, index)
        height = len(planes) * (room[1] + 0.2)
        if shades is not None:
            maps.colour_bar(figure, panels[:, 0], shades, style.label(attrs, variable), height)
        if beside is not None:
            words = {**attrs, "long_name": "standard error", "symbol": ""}
            label = z_words(attrs) if compared else style.label(words, "")
            maps.colour_bar(figure, panels[:, 1], beside, label, height)
        entries = maps.legend_entries(occurs, theory_words(attrs))
        if occurs["located"]:
            entries.append((Line2D([], [], **LOCATED), "located, with standard error"))
        style.legend(figure, entries)
        style.freeze(figure)
        return figure


def _planes(
    dataset: xr.Dataset, x: str, y: str, facet: str | None, at: Mapping[str, object]
) -> tuple[list[Plane], list[str], str]:
    """The planes to show, their titles, and what is held."""
    if "refinement" not in dataset.attrs:
        raise ValueError("refined_map: the phase diagram was not refined; draw it with phase_diagram")
    facts = json.loads(dataset.attrs["refinement"])
    shape, halved = (dict(zip(facts["axes"], facts[name], strict=True)) for name in ("shape", "halved"))
    refined = [name for name in facts["axes"] if halved[name]]
    if sorted(refined) != sorted((x, y)):
        raise ValueError(f"refined_map: x and y are {x} and {y}, expected the two refined axes: {', '.join(refined)}")
    mesh = Mesh((shape[x], shape[y]), (True, True), facts["levels"])
    others = [name for name in facts["axes"] if name not in (x, y)]
    for name in [*at, *([facet] if facet else [])]:
        if name not in others:
            raise ValueError(f"refined_map: {name} is no axis beside {x} and {y}{nearest(name, others)}")
    held = {name: _held(dataset, name, shape[name], at.get(name)) for name in others if name != facet}
    values = [None] if facet is None else list(pick(shape[facet], MOST_FACETS))
    planes = []
    for value in values:
        fixed = held if facet is None or value is None else {**held, facet: value}
        chosen = np.ones(dataset.sizes["point"], bool)
        for name, place in fixed.items():
            chosen &= dataset[f"place_{name}"].values == place
        index = np.flatnonzero(chosen)
        places = zip(dataset[f"place_{x}"].values[index], dataset[f"place_{y}"].values[index], strict=True)
        planes.append(Plane(mesh, {(int(a), int(b)): int(i) for (a, b), i in zip(places, index, strict=True)}, fixed))
    titles = ["" if facet is None else _statement(dataset, facet, plane.held[facet]) for plane in planes]
    said = ", ".join(_statement(dataset, name, place) for name, place in held.items() if shape[name] > 1)
    return planes, titles, f"at {said}" if said else ""


def _held(dataset: xr.Dataset, name: str, n: int, value: object) -> int:
    if value is None:
        return n // 2
    values = dataset[name].values
    if not np.issubdtype(values.dtype, np.number):
        found = np.flatnonzero([str(own) == str(value) for own in values])
    else:
        found = np.argsort(np.abs(values - float(str(value))))
    if not len(found):
        raise ValueError(f"refined_map: at: {name} = {value} is not among its values")
    return int(dataset[f"place_{name}"].values[found[0]])


def _statement(dataset: xr.Dataset, name: str, place: int) -> str:
    found = dataset[name].values[dataset[f"place_{name}"].values == place]
    return style.statement(dataset[name].attrs, name, found[0])


def _axis(dataset: xr.Dataset, name: str, plane: Plane) -> Axis:
    """An axis with an edge at every half place of the finest cells there are."""
    grid = knots(dataset, name)
    logarithmic = geometric(grid)
    scaled = np.log(grid) if logarithmic else grid
    fine = np.linspace(0, len(grid) - 1, 2 * (len(grid) - 1) * 2 ** _level(plane) + 1)
    edges = np.interp(fine, np.arange(len(grid)), scaled)
    centres = (edges[1:] + edges[:-1]) / 2
    edges, centres = (np.exp(edges), np.exp(centres)) if logarithmic else (edges, centres)
    return Axis(name, centres, edges, (), logarithmic, style.label(dataset[name].attrs, name))


def _limits(axis: Axis) -> Array:
    """The ends of an axis with a rim outside: cells begin at round values, whose ticks would meet in the corner."""
    low, high = axis.scaled(axis.edges[[0, -1]])
    ends = np.array([low - RIM * (high - low), high + RIM * (high - low)])
    return np.exp(ends) if axis.logarithmic else ends


def _level(plane: Plane) -> int:
    return max(map(plane.mesh.level_of, plane.point))


def _nearest_points(plane: Plane) -> NDArray[np.intp]:
    """(y, x) which point is shown in each quarter of a finest cell: the nearest corner of the cell it is in."""
    mesh, level = plane.mesh, _level(plane)
    unit = mesh.width(level)
    shown = np.full([2 * (n - 1) * 2**level for n in mesh.shape], NO_POINT)
    for cell, _ in mesh.leaves(plane.point):
        half = mesh.width(cell.level) // unit
        for corner in mesh.corners(cell):
            # a corner's quarter of the cell: half of its width along each axis
            first = [2 * c // unit + (half if q > c else 0) for c, q in zip(cell.corner, corner, strict=True)]
            shown[first[0] : first[0] + half, first[1] : first[1] + half] = plane.point[corner]
    return shown.T


def _cells(dataset: xr.Dataset, variable: str, shown: NDArray[np.intp]) -> maps.Cells:
    names = (variable, f"{variable}_standard_error", f"{variable}_z", f"{variable}_flag", "status")
    parts = (np.asarray(dataset[name].values[shown], float) for name in names)
    return maps.Cells(*parts, signed=bool(dataset[variable].attrs.get("signed", 0)))


def _draw_signs(
    axes: Axes, shown: NDArray[np.intp], values: Array, least: float, across: Axis, up: Axis, room: tuple[float, float]
) -> None:
    """The sign of each large value once, in the middle of what its point colours; of narrow ones the largest, spread out."""
    narrow: list[tuple[int, int, float]] = []
    wide, high = 72 * room[0] / shown.shape[1], 72 * room[1] / shown.shape[0]
    for point in np.unique(shown[np.abs(values) >= least]):
        rows, columns = np.nonzero(shown == point)
        side = min(wide * (np.ptp(columns) + 1), high * (np.ptp(rows) + 1))
        row, column, value = int(rows.mean()), int(columns.mean()), float(values[rows[0], columns[0]])
        if side < signs.SMALLEST:
            narrow.append((row, column, value))
        else:
            signs.draw(axes, [across.edges[column + 1]], [up.edges[row + 1]], [value], least, side)
    if narrow:
        down, along, few = (np.array(part) for part in zip(*narrow, strict=True))
        places = np.stack([wide * along, high * down], axis=1)
        signs.draw_few(axes, across.edges[along + 1], up.edges[down + 1], few, least, places)


def _draw_cells(axes: Axes, dataset: xr.Dataset, plane: Plane, x: str, y: str) -> None:
    lines = []
    for cell, _ in plane.mesh.leaves(plane.point):
        low, _, _, high = (_position(dataset, plane, corner, x, y) for corner in plane.mesh.corners(cell))
        lines.append(np.array([low, (high[0], low[1]), high, (low[0], high[1]), low]))
    axes.add_collection(LineCollection(lines, **OUTLINE), autolim=False)


def _position(dataset: xr.Dataset, plane: Plane, place: tuple[int, ...], x: str, y: str) -> tuple[float, float]:
    point = plane.point[place]
    return float(dataset[x].values[point]), float(dataset[y].values[point])


def _draw_boundaries(axes: Axes, dataset: xr.Dataset, plane: Plane, x: str, y: str, points: bool) -> Counter[str]:
    """The edge of stability as a thick line; other boundaries as points with errors and their expectation as a line."""
    occurs: Counter[str] = Counter()
    if "crossing" not in dataset.dims:
        return occurs
    here = np.ones(dataset.sizes["crossing"], bool)
    for name, place in plane.held.items():
        here &= dataset[f"boundary_place_{name}"].values == place
    which = np.array([str(words) for words in dataset["boundary_of"].values])
    for words in dict.fromkeys(which[here]):
        own = np.flatnonzero(here & (which == words))
        located = np.stack([dataset[f"boundary_{name}"].values[own] for name in (x, y)], axis=1).astype(float)
        along = np.array([(x, y).index(str(name)) for name in dataset["boundary_axis"].values[own]])
        first = np.stack([dataset[f"boundary_place_{name}"].values[own] for name in (x, y)], axis=1)
        number = {(int(k), (int(a), int(b))): i for i, (k, (a, b)) in enumerate(zip(along, first, strict=True))}
        pairs = _pairs(plane, number)
        if words == "stability":
            contours.draw_boundary(axes, [located[pair] for pair in pairs])
            occurs["boundary"] += len(pairs)
            continue
        expected = located.copy()
        expected[np.arange(len(own)), along] = dataset["boundary_expected"].values[own]
        lines = [expected[pair] for pair in pairs if np.isfinite(expected[pair]).all()]
        axes.add_collection(LineCollection(lines, **EXPECTED), autolim=False)
        occurs["theory"] += len(lines)
        if points:
            reach = np.zeros_like(located)
            reach[np.arange(len(own)), along] = dataset["boundary_error"].values[own]
            bars = np.stack([located - reach, located + reach], axis=1)
            axes.add_collection(LineCollection(list(bars), colors="black", linewidths=0.6, zorder=6), autolim=False)
            axes.plot(located[:, 0], located[:, 1], gid="located", **LOCATED)
            occurs["located"] += len(own)
    return occurs


def _pairs(plane: Plane, number: Mapping[tuple[int, tuple[int, int]], int]) -> list[list[int]]:
    """The two crossings that a boundary has with the rim of a cell; where it has more, which belong together is open."""
    found = []
    for cell, _ in plane.mesh.leaves(plane.point):
        edges: list[Edge] = list(plane.mesh.edges(cell, plane.point))
        own = [number[edge.axis, key] for edge in edges if (edge.axis, key := (edge.first[0], edge.first[1])) in number]
        if len(own) == 2:
            found.append(own)
    return found
