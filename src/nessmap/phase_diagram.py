"""From group means to the phase diagram: observables with errors, theory, expectation, z-scores, stability boundary."""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nessmap import __version__, identity
from nessmap.evaluate import Values, evaluate_points, evaluate_theory, in_order, together
from nessmap.executors import Map
from nessmap.model import Array
from nessmap.models.homogeneous_field import HomogeneousField
from nessmap.models.langevin import LangevinModel
from nessmap.observables import OBSERVABLES, Observable
from nessmap.protocols import PROTOCOLS
from nessmap.refined_product import add_refinement, placed
from nessmap.simulate import Status
from nessmap.statistics import N_GROUP
from nessmap.sweep import Sweep

CONVENTIONS = "nessmap-1 (after CF)"
FLAGS = {"estimate": 0, "exact_zero": 1, "undefined": 2, "no_run": 3, "boundary": 4}
CORRELATION_TIMES = 1000  # independent samples of the slowest mode: below, errors of variances are not calibrated
LINE_POINTS = 10  # theory lines: points per step of the grid
_POINTS_PER_TASK = 50
_STABILITY = {
    "leading_rate": {"units": "1 / time", "long_name": "leading rate", "comment": "negative: stable; zero: boundary"},
    "leading_wavenumber": {"units": "1 / length", "long_name": "wavenumber of the leading mode"},
    "leading_kind": {"long_name": "kind of the instability that the leading mode makes or would make"},
}
_SMALL_PARAMETER = {
    "units": "1",
    "long_name": "small parameter of the linear response",
    "comment": "what the linear drift leaves out, over the linear drift; root mean squares under the linear law",
}
_STATES = {
    "units": "1",
    "long_name": "number of homogeneous states",
    "comment": "theory is about the lowest one; where there are more, noise may carry the field from one to another",
}
_PARTS = ("", "_standard_error", "_theory", "_expected", "_z")
_NOT_COMPARED = ("wall_time",)  # left out of the content digest


def aggregate(sweep: Sweep, points: xr.Dataset, run: Map) -> xr.Dataset:
    """The labelled phase diagram of a sweep, from its assembled points."""
    if sweep.mesh is not None:
        sweep = placed(sweep, points)
    evaluated = _evaluate_all(sweep, points, run)
    dataset = xr.Dataset(coords=_coordinates(sweep))
    dims = tuple(dimension.name for dimension in sweep.dimensions)
    status = _statuses(sweep, points, evaluated)
    dataset["status"] = xr.Variable(
        dims,
        status.reshape(sweep.shape).astype(np.int8),
        {
            "long_name": "status",
            "flag_values": [int(s) for s in Status],
            "flag_meanings": " ".join(s.name for s in Status),
        },
    )
    for name, attributes in _STABILITY.items():
        column = np.array([values[name] for values in evaluated], object if name == "leading_kind" else float)
        dataset[name] = xr.Variable(dims, column.reshape(sweep.shape), attributes)
    if issubclass(sweep.model_class, LangevinModel):
        column = np.array([values["small_parameter"] for values in evaluated])
        dataset["small_parameter"] = xr.Variable(dims, column.reshape(sweep.shape), _SMALL_PARAMETER)
    if issubclass(sweep.model_class, HomogeneousField):
        column = np.array([values["n_homogeneous_state"] for values in evaluated])
        dataset["n_homogeneous_state"] = xr.Variable(dims, column.reshape(sweep.shape), _STATES)
    for observable in sweep.observables:
        _add_observable(dataset, sweep, dims, observable.name, evaluated)
    _add_theory_lines(dataset, sweep, dims, run)
    dataset["wall_time"] = xr.Variable(dims, points["wall_time"].values.reshape(sweep.shape), {"units": "s"})
    dataset["key"] = xr.Variable(
        dims, points["key"].values.astype(object).reshape(sweep.shape), {"long_name": "digest of the path"}
    )
    if sweep.mesh is not None:
        add_refinement(dataset, sweep)
    dataset.attrs |= _attributes(sweep)
    dataset.attrs = {**dataset.attrs, "content_digest": content_digest(dataset)}
    return dataset


def _evaluate_all(sweep: Sweep, points: xr.Dataset, run: Map) -> list[Values]:
    names = [observable.name for observable in sweep.observables]
    status = points["status"].values
    tasks = []
    runs = [point.units[0].run for point in sweep.points]
    for chosen in together(runs, _POINTS_PER_TASK):
        means = [
            {name: points[name].values[i] for name in sweep.statistics} if status[i] == Status.ok else None
            for i in chosen
        ]
        tasks.append(
            (
                sweep.model,
                [sweep.points[i].parameters for i in chosen],
                runs[chosen.start],
                names,
                means,
            )
        )
    return in_order(run, evaluate_points, tasks, f"{sweep.name}: estimates and theory")


def _statuses(sweep: Sweep, points: xr.Dataset, evaluated: Sequence[Values]) -> Array:
    status = np.array(points["status"].values)
    for i, point in enumerate(sweep.points):
        unit, protocol = point.units[0], PROTOCOLS[point.units[0].protocol]
        duration = unit.n_step * unit.dt
        sampled = protocol.n_independent(unit.n_replica, duration, float(evaluated[i]["leading_rate"]))
        # the spread over realisations of the disorder holds that of a short run
        if status[i] == Status.ok and sampled < CORRELATION_TIMES and not unit.n_disorder:
            status[i] = Status.short_run
    return status


def _add_observable(
    dataset: xr.Dataset, sweep: Sweep, dims: tuple[str, ...], name: str, evaluated: Sequence[Values]
) -> None:
    observable = OBSERVABLES[name]
    sides = {"first": "first", "second": "second"}
    sides |= dict(zip(sides, sweep.points[0].model.partition, strict=False))
    tail = tuple(observable.dimensions)
    coordinates = {}
    for dimension, attributes in observable.dimensions.items():
        # models of different size or length have different values of it: each point fills those it has
        coordinates[dimension] = np.unique(np.concatenate([np.round(v[f"{name}:{dimension}"], 12) for v in evaluated]))
        dataset.coords[dimension] = xr.Variable((dimension,), coordinates[dimension], dict(attributes))
    own_shape = tuple(len(coordinate) for coordinate in coordinates.values())
    shape = (*sweep.shape, *own_shape)
    columns: dict[str, Array] = {}
    for part in _PARTS[:4]:
        column = np.full((len(evaluated), *own_shape), np.nan)
        for i, values in enumerate(evaluated):
            if f"{name}{part}" in values:
                own = [np.searchsorted(c, np.round(values[f"{name}:{d}"], 12)) for d, c in coordinates.items()]
                column[np.ix_(np.array([i]), *own)] = values[f"{name}{part}"]
        columns[part] = column.reshape(shape)
    run = np.isin(dataset["status"].values, (Status.ok, Status.short_run)).reshape(sweep.shape + (1,) * len(tail))
    flag = _flags(columns, run, observable.signed)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (columns[""] - columns["_expected"]) / columns["_standard_error"]
    columns["_z"] = np.where(flag == FLAGS["estimate"], z, np.nan)
    kinds = sorted({str(v[f"{name}:kind"]) for v in evaluated if f"{name}:kind" in v})
    ways = ", ".join(dict.fromkeys(str(w) for v in evaluated if (w := v.get(f"{name}:approximation"))))
    for part, column in columns.items():
        attributes = _attributes_of(observable, sides, part, kinds, (sweep.n_disorder or N_GROUP) - 1)
        if part == "" and ways:
            attributes["theory_approximation"] = ways
        dataset[name + part] = xr.Variable((*dims, *tail), column, attributes)
    if sweep.n_disorder:
        _add_realisations(dataset, sweep, dims, observable, sides, evaluated)
    dataset[f"{name}_flag"] = xr.Variable(
        (*dims, *tail),
        flag.astype(np.int8),
        {
            "flag_values": list(FLAGS.values()),
            "flag_meanings": " ".join(FLAGS),
            "long_name": f"flag of {observable.long_name.format(**sides)}",
        },
    )


def _add_realisations(
    dataset: xr.Dataset,
    sweep: Sweep,
    dims: tuple[str, ...],
    observable: Observable[Any],
    sides: Mapping[str, str],
    evaluated: Sequence[Values],
) -> None:
    """realisations_of_NAME: the observable of each realisation of the disorder by itself, without correction for bias."""
    tail = tuple(observable.dimensions)
    own_shape = tuple(dataset.sizes[dimension] for dimension in tail)
    n_disorder = max(point.units[0].n_disorder for point in sweep.points)
    column = np.full((len(evaluated), n_disorder, *own_shape), np.nan)
    for i, values in enumerate(evaluated):
        found = values.get(f"{observable.name}:realisations")
        if found is not None and found.shape[1:] == own_shape:  # sizes that differ between points have no common place
            column[i, : len(found)] = found
    number = {"long_name": "realisation of the disorder", "units": "1"}
    dataset.coords["disorder"] = xr.Variable(("disorder",), np.arange(n_disorder), number)
    dataset[f"realisations_of_{observable.name}"] = xr.Variable(
        (*dims, "disorder", *tail),
        column.reshape((*sweep.shape, n_disorder, *own_shape)),
        {"units": observable.units, "long_name": f"{observable.long_name.format(**sides)} of each realisation"},
    )


def _flags(columns: Mapping[str, Array], run: NDArray[np.bool_], signed: bool) -> Array:
    """Why there is no z-score.

    exact_zero: estimate and expectation vanish by a theorem; undefined: there was a run, but no number came out; boundary:
    a quantity that cannot be negative is expected to vanish, and its estimate is quadratic in the noise, not normal.
    """
    value, expected = columns[""], columns["_expected"]
    zero = (value == 0) & (expected == 0)
    undefined = np.isnan(value) | ~(columns["_standard_error"] > 0)
    boundary = (expected == 0) & (not signed)
    choices = {"no_run": ~run, "exact_zero": zero, "undefined": undefined, "boundary": boundary}
    conditions = [np.broadcast_to(condition, value.shape) for condition in choices.values()]
    return np.select(conditions, [FLAGS[name] for name in choices], FLAGS["estimate"])


def _attributes_of(
    observable: Observable[Any], sides: Mapping[str, str], part: str, kinds: Sequence[str], degrees_of_freedom: int
) -> dict[str, Any]:
    words = {
        "": "{}",
        "_standard_error": "standard error of {}",
        "_theory": "{}, continuum theory",
        "_expected": "{}, mean of the estimator at this dt",
        "_z": "z-score of {}",
    }
    attributes: dict[str, Any] = {
        "units": "1" if part == "_z" else observable.units,
        "long_name": words[part].format(observable.long_name.format(**sides)),
        "references": observable.source,
    }
    if part in ("_theory", "_expected"):
        attributes["theory_kind"] = " ".join(kinds)
    if part == "":
        attributes |= {"symbol": observable.symbol, "signed": int(observable.signed), "theory_kind": " ".join(kinds)}
        attributes["ancillary_variables"] = (
            " ".join(observable.name + other for other in (*_PARTS[1:], "_flag")) + " status"
        )
    if part == "_z":
        attributes["theory_kind"] = " ".join(kinds)
        attributes["comment"] = (
            f"(value - expected) / standard error; Student t with {degrees_of_freedom} degrees of freedom where theory is "
            "exact, a measure of the approximation where it is not"
        )
    return attributes


def _coordinates(sweep: Sweep) -> dict[str, xr.Variable]:
    coordinates = {}
    for dimension in sweep.dimensions:
        for name in dimension.parameters:
            declared = sweep.declared[name]
            attributes = {"units": declared.units, "long_name": declared.long_name, "symbol": declared.symbol}
            values = np.array([settings[name] for settings in dimension.settings])
            values = values.astype(object) if values.dtype.kind == "U" else values  # text of any length
            coordinates[name] = xr.Variable((dimension.name,), values, attributes)
    return coordinates


def line_values(values: Array) -> Array:
    """The axis refined to 10 points per step, grid values included."""
    fine = [np.linspace(a, b, LINE_POINTS, endpoint=False) for a, b in itertools.pairwise(values)]
    return np.array([float(f"{v:.11e}") for v in np.concatenate([*fine, values[-1:]])])


def _add_theory_lines(dataset: xr.Dataset, sweep: Sweep, dims: tuple[str, ...], run: Map) -> None:
    """Theory of every scalar observable along each numeric axis, finer than the grid, for the lines of figures."""
    names = [o.name for o in sweep.observables if not o.dimensions]
    for position, dimension in enumerate(sweep.dimensions):
        values = dataset[dimension.name].values if dimension.name in dataset.coords else None
        if values is None or len(values) < 2 or not np.issubdtype(values.dtype, np.floating):
            continue
        fine = line_values(values)
        shape = (*sweep.shape[:position], len(fine), *sweep.shape[position + 1 :])
        cells = []
        for index in np.ndindex(shape):
            cell = sweep.parameters_at((*index[:position], 0, *index[position + 1 :]))
            cells.append({**cell, dimension.name: float(fine[index[position]])})
        size = 20 * _POINTS_PER_TASK
        facts = sweep.points[0].units[0].run
        tasks = [(sweep.model, facts, cells[i : i + size], names) for i in range(0, len(cells), size)]
        rows = np.array(in_order(run, evaluate_theory, tasks, f"{sweep.name}: theory along {dimension.name}"))
        line = f"{dimension.name}_line"
        dataset.coords[line] = xr.Variable((line,), fine, dict(dataset[dimension.name].attrs))
        line_dims = tuple(line if dim == dimension.name else dim for dim in dims)
        for column, name in enumerate(["leading_rate", *names]):
            label = f"leading_rate_line_{dimension.name}" if column == 0 else f"{name}_theory_line_{dimension.name}"
            attributes = {"units": "1 / time"} if column == 0 else {"units": OBSERVABLES[name].units}
            dataset[label] = xr.Variable(line_dims, rows[:, column].reshape(shape), attributes)


def content_digest(dataset: xr.Dataset) -> str:
    """Digest of names, dimensions and bits of all data and coordinates, without times; equal digests mean equal results."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(str(variable) for variable in dataset.variables):
        if name in _NOT_COMPARED:
            continue
        array = dataset.variables[name]
        values = np.asarray(array.values)
        # text as UTF-8 lines: its in-memory width depends on how it was read
        content = values.tobytes() if values.dtype.kind in "biuf" else "\n".join(map(str, values.ravel())).encode()
        digest.update(identity.canonical([name, list(map(str, array.dims)), list(array.shape)]) + content)
    return digest.hexdigest()


def _attributes(sweep: Sweep) -> dict[str, Any]:
    run = sweep.settings.run
    return {
        "Conventions": CONVENTIONS,
        "title": sweep.settings.title,
        "sweep": sweep.name,
        "model": sweep.model_class.name,
        "fixed": json.dumps(sweep.fixed),
        "source": f"nessmap {__version__}",
        "seed": run.seed,
        "kernel_version": identity.version_in(sweep.model_class.kernel_file),
        "stream_version": identity.version_in("random", "STREAM_VERSION"),
        **{f"run_{name}": value for name, value in run.model_dump().items() if isinstance(value, int | float | str)},
        **(
            {f"run_start_{name}": value for name, value in run.start.model_dump().items()}
            if run.kind == "transient"
            else {}
        ),
        "run_n_step": sweep.points[0].units[0].n_step,  # the duration in steps, rounded up to whole blocks
        "versions": json.dumps({name: version(name) for name in ("numpy", "scipy", "numba", "xarray", "zarr")}),
        "python": sys.version.split()[0],
        "cpu": platform.processor() or platform.machine(),
        "git_commit": _git_commit(),
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} nessmap aggregate",
    }


def _git_commit() -> str:
    """Commit of the sources, with a mark if they were edited; 'unknown' outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
