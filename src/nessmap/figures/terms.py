"""Terms of one balance against one axis: several observables of one unit in one panel, the z-scores below."""

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.figure import Figure

from nessmap.figures import curves, panels, style
from nessmap.figures.ends import End
from nessmap.figures.selection import Selection, facets, note, select_all
from nessmap.figures.theory_kind import theory_words
from nessmap.figures.zscores import approximate


def draw(
    dataset: xr.Dataset,
    *,
    variables: Sequence[str],
    x: str,
    facet: str | None = None,
    at: Mapping[str, object] | None = None,
    yscale: str | None = None,
) -> Figure:
    """Observables of one unit together: an entropy balance against time, a local second law against the noise.

    Each has a colour, its symbol at the right end of its curve and its name in the legend; estimates with bars, theory
    as lines, a line at zero where values of both signs occur, z-scores with a band of +-2 below.

    Parameters
    ----------
    variables : observables of the dataset, at most six, all in one unit.
    x : the axis to plot against.
    facet : an axis with one column per value, at most four, evenly picked.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    yscale : "linear" (where left out) or "log"; as in `cut`.

    Raises
    ------
    ValueError : an unknown observable or axis, observables of several units.
    """
    if yscale not in (None, "linear", "log"):
        raise ValueError(f"terms: yscale = {yscale}, expected linear or log")
    with style.applied():
        chosen = select_all("terms", dataset, variables, {"x": x, "facet": facet}, at, panels.MOST_SERIES)
        units = one_unit(chosen)
        across = chosen[0].axis(x)
        columns = [facets(term, facet, panels.MOST_FACETS) for term in chosen]
        symbols = [f"${symbol}$" if (symbol := str(term.attrs.get("symbol") or "")) else "" for term in chosen]
        quantities = ", ".join(symbols) if all(symbols) else "value"
        lines = [
            [curves.curve(term, across) for term in part]
            for part in zip(*[column.parts for column in columns], strict=True)
        ]
        page = panels.Page(
            lines=lines,
            across=across,
            label=f"{quantities} ({units})" if units else quantities,
            titles=columns[0].titles,
            heading=[note(*columns)],
            names=[style.quantity(term.attrs, term.variable) for term in chosen],
            ends=[[End(*end) for end in zip(symbols, map(curves.last_value, part), strict=True)] for part in lines],
            logarithmic=yscale == "log",
            theory=theory_words(*[term.attrs for term in chosen]),
            approximate=any(approximate(term.attrs) for term in chosen),
        )
        return panels.draw(page)


def one_unit(chosen: Sequence[Selection]) -> str:
    """The unit that all observables share, as mathtext; ValueError names each observable with its unit."""
    units = {term.variable: str(term.attrs.get("units", "1")) for term in chosen}
    shown = {style.unit_text(unit.replace("nat", "k_B")) for unit in units.values()}  # entropies: k_B = 1
    if len(shown) > 1:
        found = ", ".join(f"{variable} in {unit}" for variable, unit in units.items())
        raise ValueError(f"terms: variables: expected observables of one unit, found {found}")
    return shown.pop()
