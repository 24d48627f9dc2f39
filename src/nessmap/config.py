"""One YAML file per phase diagram, validated before any work starts.

Every error names file, key, value found, what was expected, and the remedy or the nearest known name.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
import sys
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nessmap.model import as_written

GROUPS = 16  # lanes come in multiples of the 16 groups that the errors are made of
MAX_STEP = 2**32 - 2**20 - 100  # steps are counted in 32 bits; a burn-in has the last 2^20, blocks round up by 100
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"  # of sweeps and figures: they name files and stand in commands


class ConfigError(ValueError):
    """A mistake in a sweep file, in words for the person who made it."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class StartSettings(_Settings):
    """Where a relaxation begins: independent normal sites of one variance, about a mean with a wave on it."""

    variance: float = Field(default=1.0, gt=0, description="variance of every site at the start")
    mean: float = Field(default=0.0, description="mean of the sites at the start")
    wave: float = Field(default=0.0, description="amplitude of one period of a cosine in the mean at the start")

    @field_validator("variance", "mean", "wave", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class RunSettings(_Settings):
    """How every point is run."""

    kind: Literal["stationary", "transient", "tangent", "sampler", "first_passage"] = Field(
        default="stationary", description="protocol"
    )
    start: StartSettings = Field(default_factory=StartSettings, description="where a transient begins")
    dt: float = Field(default=0.05, gt=0, description="time step [time]")
    duration: float = Field(default=100.0, gt=0, description="simulated time per lane [time]")
    n_replica: int = Field(default=128, ge=GROUPS, multiple_of=GROUPS, description="lanes per point")
    n_disorder: int | None = Field(
        default=None, ge=4, description="realisations of the disorder, of n_replica lanes each; 16 unless given"
    )
    seed: int = Field(default=0, ge=0, description="root seed")
    timeout: float | None = Field(default=None, gt=0, description="seconds before a unit of a point is given up")
    keep_state: bool = Field(default=True, description="store end states, so that longer runs go on from them")
    max_failed_fraction: float = Field(
        default=0.05, ge=0, le=1, description="share of failed points that fails a shard"
    )

    @model_validator(mode="before")
    @classmethod
    def _iterations_are_counted(cls, settings: Any) -> Any:
        sampled = isinstance(settings, dict) and settings.get("kind") == "sampler"
        return {"dt": 1.0, **settings} if sampled else settings

    @field_validator("dt", "duration", "timeout", "max_failed_fraction", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class FigureSettings(_Settings):
    """One figure: which drawing, of what, over which axes."""

    draw: str = Field(description="the drawing")
    variable: str | None = Field(default=None, description="the observable drawn")
    contrast: str | None = Field(default=None, description="a second observable to set against it")
    variables: list[str] | None = Field(default=None, description="the observables drawn")
    x: str | None = Field(default=None, description="axis drawn along x")
    y: str | None = Field(default=None, description="axis drawn along y")
    facet: str | None = Field(default=None, description="axis whose values get panels of their own")
    series: str | None = Field(default=None, description="axis whose values get colours of their own")
    at: dict[str, float | int | str] | None = Field(default=None, description="values at which other axes are held")
    yscale: Literal["linear", "log"] | None = Field(default=None, description="scale of the observable along y")
    scale: Literal["auto", "linear", "log"] | None = Field(
        default=None, description="scale of the observable in colour"
    )
    limits: list[float | int] | None = Field(
        default=None, min_length=2, max_length=2, description="range of the observable"
    )
    levels: list[float | int] | None = Field(default=None, description="values at which theory contours are drawn")

    def options(self) -> dict[str, Any]:
        """What is set, without the name of the drawing."""
        return {name: value for name, value in self.model_dump(exclude={"draw"}).items() if value is not None}


class CriterionSettings(_Settings):
    """What asks for finer cells or for more replicas: one of sign, level, stability, gradient and error."""

    sign: str | None = Field(default=None, description="an observable: cells where its sign changes are halved")
    level: float | None = Field(default=None, description="a value of an observable: cells that it crosses are halved")
    of: str | None = Field(default=None, description="the observable of the level")
    stability: Literal[True] | None = Field(default=None, description="cells at the edge of stability are halved")
    gradient: str | None = Field(default=None, description="an observable: cells along which it changes are halved")
    share: float | None = Field(default=None, gt=0, lt=1, description="of its range over the grid that asks for it")
    error: str | None = Field(default=None, description="an observable: replicas are doubled where its error is large")
    target: float | None = Field(default=None, gt=0, description="standard error that is small enough")
    at: Literal["everywhere", "boundaries"] | None = Field(
        default=None,
        description="which points get more replicas: all unless given, or those at boundaries of that observable",
    )

    @field_validator("level", "target", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class RefineSettings(_Settings):
    """Where the grid is made finer, and how fine."""

    levels: int = Field(default=3, ge=1, le=8, description="how often a cell may be halved")
    budget: int = Field(ge=1, description="points at most, those of the grid included; twice the replicas count twice")
    axes: list[str] | None = Field(
        default=None, min_length=1, description="axes along which cells are halved; all that are ranges unless given"
    )
    most_doublings: int = Field(default=3, ge=0, le=6, description="how often the replicas of a point may be doubled")
    where: list[CriterionSettings] = Field(min_length=1, description="what asks for it")


class SmallSettings(_Settings):
    """What differs in the small form of a sweep."""

    axes: dict[str, Any] = Field(default_factory=dict, description="axes with other values")
    run: dict[str, Any] = Field(default_factory=dict, description="settings of the run")
    fixed: dict[str, Any] = Field(default_factory=dict, description="parameters that do not vary")
    refine: dict[str, Any] = Field(default_factory=dict, description="settings of the refinement")


class SweepSettings(_Settings):
    """A whole sweep file."""

    model: str = Field(description="name of the model")
    title: str = Field(default="", description="one line for figures and the store")
    fixed: dict[str, Any] = Field(default_factory=dict, description="parameters that do not vary")
    axes: dict[str, Any] = Field(description="parameters that vary")
    run: RunSettings = Field(default_factory=RunSettings, description="how every point is run")
    observables: list[str] = Field(min_length=1, description="what is estimated")
    refine: RefineSettings | None = Field(default=None, description="where the grid is made finer")
    figures: dict[Annotated[str, Field(pattern=NAME)], FigureSettings] = Field(
        default_factory=dict, description="figures by name"
    )
    small: SmallSettings = Field(default_factory=SmallSettings, description="what differs in the small form")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number and a repeated key is an error."""


def _mapping_without_repeats(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "expected a name as key", key.start_mark)
        if key.value in seen:
            problem = f"key {key.value} is given twice; keep one of them"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' or the list of what is known.

    >>> nearest("cuopling", ["coupling", "shift"])
    '; did you mean coupling?'
    """
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names) or 'none'}"


def read_settings(path: Path, small: bool = False) -> SweepSettings:
    """Read and validate a sweep file; ConfigError, a line per mistake, if anything is wrong with its form."""
    content = _read(path)
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise ConfigError(f"{path}: expected a mapping with the keys model, axes, observables; found {found}")
    settings = _validate(str(path), content)
    if small:
        changed = {name: {**content.get(name, {}), **change} for name, change in settings.small if change}
        settings = _validate(f"{path} (small form)", {**content, **changed})
    return settings


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # a subclass of SafeLoader
    except FileNotFoundError:
        known = sorted(file.name for file in path.parent.glob("*.yaml"))
        hint = nearest(path.name, known) if known else "; sweeps are files like workflow/sweeps/amari_field.yaml"
        raise ConfigError(f"{path}: no such file{hint}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"{path}: character {error.position} is not allowed in YAML; remove it") from None
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context or ""
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        if problem.startswith("but ") and error.context:  # the second half of a sentence
            problem = f"{error.context}, {problem}"
        raise ConfigError(f"{path}{where}: not readable as YAML: {problem}") from None


def _validate(source: str, content: Mapping[str, Any]) -> SweepSettings:
    try:
        settings = SweepSettings.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(_in_words(source, problem) for problem in error.errors())) from None
    run = settings.run
    if run.kind != "transient" and run.start != StartSettings():
        raise ConfigError(f"{source}: run.start is given, expected nothing: run.kind = {run.kind} does not use it")
    largest = max(abs(run.start.mean), abs(run.start.wave))
    if run.start.variance < 1e-9 * largest**2:
        expected = f">= {1e-9 * largest**2:.3g} [1e-9 of the squared mean]: second moments would lose it to rounding"
        raise ConfigError(f"{source}: run.start.variance = {run.start.variance}, expected {expected}")
    if run.kind == "sampler" and run.dt != 1.0:
        expected = "1, or nothing: a sampler has no time, run.duration is its number of iterations"
        raise ConfigError(f"{source}: run.dt = {run.dt}, expected {expected}")
    if run.duration < run.dt:
        raise ConfigError(
            f"{source}: run.duration = {run.duration}, expected at least one time step, run.dt = {run.dt}"
        )
    if run.duration / run.dt >= MAX_STEP:
        limit = "at most 2^32 - 2^20 - 100 time steps, which is what the random stream leaves to a run"
        raise ConfigError(f"{source}: run.duration = {run.duration}, expected {limit}; run.dt = {run.dt}")
    for name, figure in settings.figures.items():
        _check_ranges(f"{source}: figures.{name}", figure)
    return settings


def _check_ranges(where: str, figure: FigureSettings) -> None:
    limits, levels = figure.limits, figure.levels
    if limits and not limits[0] < limits[1]:
        raise ConfigError(f"{where}.limits = {as_written(limits)}, expected [lowest, highest]")
    logarithmic = next((key for key in ("scale", "yscale") if getattr(figure, key) == "log"), None)
    if limits and logarithmic and limits[0] <= 0:
        found = f"{where}.limits = {as_written(limits)} with {logarithmic} = log"
        raise ConfigError(f"{found}, expected numbers > 0; raise the lowest one or use {logarithmic}: linear")
    if levels is not None and (not levels or any(a >= b for a, b in itertools.pairwise(levels))):
        raise ConfigError(f"{where}.levels = {as_written(levels)}, expected at least one number, in rising order")


def _in_words(source: str, problem: Mapping[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    if location[-1] == "[key]" or problem["type"] == "invalid_key":
        key = ".".join(part for part in location if part != "[key]")
        return f"{source}: the key {key} is no name, expected letters, digits, '_' and '-'"
    key, value = ".".join(location), problem["input"]
    settings: Any = SweepSettings
    held = {"figures": FigureSettings, "refine": RefineSettings, "where": CriterionSettings}
    for part in location[:-1]:  # walk down to the settings that hold the key
        field = getattr(settings, "model_fields", {}).get(part)
        if field is not None:
            settings = held.get(part, field.annotation)
    fields = getattr(settings, "model_fields", {})
    if problem["type"] == "extra_forbidden":
        return f"{source}: {key} = {as_written(value)} is not a setting{nearest(location[-1], fields)}"
    description = f" ({fields[location[-1]].description})" if location[-1] in fields else ""
    if problem["type"] == "missing":
        return f"{source}: {key} is missing{description}"
    expected = _EXPECTATIONS.get(problem["type"], "").format(**problem.get("ctx", {})) or problem["msg"].lower()
    return f"{source}: {key} = {as_written(value)}, expected {expected}{description}"


_EXPECTATIONS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "greater_than": "a number > {gt:g}",
    "greater_than_equal": "a number >= {ge:g}",
    "less_than_equal": "a number <= {le:g}",
    "less_than": "a number < {lt:g}",
    "multiple_of": "a multiple of {multiple_of}, because errors are made of 16 groups of lanes",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} entry",
}


def expand_axis(source: str, name: str, spec: Any) -> list[Any]:
    """Values of one axis from {linspace | logspace | geomspace: [start, stop, n]}, {values: [...]} or a plain list."""
    key, values = f"axes.{name}", spec
    if isinstance(spec, dict):
        if len(spec) != 1:
            found = " and ".join(map(str, spec)) or "nothing"
            raise ConfigError(f"{source}: {key} has {found}, expected one of {', '.join(_RANGES)}, values")
        kind, values = next(iter(spec.items()))
        if kind not in (*_RANGES, "values"):
            raise ConfigError(
                f"{source}: {key}.{kind} is no way to give values{nearest(str(kind), [*_RANGES, 'values'])}"
            )
        key = f"{key}.{kind}"
        if kind in _RANGES:
            if not _is_range(values):
                shape = "[start, stop, number of values], the last a whole number >= 1"
                raise ConfigError(f"{source}: {key} = {as_written(values)}, expected {shape}")
            if kind == "geomspace" and min(values[:2]) <= 0 <= max(values[:2]):
                raise ConfigError(
                    f"{source}: {key} = {as_written(values)}, expected start and stop of one sign, not zero"
                )
            values = _RANGES[kind](*values)
    elif not isinstance(spec, list):
        ways = f"a list of values or one of {', '.join(_RANGES)}, values"
        raise ConfigError(f"{source}: {key} = {as_written(spec)}, expected {ways}")
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{source}: {key} = {as_written(values)}, expected a list of at least one value")
    return values


def refined_range(spec: Any, levels: int) -> Any:
    """The spec of an axis that has each of its steps halved so often; None where it is not given as a range.

    >>> refined_range({"linspace": [0.0, 1.0, 3]}, 1)
    {'linspace': [0.0, 1.0, 5]}
    """
    if not isinstance(spec, dict) or next(iter(spec)) not in _RANGES:
        return None
    ((kind, (start, stop, n)),) = spec.items()
    return {kind: [start, stop, (n - 1) * 2**levels + 1]} if n > 1 else None


def _linspace(start: float, stop: float, n: int) -> list[float]:
    # exact, and rounded once: grids of n and 2n - 1 values share points, at zero crossings too, where numpy's do not
    first, last = Fraction(str(start)), Fraction(str(stop))
    return [float(first + (last - first) * Fraction(i, max(n - 1, 1))) for i in range(n)]


def _logspace(start: float, stop: float, n: int) -> list[float]:
    largest = math.log10(sys.float_info.max)
    return [10**exponent if exponent < largest else math.inf for exponent in _linspace(start, stop, n)]


def _geomspace(start: float, stop: float, n: int) -> list[float]:
    return [math.copysign(abs(start) ** (1 - t) * abs(stop) ** t, start) for t in _linspace(0, 1, n)]


_RANGES = {"linspace": _linspace, "logspace": _logspace, "geomspace": _geomspace}


def _is_range(values: Any) -> bool:
    if not isinstance(values, list) or len(values) != 3 or any(isinstance(value, bool) for value in values):
        return False
    finite = all(isinstance(value, int | float) and abs(value) <= sys.float_info.max for value in values)
    return finite and isinstance(values[2], int) and values[2] >= 1


def settings_schema() -> dict[str, Any]:
    """JSON schema of a sweep file, for editors."""
    return SweepSettings.model_json_schema()
