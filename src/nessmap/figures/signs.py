"""Plus and minus on the ends of diverging colours: in grey both ends are dark and look alike."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

SMALLEST = 3.2  # cells narrower than this carry no mark [pt]
RIM = [withStroke(linewidth=2.0, foreground="0.15")]  # among the white dots of a short run
MARKS = {-1: "_", 1: "+"}


def look(sign: int, side: float) -> dict[str, Any]:
    """A white minus or plus for a cell whose shorter side is `side` [pt]."""
    size = min(0.5 * side, 4.2)
    return {
        "marker": MARKS[sign],
        "markersize": size,
        "markeredgewidth": min(0.8, 0.2 * size),
        "color": "white",
        "path_effects": RIM,
        "linestyle": "none",
        "zorder": 4.5,  # above the boundary, below the labels
        "gid": "plus" if sign > 0 else "minus",
    }


def draw(axes: Axes, x: ArrayLike, y: ArrayLike, values: ArrayLike, least: float, side: float) -> None:
    """The sign of every value of at least `least` either way, at its place (x, y), where the cells have room for it."""
    across, up, shown = (np.asarray(part, dtype=float) for part in (x, y, values))
    for sign in MARKS:
        seen = sign * shown >= least
        if seen.any() and side >= SMALLEST:
            axes.plot(across[seen], up[seen], **look(sign, side))
