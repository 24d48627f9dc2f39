"""Sweeps whose results have a home in an object store: run, killed, gone on with elsewhere, and told what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import FIGURES, copied_workflow, simulated, stored_segments, tiny_settings
from nessmap.assembly import assemble
from nessmap.executors import serial
from nessmap.object_store import home_of, results_folder
from nessmap.phase_diagram import aggregate, content_digest
from nessmap.points import PointLog
from nessmap.sweep import Sweep
from processes import kill_family, wait_for
from s3_server import opened


def snakemake(folder: Path, address: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"results={address}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_a_sweep_goes_to_its_home_and_another_machine_computes_nothing(address, sweep_file, tmp_path):
    here, there = (tmp_path / name for name in ("here", "there"))
    here.mkdir()
    there.mkdir()
    first = copied_workflow(here, sweep_file(figures=FIGURES))
    assert "6 units computed" in snakemake(first, address)
    url = f"{address}/tiny/phase_diagram.zarr"
    product = opened(url)
    sweep = Sweep(first / "workflow" / "sweeps" / "tiny.yaml")
    with serial(1) as run:
        simulated(sweep, tmp_path / "undisturbed", run)
        undisturbed = aggregate(sweep, assemble(sweep, tmp_path / "undisturbed" / "points", []), run)
    assert product.attrs["content_digest"] == content_digest(product) == undisturbed.attrs["content_digest"]
    copy = home_of(results_folder(address, first / "results") / "points")
    names = {copy.key(path) for path in copy.sizes(copy.folder)}
    pages = {"tiny/explorer.html", "tiny/report/explorer.html"}
    assert pages | {"tiny/figures/cut.svg", "tiny/figures/cut.png", "tiny/shards/0.json"} <= names
    assert "Nothing to be done" in snakemake(first, address)
    said = snakemake(copied_workflow(there, sweep_file(figures=FIGURES)), address)
    assert "0 units computed" in said
    assert "6 were present" in said
    assert opened(url).attrs["content_digest"] == product.attrs["content_digest"]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_from_its_home_on_another_machine(address, tmp_path):
    path = tmp_path / "tiny.yaml"
    axes = {"coupling": {"linspace": [0.05, 0.95, 5]}, "shift": [0.5]}
    path.write_text(yaml.safe_dump(tiny_settings(axes=axes, run={"duration": 25000.0})))  # a point is a batch
    command = [sys.executable, "-m", "nessmap", "simulate", str(path), "--executor", "serial", "--results", address]
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    killed = subprocess.Popen(
        command, cwd=folders[0], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        results = results_folder(address, folders[0] / "results")
        wait_for(lambda: len(stored_segments(results)) >= 2, 300)
    finally:
        killed.send_signal(signal.SIGKILL)
        kill_family(killed)
    n_stored = len(stored_segments(results))
    done = subprocess.run(command, cwd=folders[1], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    log = PointLog(results_folder(address, folders[1] / "results") / "points")
    n_record = len(list(log.entries(log.segments(log.models()[0]))))
    assert n_record == len(log.scan(log.models()[0])) == 5 * n_per_point(path)
    assert f"{n_stored} were present" in done.stderr or f"{n_stored + 1} were present" in done.stderr


def n_per_point(path: Path) -> int:
    return len(Sweep(path).points[0].record_keys())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "endpoint", "said"),
    [
        ("s3://no-such-bucket-here/x", None, "there is no such bucket; create it"),
        ("s3://bucket/x", "http://127.0.0.1:9", "no answer; is AWS_ENDPOINT_URL right, and the network there?"),
    ],
)
def test_a_store_that_is_not_there_is_said_before_any_work(
    object_store_server, sweep_file, tmp_path, place, endpoint, said
):
    environment = {**os.environ, **object_store_server, **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})}
    command = [sys.executable, "-m", "nessmap", "simulate", str(sweep_file()), "--results", place]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"nessmap: {place}: cannot be ")
    assert said in done.stderr
