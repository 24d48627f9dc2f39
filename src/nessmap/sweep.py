"""From a sweep file to points, their records and the shards that compute them.

Runs when Snakemake reads its rules, so it imports neither numba nor xarray nor dask.
"""

from __future__ import annotations

import copy
import itertools
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nessmap import identity
from nessmap.config import NAME, ConfigError, SmallSettings, SweepSettings, expand_axis, nearest, read_settings
from nessmap.drawings import check_figures
from nessmap.memory import without_collection
from nessmap.mesh import Mesh, Place
from nessmap.model import SIGNIFICANT_DIGITS, Model, Parameter, ParameterError, Start, as_written
from nessmap.models import MODELS, model_class
from nessmap.observables import OBSERVABLES, Observable
from nessmap.protocols import PROTOCOLS
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.refinement import mesh_of
from nessmap.simulate import Unit, rounded_up
from nessmap.statistics import N_GROUP, STATISTICS

SWEEPS = Path("workflow/sweeps")
RESULTS = Path("results")  # where results go unless --results says otherwise
SMALL_SUFFIX = "-small"
SECONDS_PER_UPDATE = 6e-9  # one coordinate of one lane by one step, statistics included (benchmarks/linear_field.py)
ONE_DIMENSION = "point"  # the dimension that zipped axes and listed points share


@dataclass(frozen=True)
class Dimension:
    """A dimension of the phase diagram: the parameters it sets at each index; a plain axis sets the one it is named after."""

    name: str
    settings: tuple[Mapping[str, Any], ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(self.settings[0])

    def __len__(self) -> int:
        return len(self.settings)


@dataclass(frozen=True)
class Point:
    """A cell of the phase diagram: its index along each dimension, its parameters, its units of work."""

    index: tuple[int, ...]
    parameters: Mapping[str, Any]
    units: tuple[Unit, ...]
    names: tuple[tuple[identity.RecordName, ...], ...]  # the records of each unit

    @property
    def model(self) -> Model:
        return self.units[0].build()

    @cached_property
    def key(self) -> str:
        """Digest of the point's path: what the cell is, however long it runs."""
        return self.names[0][0].path

    def record_keys(self) -> list[str]:
        """Keys of all records the point wants."""
        return list(self._keys)

    def pieces(self) -> Iterator[tuple[Unit, tuple[identity.RecordName, ...], tuple[str, ...]]]:
        """Each unit with the records that it makes and their keys."""
        first = 0
        for unit, names in zip(self.units, self.names, strict=True):
            yield unit, names, self._keys[first : first + len(names)]
            first += len(names)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(name.key for names in self.names for name in names)


class Sweep:
    """A validated sweep file. Raises ConfigError for whatever does not fit the model, before any work starts.

    Where the file has a small form, both forms are validated, so that a mistake in one is not found after the other ran.
    """

    places: tuple[Place, ...] = ()  # of a refined sweep, once they are chosen: its points on the finest lattice
    doublings: tuple[int, ...] = ()  # of the replicas at each of them
    lattice: tuple[tuple[Mapping[str, Any], ...], ...] = ()  # what its places set along each axis

    def __init__(self, path: Path, small: bool = False, *, both: bool = True) -> None:
        self.path = path
        self.settings: SweepSettings = read_settings(path, small)
        self.name = self._name(small)
        self.source = f"{path} (small form)" if small else str(path)  # what error messages begin with
        self.model_class = self._model_class()
        self.declared: Mapping[str, Parameter] = self.model_class.parameters()
        self.fixed = self._fixed()
        self.dimensions = self._dimensions()
        self.n_disorder = self._n_disorder()
        self.observables = self._observables()
        self.mesh: Mesh | None = None
        if self.settings.refine:
            self.mesh, self.lattice = self._refined()
        self._check_figures()
        if both and self.settings.small != SmallSettings():
            Sweep(path, not small, both=False)

    def _name(self, small: bool) -> str:
        stem = self.path.stem
        if not re.match(NAME, stem) or stem.endswith(SMALL_SUFFIX):
            wanted = f"letters, digits, '_' and '-', not ending in {SMALL_SUFFIX}, which marks small forms"
            raise ConfigError(f"{self.path}: the file's name names the sweep, expected {wanted}; rename it")
        return stem + (SMALL_SUFFIX if small else "")

    @property
    def command(self) -> str:
        """The sweep as the command line names it."""
        small = self.name.endswith(SMALL_SUFFIX)
        return self.name if self.path.parent == SWEEPS else str(self.path) + (SMALL_SUFFIX if small else "")

    def command_line(self, command: str, results: Path) -> str:
        """What a person types to run a command on this sweep and these results."""
        place = "" if results == RESULTS else f" --results {shlex.quote(str(results))}"
        return f"nessmap {command} {shlex.quote(self.command)}{place}"

    @property
    def model(self) -> str:
        """The model as workers find it: a name, or a file and a class. Files are found from the sweep file's folder."""
        name = self.settings.model
        return str((self.path.parent / name).absolute()) if ".py:" in name else name

    def _model_class(self) -> type[Model]:
        name = self.settings.model
        if ".py:" not in name and name not in MODELS:
            hint = f"{nearest(name, MODELS)} One of your own is path/to/file.py:ClassName"
            raise ConfigError(f"{self.source}: model = {name!r} is not a model{hint}")
        try:
            return model_class(self.model)
        except ValueError as error:
            raise ConfigError(f"{self.source}: model = {error}") from None

    def _coerce(self, section: str, name: str, value: Any) -> Any:
        if name not in self.declared:
            known = nearest(str(name), self.declared)
            raise ConfigError(f"{self.source}: {section}.{name} is not a parameter of {self.model_class.name}{known}")
        try:
            return self.declared[name].coerce(value)
        except ParameterError as error:
            raise ConfigError(f"{self.source}: {section}.{error}") from None

    def _coerce_varied(self, section: str, name: str, value: Any) -> Any:
        coerced = self._coerce(section, name, value)
        if not isinstance(coerced, int | float | str):
            kind = self.declared[name].expectation
            raise ConfigError(f"{self.source}: {section}.{name} cannot vary: it is {kind}; put it into fixed")
        return coerced

    def _fixed(self) -> dict[str, Any]:
        return {name: self._coerce("fixed", name, value) for name, value in self.settings.fixed.items()}

    def _dimensions(self) -> tuple[Dimension, ...]:
        axes = dict(self.settings.axes)
        joint: list[Mapping[str, Any]] = []
        if "zip" in axes and "points" in axes:
            raise ConfigError(f"{self.source}: axes has both zip and points, expected one of them; write all as points")
        if "zip" in axes:
            joint = self._zipped(axes.pop("zip"))
        elif "points" in axes:
            joint = self._listed("axes.points", axes.pop("points"))
        made = [self._axis(name, spec) for name, spec in axes.items()]
        if joint:
            made.append(Dimension(ONE_DIMENSION, tuple(joint)))
        if not made:
            raise ConfigError(
                f"{self.source}: axes is empty, expected at least one parameter of {self.model_class.name}"
            )
        names = [name for dimension in made for name in dimension.parameters]
        for name in names:
            if name in self.fixed:
                raise ConfigError(f"{self.source}: {name} is both in axes and in fixed; take it out of one of them")
            if names.count(name) > 1:
                raise ConfigError(f"{self.source}: axes sets {name} twice; take it out of one of the axes")
        # in the order in which the model declares its parameters, so that the file's order changes nothing
        order = list(self.declared)
        return tuple(sorted(made, key=lambda d: (d.name == ONE_DIMENSION, order.index(d.parameters[0]))))

    def _n_disorder(self) -> int:
        """Realisations of the disorder, 16 unless the file says so; 0 for a model that has none."""
        run = self.settings.run
        if not self.model_class.disordered:
            if run.n_disorder is not None:
                found = f"run.n_disorder = {run.n_disorder}"
                raise ConfigError(f"{self.source}: {found}, expected nothing: {self.model_class.name} has no disorder")
            return 0
        if run.n_replica > LANES_PER_UNIT:
            most = f"at most {LANES_PER_UNIT} lanes for each realisation of the disorder; raise run.n_disorder instead"
            raise ConfigError(f"{self.source}: run.n_replica = {run.n_replica}, expected {most}")
        return run.n_disorder or N_GROUP

    def _lanes(self, doublings: int) -> Iterator[tuple[int, int]]:
        """First lane and number of lanes of each unit of a point: a block of lanes, or a realisation of the disorder."""
        n_replica = self.settings.run.n_replica
        if self.n_disorder:
            return ((k * LANES_PER_UNIT, n_replica) for k in range(self.n_disorder << doublings))
        n_replica <<= doublings
        return ((lane, min(LANES_PER_UNIT, n_replica - lane)) for lane in range(0, n_replica, LANES_PER_UNIT))

    def _refined(self) -> tuple[Mesh, tuple[tuple[Mapping[str, Any], ...], ...]]:
        """The mesh of the axes, and what its places set along each of them."""
        lengths = {dimension.name: len(dimension) for dimension in self.dimensions}
        shown = {observable.name: len(observable.dimensions) for observable in self.observables}
        floats = {name for name, declared in self.declared.items() if type(declared.default) is float}
        mesh, finer = mesh_of(self.source, self.settings, lengths, floats, shown, bool(self.n_disorder))
        made = (self._axis(d.name, finer[d.name]) if d.name in finer else d for d in self.dimensions)
        return mesh, tuple(dimension.settings for dimension in made)

    def at_places(self, places: Mapping[Place, int]) -> Sweep:
        """The points of a refined sweep that were chosen so far, as a list; each with how often its replicas are doubled."""
        made = copy.copy(self)
        made.__dict__.pop("points", None)
        made.places = tuple(sorted(places))
        made.doublings = tuple(places[place] for place in made.places)
        rows = (zip(self.lattice, place, strict=True) for place in made.places)
        settings = tuple({n: v for along, p in row for n, v in along[p].items()} for row in rows)
        made.dimensions = (Dimension(ONE_DIMENSION, settings),)
        return made

    def _axis(self, name: str, spec: Any) -> Dimension:
        if name not in self.declared:
            self._coerce("axes", name, None)
        values = [self._coerce_varied("axes", name, value) for value in expand_axis(self.source, name, spec)]
        for value, times in Counter(values).items():
            if times > 1:
                digits = f" (to {SIGNIFICANT_DIGITS} digits)" if isinstance(value, float) else ""
                raise ConfigError(f"{self.source}: axes.{name} has the value {value} twice{digits}; keep one of them")
        choices = self.declared[name].choices
        values.sort(key=choices.index if choices else None)
        return Dimension(name, tuple({name: value} for value in values))

    def _zipped(self, spec: Any) -> list[Mapping[str, Any]]:
        if not isinstance(spec, dict) or not spec:
            found = f"axes.zip = {as_written(spec)}"
            raise ConfigError(f"{self.source}: {found}, expected a mapping of axes of equal length")
        columns = {name: expand_axis(self.source, f"zip.{name}", values) for name, values in spec.items()}
        if len({len(values) for values in columns.values()}) > 1:
            lengths = " and ".join(f"{len(values)} of {name}" for name, values in columns.items())
            raise ConfigError(f"{self.source}: axes.zip has {lengths}, expected as many values of each")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return self._listed("axes.zip", rows)

    def _listed(self, section: str, spec: Any) -> list[Mapping[str, Any]]:
        rows = spec if isinstance(spec, list) else []
        alike = all(isinstance(row, dict) and row and row.keys() == rows[0].keys() for row in rows)
        if not rows or not alike:
            found = f"{section} = {as_written(spec)}"
            raise ConfigError(
                f"{self.source}: {found}, expected a list of mappings with equal keys: [{{coupling: 0.5}}]"
            )
        points = [{name: self._coerce_varied(section, name, value) for name, value in row.items()} for row in rows]
        seen: set[bytes] = set()
        for point in points:
            if (canonical := identity.canonical(point)) in seen:
                raise ConfigError(f"{self.source}: {section} has {point} twice; keep one of them")
            seen.add(canonical)
        return list(points)

    def _observables(self) -> tuple[Observable[Any], ...]:
        chosen = []
        kind = self.settings.run.kind
        defined = {n: o for n, o in OBSERVABLES.items() if o.defined_for(self.model_class)}
        available = {n: o for n, o in defined.items() if o.protocol in (kind, *PROTOCOLS[kind].offers)}
        for name in dict.fromkeys(self.settings.observables):
            where = f"{self.source}: observables: {name}"
            if name not in OBSERVABLES:
                raise ConfigError(f"{where} is not an observable{nearest(name, available)}")
            if name in defined and name not in available:
                remedy = f"choose it, or another observable{nearest(name, available)}"
                raise ConfigError(f"{where} is of run.kind = {defined[name].protocol}, found {kind}; {remedy}")
            if name not in available:
                hint = nearest(name, available)
                raise ConfigError(f"{where} is not defined for {self.model_class.name}{hint}")
            self._check_length(available[name])
            chosen.append(available[name])
        return tuple(chosen)

    def _check_length(self, observable: Observable[Any]) -> None:
        run = self.settings.run
        for segment in (STATISTICS[name].segment for name in observable.needs_for(self.model_class)):
            if run.duration / run.dt < segment:
                expected = f"at least {segment} steps run.dt = {run.dt}, the window of {observable.name}"
                raise ConfigError(f"{self.source}: run.duration = {run.duration}, expected {expected}")

    def _check_figures(self) -> None:
        named = ((name, d) for d in self.dimensions for name in (d.name, *d.parameters))
        axes = {name: [s[name] for s in d.settings if name in s] for name, d in named}
        axes |= {name: [] for observable in self.observables for name in observable.dimensions}
        shown = [observable.name for observable in self.observables]
        check_figures(self.source, self.settings.figures, axes, shown, refined=self.mesh is not None)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(dimension) for dimension in self.dimensions)

    @cached_property
    def statistics(self) -> tuple[str, ...]:
        """The statistics that the observables need, each once."""
        return tuple(
            sorted({name for observable in self.observables for name in observable.needs_for(self.model_class)})
        )

    def parameters_at(self, index: tuple[int, ...]) -> dict[str, Any]:
        """The parameters of one cell."""
        parameters = dict(self.fixed)
        for dimension, i in zip(self.dimensions, index, strict=True):
            parameters.update(dimension.settings[i])
        return parameters

    def point_at(self, index: tuple[int, ...]) -> Point:
        """The cell at an index; ConfigError if its parameters do not fit each other."""
        parameters = self.parameters_at(index)
        try:
            model = self.model_class(**parameters)
        except ParameterError as error:
            varied = {name for dimension in self.dimensions for name in dimension.parameters}
            section = (
                "axes." if error.parameter in varied else "fixed." if error.parameter in self.fixed else "default "
            )
            problem = str(error).removeprefix(f"{self.model_class.name}: ")
            raise ConfigError(f"{self.source}: {section}{problem}") from None
        run = self.settings.run
        n_step = rounded_up(max(1, round(run.duration / run.dt)), model.n_dim, run.kind)
        doublings = self.doublings[index[0]] if self.places else 0
        n_disorder = self.n_disorder << doublings
        lane_seconds = model.n_dim * model.work_per_coordinate * n_step * SECONDS_PER_UPDATE
        units = tuple(
            Unit(
                self.model,
                parameters,
                run.kind,
                run.dt,
                run.seed,
                first_lane,
                n_lane,
                n_step,
                self.statistics,
                run.keep_state and PROTOCOLS[run.kind].resumable,
                run.timeout,
                Start(**run.start.model_dump()) if run.kind == "transient" else None,
                run.n_replica * n_disorder or run.n_replica << doublings,
                n_disorder,
                lane_seconds * n_lane,
            )
            for first_lane, n_lane in self._lanes(doublings)
        )
        path = units[0].path(model)
        return Point(index, parameters, units, tuple(tuple(unit.names_on(path)) for unit in units))

    @cached_property
    @without_collection()
    def points(self) -> tuple[Point, ...]:
        """Every cell, in index order."""
        points = tuple(self.point_at(index) for index in itertools.product(*map(range, self.shape)))
        for observable in self.observables:
            # the first point with a value ends the search: at a large sweep, asking all costs as much as making them
            if all(undefined(observable, [point]) for point in points):
                reason = undefined(observable, points[:1])[0]
                raise ConfigError(f"{self.source}: observables: {observable.name} has no value at any point: {reason}")
        return points

    def units(self) -> Iterator[Unit]:
        """Every unit of work of every point."""
        return (unit for point in self.points for unit in point.units)


def undefined(observable: Observable[Any], points: Sequence[Point]) -> list[str]:
    """Why an observable has no value, for the points where it has none."""
    if type(observable).why_undefined is Observable.why_undefined:
        return []
    return [reason for point in points if (reason := _why(observable, point))]


def _why(observable: Observable[Any], point: Point) -> str:
    try:
        return observable.why_undefined(point.model, point.units[0].run)
    except Exception as error:  # a user's model may fail in any way; the point says so when it is run
        return f"{type(error).__name__}: {error}"
