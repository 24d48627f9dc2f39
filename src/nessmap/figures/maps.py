"""The cells of a map: colours where there is a value, hatches and marks where there is none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from nessmap.figures import colours, signs, style
from nessmap.figures.axis import DECADES, Array, Axis, level_text, log_ticks
from nessmap.figures.contours import BOUNDARY_RIM, THEORY_RIM
from nessmap.figures.selection import BOUNDARY, EXACT_ZERO, OK, SHORT_RUN, Selection

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """What one map shows, all (y, x)."""

    value: Array
    error: Array
    z: Array
    flag: Array
    status: Array
    signed: bool = field(default=False, kw_only=True)  # what is negative may be resolved too

    @property
    def complete(self) -> Mask:
        """Cells whose run gave something."""
        return np.asarray(np.isin(self.status, (OK, SHORT_RUN)))

    @property
    def zero(self) -> Mask:
        """Zero by a theorem."""
        return np.asarray(self.complete & (self.flag == EXACT_ZERO))

    @property
    def expected_zero(self) -> Mask:
        """An estimate of what is zero in theory and cannot be negative: it has no z-score."""
        return np.asarray(self.complete & (self.flag == BOUNDARY))

    @property
    def shown(self) -> Mask:
        """Cells with an estimate."""
        return np.asarray(self.complete & np.isfinite(self.value) & ~self.zero)

    @property
    def resolved(self) -> Mask:
        """Positive by two standard errors or more; where signed, of either sign."""
        size = np.abs(self.value) if self.signed else self.value
        return np.asarray(self.shown & (size > 0) & ~(size < 2 * self.error))


class Shades(NamedTuple):
    """How values become colours."""

    palette: Colormap
    norm: Normalize
    extend: str = "neither"
    blank: bool = False  # grey where two standard errors reach zero
    signs: float = np.inf  # values as large as this, either way, have their sign written in their cell

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest colour."""
        return float(self.norm.vmin or 0), float(self.norm.vmax or 0)

    @property
    def logarithmic(self) -> bool:
        return isinstance(self.norm, LogNorm)


def cells(chosen: Selection, x: str, y: str | None) -> Cells:
    """The observable over (y, x); the theory where the sweep has no simulation."""
    dims = (x,) if y is None else (y, x)
    value, flag = chosen.estimate(dims), chosen.flag(dims)
    if not chosen.simulated:
        flag = np.where(value == 0, EXACT_ZERO, flag)
    parts = (value, chosen.values("_standard_error", dims), chosen.values("_z", dims), flag, chosen.status(dims))
    return Cells(*(np.atleast_2d(part) for part in parts))


def estimate_shades(signed: bool, maps: Sequence[Cells], scale: str, limits: Sequence[float] | None) -> Shades | None:
    """Colours common to all maps of the estimate; None where there is no estimate.

    Signed: vik, zero in the centre. Else batlow, logarithmic where the resolved values span more than a decade.
    """
    values = np.concatenate([cell.value[cell.shown] for cell in maps])
    resolved = np.concatenate([cell.value[cell.resolved] for cell in maps])
    if not len(values):
        return None
    if scale == "log" or (scale == "auto" and not signed and len(resolved) and resolved.max() > 10 * resolved.min()):
        inside = resolved if len(resolved) else np.array([0.1, 1.0])
        low, high = limits or (max(inside.min(), inside.max() / 10**DECADES), max(inside.max(), 1.01 * inside.min()))
        return Shades(colours.batlow(), LogNorm(low, high), extend(resolved, low, high), blank=True)
    low, high = limits or _robust(values, signed)
    if signed:
        return Shades(colours.vik(), Normalize(low, high), extend(values, low, high), signs=dark(low, high))
    return Shades(colours.batlow(), Normalize(low, high), extend(values, low, high))


def dark(low: float, high: float) -> float:
    """Beyond this the ends of vik from `low` to `high` are dark: half of what the colours reach."""
    return 0.5 * max(abs(low), abs(high))


def with_signs(shades: Shades | None, maps: Sequence[Cells]) -> Shades | None:
    """No signs where contours, dashed below zero, tell the one sign that dark colours have."""
    if shades is None:
        return None
    values = np.concatenate([cell.value[cell.shown] for cell in maps])
    both = (values >= shades.signs).any() and (values <= -shades.signs).any()
    return shades if both else shades._replace(signs=np.inf)


def z_shades() -> Shades:
    """Colours of z-scores, with the signs of those beyond two."""
    return Shades(*colours.z_steps(), "both", signs=2.0)


def error_shades(maps: Sequence[Cells]) -> Shades | None:
    """Colours common to all maps of the standard error."""
    errors = np.concatenate([cell.error[cell.shown & (cell.error > 0)] for cell in maps])
    if not len(errors):
        return None
    if errors.max() > 10 * errors.min():
        return Shades(colours.batlow(), LogNorm(errors.min(), errors.max()))
    return Shades(colours.batlow(), Normalize(0, errors.max()))


def paint(
    axes: Axes,
    cell: Cells,
    values: Array,
    shades: Shades | None,
    across: Axis,
    up: Axis | None,
    room: tuple[float, float],
) -> Counter[str]:
    """Draw one map of `room` inches; how many cells of each kind it has."""
    x, y = across.edges, np.array([-0.5, 0.5]) if up is None else up.edges
    axes.set_rasterization_zorder(style.PICTURE)
    shown = cell.shown & np.isfinite(values)
    undefined = cell.complete & ~shown & ~cell.zero & ~cell.expected_zero
    masks = {"zero": cell.zero, "expected": cell.expected_zero, "undefined": undefined}
    masks["short"] = shown & (cell.status == SHORT_RUN)
    below = cell.shown & ~cell.resolved if shades is not None and shades.blank else np.zeros_like(shown)
    if shades is not None:
        masks["below"] = below
        _mesh(axes, x, y, np.where(shown & ~below, values, np.nan), shades.palette, shades.norm)
        _mesh(axes, x, y, np.where(below, 0.5, np.nan), colours.flat(colours.BELOW_ERROR), Normalize(0, 1))
    style.hatch(axes, masks["short"], x, y, style.DOTS)
    style.hatch(axes, undefined, x, y, style.UNDEFINED[1])
    for status, (word, lines) in style.STATUSES.items():
        masks[word] = cell.status == status
        style.hatch(axes, masks[word], x, y, lines)
    side = 72 * min(room[0] / cell.value.shape[1], room[1] / cell.value.shape[0])
    heights = np.array([0.0]) if up is None else up.centres
    for marked, look in ((cell.zero, zero_mark), (cell.expected_zero, expected_mark), (below, below_mark)):
        if marked.any() and side >= signs.SMALLEST:
            rows, columns = np.nonzero(marked)
            axes.plot(across.centres[columns], heights[rows], **look(min(0.5 * side, 3.6)))
    if shades is not None:
        rows, columns = np.nonzero(shown & ~below)
        given = axes, across.centres[columns], heights[rows], values[rows, columns], shades.signs
        if side < signs.SMALLEST:
            flat = np.zeros(1) if up is None else on_page(up, room[1])
            signs.draw_few(*given, np.stack([on_page(across, room[0])[columns], flat[rows]], axis=1))
        else:
            signs.draw(*given, side)
    return Counter({word: int(mask.sum()) for word, mask in masks.items()})


def on_page(axis: Axis, length: float) -> Array:
    """Where the centres of the cells are along an axis of `length` inches [pt]."""
    ends = axis.scaled(axis.edges[[0, -1]])
    return np.asarray(72 * length * (axis.scaled(axis.centres) - ends[0]) / (ends[1] - ends[0]))


def zero_mark(size: float, colour: str = "0.35") -> dict[str, Any]:
    """A small 0: the value is zero by a theorem, with no error; black: the estimate has one."""
    return {
        "marker": "$0$",
        "markersize": size,
        "color": colour,
        "linestyle": "none",
        "markeredgewidth": 0.0,
        "zorder": 2,
    }


def expected_mark(size: float) -> dict[str, Any]:
    """A black 0: the theory is zero, the estimate has an error."""
    return zero_mark(size, "black")


def below_mark(size: float) -> dict[str, Any]:
    """A small <: less than two standard errors; its grey alone would be one of the scale in grey print."""
    return {**zero_mark(size), "marker": "$<$"}


def frame(axes: Axes, across: Axis, up: Axis | None, room: tuple[float, float], bottom: bool, left: bool) -> None:
    """Scales, ticks and labels of a map; `room` is its size in inches."""
    across.show(axes, "x", room[0])
    if up is None:
        axes.set_ylim(-0.5, 0.5)
        axes.yaxis.set_major_locator(NullLocator())
    else:
        up.show(axes, "y", room[1])
        if left:
            axes.set_ylabel(style.wrapped(up.label, room[1] + 0.3))
    if bottom:
        axes.set_xlabel(style.wrapped(across.label, room[0] + 0.3))


def colour_bar(figure: Figure, panels: Sequence[Axes], shades: Shades, label: str, height: float) -> None:
    """One bar for all maps of a column, its label broken where it is longer than the column."""
    bar = figure.colorbar(
        ScalarMappable(shades.norm, shades.palette),
        ax=list(panels),
        extend=shades.extend,
        aspect=height / 0.085,
        pad=0.02,
        fraction=0.06,
    )
    bar.set_label(style.wrapped(label, height))
    if np.isfinite(shades.signs):
        ends = np.array([-1, 1]) * (shades.signs + max(map(abs, shades.limits))) / 2
        signs.draw(bar.ax, [0.5, 0.5], ends, ends, shades.signs, 6.0)
    if shades.logarithmic:
        ticks = log_ticks(*shades.limits, int(height / 0.3))
        bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
        bar.ax.yaxis.set_major_formatter(FixedFormatter([level_text(tick) for tick in ticks]))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    elif not isinstance(shades.norm, BoundaryNorm):
        bar.ax.yaxis.set_major_locator(MaxNLocator(max(3, min(7, int(height / 0.3))), steps=[1, 2, 5, 10]))


def legend_entries(occurs: Counter[str], contour: str) -> list[tuple[Any, str]]:
    """Keys of what occurs on the maps, nothing else; `contour` is what the contours show."""
    entries: list[tuple[Any, str]] = []
    if occurs["theory"]:
        entries.append((Line2D([], [], color="white", linewidth=0.8, path_effects=THEORY_RIM), contour))
    if occurs["boundary"]:
        entries.append((Line2D([], [], color="black", linewidth=1.9, path_effects=BOUNDARY_RIM), "stability boundary"))
    if occurs["below"]:
        less = Line2D([0], [0], **below_mark(3.6))
        entries.append(((Patch(facecolor=colours.BELOW_ERROR, linewidth=0), less), "below 2 s.e."))
    if occurs["zero"]:
        mark = Line2D([0], [0], **zero_mark(3.6))
        entries.append(((Patch(facecolor=colours.EXACT_ZERO, edgecolor="0.6", linewidth=0.4), mark), "exact zero"))
    if occurs["expected"]:
        entries.append((Line2D([0], [0], **expected_mark(3.6)), "theory is 0"))
    if occurs["short"]:
        entries.append((style.dotted_swatch(colours.batlow()(0.45)), "short run"))
    for word, lines in (style.UNDEFINED, *style.STATUSES.values()):
        if occurs[word]:
            entries.append((style.swatch(lines), word))
    return entries


def sheet(n_row: int, beside: bool, height: float, said: str) -> tuple[Figure, Any]:
    """The empty figure and its panels (row, column)."""
    total = n_row * (height + 0.27) + 0.72
    figure = style.figure(style.DOUBLE if beside else style.SINGLE, total + (0.17 if said else 0))
    if said:
        figure.suptitle(style.wrapped(said, figure.get_figwidth() - 0.3, style.SMALL))
    return figure, figure.subplots(n_row, 2 if beside else 1, sharex=True, sharey=True, squeeze=False)


def say_empty(axes: Axes, cell: Cells) -> None:
    """An empty map says why it is empty."""
    counts = {word: int((cell.status == status).sum()) for status, (word, _) in style.STATUSES.items()}
    counts["undefined"] = int(cell.complete.sum())
    why = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    style.say(axes, f"no estimate in {cell.value.size} cells:\n{why}")


def _mesh(axes: Axes, x: Array, y: Array, values: Array, palette: Colormap, norm: Normalize) -> None:
    if np.isfinite(values).any():
        axes.pcolormesh(x, y, np.ma.masked_invalid(values), cmap=palette, norm=norm, zorder=1)


def _robust(values: Array, signed: bool) -> tuple[float, float]:
    """Limits of linear colours; a few far values do not flatten the rest."""
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = (float(q) for q in np.quantile(values, [0.04, 0.96]))
    width = 0.5 * (inner_high - inner_low) or abs(inner_high) or 1.0
    low, high = max(low, inner_low - width), min(high, inner_high + width)
    if signed:
        most = max(abs(low), abs(high)) or 1.0
        return -most, most
    if 0 <= low < 0.5 * high:
        low = 0.0
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), low + 0.5 * (abs(low) or 1))


def extend(values: Array, low: float, high: float) -> str:
    """Which ends of a colour bar are arrows: values lie beyond them."""
    below, above = bool((values < low).any()), bool((values > high).any())
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]
