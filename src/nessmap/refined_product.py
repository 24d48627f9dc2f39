"""What the phase diagram of a refined sweep holds besides its points: their places in the mesh, and its boundaries."""

from __future__ import annotations

import json
import math

import numpy as np
import xarray as xr

from nessmap.boundary import Crossing, crossing, crossings
from nessmap.config import CriterionSettings
from nessmap.mesh import Place
from nessmap.model import Array
from nessmap.refinement import Found, boundary_of, observables_of
from nessmap.simulate import Status
from nessmap.sweep import Sweep

FIRST_ORDER = 0.25  # share of an edge: a larger standard error is not of first order in those of the estimates
_STABLE = {Status.ok: 1.0, Status.short_run: 1.0, Status.unstable: 0.0}


def placed(sweep: Sweep, points: xr.Dataset) -> Sweep:
    """A refined sweep with the points of its assembled store."""
    places = (tuple(int(p) for p in place) for place in points["place"].values)
    return sweep.at_places(dict(zip(places, map(int, points["doublings"].values), strict=True)))


def add_refinement(dataset: xr.Dataset, sweep: Sweep) -> None:
    """Add the mesh, by which figures know the cells, and a table of the crossings of boundaries with edges of cells."""
    mesh, refine = sweep.mesh, sweep.settings.refine
    if mesh is None or refine is None:
        raise ValueError(f"{sweep.source}: no refine")
    axes = [next(iter(along[0])) for along in sweep.lattice]
    for k, name in enumerate(axes):
        facts = {"long_name": f"place on the finest lattice of {name}", "units": "1"}
        dataset[f"place_{name}"] = xr.Variable(("point",), np.array([place[k] for place in sweep.places]), facts)
    levels = np.array([mesh.level_of(place) for place in sweep.places])
    dataset["level"] = xr.Variable(("point",), levels, {"long_name": "how often cells were halved", "units": "1"})
    doublings = {"long_name": "how often the replicas were doubled", "units": "1"}
    dataset["doublings"] = xr.Variable(("point",), np.array(sweep.doublings), doublings)
    dataset.attrs["refinement"] = json.dumps(
        {
            "axes": axes,
            "shape": mesh.shape,
            "halved": mesh.halved,
            "levels": mesh.levels,
            "budget": refine.budget,
            "points_of_a_uniform_grid": mesh.n_uniform,
        }
    )
    known = _known(dataset, sweep)
    rates = {place: float(rate) for place, rate in zip(sweep.places, dataset["leading_rate"].values, strict=True)}
    found: list[tuple[CriterionSettings, Crossing]] = []
    for criterion in refine.where:
        if boundary := boundary_of(criterion):
            found += [(criterion, c) for c in crossings(mesh, sweep.places, known, *boundary, rates)]
    if any(map(boundary_of, refine.where)):
        _add_crossings(dataset, sweep, axes, found)


def _known(dataset: xr.Dataset, sweep: Sweep) -> dict[Place, Found]:
    names = observables_of(sweep.settings.refine) if sweep.settings.refine else []
    columns = {name: (dataset[name].values, dataset[f"{name}_standard_error"].values) for name in names}
    return {
        place: Found(
            _STABLE.get(Status(int(dataset["status"].values[i])), math.nan),
            {name: float(value[i]) for name, (value, _) in columns.items()},
            {name: float(error[i]) for name, (_, error) in columns.items()},
        )
        for i, place in enumerate(sweep.places)
    }


def _add_crossings(
    dataset: xr.Dataset, sweep: Sweep, axes: list[str], found: list[tuple[CriterionSettings, Crossing]]
) -> None:
    index = {place: i for i, place in enumerate(sweep.places)}
    n = len(found)
    at = np.array([[_value(sweep, axes, c.edge.first, k) for k in range(len(axes))] for _, c in found], object)
    along = np.array([c.edge.axis for _, c in found], int)
    ends = np.array([_value(sweep, axes, c.edge.last, c.edge.axis) for _, c in found], float)
    starts = np.array([at[i][k] for i, k in enumerate(along)], float)
    share = np.array([c.share for _, c in found])
    expected = np.array([_expected(dataset, index, criterion, c) for criterion, c in found], float)
    position, theory = starts + share * (ends - starts), starts + expected * (ends - starts)
    for i, k in enumerate(along):
        at[i][k] = position[i]
    for k, name in enumerate(axes):
        values = np.array([row[k] for row in at], object if isinstance(sweep.lattice[k][0][name], str) else float)
        places = np.array([c.edge.first[k] for _, c in found], int)
        facts = dict(dataset[name].attrs)
        dataset[f"boundary_{name}"] = xr.Variable(("crossing",), values, facts)
        dataset[f"boundary_place_{name}"] = xr.Variable(
            ("crossing",), places, {"long_name": f"place of the first end of the edge along {name}", "units": "1"}
        )
    error: Array = np.array([c.standard_error for _, c in found]) * np.abs(ends - starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where((error > 0) & (error < FIRST_ORDER * np.abs(ends - starts)), (position - theory) / error, np.nan)
    comment = "along the axis boundary_axis, in its units; ends of the edge are known to lie on different sides"
    score = "(position - expected) / standard error; none where that is more than a quarter of the edge"
    columns = {
        "boundary_error": (error, "standard error of the boundary's position along its edge", comment),
        "boundary_width": (np.abs(ends - starts), "length of the edge that the boundary crosses", comment),
        "boundary_expected": (theory, "position that the mean of the estimator at this dt has along the edge", comment),
        "boundary_z": (z, "z-score of the boundary's position", score),
    }
    for name, (numbers, long_name, said) in columns.items():
        dataset[name] = xr.Variable(
            ("crossing",), np.asarray(numbers, float), {"long_name": long_name, "comment": said}
        )
    names = np.array([axes[k] for k in along], object) if n else np.empty(0, object)
    dataset["boundary_axis"] = xr.Variable(("crossing",), names, {"long_name": "axis along which the edge lies"})
    words = np.array([_words(criterion) for criterion, _ in found], object)
    dataset["boundary_of"] = xr.Variable(("crossing",), words, {"long_name": "which boundary it is"})


def _value(sweep: Sweep, axes: list[str], place: Place, k: int) -> float | int | str:
    value: float | int | str = sweep.lattice[k][place[k]][axes[k]]
    return value


def _expected(dataset: xr.Dataset, index: dict[Place, int], criterion: CriterionSettings, found: Crossing) -> float:
    """The share of the edge at which the expectation of the estimator is at the level; the edge of stability is theory."""
    name, level = boundary_of(criterion) or ("", 0.0)
    if not name:
        return found.share if found.standard_error == 0 else math.nan
    ends = dataset[f"{name}_expected"].values[[index[found.edge.first], index[found.edge.last]]]
    first, last = float(ends[0]), float(ends[1])
    # beyond the edge too, where the estimate has it on this one
    return (
        (level - first) / (last - first) if math.isfinite(first) and first != last else crossing(first, last, level)[0]
    )


def _words(criterion: CriterionSettings) -> str:
    name, level = boundary_of(criterion) or ("", 0.0)
    return f"{name} = {level:g}" if name else "stability"
