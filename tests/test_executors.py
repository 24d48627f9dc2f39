"""Executors: maps whose results come as they finish, and whose failures are results."""

from __future__ import annotations

import logging
import operator
import os

import pytest

from nessmap.__main__ import main
from nessmap.allocation import available_cores
from nessmap.executors import EXECUTORS, ONE_THREAD, WINDOW_PER_WORKER, local
from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField
from nessmap.shard import Work, batches
from nessmap.sweep import Sweep

BOTH = pytest.mark.parametrize("executor", ["serially", "two_workers"])


@BOTH
def test_every_batch_gives_its_result_or_its_exception(executor, request):
    run = request.getfixturevalue(executor)
    divisions = [(6, 2), (1, 0), (9, 3), *((n, 1) for n in range(20))]  # more than are in flight at once
    results = dict(run(operator.truediv, divisions))
    assert results.keys() == set(divisions)
    error = results.pop((1, 0))
    assert isinstance(error, ZeroDivisionError)
    assert results == {(a, b): a / b for a, b in divisions if b}


@BOTH
def test_an_error_of_a_model_comes_home_whole(executor, request):
    run = request.getfixturevalue(executor)
    ((_, error),) = run(AmariField, [(0.5, 0.0, "gaussian", -1.0)])
    assert isinstance(error, ParameterError)
    assert error.parameter == "kernel_width"
    assert str(error).startswith("amari_field: kernel_width = -1.0, expected a finite number > 0")


@BOTH
def test_no_batches_give_no_results(executor, request):
    assert list(request.getfixturevalue(executor)(operator.neg, [])) == []


def test_the_order_of_results_is_the_order_of_batches_in_one_process(serially):
    assert [result for _, result in serially(operator.neg, [(n,) for n in range(5)])] == [0, -1, -2, -3, -4]


def test_few_batches_are_in_flight_at_once(two_workers):
    taken = 0

    def count():
        nonlocal taken
        for n in range(100):
            taken += 1
            yield (n,)

    results = two_workers(operator.neg, count())
    next(results)
    assert taken <= 2 * WINDOW_PER_WORKER + 2  # full windows, the one that replaces the result, and the first one
    assert sum(1 for _ in results) == 99


def test_a_cluster_starts_with_the_first_batch_and_not_before(caplog):
    with caplog.at_level(logging.INFO, "nessmap"), local(2) as run:
        assert list(run(operator.neg, [])) == []
    assert not caplog.messages


def test_workers_use_one_thread_each(two_workers):
    values = {result for _, result in two_workers(os.getenv, [(name,) for name in ONE_THREAD])}
    assert values == {"1"}


def test_the_command_line_uses_one_thread_too_so_that_sums_have_the_same_order():
    assert main.__module__ == "nessmap.__main__"
    assert all(os.environ[name] == value for name, value in ONE_THREAD.items())


def test_there_are_as_many_workers_as_cores_unless_told_otherwise():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
    assert list(EXECUTORS) == ["auto", "serial", "local", "slurm"]


def test_the_most_expensive_units_come_first_and_batches_are_of_even_cost(sweep_file, monkeypatch):
    slow, fast = (Sweep(sweep_file(run={"duration": duration})) for duration in (500, 5))
    work = [Work(unit, (), "") for sweep in (fast, slow) for unit in sweep.units()]
    seconds = work[-1].unit.seconds
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 2.5 * seconds)
    made = batches(work)
    assert sorted(map(id, (item for batch in made for item in batch))) == sorted(map(id, work))
    costs = [item.seconds for batch in made for item in batch]
    assert costs == sorted(costs, reverse=True)
    assert [len(batch) for batch in made] == [3, 3, 6]


@pytest.mark.slow
def test_dask_reports_its_performance_where_it_is_told_to(tmp_path):
    pytest.importorskip("bokeh", reason="bokeh draws the report; it is in nessmap[dashboard]")
    page = tmp_path / "reports" / "performance.html"
    with local(1, page) as run:
        assert [result for _, result in run(operator.neg, [(1,)])] == [-1]
    assert "</html>" in page.read_text()
