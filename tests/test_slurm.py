"""A real SLURM of two nodes, which tests/slurm/cluster starts on this host: jobs that are cancelled, lost or out of time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

from conftest import FIGURES, copied_workflow, stored_segments
from nessmap.executors import slurm
from processes import kill_family, kill_strays, start_snakemake, wait_for

N_POINT = 6
LONG = {"run": {"duration": 25000}}  # each unit is a batch of its own: more than two estimated seconds
# this SLURM keeps no accounts; small jobs for small nodes; ask often, because a test waits
HERE = [
    "--workflow-profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue",
    "--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3", "--latency-wait", "5",
    "--default-resources", "mem_mb=1000", "runtime=10", "--set-threads", "simulate=2", "aggregate=1",
    "--set-resources", "simulate:mem_mb=2000", "simulate:runtime=10", "assemble:mem_mb=1000", "aggregate:mem_mb=1000",
]  # fmt: skip


def ask(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def is_up() -> bool:
    if not shutil.which("sinfo"):
        return False
    ran = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%N"], capture_output=True, text=True)
    return set(ran.stdout.split()) == {"one", "two"}


pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not is_up(), reason="the two-node SLURM of these tests is not up: tests/slurm/cluster start"),
]


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    """Both nodes up before, no job left after."""
    yield
    for job in ask("squeue", "--noheader", "--format=%i").split():
        subprocess.run(["scancel", job], check=False)
    for node in down():
        ask("scontrol", "update", f"nodename={node}", "state=resume")
    wait_for(lambda: not ask("squeue", "--noheader"), 60)


def down() -> list[str]:
    states = (line.split() for line in ask("sinfo", "-hN", "-o", "%N %t").splitlines())
    return [node for node, state in states if "down" in state]


def running() -> list[tuple[str, str]]:
    """Jobs that run, each with its node."""
    return [tuple(line.split()) for line in ask("squeue", "-h", "-t", "R", "-o", "%i %N").splitlines()]  # type: ignore[misc]


def test_a_sweep_goes_through_slurm_to_its_figures(tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(figures=FIGURES))
    leader = start_snakemake(folder, HERE)
    try:
        assert leader.wait(800) == 0, (folder / "said.txt").read_text()
    finally:
        kill_family(leader)
    product = xr.open_zarr(folder / "results" / "tiny" / "phase_diagram.zarr")
    assert product.attrs["content_digest"] == fresh().digest
    assert (folder / "results" / "tiny" / "figures" / "cut.svg").exists()
    said = (folder / "said.txt").read_text()
    assert said.count("submitted with SLURM jobid") >= 4  # simulate, assemble, aggregate, a figure


def cancel(job: str, node: str) -> None:
    ask("scancel", job)


def take_node_down(job: str, node: str) -> None:
    ask("scontrol", "update", f"nodename={node}", "state=down", "reason=a-test")


@pytest.mark.parametrize("strike", [cancel, take_node_down])
def test_a_shard_that_is_lost_is_submitted_again_and_goes_on(strike, tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(**LONG))
    leader = start_snakemake(folder, ["results/tiny/shards/0.json", *HERE])
    try:
        wait_for(lambda: stored_segments(folder / "results") or leader.poll() is not None, 500)
        ((job, node),) = running()
        strike(job, node)
        before = stored_segments(folder / "results")
        assert 0 < len(before) < N_POINT
        assert leader.wait(800) == 0, (folder / "said.txt").read_text()
    finally:
        kill_family(leader)
        kill_strays(folder)  # nobody ends what runs on a node that is taken for down
    after = stored_segments(folder / "results")
    assert {path: after[path] for path in before} == before
    assert len(after) == N_POINT  # a segment for each batch, none twice
    last = (folder / "results" / "tiny" / "logs" / "simulate-0.log").read_text().splitlines()[-1]
    n_computed, n_present = (int(re.search(rf"(\d+) {words}", last)[1]) for words in ("units computed", "were present"))
    by_others = re.search(r"(\d+) meanwhile by others", last)
    n_by_others = int(by_others[1]) if by_others else 0
    assert n_present >= len(before)  # batches may have ended between the look and the strike
    assert n_by_others <= 2  # and after it, on the two workers of the lost shard
    assert n_computed + n_by_others + n_present == N_POINT


SEVERAL = ["--config", "shards=4"]
PRODUCT = "results/tiny/phase_diagram.zarr/zarr.json"


def test_several_shards_run_side_by_side_on_both_nodes(tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(**LONG))
    leader = start_snakemake(folder, [PRODUCT, *HERE, *SEVERAL])
    try:
        wait_for(lambda: {node for _, node in running()} == {"one", "two"} or leader.poll() is not None, 500)
        assert leader.wait(800) == 0, (folder / "said.txt").read_text()
    finally:
        kill_family(leader)
    assert sorted(path.name for path in (folder / "results" / "tiny" / "shards").iterdir()) == [
        f"{k}.json" for k in range(4)
    ]
    assert len(stored_segments(folder / "results")) == N_POINT
    assert xr.open_zarr((folder / PRODUCT).parent).attrs["content_digest"] == fresh(**LONG).digest


def test_a_task_of_a_job_array_that_is_cancelled_is_submitted_again_and_goes_on(tmp_path, sweep_file, fresh):
    folder = copied_workflow(tmp_path, sweep_file(**LONG))
    # every task of an array takes itself for the first one, too, and removes what that one made when it is cancelled
    as_arrays = ["--slurm-array-jobs", "simulate", "--keep-incomplete"]
    leader = start_snakemake(folder, [PRODUCT, *HERE, *as_arrays, *SEVERAL])
    try:
        wait_for(lambda: stored_segments(folder / "results") or leader.poll() is not None, 500)
        job, _ = running()[0]
        assert "_" in job  # a task of an array
        cancel(job, "")
        before = stored_segments(folder / "results")
        assert 0 < len(before) < N_POINT
        assert leader.wait(800) == 0, (folder / "said.txt").read_text()
    finally:
        kill_family(leader)
    said = (folder / "said.txt").read_text()
    assert "Submitted array job" in said
    assert "Trying to restart job" in said
    after = stored_segments(folder / "results")
    assert {path: after[path] for path in before} == before
    assert len(after) == N_POINT
    assert xr.open_zarr((folder / PRODUCT).parent).attrs["content_digest"] == fresh(**LONG).digest


def test_a_job_ends_before_its_time_and_the_next_one_goes_on(tmp_path, sweep_file):
    path = sweep_file(axes={"coupling": {"linspace": [0.1, 0.9, 1000]}}, run={"duration": 2000})  # minutes of work
    nessmap = f"{sys.executable} -m nessmap simulate {path} --results {tmp_path}/results --workers 2"
    words = ["--time=1", "--cpus-per-task=2", "--mem=2000", f"--output={tmp_path}/said.txt", f"--wrap=exec {nessmap}"]
    ran = subprocess.run(["sbatch", "--parsable", "--wait", *words], capture_output=True, text=True, timeout=200)
    said = (tmp_path / "said.txt").read_text()
    assert ran.returncode == 75, said  # by itself; SLURM would have made it a timeout
    assert f"go on with the same command, or: nessmap simulate {path}" in said or "same command goes on" in said
    assert stored_segments(tmp_path / "results")
    assert not list((tmp_path / "results").rglob("*.partial"))


# distributed leaves the encrypted socket of a lost worker to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_dask_workers_in_slurm_jobs_are_replaced_when_they_are_lost(
    tmp_path, sweep_file, run_sweep, fresh, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASK_JOBQUEUE__SLURM__INTERFACE", "lo")
    monkeypatch.setenv("DASK_JOBQUEUE__SLURM__MEMORY", "1GB")
    lost = []

    def lose_a_worker() -> None:
        wait_for(lambda: stored_segments(tmp_path / "results"), 500)
        lost.append(running()[0][0])
        ask("scancel", lost[0])

    with slurm(2) as run:
        killer = threading.Thread(target=lose_a_worker)
        killer.start()
        outcome = run_sweep(sweep_file(**LONG), run)
        killer.join()
    assert lost
    report = outcome.report
    assert (report.absent, report.failed, report.lost) == (0, 0, [])
    # what the lost one had stored and not yet said is not computed again: one batch at most
    assert N_POINT - report.computed == report.by_others <= 1
    assert len(stored_segments(tmp_path / "results")) == N_POINT
    assert outcome.digest == fresh(**LONG).digest
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".nessmap-dask")]
    wait_for(lambda: not ask("squeue", "--noheader"), 60)


LENT = """
import os, nessmap.__main__
from nessmap.allocation import available_cores, memory_bytes, seconds_left
print(available_cores(), memory_bytes(), seconds_left() / 60, os.environ["NUMBA_CACHE_DIR"])
"""


def test_numba_caches_on_the_node_and_memory_and_time_are_the_jobs():
    limits = ["--time=3", "--cpus-per-task=1", "--mem=700"]
    said = ask("srun", *limits, "env", "-u", "NUMBA_CACHE_DIR", sys.executable, "-c", LENT).split()
    assert said[:2] == ["1", str(700 * 2**20)]
    assert 0 < float(said[2]) <= 3
    assert f"nessmap-{os.getuid()}" in Path(said[3]).parts
