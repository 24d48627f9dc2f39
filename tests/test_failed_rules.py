"""What a person sees last when a rule failed: the first error of nessmap's, and the path of that rule's log."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import copied_workflow
from nessmap.failed_rules import last_words

FAILED = """[Sun Nov 22 21:30:18 2026]
Error in rule simulate:
    message: None
    jobid: 3
    log: {} (check log file(s) for error details)
Exiting because a job execution failed. Look above for error messages
"""
WORK = "nessmap: tiny: 0 of 6 units done\n"


@pytest.fixture
def said_last(tmp_path):
    """What is said last of jobs whose logs have these texts, in the order in which they failed."""

    def run(**logs: str) -> str:
        for name, text in logs.items():
            (tmp_path / name).write_text(text)
        snakemake = tmp_path / "snakemake.log"
        snakemake.write_text("".join(FAILED.format(f"{tmp_path / name}, slurm/{name}") for name in logs))
        return last_words([str(snakemake)]).replace(f"{tmp_path}/", "")

    return run


def test_the_first_error_is_said_with_its_lines_and_its_log(said_last):
    errors = "nessmap: error: a batch was lost\nnessmap: 6 units computed\nnessmap: error: 6 points have no result\n"
    assert said_last(a=WORK + errors) == "nessmap: error: a batch was lost\na"
    two_lines = "nessmap: error: 6 points failed\nwhat was computed is saved\nnessmap: error: compute them again\n"
    assert said_last(a=two_lines) == "nessmap: error: 6 points failed\nwhat was computed is saved\na"


def test_of_several_the_first_is_said_and_how_many_there_are(said_last):
    both = {"a": f"{WORK}nessmap: error: first\n", "b": "nessmap: error: second\n"}
    assert said_last(**both) == "2 jobs failed, the first with\nnessmap: error: first\na"
    # the first was tried again and came to its end: Snakemake lists it still
    assert said_last(**{**both, "a": WORK}) == "nessmap: error: second\nb"


def test_a_job_that_was_killed_is_said_to_have_said_nothing(said_last):
    wanted = "nessmap: the job ended before it could say why, as one that is killed does; what it said is in\na"
    assert said_last(a=WORK) == wanted


def test_where_no_rule_failed_nothing_is_said(said_last, tmp_path):
    assert said_last() == ""
    assert last_words([tmp_path / "none"]) == ""


def test_a_log_marks_errors_and_the_terminal_shows_them_as_they_are(say, sweep_file, tmp_path):
    log = tmp_path / "plan.log"
    status, _, errors = say("plan", str(tmp_path / "none.yaml"), "--log", str(log))
    assert status == 2
    assert errors.startswith(f"nessmap: {tmp_path}/none.yaml: no such file")
    assert log.read_text() == errors.replace("nessmap: ", "nessmap: error: ")


@pytest.mark.slow
def test_snakemake_ends_with_the_error_and_the_log_of_the_rule(tmp_path, sweep_file):
    folder = copied_workflow(tmp_path, sweep_file(run={"timeout": 1e-9}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "executor=serial"]
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-3:] == [
        "nessmap: error: 6 of 6 points failed; the first: stopped at step 50 of 100 after 1e-09 s",
        "what was computed is saved; see: nessmap failures tiny",
        "results/tiny/logs/simulate-0.log",
    ]
    assert "Traceback" not in ran.stdout
