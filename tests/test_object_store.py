"""Results whose home is an object store: what two machines see of them, what survives damage and death, and what is said."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import xarray as xr

from nessmap import object_store, upkeep
from nessmap.__main__ import main
from nessmap.assembly import write_store
from nessmap.manifests import write_manifest
from nessmap.object_store import StoreError, home_of, publish, results_folder
from nessmap.points import GENERATION, DamageWarning, PointLog
from nessmap.sweep import Sweep
from processes import wait_for
from s3_server import opened
from test_points import MODEL, contents, record

LANES = range(0, 128 * 6, 128)


@pytest.fixture
def machines(address, tmp_path):
    """Logs on two machines that share nothing but their home, in which there are six segments of a record each."""
    here, there = (PointLog(results_folder(address, tmp_path / name) / "points") for name in ("here", "there"))
    for lane in LANES:
        here.write(MODEL, [record(lane)])
    return here, there


def objects(log):
    """Names of what lies at home."""
    return {log.home.key(path) for path in log.home.sizes(log.home.folder)}


# --- addresses


def test_a_folder_is_a_folder_and_an_address_has_a_copy_of_its_own(tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert results_folder("elsewhere/results", tmp_path) == Path("elsewhere/results")
    assert home_of(tmp_path / "points") is None
    copy = results_folder("s3://bucket-1/my/maps/", tmp_path)
    assert copy == tmp_path / "s3+bucket-1+my+maps"
    home = home_of(copy / "points" / "amari_field")
    assert home.address == "s3://bucket-1/my/maps"
    assert home.key(copy / "points" / "x.json") == "points/x.json"
    assert home.url(copy / "tiny" / "explorer.html") == "s3://bucket-1/my/maps/tiny/explorer.html"
    assert home_of(results_folder("s3://bucket-1", tmp_path)).address == "s3://bucket-1"
    assert not list(tmp_path.iterdir())


def test_places_of_one_name_at_two_endpoints_are_two_copies(tmp_path, monkeypatch):
    copies = []
    for url in ("http://127.0.0.1:9000", "https://minio.example.org"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        copies.append(results_folder("s3://bucket/maps", tmp_path))
        assert home_of(copies[-1]).address == "s3://bucket/maps"
    assert [copy.name for copy in copies] == ["s3+bucket+maps@127.0.0.1_9000", "s3+bucket+maps@minio.example.org"]
    with pytest.raises(StoreError, match=r"set that, or give the address anew"):
        home_of(copies[0] / "points")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(StoreError, match=r"expected https://host or http://host:port"):
        results_folder("s3://bucket/maps", tmp_path)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_the_name_of_a_copy_would_not_tell_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv(name, "https://minio.example.org")
    with pytest.raises(StoreError, match=rf"{name} = https://minio.example.org, expected none; set AWS_ENDPOINT_URL"):
        results_folder("s3://bucket/maps", tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio.example.org")
    assert results_folder("s3://bucket/maps", tmp_path).name == "s3+bucket+maps@minio.example.org"


@pytest.mark.parametrize("text", ["ftp://somewhere", "s3://", "s3://B/x", "s3://bucket/a/../b", "s3://bucket/a//b"])
def test_what_is_no_address_is_refused_with_an_example(text, tmp_path):
    with pytest.raises(StoreError, match=r"expected a folder or an address like s3://bucket/prefix"):
        results_folder(text, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_library_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(object_store, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'nessmap\[s3\]'"):
        results_folder("s3://bucket/prefix", tmp_path)


# --- the point log


def test_what_one_machine_writes_another_reads_to_the_bit(machines):
    here, there = machines
    assert there.models() == [MODEL]
    assert contents(there) == contents(here) == {key: array for key, array in contents(here).items() if array}
    assert len(contents(there)) == len(LANES)
    assert {path.name for path in there.segments(MODEL)} == {path.name for path in here.segments(MODEL)}
    # and what is here already is not fetched again
    times = {path: path.stat().st_mtime_ns for path in there.segments(MODEL)}
    assert {path: path.stat().st_mtime_ns for path in there.segments(MODEL)} == times


def test_a_lost_copy_loses_nothing(machines):
    here, _ = machines
    before = contents(here)
    shutil.rmtree(here.home.folder)
    assert contents(here) == before
    # not even if it goes while somebody writes
    shutil.rmtree(here.home.folder)
    PointLog(here.folder).write(MODEL, [record(128 * 20)])
    assert len(contents(here)) == len(before) + 1


def test_what_could_not_be_put_is_not_here_either(machines, monkeypatch):
    here, _ = machines

    def refuse(self, path, content):
        raise StoreError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(object_store.Home, "put", refuse)
        with pytest.raises(StoreError, match="no answer"):
            here.write(MODEL, [record(128 * 7)])
    assert len(list(here.folder.rglob("*.zarr.zip"))) == len(LANES)
    assert not list(here.folder.rglob("*.partial"))


def test_what_a_log_holds_is_what_is_at_home(machines):
    here, there = machines
    keys = [record(LANES[0]).name.key]
    assert here.holds(MODEL, keys)
    assert there.holds(MODEL, keys)
    there.remove(path for path in there.segments(MODEL))
    assert list(here.folder.rglob("*.zarr.zip"))  # the copy knows nothing of it yet
    assert not here.holds(MODEL, keys)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_copy_is_fetched_anew(machines, damage):
    here, _ = machines
    before, segment = contents(here), here.segments(MODEL)[2]
    content = bytearray(segment.read_bytes())
    segment.write_bytes(content[:-40] if damage == "cut" else bytes(255 - byte for byte in content))
    assert contents(here) == before
    assert not here.damaged


def test_many_damaged_copies_are_fetched_in_one_look(machines, monkeypatch):
    here, _ = machines
    before = contents(here)
    monkeypatch.setattr("nessmap.points.ATTEMPTS", 1)
    for segment in here.segments(MODEL):
        segment.write_bytes(bytes(255 - byte for byte in segment.read_bytes()))
    assert contents(here) == before


def test_a_damaged_object_is_set_aside_at_home_and_computed_again(machines):
    here, there = machines
    segment = here.segments(MODEL)[2]
    here.home.put(segment, bytes(255 - byte for byte in segment.read_bytes()))
    with pytest.warns(DamageWarning, match="set aside"):
        assert len(contents(there)) == len(LANES) - 1
    assert f"points/set-aside/{segment.name}" in objects(there)
    assert there.home.key(there.folder / segment.relative_to(here.folder)) not in objects(there)
    there.write(MODEL, [record(lane) for lane in LANES])  # whichever it was
    assert len(contents(there)) == len(LANES)


def test_segments_merged_on_one_machine_are_merged_on_the_other(machines):
    here, there = machines
    before = contents(there)
    assert upkeep.compact(here.folder) == (len(LANES), 1)
    assert [path.name for path in there.segments(MODEL)] == [path.name for path in here.segments(MODEL)]
    assert len(list(there.folder.rglob("*.zarr.zip"))) == 1
    assert contents(there) == before


def test_a_machine_that_reads_while_another_merges_misses_nothing(machines):
    here, there = machines
    expected, done, found = contents(there), threading.Event(), []

    def read():
        while not done.is_set() or not found:
            found.append(contents(PointLog(there.folder)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for lane in range(128 * 6, 128 * 12, 128):
            here.write(MODEL, [record(lane)])
            upkeep.compact(here.folder)
    finally:
        done.set()
        reader.join()
    assert all(expected.items() <= each.items() for each in found)


def test_garbage_is_what_no_machine_vouches_for(machines, tmp_path):
    here, there = machines
    keys = sorted(here.scan(MODEL))
    manifest = here.home.folder / "tiny" / "shards" / "0.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"sweep": "tiny", "points": {"a point": keys[:4]}}))
    publish(manifest)
    wanted = upkeep.wanted_keys(there.home.folder, [])
    assert wanted == set(keys[:4])
    removal = upkeep.remove(there.folder, lambda entry: entry.name.key not in wanted, leftovers=True, dry_run=False)
    assert (removal.n_record, removal.n_segment) == (2, 2)
    assert here.scan(MODEL).keys() == wanted
    # and forgetting takes the manifest along, wherever it was made
    _, stale = upkeep.forget(there.home.folder, there.folder, {keys[0]}, dry_run=False)
    assert [path.name for path in stale] == ["0.json"]
    assert "tiny/shards/0.json" not in objects(here)


# --- the lease


def test_upkeep_is_one_at_a_time_and_says_who_is_at_it(machines):
    here, there = machines
    with (
        upkeep.locked(here.folder) as renew,
        pytest.raises(StoreError, match=rf"is running \(process {os.getpid()} on "),
        upkeep.locked(there.folder),
    ):
        raise AssertionError("two at once")
    with upkeep.locked(there.folder) as renew:
        renew()
        renew()
    assert "points/.upkeep.lock" not in objects(here)


def test_a_lease_that_nobody_renewed_is_taken_over_and_its_holder_stops(machines, monkeypatch):
    here, there = machines
    with monkeypatch.context() as patch, upkeep.locked(here.folder) as renew:
        patch.setattr(object_store, "LEASE_SECONDS", -1.0)
        with upkeep.locked(there.folder) as other:
            other()
            with pytest.raises(StoreError, match="taken by another process"):
                renew()
    with upkeep.locked(there.folder):  # nobody has it now
        pass


def test_a_lease_is_renewed_while_its_holder_lives(machines, monkeypatch):
    here, there = machines
    monkeypatch.setattr(object_store, "RENEWAL_SECONDS", 0.05)
    lock, contents = here.folder / upkeep.LOCK, set()
    with upkeep.locked(here.folder) as renew:
        wait_for(lambda: contents.add(here.home.get(lock)) or len(contents) > 3, 30)
        with pytest.raises(StoreError, match="is running"), upkeep.locked(there.folder):
            raise AssertionError("two at once")
        renew()


def test_garbage_that_leaves_whole_segments_makes_nobody_look_again(machines):
    here, there = machines
    generation = there.home.folder / "points" / MODEL / GENERATION
    going = set(sorted(here.scan(MODEL))[:3])
    removal = upkeep.remove(here.folder, lambda entry: entry.name.key in going, leftovers=False, dry_run=False)
    assert (removal.n_record, removal.n_segment) == (3, 3)
    assert there.home.get(generation) is None
    assert len(there.scan(MODEL)) == len(LANES) - 3


# --- products


def test_a_store_at_home_is_whole_or_none(machines, monkeypatch, tmp_path):
    here, _ = machines
    monkeypatch.chdir(tmp_path)  # as the workflow names it
    product = here.home.folder.relative_to(tmp_path) / "tiny" / "product.zarr"
    write_store(xr.Dataset({"rate": ("x", [1.0, 2.0]), "old": ("x", [0.0, 0.0])}), product)
    publish(product)
    assert opened(here.home.url(product))["rate"].values.tolist() == [1.0, 2.0]
    write_store(xr.Dataset({"rate": ("x", [3.0, 4.0, 5.0])}), product)
    put = object_store.Home.put

    def die_on_the_way(self, path, content):
        if "rate/c" in str(path):
            raise StoreError("no answer")
        put(self, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(object_store.Home, "put", die_on_the_way)
        with pytest.raises(StoreError):
            publish(product)
    with pytest.raises(FileNotFoundError):
        opened(here.home.url(product))
    publish(product)
    now = opened(here.home.url(product))
    assert now["rate"].values.tolist() == [3.0, 4.0, 5.0]
    assert not [name for name in objects(here) if "old" in name]


def test_two_that_write_one_store_at_the_same_time_leave_no_mixture(machines, monkeypatch):
    here, _ = machines
    product = here.home.folder / "tiny" / "product.zarr"
    write_store(xr.Dataset({"rate": ("x", [1.0, 2.0]), "n": ("x", [1, 2])}), product)
    put = object_store.Home.put

    def with_another(self, path, content):
        put(self, path, content)
        if path.name == object_store.ROOT and path.parent == product:  # its numbers come last
            chunk = product / "n" / "c" / "0"
            put(self, chunk, self.get(chunk)[::-1])  # of the same size

    with monkeypatch.context() as patch:
        patch.setattr(object_store.Home, "put", with_another)
        with pytest.raises(StoreError, match="another process wrote it at the same time"):
            publish(product)
    with pytest.raises(FileNotFoundError):
        opened(here.home.url(product))
    publish(product)
    assert opened(here.home.url(product))["n"].values.tolist() == [1, 2]


def test_a_copy_of_an_old_manifest_does_not_come_back(address, tmp_path, sweep_file, run_sweep, monkeypatch):
    """One machine has extended the grid, another one simulates by hand with its file of before."""
    here, there = (results_folder(address, tmp_path / name) for name in ("here", "there"))
    path = sweep_file(axes={"coupling": [0.1]})
    old, report = Sweep(path), run_sweep(path, results=there).report
    manifest = ("tiny", "shards", "0.json")
    write_manifest(there.joinpath(*manifest), old, old.points, report)
    new, report = Sweep(sweep_file(axes={"coupling": [0.1, 0.5]})), run_sweep(path, results=here).report
    write_manifest(here.joinpath(*manifest), new, new.points, report)
    sweep_file(axes={"coupling": [0.1]})
    simulate = ["simulate", str(path), "--executor", "serial", "--results", str(there)]
    assert main(simulate) == 0
    assert len(upkeep.vouched(there)[there.joinpath(*manifest)]) == 2
    # forgotten there, it is not brought back from here either
    _, stale = upkeep.forget(here, here / "points", set(new.points[1].record_keys()), dry_run=False)
    assert len(stale) == 1
    assert main(simulate) == 0
    assert not home_of(here).has(here.joinpath(*manifest))


def test_a_wrong_address_is_a_mistake_on_the_command_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plan", "tiny", "--results", "ftp://x"])
    assert "results = ftp://x, expected a folder or an address like s3://bucket/prefix" in capsys.readouterr().err
