"""Rates estimated from one recording against the step they were estimated at, and their continuation to steps of no length."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nessmap.figures import curves, style

EXTRAPOLATED = 3  # steps that the continuation goes through
ENTROPY, TRANSFER = ("fitted", "bound"), ("forth", "back")


def draw(dataset: xr.Dataset) -> Figure:
    """Entropy production rates on the left, transfer entropy rates on the right if there are any.

    Where a recording is a linear Langevin system the fit does not depend on the step; the bound rises towards shorter ones.

    Parameters
    ----------
    dataset : `fitted`, `bound` and, perhaps, `forth` and `back` with their standard errors over `step`; the attributes
        `extrapolated` and `extrapolated_standard_error` of the bound are its continuation.
    """
    groups = [(ENTROPY, "entropy production rate")]
    if TRANSFER[0] in dataset:
        groups.append((TRANSFER, "transfer entropy rate"))
    with style.applied():
        page = style.figure(style.SINGLE if len(groups) == 1 else style.DOUBLE, 2.5)
        panels = np.atleast_1d(page.subplots(1, len(groups)))
        for index, (axes, (names, words)) in enumerate(zip(panels, groups, strict=True)):
            for number, name in enumerate(names):
                _points(axes, dataset, name, number + 2 * index)
            units = style.unit_text(dataset[names[0]].attrs["units"])
            axes.set_ylabel(f"{words} ({units})")
            axes.set_xlabel(style.label(dataset.step.attrs, "step"))
            axes.set_xlim(-0.04 * float(dataset.step[-1]), 1.04 * float(dataset.step[-1]))
            low, high = axes.get_ylim()
            axes.set_ylim(min(low, 0.0), high + 0.28 * (high - min(low, 0.0)))  # room for the legend
            axes.legend(loc="upper right", handlelength=1.2)
            if len(groups) > 1:
                style.letter(axes, index)
        return page


def _points(axes: Axes, dataset: xr.Dataset, name: str, number: int) -> None:
    values, errors = dataset[name], dataset[f"{name}_standard_error"]
    look = curves.look(number)
    step = dataset.step.values
    axes.errorbar(step, values.values, errors.values, label=values.attrs["long_name"], linestyle="none", **look)
    limit = values.attrs.get("extrapolated", np.nan)
    if np.isfinite(limit):
        known = np.isfinite(values.values[:EXTRAPOLATED])
        places, found = [0.0, *step[:EXTRAPOLATED][known]], [limit, *values.values[:EXTRAPOLATED][known]]
        fine = np.linspace(0.0, places[-1], 50)
        along = np.polynomial.Polynomial.fit(places, found, len(places) - 1)(fine)
        axes.plot(fine, along, color=look["color"], linestyle=":", zorder=1)
        error = values.attrs["extrapolated_standard_error"]
        open_look = look | {"markerfacecolor": "white", "clip_on": False}
        axes.errorbar([0.0], [limit], [error], label="extrapolated", linestyle="none", **open_look)
