"""The command line: plan, status, failures, point for people; simulate, assemble, aggregate, figure for the workflow."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from nessmap.allocation import available_cores, numba_cache, seconds_left
from nessmap.executors import EXECUTORS, ONE_THREAD

os.environ |= ONE_THREAD  # before numpy is loaded: the serial executor must give the workers' bits
os.environ |= numba_cache()

from nessmap import __version__, estimate, inspect_log, inspect_sweep, shards
from nessmap.config import ConfigError, nearest, settings_schema
from nessmap.messages import log, talking, write_log
from nessmap.model import ParameterError
from nessmap.points import LogError
from nessmap.shard import CLOSING_SECONDS, VersionError, renew_manifests, run_shard, write_manifest
from nessmap.stopping import OutOfTime, Terminated, terminable, time_limit
from nessmap.sweep import RESULTS, SMALL_SUFFIX, SWEEPS, Sweep

OUT_OF_TIME = 75  # EX_TEMPFAIL of sysexits.h: the same command again goes on


EXAMPLES = """examples:
  nessmap plan amari_field                             what would be computed, and what it costs
  nessmap status                                       how far every sweep is
  nessmap failures amari_field                         which points failed, and why
  nessmap point amari_field coupling=0.9 shift=0.5 noise_correlation_length=0.5 --check
                                                       one point again, compared with the stored one to the bit
  nessmap simulate amari_field --retry-failed          compute failed points again
  nessmap forget amari_field coupling=0.9 --delete     these points from nothing, whatever is stored
  nessmap compact; nessmap gc                          fewer files; what nobody wants any more
  nessmap open amari_field                             what was made of it, in the browser
  nessmap estimate recording.csv --source v --target r --figure rates.svg
                                                       entropy production and information in a recording of your own

SWEEP is a sweep file or the name of one in workflow/sweeps; NAME-small is its small form."""


def sweep_of(name: str) -> Sweep:
    """The sweep of a file, or of a name in workflow/sweeps; the suffix -small chooses the small form."""
    small = name.endswith(SMALL_SUFFIX)
    path = Path(name.removesuffix(SMALL_SUFFIX))
    if path.suffix not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml")
        path = path if len(path.parts) > 1 else SWEEPS / path
    return Sweep(path, small)


def _simulate(arguments: argparse.Namespace) -> int:
    sweep = sweep_of(arguments.sweep)
    if not 0 <= arguments.shard < arguments.of:
        raise ConfigError(
            f"--shard {arguments.shard} --of {arguments.of}, expected a shard from 0 to {arguments.of - 1}"
        )
    points = shards.shard(sweep, arguments.shard, arguments.of)
    with EXECUTORS[arguments.executor](arguments.workers, _performance_report(arguments)) as run:
        folder, seconds = inspect_sweep.log_folder(arguments.results), _seconds(arguments)
        with time_limit(None if seconds is None else seconds - CLOSING_SECONDS / 2):
            report = run_shard(sweep, points, folder, run, arguments.retry_failed, seconds)
    log.info(
        "%s: %d units computed in %.1f s, %d were present, %d points failed",
        sweep.name, report.computed, report.seconds, report.present, report.failed,
    )  # fmt: skip
    if not arguments.manifest:  # by hand: Snakemake would not notice that failed points have a number now
        for path in renew_manifests(sweep, arguments.results):
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
        write_manifest(arguments.manifest, sweep, points, report)
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


def _assemble(arguments: argparse.Namespace) -> int:
    from nessmap.assembly import assemble, write_store

    sweep = sweep_of(arguments.sweep)
    write_store(assemble(sweep, inspect_sweep.log_folder(arguments.results), arguments.manifests), arguments.output)
    return 0


def _aggregate(arguments: argparse.Namespace) -> int:
    from nessmap.assembly import open_store, write_store
    from nessmap.phase_diagram import aggregate

    sweep = sweep_of(arguments.sweep)
    with EXECUTORS[arguments.executor](arguments.workers, _performance_report(arguments)) as run:
        dataset = aggregate(sweep, open_store(arguments.points), run)
    write_store(dataset, arguments.output)
    log.info("%s: %s, content digest %s", sweep.name, arguments.output, dataset.attrs["content_digest"])
    return 0


def _figure(arguments: argparse.Namespace) -> int:
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
        log.info("%s: %s", sweep.name, path)
    return 0


def _cite(arguments: argparse.Namespace) -> int:
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


def _new(arguments: argparse.Namespace) -> int:
    from nessmap.scaffold import new_model

    made = new_model(arguments.name, arguments.folder)
    print("\n".join(f"wrote {path}" for path in made))
    print(f"try it: pytest {arguments.folder}; nessmap plan {arguments.folder / arguments.name}.yaml")
    return 0


def _explorer(arguments: argparse.Namespace) -> int:
    from nessmap import explorer
    from nessmap.assembly import open_store

    sweep = sweep_of(arguments.sweep)
    size = explorer.write(
        open_store(arguments.phase_diagram), sweep.command_line("point", arguments.results), arguments.output
    )
    log.info("%s: %s, %.0f kB", sweep.name, arguments.output, size / 1e3)
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_plan(sweep_of(arguments.sweep), arguments.results, arguments.json)


def _status(arguments: argparse.Namespace) -> int:
    if arguments.sweeps:
        return inspect_sweep.show_status(map(sweep_of, arguments.sweeps), arguments.results, arguments.json)
    files = sorted(SWEEPS.glob("*.yaml"))
    if not files:
        log.warning("no sweep files in %s; name one: nessmap status SWEEP", SWEEPS)
    for path in inspect_sweep.unowned_figures(files, arguments.results):
        log.warning("%s: a figure of no sweep file in %s", path, SWEEPS)
    forms = inspect_sweep.forms_with_results(files, arguments.results)
    return inspect_sweep.show_status(forms, arguments.results, arguments.json)


def _failures(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_failures(sweep_of(arguments.sweep), arguments.results, arguments.json)


def _point(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_point(sweep_of(arguments.sweep), arguments.parameters, arguments.results, arguments.check)


def _compact(arguments: argparse.Namespace) -> int:
    return inspect_log.compact(arguments.results, arguments.json)


def _gc(arguments: argparse.Namespace) -> int:
    stems = (file.stem for file in sorted(SWEEPS.glob("*.yaml")))
    begun = [name for stem in stems for name in (stem, stem + SMALL_SUFFIX) if (arguments.results / name).is_dir()]
    sweeps = [sweep_of(name) for name in (*begun, *arguments.sweeps)]
    return inspect_log.collect_garbage(arguments.results, sweeps, arguments.days, arguments.delete, arguments.json)


def _forget(arguments: argparse.Namespace) -> int:
    return inspect_log.forget(
        sweep_of(arguments.sweep), arguments.parameters, arguments.failed, arguments.results, arguments.delete,
        arguments.json,
    )  # fmt: skip


def _open(arguments: argparse.Namespace) -> int:
    return inspect_log.open_made(sweep_of(arguments.sweep), arguments.results, arguments.json)


def _schema(arguments: argparse.Namespace) -> int:
    print(json.dumps(settings_schema(), indent=2))
    return 0


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    layout = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
    top = argparse.ArgumentParser("nessmap", description=__doc__, epilog=EXAMPLES, formatter_class=layout)
    top.add_argument("--version", action="version", version=f"nessmap {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, formatter_class=layout)
        made.set_defaults(run=run)
        made.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="default: results")
        made.add_argument("--log", type=Path, metavar="FILE", help="write messages to FILE too")
        return made

    def for_sweep(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = command(name, run, text)
        made.add_argument("sweep", metavar="SWEEP", help="a sweep file, or the name of one in workflow/sweeps")
        return made

    def for_programs(made: argparse.ArgumentParser) -> None:
        made.add_argument("--json", action="store_true", help="print JSON, for programs")

    def parallel(made: argparse.ArgumentParser) -> None:
        made.add_argument("--executor", choices=tuple(EXECUTORS), default="local", help="default: local (Dask)")
        made.add_argument(
            "--workers", type=_count, default=available_cores(), metavar="N", help="default: one per core"
        )
        made.add_argument("--performance-report", type=Path, metavar="FILE", help="Dask's report of itself, as HTML")

    for_programs(for_sweep("plan", _plan, "points, present, missing, core-hours, disk"))
    status = command("status", _status, "how far sweeps are")
    status.add_argument("sweeps", metavar="SWEEP", nargs="*", help="default: all in workflow/sweeps that have results")
    for_programs(status)
    for_programs(for_sweep("failures", _failures, "points without a number, and why"))
    point = for_sweep("point", _point, "compute one point now and show its numbers")
    point.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="values of the swept parameters")
    point.add_argument("--check", action="store_true", help="compare with the stored records, to the bit")
    simulate = for_sweep("simulate", _simulate, "compute what the log lacks of a sweep, or of one shard of it")
    simulate.add_argument("--shard", type=int, default=0, metavar="K", help="which shard, from 0; default: 0")
    simulate.add_argument("--of", type=_count, default=1, metavar="N", help="number of shards; default: 1")
    simulate.add_argument("--manifest", type=Path, metavar="FILE", help="where to vouch for the shard's records")
    simulate.add_argument("--retry-failed", action="store_true", help="compute failed points again")
    simulate.add_argument(
        "--walltime",
        type=_not_negative,
        metavar="MINUTES",
        help="end in time; default: what SLURM gave the job, if it did",
    )
    parallel(simulate)
    forget = for_sweep("forget", _forget, "remove the records of points, so that they are computed again")
    forget.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="which points; default: all of the sweep")
    forget.add_argument("--failed", action="store_true", help="only those of them that failed")
    compact = command("compact", _compact, "merge small segments of the point log into large ones")
    gc = command("gc", _gc, "remove records that no manifest and no sweep file wants")
    gc.add_argument(
        "sweeps", metavar="SWEEP", nargs="*", help="sweeps to keep besides those in workflow/sweeps with results"
    )
    gc.add_argument("--days", type=_not_negative, default=1.0, metavar="N", help="only what is older; default: 1")
    for made in (forget, gc):
        made.add_argument("--delete", action="store_true", help="do it; without, only say what would be removed")
    for made in (forget, compact, gc, for_sweep("open", _open, "show what was made of a sweep in the browser")):
        for_programs(made)
    assemble = for_sweep("assemble", _assemble, "log to points.zarr")
    assemble.add_argument("--manifests", type=Path, nargs="+", default=[], metavar="FILE", help="what shards vouch for")
    assemble.add_argument("--output", type=Path, required=True, metavar="STORE", help="where to write points.zarr")
    aggregate = for_sweep("aggregate", _aggregate, "points.zarr to phase_diagram.zarr")
    aggregate.add_argument("--points", type=Path, required=True, metavar="STORE", help="points.zarr")
    aggregate.add_argument(
        "--output", type=Path, required=True, metavar="STORE", help="where to write phase_diagram.zarr"
    )
    parallel(aggregate)
    figure = for_sweep("figure", _figure, "one figure of a phase diagram, as SVG and PNG")
    figure.add_argument("name", metavar="NAME", help="a figure of the sweep file")
    figure.add_argument("--phase-diagram", type=Path, required=True, metavar="STORE", help="phase_diagram.zarr")
    figure.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="where to write it, as .svg and .png"
    )
    for_programs(for_sweep("cite", _cite, "what to cite for a sweep: software, model, formulas"))
    new = command("new", _new, "a model of your own: its file, its sweep and its tests, which pass at once")
    new.add_argument("what", choices=("model",), help="what to begin with")
    new.add_argument("name", metavar="NAME", help="a-z, 0-9 and _")
    new.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER", help="where to; default: here")
    page = for_sweep("explorer", _explorer, "one offline page to look around in a phase diagram")
    page.add_argument("--phase-diagram", type=Path, required=True, metavar="STORE", help="phase_diagram.zarr")
    page.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, as .html")
    estimate.add_arguments(command("estimate", estimate.run, "estimators on a recording of your own"))
    command("schema", _schema, "JSON schema of sweep files, for editors")
    return top


def _count(word: str) -> int:
    number = int(word) if word.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word}, expected a whole number >= 1")
    return number


def _not_negative(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{word}, expected a number >= 0")
    return number


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 a failed computation, 2 a mistake in what was asked, 75 a job that ran out of time.

    128 + n is a signal: 130 an interrupt, 143 a scheduler that wants its node back.
    """
    top = parser()
    arguments, rest = top.parse_known_args(words)
    if hasattr(arguments, "parameters"):  # argparse leaves out what stands behind an option
        arguments.parameters += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    with talking(), terminable():
        try:
            if arguments.log:
                write_log(arguments.log)
            status = int(arguments.run(arguments))
            sys.stdout.flush()
            return status
        except (ConfigError, ParameterError) as error:
            log.error("%s", error)
            return 2
        except BrokenPipeError:  # the reader of our output left, as in `nessmap failures ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:  # a full disk, a folder that cannot be written
            log.error("%s", f"{error.filename}: {error.strerror}" if error.filename else error)
            return 1
        except OutOfTime:
            log.error("the job's time is about to end; what was computed is saved, the same command goes on from there")
            return OUT_OF_TIME
        except KeyboardInterrupt as stop:
            log.error("stopped; what was computed is saved, the same command goes on from there")
            return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
        except RuntimeError as error:
            if not isinstance(error, _known_errors()):
                raise
            log.error("%s", error)
            return 1


def _known_errors() -> tuple[type[RuntimeError], ...]:
    """Errors whose message says all that a person needs."""
    from nessmap.assembly import MissingRecords  # late: it loads xarray

    return (MissingRecords, VersionError, LogError)


if __name__ == "__main__":
    sys.exit(main())
