"""Where boundaries cross the edges of a refined mesh, with the standard errors that the estimates leave.

Between two neighbouring places the observable is taken as linear: x = x_a + t (x_b - x_a), t = (level - f_a) / (f_b - f_a),
with the standard error of t to first order in those of f_a and f_b. What linearity costs is at most an edge, and falls with
its square where the observable is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from nessmap.mesh import Edge, Mesh, Place
from nessmap.refinement import Known, boundary_leaves


class Crossing(NamedTuple):
    """Where a boundary crosses an edge: the share of the edge before it, and its standard error."""

    edge: Edge
    share: float
    standard_error: float


def crossing(first: float, last: float, level: float, errors: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Share of an edge before the level is reached, and its standard error; NaN where both ends lie on one side.

    dt = sqrt((1 - t)^2 da^2 + t^2 db^2) / |b - a| for independent estimates a and b at the ends.

    >>> crossing(-1.0, 3.0, 0.0, (0.5, 0.0))
    (0.25, 0.09375)
    """
    below, above = sorted((first - level, last - level))
    if not below < 0 <= above:
        return math.nan, math.nan
    share = (level - first) / (last - first)
    return share, math.hypot((1 - share) * errors[0], share * errors[1]) / abs(last - first)


def crossings(
    mesh: Mesh, places: Collection[Place], known: Known, observable: str, level: float, rates: Mapping[Place, float]
) -> Iterator[Crossing]:
    """Each crossing of one boundary, once.

    rates: leading rates, whose zero is the edge of stability, where the model knows them; without them it is known up to
    the edge that it crosses: the middle, with the standard deviation of a uniform law.
    """
    seen: set[Edge] = set()
    for cell in boundary_leaves(mesh, places, known, observable, level):
        for edge in mesh.edges(cell, places):
            if edge in seen or edge.first not in known or edge.last not in known:
                continue
            seen.add(edge)
            first, last = known[edge.first], known[edge.last]
            if observable:
                values = first.value.get(observable, math.nan), last.value.get(observable, math.nan)
                share, error = crossing(*values, level, (first.error[observable], last.error[observable]))
            else:
                share, error = crossing(rates.get(edge.first, math.nan), rates.get(edge.last, math.nan), 0.0)
                if math.isnan(share) and {first.stable, last.stable} == {0.0, 1.0}:
                    share, error = 0.5, 1 / math.sqrt(12)
            if math.isfinite(share):
                yield Crossing(edge, share, error)
