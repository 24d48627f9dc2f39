"""Where a grid is made finer and where it gets more replicas: a pure function of the estimates at the points there are.

Nothing else enters, so that a sweep that was interrupted chooses the same points again, whoever computed them. A cell is
halved where two of its places lie on different sides of a boundary, each by RESOLVED standard errors, or where an observable
changes along it by more than a share of its range. Finer cells say nothing where the errors are as large as the change:
there only more replicas help.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from nessmap.config import (
    ConfigError,
    CriterionSettings,
    RefineSettings,
    RunSettings,
    SweepSettings,
    nearest,
    refined_range,
)
from nessmap.mesh import Cell, Mesh, Place
from nessmap.model import as_written
from nessmap.protocols.protocol import LANES_PER_UNIT

SUSPECTED = 2.0  # standard errors on either side of a boundary that make it worth while to look closer
RESOLVED = 4.0  # standard errors from a boundary to an estimate beyond which finer cells tell more than more replicas
_COMPANIONS = {"sign": (), "level": ("of",), "stability": (), "gradient": ("share",), "error": ("target",)}
_OPTIONAL = {"error": ("at",)}


class Found(NamedTuple):
    """What is known at a place: whether it is stable (NaN: no run says), and value and standard error by observable."""

    stable: float
    value: Mapping[str, float]
    error: Mapping[str, float]


Known = Mapping[Place, Found]


class Choice(NamedTuple):
    """Places, each with how often its replicas are doubled; whether the budget kept something out."""

    places: dict[Place, int]
    spent: bool = False

    @property
    def cost(self) -> int:
        """In points of the grid: a point with twice the replicas counts twice."""
        return sum(2**doublings for doublings in self.places.values())


def boundary_of(criterion: CriterionSettings) -> tuple[str, float] | None:
    """The observable, and the level of it, that make a boundary; ("", 0) for the edge of stability, None for no boundary."""
    if criterion.sign is not None:
        return criterion.sign, 0.0
    if criterion.level is not None:
        return criterion.of or "", criterion.level
    return ("", 0.0) if criterion.stability else None


def observables_of(settings: RefineSettings) -> list[str]:
    """The observables whose estimates the choice rests on, each once."""
    named = [c.sign or c.of or c.gradient or c.error for c in settings.where]
    return list(dict.fromkeys(name for name in named if name))


def grid(mesh: Mesh) -> Choice:
    """The choice to begin with."""
    return Choice(dict.fromkeys(mesh.grid(), 0))


def further(settings: RefineSettings, mesh: Mesh, choice: Choice, known: Known) -> Choice:
    """The places to compute next, with those that are there: cells are halved first, replicas doubled when none is to be."""
    made = _halved(settings, mesh, choice, known)
    return made if made.places != choice.places else _doubled(settings, mesh, choice, known, made.spent)


def _halved(settings: RefineSettings, mesh: Mesh, choice: Choice, known: Known) -> Choice:
    tests = [test for criterion in settings.where if (test := _test(criterion, mesh, known))]
    asking = [
        cell for cell, _ in mesh.leaves(choice.places) if cell.level < mesh.levels and any(test(cell) for test in tests)
    ]
    places, cost, spent = dict(choice.places), choice.cost, False
    for cell in sorted(asking, key=lambda cell: (cell.level, _shuffled(cell.corner))):
        added = [place for place in mesh.within(cell) if place not in places]
        if cost + len(added) > settings.budget:
            spent = True
            continue
        places |= dict.fromkeys(added, 0)
        cost += len(added)
    return Choice(places, spent)


def _doubled(settings: RefineSettings, mesh: Mesh, choice: Choice, known: Known, spent: bool) -> Choice:
    places, cost = dict(choice.places), choice.cost
    wanted: dict[Place, int] = {}
    for criterion in settings.where:
        if criterion.error is None or criterion.target is None:
            continue
        name, target = criterion.error, criterion.target
        along = _along_boundaries(settings, mesh, choice, known, name)
        for place in along if criterion.at == "boundaries" else places:
            found = known.get(place)
            error = found.error.get(name, math.nan) if found else math.nan
            if error > target and places[place] < settings.most_doublings:
                # an error falls by the root of two with each doubling
                more = min(math.ceil(2 * math.log2(error / target)), settings.most_doublings - places[place])
                wanted[place] = max(wanted.get(place, 0), more)
    for place in sorted(wanted, key=_shuffled):
        doublings = places[place] + wanted[place]
        if cost + 2**doublings - 2 ** places[place] > settings.budget:
            spent = True
            continue
        cost += 2**doublings - 2 ** places[place]
        places[place] = doublings
    return Choice(places, spent)


def _along_boundaries(settings: RefineSettings, mesh: Mesh, choice: Choice, known: Known, name: str) -> list[Place]:
    """The places there are of the cells that a boundary of an observable crosses."""
    boundaries = [found for criterion in settings.where if (found := boundary_of(criterion)) and found[0] == name]
    cells = [cell for b in boundaries for cell in boundary_leaves(mesh, choice.places, known, *b, SUSPECTED)]
    return list(dict.fromkeys(p for cell in cells for p in mesh.within_or_corners(cell) if p in choice.places))


def boundary_leaves(
    mesh: Mesh, places: Collection[Place], known: Known, observable: str, level: float, margin: float = RESOLVED
) -> Iterable[Cell]:
    """The cells, none of them halved, in which a boundary may lie: it crosses them, or the cell that they are a part of."""
    for cell, parent in mesh.leaves(places):
        if any(is_crossed(mesh, one, known, observable, level, margin) for one in (cell, parent) if one):
            yield cell


def is_crossed(mesh: Mesh, cell: Cell, known: Known, observable: str, level: float, margin: float = RESOLVED) -> bool:
    """Whether two places of a cell lie on different sides of a boundary, by so many standard errors."""
    sides = {side(known[place], observable, level, margin) for place in mesh.within_or_corners(cell) if place in known}
    return {-1, 1} <= sides


def side(found: Found, observable: str, level: float, margin: float = RESOLVED) -> int:
    """Side of a boundary that a place lies on: 1 above or stable, -1 below or not, 0 where errors or no run leave it open."""
    if not observable:
        return 0 if math.isnan(found.stable) else 1 if found.stable else -1
    distance = found.value.get(observable, math.nan) - level
    width = margin * found.error.get(observable, math.nan)
    return (distance > width) - (distance < -width)


def _test(criterion: CriterionSettings, mesh: Mesh, known: Known) -> Callable[[Cell], bool] | None:
    if boundary := boundary_of(criterion):
        return lambda cell: is_crossed(mesh, cell, known, *boundary)
    if criterion.gradient is not None and criterion.share is not None:
        name = criterion.gradient
        # of the grid: what finer cells find changes no earlier choice
        values = [found.value.get(name, math.nan) for place in mesh.grid() if (found := known.get(place))]
        values = [value for value in values if math.isfinite(value)]
        smallest = criterion.share * (max(values) - min(values)) if values else math.inf
        return lambda cell: _changes(mesh, cell, known, name, smallest)
    return None


def _changes(mesh: Mesh, cell: Cell, known: Known, name: str, smallest: float) -> bool:
    found = [known[place] for place in mesh.within_or_corners(cell) if place in known]
    pairs = sorted((f.value[name], f.error[name]) for f in found if math.isfinite(f.value.get(name, math.nan)))
    if not pairs:
        return False
    (low, low_error), (high, high_error) = pairs[0], pairs[-1]
    return high - low > max(smallest, RESOLVED * math.hypot(low_error, high_error))


def _shuffled(place: Place) -> bytes:
    """An order without direction, so that a budget that ends leaves gaps everywhere, and not one half of a boundary."""
    return hashlib.blake2b(repr(place).encode(), digest_size=8).digest()


def mesh_of(
    source: str,
    settings: SweepSettings,
    lengths: Mapping[str, int],
    floats: Collection[str],
    shown: Mapping[str, int],
    disordered: bool,
) -> tuple[Mesh, dict[str, Any]]:
    """The mesh of a sweep's axes, and the finer spec of each that is halved; ConfigError for a mistake in refine.

    lengths: number of values of each axis, in the sweep's order; floats: parameters that are not counted; shown: number of
    dimensions of its own of each observable.
    """
    refine, axes = settings.refine, settings.axes
    if refine is None:
        raise ValueError(f"{source}: no refine")
    for joint in ("zip", "points"):
        if joint in axes:
            expected = "axes of their own, between which there are cells to halve"
            raise ConfigError(f"{source}: axes has {joint}, and refine is given; expected {expected}")
    finer = {n: spec for n in lengths if n in floats and (spec := refined_range(axes[n], refine.levels))}
    for name in refine.axes or ():
        if name not in finer:
            expected = "an axis of numbers given as linspace, logspace or geomspace"
            raise ConfigError(f"{source}: refine.axes: {name}, expected {expected}{nearest(name, finer)}")
    chosen = {name: finer[name] for name in refine.axes or finer}
    if not chosen:
        expected = "at least one of numbers, given as linspace, logspace or geomspace"
        raise ConfigError(f"{source}: refine finds no axis to halve, expected {expected}")
    mesh = Mesh(tuple(lengths.values()), tuple(name in chosen for name in lengths), refine.levels)
    if refine.budget < mesh.n_grid:
        raise ConfigError(f"{source}: refine.budget = {refine.budget}, expected at least the {mesh.n_grid} of the grid")
    _check_criteria(source, refine, settings.run, shown, disordered)
    return mesh, chosen


def _check_criteria(
    source: str, refine: RefineSettings, run: RunSettings, shown: Mapping[str, int], disordered: bool
) -> None:
    for k, criterion in enumerate(refine.where):
        where = f"{source}: refine.where.{k}"
        given = criterion.model_dump(exclude_none=True)
        kinds = [kind for kind in _COMPANIONS if kind in given]
        if len(kinds) != 1:
            expected = f"one of {', '.join(_COMPANIONS)}"
            raise ConfigError(f"{where} has {' and '.join(kinds) or 'none of them'}, expected {expected}")
        (kind,) = kinds
        for companion in _COMPANIONS[kind]:
            if companion not in given:
                raise ConfigError(f"{where}.{companion} is missing; {kind} needs it")
        for other in given:
            if other not in (kind, *_COMPANIONS[kind], *_OPTIONAL.get(kind, ())):
                raise ConfigError(f"{where}.{other} = {as_written(given[other])} does not go with {kind}; leave it out")
        name = criterion.sign or criterion.of or criterion.gradient or criterion.error
        if name is not None and name not in shown:
            raise ConfigError(f"{where}: {name} is not among the observables of this sweep{nearest(name, shown)}")
        if name is not None and shown[name]:
            scalars = [other for other, n_dim in shown.items() if not n_dim]
            raise ConfigError(f"{where}: {name} has dimensions of its own, expected a number at each point"
                              f"{nearest(name, scalars)}")  # fmt: skip
        boundaries = [found[0] for other in refine.where if (found := boundary_of(other))]
        if criterion.at == "boundaries" and criterion.error not in boundaries:
            raise ConfigError(
                f"{where}.at = boundaries, expected another entry with sign or level of {criterion.error}"
            )
        if kind == "error" and not disordered and run.n_replica % LANES_PER_UNIT:
            expected = f"a multiple of {LANES_PER_UNIT}, because error doubles whole units of lanes"
            raise ConfigError(f"{source}: run.n_replica = {run.n_replica}, expected {expected}")
