"""Plus and minus on the ends of diverging colours: in grey both ends are dark and look alike."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SMALLEST = 3.2  # cells narrower than this do not each carry a mark [pt]
SPARSE = 6.0  # among such cells marks are at least so far apart [pt]
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
    """The sign of every value of at least `least` either way, at (x, y), in cells whose shorter side is `side` [pt]."""
    across, up, shown = (np.asarray(part, dtype=float) for part in (x, y, values))
    for sign in MARKS:
        seen = sign * shown >= least
        if seen.any():
            axes.plot(across[seen], up[seen], **look(sign, max(side, 1.3 * SMALLEST)))


def draw_few(axes: Axes, x: ArrayLike, y: ArrayLike, values: ArrayLike, least: float, places: Array) -> None:
    """The signs of the largest of many values, for cells that are narrower than SMALLEST.

    Parameters
    ----------
    places : (n, 2) where the values are on the page [pt].
    """
    across, up, shown = (np.asarray(part, dtype=float) for part in (x, y, values))
    sizes = np.abs(shown)
    chosen = spread(places, np.where(sizes >= least, sizes, np.nan))
    draw(axes, across[chosen], up[chosen], shown[chosen], least, SMALLEST)


def spread(places: Array, sizes: Array, apart: float = SPARSE) -> NDArray[np.bool_]:
    """Which places to mark: the largest first, then whatever is `apart` from all that is marked; NaN never.

    >>> spread(np.array([[0.0, 0], [3, 0], [7, 0], [20, 0]]), np.array([1.0, 2, 1.5, np.nan])).tolist()
    [False, True, False, False]
    """
    chosen: list[int] = []
    for k in np.argsort(-sizes, kind="stable")[: int(np.isfinite(sizes).sum())].tolist():
        if not chosen or np.hypot(*(places[chosen] - places[k]).T).min() >= apart:
            chosen.append(k)
    return np.isin(np.arange(len(sizes)), chosen)
