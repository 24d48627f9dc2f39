"""What people ask of a sweep: its plan, how far it is, what failed, which of its points is meant."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nessmap import shards
from nessmap.choices import choice_in, kept, so_far
from nessmap.config import ConfigError, nearest, read_settings
from nessmap.messages import duration_in_words
from nessmap.model import ParameterError
from nessmap.points import Entry, PointLog, outcome
from nessmap.refinement import grid
from nessmap.shard import missing_work
from nessmap.simulate import Status, Unit
from nessmap.statistics import STATISTICS
from nessmap.sweep import SMALL_SUFFIX, Point, Sweep, undefined


def log_folder(results: Path) -> Path:
    """The point log, shared by all sweeps below results."""
    return results / "points"


def stored(sweep: Sweep, results: Path) -> dict[str, Entry]:
    """Every stored record of the sweep's model."""
    return PointLog(log_folder(results)).scan(sweep.model_class.name)


def show_plan(sweep: Sweep, results: Path, as_json: bool) -> int:
    """Print points, present, missing, core-hours and disk."""
    asked, sweep = sweep, so_far(sweep, results)
    index = stored(sweep, results)
    points = sweep.points if index else shards.sample(sweep)  # where nothing is stored, a sample says what all costs
    n_point, share = shards.n_point(sweep), shards.n_point(sweep) / len(points)
    work, _ = missing_work(points, index)
    missing = n_point if not index else sum(any(k not in index for k in point.record_keys()) for point in points)
    core_hours = share * sum(item.seconds for item in work) / 3600
    disk_bytes = round(share * sum(_bytes(item.unit) for item in work))
    pace = measured_pace(points, index)
    plan = {
        "sweep": sweep.name,
        "points": n_point,
        "present": n_point - missing,
        "missing": missing,
        "shards": shards.n_shard(sweep),
        **refined_so_far(sweep, results),
        "core_hours": core_hours,
        "disk_bytes": disk_bytes,
        **({"core_hours_as_measured": core_hours * pace} if pace else {}),
    }
    if as_json:
        print(json.dumps(plan))
        return 0
    axes = ", ".join(f"{dimension.name} ({len(dimension)})" for dimension in asked.dimensions)
    print(f"{sweep.name}: {plan['points']} points over {axes}")
    print(f"  present {plan['present']}, missing {plan['missing']}, shards {plan['shards']}")
    print(f"  about {core_hours:.2g} core-hours and {disk_bytes / 1e6:.3g} MB to compute what is missing")
    if facts := refined_so_far(sweep, results):
        each = shards.estimated_seconds(asked, asked.points) / facts["budget"]
        left = 0.0 if facts["refined"] else (facts["budget"] - facts["cost"]) * each / 3600
        for line in _refinement_in_words(facts, left):
            print(f"  {line}")
    if pace and missing:
        left = duration_in_words(core_hours * pace * 3600)
        print(f"  what is stored took {pace:.2g} times its estimate: {left} on one core")
    for observable in sweep.observables:
        if reasons := undefined(observable, points):
            print(f"  {observable.name} has no value at {len(reasons)} points: {reasons[0]}")
    return 0


def refined_so_far(sweep: Sweep, results: Path) -> dict[str, Any]:
    """How far a refined sweep is, for programs; empty for any other."""
    mesh, refine = sweep.mesh, sweep.settings.refine
    if mesh is None or refine is None:
        return {}
    content = kept(sweep, results)
    choice = choice_in(sweep, content) or grid(mesh)
    return {
        "grid_points": mesh.n_grid,
        "uniform_points": mesh.n_uniform,
        "level": max(map(mesh.level_of, choice.places)),
        "levels": mesh.levels,
        "cost": choice.cost,
        "budget": refine.budget,
        "budget_spent": choice.spent,
        "refined": bool(content.get("done")),
    }


def _refinement_in_words(facts: Mapping[str, Any], core_hours: float) -> Iterator[str]:
    """How far a refined sweep is, for people; core_hours: what is left of its budget."""
    yield (
        f"refined from {facts['grid_points']} points to level {facts['level']} of {facts['levels']}, "
        f"where a uniform grid would have {facts['uniform_points']}"
    )
    rest = "nothing asks for more" if facts["refined"] else f"at most {core_hours:.2g} core-hours for the rest"
    rest = "the budget is spent" if facts["refined"] and facts["budget_spent"] else rest
    yield f"{facts['cost']} of {facts['budget']} points of the budget are chosen: {rest}"


def measured_pace(points: Iterable[Point], index: Mapping[str, Entry]) -> float:
    """Time that stored units took over the time they were estimated to take; 0 where nothing is stored."""
    took = estimated = 0.0
    pairs = (pair for point in points for pair in zip(point.units, point.names, strict=True))
    for unit, names in pairs if index else ():
        entry = index.get(names[0].key)
        if entry is not None and entry.status is Status.ok:
            took, estimated = took + entry.wall_time, estimated + unit.seconds
    return took / estimated if estimated else 0.0


def _bytes(unit: Unit) -> int:
    """What a unit's records take on disk, uncompressed."""
    model = unit.build()
    state = model.n_dim * unit.n_lane if unit.keep_state else 0
    return 8 * (state + sum(STATISTICS[name].zero(model).size for name in unit.statistics))


def forms_begun(files: Iterable[Path], results: Path) -> Iterator[Sweep]:
    """Of each sweep file the forms that were begun, small ones too; the full form where neither was."""
    for path in files:
        full, small = Sweep(path), (results / f"{path.stem}{SMALL_SUFFIX}").is_dir()
        index = stored(full, results) if small else {}
        if not small or any(key in index for point in full.points for key in point.record_keys()):
            yield full
        if small:
            yield Sweep(path, small=True)


def unowned_figures(files: Iterable[Path], results: Path) -> list[Path]:
    """Figures below results that no sweep file has, or no longer has."""
    owned = {
        results / name / "figures" / f"{figure}.svg"
        for path in files
        for name in (path.stem, f"{path.stem}{SMALL_SUFFIX}")
        for figure in read_settings(path).figures
    }
    return sorted(set(results.glob("*/figures/*.svg")) - owned)


def show_status(sweeps: Iterable[Sweep], results: Path, as_json: bool, in_short: bool = False) -> int:
    """Print a line per sweep: how many points have which status, and whether the product is there.

    in_short: those of which nothing is there share one line, at the end.
    """
    rows, not_begun = [], []
    for sweep in (so_far(sweep, results) for sweep in sweeps):
        index = stored(sweep, results)
        counts = Counter(outcome(map(index.get, point.record_keys()))[0].name for point in sweep.points)
        product = results / sweep.name / "phase_diagram.zarr"
        there = product.exists()
        rows.append(
            {
                "sweep": sweep.name,
                "points": len(sweep.points),
                **counts,
                "product": str(product) if there else None,
                **(facts := refined_so_far(sweep, results)),
            }
        )
        if in_short and not there and counts.keys() == {Status.absent.name}:
            not_begun.append(sweep)
        elif not as_json:
            words = ", ".join(f"{counts[status.name]} {status.name}" for status in Status if counts[status.name])
            made = product if there else "no phase diagram yet"
            level = f", level {facts['level']} of {facts['levels']}" if facts else ""
            print(f"{sweep.name}: {len(sweep.points)} points{level}: {words}; {made}")
    if as_json:
        print(json.dumps(rows))
    elif not_begun:
        names = f"nothing yet of {len(not_begun)} sweeps: {', '.join(sweep.name for sweep in not_begun)}"
        print(textwrap.fill(names, 100, subsequent_indent="  ", break_on_hyphens=False))
        print(f"what one takes: {not_begun[0].command_line('plan', results)}")
    return 0


def show_failures(sweep: Sweep, results: Path, as_json: bool) -> int:
    """Print every point that is not ok: status, parameters, message, key."""
    sweep = so_far(sweep, results)
    index = stored(sweep, results)
    rows = []
    for point in sweep.points:
        status, message = outcome(map(index.get, point.record_keys()))
        if status is not Status.ok:
            swept = {name: point.parameters[name] for d in sweep.dimensions for name in d.parameters}
            rows.append({"status": status.name, **swept, "message": message, "key": point.key})
    if as_json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        swept_words = " ".join(f"{k}={v}" for k, v in row.items() if k not in ("status", "message", "key"))
        print(f"{row['status']:9} {swept_words}  {row['message']}".rstrip())
    print(f"{len(rows)} of {len(sweep.points)} points have no number" if rows else "every point has a number")
    return 0


def find_points(sweep: Sweep, words: Sequence[str]) -> list[Point]:
    """The cells with the given NAME=VALUE words; ConfigError naming the nearest grid values if there is none."""
    names = [name for dimension in sweep.dimensions for name in dimension.parameters]
    asked: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in names:
            raise ConfigError(f"{word}: expected NAME=VALUE with a swept parameter{nearest(name, names)}")
        try:
            asked[name] = sweep.declared[name].coerce(
                text if isinstance(sweep.declared[name].default, str) else float(text)
            )
        except (ValueError, ParameterError):
            raise ConfigError(f"{word}: expected {sweep.declared[name].expectation}") from None
    fitting = [p for p in sweep.points if all(p.parameters[name] == value for name, value in asked.items())]
    if not fitting:
        hints = []
        for name, value in asked.items():
            grid = sorted({p.parameters[name] for p in sweep.points})
            if value not in grid:
                hints.append(f"{name} = {value} is not on the grid; nearest: {_nearest_value(grid, value)}")
        raise ConfigError(f"{sweep.path}: no such point; {'; '.join(hints) or 'no point has this combination'}")
    return fitting


def find_point(sweep: Sweep, words: Sequence[str]) -> Point:
    """The one cell with the given NAME=VALUE words; ConfigError if there is none, or more than one."""
    fitting = find_points(sweep, words)
    if len(fitting) > 1:
        given = {word.partition("=")[0] for word in words}
        absent = [name for dimension in sweep.dimensions for name in dimension.parameters if name not in given]
        raise ConfigError(f"{sweep.path}: {len(fitting)} points fit; give {', '.join(absent)} too")
    return fitting[0]


def _nearest_value(grid: Sequence[Any], value: Any) -> Any:
    return min(grid, key=lambda g: abs(g - value)) if isinstance(value, int | float) else ", ".join(map(str, grid))
