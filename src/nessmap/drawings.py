"""What a sweep file asks of figures, checked before any work starts: names, settings and axes of every drawing."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nessmap.config import ConfigError, FigureSettings, nearest
from nessmap.figures import FIGURES
from nessmap.model import as_written

OF_REFINED = ("refined_map",)  # drawings of points between which cells differ in size
OF_ANY = ("calibration",)


def check_figures(
    source: str,
    figures: Mapping[str, FigureSettings],
    axes: Mapping[str, Sequence[Any]],
    shown: Sequence[str],
    refined: bool = False,
) -> None:
    """Raise ConfigError for the first mistake. axes: values by axis, none where they are known later; shown: observables."""
    for name, figure in figures.items():
        where = f"{source}: figures.{name}"
        if figure.draw not in FIGURES:
            raise ConfigError(f"{where}.draw = {figure.draw!r} is not a drawing{nearest(figure.draw, FIGURES)}")
        fitting = [drawing for drawing in FIGURES if (drawing in OF_REFINED) == refined or drawing in OF_ANY]
        if figure.draw not in fitting:
            kind = "a refined sweep" if refined else "a sweep without refine"
            raise ConfigError(f"{where}.draw = {figure.draw!r}, expected a drawing of {kind}: {', '.join(fitting)}")
        required, known = drawing_options(figure.draw)
        for key in figure.options():
            if key not in known:
                raise ConfigError(f"{where}.{key} is not a setting of {figure.draw}{nearest(key, known)}")
        for key in required:
            if key not in figure.options():
                raise ConfigError(f"{where}.{key} is missing; {figure.draw} needs {', '.join(required)}")
        used = {key: axis for key in ("x", "y", "facet", "series") if (axis := getattr(figure, key)) is not None}
        for key, axis in [*used.items(), *(("at", axis) for axis in figure.at or {})]:
            if axis not in axes:
                raise ConfigError(f"{where}.{key} = {axis!r} is not an axis of this sweep{nearest(axis, axes)}")
            if [*used.values(), *(figure.at or {})].count(axis) > 1:
                raise ConfigError(f"{where}.{key} = {axis!r} is used twice; every axis has one place in a figure")
        for axis, value in (figure.at or {}).items():
            _check_held(f"{where}.at.{axis}", axes[axis], value)
        for variable in [figure.variable, figure.contrast, *(figure.variables or [])]:
            if variable is not None and variable not in shown:
                hint = nearest(variable, shown)
                raise ConfigError(f"{where}: {variable} is not among the observables of this sweep{hint}")


def _check_held(where: str, values: Sequence[Any], value: float | int | str) -> None:
    """A number on an axis of numbers, the nearest of which is shown; one of the values on an axis of words."""
    words = [word for word in values if isinstance(word, str)]
    if words and value not in words:
        raise ConfigError(f"{where} = {as_written(value)} is not among its values{nearest(str(value), words)}")
    if not words and isinstance(value, str):
        raise ConfigError(f"{where} = {as_written(value)}, expected a number")


@lru_cache
def drawing_options(drawing: str) -> tuple[list[str], list[str]]:
    """The options that a drawing needs and those that it knows, read and not imported: planning must not load matplotlib."""
    module, _, function = FIGURES[drawing].partition(":")
    source = Path(__file__).parent.parent / Path(*module.split(".")).with_suffix(".py")
    definitions = {node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)}
    declared = definitions[function].args
    known = [argument.arg for argument in declared.kwonlyargs]
    return [name for name, default in zip(known, declared.kw_defaults, strict=True) if default is None], known
