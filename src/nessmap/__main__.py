"""The command line: plan, status, failures, point for people; simulate, assemble, aggregate, figure for the workflow."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from nessmap.executors import EXECUTORS, ONE_THREAD, available_cores

os.environ |= ONE_THREAD  # before numpy is loaded: the serial executor must give the workers' bits

from nessmap import __version__, inspect_sweep
from nessmap.config import ConfigError, nearest, settings_schema
from nessmap.model import ParameterError
from nessmap.points import DamageWarning, LogError
from nessmap.shard import VersionError, renew_manifests, run_shard, write_manifest
from nessmap.sweep import RESULTS, SMALL_SUFFIX, SWEEPS, Sweep

log = logging.getLogger("nessmap")

EXAMPLES = """examples:
  nessmap plan amari_field                             what would be computed, and what it costs
  nessmap status                                       how far every sweep is
  nessmap failures amari_field                         which points failed, and why
  nessmap point amari_field coupling=0.9 shift=0.5 noise_correlation_length=0.5 --check
                                                       one point again, compared with the stored one to the bit
  nessmap simulate amari_field --retry-failed          compute failed points again

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
    points = sweep.shard(arguments.shard, arguments.of)
    with EXECUTORS[arguments.executor](arguments.workers) as run:
        report = run_shard(sweep, points, inspect_sweep.log_folder(arguments.results), run, arguments.retry_failed)
    log.info(
        "%s: %d units computed in %.1f s, %d were present, %d points failed",
        sweep.name, report.computed, report.seconds, report.present, report.failed,
    )  # fmt: skip
    if not arguments.manifest:  # by hand: Snakemake would not notice that failed points have a number now
        for path in renew_manifests(sweep, arguments.results):
            log.info("%s: %s says what became of its points; snakemake assembles them again", sweep.name, path)
    command = sweep.command_line("simulate", arguments.results)
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
    with EXECUTORS[arguments.executor](arguments.workers) as run:
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
    parallel(simulate)
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
    command("schema", _schema, "JSON schema of sweep files, for editors")
    return top


def _count(word: str) -> int:
    number = int(word) if word.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word}, expected a whole number >= 1")
    return number


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 a failed computation, 2 a mistake in what was asked."""
    top = parser()
    arguments, rest = top.parse_known_args(words)
    if hasattr(arguments, "parameters"):  # argparse leaves out what stands behind an option
        arguments.parameters += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    with _talking():
        try:
            if arguments.log:
                _write_log(arguments.log)
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
        except KeyboardInterrupt:
            log.error("stopped; what was computed is saved, the same command goes on from there")
            return 130
        except RuntimeError as error:
            if not isinstance(error, _known_errors()):
                raise
            log.error("%s", error)
            return 1


def _known_errors() -> tuple[type[RuntimeError], ...]:
    """Errors whose message says all that a person needs."""
    from nessmap.assembly import MissingRecords  # late: it loads xarray

    return (MissingRecords, VersionError, LogError)


@contextmanager
def _talking() -> Iterator[None]:
    """Messages and warnings go to standard error as lines of nessmap's own."""
    log.setLevel(logging.INFO)
    log.propagate = False
    _add_handler(logging.StreamHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DamageWarning)  # a library user may turn them into errors
            warnings.showwarning = lambda message, *_, **__: log.warning("%s", message)
            yield
    finally:
        log.propagate = True
        for handler in list(log.handlers):
            log.removeHandler(handler)
            handler.close()


def _write_log(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _add_handler(logging.FileHandler(path, mode="w"))


def _add_handler(handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter("nessmap: %(message)s"))
    log.addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
