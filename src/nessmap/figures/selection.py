"""What a figure shows of a phase diagram: one observable, its axes, and the values at which the other axes are held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from nessmap.figures import nearest, style
from nessmap.figures.axis import Array, Axis, axis_of

ABSENT, OK, UNSTABLE, DIVERGED, SHORT_RUN, FAILED, TIMEOUT = range(7)
ESTIMATE, EXACT_ZERO, UNDEFINED, NO_RUN, BOUNDARY = range(5)
SMALL_PARAMETER = "small_parameter"  # what a linear response neglects


@dataclass(frozen=True)
class Selection:
    """An observable with every axis but those of the figure held at one value; `statements` say which."""

    figure: str
    dataset: xr.Dataset
    variable: str
    statements: tuple[str, ...]

    @property
    def held(self) -> str:
        """`kernel shift $s$ = 0.5, ...`: every axis that is held."""
        return ", ".join(self.statements)

    @property
    def simulated(self) -> bool:
        """The store has an estimate, not theory alone."""
        return self.variable in self.dataset

    @property
    def attrs(self) -> dict[Any, Any]:
        """Attributes of the observable; of its theory in a sweep without simulation."""
        return self.dataset[self.variable if self.simulated else f"{self.variable}_theory"].attrs

    def array(self, name: str, dims: tuple[str, ...]) -> Array | None:
        """A data variable over `dims`, repeated along those it lacks; None where the store does not have it."""
        if name not in self.dataset:
            return None
        array = self.dataset[name]
        missing = {dim: self.dataset.sizes[dim] for dim in dims if dim not in array.dims}
        return np.asarray(array.expand_dims(missing).transpose(*dims).values, dtype=float)

    def values(self, suffix: str, dims: tuple[str, ...]) -> Array:
        """The observable's `suffix` over `dims`, NaN where the store has none."""
        array = self.array(self.variable + suffix, dims)
        return np.full(tuple(self.dataset.sizes[dim] for dim in dims), np.nan) if array is None else array

    def estimate(self, dims: tuple[str, ...]) -> Array:
        """The estimate; the theory in a sweep without simulation."""
        return self.values("" if self.simulated else "_theory", dims)

    def status(self, dims: tuple[str, ...]) -> Array:
        """Status of each cell; where none is stored, from the value and the leading rate."""
        stored, rate = self.array("status", dims), self.array("leading_rate", dims)
        if stored is not None:
            return stored
        unstable = False if rate is None else rate >= 0
        return np.where(np.isfinite(self.estimate(dims)), OK, np.where(unstable, UNSTABLE, ABSENT))

    def flag(self, dims: tuple[str, ...]) -> Array:
        """0 estimate, 1 exact zero, 2 undefined, 3 no run, 4 expected to be zero, which it cannot fall below."""
        stored = self.array(f"{self.variable}_flag", dims)
        return np.zeros(tuple(self.dataset.sizes[dim] for dim in dims)) if stored is None else stored

    def line(self, stem: str, axis: str, dims: tuple[str, ...]) -> tuple[Array, Array] | None:
        """Positions and values of `stem` on the fine grid along `axis`; None where the store has none."""
        fine = f"{axis}_line"
        values = self.array(f"{stem}_line_{axis}", tuple(fine if dim == axis else dim for dim in dims))
        return None if values is None else (np.asarray(self.dataset[fine].values, dtype=float), values)

    def require_theory(self) -> None:
        """ValueError unless the store has an estimate and theory to compare it with."""
        for part, what in (("", "estimate"), ("_theory", "theory")):
            if self.variable + part not in self.dataset:
                raise ValueError(
                    f"{self.figure}: variable = {self.variable} has no {what}: there is nothing to compare"
                )

    def at(self, axis: str, index: int) -> "Selection":
        """The part of the selection at one value of one axis."""
        return replace(self, dataset=self.dataset.isel({axis: index}))

    def of(self, variable: str) -> "Selection":
        """The same cells of another observable."""
        return replace(self, variable=variable)

    def axis(self, name: str) -> Axis:
        """The named axis as a direction of the figure."""
        return axis_of(self.dataset[name])

    def statement(self, name: str, index: int) -> str:
        """`noise correlation length = 0.5`: one value of an axis in words."""
        return style.statement(self.dataset[name].attrs, name, self.dataset[name].values[index])

    def part(self, name: str | None, picked: Sequence[int]) -> str:
        """`6 of 21 values`, where not all values of an axis are shown."""
        count = 0 if name is None else self.dataset.sizes[name]
        return f"{len(picked)} of {count} values" if len(picked) < count else ""

    def value_text(self, name: str, index: int) -> str:
        """One value of an axis."""
        return style.value_text(self.dataset[name].values[index], str(self.dataset[name].attrs.get("units", "1")))


class Facets(NamedTuple):
    """A selection by the values of one axis; a single part without title where there is no such axis."""

    parts: list[Selection]
    titles: list[str]
    statements: tuple[str, ...]  # what is held
    some: str  # how many of the values are shown, where not all are


def facets(chosen: Selection, facet: str | None, most: int) -> Facets:
    """One part for each of at most `most` values of `facet`, evenly picked."""
    if facet is None:
        return Facets([chosen], [""], chosen.statements, "")
    picked = pick(chosen.dataset.sizes[facet], most)
    some = chosen.part(facet, picked)
    titles = [chosen.statement(facet, i) for i in picked]
    parts = [chosen.at(facet, i) for i in picked]
    words = style.quantity({**chosen.dataset[facet].attrs, "symbol": ""}, facet)
    return Facets(parts, titles, chosen.statements, f"{some} of {words}" if some else "")


def note(*shown: Facets) -> str:
    """What is held in a figure, and how many of the facets it shows; empty where there is nothing to say."""
    held = ", ".join(dict.fromkeys(statement for part in shown for statement in part.statements))
    return "; ".join(filter(None, [f"at {held}" if held else "", shown[0].some]))


def observables(dataset: xr.Dataset) -> list[str]:
    """Names of the observables of a phase diagram, in the order of the store."""
    names = [str(name) for name in dataset.data_vars]
    stems = {name: name.removesuffix("_standard_error").removesuffix("_theory") for name in names}
    found = {stem for name, stem in stems.items() if stem != name}
    return list(dict.fromkeys(stem for name in names for stem in (name, stems[name]) if stem in found))


def check_observables(figure: str, variables: Sequence[str], known: Sequence[str], most: int | None = None) -> None:
    """ValueError for none, too many (colours), an unknown or a repeated observable."""
    for name in variables:
        if name not in known:
            raise ValueError(
                f"{figure}: variables: {name} is no observable of this phase diagram{nearest(name, known)}"
            )
        if list(variables).count(name) > 1:
            raise ValueError(f"{figure}: variables: {name} is there twice; leave one out")
    if most is not None and not 0 < len(variables) <= most:
        raise ValueError(f"{figure}: variables has {len(variables)} observables, expected 1 to {most}, a colour each")


def select_all(
    figure: str,
    dataset: xr.Dataset,
    variables: Sequence[str],
    axes: Mapping[str, str | None],
    at: Mapping[str, object] | None = None,
    most: int | None = None,
) -> list[Selection]:
    """Several observables over the same axes; `at` may name an axis that only some of them have.

    Raises
    ------
    ValueError : as `select`, and for none, more than `most`, or a repeated observable.
    """
    check_observables(figure, variables, observables(dataset), most)
    swept = {variable: _swept(dataset, variable) for variable in variables}
    shared = {name for names in swept.values() for name in names}
    return [
        select(
            figure,
            dataset,
            variable,
            axes,
            {name: value for name, value in (at or {}).items() if name in swept[variable] or name not in shared},
        )
        for variable in variables
    ]


def select(
    figure: str,
    dataset: xr.Dataset,
    variable: str,
    axes: Mapping[str, str | None],
    at: Mapping[str, object] | None = None,
    hold: bool = True,
) -> Selection:
    """The observable over the axes of a figure, sorted along them, every other axis held at one value.

    Parameters
    ----------
    axes : role ("x", "y", "facet", "series") to the name of the axis; None where the figure does without.
    at : axis to the value at which it is held (the nearest one of the store); absent, the middle value.
    hold : False keeps all values of the axes that neither the figure nor `at` names.

    Raises
    ------
    ValueError : an unknown observable or axis, an axis used twice, a category that the axis does not have.
    """
    known = observables(dataset)
    if variable not in known:
        raise ValueError(
            f"{figure}: variable = {variable} is no observable of this phase diagram{nearest(variable, known)}"
        )
    used = {role: name for role, name in axes.items() if name is not None}
    for role, name in used.items():
        dataset = _with_dimension(dataset, name, f"{figure}: {role} = {name}")
        if list(used.values()).count(name) > 1:
            raise ValueError(f"{figure}: {' and '.join(used)} must differ, found {', '.join(used.values())}")
    swept = _swept(dataset, variable)
    wanted = [
        name
        for name in dataset.data_vars
        if str(name).startswith((variable, "leading_rate")) or name in ("status", SMALL_PARAMETER)
    ]
    dataset = dataset[wanted].load()
    for role, name in used.items():
        if name not in swept:
            raise ValueError(f"{figure}: {role} = {name} is no axis of {variable}{nearest(name, swept)}")
    for name in at or {}:
        if name not in swept:
            raise ValueError(f"{figure}: at: {name} is no axis of {variable}{nearest(name, swept)}")
        if name in used.values():
            raise ValueError(f"{figure}: at: {name} is already an axis of the figure; leave it out")
    for name in [name for axis in used.values() for name in (axis, f"{axis}_line") if name in dataset.dims]:
        if name not in dataset.coords:
            dataset = dataset.assign_coords({name: np.arange(dataset.sizes[name])})
        if np.issubdtype(dataset[name].dtype, np.number):
            dataset = dataset.sortby(name)
    statements = []
    for name in [name for name in swept if name not in used.values() and (hold or name in (at or {}))]:
        index = _held(figure, dataset, name, (at or {}).get(name))
        if name in dataset.coords and dataset.sizes[name] > 1:
            statements.append(style.statement(dataset[name].attrs, name, dataset[name].values[index]))
        dataset = dataset.isel({name: index})
    return Selection(figure, dataset, variable, tuple(statements))


def pick(count: int, most: int) -> list[int]:
    """At most `most` indices of 0 .. count - 1, evenly spread, ends included."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _swept(dataset: xr.Dataset, variable: str) -> list[str]:
    names = [name for name in (variable, f"{variable}_theory", "status", "leading_rate") if name in dataset]
    return list(dict.fromkeys(str(dim) for name in names for dim in dataset[name].dims))


def _with_dimension(dataset: xr.Dataset, name: str, where: str) -> xr.Dataset:
    if name in dataset.dims:
        return dataset
    if name in dataset.coords and dataset[name].ndim == 1:  # a parameter of a zip or point sweep
        return dataset.swap_dims({dataset[name].dims[0]: name})
    raise ValueError(f"{where} is no axis of this phase diagram{nearest(name, _axes(dataset))}")


def _axes(dataset: xr.Dataset) -> list[str]:
    return [str(dim) for dim in dataset.dims if not str(dim).endswith("_line")]


def _held(figure: str, dataset: xr.Dataset, name: str, value: object) -> int:
    if value is None:
        return dataset.sizes[name] // 2
    values = dataset[name].values if name in dataset.coords else np.arange(dataset.sizes[name])
    if not np.issubdtype(values.dtype, np.number):
        texts = [str(entry) for entry in values]
        if str(value) not in texts:
            raise ValueError(f"{figure}: at: {name} = {value} is not among its values{nearest(str(value), texts)}")
        return texts.index(str(value))
    try:
        return int(np.argmin(np.abs(values - float(str(value)))))
    except ValueError:
        raise ValueError(f"{figure}: at: {name} = {value}, expected a number") from None
