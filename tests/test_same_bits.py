"""The same numbers to the bit, however they came about: executors, batches, shards, grown grids, longer runs, failures."""

from __future__ import annotations

import dataclasses
import pickle
import time

import numpy as np
import pytest

from conftest import TINY, simulated, stored_segments
from nessmap import shards
from nessmap.assembly import assemble, open_store, write_store
from nessmap.executors import local
from nessmap.manifests import write_manifest
from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField
from nessmap.phase_diagram import aggregate, content_digest
from nessmap.points import PointLog
from nessmap.protocols.stationary import Stationary
from nessmap.shard import VersionError, missing_work, run_batch, run_shard
from nessmap.simulate import Restart, Status, simulate
from nessmap.statistics import STATISTICS
from nessmap.sweep import Sweep

LONGER = {"run": {"duration": 10}}
ALL_UNITS = 6  # 3 couplings x 2 shifts, one block of lanes each


def stored_bits(results):
    log = PointLog(results / "points")
    return {entry.name.key: array.tobytes() for entry, array in log.read(log.scan("amari_field").values())}


def stored_records(results):
    """How often each record is stored: nothing may be computed twice."""
    rows = []
    for segment in stored_segments(results):
        log = PointLog(segment.parent.parent.parent)
        rows += [entry.name.key for entry in log.scan("amari_field").values() if entry.segment == segment]
    return rows


# --- executors, batches, order, shards


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 1e9], ids=["a batch per unit", "some units per batch", "one batch"])
def test_the_size_of_batches_changes_no_bit(seconds, sweep_file, run_sweep, fresh, monkeypatch):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", seconds)
    assert run_sweep(sweep_file()).digest == fresh().digest


def test_two_dask_workers_give_the_bits_of_one_process(sweep_file, run_sweep, two_workers, fresh, monkeypatch):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    outcome = run_sweep(sweep_file(), two_workers)
    assert (outcome.report.computed, outcome.report.failed, outcome.digest) == (ALL_UNITS, 0, fresh().digest)


@pytest.mark.slow
def test_one_dask_worker_gives_the_bits_of_one_process(sweep_file, run_sweep, fresh):
    with local(1) as run:
        assert run_sweep(sweep_file(), run).digest == fresh().digest


def test_theory_and_observables_evaluated_on_workers_are_the_same_to_the_bit(
    sweep_file, run_sweep, two_workers, fresh, tmp_path
):
    sweep = run_sweep(sweep_file()).sweep
    points = assemble(sweep, tmp_path / "results" / "points", [])
    assert aggregate(sweep, points, two_workers).attrs["content_digest"] == fresh().digest


def test_the_digest_survives_the_store(fresh, tmp_path):
    dataset = fresh().dataset
    write_store(dataset, tmp_path / "phase_diagram.zarr")
    assert content_digest(open_store(tmp_path / "phase_diagram.zarr")) == dataset.attrs["content_digest"]


def test_a_different_number_gives_a_different_digest(fresh):
    dataset = fresh().dataset.copy(deep=True)
    dataset["wall_time"][:] = 0.0
    assert content_digest(dataset) == fresh().digest
    dataset["site_variance"][0, 0] *= 1 + 2e-16
    assert content_digest(dataset) != fresh().digest


def test_the_order_of_axes_and_values_in_the_file_changes_nothing(sweep_file, run_sweep, fresh):
    path = sweep_file(axes={"shift": [0.5, 0.0], "coupling": {"linspace": [0.9, 0.1, 3]}})
    outcome = run_sweep(path)
    assert outcome.digest == fresh().digest
    assert outcome.dataset["site_variance"].dims == ("coupling", "shift")


@pytest.mark.parametrize("of", [2, 3])
def test_shards_together_are_the_whole(of, sweep_file, fresh, serially, tmp_path):
    sweep = Sweep(sweep_file())
    parts = [shards.shard(sweep, k, of) for k in range(of)]
    assert sorted(point.index for part in parts for point in part) == [point.index for point in sweep.points]
    manifests = [tmp_path / f"{k}.json" for k in range(of)]
    for manifest, points in zip(manifests, parts, strict=True):
        report = run_shard(sweep, points, tmp_path / "points", serially)
        assert report.computed == len(points)
        write_manifest(manifest, sweep, points, report)
    dataset = aggregate(sweep, assemble(sweep, tmp_path / "points", manifests), serially)
    assert dataset.attrs["content_digest"] == fresh().digest


# --- grown grids


def test_growing_an_axis_computes_exactly_the_points_between_and_equals_a_fresh_grid(
    sweep_file, run_sweep, fresh, tmp_path
):
    grown = {"coupling": {"linspace": [0.1, 0.9, 5]}, "shift": [0.0, 0.5]}
    run_sweep(sweep_file())
    before = stored_segments(tmp_path / "results")
    outcome = run_sweep(sweep_file(axes=grown))
    assert (outcome.report.wanted, outcome.report.present, outcome.report.computed) == (10, 6, 4)
    assert outcome.digest == fresh(axes=grown).digest
    after = stored_segments(tmp_path / "results")
    assert {path: after[path] for path in before} == before
    records = stored_records(tmp_path / "results")
    assert len(records) == len(set(records)) == 10 * 3


def test_a_second_sweep_takes_what_the_first_has_computed(sweep_file, run_sweep):
    run_sweep(sweep_file())
    other = run_sweep(sweep_file("other", axes={"coupling": [0.5], "shift": [0.0, 0.25, 0.5]}))
    assert (other.report.present, other.report.computed) == (2, 1)


def test_an_idle_rerun_computes_and_writes_nothing(sweep_file, run_sweep, tmp_path, fresh):
    run_sweep(sweep_file())
    before = stored_segments(tmp_path / "results")
    again = run_sweep(sweep_file())
    assert (again.report.present, again.report.computed, again.digest) == (ALL_UNITS, 0, fresh().digest)
    assert stored_segments(tmp_path / "results") == before


# --- longer runs


def test_a_longer_run_goes_on_from_the_stored_state_and_equals_a_fresh_one(sweep_file, run_sweep, fresh, monkeypatch):
    run_sweep(sweep_file())
    starts, opened = [], []
    real = PointLog.read

    def read(self, entries):
        entries = list(entries)
        opened.append(len({entry.segment for entry in entries}))
        return real(self, entries)

    def watched(unit, restart: Restart | None = None):
        starts.append(restart.state.step if restart else 0)
        return simulate(unit, restart)

    monkeypatch.setattr("nessmap.shard.simulate", watched)
    monkeypatch.setattr(PointLog, "read", read)
    outcome = run_sweep(sweep_file(**LONGER))
    assert starts == [100] * ALL_UNITS  # duration 5 at dt 0.05
    assert opened == [0, 1, 1]  # nothing to vouch for; once by the worker for all units; once to assemble
    assert outcome.digest == fresh(**LONGER).digest


def test_a_longer_run_in_three_steps_equals_a_fresh_one(sweep_file, run_sweep, fresh):
    for duration in (5, 7.5, 10):
        outcome = run_sweep(sweep_file(run={"duration": duration}))
    assert outcome.digest == fresh(**LONGER).digest


def test_a_longer_run_without_stored_states_starts_afresh_and_is_the_same(sweep_file, run_sweep, fresh, tmp_path):
    run_sweep(sweep_file(run={"keep_state": False}))
    assert not [entry for entry in PointLog(tmp_path / "results" / "points").scan("amari_field").values()
                if entry.name.statistic == "restart_state"]  # fmt: skip
    outcome = run_sweep(sweep_file(run={"duration": 10, "keep_state": False}))
    assert outcome.report.computed == ALL_UNITS
    assert outcome.digest == fresh(**LONGER).digest


@pytest.mark.parametrize("executor", ["serially", "two_workers"])
def test_a_longer_run_whose_states_are_damaged_starts_afresh_and_is_the_same(
    executor, sweep_file, run_sweep, fresh, tmp_path, monkeypatch, request, caplog
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    run_sweep(sweep_file())
    broken = [list(stored_segments(tmp_path / "results"))[k] for k in (1, 4)]
    for segment in broken:
        content = segment.read_bytes()
        # the restart state is the last and largest array; metadata, and so the scan, stay as they were
        place = content.index(b"restart_state_8_128/c/0/0/0") + 200
        segment.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    outcome = run_sweep(sweep_file(**LONGER), request.getfixturevalue(executor))
    assert (outcome.report.computed, outcome.digest) == (ALL_UNITS, fresh(**LONGER).digest)
    said = [message for message in caplog.messages if "set aside" in message]
    assert len(said) == 2
    assert all(any(segment.name in message for message in said) for segment in broken)


def test_a_restart_never_takes_sums_of_another_version(sweep_file, run_sweep, fresh, monkeypatch):
    run_sweep(sweep_file())
    monkeypatch.setattr(STATISTICS["covariance"], "version", 2, raising=False)
    sweep = Sweep(sweep_file(**LONGER))
    outcome = run_sweep(sweep_file(**LONGER))
    assert outcome.report.computed == len(sweep.points)
    for name in ("site_variance", "entropy_production_rate_path"):
        assert np.array_equal(outcome.dataset[name], fresh(**LONGER).dataset[name])


# --- more replicas


def test_more_replicas_add_lanes_to_those_that_are_stored(sweep_file, run_sweep, fresh, tmp_path):
    run_sweep(sweep_file())
    before = stored_bits(tmp_path / "results")
    outcome = run_sweep(sweep_file(run={"n_replica": 256}))
    assert (outcome.report.wanted, outcome.report.present, outcome.report.computed) == (12, 6, 6)
    assert outcome.digest == fresh(run={"n_replica": 256}).digest
    after = stored_bits(tmp_path / "results")
    assert {key: after[key] for key in before} == before


# --- statistics added later


def test_a_missing_statistic_is_replayed_and_nothing_else_is_stored_again(sweep_file, run_sweep, fresh, tmp_path):
    few, all_of_them = ["entropy_production_rate"], TINY["observables"]
    run_sweep(sweep_file(observables=few))
    assert len(stored_bits(tmp_path / "results")) == ALL_UNITS * 2  # covariance and restart state
    outcome = run_sweep(sweep_file(observables=all_of_them))
    assert (outcome.report.present, outcome.report.computed, outcome.digest) == (0, ALL_UNITS, fresh().digest)
    records = stored_records(tmp_path / "results")
    assert len(records) == len(set(records)) == ALL_UNITS * 3


def test_an_observable_of_stored_statistics_needs_no_simulation(sweep_file, run_sweep):
    run_sweep(sweep_file(observables=["entropy_production_rate"]))
    assert run_sweep(sweep_file(observables=["site_variance", "mutual_information"])).report.computed == 0


def test_a_kernel_that_changed_without_a_new_version_is_noticed(sweep_file, run_sweep, tmp_path, serially):
    run_sweep(sweep_file(observables=["entropy_production_rate"]))
    sweep = Sweep(sweep_file())
    index = PointLog(tmp_path / "results" / "points").scan("amari_field")
    changed = {key: entry._replace(end="0" * 32) for key, entry in index.items()}
    work, _ = missing_work(sweep.points, changed)
    before = stored_segments(tmp_path / "results")
    with pytest.raises(VersionError, match=r"bump KERNEL_VERSION in kernels/amari_field\.py"):
        run_batch(tmp_path / "results" / "points", work)
    assert stored_segments(tmp_path / "results") == before
    same, _ = missing_work(sweep.points, index)
    assert run_batch(tmp_path / "results" / "points", same).n_unit == ALL_UNITS


@pytest.mark.parametrize("executor", ["serially", "two_workers"])
def test_a_changed_kernel_stops_the_shard_with_its_message(executor, sweep_file, tmp_path, request, monkeypatch):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    run = request.getfixturevalue(executor)
    simulated(Sweep(sweep_file(observables=["entropy_production_rate"])), tmp_path, run)
    real = PointLog.scan

    def tampered(self, model):
        return {key: entry._replace(end="0" * 32) for key, entry in real(self, model).items()}

    monkeypatch.setattr(PointLog, "scan", tampered)
    with pytest.raises(VersionError, match=r"amari_field at n_site=8 .* ends in another state"):
        simulated(Sweep(sweep_file()), tmp_path, run)


# --- failures are data


@pytest.fixture
def broken_point(monkeypatch):
    """The point coupling 0.5, shift 0.5 cannot be simulated."""
    real = AmariField.stepper

    def stepper(self, dt):
        if (self.coupling, self.shift) == (0.5, 0.5):
            raise FloatingPointError("provoked")
        return real(self, dt)

    with monkeypatch.context() as patch:
        patch.setattr(AmariField, "stepper", stepper)
        yield patch


def test_a_failing_point_is_data_and_does_not_sink_its_neighbours(sweep_file, run_sweep, fresh, broken_point, tmp_path):
    path = sweep_file()
    outcome = run_sweep(path)
    failed = {"coupling": 0.5, "shift": 0.5}
    assert (outcome.report.computed, outcome.report.failed, outcome.report.absent) == (ALL_UNITS, 1, 0)
    assert outcome.report.failures == ["FloatingPointError: provoked"]
    status = outcome.dataset["status"]
    assert status.sel(failed) == Status.failed
    assert np.isnan(outcome.dataset["site_variance"].sel(failed))
    good = status != Status.failed
    assert good.sum() == ALL_UNITS - 1
    assert outcome.dataset["site_variance"].where(good).equals(fresh().dataset["site_variance"].where(good))
    # a failure is a result: it is not tried again unless it is asked for
    assert run_sweep(path).report.computed == 0
    broken_point.undo()
    assert run_sweep(path).report.computed == 0
    again = run_sweep(path, retry_failed=True)
    assert (again.report.computed, again.report.failed, again.digest) == (1, 0, fresh().digest)


def test_a_model_that_raises_while_its_stability_is_asked_for_fails_alone(sweep_file, fresh, monkeypatch):
    def stability(self):
        raise np.linalg.LinAlgError("provoked")

    unit = fresh().sweep.points[0].units[0]
    monkeypatch.setattr(AmariField, "stability", stability)
    assert {(record.status, record.message) for record in simulate(unit)} == {(Status.failed, "LinAlgError: provoked")}


def test_a_diverging_point_is_data(sweep_file, run_sweep, fresh, monkeypatch):
    real = AmariField.stepper

    def stepper(self, dt):
        made = real(self, dt)
        keep, *others = made.coefficients
        return made._replace(coefficients=(1e300 * keep if self.coupling == 0.9 else keep, *others))

    monkeypatch.setattr(AmariField, "stepper", stepper)
    outcome = run_sweep(sweep_file())
    assert outcome.report.failed == 2
    assert (outcome.dataset["status"].sel(coupling=0.9) == Status.diverged).all()
    assert (outcome.dataset["status"].sel(coupling=[0.1, 0.5]) != Status.diverged).all()
    assert set(outcome.report.failures) == {"not finite after step 50"}


def test_a_timeout_is_data_and_may_be_retried(sweep_file, run_sweep, fresh):
    outcome = run_sweep(sweep_file(run={"timeout": 1e-9}))
    assert outcome.report.failed == ALL_UNITS
    assert (outcome.dataset["status"] == Status.timeout).all()
    assert outcome.report.failures == ["stopped at step 50 of 100 after 1e-09 s"]
    assert run_sweep(sweep_file(), retry_failed=True).digest == fresh().digest


def test_the_time_that_kernels_take_to_compile_is_not_the_units_time(fresh, monkeypatch):
    unit = dataclasses.replace(fresh().sweep.points[0].units[0], timeout=0.3)
    slow, real = [0.4], Stationary.advance

    def advance(self, state, n_step):
        if slow:
            time.sleep(slow.pop())
        return real(self, state, n_step)

    monkeypatch.setattr(Stationary, "advance", advance)
    monkeypatch.setattr("nessmap.simulate._compiled", set())
    records = simulate(unit)
    assert not slow
    assert {record.status for record in records} == {Status.ok}
    assert all(record.wall_time < 0.3 for record in records)


def test_an_unstable_point_is_said_and_not_simulated(sweep_file, run_sweep):
    outcome = run_sweep(sweep_file(axes={"coupling": [0.5, 2.0]}))
    status = outcome.dataset["status"]
    assert status.sel(coupling=2.0) == Status.unstable
    assert np.isnan(outcome.dataset["site_variance"].sel(coupling=2.0))
    assert outcome.report.failed == 0  # a statement of physics, not a failure
    assert outcome.dataset["leading_rate"].sel(coupling=2.0) > 0
    assert run_sweep(sweep_file(axes={"coupling": [0.5, 2.0]}), retry_failed=True).report.computed == 0


# --- what crosses process boundaries


def test_what_workers_send_and_receive_survives_pickling(fresh):
    unit = fresh().sweep.points[0].units[0]
    assert pickle.loads(pickle.dumps(unit)) == unit
    for record in simulate(unit):
        copy = pickle.loads(pickle.dumps(record))
        assert (copy.name, copy.status, copy.end) == (record.name, record.status, record.end)
        assert np.array_equal(copy.array, record.array)
    error = pickle.loads(pickle.dumps(ParameterError("kernel_width", "too small")))
    assert (error.parameter, str(error)) == ("kernel_width", "too small")
