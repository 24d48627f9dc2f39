"""What a point's numbers are: stability, theory, expectation, and estimates with errors. Runs on workers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from nessmap.executors import Map
from nessmap.messages import progress
from nessmap.model import Array, Model, ParameterError, Run, Stability
from nessmap.models import model_class
from nessmap.models.homogeneous_field import HomogeneousField
from nessmap.models.langevin import LangevinModel
from nessmap.observables import OBSERVABLES, Observable
from nessmap.statistics.jackknife import Estimate, jackknife

Values = dict[str, Array]


def in_order(run: Map, function: Any, tasks: Sequence[tuple[Any, ...]], what: str) -> list[Any]:
    """Results of all tasks, flattened in the order of the tasks; the first failure is raised."""
    numbered = [(*task, number) for number, task in enumerate(tasks)]
    results: dict[int, list[Any]] = {}
    with progress(len(tasks), what, "task") as advance:
        for task, result in run(function, numbered):
            if isinstance(result, BaseException):
                raise result
            results[task[-1]] = result
            advance(1)
    return [value for number in range(len(tasks)) for value in results[number]]


def together(runs: Sequence[Run], most: int) -> Iterator[range]:
    """Points that one task evaluates: neighbours of equal run, so many at most.

    >>> runs = [Run(0.1, 10, 16)] * 3 + [Run(0.1, 10, 32)]
    >>> list(together(runs, 2))
    [range(0, 2), range(2, 3), range(3, 4)]
    """
    first = 0
    for i in range(1, len(runs) + 1):
        if i == len(runs) or i - first == most or runs[i] != runs[first]:
            yield range(first, i)
            first = i


def evaluate_points(
    model: str,
    parameters: Sequence[Mapping[str, Any]],
    run: Run,
    observables: Sequence[str],
    means: Sequence[Mapping[str, Array] | None],
    number: int = 0,
) -> list[Values]:
    """Per point: leading rate, theory, expectation, and value with error where there are means. Runs on workers."""
    return [_evaluate(model_class(model)(**p), run, observables, m) for p, m in zip(parameters, means, strict=True)]


def estimate_points(
    model: str,
    parameters: Sequence[Mapping[str, Any]],
    run: Run,
    observables: Sequence[str],
    means: Sequence[Mapping[str, Array] | None],
    number: int = 0,
) -> list[dict[str, tuple[float, float]]]:
    """Per point value and standard error of scalar observables, NaN where there is none. Runs on workers."""
    rows = []
    for point, own in zip(parameters, means, strict=True):
        built = model_class(model)(**point)
        found = {name: _estimate(built, run, OBSERVABLES[name], own) if own else None for name in observables}
        rows.append({n: (float(e[0]), float(e[1])) if e else (np.nan, np.nan) for n, e in found.items()})
    return rows


def _estimate(model: Model, run: Run, observable: Observable[Any], means: Mapping[str, Array]) -> Estimate | None:
    estimate: Estimate | None = _or_said(
        lambda: jackknife(partial(observable.value, model, run), _needed(model, run, observable, means)),
        model,
        observable.name,
    )
    return estimate


def _needed(model: Model, run: Run, observable: Observable[Any], means: Mapping[str, Array]) -> dict[str, Array]:
    """The means that an observable is made of, without the room that larger models or more realisations need."""
    groups = slice(run.n_disorder or None)
    names = observable.needs_for(type(model))
    return {name: means[name][~np.isnan(means[name][:, 0])][:, groups] for name in names}


def _evaluate(model: Model, run: Run, observables: Sequence[str], means: Mapping[str, Array] | None) -> Values:
    stability = _or_said(model.stability, model, "stability") or Stability(np.nan, "unknown", np.nan)
    values: dict[str, Any] = {
        "leading_rate": stability.leading_rate,
        "leading_kind": stability.kind,
        "leading_wavenumber": stability.wavenumber,
    }
    stable = model.is_stationary(stability)
    predictions = _or_said(partial(model.theory, observables), model, "theory") or {} if stable else {}
    if isinstance(model, LangevinModel):
        small = _or_said(lambda: model.small_parameter, model, "small_parameter") if stable else None
        values["small_parameter"] = np.nan if small is None else small
        values["n_homogeneous_state"] = model.n_state if isinstance(model, HomogeneousField) else np.nan
    for name in observables:
        observable = OBSERVABLES[name]
        for dimension, coordinate in zip(observable.dimensions, observable.coordinates(model, run), strict=True):
            values[f"{name}:{dimension}"] = coordinate
        theory = _or_said(partial(observable.theory, model, run, predictions), model, name) if stable else None
        if theory is not None:
            values[f"{name}_theory"] = np.asarray(theory.value)
        expected = _or_said(partial(observable.expected, model, run, predictions), model, name) if stable else None
        if expected is not None:
            values[f"{name}_expected"] = np.asarray(expected.value)
            values[f"{name}:kind"] = expected.kind
            values[f"{name}:approximation"] = "" if expected.kind == "exact" else expected.source.split(";")[0]
        if means is not None:
            estimate = _estimate(model, run, observable, means)
            if estimate is not None:
                values[name], values[f"{name}_standard_error"] = estimate
            if run.n_disorder:
                needed = _needed(model, run, observable, means)
                single = {need: own.T for need, own in needed.items()} | {
                    "share": np.full(run.n_disorder, 1 / run.n_disorder)
                }
                values[f"{name}:realisations"] = _or_said(partial(observable.value, model, run, single), model, name)
    return values


def _or_said(function: Callable[[], Any], model: Model, what: str) -> Any:
    """The function's value; None, and a warning, where it has none: one odd point must not cost the others."""
    try:
        return function()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(f"{what} has no value for {model}: {reason}", RuntimeWarning, stacklevel=2)
        return None


def evaluate_theory(
    model: str, run: Run, parameters: Sequence[Mapping[str, Any]], observables: Sequence[str], number: int = 0
) -> list[list[float]]:
    """Per point: leading rate and theory of each observable, NaN where unstable or outside the domain. Runs on workers."""
    rows = []
    for point in parameters:
        row = [float("nan")] * (1 + len(observables))
        try:
            built = model_class(model)(**point)
        except ParameterError:  # between two valid grid values there may be invalid ones
            rows.append(row)
            continue
        stability = _or_said(built.stability, built, "stability")
        row[0] = stability.leading_rate if stability else float("nan")
        if stability and built.is_stationary(stability):
            predictions = _or_said(partial(built.theory, observables), built, "theory") or {}
            for column, name in enumerate(observables, start=1):
                theory = _or_said(partial(OBSERVABLES[name].theory, built, run, predictions), built, name)
                row[column] = float(theory.value) if theory is not None else float("nan")
        rows.append(row)
    return rows
