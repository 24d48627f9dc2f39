"""Processes that are started, watched and killed by the tests of crashes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Until it holds; AssertionError if it takes longer."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {seconds} s"
        time.sleep(0.02)


def start_snakemake(
    folder: Path, words: Sequence[str] = ("--cores", "2", "--config", "small=true")
) -> subprocess.Popen[str]:
    """Snakemake in a folder and a session of its own; what it says goes to said.txt."""
    command = [sys.executable, "-m", "snakemake", *words]
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )


def kill_family(leader: subprocess.Popen[str]) -> None:
    """SIGKILL for a process and all that came of it, workers with sessions of their own too."""
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(leader.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    leader.wait()


def kill_strays(folder: Path) -> None:
    """SIGKILL for what works in a test's own folder and has lost its parent."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
