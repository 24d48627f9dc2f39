"""Jobs that end: what a scheduler lends, batches that are held back in time, signals, and what is said of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import stored_segments
from nessmap import allocation
from nessmap.shard import CLOSING_SECONDS, Clock, run_shard
from nessmap.sweep import Sweep
from processes import wait_for

VARIABLES = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_JOB_ID",
             "SLURM_JOB_END_TIME", "SLURM_TMPDIR", "NUMBA_CACHE_DIR")  # fmt: skip


@pytest.fixture
def job(monkeypatch):
    """Set the variables of a SLURM job; those not given are not there."""

    def enter(**variables: str) -> None:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return enter


@pytest.fixture
def squeue(monkeypatch):
    """What squeue says, or how it fails; the commands it was given."""
    asked = []

    def say(answer: str | Exception) -> list[list[str]]:
        def run(command, **_):
            asked.append(command)
            if isinstance(answer, Exception):
                raise answer
            return subprocess.CompletedProcess(command, 0, stdout=answer)

        monkeypatch.setattr("nessmap.allocation.subprocess.run", run)
        return asked

    return say


def test_without_a_scheduler_there_is_no_limit_and_nobody_is_asked(job, squeue):
    job()
    asked = squeue("1:00\n")
    assert (allocation.memory_bytes(), allocation.seconds_left(), allocation.numba_cache()) == (None, None, {})
    assert not asked


def test_a_job_has_the_cores_and_the_memory_that_it_was_given(job):
    there = allocation.available_cores()
    job(SLURM_JOB_ID="7", SLURM_CPUS_PER_TASK="1", SLURM_MEM_PER_CPU="300")
    assert (allocation.available_cores(), allocation.memory_bytes()) == (1, 300 * 2**20)
    job(SLURM_JOB_ID="7", SLURM_CPUS_ON_NODE="4096", SLURM_MEM_PER_NODE="700")
    assert allocation.available_cores() == there  # no more than the machine has
    assert allocation.memory_bytes() == 700 * 2**20


def test_the_time_left_is_asked_of_the_scheduler_where_it_is_no_variable(job, squeue):
    job(SLURM_JOB_ID="7", SLURM_JOB_END_TIME=str(int(time.time()) + 100))
    assert 95 < allocation.seconds_left() <= 100
    job(SLURM_JOB_ID="7")
    asked = squeue("1-00:01:00\n")
    assert allocation.seconds_left() == 86460
    assert asked == [["squeue", "--noheader", "--jobs", "7", "--format=%L"]]


@pytest.mark.parametrize(
    "answer", ["UNLIMITED", "INVALID", "", FileNotFoundError("squeue"), subprocess.TimeoutExpired("squeue", 30)]
)
def test_a_scheduler_that_knows_no_end_sets_no_limit(answer, job, squeue):
    job(SLURM_JOB_ID="7")
    squeue(answer)
    assert allocation.seconds_left() is None
    assert allocation.memory_bytes() is None


def test_numba_caches_in_a_folder_of_the_node_that_nobody_else_can_write(job, tmp_path):
    job(SLURM_JOB_ID="7", SLURM_TMPDIR=str(tmp_path))
    folder = tmp_path / f"nessmap-{os.getuid()}"
    assert allocation.numba_cache() == {"NUMBA_CACHE_DIR": str(folder)}
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert allocation.numba_cache() == {}
    job(SLURM_JOB_ID="7", SLURM_TMPDIR=str(tmp_path), NUMBA_CACHE_DIR="/somewhere")
    assert allocation.numba_cache() == {}  # the user chose


class Costs:
    """Stands for a unit of work; only its cost is asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


def handed_out(batches: list, seconds: float | None, turnaround: float, monkeypatch) -> int:
    """How many batches a clock hands out when each comes back after so long."""
    now = [0.0]
    monkeypatch.setattr("nessmap.shard.time.perf_counter", lambda: now[0])
    clock, taken = Clock(2.0 * len(batches), seconds), 0
    for batch in clock.in_time(batches):
        taken += 1
        now[0] += turnaround
        clock.came_back(batch)
    assert clock.held_back == (taken < len(batches))
    return taken


def test_batches_are_held_back_that_would_not_be_back_in_time(monkeypatch):
    batches = [[Costs(2.0)] for _ in range(100)]
    assert handed_out(batches, None, 5.0, monkeypatch) == 100
    assert handed_out(batches, 5 * 100 + CLOSING_SECONDS + 10, 5.0, monkeypatch) == 100
    # twice the time of the slowest one before, and time to close, are left when the last one goes out
    n = handed_out(batches, 200.0, 5.0, monkeypatch)
    assert 5.0 * (n - 1) + 2 * 5.0 + CLOSING_SECONDS <= 200.0 < 5.0 * n + 2 * 5.0 + CLOSING_SECONDS
    assert handed_out(batches, CLOSING_SECONDS + 1.9, 5.0, monkeypatch) == 0  # by its estimate alone


def test_a_shard_that_runs_out_of_time_says_so_and_the_next_run_completes_it(
    sweep_file, fresh, run_sweep, serially, tmp_path, monkeypatch
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    path = sweep_file()
    sweep = Sweep(path)

    def run(function, batches):
        for done, result in enumerate(serially(function, batches)):
            yield result
            if done == 1:
                monkeypatch.setattr("nessmap.shard.CLOSING_SECONDS", 1e9)

    report = run_shard(sweep, sweep.points, tmp_path / "results" / "points", run, seconds=1e6)
    assert (report.computed, report.absent, report.out_of_time) == (2, 4, True)
    again = run_sweep(path)
    assert (again.report.present, again.report.computed, again.report.out_of_time) == (2, 4, False)
    assert again.digest == fresh().digest


def test_a_job_out_of_time_ends_with_75_writes_no_manifest_and_says_how_to_go_on(say, sweep_file, tmp_path):
    path, results = sweep_file(), tmp_path / "results"
    words = ("simulate", str(path), "--results", str(results), "--executor", "serial")
    status, _, errors = say(*words, "--walltime", "0.1", "--manifest", str(tmp_path / "m.json"))
    assert status == 75
    assert errors.splitlines()[-2:] == [
        "nessmap: 6 of 6 points have no result: the job's time was about to end",
        f"what was computed is saved; go on with the same command, or: nessmap simulate {path} --results {results}",
    ]
    assert not (tmp_path / "m.json").exists()
    assert say(*words)[0] == 0


@pytest.mark.parametrize("word", ["soon", "-1", "nan", "inf"])
def test_a_walltime_that_is_none_is_said_in_words(word, capsys, say):
    with pytest.raises(SystemExit):
        say("simulate", "tiny", f"--walltime={word}")
    assert f"argument --walltime: {word}, expected a number >= 0\n" in capsys.readouterr().err


@pytest.mark.slow
def test_a_scheduler_that_asks_for_its_node_gets_it_at_once_and_nothing_is_lost(sweep_file, tmp_path):
    path = sweep_file(axes={"coupling": {"linspace": [0.1, 0.9, 300]}}, run={"duration": 2000})
    command = [sys.executable, "-m", "nessmap", "simulate", str(path), "--results", str(tmp_path / "results")]
    with subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        wait_for(lambda: stored_segments(tmp_path / "results") or process.poll() is not None, 300)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped; what was computed is saved, the same command goes on from there" in said
    assert stored_segments(tmp_path / "results")


def test_a_log_of_json_names_the_points_of_every_batch(say, sweep_file, tmp_path, monkeypatch):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    path, lines = sweep_file(), tmp_path / "log.jsonl"
    words = ("simulate", str(path), "--results", str(tmp_path / "results"), "--executor", "serial")
    _, _, errors = say(*words, "--log", str(lines))
    read = [json.loads(line) for line in lines.read_text().splitlines()]
    stored = [line for line in read if "points" in line]
    assert [line["units"] for line in stored] == [1] * 6
    assert {key for line in stored for key in line["points"]} == {point.key for point in Sweep(path).points}
    assert read[-1]["message"].startswith("tiny: 6 units computed in ")
    assert "a batch is stored" not in errors  # for programs only
