"""From the point log to points.zarr: per point the group means of every statistic, its status and its key."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nessmap.model import Array
from nessmap.points import Entry, PointLog
from nessmap.simulate import RESTART_STATE, Status
from nessmap.statistics import N_GROUP
from nessmap.sweep import Point, Sweep

# what decides a point whose records disagree, worst first
_WORST_FIRST = (Status.absent, Status.failed, Status.diverged, Status.timeout, Status.unstable, Status.ok)


class MissingRecords(RuntimeError):
    """The log lacks records that the shards' manifests vouch for."""


def assemble(sweep: Sweep, folder: Path, manifests: Sequence[Path]) -> xr.Dataset:
    """Group means of every point, from the log. Raises MissingRecords, with the remedy, if a vouched record is not there."""
    point_log = PointLog(folder)
    index = point_log.scan(sweep.settings.model)
    _check_manifests(index, manifests, point_log)
    entries = [[[index.get(name.key) for name in unit.record_names()] for unit in point.units] for point in sweep.points]
    wanted = [e for point in entries for unit in point for e in unit if e and e.name.statistic != RESTART_STATE]
    arrays = {entry.name.key: array for entry, array in point_log.read(wanted)}
    if point_log.damaged:
        raise MissingRecords(_remedy(f"{len(point_log.damaged)} damaged segments were set aside in {point_log.damaged[0].parent}"))
    means = [_group_means(point, units, arrays) for point, units in zip(sweep.points, entries, strict=True)]
    flat = [[entry for unit in point for entry in unit] for point in entries]
    return _dataset(sweep, means, flat)


def _check_manifests(index: Mapping[str, Entry], manifests: Sequence[Path], point_log: PointLog) -> None:
    vouched = {key for path in manifests for keys in json.loads(path.read_text())["points"].values() for key in keys}
    missing = len(vouched - index.keys())
    if missing:
        aside = f" ({len(point_log.damaged)} damaged segments were set aside)" if point_log.damaged else ""
        raise MissingRecords(_remedy(f"{missing} of {len(vouched)} records in the manifests are not in {point_log.folder}{aside}"))


def _remedy(problem: str) -> str:
    return f"{problem}; compute them again with: snakemake --forcerun simulate"


def _group_means(
    point: Point, units: Sequence[Sequence[Entry | None]], arrays: Mapping[str, Array]
) -> dict[str, Array] | None:
    """{statistic: (n, 16)} over all lane blocks, summed in lane order; None unless every record is there and ok."""
    if any(entry is None or entry.status is not Status.ok for unit in units for entry in unit):
        return None
    lanes_per_group = sum(unit.n_lane for unit in point.units) / N_GROUP
    sums: dict[str, Array] = {}
    for entry in (entry for unit in units for entry in unit if entry is not None):
        if entry.name.statistic != RESTART_STATE:
            earlier = sums.get(entry.name.statistic)
            array = arrays[entry.name.key]
            sums[entry.name.statistic] = array if earlier is None else earlier + array
    return {name: total / (point.units[0].n_step * lanes_per_group) for name, total in sums.items()}


def _dataset(sweep: Sweep, means: Sequence[dict[str, Array] | None], entries: Sequence[Sequence[Entry | None]]) -> xr.Dataset:
    n_point = len(means)
    dataset = xr.Dataset(attrs={"sweep": sweep.name, "model": sweep.settings.model})
    for statistic in sweep.statistics:
        present = {i: m[statistic] for i, m in enumerate(means) if m is not None}
        length = max((len(array) for array in present.values()), default=0)
        # models of different size share one array; what a smaller one does not fill stays NaN
        padded = np.full((n_point, length, N_GROUP), np.nan)
        for i, array in present.items():
            padded[i, : len(array)] = array
        dataset[statistic] = (("point", f"{statistic}_entry", "group"), padded)
    dataset["status"] = ("point", [_status(point) for point in entries])
    dataset["wall_time"] = ("point", [_wall_time(point) for point in entries], {"units": "s"})
    dataset["message"] = ("point", np.array([_message(point) for point in entries], object))
    dataset["key"] = ("point", np.array([point.key for point in sweep.points], object))  # object: text of any length
    return dataset


def _status(entries: Iterable[Entry | None]) -> int:
    found = {entry.status if entry else Status.absent for entry in entries}
    return int(next(status for status in _WORST_FIRST if status in found))


def _wall_time(entries: Iterable[Entry | None]) -> float:
    """Seconds over all units; the records of a unit share its time."""
    return sum({entry.name[:3]: entry.wall_time for entry in entries if entry}.values())


def _message(entries: Iterable[Entry | None]) -> str:
    return next((entry.message for entry in entries if entry and entry.message), "")


def write_store(dataset: xr.Dataset, path: Path) -> None:
    """Write a Zarr store in a folder of its own and rename it, so that a reader sees the old one or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")  # zarr 3 and xarray agree on it
        encoding: dict[str, Any] = {str(name): {"chunks": array.shape or None} for name, array in dataset.variables.items() if array.ndim}
        dataset.to_zarr(partial, zarr_format=3, consolidated=True, encoding=encoding)
    if path.exists():
        path.replace(old)
    partial.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def open_store(path: Path) -> xr.Dataset:
    """A Zarr store in memory."""
    with xr.open_zarr(path, chunks=None) as dataset:
        return dataset.load()
