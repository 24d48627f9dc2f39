"""Manifests: small files in which a shard vouches for records. They are what Snakemake sees of a simulation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nessmap import object_store
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
    object_store.write_text(path, json.dumps(content, indent=0))


def renew_manifests(sweep: Sweep, results: Path) -> list[Path]:
    """Rewrite the sweep's manifests whose points became something else, so that Snakemake assembles them again.

    A manifest is compared with the log on the keys that it names, whatever the sweep wants now: that is Snakemake's to
    see. One that vouches for records that are gone is left as it is.
    """
    found = _manifests(results, sweep.name)
    index = PointLog(results / "points").scan(sweep.model_class.name) if found else {}
    renewed = []
    for path, content in found.items():
        statuses = statuses_of(content["points"], index)
        is_whole = content["sweep"] == sweep.name and Status.absent.name not in statuses.values()
        if is_whole and statuses != content.get("statuses"):
            changed = {**content, "statuses": statuses, "failed_points": n_failed(statuses)}
            object_store.write_text(path, json.dumps(changed, indent=0))
            renewed.append(path)
    return renewed


def renew_choices(sweep: Sweep, results: Path, choice: Mapping[str, Any], report: Report) -> list[Path]:
    """Rewrite the manifests of a refined sweep that vouch for another choice, so that Snakemake assembles this one."""
    found = _manifests(results, sweep.name)
    stale = [path for path, content in found.items() if content.get("refinement") != choice]
    for path in stale:
        write_manifest(path, sweep, sweep.points, report, choice)
    return stale


def vouched(results: Path) -> Mapping[Path, Mapping[str, Sequence[str]]]:
    """Every manifest, here and at home, with the points that it vouches for, and their records."""
    return {path: content["points"] for path, content in _manifests(results, "*", copies_too=True).items()}


def _manifests(results: Path, sweep: str, copies_too: bool = False) -> dict[Path, dict[str, Any]]:
    """Manifests of a sweep as they are at home, if results have one: a copy may be of before; copies_too: and those that are
    here alone."""
    home = object_store.home_of(results)
    found: dict[Path, bytes] = {}
    if home is None or copies_too:
        results = home.folder if home else results
        found = {path: path.read_bytes() for path in sorted(results.glob(f"{sweep}/shards/*.json"))}
    if home:
        there = home.sizes(home.folder if sweep == "*" else home.folder / sweep / "shards")
        named = sorted(path for path in there if path.match(f"{sweep}/shards/*.json"))
        found |= {path: content for path in named if (content := home.get(path))}
    return {path: json.loads(content) for path, content in found.items()}
