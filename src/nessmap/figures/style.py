"""The look that all figures share: sizes, type, labels in words and units, panel letters, hatches of the statuses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from nessmap.figures import colours

SINGLE, DOUBLE = 3.375, 7.0  # widths of one and two columns [inch]
TEXT, SMALL = 8.0, 7.0  # [pt]
FONTS = ("Liberation Sans", "Arial", "Helvetica", "Nimbus Sans", "DejaVu Sans")
RULES: dict[str, Any] = {
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "axes.titlesize": SMALL,
    "axes.titlepad": 4.0,
    "axes.labelpad": 3.0,
    "figure.titlesize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.2,
    "lines.markeredgewidth": 0.6,
    "hatch.linewidth": 0.45,
    "patch.linewidth": 0.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "axes.axisbelow": False,
    "axes.unicode_minus": True,
    "mathtext.fontset": "custom",
    "mathtext.fallback": "stixsans",
    "svg.fonttype": "path",
    "svg.hashsalt": "nessmap",
    "pdf.fonttype": 42,
    "savefig.dpi": "figure",
    "figure.dpi": 100.0,
}
STATUSES = {  # status: word, hatch on white
    0: ("absent", "||||"),
    2: ("unstable", "/////"),
    3: ("diverged", 5 * "\\"),
    5: ("failed", "xxxxx"),
    6: ("timeout", "-----"),
}
UNDEFINED = ("undefined", "+++++")
DOTS = "....."  # white on colour: a short run
PICTURE = 1.2  # what lies lower on a map becomes one picture; its dots as curves would be most of the file


@cache
def font() -> str:
    """The first of FONTS that this machine has."""
    present = set(font_manager.get_font_names())
    return next((name for name in FONTS if name in present), "sans-serif")


@contextmanager
def applied() -> Iterator[None]:
    """The rules of the figures, whatever the user's own matplotlibrc says."""
    name = font()
    cursive = {f"mathtext.{face}": name for face in ("rm", "cal", "sf", "tt")}
    faces = {"font.family": [name], **cursive, "mathtext.it": f"{name}:italic", "mathtext.bf": f"{name}:bold"}
    with matplotlib.style.context(["default", {**RULES, **faces}]):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure [inch] that spaces its panels itself."""
    blank = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(blank)
    engine = blank.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    return blank


def freeze(figure: Figure) -> None:
    """Lay the panels out once and for all: what is placed after this stays where it is put."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def unit_text(units: str) -> str:
    r"""Units as mathtext; empty for a pure number.

    >>> unit_text("k_B / tau")
    '$k_\\mathrm{B}/\\tau$'
    """
    if units.strip() in ("", "1"):
        return ""
    text = re.sub(r"\s*/\s*", "/", units.strip()).replace("**", "^")
    text = re.sub(r"\^(-?\d+)", r"^{\1}", text)
    text = re.sub(r"[A-Za-z][A-Za-z_]*", lambda word: UNITS.get(word[0], rf"\mathrm{{{word[0]}}}"), text)
    spaced = re.sub(r"[ *]+", lambda _: r"\;", text)
    return f"${spaced}$"


UNITS = {"k_B": r"k_\mathrm{B}", "tau": r"\tau"}


def formulas(text: str) -> str:
    r"""Words with what is written in ASCII elsewhere as mathtext.

    >>> formulas("theory (approximate: N -> infinity)")
    'theory (approximate: $N\\to\\infty$)'
    """
    return text.replace("N -> infinity", r"$N\to\infty$").replace(">= 0", r"$\geq 0$")


def quantity(attrs: Mapping[Any, Any], name: str) -> str:
    """Words and symbol: `coupling $g$`."""
    words = formulas(str(attrs.get("long_name") or name.replace("_", " ")))
    symbol = str(attrs.get("symbol") or "")
    return f"{words} ${symbol}$" if symbol else words


def label(attrs: Mapping[Any, Any], name: str, length: float = np.inf) -> str:
    """Words, symbol, units, broken into lines where it would be longer than `length` [inch]."""
    units = unit_text(str(attrs.get("units", "1")))
    whole = f"{quantity(attrs, name)} ({units})" if units else quantity(attrs, name)
    return wrapped(whole, length)


def wrapped(text: str, length: float, size: float = TEXT) -> str:
    """The text in lines no longer than `length` [inch], broken between words, not inside a formula or at `=`."""
    lines: list[str] = []
    for word in re.findall(r"(?: = |\$[^$]*\$|[^ $])+", text):
        if lines and inches(f"{lines[-1]} {word}", size) <= length:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


@cache
def inches(text: str, size: float = TEXT) -> float:
    """Width of a line of text [inch], within `applied`."""
    outline = TextPath((0, 0), text, prop=font_manager.FontProperties(family=font(), size=size)).vertices
    return float(np.ptp(outline[:, 0])) / 72 if len(outline) else 0.0


def value_text(value: object, units: str) -> str:
    """A value of an axis, with its unit where that is more than the model's own unit of length."""
    if isinstance(value, str | bytes | np.str_):
        return str(value).replace("_", " ")
    number = f"{float(value):.4g}".replace("-", "\N{MINUS SIGN}")  # type: ignore[arg-type]
    shown = "" if units == "length" else unit_text(units)
    if shown.startswith("$1/"):  # 0.5/time; nought needs no unit
        return number + shown.replace("$1/", "$/") if number != "0" else number
    return f"{number} {shown}".strip()


def statement(attrs: Mapping[Any, Any], name: str, value: object) -> str:
    """One value of an axis in words: `kernel shift $s$ = 0.5`."""
    return f"{quantity(attrs, name)} = {value_text(value, str(attrs.get('units', '1')))}"


def letter(axes: Axes, index: int) -> None:
    """Bold panel letter, outside, above the upper left corner."""
    axes.annotate(
        f"({chr(ord('a') + index)})",
        (0, 1),
        (-3.5, 4.5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        weight="bold",
        fontsize=TEXT,
    )


def hatch(
    axes: Axes, mask: NDArray[np.bool_], x_edges: NDArray[np.float64], y_edges: NDArray[np.float64], kind: str
) -> None:
    """Hatch the cells of `mask` (y, x): grey lines on white, or white dots on what lies below."""
    if not mask.any():
        return
    cells = [
        Path([(x_edges[left], y_edges[low]), (x_edges[right], y_edges[low]), (x_edges[right], y_edges[high]),
              (x_edges[left], y_edges[high]), (x_edges[left], y_edges[low])], closed=True)
        for low, high, left, right in rectangles(mask)
    ]  # fmt: skip
    axes.add_patch(PathPatch(Path.make_compound_path(*cells), **hatch_look(kind)))


def rectangles(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Few rectangles that make up the cells of `mask` (y, x): first and last edge along y, then along x.

    >>> rectangles(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], bool))
    [(0, 2, 0, 2), (2, 3, 1, 3)]
    """
    found: list[tuple[int, int, int, int]] = []
    open_: dict[tuple[int, int], int] = {}  # stretches of the row before, and where each began
    for row, cells in enumerate([*mask, np.zeros(mask.shape[1], bool)]):
        ends = np.flatnonzero(np.diff(cells.astype(np.int8), prepend=0, append=0))
        now = list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))
        found += [(first, row, *stretch) for stretch, first in open_.items() if stretch not in now]
        open_ = {stretch: open_.get(stretch, row) for stretch in now}
    return sorted(found)


def hatch_look(kind: str) -> dict[str, Any]:
    """Arguments of a patch with one of the hatches."""
    dots = kind == DOTS
    face, line = ("none", "white") if dots else ("white", colours.HATCH)
    return {"facecolor": face, "edgecolor": line, "hatch": kind, "linewidth": 0.0, "zorder": 1.1 if dots else 1.5}


def legend(
    figure: Figure, entries: Sequence[tuple[Any, str]], place: Any = "outside lower center", **options: Any
) -> None:
    """One legend row outside the panels, broken into equal rows where it would be too wide."""
    if not entries:
        return
    columns = legend_columns([text for _, text in entries], figure.get_figwidth())
    drawn = figure.legend(
        [key for key, _ in entries],
        [text for _, text in entries],
        loc=place,
        ncols=columns,
        handlelength=1.9,
        handletextpad=0.6,
        columnspacing=1.4,
        borderaxespad=0.2,
        **options,
    )
    drawn.get_title().set_multialignment("center")


def legend_columns(texts: Sequence[str], width: float) -> int:
    """In how many columns a legend of these texts fits on a page of `width` [inch]."""
    needed = [max(inches(line, SMALL) for line in text.split("\n")) + 0.45 for text in texts]
    columns = len(texts)
    while columns > 1 and sum(max(column) for column in np.array_split(needed, columns)) > width - 0.2:
        columns -= 1
    return -(-len(texts) // -(-len(texts) // columns))


def say(axes: Axes, text: str) -> None:
    """A sentence in the middle of an empty panel."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2.5}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=SMALL, bbox=box, zorder=6)


def swatch(kind: str) -> Patch:
    """Legend key of a hatch on white."""
    return Patch(**hatch_look(kind))


def dotted_swatch(colour: Any) -> tuple[Patch, Line2D]:
    """Legend key of white dots on a colour."""
    dots = [Path.circle((x, y), 0.13) for x in (-1.2, -0.4, 0.4, 1.2) for y in (-0.4, 0.4)]
    mark = Line2D([], [], marker=Path.make_compound_path(*dots), markersize=11, color="white", linestyle="none")
    mark.set_markeredgewidth(0)
    return Patch(facecolor=colour, linewidth=0), mark
