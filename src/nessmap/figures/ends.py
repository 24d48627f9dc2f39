"""Words at the right ends of curves, outside the panel, in the colours of the curves and clear of each other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from nessmap.figures import curves, style
from nessmap.figures.axis import Array

GAP = 3.0 / 72  # between the frame and the words [inch]

Placed = list[tuple[Annotation, float]]  # the words, and the value that they belong to


class End(NamedTuple):
    """What stands at the end of a curve, and at which value; nothing where either is missing."""

    text: str
    value: float


def width(ends: Sequence[End]) -> float:
    """Room that the words take beside a panel [inch]."""
    return max((style.inches(end.text, style.SMALL) + 2 * GAP for end in ends if end.text), default=0.0)


def write(axes: Axes, ends: Sequence[End]) -> Placed:
    """The words of each curve that has any; the layout makes room for them, `spread` moves them to their heights."""
    placed = []
    for index, (text, value) in enumerate(ends):
        if text and np.isfinite(value):
            word = axes.annotate(
                text,
                (1, 0.5),
                (72 * GAP, 0),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center",
                fontsize=style.SMALL,
                color=curves.look(index)["color"],
                annotation_clip=False,
                gid="end",
            )
            placed.append((word, value))
    return placed


def spread(placed: Placed) -> None:
    """Move the words to the heights of their values, as far as they leave each other room; the layout is frozen."""
    if not placed:
        return
    axes = placed[0][0].axes
    assert axes is not None
    box = axes.get_window_extent()
    with style.applied():
        gap = max(word.get_window_extent().height for word, _ in placed) / box.height
    low, high = axes.get_ylim()
    placed = sorted(placed, key=lambda end: end[1])  # those beyond the panel keep their order
    values = np.clip([value for _, value in placed], low, high)
    wanted = (axes.transData.transform(np.stack([np.ones_like(values), values], axis=1))[:, 1] - box.y0) / box.height
    for (word, _), height in zip(placed, apart(wanted, gap), strict=True):
        word.xy = (1, height)


def apart(wanted: Array, gap: float) -> Array:
    """Heights in 0 .. 1 nearest to the wanted ones in least squares, at least `gap` apart, in the same order.

    >>> [float(height) for height in apart(np.array([0.5, 0.5, 0.9]), 0.2).round(6)]
    [0.4, 0.6, 0.9]
    """
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # with the steps taken off, "at least a gap apart" is "not falling"
    from scipy.optimize import isotonic_regression  # late: it takes half a second to load

    level = isotonic_regression(wanted[order] - steps).x
    heights = np.empty(len(wanted))
    heights[order] = np.clip(level, gap / 2, max(gap / 2, 1 - gap / 2 - steps[-1])) + steps
    return heights
