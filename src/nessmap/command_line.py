"""The command line: plan, status, failures, point for people; simulate, assemble, aggregate, figure for the workflow."""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path

from nessmap import __version__, commands
from nessmap.allocation import available_cores
from nessmap.examples import TOP, examples_of
from nessmap.executors import EXECUTORS
from nessmap.object_store import StoreError, results_folder
from nessmap.sweep import RESULTS


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    layout = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
    top = argparse.ArgumentParser("nessmap", description=__doc__, epilog=TOP, formatter_class=layout)
    top.add_argument("--version", action="version", version=f"nessmap {__version__}")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = subparsers.add_parser(
            name, help=text, description=text, epilog=examples_of(name), formatter_class=layout
        )
        made.set_defaults(run=run)
        made.add_argument(
            "--results",
            type=_results,
            default=RESULTS,
            metavar="PLACE",
            help="folder or s3://bucket/prefix; default: results",
        )
        made.add_argument(
            "--log",
            type=Path,
            metavar="FILE",
            help="write messages to FILE too; FILE.jsonl gets JSON objects, one a line, of every batch too",
        )
        return made

    def for_sweep(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = command(name, run, text)
        made.add_argument("sweep", metavar="SWEEP", help="a sweep file, or the name of one in workflow/sweeps")
        return made

    def for_programs(made: argparse.ArgumentParser) -> None:
        made.add_argument("--json", action="store_true", help="print JSON, for programs")

    def parallel(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--executor",
            choices=tuple(EXECUTORS),
            default="local",
            help="serial: this process; local: Dask workers here; slurm: Dask workers as SLURM jobs; "
            "auto: serial for one worker, else local; default: local",
        )
        made.add_argument(
            "--workers", type=_count, default=available_cores(), metavar="N", help="default: one per core"
        )
        made.add_argument("--performance-report", type=Path, metavar="FILE", help="Dask's report of itself, as HTML")

    for_programs(
        for_sweep("plan", commands.plan, "what a sweep would compute: points done and missing, core-hours, disk")
    )
    status = command("status", commands.status, "how far sweeps are")
    status.add_argument(
        "sweeps", metavar="SWEEP", nargs="*", help="default: all in workflow/sweeps, those not begun in one line"
    )
    for_programs(status)
    for_programs(for_sweep("failures", commands.failures, "points without a number, and why"))
    point = for_sweep("point", commands.point, "simulate one point now, print its numbers, store nothing")
    point.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="values of the swept parameters")
    point.add_argument("--check", action="store_true", help="compare with the stored records, to the bit")
    for_programs(point)
    simulate = for_sweep("simulate", commands.simulate, "compute what the log lacks of a sweep, or of one shard of it")
    simulate.add_argument("--shard", type=int, default=0, metavar="K", help="which shard, from 0; default: 0")
    simulate.add_argument("--of", type=_count, default=1, metavar="N", help="number of shards; default: 1")
    simulate.add_argument("--manifest", type=Path, metavar="FILE", help="write here which records the shard has")
    simulate.add_argument("--retry-failed", action="store_true", help="compute failed points again")
    simulate.add_argument(
        "--walltime",
        type=_not_negative,
        metavar="MINUTES",
        help="stop handing out work in time to end within MINUTES, or within what SLURM gave the job if that is less",
    )
    parallel(simulate)
    forget = for_sweep(
        "forget", commands.forget, "delete the records of points, to compute them again (counts only, unless --delete)"
    )
    forget.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="which points; default: all of the sweep")
    forget.add_argument("--failed", action="store_true", help="only those of them that failed")
    compact = command("compact", commands.compact, "merge small segments of the point log into large ones")
    gc = command(
        "gc", commands.gc, "delete stored records that no sweep and no manifest uses (counts only, unless --delete)"
    )
    gc.add_argument(
        "sweeps", metavar="SWEEP", nargs="*", help="sweeps to keep besides those in workflow/sweeps with results"
    )
    gc.add_argument("--days", type=_not_negative, default=1.0, metavar="N", help="only what is older; default: 1")
    for made in (forget, gc):
        made.add_argument("--delete", action="store_true", help="do it; without, only say what would be removed")
    for made in (forget, compact, gc, for_sweep("open", commands.open, "show what was made of a sweep in the browser")):
        for_programs(made)
    assemble = for_sweep("assemble", commands.assemble, "write points.zarr from the stored records")
    assemble.add_argument(
        "--manifests", type=Path, nargs="+", default=[], metavar="FILE", help="of shards; without, whatever is stored"
    )
    assemble.add_argument("--output", type=Path, required=True, metavar="STORE", help="where to write points.zarr")
    aggregate = for_sweep("aggregate", commands.aggregate, "write phase_diagram.zarr from points.zarr")
    aggregate.add_argument(
        "--points",
        type=Path,
        metavar="STORE",
        help="points.zarr; default: the log as it is, theory alone where it is empty",
    )
    aggregate.add_argument(
        "--output", type=Path, required=True, metavar="STORE", help="where to write phase_diagram.zarr"
    )
    parallel(aggregate)
    figure = for_sweep("figure", commands.figure, "one figure of a phase diagram, as SVG and PNG")
    figure.add_argument("name", metavar="NAME", help="a figure of the sweep file")
    figure.add_argument("--phase-diagram", type=Path, required=True, metavar="STORE", help="phase_diagram.zarr")
    figure.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="where to write it, as .svg and .png"
    )
    for_programs(for_sweep("cite", commands.cite, "what to cite for a sweep: software, model, formulas"))
    new = command("new", commands.new, "a model of your own: its file, its sweep and its tests, which pass at once")
    new.add_argument("what", choices=("model",), help="what to begin with")
    new.add_argument("name", metavar="NAME", help="a-z, 0-9 and _")
    new.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER", help="where to; default: here")
    page = for_sweep("explorer", commands.explorer, "one offline page to look around in a phase diagram")
    page.add_argument("--phase-diagram", type=Path, required=True, metavar="STORE", help="phase_diagram.zarr")
    page.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, as .html")
    page.add_argument("--for-report", type=Path, metavar="FILE", help="where to write what a report can show of it")
    _add_estimate_options(command("estimate", commands.estimate, "estimators on a recording of your own"))
    command("schema", commands.schema, "JSON schema of sweep files, for editors")
    return top


def _add_estimate_options(made: argparse.ArgumentParser) -> None:
    """Options of the command."""
    made.add_argument("data", type=Path, metavar="DATA", help="a recording: .npy, .npz, .csv, .nc, .zarr")
    made.add_argument("--variables", nargs="+", default=[], metavar="NAME", help="default: all; x0, x1 without names")
    made.add_argument("--dt", type=_positive, metavar="TIME", help="spacing of the samples, where DATA has no times")
    made.add_argument("--time", metavar="NAME", help="column or dimension of the times; default: time or t")
    made.add_argument("--trial", metavar="NAME", help="column or dimension that counts trials")
    made.add_argument("--source", nargs="+", default=[], metavar="NAME", help="one side; default: the first of two")
    made.add_argument("--target", nargs="+", default=[], metavar="NAME", help="the other side; default: the second")
    made.add_argument("--odd", nargs="+", default=[], metavar="NAME", help="variables odd under time reversal")
    made.add_argument("--history", type=_count, default=8, metavar="N", help="samples of the past; default: 8")
    made.add_argument(
        "--degree",
        type=_count,
        default=1,
        metavar="N",
        help="degree of the polynomial currents in the bound; default: 1",
    )
    made.add_argument(
        "--surrogates",
        type=_none_or_more,
        default=0,
        metavar="N",
        help="recordings with the source moved in time, or between trials, for the p-value; default: 0, a chi-squared law",
    )
    made.add_argument("--json", action="store_true", help="print JSON, for programs")
    made.add_argument("--figure", type=Path, metavar="FILE", help="draw rates against the step, as .svg and .png")


def _results(word: str) -> Path:
    try:
        return results_folder(word, RESULTS)
    except StoreError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def _positive(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0.0):
        raise argparse.ArgumentTypeError(f"{word}, expected a time > 0")
    return number


def _none_or_more(word: str) -> int:
    return 0 if word == "0" else _count(word)
