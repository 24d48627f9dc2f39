"""What a point's numbers are: stability, theory, expectation, and estimates with errors. Runs on workers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from nessmap.model import Array, Model, ParameterError, Run, Stability
from nessmap.models import model_class
from nessmap.models.homogeneous_field import HomogeneousField
from nessmap.models.langevin import LangevinModel
from nessmap.observables import OBSERVABLES
from nessmap.statistics.jackknife import jackknife

Values = dict[str, Array]


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
            needed = {need: means[need][~np.isnan(means[need][:, 0])] for need in observable.needs_for(type(model))}
            plug_in = partial(observable.value, model, run)
            estimate = _or_said(partial(jackknife, plug_in, needed), model, name)
            if estimate is not None:
                values[name], values[f"{name}_standard_error"] = estimate
            if run.n_disorder:
                single = {need: own.T for need, own in needed.items()} | {
                    "share": np.full(run.n_disorder, 1 / run.n_disorder)
                }
                values[f"{name}:realisations"] = _or_said(partial(plug_in, single), model, name)
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
