"""From a sweep file to points, their records and the shards that compute them.

Runs when Snakemake reads its rules, so it imports neither numba nor xarray nor dask.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nessmap import identity
from nessmap.config import ConfigError, SweepSettings, expand_axis, nearest, read_settings
from nessmap.figures import FIGURES
from nessmap.model import Model, Parameter, ParameterError
from nessmap.models import MODELS
from nessmap.observables import OBSERVABLES, Observable
from nessmap.protocols import PROTOCOLS
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.simulate import Unit, rounded_up

SMALL_SUFFIX = "-small"
SECONDS_PER_UPDATE = 5e-9  # one coordinate of one lane by one step, statistics included (benchmarks/linear_field.py)
SHARD_SECONDS = 3600.0  # a shard is about a core-hour
MAX_SHARDS = 64
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

    @property
    def model(self) -> Model:
        return self.units[0].build()

    @cached_property
    def key(self) -> str:
        """Digest of the point's path: what the cell is, however long it runs."""
        return self.units[0].record_names()[0].path

    def keys(self) -> list[str]:
        """Keys of all records the point wants."""
        return [name.key for unit in self.units for name in unit.record_names()]


class Sweep:
    """A validated sweep file. Raises ConfigError for whatever does not fit the model, before any work starts."""

    def __init__(self, path: Path, small: bool = False) -> None:
        self.path = path
        self.settings: SweepSettings = read_settings(path, small)
        self.name = path.stem + (SMALL_SUFFIX if small else "")
        self.model_class = self._model_class()
        self.declared: Mapping[str, Parameter] = self.model_class.parameters()
        self.fixed = self._fixed()
        self.dimensions = self._dimensions()
        self.observables = self._observables()
        self._check_figures()

    def _model_class(self) -> type[Model]:
        name = self.settings.model
        if name not in MODELS:
            raise ConfigError(f"{self.path}: model = {name!r} is not a model{nearest(name, MODELS)}")
        return MODELS[name]

    def _coerce(self, section: str, name: str, value: Any) -> Any:
        if name not in self.declared:
            known = nearest(name, self.declared)
            raise ConfigError(f"{self.path}: {section}.{name} is not a parameter of {self.settings.model}{known}")
        try:
            return self.declared[name].coerce(value)
        except ParameterError as error:
            raise ConfigError(f"{self.path}: {section}.{error}") from None

    def _fixed(self) -> dict[str, Any]:
        return {name: self._coerce("fixed", name, value) for name, value in self.settings.fixed.items()}

    def _dimensions(self) -> tuple[Dimension, ...]:
        axes = dict(self.settings.axes)
        joint: list[Mapping[str, Any]] = []
        if "zip" in axes and "points" in axes:
            raise ConfigError(f"{self.path}: axes has both zip and points, expected one of them; write all as points")
        if "zip" in axes:
            joint = self._zipped(axes.pop("zip"))
        elif "points" in axes:
            joint = self._listed(axes.pop("points"))
        made = [self._axis(name, spec) for name, spec in axes.items()]
        if joint:
            made.append(Dimension(ONE_DIMENSION, tuple(joint)))
        if not made:
            raise ConfigError(f"{self.path}: axes is empty, expected at least one parameter of {self.settings.model}")
        names = [name for dimension in made for name in dimension.parameters]
        for name in names:
            if names.count(name) > 1 or name in self.fixed:
                raise ConfigError(f"{self.path}: {name} is set twice; keep it in axes or in fixed, once")
        # in the order in which the model declares its parameters, so that the file's order changes nothing
        order = list(self.declared)
        return tuple(sorted(made, key=lambda d: (d.name == ONE_DIMENSION, order.index(d.parameters[0]))))

    def _axis(self, name: str, spec: Any) -> Dimension:
        if name not in self.declared:
            self._coerce("axes", name, None)
        values = [self._coerce("axes", name, value) for value in expand_axis(self.path, name, spec)]
        if self.declared[name].choices is None and not all(isinstance(value, int | float) for value in values):
            raise ConfigError(f"{self.path}: axes.{name} cannot vary: it is {self.declared[name].expectation}; put it into fixed")
        if len(set(values)) < len(values):
            raise ConfigError(f"{self.path}: axes.{name} has equal values; every value may occur once")
        choices = self.declared[name].choices
        values.sort(key=choices.index if choices else None)
        return Dimension(name, tuple({name: value} for value in values))

    def _zipped(self, spec: Any) -> list[Mapping[str, Any]]:
        if not isinstance(spec, dict) or not spec:
            raise ConfigError(f"{self.path}: axes.zip = {spec!r}, expected a mapping of axes of equal length")
        columns = {name: expand_axis(self.path, f"zip.{name}", values) for name, values in spec.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ConfigError(f"{self.path}: axes.zip has axes of lengths {lengths}, expected equal lengths")
        return self._listed([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])

    def _listed(self, spec: Any) -> list[Mapping[str, Any]]:
        if not isinstance(spec, list) or not spec or not all(isinstance(p, dict) and p.keys() == spec[0].keys() for p in spec):
            raise ConfigError(f"{self.path}: axes.points, expected a list of mappings with equal keys, such as [{{coupling: 0.5}}]")
        rows = [{name: self._coerce("axes.points", name, value) for name, value in point.items()} for point in spec]
        if len({identity.canonical(row) for row in rows}) < len(rows):
            raise ConfigError(f"{self.path}: axes.points lists a point twice")
        return rows  # type: ignore[return-value]  # dict is a Mapping

    def _observables(self) -> tuple[Observable[Any], ...]:
        chosen = []
        available = {n: o for n, o in OBSERVABLES.items() if o.defined_for(self.model_class)}
        for name in dict.fromkeys(self.settings.observables):
            if name not in OBSERVABLES:
                raise ConfigError(f"{self.path}: observables: {name} is not an observable{nearest(name, available)}")
            if name not in available:
                known = ", ".join(available)
                raise ConfigError(f"{self.path}: observables: {name} is not defined for {self.settings.model}; defined: {known}")
            chosen.append(available[name])
        return tuple(chosen)

    def _check_figures(self) -> None:
        axes = [d.name for d in self.dimensions]
        shown = [observable.name for observable in self.observables]
        for name, figure in self.settings.figures.items():
            where = f"{self.path}: figures.{name}"
            if figure.draw not in FIGURES:
                raise ConfigError(f"{where}.draw = {figure.draw!r} is not a drawing{nearest(figure.draw, FIGURES)}")
            for key in ("x", "y", "facet", "series"):
                axis = getattr(figure, key)
                if axis is not None and axis not in axes:
                    raise ConfigError(f"{where}.{key} = {axis!r} is not an axis of this sweep{nearest(axis, axes)}")
            for variable in [figure.variable, figure.contrast, *(figure.variables or [])]:
                if variable is not None and variable not in shown:
                    raise ConfigError(f"{where}: {variable} is not among the observables of this sweep{nearest(variable, shown)}")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(dimension) for dimension in self.dimensions)

    @property
    def statistics(self) -> tuple[str, ...]:
        """The statistics that the observables need, each once."""
        return tuple(sorted({name for observable in self.observables for name in observable.needs}))

    def parameters_at(self, index: tuple[int, ...]) -> dict[str, Any]:
        """The parameters of one cell."""
        varied = (dimension.settings[i] for dimension, i in zip(self.dimensions, index, strict=True))
        return {**self.fixed, **{name: value for settings in varied for name, value in settings.items()}}

    def point_at(self, index: tuple[int, ...]) -> Point:
        """The cell at an index; ConfigError if its parameters do not fit each other."""
        parameters = self.parameters_at(index)
        try:
            n_dim = self.model_class(**parameters).n_dim
        except ParameterError as error:
            section = "fixed" if error.parameter in self.fixed else "axes"
            raise ConfigError(f"{self.path}: {section}: {error}") from None
        run = self.settings.run
        n_step = rounded_up(max(1, round(run.duration / run.dt)), n_dim, run.kind)
        units = tuple(
            Unit(
                self.settings.model,
                parameters,
                run.kind,
                run.dt,
                run.seed,
                lane,
                min(LANES_PER_UNIT, run.n_replica - lane),
                n_step,
                self.statistics,
                run.keep_state,
                run.timeout,
            )
            for lane in range(0, run.n_replica, LANES_PER_UNIT)
        )
        return Point(index, parameters, units)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Every cell, in index order."""
        return tuple(self.point_at(index) for index in itertools.product(*map(range, self.shape)))

    @property
    def n_shard(self) -> int:
        """Number of jobs: one below a core-hour, tens at most."""
        seconds = sum(unit_seconds(unit) for unit in self.units())
        return min(MAX_SHARDS, max(1, round(seconds / SHARD_SECONDS)))

    def units(self) -> Iterator[Unit]:
        """Every unit of work of every point."""
        return (unit for point in self.points for unit in point.units)

    def shard(self, k: int, of: int) -> tuple[Point, ...]:
        """The points of shard k: those whose key is k modulo the number of shards."""
        return tuple(point for point in self.points if int(point.key, 16) % of == k)


def unit_seconds(unit: Unit) -> float:
    """Estimated cost of a unit on one core [s]."""
    return unit.build().n_dim * unit.n_lane * unit.n_step * SECONDS_PER_UPDATE
