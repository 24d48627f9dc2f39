"""The point log: what was written comes back to the bit, and nothing else ever does."""

from __future__ import annotations

import errno
import json
import os
import platform
import random
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nessmap import points
from nessmap.assembly import MissingRecords, assemble, open_store, write_store
from nessmap.identity import RecordName
from nessmap.manifests import write_manifest
from nessmap.points import LogError, PointLog, outcome
from nessmap.shard import run_shard
from nessmap.simulate import Record, Status
from nessmap.sweep import Sweep

MODEL = "amari_field"


def record(lane: int = 0, status: Status = Status.ok, statistic: str = "covariance", seed: int = 0) -> Record:
    name = RecordName("0" * 32, lane, 128, 100, statistic, 1)
    array = np.random.default_rng([seed, lane]).normal(size=(5, 16)) if status is Status.ok else None
    return Record(
        name, status, array, "e" * 32 if status is Status.ok else "", 0.25, "" if array is not None else "why"
    )


def contents(log: PointLog) -> dict[str, bytes]:
    return {entry.name.key: array.tobytes() for entry, array in log.read(log.scan(MODEL).values())}


def test_what_is_written_is_scanned_and_read_back_to_the_bit(tmp_path):
    log = PointLog(tmp_path)
    records = [
        record(0),
        record(128),
        record(0, statistic="lagged_covariance"),
        record(256, Status.failed),
        record(384, Status.unstable),
    ]
    log.write(MODEL, records)
    index = log.scan(MODEL)
    assert index.keys() == {each.name.key for each in records}
    for each in records:
        entry = index[each.name.key]
        assert (entry.name, entry.status, entry.end) == (each.name, each.status, each.end)
        assert (entry.wall_time, entry.message) == (each.wall_time, each.message)
    assert contents(log) == {each.name.key: each.array.tobytes() for each in records if each.array is not None}
    assert log.scan("linear_langevin") == {}
    assert not log.damaged


def test_writing_the_same_batch_again_is_harmless(tmp_path):
    log, batch = PointLog(tmp_path), [record(0), record(128)]
    first = log.write(MODEL, batch)
    before = contents(log)
    assert log.write(MODEL, batch) == log.write(MODEL, batch[::-1]) == first
    assert contents(log) == before
    assert list(tmp_path.rglob("*.zip")) == [first]


def test_records_are_found_by_key_when_a_segment_is_rewritten_between_scan_and_read(tmp_path):
    log, batch = PointLog(tmp_path), [record(0), record(128)]
    log.write(MODEL, batch)
    index = log.scan(MODEL)
    log.write(MODEL, batch[::-1])  # the same keys, so the same name, in another order
    read = {entry.name.key: array for entry, array in log.read(index.values())}
    for each in batch:
        assert np.array_equal(read[each.name.key], each.array)


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_data(content: bytes) -> bytes:
    """The last byte of the first chunk, just before the archive's next header."""
    place = content.index(b"PK\x03\x04", content.index(b"/c/0/0/0")) - 1
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def flip_metadata(content: bytes) -> bytes:
    place = content.index(b'"records"') + 20
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGE = {
    "truncated": truncate,
    "a bit flipped in the data": flip_data,
    "a bit flipped in the metadata": flip_metadata,
    "empty": lambda content: b"",
    "garbage": lambda content: random.Random(0).randbytes(len(content)),
    "text": lambda content: b"PK\x03\x04 not an archive",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_segment_is_set_aside_said_and_computed_again_to_the_same_bits(
    damage, sweep_file, run_sweep, tmp_path, monkeypatch
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)  # a segment per unit
    path, results = sweep_file(), tmp_path / "results"
    digest = run_sweep(path).digest
    segments = sorted((results / "points").rglob("*.zarr.zip"))
    broken = segments[2]
    whole = contents(PointLog(results / "points"))
    broken.write_bytes(damage(broken.read_bytes()))
    with pytest.warns(UserWarning, match=rf"{broken.name}: damaged .* its records count as missing"):
        again = run_sweep(path)
    assert (again.report.present, again.report.computed) == (5, 1)
    assert again.digest == digest
    assert contents(PointLog(results / "points")) == whole
    assert [file.name for file in (results / "points" / "set-aside").iterdir()] == [broken.name]


def test_no_flipped_bit_is_ever_read_as_a_result(tmp_path):
    batch = [record(0), record(128), record(0, statistic="lagged_covariance")]
    segment = PointLog(tmp_path).write(MODEL, batch)
    whole, truth = segment.read_bytes(), contents(PointLog(tmp_path))
    n_tried = n_harmless = 0
    # a prime stride visits every position within a byte and every part of the file
    for bit in range(0, 8 * len(whole), 149):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        segment.write_bytes(changed)
        log = PointLog(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the warning is what the test above is about
            read = contents(log)
        assert read == ({} if log.damaged else truth)
        n_tried, n_harmless = n_tried + 1, n_harmless + (not log.damaged)
    assert 0 < n_harmless < n_tried / 10  # dates and permissions in the archive's headers: 5 % of this file


def test_unfinished_files_are_ignored(tmp_path):
    log = PointLog(tmp_path)
    segment = log.write(MODEL, [record()])
    for name in (f".{segment.name}.partial", f".{segment.stem}.0123.partial", "notes.txt"):
        segment.with_name(name).write_bytes(b"half")
    assert len(log.scan(MODEL)) == 1
    assert not log.damaged


def test_a_result_wins_over_a_failure_of_the_same_record(tmp_path):
    log, good, bad = PointLog(tmp_path), record(0), record(0, Status.failed)
    # companions make segments of different names, so that the failed record comes both before and after the good one
    for lane in range(128, 128 * 7, 128):
        log.write(MODEL, [bad, record(lane)])
    log.write(MODEL, [good, record(128 * 7)])
    for lane in range(128 * 8, 128 * 12, 128):
        log.write(MODEL, [bad, record(lane)])
    assert log.scan(MODEL)[good.name.key].status is Status.ok


def test_the_worst_record_decides_a_point():
    index = {}
    for status in (Status.ok, Status.unstable, Status.timeout, Status.diverged, Status.failed):
        each = record(status=status)
        index[status] = points.Entry(each.name, status, Path(), "", -1, "", 0.0, status.name)
    assert outcome([index[Status.ok], index[Status.ok]]) == (Status.ok, "ok")
    assert outcome([index[Status.ok], index[Status.timeout], index[Status.unstable]]) == (Status.timeout, "timeout")
    assert outcome([index[Status.failed], index[Status.ok]]) == (Status.failed, "failed")
    assert outcome([index[Status.failed], None]) == (Status.absent, "")


def test_two_writers_at_once_leave_one_whole_segment(tmp_path):
    batch = [record(lane) for lane in range(0, 128 * 8, 128)]
    with ThreadPoolExecutor(2) as threads:
        written = list(threads.map(lambda _: PointLog(tmp_path).write(MODEL, batch), range(12)))
    assert len(set(written)) == 1
    log = PointLog(tmp_path)
    assert contents(log) == {each.name.key: each.array.tobytes() for each in batch}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [written[0]]


def test_a_folder_that_cannot_be_written_is_said_before_any_work_starts(tmp_path, sweep_file, run_sweep, monkeypatch):
    monkeypatch.setattr("nessmap.shard.simulate", None)  # would raise if any work were started
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(LogError, match=r"points/amari_field: cannot be written \(Not a directory\)"):
        run_sweep(sweep_file())


def test_a_read_only_file_system_is_said_in_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "touch", refuse)  # the tests may run as root, whom permissions do not stop
    with pytest.raises(LogError) as error:
        PointLog(tmp_path).check_writable(MODEL)
    assert str(error.value) == (
        f"{tmp_path}/amari_field: cannot be written (Read-only file system); make it writable or choose --results"
    )


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EMFILE, "Too many open files"), PermissionError(errno.EACCES, "Permission denied"), MemoryError()],
)
def test_a_sound_segment_stays_where_it_is_when_the_machine_is_at_fault(tmp_path, monkeypatch, error):
    log = PointLog(tmp_path)
    segment = log.write(MODEL, [record()])

    def refuse(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(points, "_entries", refuse)
        with pytest.raises(LogError, match="it was left where it is"):
            log.scan(MODEL)
    assert segment.exists()
    assert len(log.scan(MODEL)) == 1


def test_a_full_disk_loses_the_batch_and_nothing_else(tmp_path, sweep_file, run_sweep, fresh, monkeypatch):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    real, calls = points._sync, []

    def full(path):
        calls.append(path)
        if len(calls) == 5:  # a segment and its folder are synced, so this is the third batch
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path)

    path = sweep_file()
    with monkeypatch.context() as patch:
        patch.setattr(points, "_sync", full)
        report = run_sweep(path).report
    assert (report.computed, report.absent, report.failed) == (5, 1, 0)
    assert report.lost == ["a batch was lost (units: 1): OSError: [Errno 28] No space left on device"]
    assert not list(tmp_path.rglob("*.partial"))
    again = run_sweep(path)
    assert (again.report.present, again.report.computed, again.digest) == (5, 1, fresh().digest)


WRITER = """
import os, sys, time
from pathlib import Path
from nessmap import points
sys.path.insert(0, sys.argv[2])
from test_points import MODEL, record

def stall(path):  # the data are written, the name is not
    print("ready", flush=True)
    time.sleep(60)

points._sync = stall
points.PointLog(Path(sys.argv[1])).write(MODEL, [record()])
"""


@pytest.mark.parametrize("name", [pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGKILL"])
def test_a_writer_that_is_stopped_leaves_no_half_segment(tmp_path, name):
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
    assert process.returncode == -getattr(signal, name)
    log = PointLog(tmp_path)
    assert log.scan(MODEL) == {}
    assert not log.damaged
    log.write(MODEL, [record()])
    assert contents(log) == {record().name.key: record().array.tobytes()}


def test_assemble_refuses_when_a_vouched_record_is_missing_and_says_what_to_type(
    sweep_file, run_sweep, tmp_path, serially
):
    path, results = sweep_file(), tmp_path / "results"
    sweep = run_sweep(path).sweep
    manifest = results / "0.json"
    write_manifest(manifest, sweep, sweep.points, run_shard(sweep, sweep.points, results / "points", serially))
    (segment,) = (results / "points").rglob("*.zarr.zip")
    segment.unlink()
    with pytest.raises(MissingRecords) as error:
        assemble(sweep, results / "points", [manifest])
    assert str(error.value) == (
        f"tiny: 18 of 18 records are not in {results}/points; "
        f"compute them with: nessmap simulate {path} --results {results}, then repeat this"
    )


def test_assemble_refuses_manifests_that_do_not_vouch_for_the_sweep(sweep_file, run_sweep, tmp_path, serially):
    path, log = sweep_file(), tmp_path / "results" / "points"
    sweep, report, _ = run_sweep(path)
    part, whole = tmp_path / "part.json", tmp_path / "whole.json"
    write_manifest(part, sweep, sweep.points[:4], run_shard(sweep, sweep.points[:4], log, serially))
    write_manifest(whole, sweep, sweep.points, report)
    remedy = f"make the manifests of all shards with: nessmap simulate {path} --results {log.parent} --manifest FILE"
    with pytest.raises(MissingRecords) as error:
        assemble(sweep, log, [part])
    wanted = f"tiny: 6 of 18 records are not in the manifests given; {remedy}, then repeat this"
    assert str(error.value) == wanted
    other = Sweep(sweep_file("other"))
    with pytest.raises(MissingRecords, match=rf"^{whole}: vouches for tiny, expected other; make the manifests"):
        assemble(other, log, [whole])
    assert assemble(sweep, log, [part, whole]).sizes["point"] == 6


def test_a_store_is_written_over_whatever_dead_processes_left(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftovers = [tmp_path / f".a.zarr.{platform.node()}.{dead.pid}.{kind}" for kind in ("partial", "old")]
    kept = [
        tmp_path / f".b.zarr.{platform.node()}.{dead.pid}.old",  # of another store
        tmp_path / f".a.zarr.elsewhere.{dead.pid}.partial",  # of another machine
        tmp_path / f".a.zarr.{platform.node()}.{os.getppid()}.partial",  # of a process that runs
    ]
    for folder in (*leftovers, *kept):
        (folder / "part").mkdir(parents=True)
    for value in (1, 2):
        write_store(xr.Dataset({"a": ("x", [value])}), tmp_path / "a.zarr")
        assert open_store(tmp_path / "a.zarr")["a"].values == [value]
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.zarr", *kept])


def test_a_store_that_appears_as_another_is_renamed_is_replaced(tmp_path, monkeypatch):
    path, real = tmp_path / "a.zarr", Path.replace
    write_store(xr.Dataset({"a": ("x", [1])}), tmp_path / "other.zarr")

    def replace(self, target):
        if target == path and (tmp_path / "other.zarr").exists():
            real(tmp_path / "other.zarr", path)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_store(xr.Dataset({"a": ("x", [2])}), path)
    assert open_store(path)["a"].values == [2]
    assert list(tmp_path.iterdir()) == [path]


def test_assemble_refuses_when_a_segment_turns_out_damaged_as_it_is_read(sweep_file, run_sweep, tmp_path):
    path, results = sweep_file(), tmp_path / "results"
    outcome = run_sweep(path)
    (segment,) = (results / "points").rglob("*.zarr.zip")
    segment.write_bytes(flip_data(segment.read_bytes()))
    refusal = pytest.raises(
        MissingRecords, match=r"12 of 12 records are not in .* \(damaged segments set aside: 1\); compute"
    )
    with pytest.warns(UserWarning, match="damaged"), refusal:
        assemble(outcome.sweep, results / "points", [])
    assert run_sweep(path).digest == outcome.digest


def test_a_manifest_holds_no_times_so_that_an_idle_rerun_changes_nothing(sweep_file, run_sweep, tmp_path, serially):
    path, results = sweep_file(), tmp_path / "results"
    sweep = run_sweep(path).sweep
    texts = []
    for name in ("a.json", "b.json"):
        report = run_shard(sweep, sweep.points, results / "points", serially)
        write_manifest(tmp_path / name, sweep, sweep.points, report)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    vouched = json.loads(texts[0])["points"]
    assert vouched == {point.key: point.record_keys() for point in sweep.points}
    assert json.loads(texts[0])["statuses"] == {point.key: "ok" for point in sweep.points}
