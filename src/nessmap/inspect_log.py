"""What people ask of the point log: merge its segments, remove what nobody wants, forget points; and open what was made."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nessmap import upkeep
from nessmap.choices import so_far
from nessmap.inspect_sweep import find_points, log_folder
from nessmap.points import Entry, PointLog, outcome
from nessmap.shard import FAILURES
from nessmap.sweep import Sweep

_DAY = 86400.0


def compact(results: Path, as_json: bool) -> int:
    """Merge small segments, make the index anew, and say how many files are left."""
    folder = log_folder(results)
    before, after = upkeep.compact(folder)
    upkeep.rebuild_index(folder)
    _say({"segments_before": before, "segments_after": after}, f"{folder}: {before} segments are now {after}", as_json)
    return 0


def collect_garbage(results: Path, sweeps: Iterable[Sweep], days: float, delete: bool, as_json: bool) -> int:
    """Remove, or count, the records that no manifest below results and none of the sweeps wants, older than some days."""
    folder, now = log_folder(results), time.time()
    wanted = upkeep.wanted_keys(results, (so_far(sweep, results) for sweep in sweeps))
    ages: dict[Path, float] = {}

    def unwanted(entry: Entry) -> bool:
        if entry.segment not in ages:
            ages[entry.segment] = now - entry.segment.stat().st_mtime
        return entry.name.key not in wanted and ages[entry.segment] >= days * _DAY

    removal = upkeep.remove(folder, unwanted, leftovers=True, dry_run=not delete)
    size, what = f"{removal.n_byte / 1e6:.3g} MB", f"{removal.n_record} records that nobody wants"
    words = f"{what} ({removal.n_segment} whole segments) and {len(removal.files)} leftover files, {size}"
    _say_removal(removal, words, delete, as_json, {})
    return 0


def forget(sweep: Sweep, words: Sequence[str], failed: bool, results: Path, delete: bool, as_json: bool) -> int:
    """Remove, or count, the records of points; with failed only of those that failed."""
    points = find_points(so_far(sweep, results), words)
    if failed:
        index = PointLog(log_folder(results)).scan(sweep.model_class.name)
        points = [p for p in points if outcome(map(index.get, p.record_keys()))[0] in FAILURES]
    keys = {key for point in points for key in point.record_keys()}
    removal, stale = upkeep.forget(results, log_folder(results), keys, dry_run=not delete)
    said = f"{removal.n_record} records of {len(points)} points of {sweep.name}, and {len(stale)} manifests"
    _say_removal(removal, said, delete, as_json, {"points": len(points), "manifests": [str(path) for path in stale]})
    return 0


def _say_removal(removal: upkeep.Removal, words: str, delete: bool, as_json: bool, more: dict[str, Any]) -> None:
    content = {
        "removed": delete,
        "records": removal.n_record,
        "whole_segments": removal.n_segment,
        "files": [str(file) for file in removal.files],
        "bytes": removal.n_byte,
        **more,
    }
    _say(content, f"removed {words}" if delete else f"would remove {words}; do it with --delete", as_json)


def _say(content: dict[str, Any], words: str, as_json: bool) -> None:
    print(json.dumps(content) if as_json else words)


def open_made(sweep: Sweep, results: Path, as_json: bool) -> int:
    """Show the sweep's page, or its figures where there is none, in the browser; 1 if nothing was made yet."""
    folder = results / sweep.name
    page = folder / "explorer.html"
    made = [page] if page.exists() else sorted((folder / "figures").glob("*.svg"))
    if as_json:
        print(json.dumps([str(path) for path in made]))
        return 0 if made else 1
    if not made:
        print(f"{sweep.name}: nothing to show below {folder} yet; make it with: snakemake")
        return 1
    for path in made:
        shown = webbrowser.open(path.resolve().as_uri())
        print(path if shown else f"{path}: no browser here; open it in one")
    return 0
