"""A quantity between the cells of a map, from its fine lines along the axes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.figures.axis import Array, Axis
from nessmap.figures.selection import Selection

ROUNDING = 1e-12  # of the largest value: below it a value is zero


class Surface(NamedTuple):
    """Values (y, x) over fine positions along both axes."""

    x: Array
    y: Array
    values: Array
    fine: bool = True  # points between the cells, close enough to be joined linearly


def surface(chosen: Selection, stem: str, x: Axis, y: Axis | None) -> Surface | None:
    """`stem` between the cells of a map; None where the store does not have it.

    With fine lines along both axes a Coons patch fills each cell of the grid: exact on all four of its sides. With
    lines along one axis the other is joined linearly. Across categories and single rows nothing is joined: steps.
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
            y_fine, values = _steps(y, values)
    if not x.continuous:
        x_fine, transposed = _steps(x, values.T)
        values = transposed.T
    return Surface(x_fine, y_fine, values, fine=rows is not None or columns is not None)


def _steps(axis: Axis, values: Array) -> tuple[Array, Array]:
    """One level per cell along the first dimension, with NaN between cells: no contour joins two categories."""
    gaps = np.full((len(values), 1, values.shape[1]), np.nan)
    stacked = np.concatenate([values[:, None], values[:, None], gaps], axis=1)
    places = np.stack([axis.edges[:-1], axis.edges[1:], axis.edges[1:]], axis=1)
    return places.ravel()[:-1], stacked.reshape(-1, values.shape[1])[:-1]


def coons(knots: tuple[Array, Array], grid: Array, fine: tuple[Array, Array], rows: Array, columns: Array) -> Array:
    """Surface through a net of lines: `grid` (y, x) at the knots, `rows` (y, x_fine), `columns` (y_fine, x).

    f(u, v) = (1-v) f(u,0) + v f(u,1) + (1-u) f(0,v) + u f(1,v) - bilinear(corners), u and v the fractions of a cell
    (Coons 1967); of log |f| where all of these have one sign, which follows powers and poles. In cells with a NaN side
    (an unstable corner) the two rows are joined by their harmonic mean, right for the reciprocal of a rate that
    vanishes, times the shape of the side that is known.
    """
    # a zero of the theory may be stored with its rounding, of which a logarithm makes decades
    grid, rows, columns = (
        np.where(np.abs(part) <= ROUNDING * _largest(grid), 0.0, part) for part in (grid, rows, columns)
    )
    (i, u), (j, v) = _fractions(knots[0], fine[0]), _fractions(knots[1], fine[1])
    v = v[:, None]
    lower, upper, left, right = rows[j], rows[j + 1], columns[:, i], columns[:, i + 1]
    corners = [[grid[np.ix_(j + b, i + a)] for a in (0, 1)] for b in (0, 1)]
    net = np.array(np.broadcast_arrays(lower, upper, left, right, *corners[0], *corners[1]))
    one_sign = (net > 0).all(axis=0) | (net < 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        patch = np.where(
            one_sign, np.sign(lower) * np.exp(_transfinite(np.log(np.abs(net)), u, v)), _transfinite(net, u, v)
        )
        side = np.where(np.isfinite(left), left, right)
        ends = np.where(np.isfinite(left), np.array(corners)[:, 0], np.array(corners)[:, 1])
        shape = side / _mixed(ends[0], ends[1], v)
        joined = _mixed(lower, upper, v) * np.where(np.isfinite(shape), shape, 1.0)
    joined = np.where(v == 0, lower, np.where(v == 1, upper, joined))
    return np.asarray(np.where(np.isfinite(patch), patch, joined))


def _largest(values: Array) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _transfinite(net: Array, u: Array, v: Array) -> Array:
    lower, upper, left, right, *corners = net
    bilinear = (1 - v) * ((1 - u) * corners[0] + u * corners[1]) + v * ((1 - u) * corners[2] + u * corners[3])
    return np.asarray((1 - v) * lower + v * upper + (1 - u) * left + u * right - bilinear)


def _mixed(a: Array, b: Array, v: Array) -> Array:
    """Harmonic between two values of one sign, else linear."""
    linear = (1 - v) * a + v * b
    return np.where(a * b > 0, a * b / (v * a + (1 - v) * b), linear)


def _fractions(knots: Array, fine: Array) -> tuple[NDArray[np.intp], Array]:
    cell = np.clip(np.searchsorted(knots, fine, side="right") - 1, 0, len(knots) - 2)
    fraction = (fine - knots[cell]) / (knots[cell + 1] - knots[cell])
    return cell, np.where(np.abs(fraction - np.round(fraction)) < 1e-9, np.round(fraction), fraction)
