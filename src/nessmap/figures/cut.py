"""An observable against one axis for several values of another, with its theory, and the z-scores below."""

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.figure import Figure

from nessmap.figures import curves, panels, style
from nessmap.figures.selection import facets, note, pick, select
from nessmap.figures.theory_kind import theory_words
from nessmap.figures.zscores import approximate


def draw(
    dataset: xr.Dataset,
    *,
    variable: str,
    x: str,
    series: str | None = None,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
    yscale: str = "linear",
    limits: Sequence[float] | None = None,
) -> Figure:
    """Estimates with bars, open where the run was short; theory as lines; z-scores with a band of +-2 below.

    Where every series is unstable the panel is hatched; a dashed line marks where one of them becomes so.

    Parameters
    ----------
    variable : an observable of the dataset.
    x : the axis to plot against.
    series : an axis with one curve per value, at most six, evenly picked.
    facet : an axis with one column per value, at most four, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    yscale : "linear" or "log"; on "log" a value within two standard errors of zero is an arrow below its upper limit.
    limits : lowest and highest value shown, in the observable's units.
    """
    if yscale not in ("linear", "log"):
        raise ValueError(f"cut: yscale = {yscale}, expected linear or log")
    with style.applied():
        chosen = select("cut", dataset, variable, {"x": x, "series": series, "facet": facet}, at)
        across = chosen.axis(x)
        columns = facets(chosen, facet, panels.MOST_FACETS)
        heading, picked = [note(columns)], []
        if series is not None:
            picked = pick(chosen.dataset.sizes[series], panels.MOST_SERIES)
            heading.append(", ".join(filter(None, [chosen.axis(series).label, chosen.part(series, picked)])))
        page = panels.Page(
            lines=[
                [curves.curve(part.at(str(series), i), across) for i in picked] or [curves.curve(part, across)]
                for part in columns.parts
            ],
            across=across,
            label=style.label(chosen.attrs, variable),
            titles=columns.titles,
            heading=heading,
            names=[chosen.value_text(str(series), i) for i in picked],
            logarithmic=yscale == "log",
            theory=theory_words(chosen.attrs),
            approximate=approximate(chosen.attrs),
        )
        return panels.draw(page, limits)
