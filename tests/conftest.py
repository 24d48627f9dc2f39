"""Shared by the tests of the plumbing: a tiny sweep, and its way from a file to a phase diagram."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import xarray as xr
import yaml

from nessmap.__main__ import main
from nessmap.assembly import assemble
from nessmap.executors import Map, local, serial
from nessmap.phase_diagram import aggregate
from nessmap.shard import Report, run_shard
from nessmap.sweep import Sweep
from s3_server import new_bucket, s3_server

TINY: dict[str, Any] = {
    "model": "amari_field",
    "title": "A field of eight sites",
    "fixed": {"n_site": 8, "length": 8.0, "kernel_width": 1.2},
    "axes": {"coupling": [0.1, 0.5, 0.9], "shift": [0.0, 0.5]},
    "run": {"dt": 0.05, "duration": 5, "n_replica": 128, "seed": 7},
    "observables": [
        "entropy_production_rate",
        "entropy_production_rate_path",
        "site_variance",
        "structure_factor",
        "mutual_information",
    ],
}


FIGURES = {"cut": {"draw": "cut", "variable": "site_variance", "x": "coupling", "series": "shift"}}


class Outcome(NamedTuple):
    """A sweep that has run: its plan, what was computed, and the phase diagram."""

    sweep: Sweep
    report: Report
    dataset: xr.Dataset

    @property
    def digest(self) -> str:
        return str(self.dataset.attrs["content_digest"])


def tiny_settings(**sections: Any) -> dict[str, Any]:
    """The tiny sweep with sections changed: run and, for the same model, fixed are merged; anything else is replaced."""
    settings = copy.deepcopy(TINY)
    for name, change in sections.items():
        merge = isinstance(change, dict) and (name == "run" or (name == "fixed" and "model" not in sections))
        settings[name] = {**settings[name], **change} if merge else change
    return settings


def simulated(sweep: Sweep, results: Path, run: Map, retry_failed: bool = False) -> Report:
    """The whole sweep as one shard."""
    return run_shard(sweep, sweep.points, results / "points", run, retry_failed)


def stored_segments(results: Path) -> dict[Path, bytes]:
    """Every segment of the log with its content."""
    return {path: path.read_bytes() for path in sorted((results / "points").glob("*/*/*.zarr.zip"))}


def copied_workflow(folder: Path, *sweeps: Path) -> Path:
    """A folder in which Snakemake runs as in a checkout, with sweep files of its own."""
    root = Path(__file__).parent.parent
    for part in ("workflow/rules", "workflow/report", "profiles"):
        shutil.copytree(root / part, folder / part)
    shutil.copy(root / "Snakefile", folder)
    (folder / "workflow" / "sweeps").mkdir()
    for sweep in sweeps:
        sweep.rename(folder / "workflow" / "sweeps" / sweep.name)
    return folder


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the tiny sweep, with sections changed, and give its path."""

    def write(name: str = "tiny", **sections: Any) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(tiny_settings(**sections), sort_keys=False))
        return path

    return write


@pytest.fixture
def run_sweep(tmp_path: Path, serially: Map) -> Callable[..., Outcome]:
    """From a sweep file to its phase diagram; the results lie in a folder of the test unless another is given."""

    def run(
        path: Path, executor: Map = serially, results: Path = tmp_path / "results", retry_failed: bool = False
    ) -> Outcome:
        sweep = Sweep(path)
        report = simulated(sweep, results, executor, retry_failed)
        dataset = aggregate(sweep, assemble(sweep, results / "points", []), serially)
        return Outcome(sweep, report, dataset)

    return run


@pytest.fixture(scope="session")
def serially() -> Iterator[Map]:
    with serial(1) as run:
        yield run


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Map]:
    """One Dask cluster per file: it takes seconds to start, and an eighth of a core while it is idle."""
    with local(2) as run:
        yield run


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, serially: Map) -> Callable[..., Outcome]:
    """A sweep computed from nothing by the serial executor, each once per session: what other ways must agree with."""
    made: dict[str, Outcome] = {}

    def run(**sections: Any) -> Outcome:
        text = yaml.safe_dump(tiny_settings(**sections), sort_keys=False)
        if text not in made:
            folder = tmp_path_factory.mktemp("fresh")
            path = folder / "tiny.yaml"
            path.write_text(text)
            sweep = Sweep(path)
            report = simulated(sweep, folder, serially)
            dataset = aggregate(sweep, assemble(sweep, folder / "points", []), serially)
            made[text] = Outcome(sweep, report, dataset)
        return made[text]

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny sweep, two of its points unstable, was taken through every command."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "workflow" / "sweeps").mkdir(parents=True)
    settings = tiny_settings(axes={"coupling": [0.1, 0.5, 2.0], "shift": [0.0, 0.5]}, figures=FIGURES)
    (folder / "workflow" / "sweeps" / "tiny.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    before = Path.cwd()
    os.chdir(folder)
    try:
        stores = {name: f"results/tiny/{name}.zarr" for name in ("points", "phase_diagram")}
        manifest, serial = "results/tiny/shards/0.json", ["--executor", "serial"]
        assert (
            main(["simulate", "tiny", "--manifest", manifest, *serial, "--log", "results/tiny/logs/simulate-0.log"])
            == 0
        )
        assert main(["assemble", "tiny", "--manifests", manifest, "--output", stores["points"]]) == 0
        assert (
            main(["aggregate", "tiny", "--points", stores["points"], "--output", stores["phase_diagram"], *serial]) == 0
        )
        figure = ["--phase-diagram", stores["phase_diagram"], "--output", "results/tiny/figures/cut.svg"]
        assert main(["figure", "tiny", "cut", *figure]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def there(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In that folder."""
    monkeypatch.chdir(finished)
    return finished


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command: its exit status, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture(scope="session")
def object_store_server() -> Iterator[dict[str, str]]:
    """A local S3 server: the environment in which programs find it."""
    with s3_server() as environment:
        yield environment


@pytest.fixture
def address(object_store_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a new bucket of an object store."""
    for name, value in object_store_server.items():
        monkeypatch.setenv(name, value)
    return f"{new_bucket()}/maps/first"
