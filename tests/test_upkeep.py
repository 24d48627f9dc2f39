"""Upkeep of the log: segments merged while others read, garbage counted and removed, points forgotten, an index rebuilt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nessmap import points, segment_index, upkeep
from nessmap.points import LogError, PointLog
from nessmap.simulate import Status
from test_points import MODEL, contents, record

LANES = range(0, 128 * 12, 128)


@pytest.fixture
def log(tmp_path):
    """Twelve segments of a record each."""
    made = PointLog(tmp_path)
    for lane in LANES:
        made.write(MODEL, [record(lane)])
    return made


def test_merged_segments_hold_the_same_records_to_the_bit(log):
    before = contents(log)
    entries = log.scan(MODEL)
    assert upkeep.compact(log.folder) == (12, 1)
    assert contents(log) == before
    after = log.scan(MODEL)
    for key, entry in entries.items():
        found = after[key]
        assert (found.status, found.end, found.wall_time, found.message) == (
            entry.status, entry.end, entry.wall_time, entry.message,
        )  # fmt: skip
    assert upkeep.compact(log.folder) == (1, 1)


def test_large_segments_are_left_alone_and_merged_ones_are_not_larger(log, monkeypatch):
    size = log.segments(MODEL)[0].stat().st_size
    monkeypatch.setattr(upkeep, "MERGED_BYTES", 1.9 * size)  # each is more than half of that
    before = log.segments(MODEL)
    assert upkeep.compact(log.folder) == (12, 12)
    assert log.segments(MODEL) == before
    monkeypatch.setattr(upkeep, "MERGED_BYTES", 4.5 * size)
    assert upkeep.compact(log.folder) == (12, 3)


def test_a_failure_gives_way_to_the_result_of_the_same_record_when_segments_are_merged(tmp_path):
    log, good, bad = PointLog(tmp_path), record(0), record(0, Status.failed)
    log.write(MODEL, [bad, record(128)])
    log.write(MODEL, [good, record(256)])
    upkeep.compact(tmp_path)
    assert log.scan(MODEL)[good.name.key].status is Status.ok
    assert len(contents(log)) == 3


def test_a_record_that_moved_after_the_scan_is_found_where_it_is(log):
    entries = log.scan(MODEL)
    before = contents(log)
    upkeep.compact(log.folder)
    assert not any(entry.segment.exists() for entry in entries.values())
    assert {entry.name.key: array.tobytes() for entry, array in log.read(entries.values())} == before
    assert not log.damaged


def test_readers_and_writers_go_on_while_segments_are_merged(tmp_path):
    log = PointLog(tmp_path)
    truth: dict[str, bytes] = {}
    stop, problems = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            known = dict(truth)
            found = contents(PointLog(tmp_path))
            problems.extend(key for key, array in known.items() if found.get(key) != array)

    reader = threading.Thread(target=read)
    reader.start()
    for lane in range(0, 128 * 40, 128):
        each = record(lane)
        log.write(MODEL, [each])
        truth[each.name.key] = each.array.tobytes()
        if lane % 640 == 0:
            upkeep.compact(tmp_path)
    stop.set()
    reader.join()
    assert not problems
    assert contents(log) == truth


def test_upkeep_is_refused_while_another_one_is_running(log):
    with upkeep.locked(log.folder), pytest.raises(LogError, match="compact, gc or forget is running"):
        upkeep.compact(log.folder)
    assert upkeep.compact(log.folder) == (12, 1)


KILLED = """
import sys, time
from pathlib import Path
from nessmap import upkeep
real = Path.unlink

def stall(self, missing_ok=False):  # the merged segment is there, and so are the old ones but one
    real(self, missing_ok)
    print("ready", flush=True)
    time.sleep(60)

Path.unlink = stall
upkeep.compact(Path(sys.argv[1]))
"""


def test_compaction_that_is_killed_half_way_loses_nothing_and_is_finished_by_the_next(log):
    before = contents(log)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(log.folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert len(log.segments(MODEL)) == 12  # eleven old ones and the merged one
    assert contents(log) == before
    assert upkeep.compact(log.folder) == (12, 1)
    assert contents(log) == before


def test_a_damaged_segment_is_set_aside_and_not_merged(log):
    broken = log.segments(MODEL)[3]
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.warns(UserWarning, match="damaged"):
        upkeep.compact(log.folder)
    assert len(contents(log)) == 11
    assert [file.name for file in (log.folder / points.SET_ASIDE).iterdir()] == [broken.name]


# --- removing


def test_garbage_is_counted_before_it_is_removed_and_the_rest_stays_to_the_bit(log):
    upkeep.compact(log.folder)
    log.write(MODEL, [record(128 * 20)])
    keep = {record(lane).name.key for lane in LANES[:4]}
    before = contents(log)

    def unwanted(entry):
        return entry.name.key not in keep

    counted = upkeep.remove(log.folder, unwanted, leftovers=True, dry_run=True)
    assert (counted.n_record, counted.n_segment, counted.files) == (9, 1, ())
    assert contents(log) == before
    assert upkeep.remove(log.folder, unwanted, leftovers=True, dry_run=False) == counted
    assert contents(log) == {key: before[key] for key in keep}


def test_leftovers_are_what_was_set_aside_and_files_that_no_writer_can_still_be_at(log):
    segment = log.segments(MODEL)[0]
    young, old = (segment.with_name(f".{name}.partial") for name in ("young", "old"))
    for file in (young, old):
        file.write_bytes(b"half")
    day_ago = time.time() - upkeep.PARTIAL_SECONDS - 60
    os.utime(old, (day_ago, day_ago))
    aside = log.folder / points.SET_ASIDE / segment.name
    aside.parent.mkdir()
    aside.write_bytes(b"damaged")
    removed = upkeep.remove(log.folder, lambda _: False, leftovers=True, dry_run=False)
    assert set(removed.files) == {old, aside}
    assert young.exists()
    assert not old.exists()
    assert not aside.exists()


def test_gc_removes_what_an_edited_sweep_no_longer_wants_and_asks_first(
    say, sweep_file, run_sweep, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path, results = sweep_file(), str(tmp_path / "results")
    whole = run_sweep(path)
    sweep_file(axes={"coupling": [0.1], "shift": [0.0, 0.5]})
    words = ("gc", str(path), "--results", results, "--json")
    assert json.loads(say(*words)[1])["records"] == 0  # they are younger than a day
    said = json.loads(say(*words, "--days", "0")[1])
    assert (said["records"], said["removed"]) == (4 * 3, False)
    assert json.loads(say(*words, "--days", "0", "--delete")[1]) == {**said, "removed": True}
    assert run_sweep(path).report.present == 2
    sweep_file()
    again = run_sweep(path)
    assert (again.report.present, again.report.computed, again.digest) == (2, 4, whole.digest)


def test_forgotten_points_are_computed_again_and_their_manifests_are_gone(say, sweep_file, tmp_path):
    path, results = sweep_file(), tmp_path / "results"
    manifests = [results / "tiny" / "shards" / f"{k}.json" for k in range(2)]
    simulate = ("simulate", str(path), "--results", str(results), "--executor", "serial")
    for k, manifest in enumerate(manifests):
        assert say(*simulate, "--shard", str(k), "--of", "2", "--manifest", str(manifest))[0] == 0
    forget = ("forget", str(path), "coupling=0.5", "shift=0", "--results", str(results))
    assert say(*forget) == (
        0, "would remove 3 records of 1 points of tiny, and 1 manifests; do it with --delete\n", "",
    )  # fmt: skip
    assert all(manifest.exists() for manifest in manifests)
    assert say(*forget, "--delete")[:2] == (0, "removed 3 records of 1 points of tiny, and 1 manifests\n")
    assert sum(manifest.exists() for manifest in manifests) == 1
    assert "1 units computed" in say(*simulate)[2]


def test_forget_failed_takes_the_failed_points_only(say, sweep_file, tmp_path):
    path = sweep_file(run={"timeout": 1e-9, "max_failed_fraction": 1.0})
    words = (str(path), "--results", str(tmp_path / "results"))
    assert say("simulate", *words, "--executor", "serial")[0] == 0
    assert json.loads(say("forget", *words, "--failed", "--json")[1])["points"] == 6
    sweep_file()
    assert say("simulate", *words, "--executor", "serial", "--retry-failed")[0] == 0
    assert json.loads(say("forget", *words, "--failed", "--json")[1])["points"] == 0


# --- the index


@pytest.fixture
def indexed(log, monkeypatch):
    """The log with an index."""
    monkeypatch.setattr(segment_index, "FROM_SEGMENTS", 4)
    log.scan(MODEL)
    assert (log.folder / MODEL / segment_index.NAME).exists()
    return log


def test_what_is_indexed_is_not_opened_again(indexed, monkeypatch):
    before = indexed.scan(MODEL)
    opened = []
    real = points._rows
    monkeypatch.setattr(points, "_rows", lambda segment: opened.append(segment) or real(segment))
    assert indexed.scan(MODEL) == before
    assert not opened
    added = indexed.write(MODEL, [record(128 * 30)])
    assert len(indexed.scan(MODEL)) == 13
    assert opened == [added]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": [1]}', "null"])
def test_an_index_that_is_damaged_is_made_anew(content, indexed):
    before, kept = indexed.scan(MODEL), indexed.folder / MODEL / segment_index.NAME
    sound = kept.read_text()
    kept.write_text(content)
    assert indexed.scan(MODEL) == before
    assert json.loads(kept.read_text()) == json.loads(sound)


def test_rows_of_an_index_that_make_no_sense_are_read_from_the_segment(indexed):
    before, kept = indexed.scan(MODEL), indexed.folder / MODEL / segment_index.NAME
    rows = {name: (stamp, [[1, 2], ["x"]]) for name, (stamp, _) in json.loads(kept.read_text()).items()}
    kept.write_text(json.dumps(rows))
    assert indexed.scan(MODEL) == before
    assert not indexed.damaged


def test_the_index_is_no_part_of_what_is_kept(indexed):
    before = contents(indexed)
    upkeep.compact(indexed.folder)
    upkeep.rebuild_index(indexed.folder)
    assert contents(indexed) == before


def test_open_shows_the_page_of_a_sweep_or_says_how_to_make_it(say, there, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address) or True)
    assert say("open", "tiny") == (0, "results/tiny/figures/cut.svg\n", "")
    assert shown == [Path("results/tiny/figures/cut.svg").resolve().as_uri()]
    assert say("open", "tiny-small")[:2] == (
        1, "tiny-small: nothing to show below results/tiny-small yet; make it with: snakemake\n",
    )  # fmt: skip
