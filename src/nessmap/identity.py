"""What makes two computations the same: streams, paths and records, named by digests of canonical JSON.

stream = (model, the parameters that shape the path, dt, root seed, stream version): it keys the random numbers
path   = stream + versions of kernel, model, protocol + integrator: equal paths are equal to the bit
record = path + lanes + steps + statistic: the unit that is stored

No duration, number of replicas or hash of code enters a stream: longer runs prolong the same path, more replicas add lanes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from nessmap.model import Model, Start

_KERNELS = Path(__file__).parent / "kernels"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)  # json.dumps would make one a call


def canonical(content: Any) -> bytes:
    """JSON with sorted keys and no spaces; a NaN or an unknown type is an error, not a silent difference."""
    return _ENCODER.encode(content).encode()


def digest(content: Any) -> str:
    """blake2b of canonical JSON, 32 hexadecimal digits.

    >>> digest({"b": 1, "a": 2.0}) == digest({"a": 2.0, "b": 1})
    True
    """
    return hashlib.blake2b(canonical(content), digest_size=16).hexdigest()


def _digest_of_text(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1 << 14, typed=True)  # 1 and 1.0 are equal
def _item(name: str, value: str | float) -> str:
    """A name and its value as they stand in canonical JSON."""
    # a finite number is written as Python writes it; the encoder takes ten times as long to find that out
    text = repr(value) if type(value) is float and math.isfinite(value) else _ENCODER.encode(value)
    return f"{_quoted(name)}:{text}"


@lru_cache
def _quoted(name: str) -> str:
    return _ENCODER.encode(name)


def _mapping(content: Mapping[str, Any]) -> str:
    """Canonical JSON of a mapping. What it holds is remembered: from point to point of a sweep most of it is the same.

    Only of types whose equal values are written alike: 0.0 equals -0.0, and (1,) equals (1.0,).
    """
    items = []
    for name in sorted(content):
        value = content[name]
        kind = type(value)
        if kind is str or kind is int or (kind is float and value != 0.0):
            items.append(_item(name, value))
        elif kind is float:
            items.append(f"{_quoted(name)}:{value!r}")
        else:
            items.append(f"{_quoted(name)}:{'[]' if kind is tuple and not value else _ENCODER.encode(value)}")
    return f"{{{','.join(items)}}}"


@lru_cache
def version_in(kernel_file: str, constant: str = "KERNEL_VERSION") -> int:
    """An integer constant of a kernel file, read and not imported: planning a sweep must not load numba."""
    tree = ast.parse((_KERNELS / f"{kernel_file}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == constant for t in node.targets):
            return int(ast.literal_eval(node.value))
    raise LookupError(f"kernels/{kernel_file}.py has no {constant}")


@lru_cache
def versions_called(kernel_file: str) -> dict[str, int]:
    """KERNEL_VERSION of the kernel files that one imports, and of those that they import: their edits change its numbers."""
    found: dict[str, int] = {}
    for node in ast.parse((_KERNELS / f"{kernel_file}.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nessmap.kernels."):
            name = str(node.module).removeprefix("nessmap.kernels.")
            if name != "random":  # whose version is the stream's
                found |= {name: version_in(name), **versions_called(name)}
    return found


def stream(model: Model, dt: float, seed: int) -> str:
    """Name of the random stream; its first 64 bits key Philox."""
    before, after = _around_parameters(model.name, dt, seed, version_in("random", "STREAM_VERSION"))
    return _digest_of_text(f"{before}{_mapping(model.path_parameters())}{after}")


@lru_cache(typed=True)  # a dt of 1 and one of 1.0 are equal
def _around_parameters(model: str, dt: float, seed: int, version: int) -> tuple[str, str]:
    """The canonical JSON of a stream before and after its parameters; names are in alphabetical order."""
    return (
        f'{{"dt":{_ENCODER.encode(dt)},"model":{_ENCODER.encode(model)},"parameters":',
        f',"seed":{seed},"stream_version":{version}}}',
    )


def philox_key(stream_name: str) -> int:
    """The 64-bit Philox key of a stream."""
    return int(stream_name[:16], 16)


def path(stream_name: str, model: Model, protocol: str, protocol_version: int, start: Start | None = None) -> str:
    """Name of everything that determines the trajectory's bits; start where the model's law does not give it."""
    scheme = (model.code, model.kernel_file, model.integrator, model.version, protocol, protocol_version)
    before = _before_stream(*scheme, None if start is None else _ENCODER.encode(start._asdict()))
    return _digest_of_text(f'{before}"stream":"{stream_name}"}}')


@lru_cache
def _before_stream(
    code: str, kernel_file: str, integrator: str, version: int, protocol: str, protocol_version: int, start: str | None
) -> str:
    """The canonical JSON of a path before the stream, which is the last of its names in alphabetical order."""
    content = {
        **({"code": code} if code else {}),
        "kernel": [kernel_file, version_in(kernel_file)],
        **({"called": called} if (called := versions_called(kernel_file)) else {}),
        "integrator": integrator,
        "model_version": version,
        "protocol": [protocol, protocol_version],
    }
    text = canonical(content).decode().removesuffix("}")
    return f'{text},"start":{start},' if start else f"{text},"


class RecordName(NamedTuple):
    """Which statistic of which piece of which path; steps run from 0 to n_step."""

    path: str
    first_lane: int
    n_lane: int
    n_step: int
    statistic: str
    version: int

    @property
    def key(self) -> str:
        """The record's digest."""
        # canonical JSON of the list of them; written out, because a sweep asks for it a million times
        path, first_lane, n_lane, n_step, statistic, version = self
        return _digest_of_text(f'["{path}",{first_lane},{n_lane},{n_step},"{statistic}",{version}]')
