"""Theory on a map: a smooth surface from lines along the axes, its contours with labels, the stability boundary."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import Normal, Stroke, withStroke
from numpy.typing import NDArray

from nessmap.figures import style
from nessmap.figures.axis import Array, Axis
from nessmap.figures.selection import Selection

LABEL = 6.5  # size of the labels [pt]
BOUNDARY_RIM = [withStroke(linewidth=3.4, foreground="white")]
THEORY_RIM = [Stroke(linewidth=1.9, foreground="black"), Normal()]


class Surface(NamedTuple):
    """Values (y, x) over fine positions along both axes."""

    x: Array
    y: Array
    values: Array


class Label(NamedTuple):
    """Where the text of a contour stands: a turned box on the line between two of its lengths [pt]."""

    score: float
    start: float
    end: float
    centre: Array
    angle: float
    corners: Array


def surface(chosen: Selection, stem: str, x: Axis, y: Axis | None) -> Surface | None:
    """`stem` between the cells of a map; None where the store does not have it.

    With fine lines along both axes a Coons patch fills each cell of the grid: exact on all four of its sides. With lines
    along one axis the other is joined linearly. Across categories and single rows nothing is joined: steps.
    """
    dims = (x.name,) if y is None else (y.name, x.name)
    values = chosen.array(stem, dims)
    if values is None or not np.isfinite(values).any():
        return None
    rows = chosen.line(stem, x.name, dims) if x.continuous else None
    columns = chosen.line(stem, y.name, dims) if y is not None and y.continuous else None
    x_fine, y_fine = x.centres if rows is None else rows[0], np.empty(0)
    if y is None:
        y_fine, values = np.array([-0.5, 0.5]), np.tile(values if rows is None else rows[1], (2, 1))
    else:
        y_fine = y.centres if columns is None else columns[0]
        if rows is not None and columns is not None:
            knots, fine = (x.scaled(x.centres), y.scaled(y.centres)), (x.scaled(x_fine), y.scaled(y_fine))
            values = coons(knots, values, fine, rows[1], columns[1])
        elif rows is not None or columns is not None:
            values = (rows or columns or (None, values))[1]
        if not y.continuous:
            y_fine, values = np.repeat(y.edges, 2)[1:-1], np.repeat(values, 2, axis=0)
    if not x.continuous:
        x_fine, values = np.repeat(x.edges, 2)[1:-1], np.repeat(values, 2, axis=1)
    return Surface(x_fine, y_fine, values)


def coons(knots: tuple[Array, Array], grid: Array, fine: tuple[Array, Array], rows: Array, columns: Array) -> Array:
    """Surface through a net of lines: `grid` (y, x) at the knots, `rows` (y, x_fine), `columns` (y_fine, x).

    f(u, v) = (1-v) f(u,0) + v f(u,1) + (1-u) f(0,v) + u f(1,v) - bilinear(corners), u and v the fractions of a cell
    (Coons 1967); of log |f| where all of these have one sign, which follows powers and poles. In cells with a NaN side (an unstable corner) the two rows are joined by their harmonic mean, right for
    the reciprocal of a rate that vanishes, times the shape of the side that is known.
    """
    (i, u), (j, v) = _fractions(knots[0], fine[0]), _fractions(knots[1], fine[1])
    v = v[:, None]
    lower, upper, left, right = rows[j], rows[j + 1], columns[:, i], columns[:, i + 1]
    corners = [[grid[np.ix_(j + b, i + a)] for a in (0, 1)] for b in (0, 1)]
    net = np.array(np.broadcast_arrays(lower, upper, left, right, *corners[0], *corners[1]))
    one_sign = (net > 0).all(axis=0) | (net < 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        patch = np.where(one_sign, np.sign(lower) * np.exp(_transfinite(np.log(np.abs(net)), u, v)), _transfinite(net, u, v))
        side = np.where(np.isfinite(left), left, right)
        ends = np.where(np.isfinite(left), np.array(corners)[:, 0], np.array(corners)[:, 1])
        shape = side / _mixed(ends[0], ends[1], v)
        joined = _mixed(lower, upper, v) * np.where(np.isfinite(shape), shape, 1.0)
    joined = np.where(v == 0, lower, np.where(v == 1, upper, joined))
    return np.where(np.isfinite(patch), patch, joined)


def _transfinite(net: Array, u: Array, v: Array) -> Array:
    lower, upper, left, right, *corners = net
    bilinear = (1 - v) * ((1 - u) * corners[0] + u * corners[1]) + v * ((1 - u) * corners[2] + u * corners[3])
    return (1 - v) * lower + v * upper + (1 - u) * left + u * right - bilinear


def contour_lines(field: Surface, level: float) -> list[Array]:
    """Lines (n, 2) of equal value; zero by a theorem along a whole side is no contour."""
    if min(field.values.shape) < 2:
        return []
    values = np.where(field.values == 0, np.nan, field.values) if level == 0 else field.values
    found = contour_generator(field.x, field.y, np.ma.masked_invalid(values)).lines(level)
    return [np.asarray(line, dtype=float) for line in found if isinstance(line, np.ndarray) and len(line) > 1]


def boundary_lines(rate: Surface | None) -> list[Array]:
    """Where the leading rate is zero."""
    if rate is None or min(rate.values.shape) < 2:
        return []
    # A hair off zero: a rate that is zero on a whole line of the grid has its contour there, not nowhere.
    found = contour_generator(rate.x, rate.y, np.ma.masked_invalid(rate.values)).lines(-1e-12)
    return [np.asarray(line, dtype=float) for line in found if isinstance(line, np.ndarray) and len(line) > 1]


def draw_boundary(axes: Axes, lines: Sequence[Array]) -> None:
    """The stability boundary: thick black with a white rim."""
    drawn = LineCollection(list(lines), colors="black", linewidths=1.9, path_effects=BOUNDARY_RIM, zorder=4, gid="boundary")
    axes.add_collection(drawn, autolim=False)


def draw_contours(axes: Axes, contours: dict[float, list[Array]], walls: Sequence[Array]) -> int:
    """Theory: white with a black rim, each level with its label in a gap of its line; the number of labels.

    Labels stand where a line is straight and far from the others and from `walls`; a level without room has none. To be
    called when the layout is frozen.
    """
    points = 72 / axes.figure.dpi
    shown = {level: [_even(points * axes.transData.transform(line)) for line in lines] for level, lines in contours.items()}
    barriers = [_even(points * axes.transData.transform(line)) for line in walls]
    box = points * np.array(axes.get_window_extent().get_points())
    labels: list[Label] = []
    pieces: list[Array] = []
    for level, lines in shown.items():
        width, height = 72 * style.inches(level_text(level), LABEL) + 3, LABEL + 0.5
        others = np.concatenate([np.empty((0, 2)), *barriers, *[line for other in shown if other != level for line in shown[other]]])
        found = [(label, line) for line in lines for label in _places(line, width, height, box, others, labels)]
        best, carrier = max(found, key=lambda candidate: candidate[0].score, default=(None, None))
        for line in lines:
            if best is None or line is not carrier:
                pieces.append(line)
                continue
            along = _lengths(line)
            pieces += [line[along <= best.start], line[along >= best.end]]
        if best is not None:
            labels.append(best)
            place = axes.transData.inverted().transform(best.centre / points)
            text = axes.text(
                *place, level_text(level), ha="center", va="center", rotation=np.degrees(best.angle), rotation_mode="anchor",
                fontsize=LABEL, zorder=5, gid="theory label", path_effects=[withStroke(linewidth=1.6, foreground="white")],
            )  # fmt: skip
            text.set_clip_on(True)
    inverse = axes.transData.inverted()
    lines = [inverse.transform(piece / points) for piece in pieces if len(piece) > 1]
    look = {"colors": "white", "linewidths": 0.8, "path_effects": THEORY_RIM, "capstyle": "butt", "zorder": 3, "gid": "theory"}
    axes.add_collection(LineCollection(lines, **look), autolim=False)
    return len(labels)


def level_text(level: float) -> str:
    """A contour level: 0.03, 10, $10^{-5}$."""
    if level == 0 or 1e-3 <= abs(level) < 1e4:
        return f"{level:g}".replace("-", "\N{MINUS SIGN}")
    mantissa, exponent = f"{level:.1e}".split("e")
    factor = "" if float(mantissa) == 1 else rf"{float(mantissa):g}\times "
    return f"${factor}10^{{{int(exponent)}}}$"


def nice_levels(fields: Sequence[Array], logarithmic: bool, limits: tuple[float, float], most: int = 7) -> list[float]:
    """Round levels: 1, 3, 10, ... inside the values, or equal steps inside the limits of the colours."""
    finite = np.concatenate([np.empty(0), *[field[np.isfinite(field)] for field in fields]])
    finite = finite[finite > 0] if logarithmic else finite
    if len(finite) < 4 or np.ptp(finite) <= 1e-9 * np.abs(finite).max():
        return []
    if not logarithmic:
        low, high = max(limits[0], float(finite.min())), min(limits[1], float(finite.max()))
        step = max(high - low, 1e-12 * abs(high)) / (most - 1)
        unit = 10.0 ** np.floor(np.log10(step))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= 0.999 * step)
        return [float(f"{k * step:.6g}") for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
    low, high = np.quantile(finite, [0.02, 0.99])
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    ladder = [float(f"{digit}e{k}") for k in range(first, last + 1) for digit in ((1, 3) if last - first <= 4 else (1,))]
    inside = [level for level in ladder if low <= level <= high]
    return inside[:: max(1, -(-len(inside) // most))]


def _mixed(a: Array, b: Array, v: Array) -> Array:
    """Harmonic between two values of one sign, else linear."""
    linear = (1 - v) * a + v * b
    return np.where(a * b > 0, a * b / (v * a + (1 - v) * b), linear)


def _fractions(knots: Array, fine: Array) -> tuple[NDArray[np.intp], Array]:
    cell = np.clip(np.searchsorted(knots, fine, side="right") - 1, 0, len(knots) - 2)
    fraction = (fine - knots[cell]) / (knots[cell + 1] - knots[cell])
    return cell, np.where(np.abs(fraction - np.round(fraction)) < 1e-9, np.round(fraction), fraction)


def _places(line: Array, width: float, height: float, box: Array, others: Array, labels: Sequence[Label]) -> list[Label]:
    """Possible labels along one line."""
    along, found = _lengths(line), []
    for middle in np.arange(0.8 * width, along[-1] - 0.8 * width, 2.0):
        span = middle - width / 2, middle + width / 2
        start, centre, end = (_point(line, along, length) for length in (span[0], middle, span[1]))
        chord = end - start
        angle = float((np.arctan2(chord[1], chord[0]) + np.pi / 2) % np.pi - np.pi / 2)
        corners = _corners(centre, angle, width, height)
        if (corners < box[0] + 2).any() or (corners > box[1] - 2).any() or any(_apart(corners, other.corners) < 3 for other in labels):
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
