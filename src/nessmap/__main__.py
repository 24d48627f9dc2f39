"""The command line: plan, status, failures, point for people; simulate, assemble, aggregate, figure for the workflow."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from nessmap import __version__, inspect_sweep
from nessmap.config import ConfigError, settings_schema
from nessmap.model import ParameterError
from nessmap.sweep import SMALL_SUFFIX, Sweep

log = logging.getLogger("nessmap")

EXAMPLES = """examples:
  nessmap plan amari_field                             what would be computed, and what it costs
  nessmap status                                       how far every sweep is
  nessmap failures amari_field                         which points failed, and why
  nessmap point amari_field coupling=0.9 shift=0.5 --check    one point again, compared with the stored one to the bit
  nessmap simulate amari_field --retry-failed          compute failed points again

SWEEP is a sweep file or the name of one in workflow/sweeps; NAME-small is its small form."""


def sweep_of(name: str) -> Sweep:
    """The sweep of a file, or of a name in workflow/sweeps; the suffix -small chooses the small form."""
    small = name.endswith(SMALL_SUFFIX)
    name = name.removesuffix(SMALL_SUFFIX)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = Path("workflow/sweeps") / f"{name}.yaml"
    return Sweep(path, small)


def _simulate(arguments: argparse.Namespace) -> int:
    from nessmap.executors import EXECUTORS, available_cores
    from nessmap.shard import missing_work, run_shard, write_manifest

    sweep = sweep_of(arguments.sweep)
    points = sweep.shard(arguments.shard, arguments.of)
    folder = inspect_sweep.log_folder(arguments.results)
    if missing_work(points, inspect_sweep.stored(sweep, arguments.results), arguments.retry_failed)[0]:
        with EXECUTORS[arguments.executor](arguments.workers or available_cores()) as run:
            report = run_shard(sweep, points, folder, run, arguments.retry_failed)
    else:
        report = run_shard(sweep, points, folder, None)
    log.info(
        "%s: %d units computed in %.1f s, %d were present, %d points failed",
        sweep.name, report.computed, report.seconds, report.present, report.failed,
    )  # fmt: skip
    if report.failed > sweep.settings.run.max_failed_fraction * len(points):
        why = f"; the first: {report.messages[0]}" if report.messages else ""
        log.error(
            "%d of %d points failed%s\nwhat was computed is saved; see: nessmap failures %s\ncompute them again: nessmap simulate %s --retry-failed",
            report.failed, len(points), why, arguments.sweep, arguments.sweep,
        )  # fmt: skip
        return 1
    if arguments.manifest:
        write_manifest(arguments.manifest, sweep, points, report)
    return 0


def _assemble(arguments: argparse.Namespace) -> int:
    from nessmap.assembly import assemble, write_store

    sweep = sweep_of(arguments.sweep)
    write_store(assemble(sweep, inspect_sweep.log_folder(arguments.results), arguments.manifests), arguments.output)
    return 0


def _aggregate(arguments: argparse.Namespace) -> int:
    from nessmap.assembly import open_store, write_store
    from nessmap.executors import EXECUTORS, available_cores
    from nessmap.phase_diagram import aggregate

    sweep = sweep_of(arguments.sweep)
    with EXECUTORS[arguments.executor](arguments.workers or available_cores()) as run:
        dataset = aggregate(sweep, open_store(arguments.points), run)
    write_store(dataset, arguments.output)
    log.info("%s: %s, content digest %s", sweep.name, arguments.output, dataset.attrs["content_digest"])
    return 0


def _figure(arguments: argparse.Namespace) -> int:
    from nessmap import figures
    from nessmap.assembly import open_store

    sweep = sweep_of(arguments.sweep)
    settings = sweep.settings.figures[arguments.name]
    dataset = open_store(arguments.phase_diagram)
    figure = figures.draw(settings.draw, dataset, **settings.options())
    for path in figures.save(figure, arguments.output.with_suffix(""), dataset.attrs):
        log.info("%s: %s", sweep.name, path)
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_plan(sweep_of(arguments.sweep), arguments.results, arguments.json)


def _status(arguments: argparse.Namespace) -> int:
    names = arguments.sweeps or [path.stem for path in sorted(Path("workflow/sweeps").glob("*.yaml"))]
    return inspect_sweep.show_status([sweep_of(name) for name in names], arguments.results, arguments.json)


def _failures(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_failures(sweep_of(arguments.sweep), arguments.results, arguments.json)


def _point(arguments: argparse.Namespace) -> int:
    return inspect_sweep.show_point(sweep_of(arguments.sweep), arguments.parameters, arguments.results, arguments.check)


def _schema(arguments: argparse.Namespace) -> int:
    print(json.dumps(settings_schema(), indent=2))
    return 0


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(
        "nessmap", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"nessmap {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        made.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help="default: results")
        made.add_argument("--log", type=Path, metavar="FILE", help="write messages to FILE too")
        return made

    def for_sweep(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = command(name, run, text)
        made.add_argument("sweep", metavar="SWEEP")
        return made

    def parallel(made: argparse.ArgumentParser) -> None:
        made.add_argument("--executor", choices=("local", "serial"), default="local", help="default: local (Dask)")
        made.add_argument("--workers", type=int, metavar="N", help="default: one per core")

    for_sweep("plan", _plan, "points, present, missing, core-hours, disk").add_argument("--json", action="store_true")
    status = command("status", _status, "how far sweeps are")
    status.add_argument("sweeps", metavar="SWEEP", nargs="*")
    status.add_argument("--json", action="store_true")
    for_sweep("failures", _failures, "points without a number, and why").add_argument("--json", action="store_true")
    point = for_sweep("point", _point, "compute one point now and show its numbers")
    point.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="values of the swept parameters")
    point.add_argument("--check", action="store_true", help="compare with the stored records, to the bit")
    simulate = for_sweep("simulate", _simulate, "compute what the log lacks of a sweep, or of one shard of it")
    simulate.add_argument("--shard", type=int, default=0, metavar="K")
    simulate.add_argument("--of", type=int, default=1, metavar="N", help="number of shards")
    simulate.add_argument("--manifest", type=Path, metavar="FILE", help="where to vouch for the shard's records")
    simulate.add_argument("--retry-failed", action="store_true", help="compute failed points again")
    parallel(simulate)
    assemble = for_sweep("assemble", _assemble, "log to points.zarr")
    assemble.add_argument("--manifests", type=Path, nargs="+", default=[], metavar="FILE")
    assemble.add_argument("--output", type=Path, required=True, metavar="STORE")
    aggregate = for_sweep("aggregate", _aggregate, "points.zarr to phase_diagram.zarr")
    aggregate.add_argument("--points", type=Path, required=True, metavar="STORE")
    aggregate.add_argument("--output", type=Path, required=True, metavar="STORE")
    parallel(aggregate)
    figure = for_sweep("figure", _figure, "one figure of a phase diagram, as SVG and PNG")
    figure.add_argument("name", metavar="NAME")
    figure.add_argument("--phase-diagram", type=Path, required=True, metavar="STORE")
    figure.add_argument("--output", type=Path, required=True, metavar="FILE")
    command("schema", _schema, "JSON schema of sweep files, for editors")
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 a failed computation, 2 a mistake in what was asked."""
    arguments = parser().parse_args(words)
    _talk(arguments.log)
    try:
        return int(arguments.run(arguments))
    except (ConfigError, ParameterError) as error:
        log.error("%s", error)
        return 2
    except BrokenPipeError:  # the reader of our output left, as in `nessmap failures ... | head`
        sys.stderr.close()
        return 0
    except inspect_sweep.known_errors() as error:
        log.error("%s", error)
        return 1


def _talk(log_file: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log_file, mode="w"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("nessmap: %(message)s"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    # segments set aside are said through warnings, which a library user may turn into errors
    warnings.showwarning = lambda message, *_, **__: log.warning("%s", message)


if __name__ == "__main__":
    sys.exit(main())
