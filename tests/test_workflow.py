"""The commands behind the workflow, and Snakemake itself: what they leave behind, and how they end."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from conftest import FIGURES, copied_workflow, stored_segments, tiny_settings
from nessmap import points
from nessmap.assembly import write_store
from nessmap.models.amari_field import AmariField
from nessmap.phase_diagram import content_digest
from nessmap.simulate import Status


def test_simulate_says_what_it_did_and_writes_it_to_its_log(there, say):
    assert (
        Path("results/tiny/logs/simulate-0.log")
        .read_text()
        .splitlines()[-1]
        .startswith("nessmap: tiny: 6 units computed in ")
    )
    before = stored_segments(there / "results")
    status, said, errors = say("simulate", "tiny", "--executor", "serial")
    assert (status, said) == (0, "")
    assert errors.startswith("nessmap: tiny: 0 units computed in ")
    assert errors.endswith(" s, 6 were present, 0 points failed\n")
    assert stored_segments(there / "results") == before


def test_the_product_opens_without_nessmap_and_holds_what_was_promised(there):
    dataset = xr.open_zarr("results/tiny/phase_diagram.zarr")
    assert dataset.attrs["content_digest"] == content_digest(dataset.load())
    assert dict(dataset["status"].sizes) == {"coupling": 3, "shift": 2}
    assert {"units", "long_name"} <= dataset["coupling"].attrs.keys()
    assert dataset.attrs["sweep"] == "tiny"
    assert dataset.attrs["run_n_step"] == 100


def test_the_figure_is_written_twice(there):
    assert {path.name for path in Path("results/tiny/figures").iterdir()} == {"cut.svg", "cut.png"}


def test_a_shard_whose_points_fail_ends_with_1_and_says_what_to_type(say, sweep_file, tmp_path):
    path, results = sweep_file(run={"timeout": 1e-9}), str(tmp_path / "results")
    words = ("simulate", str(path), "--results", results, "--executor", "serial")
    status, said, errors = say(*words, "--manifest", str(tmp_path / "m.json"))
    assert (status, said) == (1, "")
    assert errors.splitlines()[-3:] == [
        "nessmap: 6 of 6 points failed; the first: stopped at step 50 of 100 after 1e-09 s",
        f"what was computed is saved; see: nessmap failures {path} --results {results}",
        f"nessmap: compute them again: nessmap simulate {path} --results {results} --retry-failed",
    ]
    assert not (tmp_path / "m.json").exists()
    sweep_file()  # without the timeout
    assert say(*words)[0] == 1  # failures are results, and are not tried again unasked
    assert say(*words, "--retry-failed")[0] == 0


def test_points_that_got_a_number_by_hand_are_assembled_again(say, sweep_file, tmp_path, monkeypatch):
    def stepper(self, dt, real=AmariField.stepper):
        if self.coupling == 0.9 and self.shift == 0.0:
            raise ArithmeticError("provoked")
        return real(self, dt)

    path, results = sweep_file(run={"max_failed_fraction": 1.0}), tmp_path / "results"
    words = ("simulate", str(path), "--results", str(results), "--executor", "serial")
    manifests = [results / "tiny" / "shards" / f"{k}.json" for k in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(AmariField, "stepper", stepper)
        for k, manifest in enumerate(manifests):
            assert say(*words, "--shard", str(k), "--of", "2", "--manifest", str(manifest))[0] == 0
    before = [manifest.read_text() for manifest in manifests]
    times = [manifest.stat().st_mtime_ns for manifest in manifests]
    assert sum(text.count('"failed"') for text in before) == 1
    assert say(*words)[0] == 0  # idle
    assert [manifest.stat().st_mtime_ns for manifest in manifests] == times
    (k,) = (k for k, text in enumerate(before) if '"failed"' in text)
    status, _, errors = say(*words, "--retry-failed")
    assert status == 0
    assert f"{manifests[k]} says what became of its points; snakemake assembles them again" in errors
    assert manifests[1 - k].stat().st_mtime_ns == times[1 - k]
    wanted = before[k].replace('"failed"', '"ok"').replace('"failed_points": 1', '"failed_points": 0')
    assert manifests[k].read_text() == wanted
    assert say(*words, "--manifest", str(manifests[k]), "--shard", str(k), "--of", "2")[0] == 0
    assert manifests[k].read_text() == wanted  # as Snakemake would have had it written


def test_a_figure_that_cannot_be_drawn_ends_with_2_and_names_the_figure(say, there, tmp_path):
    one = tiny_settings(axes={"coupling": [0.1, 0.5, 2.0], "shift": [0.5]})
    draw = {"draw": "collapse", "variable": "site_variance", "contrast": "mutual_information"}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({**one, "figures": {"flat": {**draw, "x": "coupling", "series": "shift"}}}))
    dataset = xr.open_zarr("results/tiny/phase_diagram.zarr").load().isel(shift=[1], drop=False)
    write_store(dataset, tmp_path / "one.zarr")
    words = ("--phase-diagram", str(tmp_path / "one.zarr"), "--output", str(tmp_path / "flat.svg"))
    wanted = "collapse: series = shift has one value, expected two or more noises to compare"
    assert say("figure", str(path), "flat", *words) == (2, "", f"nessmap: {path}: figures.flat: {wanted}\n")


def test_few_failures_are_let_pass(say, sweep_file, tmp_path, monkeypatch):
    def stepper(self, dt, real=AmariField.stepper):
        if self.coupling == 0.9 and self.shift == 0.0:
            raise ArithmeticError("provoked")
        return real(self, dt)

    monkeypatch.setattr(AmariField, "stepper", stepper)
    words = ["--results", str(tmp_path / "results"), "--executor", "serial"]
    assert say("simulate", str(sweep_file()), *words)[0] == 1  # a sixth is more than 5 %
    status, _, errors = say("simulate", str(sweep_file(run={"max_failed_fraction": 0.2})), *words)
    assert status == 0
    assert errors.endswith("6 were present, 1 points failed\n")


def test_a_full_disk_fails_the_shard_whatever_the_share_and_the_next_run_completes(
    say, sweep_file, tmp_path, monkeypatch
):
    def full(path):
        raise OSError(28, "No space left on device")

    path = sweep_file(run={"max_failed_fraction": 1.0})
    words = ("simulate", str(path), "--results", str(tmp_path / "results"), "--executor", "serial")
    with monkeypatch.context() as patch:
        patch.setattr(points, "_sync", full)
        status, _, errors = say(*words, "--manifest", str(tmp_path / "m.json"))
    assert status == 1
    lost = "a batch was lost (units: 6): OSError: [Errno 28] No space left on device"
    assert f"nessmap: {lost}\n" in errors
    command = f"nessmap simulate {path} --results {tmp_path / 'results'}"
    assert errors.splitlines()[-2:] == [
        f"nessmap: 6 of 6 points have no result; the first: {lost}",
        f"what was computed is saved; go on with the same command, or: {command}",
    ]
    assert not (tmp_path / "m.json").exists()
    assert say(*words)[0] == 0


def test_a_damaged_segment_is_said_as_a_line_of_the_log(say, sweep_file, tmp_path):
    words = ("simulate", str(sweep_file()), "--results", str(tmp_path / "results"), "--executor", "serial")
    assert say(*words)[0] == 0
    (segment,) = stored_segments(tmp_path / "results")
    segment.write_bytes(segment.read_bytes()[:100])
    log_file = tmp_path / "simulate.log"
    status, _, errors = say(*words, "--log", str(log_file))
    assert status == 0
    aside = tmp_path / "results" / "points" / "set-aside" / segment.name
    said = f"nessmap: {segment}: damaged (File is not a zip file); set aside as {aside}, its records count as missing\n"
    assert said in errors
    assert log_file.read_text() == errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulate", "tiny", "--shard", "3", "--of", "3"], "--shard 3 --of 3, expected a shard from 0 to 2"),
        (["figure", "tiny", "cutt", "--phase-diagram", "x", "--output", "y"],
         "workflow/sweeps/tiny.yaml: figures.cutt is not a figure of this sweep; did you mean cut?"),
        (["plan", "tniy"], "workflow/sweeps/tniy.yaml: no such file; did you mean tiny.yaml?"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_words_ends_with_2(words, message, say, there):
    assert say(*words) == (2, "", f"nessmap: {message}\n")


def test_a_store_that_is_not_there_ends_with_1(say, there):
    words = ("aggregate", "tiny", "--points", "results/none.zarr", "--output", "results/x.zarr", "--executor", "serial")
    assert say(*words) == (1, "", "nessmap: results/none.zarr: no such store; `snakemake` makes it\n")


def test_a_folder_that_cannot_be_written_ends_with_1(say, sweep_file, tmp_path):
    (tmp_path / "results").write_text("a file")
    words = ("simulate", str(sweep_file()), "--results", str(tmp_path / "results"), "--executor", "serial")
    reason = "cannot be written (Not a directory); make it writable or choose --results"
    assert say(*words) == (1, "", f"nessmap: {tmp_path}/results/points/amari_field: {reason}\n")
    words = (*words[:3], str(tmp_path / "other"), *words[4:], "--log", str(tmp_path / "results" / "a.log"))
    assert say(*words) == (1, "", f"nessmap: {tmp_path}/results: File exists\n")


@pytest.mark.slow
def test_the_bits_do_not_depend_on_how_many_threads_the_linear_algebra_may_use(tmp_path):
    drift = np.random.default_rng(0).normal(size=(100, 100)) / 10 - 2 * np.eye(
        100
    )  # large enough for threads to be used
    settings = tiny_settings(
        model="linear_langevin",
        fixed={"drift_matrix": drift.tolist(), "diffusion_matrix": np.eye(100).tolist()},
        axes={"coupling": [0.0]},
        run={"duration": 1},
        observables=["entropy_production_rate", "entropy_production_rate_path", "mutual_information"],
    )
    (tmp_path / "dense.yaml").write_text(yaml.safe_dump(settings))
    nessmap, serial = [sys.executable, "-m", "nessmap"], ["--executor", "serial"]
    digests = set()
    for n_thread in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": n_thread, "OMP_NUM_THREADS": n_thread}
        results = f"results-{n_thread}"
        for words in (
            ["simulate", "dense.yaml", "--results", results, *serial],
            ["assemble", "dense.yaml", "--results", results, "--output", f"{results}/points.zarr"],
            [
                "aggregate",
                "dense.yaml",
                "--points",
                f"{results}/points.zarr",
                "--output",
                f"{results}/product.zarr",
                *serial,
            ],
        ):
            subprocess.run([*nessmap, *words], cwd=tmp_path, env=environment, check=True, capture_output=True)
        digests.add(xr.open_zarr(tmp_path / results / "product.zarr").attrs["content_digest"])
    assert len(digests) == 1


@pytest.mark.slow
def test_snakemake_takes_a_sweep_to_figures_and_recomputes_only_what_changed(tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(figures=FIGURES))

    snakemake = partial(run_snakemake, folder)
    snakemake()
    made = {str(path.relative_to(folder / "results" / "tiny")) for path in (folder / "results" / "tiny").glob("*/*")}
    assert {
        "shards/0.json",
        "points.zarr/zarr.json",
        "phase_diagram.zarr/zarr.json",
        "figures/cut.svg",
        "figures/cut.png",
        "report/explorer.html",
    } <= made
    assert {"logs/simulate-0.log", "logs/figure-cut.log", "benchmarks/aggregate.tsv"} <= made
    product = folder / "results" / "tiny" / "phase_diagram.zarr"
    assert xr.open_zarr(product).attrs["content_digest"] == fresh().digest
    assert "Nothing to be done" in snakemake("-n")
    assert "Nothing to be done" in snakemake("-n", "--config", "executor=serial")  # the bits are the same
    assert jobs(snakemake("-n", "results/tiny-small/figures/cut.svg")).keys() == {
        "simulate", "assemble", "aggregate", "figure"
    }  # fmt: skip
    segments = stored_segments(folder / "results")

    file = folder / "workflow" / "sweeps" / "tiny.yaml"
    figures = {"cut": {**FIGURES["cut"], "yscale": "log"}}
    file.write_text(yaml.safe_dump(tiny_settings(figures=figures)))
    assert jobs(snakemake("-n")) == {"figure": 1, "all": 1}
    file.write_text(yaml.safe_dump(tiny_settings(figures=FIGURES, run={"duration": 10})))
    assert jobs(snakemake("-n")) == {"simulate": 1, "assemble": 1, "aggregate": 1, "explorer": 1, "figure": 1, "all": 1}
    snakemake()
    assert xr.open_zarr(product).attrs["content_digest"] == fresh(run={"duration": 10}).digest
    after = stored_segments(folder / "results")
    assert {path: after[path] for path in segments} == segments
    assert "Nothing to be done" in snakemake("-n")


@pytest.mark.slow
def test_snakemake_assembles_again_what_was_retried_by_hand(tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(run={"timeout": 1e-9, "max_failed_fraction": 1.0}))
    run_snakemake(folder)
    product = folder / "results" / "tiny" / "phase_diagram.zarr"
    assert (xr.open_zarr(product)["status"] == Status.timeout).all()
    (folder / "workflow" / "sweeps" / "tiny.yaml").write_text(yaml.safe_dump(tiny_settings()))
    assert "Nothing to be done" in run_snakemake(folder, "-n")
    command = [sys.executable, "-m", "nessmap", "simulate", "tiny", "--retry-failed", "--executor", "serial"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert jobs(run_snakemake(folder, "-n")) == {"assemble": 1, "aggregate": 1, "explorer": 1, "all": 1}
    run_snakemake(folder)
    assert xr.open_zarr(product).attrs["content_digest"] == fresh().digest
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert "Nothing to be done" in run_snakemake(folder, "-n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", ["results/nope/figures/cut.svg", "results/tiny/figures/x.svg", "results/tiny/shards/9.json"]
)
def test_snakemake_says_what_no_rule_makes(target, tmp_path, sweep_file):
    folder = copied_workflow(tmp_path, sweep_file(figures=FIGURES))
    command = [sys.executable, "-m", "snakemake", "-n", target]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"No rule to produce {target}" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def run_snakemake(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def jobs(said: str) -> dict[str, int]:
    """The table of jobs that Snakemake prints."""
    table = said.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:-1]
    return {name: int(count) for name, count in (line.split()[:2] for line in table)}
