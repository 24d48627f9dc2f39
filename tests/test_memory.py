"""Planning keeps very many objects: none is made twice, and Python does not look through them meanwhile."""

from __future__ import annotations

import dataclasses
import gc

import pytest

from nessmap.memory import without_collection
from nessmap.shard import batches, missing_work
from nessmap.simulate import Unit
from nessmap.sweep import SECONDS_PER_UPDATE, Sweep


@without_collection()
def _fail_inside():
    with without_collection():
        pass
    assert not gc.isenabled()
    raise LookupError("nothing")


@pytest.mark.parametrize("was_enabled", [True, False])
def test_cycles_are_looked_for_afterwards_just_as_before(was_enabled):
    before = gc.isenabled()
    try:
        (gc.enable if was_enabled else gc.disable)()
        with pytest.raises(LookupError, match="nothing"):
            _fail_inside()
        assert gc.isenabled() is was_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_points_know_their_cost_so_that_planning_builds_each_model_once(sweep_file, monkeypatch):
    sweep = Sweep(sweep_file())
    points = sweep.points

    def never(unit):
        pytest.fail("a model is built again")

    monkeypatch.setattr(Unit, "build", never)
    work, present = missing_work(points, {})
    assert present == 0
    assert sum(len(batch) for batch in batches(work)) == len(work) == len(points)
    monkeypatch.undo()
    for item in work:
        model, unit = item.unit.build(), item.unit
        updates = model.n_dim * model.work_per_coordinate * unit.n_lane * unit.n_step
        # at most five products on either side, each rounded once
        assert item.seconds == pytest.approx(SECONDS_PER_UPDATE * updates, rel=10 * 2.0**-53, abs=0)
        assert unit == dataclasses.replace(unit, seconds=0.0)  # the cost is no part of what it is
