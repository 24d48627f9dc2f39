"""One unit of work: (model, protocol, statistics, stream) -> records. A unit is one block of lanes of one point."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from nessmap import identity
from nessmap.model import Array, Model
from nessmap.models import MODELS
from nessmap.protocols import PROTOCOLS, Protocol, State
from nessmap.statistics import STATISTICS

RESTART_STATE = "restart_state"  # stored beside the statistics: x (n_dim, n_lane) at the last step
RESTART_VERSION = 1


class Status(IntEnum):
    """What became of a point; `absent` is what an unwritten cell reads as."""

    absent = 0
    ok = 1
    unstable = 2
    diverged = 3
    short_run = 4
    failed = 5
    timeout = 6


@dataclass(frozen=True)
class Unit:
    """A block of lanes of one point, from step 0 to n_step, and the statistics wanted of it."""

    model: str
    parameters: Mapping[str, Any]
    protocol: str
    dt: float
    seed: int
    first_lane: int
    n_lane: int
    n_step: int
    statistics: tuple[str, ...]
    keep_state: bool = True
    timeout: float | None = None  # seconds of simulation, compilation not counted

    def build(self) -> Model:
        """The model; ParameterError if a value is outside its domain."""
        return MODELS[self.model](**self.parameters)

    def record_names(self, model: Model | None = None) -> list[identity.RecordName]:
        """The records this unit makes, the restart state last."""
        model = model or self.build()
        protocol = PROTOCOLS[self.protocol]
        path = identity.path(identity.stream(model, self.dt, self.seed), model, protocol.name, protocol.version)
        wanted = [(name, STATISTICS[name].version) for name in self.statistics]
        wanted += [(RESTART_STATE, RESTART_VERSION)] if self.keep_state else []
        lanes = (self.first_lane, self.n_lane)
        return [identity.RecordName(path, *lanes, self.n_step, name, version) for name, version in wanted]


class Record(NamedTuple):
    """A named array with what is worth knowing about its making; no array unless the status is ok."""

    name: identity.RecordName
    status: Status
    array: Array | None
    end: str  # digest of the final state: equal paths must agree on it
    wall_time: float  # seconds for the whole unit
    message: str = ""


class Restart(NamedTuple):
    """A shorter run of the same path: its final state and the sums it had collected."""

    state: State
    sums: Mapping[str, Array]


def rounded_up(n_step: int, n_dim: int, protocol: str) -> int:
    """n_step rounded up to whole blocks, so that a prolonged run sums in the same order as a fresh longer one."""
    block = PROTOCOLS[protocol].steps_per_block(n_dim)
    return -(-n_step // block) * block


_compiled: set[tuple[str, str, tuple[str, ...]]] = set()  # models, protocols and statistics that this process has run


def simulate(unit: Unit, restart: Restart | None = None) -> list[Record]:
    """Run a unit, from a restart if there is one, and return its records; failure is a status, not an exception."""
    began = time.perf_counter()
    model = unit.build()
    names = unit.record_names(model)

    def without_data(status: Status, message: str) -> list[Record]:
        return [Record(name, status, None, "", time.perf_counter() - began, message) for name in names]

    try:
        stability = model.stability()
        if not stability.leading_rate < 0:
            return without_data(
                Status.unstable, f"{stability.kind} instability, leading rate {stability.leading_rate:.6g}"
            )
        _compile(unit, model)
        began = time.perf_counter()
        status, arrays, end = _run(unit, model, restart, began)
    except Exception as error:  # whatever went wrong belongs to this point and must not sink its neighbours
        return without_data(Status.failed, f"{type(error).__name__}: {error}")
    if status is not Status.ok:
        return without_data(status, end)
    wall_time = time.perf_counter() - began
    return [Record(name, status, arrays[name.statistic], end, wall_time) for name in names]


def _compile(unit: Unit, model: Model) -> None:
    """Run a block and forget it, once in a process: it loads and compiles kernels, which is no part of a unit's time."""
    kernels = (unit.model, unit.protocol, unit.statistics)
    if kernels in _compiled:
        return
    protocol = _protocol(unit, model)
    _, block = protocol.advance(protocol.start(), protocol.steps_per_block(model.n_dim))
    for statistic in (STATISTICS[name] for name in unit.statistics):
        statistic.accumulate(statistic.zero(model), model, block)
    _compiled.add(kernels)


def _protocol(unit: Unit, model: Model) -> Protocol:
    key = identity.philox_key(identity.stream(model, unit.dt, unit.seed))
    return PROTOCOLS[unit.protocol](model, unit.dt, key, unit.first_lane, unit.n_lane)


def _run(unit: Unit, model: Model, restart: Restart | None, began: float) -> tuple[Status, dict[str, Array], str]:
    protocol = _protocol(unit, model)
    wanted = [STATISTICS[name] for name in unit.statistics]
    state = restart.state if restart else protocol.start()
    sums = {s.name: restart.sums[s.name].copy() if restart else s.zero(model) for s in wanted}
    block_length = protocol.steps_per_block(model.n_dim)
    while state.step < unit.n_step:
        state, block = protocol.advance(state, block_length)
        for statistic in wanted:
            statistic.accumulate(sums[statistic.name], model, block)
        if not np.isfinite(state.x).all():
            return Status.diverged, {}, f"not finite after step {state.step}"
        late = unit.timeout is not None and time.perf_counter() - began > unit.timeout
        if late and state.step < unit.n_step:
            return Status.timeout, {}, f"stopped at step {state.step} of {unit.n_step} after {unit.timeout:g} s"
    if not all(np.isfinite(total).all() for total in sums.values()):
        return Status.diverged, {}, "sums are not finite"
    return Status.ok, {**sums, RESTART_STATE: state.x}, hashlib.blake2b(state.x.tobytes(), digest_size=16).hexdigest()
