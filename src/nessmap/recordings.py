"""A user's recording, read from a file: .npy, .npz, .csv and other tables, netCDF, Zarr. Nothing in a file is ever run."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.config import ConfigError, nearest
from nessmap.estimators import Recording, as_recording
from nessmap.estimators.recording import spacing_of

TIMES = ("time", "t")
TABLES = (".csv", ".tsv", ".txt", ".dat")
LABELLED = (".nc", ".nc4", ".cdf", ".zarr")
KNOWN = (".npy", ".npz", *TABLES, *LABELLED)

Values = NDArray[np.float64]


class Asked(NamedTuple):
    """What the command line says of a file."""

    variables: Sequence[str] = ()
    dt: float | None = None
    time: str | None = None
    trial: str | None = None


class _Columns(NamedTuple):
    """Variables by name, each (n_trial, n_time), and the times, if the file has them."""

    values: Mapping[str, Values]
    times: NDArray[Any] | None


def read_recording(path: Path, asked: Asked) -> Recording:
    """The recording in a file, of the variables asked for, or of all.

    Raises
    ------
    ConfigError : the file cannot be read as what its name says, or holds no such variable; names file, key and remedy.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file; expected one that ends in {', '.join(KNOWN)}")
    if path.suffix not in KNOWN:
        raise ConfigError(f"{path}: ends in {path.suffix or 'nothing'}, expected {', '.join(KNOWN)}")
    try:
        found = _read(path, asked)
    except ConfigError:
        raise
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: cannot be read as {path.suffix} ({error}); expected numbers, no Python objects"
        ) from error
    names = list(asked.variables) or list(found.values)
    for name in names:
        if name not in found.values:
            raise ConfigError(f"{path}: --variables {name}: no such variable{nearest(name, found.values)}")
    shapes = {name: found.values[name].shape for name in names}
    if len(set(shapes.values())) > 1:
        said = ", ".join(f"{name} {shape[0]} x {shape[1]}" for name, shape in shapes.items())
        raise ConfigError(f"{path}: trials x samples differ: {said}; choose --variables of one size")
    try:
        dt = _spacing(asked, found.times)
        recording = as_recording(np.stack([found.values[name] for name in names], axis=-1), dt)
        return Recording(recording.values, dt, tuple(names))
    except ValueError as error:
        raise ConfigError(f"{path}: {_named(str(error), names)}") from error


def _named(message: str, names: Sequence[str]) -> str:
    """A message about x0, x1, ... in the names of the file."""
    for position in reversed(range(len(names))):
        message = message.replace(f"x{position} ", f"{names[position]} ")
    return message


def _spacing(asked: Asked, times: NDArray[Any] | None) -> float:
    if asked.dt is not None:
        return asked.dt
    if times is None:
        raise ValueError(f"holds no times, expected a column or coordinate named {' or '.join(TIMES)}; or give --dt")
    return spacing_of(times)


def _read(path: Path, asked: Asked) -> _Columns:
    if path.suffix in TABLES:
        return _from_table(path, asked)
    if path.suffix in LABELLED:
        return _from_labelled(path, asked)
    loaded = np.load(path, allow_pickle=False)  # a pickle may run anything
    if isinstance(loaded, np.ndarray):
        return _Columns(_split("x", np.asarray(loaded, float)), None)
    time = asked.time or next((name for name in TIMES if name in loaded), "")
    arrays = {name: loaded[name] for name in loaded.files if name != time}
    if len(arrays) == 1:
        values = next(iter(arrays.values()))
        return _Columns(_split("x", np.asarray(values, float)), loaded[time] if time else None)
    flat = {name: np.atleast_2d(np.asarray(values, float)) for name, values in arrays.items()}
    if deep := [name for name, values in flat.items() if values.ndim > 2]:
        raise ConfigError(
            f"{path}: {deep[0]} has {flat[deep[0]].ndim} dimensions, expected (n_time,) or (n_trial, n_time)"
        )
    return _Columns(flat, loaded[time] if time else None)


def _split(stem: str, values: Values) -> dict[str, Values]:
    """(n_time,), (n_time, n_variable) or (n_trial, n_time, n_variable) as one (n_trial, n_time) per variable."""
    if values.ndim not in (1, 2, 3):
        raise ValueError(f"shape {values.shape}, expected (n_time, n_variable) or (n_trial, n_time, n_variable)")
    full = values[:, None] if values.ndim == 1 else values
    full = full if full.ndim == 3 else full[None]
    return {f"{stem}{i}": full[..., i] for i in range(full.shape[2])}


def _from_table(path: Path, asked: Asked) -> _Columns:
    """Columns of numbers, with or without a line of names; comma, semicolon, tab or blanks between them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    if not lines:
        raise ConfigError(f"{path}: is empty, expected a line of names and lines of numbers")
    separator = next((one for one in "\t;," if one in lines[0]), None)
    rows = [line.split() for line in lines] if separator is None else list(csv.reader(lines, delimiter=separator))
    names = (
        [f"x{i}" for i in range(len(rows[0]))] if all(map(_number, rows[0])) else [one.strip() for one in rows.pop(0)]
    )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise ConfigError(f"{path}: line {number} of the numbers has {len(row)} columns, expected {len(names)}")
    table = {}
    for column, name in enumerate(names):
        words = [row[column] for row in rows]
        wrong = next((i for i, word in enumerate(words) if not _number(word)), None)
        if wrong is not None:
            said = f"column {name}, line {wrong + 1} of the numbers: {words[wrong]!r}"
            raise ConfigError(f"{path}: {said}, expected a number; fill or cut gaps, or choose other --variables")
        table[name] = np.array(words, float)
    trials = _trials(path, table, asked.trial)
    time = _time_name(path, table, asked)
    split = {
        name: np.stack([values[chosen] for chosen in trials]) for name, values in table.items() if name != asked.trial
    }
    return _Columns({n: v for n, v in split.items() if n != time}, split[time][0] if time else None)


def _number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _trials(path: Path, table: Mapping[str, Values], trial: str | None) -> list[NDArray[np.intp]]:
    """Rows of each trial; all rows where no column says which."""
    if trial is None:
        return [np.arange(len(next(iter(table.values()))))]
    if trial not in table:
        raise ConfigError(f"{path}: --trial {trial}: no such column{nearest(trial, table)}")
    rows = [np.flatnonzero(table[trial] == label) for label in np.unique(table[trial])]
    shortest, longest = min(map(len, rows)), max(map(len, rows))
    if shortest < longest:
        raise ConfigError(
            f"{path}: trials of {shortest} to {longest} samples, expected equal lengths; cut them to {shortest}"
        )
    return rows


def _time_name(path: Path, names: Mapping[str, Any], asked: Asked) -> str | None:
    if asked.time is not None and asked.time not in names:
        raise ConfigError(f"{path}: --time {asked.time}: no such column{nearest(asked.time, names)}")
    return asked.time or next((name for name in TIMES if name in names), None)


def _from_labelled(path: Path, asked: Asked) -> _Columns:
    """Variables of a netCDF file or a Zarr store that have a dimension of time; one with a further dimension is many."""
    import xarray as xr

    with (
        xr.open_zarr(path, chunks=None, consolidated=False)
        if path.suffix == ".zarr"
        else xr.open_dataset(path) as dataset
    ):
        time = asked.time or next((name for name in TIMES if name in dataset.dims), None)
        if time not in dataset.dims:
            known = ", ".join(map(str, dataset.dims)) or "none"
            raise ConfigError(
                f"{path}: dimensions {known}, expected {asked.time or ' or '.join(TIMES)}; name it with --time"
            )
        if asked.trial is not None and asked.trial not in dataset.dims:
            raise ConfigError(
                f"{path}: --trial {asked.trial}: no such dimension{nearest(asked.trial, map(str, dataset.dims))}"
            )
        found: dict[str, Values] = {}
        for name, variable in dataset.data_vars.items():
            others = [dim for dim in variable.dims if dim not in (time, asked.trial)]
            if time not in variable.dims:
                continue
            if len(others) > 1:
                said = ", ".join(map(str, others))
                raise ConfigError(
                    f"{path}: {name} has the further dimensions {said}, expected one at most; name one with --trial"
                )
            spread = variable if asked.trial in variable.dims else variable.expand_dims("trial of its own")
            order = [asked.trial if asked.trial in variable.dims else "trial of its own", time, *others]
            values = np.asarray(spread.transpose(*order).values, float)
            if not others:
                found[str(name)] = values
                continue
            labels = variable.coords[others[0]].values if others[0] in variable.coords else range(values.shape[2])
            found |= {_label(str(name), label): values[..., i] for i, label in enumerate(labels)}
        if not found:
            raise ConfigError(f"{path}: no variable has the dimension {time}, expected one at least")
        return _Columns(found, dataset.coords[time].values if time in dataset.coords else None)


def _label(name: str, label: object) -> str:
    """`v` for a label in words, `rate0` for a number."""
    number = isinstance(label, int | float | np.number) and math.isfinite(label)
    return f"{name}{label:g}" if number else str(label)
