"""Which points make a job, how many jobs there are, and what each depends on: what Snakemake must know before any of it runs.

Up to EXACT points everything is asked of every point. Beyond, planning must not build a million models: shards are chosen by
the parameters of their points, and costs and mistakes are looked for in a sample; the rest of the mistakes stop their shard.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from nessmap import identity
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import RESTART_VERSION
from nessmap.statistics import STATISTICS
from nessmap.sweep import Point, Sweep

EXACT = 10_000  # points; building one takes 0.03 to 10 ms, whichever model it is of
SHARD_SECONDS = 3600.0  # a shard is about a core-hour
MAX_SHARDS = 64
WORKER_SECONDS = 10.0  # a worker that has less to do costs more than it saves
WORKER_POINTS = 100  # the same of aggregation, whose costs are not known beforehand


def n_point(sweep: Sweep) -> int:
    """Number of points, none of which is built."""
    return math.prod(sweep.shape)


def n_wanted(sweep: Sweep) -> int:
    """Number of points that a run may compute: all, or the budget of a refined sweep, which chooses them as it goes."""
    refine = sweep.settings.refine
    return refine.budget if refine and not sweep.places else n_point(sweep)


def sample(sweep: Sweep) -> Sequence[Point]:
    """All points; of a large sweep each value of each axis with the first, middle and last ones of the others."""
    if n_point(sweep) <= EXACT:
        return sweep.points
    others = [
        tuple(place(length) for length in sweep.shape) for place in (lambda _: 0, lambda n: n // 2, lambda n: n - 1)
    ]
    indices = {
        (*other[:axis], i, *other[axis + 1 :])
        for axis, length in enumerate(sweep.shape)
        for i in range(length)
        for other in others
    }
    return [sweep.point_at(index) for index in sorted(indices)]


def estimated_seconds(sweep: Sweep, points: Sequence[Point]) -> float:
    """Cost of the sweep on one core [s], from its points or a sample of them."""
    return sum(unit.seconds for point in points for unit in point.units) * n_wanted(sweep) / len(points)


def n_shard(sweep: Sweep) -> int:
    """Number of jobs: one below a core-hour, tens at most; one of a refined sweep, where all points decide what follows."""
    return _n_shard(sweep, estimated_seconds(sweep, sample(sweep)))


def _n_chosen(sweep: Sweep, seconds: float, wanted: int | None) -> int:
    """Number of jobs where a number is wanted: no more than there are points."""
    return _n_shard(sweep, seconds) if wanted is None or sweep.mesh else min(wanted, n_point(sweep))


def _n_shard(sweep: Sweep, seconds: float) -> int:
    return 1 if sweep.mesh else min(MAX_SHARDS, max(1, round(seconds / SHARD_SECONDS)))


def worthwhile_workers(sweep: Sweep, n_wanted_shard: int | None = None) -> dict[str, int]:
    """By rule how many workers have something to do: small sweeps are done sooner by one each, side by side."""
    seconds = estimated_seconds(sweep, sample(sweep))
    return {
        "simulate": max(1, round(seconds / _n_chosen(sweep, seconds, n_wanted_shard) / WORKER_SECONDS)),
        "aggregate": max(1, round(n_wanted(sweep) / WORKER_POINTS)),
    }


def shard(sweep: Sweep, k: int, of: int) -> tuple[Point, ...]:
    """The points of shard k: those whose key, or in a large sweep the digest of their parameters, is k modulo their number."""
    if n_point(sweep) <= EXACT:
        return tuple(point for point in sweep.points if int(point.key, 16) % of == k)
    chosen = zip(itertools.product(*map(range, sweep.shape)), _names(sweep), strict=True)
    return tuple(sweep.point_at(index) for index, name in chosen if _remainder(name, of) == k)


def digests(sweep: Sweep, n_wanted_shard: int | None = None) -> list[str]:
    """Of each shard a digest of the records that it wants: exactly the shards where it changes have something to do."""
    points = sample(sweep)
    of = _n_chosen(sweep, estimated_seconds(sweep, points), n_wanted_shard)
    if n_point(sweep) <= EXACT:
        wanted: list[list[str]] = [[] for _ in range(of)]
        for point in points:
            wanted[int(point.key, 16) % of] += point.record_keys()
        return [identity.digest(sorted(keys)) for keys in wanted]
    members: list[list[bytes]] = [[] for _ in range(of)]
    for name in _names(sweep):
        members[_remainder(name, of)].append(name)
    common = identity.canonical(_common(sweep, points))
    return [hashlib.blake2b(common + b"".join(sorted(names)), digest_size=16).hexdigest() for names in members]


def _names(sweep: Sweep) -> Iterator[bytes]:
    """Digest of the swept parameters that shape the path, point by point in index order."""
    texts = [
        [
            identity.canonical({n: v for n, v in setting.items() if sweep.declared[n].shapes_path})
            for setting in dimension.settings
        ]
        for dimension in sweep.dimensions
    ]
    return (
        hashlib.blake2b(b"".join(texts_of_point), digest_size=8).digest()
        for texts_of_point in itertools.product(*texts)
    )


def _remainder(name: bytes, of: int) -> int:
    return int.from_bytes(name, "big") % of


def _common(sweep: Sweep, points: Sequence[Point]) -> dict[str, Any]:
    """What the records of all points depend on besides the swept parameters: settings of the run, and versions of all code."""
    run = sweep.settings.run
    models = [point.model for point in points]
    versions = {
        identity.canonical(
            [
                m.name, m.version, m.code, m.integrator, m.kernel_file,
                identity.version_in(m.kernel_file), identity.versions_called(m.kernel_file),
            ]
        ).decode()
        for m in models
    }  # fmt: skip
    defaults = {name: repr(declared.default) for name, declared in sweep.declared.items()}
    protocol = PROTOCOLS[run.kind]
    return {
        "versions": sorted(versions),
        "stream": identity.version_in("random", "STREAM_VERSION"),
        "parameters": {**defaults, **{name: repr(value) for name, value in sweep.fixed.items()}},
        "protocol": [protocol.name, protocol.version],
        "statistics": [(name, STATISTICS[name].version) for name in sweep.statistics],
        "restart": [run.keep_state, RESTART_VERSION],
        "run": [run.dt, run.duration, run.seed, run.n_replica, sweep.n_disorder, run.start.model_dump()],
    }
