"""A disk that is really full, and one that is really read-only: said in a message with the remedy, and nothing lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import stored_segments
from nessmap.assembly import assemble
from nessmap.phase_diagram import aggregate
from nessmap.sweep import Sweep

pytestmark = pytest.mark.slow


def mounted(*words: str) -> bool:
    """Whether the system did what was asked."""
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:  # no such program here
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A small disk at tmp_path/results, and how to change it: an option such as size=1m or ro."""
    where = tmp_path / "results"
    where.mkdir()
    if not mounted("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(where)):
        pytest.skip("mounting a file system needs Linux, and root")

    def change(option: str) -> None:
        assert mounted("mount", "-o", f"remount,{option}", str(where))

    yield change
    assert mounted("umount", str(where))


def test_a_full_disk_loses_what_did_not_fit_and_a_larger_one_gets_the_rest(
    disk, sweep_file, tmp_path, say, fresh, monkeypatch, serially
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)  # a segment per unit
    path, results = sweep_file(), tmp_path / "results"
    command = ("simulate", str(path), "--executor", "serial", "--results", str(results))
    status, _, said = say(*command)
    assert status == 1
    assert "No space left on device" in said
    assert "what was computed is saved; go on with the same command" in said
    before = stored_segments(results)
    assert 0 < len(before) < 6
    disk("size=4m")
    status, _, said = say(*command)
    assert (status, f"{len(before)} were present" in said) == (0, True)
    assert before.items() <= stored_segments(results).items()
    sweep = Sweep(path)
    product = aggregate(sweep, assemble(sweep, results / "points", []), serially)
    assert product.attrs["content_digest"] == fresh().digest


def test_a_disk_that_cannot_be_written_is_said_before_any_work(disk, sweep_file, tmp_path, say, monkeypatch):
    monkeypatch.setattr("nessmap.shard.simulate", None)  # would raise if any work were started
    disk("ro")
    status, _, said = say("simulate", str(sweep_file()), "--executor", "serial", "--results", str(tmp_path / "results"))
    assert status == 1
    assert "cannot be written (Read-only file system); make it writable or choose --results" in said
