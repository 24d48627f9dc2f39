"""From the point log to points.zarr: per point the group means of every statistic, its status and its key."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nessmap import choices
from nessmap.model import Array
from nessmap.points import Entry, PointLog, outcome
from nessmap.simulate import RESTART_STATE, Status, group_means
from nessmap.statistics import N_GROUP
from nessmap.sweep import Point, Sweep


class MissingRecords(RuntimeError):
    """The log, or what the shards' manifests vouch for, lacks records that the sweep wants."""


def assemble(sweep: Sweep, folder: Path, manifests: Sequence[Path]) -> xr.Dataset:
    """Group means of every point, from the log.

    Raises
    ------
    MissingRecords : the manifests, where any are given, are another sweep's or do not vouch for every record that the
        sweep wants, or a record that they vouch for is not there; the message says the remedy.
    """
    if sweep.mesh is not None and not sweep.places:
        sweep = _chosen(sweep, folder.parent, manifests)
    point_log = PointLog(folder)
    index = point_log.scan(sweep.model_class.name)
    vouched = _vouched(sweep, folder.parent, manifests) if manifests else set()
    _require(sweep, point_log, len(vouched - index.keys()), len(vouched))
    entries = [[index.get(key) for key in point.record_keys()] for point in sweep.points]
    return _dataset(sweep, _means(sweep, point_log, entries), entries)


def _means(
    sweep: Sweep, point_log: PointLog, entries: Sequence[Sequence[Entry | None]]
) -> list[dict[str, Array] | None]:
    """Group means of every point; the sums of a point are let go as soon as all of them have been read."""
    # by key: cells whose parameters shape the same path share its records
    wanted: dict[str, Entry] = {}
    waiting: dict[str, list[int]] = {}  # the points that a record is part of
    lacking: list[int] = []  # how many records a point still waits for
    for i, (point, found) in enumerate(zip(sweep.points, entries, strict=True)):
        own = {
            key: e
            for key, e in zip(point.record_keys(), found, strict=True)
            if e and e.array and e.name.statistic != RESTART_STATE
        }
        wanted |= own
        lacking.append(len(own))
        for key in own:
            waiting.setdefault(key, []).append(i)
    means: list[dict[str, Array] | None] = [None] * len(entries)
    arrays: dict[str, Array] = {}
    n_read = 0
    for entry, array in point_log.read(wanted.values()):
        key = entry.name.key
        arrays[key] = array.copy()  # a view would keep its whole segment
        n_read += 1
        for i in waiting[key]:
            lacking[i] -= 1
            if not lacking[i]:
                means[i] = _group_means(sweep.points[i], entries[i], arrays)
        for done in [k for i in waiting[key] if not lacking[i] for k in sweep.points[i].record_keys()]:
            if done in arrays and not any(lacking[i] for i in waiting[done]):
                del arrays[done]
    _require(sweep, point_log, len(wanted) - n_read, len(wanted))
    return means


def _chosen(sweep: Sweep, results: Path, manifests: Sequence[Path]) -> Sweep:
    """A refined sweep with the points that its manifest vouches for; without one, with those that were chosen so far."""
    if not manifests:
        return choices.so_far(sweep, results)
    choice = choices.choice_in(sweep, json.loads(manifests[0].read_text()).get("refinement", {}))
    if choice is None:
        remedy = f"make it anew with: {sweep.command_line('simulate', results)} --manifest {manifests[0]}"
        raise MissingRecords(f"{manifests[0]}: was made with other settings of {sweep.name}'s refine or run; {remedy}")
    return sweep.at_places(choice.places)


def _vouched(sweep: Sweep, results: Path, manifests: Sequence[Path]) -> set[str]:
    remedy = f"make the manifests of all shards with: {sweep.command_line('simulate', results)} --manifest FILE"
    vouched: set[str] = set()
    for path in manifests:
        content = json.loads(path.read_text())
        if content["sweep"] != sweep.name:
            raise MissingRecords(f"{path}: vouches for {content['sweep']}, expected {sweep.name}; {remedy}")
        vouched |= {key for keys in content["points"].values() for key in keys}
    wanted = {key for point in sweep.points for key in point.record_keys()}
    if unvouched := len(wanted - vouched):
        found = f"{unvouched} of {len(wanted)} records are not in the manifests given"
        raise MissingRecords(f"{sweep.name}: {found}; {remedy}, then repeat this")
    return vouched


def _require(sweep: Sweep, point_log: PointLog, n_missing: int, n_record: int) -> None:
    if not n_missing:
        return
    aside = f" (damaged segments set aside: {len(point_log.damaged)})" if point_log.damaged else ""
    raise MissingRecords(
        f"{sweep.name}: {n_missing} of {n_record} records are not in {point_log.folder}{aside}; "
        f"compute them with: {sweep.command_line('simulate', point_log.folder.parent)}, then repeat this"
    )


def _group_means(point: Point, entries: Sequence[Entry | None], arrays: Mapping[str, Array]) -> dict[str, Array] | None:
    """{statistic: (n, n_group)} over all units; None unless every record is there and ok."""
    if any(entry is None or entry.status is not Status.ok for entry in entries):
        return None
    sums = [
        {name.statistic: arrays[key] for name, key in zip(names, keys, strict=True) if name.statistic != RESTART_STATE}
        for _, names, keys in point.pieces()
    ]
    return group_means(point.units, sums)


def _dataset(
    sweep: Sweep, means: Sequence[dict[str, Array] | None], entries: Sequence[Sequence[Entry | None]]
) -> xr.Dataset:
    n_point = len(means)
    dataset = xr.Dataset(attrs={"sweep": sweep.name, "model": sweep.model_class.name})
    for statistic in sweep.statistics:
        present = {i: m.pop(statistic) for i, m in enumerate(means) if m is not None}  # not twice in memory
        length = max((len(array) for array in present.values()), default=0)
        # models of different size share one array; what a smaller one does not fill stays NaN
        n_group = max((array.shape[1] for array in present.values()), default=sweep.n_disorder or N_GROUP)
        padded = np.full((n_point, length, n_group), np.nan)
        for i, array in present.items():
            padded[i, : len(array), : array.shape[1]] = array
        dataset[statistic] = (("point", f"{statistic}_entry", "disorder" if sweep.n_disorder else "group"), padded)
    became = [outcome(point) for point in entries]
    dataset["status"] = ("point", [int(status) for status, _ in became])
    dataset["wall_time"] = ("point", [_wall_time(point) for point in entries], {"units": "s"})
    dataset["message"] = ("point", np.array([message for _, message in became], object))
    dataset["key"] = ("point", np.array([point.key for point in sweep.points], object))  # object: text of any length
    if sweep.places:
        dataset["place"] = (("point", "axis"), np.array(sweep.places))
        dataset["doublings"] = ("point", np.array(sweep.doublings))
    return dataset


def _wall_time(entries: Iterable[Entry | None]) -> float:
    """Seconds over all units; the records of a unit share its time."""
    return sum({entry.name[:3]: entry.wall_time for entry in entries if entry}.values())


def write_store(dataset: xr.Dataset, path: Path) -> None:
    """Write a Zarr store in a folder of its own, move the one that is there away and rename: nobody sees half a store.

    A folder cannot be renamed onto another, so between the two renames there is none; a process killed there leaves
    none, and the same command makes it. What killed processes of this machine left behind is removed.
    """
    own = f".{path.name}.{platform.node()}.{os.getpid()}"
    partial, old = path.with_name(f"{own}.partial"), path.with_name(f"{own}.old")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    shutil.rmtree(partial, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Consolidated metadata is currently not part"
        )  # zarr 3 and xarray agree on it
        encoding: dict[str, Any] = {
            str(name): {"chunks": array.shape or None} for name, array in dataset.variables.items() if array.ndim
        }
        dataset.to_zarr(partial, zarr_format=3, consolidated=True, encoding=encoding)
    for attempt in range(2):
        if path.exists():
            path.replace(old)
        try:
            partial.replace(path)
        except OSError as error:  # another process put its store there since
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt:
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            break
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes of this machine that no longer run left of a store."""
    for folder in path.parent.glob(f".{path.name}.{platform.node()}.*"):
        pid = folder.stem.rpartition(".")[2]
        if folder.suffix in (".partial", ".old") and pid.isdecimal() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


def open_store(path: Path) -> xr.Dataset:
    """A Zarr store in memory. Raises MissingRecords if there is none."""
    if not path.exists():
        raise MissingRecords(f"{path}: no such store; `snakemake` makes it")
    with xr.open_zarr(path, chunks=None) as stored:
        dataset: xr.Dataset = stored.load()
        return dataset
