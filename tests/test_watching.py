"""What a driver sees of what others store in its log: every record once, seldom, and whatever fails on the way."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import stored_segments
from nessmap.object_store import StoreError
from nessmap.points import LogError, PointLog
from nessmap.sharing import LOOK_SHARE, Watch
from nessmap.sweep import Sweep


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The time [s] that a watch reads, to be set."""
    time = [100.0]
    monkeypatch.setattr("nessmap.sharing.time.monotonic", lambda: time[0])
    return time


def test_a_look_finds_what_others_stored_since_and_reads_nothing_else(
    run_sweep, sweep_file, tmp_path, monkeypatch, now
):
    run_sweep(sweep_file(axes={"coupling": [0.1]}))
    point_log, opened = PointLog(tmp_path / "results" / "points"), []
    watch = Watch(point_log, "amari_field")
    real = PointLog.entries

    def entries(self, segments):
        opened.extend(segments)
        return real(self, segments)

    monkeypatch.setattr(PointLog, "entries", entries)
    now[0] = watch.next_look
    assert watch.look() == set()
    mine, theirs = (Sweep(sweep_file(axes={"coupling": [c]})) for c in (0.5, 0.9))
    watch.is_mine(mine.points[0].record_keys())
    for coupling in (0.5, 0.9):
        run_sweep(sweep_file(axes={"coupling": [coupling]}))
    opened.clear()  # those sweeps have looked, too
    now[0] = watch.next_look
    assert watch.look() == set(theirs.points[0].record_keys())
    assert len(opened) == 1
    now[0] = watch.next_look
    assert watch.look() == set()
    assert len(opened) == 1


@pytest.mark.parametrize("failing", ["segments", "entries"])
@pytest.mark.parametrize("kind", [LogError, OSError, StoreError])
def test_a_look_that_fails_ends_nothing_is_said_once_and_made_up_for(
    failing, kind, run_sweep, sweep_file, tmp_path, monkeypatch, now, caplog
):
    watch = Watch(PointLog(tmp_path / "results" / "points"), "amari_field")
    path = sweep_file(axes={"coupling": [0.1]})
    run_sweep(path)

    def refuse(self, wanted):
        now[0] += 30.0
        raise kind("too many open files")

    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(PointLog, failing, refuse)
        for _ in range(2):
            now[0] = watch.next_look
            assert watch.look() == set()
            assert watch.next_look == now[0] + 30.0 / LOOK_SHARE
    assert [record.getMessage().count("too many open files") for record in caplog.records] == [1]
    now[0] = watch.next_look
    assert watch.look() == {key for point in Sweep(path).points for key in point.record_keys()}


def test_one_segment_that_cannot_be_read_hides_no_other(run_sweep, sweep_file, tmp_path, monkeypatch, now):
    watch = Watch(PointLog(tmp_path / "results" / "points"), "amari_field")
    for coupling in (0.1, 0.5):
        path = sweep_file(axes={"coupling": [coupling]})
        run_sweep(path)
    bad, *_ = stored_segments(tmp_path / "results")
    entries = PointLog.entries
    held = {entry.name.key for entry in entries(PointLog(tmp_path / "results" / "points"), [bad])}

    def refuse(self, segments):
        segments = list(segments)
        if bad in segments:
            raise LogError("no permission")
        return entries(self, segments)

    now[0] = watch.next_look
    with monkeypatch.context() as patch:
        patch.setattr(PointLog, "entries", refuse)
        found = watch.look()
    assert len(found) == len(held)
    assert found.isdisjoint(held)
    now[0] = watch.next_look
    assert watch.look() == held


@pytest.mark.parametrize(("takes", "pause"), [(0.0, 1.0), (0.03125, 1.0), (0.5, 10.0)], ids=["short", "less", "long"])
def test_looks_are_seldom_and_a_small_part_of_the_time(takes, pause, tmp_path, monkeypatch, now):
    looked = []

    def segments(self, model):
        looked.append(now[0])
        now[0] += takes
        return []

    monkeypatch.setattr(PointLog, "segments", segments)
    began = now[0]
    watch = Watch(PointLog(tmp_path), "amari_field")
    while now[0] < began + 100:
        watch.look()
        now[0] += 0.125  # a time that doubles hold to the last bit
    gaps = np.diff(looked[1:]) - takes
    assert ((pause <= gaps) & (gaps <= pause + 0.125)).all()
    assert sum(takes for _ in looked) <= LOOK_SHARE * 100 + takes
