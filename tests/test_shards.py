"""Shards of small and of large sweeps: every point in one of them, and a digest that changes with what they want."""

from __future__ import annotations

from collections import Counter

import pytest

from nessmap import shards
from nessmap.config import ConfigError
from nessmap.sweep import Sweep

GRID = {"coupling": {"linspace": [0.1, 0.9, 12]}, "shift": {"linspace": [0.0, 0.5, 5]}}


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Both ways of planning, on a grid that is quick in both; several shards."""
    if request.param == "large":
        monkeypatch.setattr(shards, "EXACT", 1)
    monkeypatch.setattr(shards, "SHARD_SECONDS", 0.005)
    return request.param


def test_every_point_is_in_one_shard(size, sweep_file):
    sweep = Sweep(sweep_file(axes=GRID))
    of = shards.n_shard(sweep)
    assert of > 3
    members = Counter(point.index for k in range(of) for point in shards.shard(sweep, k, of))
    assert members == Counter(point.index for point in sweep.points)
    assert len(shards.digests(sweep)) == of


def test_a_point_stays_in_its_shard_when_the_grid_grows(size, sweep_file):
    places = []
    for n in (12, 23):  # which contains the 12
        sweep = Sweep(sweep_file(axes={**GRID, "coupling": {"linspace": [0.1, 0.9, n]}}))
        places.append({point.key: k for k in range(4) for point in shards.shard(sweep, k, 4)})
    assert places[0].items() <= places[1].items()


def test_exactly_the_shards_that_get_points_want_something_else(size, sweep_file, monkeypatch):
    monkeypatch.setattr(shards, "_n_shard", lambda sweep, seconds: 7)
    digests, members = [], []
    for last in (0.9, 0.95):
        sweep = Sweep(sweep_file(axes={"coupling": [0.1, 0.3, last], "shift": [0.0]}))
        digests.append(shards.digests(sweep))
        members.append([{point.key for point in shards.shard(sweep, k, 7)} for k in range(7)])
    changed = [k for k in range(7) if digests[0][k] != digests[1][k]]
    assert changed == [k for k in range(7) if members[0][k] != members[1][k]]
    assert 1 <= len(changed) <= 2


@pytest.mark.parametrize(("wanted", "n"), [(None, 1), (1, 1), (3, 3), (100, 6)])
def test_the_number_of_shards_is_the_one_that_is_wanted_but_none_is_empty_for_want_of_points(wanted, n, sweep_file):
    sweep = Sweep(sweep_file())
    assert len(shards.digests(sweep, wanted)) == n


def test_more_shards_have_fewer_workers_each(sweep_file):
    sweep = Sweep(sweep_file(run={"duration": 10**6}))
    alone, shared = (shards.worthwhile_workers(sweep, n)["simulate"] for n in (1, 4))
    assert alone > 8
    assert abs(shared - alone / 4) <= 0.5 + 0.5 / 4  # both are rounded


def test_a_refined_sweep_is_one_shard_whatever_is_wanted(sweep_file):
    refine = {"levels": 2, "budget": 60, "where": [{"level": 0.15, "of": "entropy_production_rate"}]}
    axes = {"coupling": {"linspace": [0.1, 0.9, 4]}, "shift": {"linspace": [0.0, 1.0, 4]}}
    assert len(shards.digests(Sweep(sweep_file(axes=axes, refine=refine)), 8)) == 1


@pytest.mark.parametrize(
    ("sections", "is_other"),
    [
        ({"run": {"seed": 8}}, True),
        ({"run": {"duration": 50}}, True),
        ({"run": {"dt": 0.025}}, True),
        ({"run": {"n_replica": 256}}, True),
        ({"run": {"keep_state": False}}, True),
        ({"fixed": {"kernel_width": 1.3}}, True),
        ({"observables": ["site_variance"]}, True),
        ({"run": {"timeout": 60}}, False),
        ({"run": {"max_failed_fraction": 0.5}}, False),
        ({"title": "Other words"}, False),
        ({"axes": {"shift": {"linspace": [0, 0.5, 5]}, "coupling": GRID["coupling"]}}, False),
    ],
)
def test_what_changes_records_changes_all_shards_and_nothing_else_does(
    size, sections, is_other, sweep_file, monkeypatch
):
    monkeypatch.setattr(shards, "_n_shard", lambda sweep, seconds: 3)
    before = shards.digests(Sweep(sweep_file(axes=GRID)))
    after = shards.digests(Sweep(sweep_file(**{"axes": GRID, **sections})))
    assert [a != b for a, b in zip(after, before, strict=True)] == [is_other] * 3


def test_a_large_sweep_costs_what_its_points_cost_together(sweep_file, monkeypatch):
    sweep = Sweep(sweep_file(axes=GRID))
    exact = shards.estimated_seconds(sweep, shards.sample(sweep))
    monkeypatch.setattr(shards, "EXACT", 1)
    sampled = shards.sample(sweep)
    assert len(sampled) < len(sweep.points)
    # all points of a grid over coupling and shift cost the same
    assert shards.estimated_seconds(sweep, sampled) == pytest.approx(exact, rel=1e-12)


def test_values_that_do_not_fit_are_found_in_a_large_sweep_too(sweep_file, monkeypatch):
    monkeypatch.setattr(shards, "EXACT", 1)
    axes = {
        "noise_correlation_length": {"linspace": [0.0, 3.0, 30]},
        "shift": [0.0, 0.25, 0.5],
        "kernel_width": [0.01, 1.2],
    }
    settings = {"fixed": {"kernel_width": 1.2}, "axes": axes}
    path = sweep_file(**settings)
    path.write_text(path.read_text().replace("  kernel_width: 1.2\n", "", 1))
    with pytest.raises(ConfigError, match="kernel_width"):
        shards.digests(Sweep(path))


@pytest.mark.slow
def test_a_million_points_are_planned_without_building_them(sweep_file, monkeypatch):
    built = []
    real = Sweep.point_at
    monkeypatch.setattr(Sweep, "point_at", lambda self, index: built.append(index) or real(self, index))
    sweep = Sweep(sweep_file(axes={"coupling": {"linspace": [0.1, 0.9, 1000]}, "shift": {"linspace": [0, 1, 1000]}}))
    assert len(shards.digests(sweep)) == shards.n_shard(sweep)
    assert len(built) <= 2 * 3 * 2000
