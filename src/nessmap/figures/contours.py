"""Theory on a map: contours with their labels, and the stability boundary."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import Normal, Stroke, withStroke

from nessmap.figures import style
from nessmap.figures.axis import DECADES, Array, Axis, level_text
from nessmap.figures.surfaces import Surface

LABEL = 6.5  # size of the labels [pt]
BOUNDARY_RIM = [withStroke(linewidth=3.4, foreground="white")]
LABEL_RIM = [withStroke(linewidth=1.6, foreground="white")]
THEORY_RIM = [Stroke(linewidth=1.9, foreground="black"), Normal()]
NEGATIVE = (0, (5.0, 1.6))  # dashes of a level below zero: in grey print both ends of a diverging scale are dark


class Label(NamedTuple):
    """Where the text of a contour stands: a turned box on the line between two of its lengths [pt]."""

    score: float
    start: float
    end: float
    centre: Array
    angle: float
    corners: Array


def contour_lines(field: Surface, level: float) -> list[Array]:
    """Lines (n, 2) of equal value; zero by a theorem along a whole side is no contour.

    From cell to cell a quantity of one sign is followed by its logarithm: a spectrum may fall by decades between two.
    """
    if min(field.values.shape) < 2:
        return []
    values = np.where(field.values == 0, np.nan, field.values) if level == 0 else field.values
    if not field.fine and level > 0 and not (values < 0).any():
        values, level = np.log(np.where(values > 0, values, np.nan)), float(np.log(level))
    found = contour_generator(field.x, field.y, np.ma.masked_invalid(values)).lines(level)
    return [np.asarray(line, dtype=float) for line in found if isinstance(line, np.ndarray) and len(line) > 1]


def boundary_lines(rate: Surface | None, x: Axis, y: Axis | None) -> list[Array]:
    """Where the leading rate is zero, continued straight over the outer half of the outermost cells."""
    if rate is None or min(rate.values.shape) < 2:
        return []
    values, x_fine, y_fine = rate.values, rate.x, rate.y
    if x.continuous:
        x_fine, transposed = _to_the_rim(x, x_fine, values.T)
        values = transposed.T
    if y is not None and y.continuous:
        y_fine, values = _to_the_rim(y, y_fine, values)
    # A hair off zero: a rate that is zero on a whole line of the grid has its contour there, not nowhere.
    found = contour_generator(x_fine, y_fine, np.ma.masked_invalid(values)).lines(-1e-12)
    return [np.asarray(line, dtype=float) for line in found if isinstance(line, np.ndarray) and len(line) > 1]


def _to_the_rim(axis: Axis, places: Array, values: Array) -> tuple[Array, Array]:
    where = axis.scaled(places)
    ends = axis.scaled(axis.edges[[0, -1]])
    first = values[0] + (values[1] - values[0]) * (ends[0] - where[0]) / (where[1] - where[0])
    last = values[-1] + (values[-1] - values[-2]) * (ends[1] - where[-1]) / (where[-1] - where[-2])
    return np.concatenate([axis.edges[:1], places, axis.edges[-1:]]), np.concatenate([first[None], values, last[None]])


def draw_boundary(axes: Axes, lines: Sequence[Array]) -> None:
    """The stability boundary: thick black with a white rim."""
    drawn = LineCollection(
        list(lines), colors="black", linewidths=1.9, path_effects=BOUNDARY_RIM, zorder=4, gid="boundary"
    )
    axes.add_collection(drawn, autolim=False)


def draw_contours(axes: Axes, contours: dict[float, list[Array]], walls: Sequence[Array]) -> int:
    """Theory: white with a black rim, each level with its label in a gap of its line; the number of labels.

    Labels stand where a line is straight and far from the others and from `walls`; a level without room has none. To be
    called when the layout is frozen.
    """
    points = 72 / axes.figure.dpi
    shown = {
        level: [_even(points * axes.transData.transform(line)) for line in lines] for level, lines in contours.items()
    }
    barriers = [_even(points * axes.transData.transform(line)) for line in walls]
    box = points * np.array(axes.get_window_extent().get_points())
    labels: list[Label] = []
    pieces: list[Array] = []
    strokes: list[Any] = []
    for level, lines in shown.items():
        width, height = 72 * style.inches(level_text(level), LABEL) + 3, LABEL + 0.5
        others = np.concatenate(
            [np.empty((0, 2)), *barriers, *[line for other in shown if other != level for line in shown[other]]]
        )
        found = [(label, line) for line in lines for label in _places(line, width, height, box, others, labels)]
        best, carrier = max(found, key=lambda candidate: candidate[0].score, default=(None, None))
        for line in lines:
            if best is None or line is not carrier:
                pieces.append(line)
                continue
            along = _lengths(line)
            pieces += [line[along <= best.start], line[along >= best.end]]
        strokes += [NEGATIVE if level < 0 else "solid"] * (len(pieces) - len(strokes))
        if best is not None:
            labels.append(best)
            place = axes.transData.inverted().transform(best.centre / points)
            text = axes.text(
                place[0], place[1], level_text(level), ha="center", va="center", rotation=np.degrees(best.angle),
                rotation_mode="anchor", fontsize=LABEL, zorder=5, gid="theory label", path_effects=LABEL_RIM,
            )  # fmt: skip
            text.set_clip_on(True)
    inverse = axes.transData.inverted()
    lines = [inverse.transform(piece / points) for piece in pieces if len(piece) > 1]
    look: dict[str, Any] = {
        "linestyles": [stroke for piece, stroke in zip(pieces, strokes, strict=True) if len(piece) > 1] or "solid",
        "colors": "white",
        "linewidths": 0.8,
        "path_effects": THEORY_RIM,
        "capstyle": "butt",
        "zorder": 3,
        "gid": "theory",
    }
    axes.add_collection(LineCollection(lines, **look), autolim=False)
    return len(labels)


def nice_levels(fields: Sequence[Array], logarithmic: bool, limits: tuple[float, float], most: int = 7) -> list[float]:
    """Round levels: 1, 3, 10, ... inside the values, or equal steps inside the limits of the colours.

    Zero is a level where the sign changes, not where it is the smallest value.
    """
    finite = np.concatenate([np.empty(0), *[field[np.isfinite(field)] for field in fields]])
    finite = finite[finite > 0] if logarithmic else finite
    if len(finite) < 4 or np.ptp(finite) <= 1e-9 * np.abs(finite).max():
        return []
    if not logarithmic:
        low, high = max(limits[0], float(finite.min())), min(limits[1], float(finite.max()))
        step = max(high - low, 1e-12 * abs(high)) / (most - 1)
        unit = 10.0 ** np.floor(np.log10(step))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= 0.999 * step)
        found = [float(f"{k * step:.6g}") for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
        return [level for level in found if level != 0 or low < -1e-9 * high]
    low, high = np.quantile(finite, [0.02, 0.99])
    low = max(low, limits[1] / 10**DECADES)
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    decades = np.log10(high / low)
    digits = (1, 2, 5) if decades < 1.3 else (1, 3) if decades < 3.5 else (1,)
    ladder = [float(f"{digit}e{k}") for k in range(first, last + 1) for digit in digits]
    inside = [level for level in ladder if low <= level <= high]
    return inside[:: max(1, -(-len(inside) // most))]


def _places(
    line: Array, width: float, height: float, box: Array, others: Array, labels: Sequence[Label]
) -> list[Label]:
    """Possible labels along one line."""
    along, found = _lengths(line), []
    margin = width / 2 + 8  # a shorter stub beside a number reads as a sign
    for middle in np.arange(margin, along[-1] - margin, 2.0):
        span = middle - width / 2, middle + width / 2
        start, centre, end = (_point(line, along, length) for length in (span[0], middle, span[1]))
        chord = end - start
        angle = float((np.arctan2(chord[1], chord[0]) + np.pi / 2) % np.pi - np.pi / 2)
        corners = _corners(centre, angle, width, height)
        if (
            (corners < box[0] + 2).any()
            or (corners > box[1] - 2).any()
            or any(_apart(corners, other.corners) < 3 for other in labels)
        ):
            continue
        clearance = _clearance(others, centre, angle, width, height)
        if clearance >= 1.5:
            near = line[(along >= span[0]) & (along <= span[1])]
            bend = np.abs((near - start) @ np.array([-chord[1], chord[0]])).max() / max(float(np.hypot(*chord)), 1e-9)
            score = min(clearance, 12.0) - 3 * bend - 0.02 * abs(middle - along[-1] / 2)
            found.append(Label(float(score), *span, centre, angle, corners))
    return found


def _lengths(line: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _point(line: Array, along: Array, length: float | Array) -> Array:
    return np.stack([np.interp(length, along, line[:, k]) for k in (0, 1)], axis=-1)


def _even(line: Array) -> Array:
    """The same line with a point every 1 pt."""
    along = _lengths(line)
    return _point(line, along, np.linspace(0, along[-1], 2 + int(along[-1])))


def _corners(centre: Array, angle: float, width: float, height: float) -> Array:
    across = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(centre + across @ turn)


def _apart(a: Array, b: Array) -> float:
    """Gap between the upright boxes around two labels [pt]; negative where they overlap."""
    return float(np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0)).max())


def _clearance(points: Array, centre: Array, angle: float, width: float, height: float) -> float:
    """Distance from a label to the nearest point of other lines [pt]."""
    if not len(points):
        return np.inf
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    gaps = np.abs((points - centre) @ turn) - [width / 2, height / 2]
    return float(np.hypot(*np.maximum(gaps, 0).T).min())
