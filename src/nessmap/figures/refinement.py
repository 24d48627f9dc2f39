"""What converges as a grid is refined, and what grows or falls: values relative to those on the finest grid."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nessmap.figures import curves, panels, style
from nessmap.figures.axis import Array, Axis
from nessmap.figures.ends import End
from nessmap.figures.selection import EXACT_ZERO, Selection, facets, note, select_all
from nessmap.figures.theory_kind import theory_words
from nessmap.figures.zscores import approximate

LAST = 3  # points that the slope is fitted to
FLAT = 0.1  # a slope below it, with its two standard errors, is convergence: a doubling changes less than 7 %


def draw(
    dataset: xr.Dataset,
    *,
    variables: Sequence[str],
    x: str,
    at: Mapping[str, object] | None = None,
    facet: str | None = None,
) -> Figure:
    """Each observable over its own value at the largest `x`, on logarithmic axes, with its slope at the end.

    The slope is that of log |value| against log x over the last three points, of the theory where it is exact, otherwise
    weighted by the errors; "converges" where it and two of its standard errors stay within 0.1. The bars are those of the
    values alone: the error of the common divisor moves all points of a curve together and leaves the slope as it is.

    Parameters
    ----------
    variables : observables of the dataset, at most six; their units may differ.
    x : the axis that is refined: positive numbers, n_site for one.
    at : axis to the value at which it is held; other axes are held at their middle value. The figure states both.
    facet : an axis with one column per value, at most four, evenly picked.

    Raises
    ------
    ValueError : an unknown observable or axis, an `x` that has not two positive numbers.
    """
    with style.applied():
        chosen = select_all("refinement", dataset, variables, {"x": x, "facet": facet}, at, panels.MOST_SERIES)
        across = doubling(chosen[0], x)
        columns = [facets(term, facet, panels.MOST_FACETS) for term in chosen]
        lines = [
            [relative(curves.curve(term, across)) for term in part]
            for part in zip(*[column.parts for column in columns], strict=True)
        ]
        symbol = str(chosen[0].dataset[x].attrs.get("symbol") or "N")
        page = panels.Page(
            lines=lines,
            across=across,
            label=f"value / value at ${symbol}$ = {chosen[0].value_text(x, -1)}",
            titles=columns[0].titles,
            heading=[note(*columns)],
            names=[
                style.quantity(term.attrs, term.variable) + (" (changes sign)" if any(map(turned, found)) else "")
                for term, found in zip(chosen, zip(*lines, strict=True), strict=True)
            ],
            ends=[
                [
                    end(measured(*pair), symbol, str(pair[0].attrs.get("symbol") or ""))
                    for pair in zip(chosen, part, strict=True)
                ]
                for part in lines
            ],
            logarithmic=True,
            scored=False,
            reference=1.0,
            theory=theory_words(*[term.attrs for term in chosen]),
        )
        return panels.draw(page)


def doubling(chosen: Selection, x: str) -> Axis:
    """The axis in powers of two, ticked at its values."""
    values = chosen.dataset[x].values
    if not np.issubdtype(values.dtype, np.number) or len(values) < 2 or values.min() <= 0:
        found = ", ".join(str(value) for value in values[:4])
        raise ValueError(f"refinement: x = {x} has the values {found}, expected two or more positive numbers")
    return chosen.axis(x).doubled()


def relative(line: curves.Curve) -> curves.Curve:
    """The curve over its last resolved value; over its theory where no estimate is resolved; zeros stay zero."""
    resolved = line.value[line.shown & (np.abs(line.value) > 2 * np.nan_to_num(line.error))]
    known = line.theory[np.isfinite(line.theory) & (line.theory != 0)]
    unit = float(resolved[-1] if len(resolved) else known[-1] if len(known) else np.nan)
    value = np.where(line.flag == EXACT_ZERO, line.value, line.value / unit)
    return line._replace(value=value, error=line.error / abs(unit), theory=line.theory / unit)


def turned(line: curves.Curve) -> bool:
    """Some estimates have not the sign of the divisor, and no place on a logarithmic axis."""
    return bool((line.shown & (line.value < -2 * np.nan_to_num(line.error))).any())


def measured(term: Selection, line: curves.Curve) -> curves.Curve:
    """The curve as its trend is read off it: without theory that is not exact, where there are estimates."""
    told = approximate(term.attrs) and line.shown.any()
    return line._replace(theory=np.full_like(line.theory, np.nan)) if told else line


class Trend(NamedTuple):
    """The power of x that a curve follows at its end, with its standard error; or is it a logarithm, a step per doubling?"""

    slope: float
    error: float
    logarithmic: bool = False


def trend(line: curves.Curve) -> Trend:
    """Weighted least squares of log value against log x over the last points; exactly, where the theory is known.

    >>> x = np.array([8.0, 16.0, 32.0])
    >>> trend(curves.Curve(x, x**2, x**2 / 50, *np.ones((2, 3)), np.zeros(3), x, x**2, [])).slope.__round__(9)
    2.0
    """
    known = np.isfinite(line.theory) & (line.theory > 0)
    if known.sum() >= 2:
        x, value = line.fine[known][-LAST:], line.theory[known][-LAST:]
        return power(x, value, np.zeros(len(x)))._replace(logarithmic=grows_as_logarithm(x, value))
    seen = line.shown & (line.value > 0) & ~(line.value < 2 * line.error)
    if seen.sum() < 2:
        return Trend(np.nan, np.nan)
    return power(line.x[seen][-LAST:], line.value[seen][-LAST:], line.error[seen][-LAST:])


def grows_as_logarithm(x: Array, value: Array) -> bool:
    """Do equal ratios of x bring equal steps of a value without error? Within a fifth: limits are approached.

    >>> x = np.array([8.0, 16.0, 32.0])
    >>> grows_as_logarithm(x, 1 + np.log(x)), grows_as_logarithm(x, x**0.5)
    (True, False)
    """
    steps = np.diff(value) / np.diff(np.log(x))
    return len(steps) > 1 and bool((steps > 0).all() and steps.max() < 1.2 * steps.min())


def end(line: curves.Curve, symbol: str, own: str = "") -> End:
    """The trend in words beside the last value, which is 1, a little further along: what grows stands above.

    All words stand at one height, so that their colours alone would tell whose they are: `own`, the symbol, does.
    """
    found = trend(line)
    text = trend_text(found, symbol)
    return End(f"${own}$: {text}" if own and text else text, float(1.05**found.slope))


def power(x: Array, value: Array, error: Array) -> Trend:
    """Exponent of value ~ x^p; equal weights and no error where the values have none."""
    exact = not (error > 0).all()
    weight = np.ones(len(x)) if exact else (value / error) ** 2
    place = np.log(x) - np.average(np.log(x), weights=weight)
    spread = float((weight * place**2).sum())
    return Trend(float((weight * place * np.log(value)).sum()) / spread, 0.0 if exact else spread**-0.5)


def trend_text(found: Trend, symbol: str) -> str:
    r"""What stands at the end of a curve.

    >>> [trend_text(Trend(*numbers), "N") for numbers in ((0.99, 0.01), (0.02, 0.01), (-0.5, 0.2))]
    ['${\\propto}N^{1.0}$', 'converges', '${\\propto}N^{-0.5\\pm0.2}$']
    """
    if not np.isfinite(found.slope):
        return ""
    if abs(found.slope) + 2 * found.error < FLAT:
        return "converges"
    if found.logarithmic:
        return rf"${{\propto}}\ln {symbol}$"
    digits = 1 if abs(found.slope) >= 0.2 or found.error >= 0.05 else 2
    error = rf"\pm{found.error:.1f}" if found.error >= 0.05 else ""
    return rf"${{\propto}}{symbol}^{{{found.slope:.{digits}f}{error}}}$"
