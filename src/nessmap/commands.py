"""What the commands do: of each its exit status. Parser: command_line.py."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from nessmap import inspect_log, inspect_point, inspect_sweep, shards
from nessmap.allocation import seconds_left
from nessmap.config import ConfigError, nearest, settings_schema
from nessmap.executors import EXECUTORS
from nessmap.manifests import renew_choices, renew_manifests, write_manifest
from nessmap.messages import log
from nessmap.object_store import home_of, publish, withdraw
from nessmap.refined_sweep import run_refined
from nessmap.shard import CLOSING_SECONDS, run_shard
from nessmap.stopping import time_limit
from nessmap.sweep import SMALL_SUFFIX, SWEEPS, Sweep

OUT_OF_TIME = 75  # EX_TEMPFAIL of sysexits.h: the same command again goes on


def sweep_of(name: str) -> Sweep:
    """The sweep of a file, or of a name in workflow/sweeps; the suffix -small chooses the small form."""
    small = name.endswith(SMALL_SUFFIX)
    path = Path(name.removesuffix(SMALL_SUFFIX))
    if path.suffix not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml")
        path = path if len(path.parts) > 1 else SWEEPS / path
    return Sweep(path, small)


def simulate(arguments: argparse.Namespace) -> int:
    """Compute what the log lacks, and vouch for it in a manifest."""
    sweep = sweep_of(arguments.sweep)
    if not 0 <= arguments.shard < arguments.of:
        raise ConfigError(
            f"--shard {arguments.shard} --of {arguments.of}, expected a shard from 0 to {arguments.of - 1}"
        )
    refined = sweep.mesh is not None
    if refined and arguments.of > 1:
        raise ConfigError(
            f"--of {arguments.of}, expected 1: {sweep.name} is refined, and chooses its points in one job"
        )
    points = () if refined else shards.shard(sweep, arguments.shard, arguments.of)
    choice = None
    with EXECUTORS[arguments.executor](arguments.workers, _performance_report(arguments)) as run:
        folder, seconds = inspect_sweep.log_folder(arguments.results), _seconds(arguments)
        with time_limit(None if seconds is None else seconds - CLOSING_SECONDS / 2):
            if refined:
                sweep, choice, report = run_refined(sweep, folder, run, arguments.retry_failed, seconds)
                points = sweep.points
            else:
                report = run_shard(sweep, points, folder, run, arguments.retry_failed, seconds)
    by_others = f", {report.by_others} meanwhile by others, or by workers that died" if report.by_others else ""
    log.info(
        "%s: %d units computed in %.1f s%s, %d were present, %d points failed",
        sweep.name, report.computed, report.seconds, by_others, report.present, report.failed,
    )  # fmt: skip
    if not arguments.manifest:  # by hand: Snakemake would not notice that failed points have a number now
        renewed = renew_choices(sweep, arguments.results, choice, report) if choice and not report.absent else []
        for path in [*renewed, *renew_manifests(sweep, arguments.results)]:
            log.info("%s: %s says what became of its points; snakemake assembles them again", sweep.name, path)
    command = sweep.command_line("simulate", arguments.results)
    if report.out_of_time and report.absent:
        said = f"{report.absent} of {len(points)} points have no result: the job's time was about to end"
        log.error("%s\nwhat was computed is saved; go on with the same command, or: %s", said, command)
        return OUT_OF_TIME
    if report.absent:
        said = f"{report.absent} of {len(points)} points have no result{_first(report.lost)}"
        log.error("%s\nwhat was computed is saved; go on with the same command, or: %s", said, command)
        return 1
    if report.failed > sweep.settings.run.max_failed_fraction * len(points):
        said = f"{report.failed} of {len(points)} points failed{_first(report.failures)}"
        log.error("%s\nwhat was computed is saved; see: %s", said, sweep.command_line("failures", arguments.results))
        log.error("compute them again: %s --retry-failed", command)
        return 1
    if arguments.manifest:
        write_manifest(arguments.manifest, sweep, points, report, choice)
    return 0


def _seconds(arguments: argparse.Namespace) -> float | None:
    """Time there is [s], by the command line and by the scheduler."""
    asked = None if arguments.walltime is None else 60 * arguments.walltime
    limits = [limit for limit in (asked, seconds_left()) if limit is not None]
    return min(limits, default=None)


def _performance_report(arguments: argparse.Namespace) -> Path | None:
    path: Path | None = arguments.performance_report
    if path and not find_spec("bokeh"):
        raise ConfigError("--performance-report needs bokeh, which draws it: pip install 'nessmap[dashboard]'")
    return path


def _first(messages: Sequence[str]) -> str:
    return f"; the first: {messages[0]}" if messages else ""


def assemble(arguments: argparse.Namespace) -> int:
    """From the log to points.zarr."""
    from nessmap.assembly import assemble, write_store

    sweep = sweep_of(arguments.sweep)
    write_store(assemble(sweep, inspect_sweep.log_folder(arguments.results), arguments.manifests), arguments.output)
    publish(arguments.output)
    return 0


def aggregate(arguments: argparse.Namespace) -> int:
    """From points.zarr, or from the log as it is, to phase_diagram.zarr."""
    from nessmap import phase_diagram
    from nessmap.assembly import assemble, open_store, write_store

    sweep = sweep_of(arguments.sweep)
    if arguments.points:
        points = open_store(arguments.points)
    else:
        points = assemble(sweep, inspect_sweep.log_folder(arguments.results), [])
    with EXECUTORS[arguments.executor](arguments.workers, _performance_report(arguments)) as run:
        dataset = phase_diagram.aggregate(sweep, points, run)
    write_store(dataset, arguments.output)
    publish(arguments.output)
    log.info("%s: %s, content digest %s", sweep.name, arguments.output, dataset.attrs["content_digest"])
    return 0


def figure(arguments: argparse.Namespace) -> int:
    """One figure, as SVG and PNG."""
    from nessmap import figures
    from nessmap.assembly import open_store

    sweep = sweep_of(arguments.sweep)
    if arguments.name not in sweep.settings.figures:
        known = nearest(arguments.name, sweep.settings.figures)
        raise ConfigError(f"{sweep.source}: figures.{arguments.name} is not a figure of this sweep{known}")
    settings = sweep.settings.figures[arguments.name]
    dataset = open_store(arguments.phase_diagram)
    try:
        figure = figures.draw(settings.draw, dataset, **settings.options())
    except ValueError as error:
        raise ConfigError(f"{sweep.source}: figures.{arguments.name}: {error}") from error
    for path in figures.save(figure, arguments.output.with_suffix(""), dataset.attrs):
        publish(path)
        log.info("%s: %s", sweep.name, path)
    return 0


def cite(arguments: argparse.Namespace) -> int:
    """What to cite."""
    from nessmap.citation import citation

    facts = citation(sweep_of(arguments.sweep))
    if arguments.json:
        print(json.dumps(facts))
        return 0
    papers = facts["model"]["papers"] or ["yours, or none: this model names no paper"]
    lines = [facts["software"], f"the model {facts['model']['name']}:", *(f"  {paper}" for paper in papers)]
    lines += [
        "formulas of the observables, derived anew in docs/theory.md:",
        *(f"  {paper}" for paper in facts["formulas"]),
    ]
    print("\n".join(lines))
    return 0


def new(arguments: argparse.Namespace) -> int:
    """Begin a model."""
    from nessmap.scaffold import new_model

    made = new_model(arguments.name, arguments.folder)
    print("\n".join(f"wrote {path}" for path in made))
    print(f"try it: pytest {arguments.folder}; nessmap plan {arguments.folder / arguments.name}.yaml")
    return 0


def explorer(arguments: argparse.Namespace) -> int:
    """The page to look around in."""
    from nessmap import explorer
    from nessmap.assembly import open_store

    sweep = sweep_of(arguments.sweep)
    again = sweep.command_line("point", arguments.results)
    written = explorer.write(open_store(arguments.phase_diagram), again, arguments.output)
    publish(*written)
    withdraw(explorer.left_over(arguments.output, written))
    if arguments.for_report:
        explorer.write_for_report(written, sweep.command_line("open", arguments.results), arguments.for_report)
        publish(arguments.for_report)
    for path in written:
        log.info("%s: %s, %.0f kB", sweep.name, path, path.stat().st_size / 1e3)
    return 0


def plan(arguments: argparse.Namespace) -> int:
    """What would be computed."""
    return inspect_sweep.show_plan(sweep_of(arguments.sweep), arguments.results, arguments.json)


def status(arguments: argparse.Namespace) -> int:
    """How far sweeps are."""
    if arguments.sweeps:
        return inspect_sweep.show_status(map(sweep_of, arguments.sweeps), arguments.results, arguments.json)
    files = sorted(SWEEPS.glob("*.yaml"))
    if not files:
        log.warning("no sweep files in %s; name one: nessmap status SWEEP", SWEEPS)
    for path in inspect_sweep.unowned_figures(files, arguments.results):
        log.warning("%s: a figure of no sweep file in %s", path, SWEEPS)
    forms = inspect_sweep.forms_begun(files, arguments.results)
    return inspect_sweep.show_status(forms, arguments.results, arguments.json, in_short=True)


def failures(arguments: argparse.Namespace) -> int:
    """Points without a number."""
    return inspect_sweep.show_failures(sweep_of(arguments.sweep), arguments.results, arguments.json)


def point(arguments: argparse.Namespace) -> int:
    """One point, now."""
    return inspect_point.show_point(
        sweep_of(arguments.sweep), arguments.parameters, arguments.results, arguments.check, arguments.json
    )


def compact(arguments: argparse.Namespace) -> int:
    """Fewer and larger segments."""
    return inspect_log.compact(arguments.results, arguments.json)


def gc(arguments: argparse.Namespace) -> int:
    """Records that nobody wants."""
    stems = (file.stem for file in sorted(SWEEPS.glob("*.yaml")))
    # where results have a home, other machines may have begun any of them
    all_begun = home_of(arguments.results) is not None
    forms = [name for stem in stems for name in (stem, stem + SMALL_SUFFIX)]
    begun = [name for name in forms if all_begun or (arguments.results / name).is_dir()]
    sweeps = [sweep_of(name) for name in (*begun, *arguments.sweeps)]
    return inspect_log.collect_garbage(arguments.results, sweeps, arguments.days, arguments.delete, arguments.json)


def forget(arguments: argparse.Namespace) -> int:
    """Records to be computed again."""
    return inspect_log.forget(
        sweep_of(arguments.sweep), arguments.parameters, arguments.failed, arguments.results, arguments.delete,
        arguments.json,
    )  # fmt: skip


def open(arguments: argparse.Namespace) -> int:
    """What was made, in the browser."""
    return inspect_log.open_made(sweep_of(arguments.sweep), arguments.results, arguments.json)


def schema(arguments: argparse.Namespace) -> int:
    """JSON schema of sweep files."""
    print(json.dumps(settings_schema(), indent=2))
    return 0


def estimate(arguments: argparse.Namespace) -> int:
    """Estimators on a recording."""
    from nessmap import estimate  # late: it loads every model

    return estimate.run(arguments)
