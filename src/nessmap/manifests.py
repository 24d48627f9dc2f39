"""Manifests: small files in which a shard vouches for records. They are what Snakemake sees of a simulation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nessmap.points import PointLog
from nessmap.shard import Report, n_failed, statuses_of
from nessmap.simulate import Status
from nessmap.sweep import Point, Sweep


def write_manifest(
    path: Path, sweep: Sweep, points: Sequence[Point], report: Report, refinement: Mapping[str, Any] | None = None
) -> None:
    """The shard's output for Snakemake: the keys it vouches for, and what became of each point; of a refined sweep its choice.

    It holds no times, so that an idle rerun changes nothing.
    """
    content = {
        "sweep": sweep.name,
        "points": {point.key: point.record_keys() for point in points},
        "statuses": report.statuses,
        "units": report.wanted,
        "failed_points": report.failed,
        **({"refinement": dict(refinement)} if refinement else {}),
    }
    _write(path, content)


def renew_manifests(sweep: Sweep, results: Path) -> list[Path]:
    """Rewrite the sweep's manifests whose points became something else, so that Snakemake assembles them again.

    A manifest is compared with the log on the keys that it names, whatever the sweep wants now: that is Snakemake's to
    see. One that vouches for records that are gone is left as it is.
    """
    paths = sorted((results / sweep.name / "shards").glob("*.json"))
    index = PointLog(results / "points").scan(sweep.model_class.name) if paths else {}
    renewed = []
    for path in paths:
        content = json.loads(path.read_text())
        statuses = statuses_of(content["points"], index)
        is_whole = content["sweep"] == sweep.name and Status.absent.name not in statuses.values()
        if is_whole and statuses != content.get("statuses"):
            _write(path, {**content, "statuses": statuses, "failed_points": n_failed(statuses)})
            renewed.append(path)
    return renewed


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid.uuid4().hex}.partial")  # two nodes may have the same process numbers
    partial.write_text(json.dumps(content, indent=0))
    partial.replace(path)
