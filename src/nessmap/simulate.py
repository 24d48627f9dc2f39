"""One unit of work: (model, protocol, statistics, stream) -> records. A unit is one block of lanes of one point."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from nessmap import identity
from nessmap.model import Array, Block, Model, Run, Start
from nessmap.models import model_class
from nessmap.protocols import PROTOCOLS, Protocol, State
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.statistics import N_GROUP, STATISTICS

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

    model: str  # name, or file and class
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
    start: Start | None = None  # where a transient begins
    n_replica: int = 0  # lanes of the point in all its units
    n_disorder: int = 0  # realisations of disorder, each a unit; 0 where there is none
    seconds: float = field(default=0.0, compare=False)  # estimated cost on one core; no part of what the unit is

    def build(self) -> Model:
        """The model; ParameterError if a value is outside its domain."""
        return model_class(self.model)(**self.parameters)

    @property
    def run(self) -> Run:
        """What statistics and observables may know of the run."""
        return Run(self.dt, self.n_step, self.n_replica, self.start or Start(), self.n_disorder)

    @property
    def realisation(self) -> int:
        """Which realisation of the disorder it is; each has a range of lanes of its own."""
        return self.first_lane // LANES_PER_UNIT

    def record_names(self, model: Model | None = None) -> list[identity.RecordName]:
        """The records this unit makes, the restart state last."""
        return self.names_on(self.path(model or self.build()))

    def stream(self, model: Model) -> str:
        """Name of the random stream; the model is the unit's own."""
        return identity.stream(model, self.dt, self.seed)

    def path(self, model: Model, stream: str = "") -> str:
        """Name of the path, which all units of a point share; the model is the unit's own, and so is the stream, if given."""
        protocol = PROTOCOLS[self.protocol]
        return identity.path(stream or self.stream(model), model, protocol.name, protocol.version, self.start)

    def names_on(self, path: str) -> list[identity.RecordName]:
        """The records this unit makes, the restart state last."""
        wanted = [(name, STATISTICS[name].version) for name in self.statistics]
        wanted += [(RESTART_STATE, RESTART_VERSION)] if self.keep_state else []
        piece = (path, self.first_lane, self.n_lane, self.n_step)
        return [identity.RecordName(*piece, name, version) for name, version in wanted]


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
    unit = PROTOCOLS[protocol].step_unit(n_dim)
    return -(-n_step // unit) * unit


def group_means(units: Sequence[Unit], sums: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """{statistic: (n, n_group)} of a point from the sums of its units: 16 groups of lanes, or a group for each realisation."""
    run = units[0].run
    if run.n_disorder:
        columns = [
            {name: own.sum(axis=1) / unit.n_lane for name, own in made.items()}
            for unit, made in zip(units, sums, strict=True)
        ]
        return {
            name: np.stack([c[name] for c in columns], axis=1) / STATISTICS[name].n_term(run) for name in columns[0]
        }
    lanes_per_group = sum(unit.n_lane for unit in units) / N_GROUP
    total: dict[str, Array] = {}
    for made in sums:
        for name, own in made.items():
            total[name] = total[name] + own if name in total else own
    return {name: array / (STATISTICS[name].n_term(run) * lanes_per_group) for name, array in total.items()}


_compiled: set[tuple[str, str, tuple[str, ...]]] = set()  # models, protocols and statistics that this process has run


def simulate(unit: Unit, restart: Restart | None = None) -> list[Record]:
    """Run a unit, from a restart if there is one, and return its records; failure is a status, not an exception."""
    began = time.perf_counter()
    model = unit.build()
    stream = unit.stream(model)
    names = unit.names_on(unit.path(model, stream))

    def without_data(status: Status, message: str) -> list[Record]:
        return [Record(name, status, None, "", time.perf_counter() - began, message) for name in names]

    try:
        model.probe()
        stability = model.stability()
        if not model.is_stationary(stability):
            known = f"{stability.kind} instability, leading rate {stability.leading_rate:.6g}"
            return without_data(Status.unstable, stability.kind if np.isnan(stability.leading_rate) else known)
        model = model.realisation(unit.realisation, unit.seed)
        _compile(unit, model, stream)
        began = time.perf_counter()
        status, arrays, end = _run(unit, model, stream, restart, began)
    except Exception as error:  # whatever went wrong belongs to this point and must not sink its neighbours
        return without_data(Status.failed, f"{type(error).__name__}: {error}")
    if status is not Status.ok:
        return without_data(status, end)
    wall_time = time.perf_counter() - began
    return [Record(name, status, arrays[name.statistic], end, wall_time) for name in names]


def _compile(unit: Unit, model: Model, stream: str) -> None:
    """Run a block and forget it, once in a process: it loads and compiles kernels, which is no part of a unit's time."""
    kernels = (unit.model, unit.protocol, unit.statistics)
    if kernels in _compiled:
        return
    protocol = _protocol(unit, model, stream)
    start = protocol.rough_start()
    for statistic in (STATISTICS[name] for name in unit.statistics):
        n_step = statistic.segment // statistic.every or protocol.steps_per_block(model.n_dim)
        statistic.accumulate(statistic.zero(model), model, protocol.advance(start, n_step)[1])
    _compiled.add(kernels)


def _protocol(unit: Unit, model: Model, stream: str) -> Protocol:
    return PROTOCOLS[unit.protocol](model, unit.run, identity.philox_key(stream), unit.first_lane, unit.n_lane)


class Segments:
    """Gathers blocks into pieces of a fixed length, for statistics that look further than a block; a longer block is whole
    pieces already. Of a piece the states 0, every, 2 every, ... are kept: all of a large network would fill the memory."""

    def __init__(self, length: int, every: int = 1) -> None:
        self.length, self.every = length, every
        self._x = np.empty(0)
        self._scalars: dict[str, Array] = {}

    def add(self, block: Block) -> Block | None:
        """The segment that this block completes, if it does; its array is reused for the next one."""
        n_step = len(block.x) - 1
        if n_step % self.length == 0:
            return block._replace(x=block.x[:: self.every])
        if not self._x.size:
            self._x = np.empty((self.length // self.every + 1, *block.x.shape[1:]))
            self._scalars = {name: np.empty((self.length, *a.shape[1:])) for name, a in block.scalars.items()}
        within = block.step % self.length
        kept = block.x[-within % self.every :: self.every]
        first = -(-within // self.every)
        self._x[first : first + len(kept)] = kept
        for name, gathered in self._scalars.items():
            gathered[within : within + n_step] = block.scalars[name]
        if within + n_step < self.length:
            return None
        return block._replace(step=block.step + n_step - self.length, x=self._x, scalars=self._scalars)


def _run(
    unit: Unit, model: Model, stream: str, restart: Restart | None, began: float
) -> tuple[Status, dict[str, Array], str]:
    protocol = _protocol(unit, model, stream)
    wanted = [STATISTICS[name] for name in unit.statistics]
    state = restart.state if restart else protocol.start()
    sums = {s.name: restart.sums[s.name].copy() if restart else s.zero(model) for s in wanted}
    block_length = protocol.steps_per_block(model.n_dim)
    lengths = sorted({(s.segment, s.every) for s in wanted if s.segment})
    segments = {(length, every): Segments(length, every) for length, every in lengths}
    while state.step < unit.n_step:
        state, block = protocol.advance(state, min(block_length, unit.n_step - state.step))
        pieces = {(0, 1): block, **{kept: segment.add(block) for kept, segment in segments.items()}}
        for statistic in wanted:
            if (piece := pieces[statistic.segment, statistic.every]) is not None:
                statistic.accumulate(sums[statistic.name], model, piece)
        if not np.isfinite(state.x).all():
            return Status.diverged, {}, f"not finite after step {state.step}"
        late = unit.timeout is not None and time.perf_counter() - began > unit.timeout
        if late and state.step < unit.n_step:
            return Status.timeout, {}, f"stopped at step {state.step} of {unit.n_step} after {unit.timeout:g} s"
    for statistic in wanted:
        statistic.finish(sums[statistic.name], model)
    if not all(np.isfinite(total).all() for total in sums.values()):
        return Status.diverged, {}, "sums are not finite"
    return Status.ok, {**sums, RESTART_STATE: state.x}, hashlib.blake2b(state.x.tobytes(), digest_size=16).hexdigest()
