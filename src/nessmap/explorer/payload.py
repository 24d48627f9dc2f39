"""From a phase diagram to what its page holds: facts as JSON, numbers packed small.

A number is kept to the digits that its error leaves it: float32 with a rounded mantissa, its bytes sorted by significance, so
that equal ones lie together, deflated, in base64.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nessmap.figures import zscores
from nessmap.figures.knots import geometric, knots

MANTISSA = 23  # bits of a float32
ERROR_BITS = 7  # of a standard error: 0.4 %
THEORY_BITS = 15
LINE_BITS = 12  # a line is for the eye
LARGEST = 60_000  # numbers in lines of theory: finer than the grid, and left out where they would fill the page

Array = NDArray[np.floating[Any]]


def packed(values: Array, bits: int = MANTISSA, smooth: bool = False) -> str:
    """An array as text: float32, mantissa rounded to so many bits, bytes shuffled, deflated, base64.

    smooth: differences of neighbours instead, which of a smooth function are small.

    >>> len(packed(np.ones(1000)))
    44
    """
    words = np.ascontiguousarray(values, np.float32).view(np.uint32).ravel()
    dropped = MANTISSA - min(bits, MANTISSA)
    if dropped:
        whole = np.isfinite(values).ravel()
        rounded = (words + np.uint32(1 << (dropped - 1))) & ~np.uint32((1 << dropped) - 1)
        words = np.where(whole, rounded, words)
    # one NaN for all, so that empty cells cost nothing
    words = np.where(np.isnan(values).ravel(), np.uint32(0x7FC00000), words).astype("<u4")
    if smooth:
        words = np.diff(words >> np.uint32(dropped), prepend=np.uint32(0)).astype("<u4")
    return deflated(words.view(np.uint8).reshape(-1, 4).T.tobytes())


def deflated(content: bytes) -> str:
    """Bytes as text: deflated, in base64."""
    # level and window fixed: the same numbers make the same page
    return base64.b64encode(zlib.compress(content, 9)).decode()


def bits_of(values: Array, errors: Array) -> int:
    """Mantissa bits that keep a value to 1/64 of its standard error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = np.abs(values) / errors
    digits = digits[np.isfinite(digits)]
    return int(np.clip(math.ceil(math.log2(max(float(np.max(digits, initial=1.0)), 1.0))) + 5, 10, MANTISSA))


def observables(dataset: xr.Dataset) -> list[str]:
    """The observables of a phase diagram, in its order."""
    return [str(name) for name in dataset.data_vars if f"{name}_standard_error" in dataset]


def payload(dataset: xr.Dataset, command: str, elsewhere: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything the page shows of a phase diagram, ready for JSON; command recomputes a point when NAME=VALUE follow it.

    elsewhere: the file beside it that has an observable, of each that this page leaves to another.
    """
    dims = [str(dim) for dim in dataset["status"].dims]
    names = observables(dataset)
    own = list(dict.fromkeys(str(dim) for name in names for dim in dataset[name].dims if str(dim) not in dims))
    attributes = dataset.attrs
    return {
        "title": attributes.get("title") or attributes["sweep"],
        "sweep": attributes["sweep"],
        "model": attributes["model"],
        "command": command,
        "source": f"{attributes['source']}, commit {str(attributes.get('git_commit', 'unknown'))[:12]}",
        "seed": str(attributes["seed"]),
        "kernel": str(attributes["kernel_version"]),
        "digest": attributes["content_digest"],
        "axes": [_axis(dataset, dim) for dim in (*dims, *own)],
        "n_swept": len(dims),
        "status": deflated(dataset["status"].values.astype(np.uint8).tobytes()),
        "statuses": str(dataset["status"].attrs["flag_meanings"]).split(),
        "rate": packed(dataset["leading_rate"].values, THEORY_BITS),
        "rate_lines": _lines(dataset, "leading_rate_line_{}", dims, LARGEST),
        "wall_time": packed(dataset["wall_time"].values, ERROR_BITS),
        "keys": deflated(b"".join(bytes.fromhex(key) for key in dataset["key"].values.ravel())),
        "boundaries": _boundaries(dataset),
        "law": zscores.law_of(dataset)._asdict(),
        "observables": _observables(dataset, names, dims, elsewhere or {}),
    }


def _boundaries(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """What a refined sweep located: where each boundary is, along which axis, and how well that is known there."""
    if "boundary_of" not in dataset:
        return []
    which, along = (np.array([str(v) for v in dataset[f"boundary_{part}"].values]) for part in ("of", "axis"))
    names = [str(c) for c in dataset.coords if f"boundary_{c}" in dataset]
    made = []
    for words in dict.fromkeys(which.tolist()):
        own = np.flatnonzero(which == words)
        places = {name: _places(dataset[f"boundary_{name}"].values[own], along[own] == name) for name in names}
        errors = [_short(v) for v in dataset["boundary_error"].values[own]]
        made.append({"of": words, "axis": along[own].tolist(), "error": errors, "places": places})
    return made


def _places(values: NDArray[Any], crossed: NDArray[np.bool_]) -> list[float | str | None]:
    """Positions of crossings along one axis: where they cross an edge, to what an eye can tell.

    Where the edge lies along another axis: the coordinate of its points to the last digit, by which the page finds them.
    """
    found = zip(values, crossed, strict=True)
    return [str(v) if isinstance(v, str | np.str_) else _short(v) if c else float(v) for v, c in found]


def _short(value: Any) -> float | None:
    """A number to seven digits, as JSON has them."""
    return float(f"{float(value):.7g}") if np.isfinite(value) else None


def _axis(dataset: xr.Dataset, dim: str) -> dict[str, Any]:
    """A dimension and the coordinates along it: one of its own name, or those that a list of points sets."""
    along = [dim] if dim in dataset.coords else [str(c) for c in dataset.coords if dataset.coords[c].dims == (dim,)]
    return {"name": dim, "n": dataset.sizes[dim], "coordinates": [_coordinate(dataset, name) for name in along]}


def _coordinate(dataset: xr.Dataset, name: str) -> dict[str, Any]:
    variable = dataset.coords[name]
    words = variable.dtype.kind in "OUT"
    values = [str(v) if words else float(v) for v in variable.values]
    facts = {key: str(variable.attrs.get(key, default)) for key, default in (("long_name", name), ("units", "1"))}
    # the scale that a figure has along it, too
    scale = {"geometric": not words and geometric(knots(dataset, name))}
    return {"name": name, "words": words, "values": values, **facts, **scale, "refined": _is_refined(dataset, name)}


def _is_refined(dataset: xr.Dataset, name: str) -> bool:
    """Whether cells were halved along it."""
    made = json.loads(dataset.attrs.get("refinement", '{"axes": [], "halved": []}'))
    return bool(dict(zip(made["axes"], made["halved"], strict=True)).get(name))


def _observables(
    dataset: xr.Dataset, names: list[str], dims: list[str], elsewhere: Mapping[str, str]
) -> list[dict[str, Any]]:
    room = LARGEST
    made: list[dict[str, Any]] = []
    for name in names:
        variable = dataset[name]
        named = {
            "name": name,
            "long_name": str(variable.attrs["long_name"]),
            "axes": [str(dim) for dim in variable.dims],
        }
        if name in elsewhere:
            made.append({**named, "file": elsewhere[name]})
            continue
        value, error = variable.values, dataset[f"{name}_standard_error"].values
        theory, expected = dataset[f"{name}_theory"].values, dataset[f"{name}_expected"].values
        lines = _lines(dataset, f"{name}_theory_line_{{}}", dims, room)
        bits = bits_of(value, error)
        unbiased = np.array_equal(theory, expected, equal_nan=True)
        room -= sum(dataset[f"{name}_theory_line_{dim}"].size for dim in lines)
        made.append(
            {
                **named,
                "units": str(variable.attrs["units"]),
                "signed": bool(variable.attrs.get("signed", 0)),
                "theory_kind": str(variable.attrs.get("theory_kind", "")),
                "source": str(variable.attrs.get("references", "")),
                "scores": _scores(dataset, name),
                "value": packed(value, bits),
                "error": packed(error, ERROR_BITS),
                # what is expected has the value's digits, because z is made of their difference
                "theory": packed(theory, max(THEORY_BITS, bits) if unbiased else THEORY_BITS),
                "expected": "" if unbiased else packed(expected, bits),
                "flag": deflated(dataset[f"{name}_flag"].values.astype(np.uint8).tobytes()),
                "flags": str(dataset[f"{name}_flag"].attrs["flag_meanings"]).split(),
                "lines": lines,
            }
        )
    return made


def _scores(dataset: xr.Dataset, name: str) -> dict[str, Any] | None:
    """What figures quote of the z-scores of an observable, and whether a law is expected of them; None where none count."""
    value, error, expected = (dataset[f"{name}{part}"] for part in ("", "_standard_error", "_expected"))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (value - expected) / error
    parts = xr.broadcast(z, dataset["status"], dataset[f"{name}_flag"])
    found = zscores.numbers(zscores.usable(*(np.asarray(part.values, float) for part in parts)))
    return {**found._asdict(), "exact": not zscores.approximate(value.attrs)} if found.n else None


def _lines(dataset: xr.Dataset, pattern: str, dims: list[str], room: int) -> Mapping[str, Any]:
    """Theory finer than the grid along each axis that has it, that axis last, as long as there is room."""
    made = {}
    for dim in dims:
        label = pattern.format(dim)
        if label in dataset and dataset[label].size <= room:
            room -= dataset[label].size
            fine = dataset.coords[f"{dim}_line"].values
            values = np.moveaxis(dataset[label].values, dataset[label].dims.index(f"{dim}_line"), -1)
            made[dim] = {
                "at": packed(fine),
                "values": packed(values, LINE_BITS, smooth=True),
                "dropped": MANTISSA - LINE_BITS,
            }
    return made
