"""What a scheduler lent this process: cores, memory, time and a folder of the node; without one, what the machine has."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_MEMORY = re.compile(r"([0-9.]+)([KMGT]?)c?")
_TIME_LEFT = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")  # what squeue writes: [[days-]hours:]minutes:seconds


def available_cores() -> int:
    """Cores this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    lent = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE") or ""
    # not every SLURM binds its jobs to their cores
    return min(there, int(lent)) if lent.isdecimal() and int(lent) else there


def memory_bytes() -> int | None:
    """Memory of this job on this node [bytes]; None where no scheduler limits it."""
    whole, per_core = (os.environ.get(f"SLURM_MEM_PER_{unit}", "") for unit in ("NODE", "CPU"))
    if whole.isdecimal():
        return int(whole) * _UNITS["M"] or None
    if per_core.isdecimal():
        return int(per_core) * _UNITS["M"] * available_cores() or None
    return parse_memory(_squeue("%m"))  # the steps of a job are not told


def seconds_left() -> float | None:
    """Time before the scheduler ends this job [s]; None without a limit, or where nobody knows it."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return int(end) - time.time() if end.isdecimal() else parse_time_left(_squeue("%L"))


def _squeue(field: str) -> str:
    """What squeue says of this job; nothing outside of one, and where there is no squeue."""
    job = os.environ.get("SLURM_JOB_ID", "")
    if not job:
        return ""
    command = ["squeue", "--noheader", "--jobs", job, f"--format={field}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def parse_memory(text: str) -> int | None:
    """Bytes in what squeue says of a job's memory; None for 0, which is no limit, and for what is no number.

    >>> parse_memory("700M"), parse_memory("2G"), parse_memory("0")
    (734003200, 2147483648, None)
    """
    match = _MEMORY.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[match[2] or "M"]) or None if match else None


def parse_time_left(text: str) -> float | None:
    """Seconds in what squeue says of the time left; None for UNLIMITED and the like.

    >>> parse_time_left("1-02:00:05"), parse_time_left("4:30"), parse_time_left("UNLIMITED")
    (93605.0, 270.0, None)
    """
    match = _TIME_LEFT.fullmatch(text.strip())
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((24 * days + hours) * 60 + minutes) * 60 + seconds)


def numba_cache() -> Mapping[str, str]:
    """Inside a job: numba's cache goes to a folder of the node, because a home that all nodes share is slow and locks badly.

    Empty without a scheduler, where the user chose a folder, and where the one on the node belongs to somebody else.
    """
    if "SLURM_JOB_ID" not in os.environ or "NUMBA_CACHE_DIR" in os.environ:
        return {}
    folder = Path(os.environ.get("SLURM_TMPDIR") or tempfile.gettempdir()) / f"nessmap-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return {}
    # a cache holds code: nobody else may have put it there
    return {"NUMBA_CACHE_DIR": str(folder)} if status.st_uid == os.getuid() and not status.st_mode & 0o022 else {}
