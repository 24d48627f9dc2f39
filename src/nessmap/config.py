"""One YAML file per phase diagram, validated before any work starts.

Every error names file, key, value found, what was expected, and the remedy or the nearest known name.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

GROUPS = 16  # lanes come in multiples of the 16 groups that the errors are made of


class ConfigError(ValueError):
    """A mistake in a sweep file, in words for the person who made it."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunSettings(_Settings):
    """How every point is run."""

    kind: Literal["stationary"] = Field("stationary", description="protocol")
    dt: float = Field(0.05, gt=0, description="time step [time]")
    duration: float = Field(100.0, gt=0, description="simulated time per lane [time]")
    n_replica: int = Field(128, ge=GROUPS, multiple_of=GROUPS, description="lanes per point")
    seed: int = Field(0, ge=0, description="root seed")
    timeout: float | None = Field(None, gt=0, description="seconds before a point is given up")
    keep_state: bool = Field(True, description="store end states, so that longer runs go on from them")
    max_failed_fraction: float = Field(0.05, ge=0, le=1, description="share of failed points that fails a shard")

    @field_validator("dt", "duration", "timeout", "max_failed_fraction", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class FigureSettings(_Settings):
    """One figure: which drawing, of what, over which axes."""

    draw: str = Field(description="the drawing")
    variable: str | None = Field(None, description="the observable drawn")
    contrast: str | None = Field(None, description="a second observable to set against it")
    variables: list[str] | None = Field(None, description="the observables drawn")
    x: str | None = Field(None, description="axis drawn along x")
    y: str | None = Field(None, description="axis drawn along y")
    facet: str | None = Field(None, description="axis whose values get panels of their own")
    series: str | None = Field(None, description="axis whose values get colours of their own")
    at: dict[str, float | int | str] | None = Field(None, description="values at which other axes are held")
    yscale: Literal["linear", "log"] | None = Field(None, description="scale of the observable")

    def options(self) -> dict[str, Any]:
        """What is set, without the name of the drawing."""
        return {name: value for name, value in self.model_dump(exclude={"draw"}).items() if value is not None}


class SweepSettings(_Settings):
    """A whole sweep file."""

    model: str = Field(description="name of the model")
    title: str = Field("", description="one line for figures and the store")
    fixed: dict[str, Any] = Field(default_factory=dict, description="parameters that do not vary")
    axes: dict[str, Any] = Field(description="parameters that vary")
    run: RunSettings = Field(default_factory=RunSettings, description="how every point is run")  # type: ignore[arg-type]
    observables: list[str] = Field(min_length=1, description="what is estimated")
    figures: dict[str, FigureSettings] = Field(default_factory=dict, description="figures by name")
    small: dict[str, Any] = Field(default_factory=dict, description="what differs in the small form: axes, run, fixed")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number and a repeated key is an error."""


def _mapping_without_repeats(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]  # pyyaml has no type here
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)
_Loader.add_implicit_resolver(  # type: ignore[no-untyped-call]
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' or the list of what is known.

    >>> nearest("cuopling", ["coupling", "shift"])
    '; did you mean coupling?'
    """
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names)}"


def read_settings(path: Path, small: bool = False) -> SweepSettings:
    """Read and validate a sweep file; ConfigError in one line if anything is wrong with its form."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # a subclass of SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); sweeps are files like workflow/sweeps/amari_field.yaml") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not readable as YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping with the keys model, axes, observables; found {type(content).__name__}")
    settings = _validate(path, content)
    if small and settings.small:
        settings = _validate(path, _merged(path, content, settings.small))
    return settings


def _merged(path: Path, content: Mapping[str, Any], small: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in content.items() if key != "small"}
    for section, changes in small.items():
        if section not in ("axes", "run", "fixed"):
            raise ConfigError(f"{path}: small.{section} is not a setting{nearest(str(section), ['axes', 'run', 'fixed'])}")
        if not isinstance(changes, dict):
            raise ConfigError(f"{path}: small.{section} = {changes!r}, expected a mapping")
        merged[section] = {**merged.get(section, {}), **changes}
    return merged


def _validate(path: Path, content: Mapping[str, Any]) -> SweepSettings:
    try:
        return SweepSettings.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(_in_words(path, problem) for problem in error.errors())) from None


def _in_words(path: Path, problem: Mapping[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    key, value = ".".join(location), problem["input"]
    settings: Any = SweepSettings
    for part in location[:-1]:  # walk down to the settings that hold the key
        field = getattr(settings, "model_fields", {}).get(part)
        if field is not None:
            settings = FigureSettings if part == "figures" else field.annotation
    fields = getattr(settings, "model_fields", {})
    if problem["type"] == "extra_forbidden":
        return f"{path}: {key} = {value!r} is not a setting{nearest(location[-1], fields)}"
    description = f" ({fields[location[-1]].description})" if location[-1] in fields else ""
    if problem["type"] == "missing":
        return f"{path}: {key} is missing{description}"
    expected = _EXPECTATIONS.get(problem["type"], "").format(**problem.get("ctx", {})) or problem["msg"].lower()
    shown = repr(value) if len(repr(value)) < 60 else type(value).__name__
    return f"{path}: {key} = {shown}, expected {expected}{description}"


_EXPECTATIONS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than_equal": "a number <= {le}",
    "multiple_of": "a multiple of {multiple_of}, because errors are made of 16 groups of lanes",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} entry",
}


def expand_axis(path: Path, name: str, spec: Any) -> list[Any]:
    """Values of one axis from {linspace | logspace | geomspace: [start, stop, n]}, {values: [...]} or a plain list."""
    import numpy as np

    makers = {"linspace": np.linspace, "logspace": np.logspace, "geomspace": np.geomspace}
    if isinstance(spec, list):
        values = spec
    elif isinstance(spec, dict) and len(spec) == 1 and (kind := next(iter(spec))) in (*makers, "values"):
        values = spec[kind]
        if kind in makers:
            if not _is_range(values) or (kind == "geomspace" and values[0] * values[1] <= 0):
                raise ConfigError(f"{path}: axes.{name}.{kind} = {values!r}, expected [start, stop, number of values]")
            values = [float(value) for value in makers[kind](values[0], values[1], values[2])]
    else:
        found = next(iter(spec), "") if isinstance(spec, dict) else spec
        raise ConfigError(
            f"{path}: axes.{name} = {found!r}, expected a list or one of linspace, logspace, geomspace, values"
            + (nearest(str(found), [*makers, "values"]) if isinstance(spec, dict) else "")
        )
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{path}: axes.{name} = {values!r}, expected at least one value")
    return values


def _is_range(values: Any) -> bool:
    numbers = isinstance(values, list) and len(values) == 3 and all(isinstance(v, int | float) for v in values)
    return numbers and isinstance(values[2], int) and values[2] >= 1 and all(math.isfinite(v) for v in values)


def settings_schema() -> dict[str, Any]:
    """JSON schema of a sweep file, for editors."""
    return SweepSettings.model_json_schema()
