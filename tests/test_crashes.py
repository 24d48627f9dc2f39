"""Processes that are killed in mid-run: the same command again finishes, with the same bits and nothing done twice."""

from __future__ import annotations

import signal
import threading

import psutil
import pytest

from campaign import broken_promises, campaign
from conftest import copied_workflow, stored_segments
from nessmap.assembly import open_store
from nessmap.executors import local
from processes import kill_family, start_snakemake, wait_for

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
N_POINT = 6


def busiest_worker(earlier: set[psutil.Process]) -> psutil.Process:
    """Of the workers started since; the tracker of resources is no worker."""
    children = [child for child in psutil.Process().children(recursive=True) if child not in earlier]
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return max(workers, key=lambda worker: worker.cpu_times().user)


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_is_replaced_and_every_point_is_there(
    sweep_file, run_sweep, fresh, tmp_path, monkeypatch
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)  # a segment per unit
    long = {"run": {"duration": 4000}}  # a good part of a second per unit
    earlier = set(psutil.Process().children(recursive=True))
    killed = []

    def kill_a_worker_after_the_first_segment() -> None:
        wait_for(lambda: stored_segments(tmp_path / "results"), 60)
        busiest_worker(earlier).kill()
        killed.append(len(stored_segments(tmp_path / "results")))

    with local(2) as run:
        killer = threading.Thread(target=kill_a_worker_after_the_first_segment)
        killer.start()
        outcome = run_sweep(sweep_file(**long), run)
        killer.join()
    assert killed[0] < N_POINT
    report = outcome.report
    assert (report.absent, report.failed, report.lost) == (0, 0, [])
    # what the dead one had stored and not yet said is not computed again: one batch at most
    assert N_POINT - report.computed == report.by_others <= 1
    assert outcome.digest == fresh(**long).digest


@pytest.mark.slow
def test_snakemake_killed_in_mid_simulation_goes_on_where_it_was(tmp_path, sweep_file, fresh):
    # each unit is a batch of its own: more than two estimated seconds
    long = {"run": {"duration": 25000}}
    folder = copied_workflow(tmp_path, sweep_file("tiny", small=long))
    interrupted = start_snakemake(folder)
    try:
        wait_for(lambda: stored_segments(folder / "results") or interrupted.poll() is not None, 120)
    finally:
        kill_family(interrupted)
    before = stored_segments(folder / "results")
    times = {path: path.stat().st_mtime_ns for path in before}
    assert 0 < len(before) < N_POINT
    assert not (folder / "results" / "tiny-small" / "phase_diagram.zarr").exists()

    repeated = start_snakemake(folder)
    assert repeated.wait(300) == 0, (folder / "said.txt").read_text()
    after = stored_segments(folder / "results")
    assert {path: after[path] for path in before} == before
    assert {path: path.stat().st_mtime_ns for path in before} == times
    assert len(after) == N_POINT
    log = (folder / "results" / "tiny-small" / "logs" / "simulate-0.log").read_text()
    assert f"{N_POINT - len(before)} units computed" in log
    assert f"{len(before)} were present, 0 points failed" in log
    product = open_store(folder / "results" / "tiny-small" / "phase_diagram.zarr")
    assert product.attrs["content_digest"] == fresh(**long).digest

    idle = start_snakemake(folder)
    assert idle.wait(120) == 0
    assert "Nothing to be done" in (folder / "said.txt").read_text()
    assert stored_segments(folder / "results") == after


@pytest.mark.slow
def test_a_small_campaign_of_kills_breaks_no_promise(tmp_path):
    result = campaign(tmp_path, n_kill=4, seed=3, n_point=12, duration=25000)
    assert broken_promises(result, records_per_point=3, n_kill=4) == []
