"""Drivers that share a log: one leaves out what the other has stored; computed twice is only what both have in flight."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from conftest import stored_segments
from nessmap.assembly import assemble
from nessmap.executors import Map
from nessmap.phase_diagram import aggregate
from nessmap.points import PointLog
from nessmap.refined_sweep import run_refined
from nessmap.shard import Receipt, run_shard
from nessmap.sharing import Shares
from nessmap.sweep import Sweep
from nessmap.upkeep import compact

WINDOW = 3


# --- the order, in a time that is only counted


class Unit(NamedTuple):
    """Stands for a unit of work."""

    number: int
    seconds: float = 3.0

    @property
    def keys(self) -> tuple[str, ...]:
        return (f"{self.number}",)


class Driver:
    """A driver that looks every second and has a window of batches, a third of them running."""

    def __init__(self, units: Sequence[Unit], window: int, seed: int, stored: set[str]) -> None:
        self.window, self.stored = window, stored
        self.waiting: deque[list[Unit]] = deque()
        self.running = 0
        self.now = self.looked = 0.0
        self.known = set(stored)
        self.shares = Shares([[unit] for unit in units], self, lambda: self.in_flight, random.Random(seed))  # type: ignore[arg-type]
        self.batches = iter(self.shares)

    @property
    def in_flight(self) -> int:
        return self.running + len(self.waiting)

    def look(self) -> set[str]:
        if self.now < self.looked + 1:
            return set()
        self.looked, found = self.now, self.stored - self.known
        self.known |= found
        return found

    def is_mine(self, keys: Iterable[str]) -> None:
        self.known |= set(keys)

    def begun(self) -> Iterator[list[Unit]]:
        while self.in_flight < self.window and (batch := next(self.batches, None)):
            self.waiting.append(batch)
        while self.waiting and self.running < max(1, self.window // 3):
            self.running += 1
            yield self.waiting.popleft()


def computed_twice(n: int, windows: Sequence[int], starts: Sequence[float], seed: int) -> int:
    """How many of n units are computed more than once by drivers that begin at different times."""
    chance, ticket = random.Random(seed), itertools.count()
    stored: set[str] = set()
    times: Counter[str] = Counter()
    events: list[tuple[float, int, Callable[[float], None]]] = []

    def go_on(driver: Driver, now: float) -> None:
        driver.now = now
        for batch in driver.begun():
            is_there = stored.issuperset(batch[0].keys)
            takes = 0.01 if is_there else chance.uniform(0.7, 1.3) * batch[0].seconds
            heapq.heappush(events, (now + takes, next(ticket), lambda t, b=batch, i=is_there: end(driver, b, i, t)))  # type: ignore[misc]

    def end(driver: Driver, batch: list[Unit], was_there: bool, now: float) -> None:
        driver.now, driver.running = now, driver.running - 1
        if stored.issuperset(batch[0].keys):
            driver.shares.met_another(batch)
        if not was_there:
            times[batch[0].keys[0]] += 1
            stored.update(batch[0].keys)
        go_on(driver, now)

    def start(window: int, now: float) -> None:
        units = [unit for unit in map(Unit, range(n)) if not stored.issuperset(unit.keys)]
        go_on(Driver(units, window, chance.getrandbits(32), stored), now)

    for window, at in zip(windows, starts, strict=True):
        heapq.heappush(events, (at, next(ticket), lambda t, w=window: start(w, t)))  # type: ignore[misc]
    while events:
        now, _, happens = heapq.heappop(events)
        happens(now)
    assert times.keys() == {f"{i}" for i in range(n)}
    return times.total() - n


@pytest.mark.parametrize(
    ("n", "windows", "starts"),
    [
        (12, (6, 3), (0, 5)),
        (400, (6, 3), (0, 5)),
        (400, (6, 6), (0, 0)),
        (400, (6, 6), (0, 50)),
        (600, (24, 6), (9, 0)),
        (400, (6, 6, 6), (0, 20, 50)),
    ],
)
def test_drivers_compute_twice_on_average_no_more_than_each_two_of_them_have_in_flight(n, windows, starts):
    found = np.array([computed_twice(n, windows, starts, seed) for seed in range(60)])
    bound = sum(one + other for one, other in itertools.combinations(windows, 2))
    assert found.mean() < bound + 3 * found.std(ddof=1) / math.sqrt(len(found))


def test_a_driver_alone_hands_out_everything_once_and_the_most_expensive_classes_first():
    units = [Unit(i, 3.0 * 2.0 ** (-i // 10) * (1 + 0.05 * (i % 10))) for i in range(45)]
    units.sort(key=lambda unit: -unit.seconds)
    orders = []
    for seed in range(2):
        order = [unit for (unit,) in Shares([[unit] for unit in units], chance=random.Random(seed))]
        assert sorted(order) == sorted(units)
        # a driver begins anywhere in a class, but with no cheaper class before it
        assert all(later.seconds < 2 * earlier.seconds for earlier, later in itertools.pairwise(order))
        orders.append(order)
    assert orders[0] != orders[1]


def test_units_that_others_have_stored_are_left_out_of_their_batch():
    batches = [[Unit(0), Unit(1)], [Unit(2), Unit(3)]]
    shares = Shares(batches)
    shares.leave_out({"1", "2", "3", "of another sweep"})
    assert list(shares) == [[Unit(0)]]
    assert shares.by_others() == [Unit(1), Unit(2), Unit(3)]
    assert shares.by_others() == []


# --- two drivers on one log


class Turns:
    """Executors of two drivers: serial, a window of batches each, and only one of them works at a time, by turns.

    A batch that another has stored takes no time to speak of, and no turn.
    """

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.here = {0, 1}
        self.turn = 0

    @contextmanager
    def of(self, who: int) -> Iterator[None]:
        with self.condition:
            assert self.condition.wait_for(lambda: self.turn == who or 1 - who not in self.here, timeout=60)
            yield
            self.condition.notify_all()

    def executor(self, who: int) -> Map:
        def run(function: Callable[..., Any], batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, Any]]:
            tasks, window = iter(batches), deque[tuple[Any, ...]]()
            while True:
                with self.of(who):
                    window.extend(itertools.islice(tasks, WINDOW - len(window)))
                    if not window:
                        return
                    task = window.popleft()
                    result = function(*task)
                    if not isinstance(result, Receipt) or result.n_unit:
                        self.turn = 1 - who
                yield task, result

        return run

    def leave(self, who: int) -> None:
        with self.condition:
            self.here.remove(who)
            self.condition.notify_all()


@pytest.fixture
def two_drivers(monkeypatch) -> Callable[[Callable[[Map], Any]], list[Any]]:
    """What two drivers that work at the same time return."""
    monkeypatch.setattr("nessmap.sharing.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("nessmap.sharing.LOOK_SHARE", math.inf)

    def both(drive: Callable[[Map], Any]) -> list[Any]:
        turns = Turns()

        def one(who: int) -> Any:
            try:
                return drive(turns.executor(who))
            finally:
                turns.leave(who)

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, (0, 1)))

    return both


def n_twice(results: Path) -> int:
    """Records that lie in more than one segment."""
    point_log = PointLog(results / "points")
    entries = point_log.entries(stored_segments(results))
    return sum(count - 1 for count in Counter(entry.name.key for entry in entries).values())


GRID = {"axes": {"coupling": {"linspace": [0.1, 0.9, 8]}, "shift": [0.0, 0.5]}}
N_RECORD = 3  # of a point


@pytest.mark.parametrize("per_batch", [1, 3])
def test_two_drivers_of_one_sweep_share_its_work(
    per_batch, two_drivers, sweep_file, fresh, serially, tmp_path, monkeypatch
):
    sweep, results = Sweep(sweep_file(**GRID)), tmp_path / "results"
    seconds = sweep.points[0].units[0].seconds
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", (per_batch - 0.5) * seconds)
    first, second = two_drivers(lambda run: run_shard(sweep, sweep.points, results / "points", run))
    in_flight = 2 * WINDOW * per_batch
    assert abs(first.computed - second.computed) <= per_batch  # by turns
    assert len(sweep.points) <= first.computed + second.computed <= len(sweep.points) + in_flight
    assert n_twice(results) <= in_flight * N_RECORD
    for report in (first, second):
        assert report.present + report.computed + report.by_others == report.wanted == len(sweep.points)
        assert (report.absent, report.failed, report.lost) == (0, 0, [])
    assert first.statuses == second.statuses
    dataset = aggregate(sweep, assemble(sweep, results / "points", []), serially)
    assert dataset.attrs["content_digest"] == fresh(**GRID).digest


@pytest.mark.slow
def test_two_drivers_of_a_refined_sweep_share_every_round(two_drivers, sweep_file, serially, tmp_path, monkeypatch):
    refined = {
        "axes": {"coupling": {"linspace": [0.1, 0.9, 4]}, "shift": {"linspace": [0.0, 1.0, 4]}},
        "refine": {"levels": 2, "budget": 60, "where": [{"level": 0.15, "of": "entropy_production_rate"}]},
        "observables": ["entropy_production_rate"],
    }
    path = sweep_file(**refined)
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    made = two_drivers(lambda run: run_refined(Sweep(path), tmp_path / "shared" / "points", run))
    (_, choice, first), (_, same_choice, second) = made
    alone, choice_alone, report = run_refined(Sweep(path), tmp_path / "alone" / "points", serially)
    n_round = 2
    assert len(alone.points) > 16
    assert report.computed <= first.computed + second.computed <= report.computed + 2 * WINDOW * n_round
    assert n_twice(tmp_path / "shared") <= 2 * WINDOW * n_round * N_RECORD
    assert choice == same_choice == choice_alone
    assert first.statuses == second.statuses == report.statuses
    assert first.by_others + second.by_others > report.computed / 2


def test_a_driver_whose_batch_is_stored_meanwhile_computes_nothing_of_it(sweep_file, run_sweep, tmp_path):
    path, results = sweep_file(), tmp_path / "results"
    sweep = Sweep(path)

    def overtaken(function, batches):
        for batch in batches:  # handed out, and then another driver is faster
            run_sweep(path)
            yield batch, function(*batch)

    report = run_shard(sweep, sweep.points, results / "points", overtaken)
    assert (report.computed, report.by_others, report.absent) == (0, len(sweep.points), 0)


def test_failed_points_are_computed_again_though_their_segment_is_there(sweep_file, run_sweep):
    path = sweep_file(run={"timeout": 1e-9, "duration": 2000, "max_failed_fraction": 1})
    assert run_sweep(path).report.failed == 6
    again = run_sweep(path, retry_failed=True)
    assert (again.report.computed, again.report.by_others, again.report.failed) == (6, 0, 6)


def test_failed_points_are_computed_again_though_their_records_move_meanwhile(
    sweep_file, run_sweep, tmp_path, monkeypatch
):
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)
    monkeypatch.setattr("nessmap.sharing.LOOK_SECONDS", 0.0)
    path = sweep_file(run={"timeout": 1e-9, "duration": 2000, "max_failed_fraction": 1})
    assert run_sweep(path).report.failed == 6
    sweep, folder = Sweep(path), tmp_path / "results" / "points"

    def merging(function, batches):
        for batch in batches:
            yield batch, function(*batch)
            compact(folder)

    report = run_shard(sweep, sweep.points, folder, merging, retry_failed=True)
    assert (report.computed, report.by_others, report.failed) == (6, 0, 6)
