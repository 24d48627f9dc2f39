"""Long work says how far it is: what is done, at what rate, how long the rest takes, what failed."""

import logging
import os
import re

import pytest

from nessmap.evaluate import in_order
from nessmap.executors import serial
from nessmap.messages import SAID_EVERY, SAID_FIRST, progress
from nessmap.models.amari_field import AmariField


class Clock:
    """Shows the time that it is set to."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def said(caplog):
    """The messages so far."""
    with caplog.at_level(logging.INFO, "nessmap"):
        yield caplog


@pytest.fixture
def at_once(monkeypatch):
    """Nobody waits for a line."""
    monkeypatch.setattr("nessmap.messages.SAID_FIRST", -1.0)
    monkeypatch.setattr("nessmap.messages.SAID_EVERY", -1.0)


def test_where_there_is_no_terminal_it_is_said_in_lines(said):
    clock, left = Clock(), [None]
    with progress(600, "a sweep", "unit", lambda: left[0], clock) as advance:
        clock.seconds += 2.0
        advance(3, failed=0)
        clock.seconds, left[0] = clock.seconds + 10.0, 90.0
        advance(237, failed=2)
    assert said.messages == [
        "a sweep: 3 of 600 units done, 0 failed, 1.5 units/s",
        "a sweep: 240 of 600 units done, 2 failed, 20 units/s, about 1.5 min to go",
    ]


def test_the_first_line_comes_within_two_seconds_and_others_every_ten(said):
    assert SAID_FIRST < 2.0
    clock, when = Clock(), []
    with progress(1000, "a sweep", "unit", now=clock) as advance:
        for _ in range(600):  # something is done ten times a second
            clock.seconds += 0.1
            before = len(said.messages)
            advance(1)
            when += [clock.seconds - 1000.0] * (len(said.messages) - before)
    expected = [SAID_FIRST + SAID_EVERY * k for k in range(6)]
    assert when == pytest.approx(expected, abs=0.1 * (len(expected) + 1))  # each may be late by one tenth of a second


def test_what_comes_back_late_is_said_when_it_comes(said):
    clock = Clock()
    with progress(4, "a sweep", "unit", now=clock) as advance:
        clock.seconds += 7.0
        advance(1)
    assert said.messages == ["a sweep: 1 of 4 units done, 8.6 units/min, about 21 s to go"]


def test_short_work_needs_no_line(said):
    with progress(3, "a sweep", "unit", now=Clock()) as advance:
        advance(3)
    assert not said.messages


def test_a_terminal_has_a_bar_with_the_same_words(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = Clock()
    with progress(4, "a sweep", "unit", lambda: 90.0, clock) as advance:
        clock.seconds += 2.0
        advance(4, failed=1)
    bars = capsys.readouterr().err
    assert "a sweep: 100%" in bars
    assert "4 of 4 units done, 1 failed, 2.0 units/s, about 1.5 min to go" in bars


@pytest.mark.parametrize("columns", [0, 80])
def test_a_terminal_that_does_not_know_its_width_has_lines(columns, said, at_once, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((columns, 24)))
    with progress(2, "a sweep", "unit", now=Clock()) as advance:
        advance(1)
    assert len(said.messages) == (columns == 0)


def test_evaluation_says_it_too(said, at_once):
    with serial(1) as run:
        assert in_order(run, lambda first, number: [first + number], [(1,), (5,)], "theory") == [1, 6]
    lines = [re.sub(r"[0-9.]+ tasks/s", "R", line) for line in said.messages]
    assert lines == ["theory: 1 of 2 tasks done, R, about 0 s to go", "theory: 2 of 2 tasks done, R"]


def test_a_shard_says_how_much_there_is_at_the_start_and_counts_what_fails(
    say, sweep_file, tmp_path, monkeypatch, at_once
):
    def stepper(self, dt, real=AmariField.stepper):
        if self.coupling == 0.9:
            raise ArithmeticError("provoked")
        return real(self, dt)

    monkeypatch.setattr(AmariField, "stepper", stepper)
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", 0.0)  # each unit is a batch
    words = ("--executor", "serial", "--results", str(tmp_path / "results"))
    first, *lines, _ = say("simulate", str(sweep_file(run={"max_failed_fraction": 1.0})), *words)[2].splitlines()
    assert re.fullmatch(
        r"nessmap: tiny: 0 of 6 units done, about \d+ s to go on one core, in 6 batches; 0 present", first
    )
    assert [line.split(", ")[0] for line in lines] == [f"nessmap: tiny: {k} of 6 units done" for k in range(1, 7)]
    assert "6 of 6 units done, 2 failed, " in lines[-1]
    assert all(re.search(r"done, [012] failed, [0-9.]+ units/(s|min)(, about .+ to go)?$", line) for line in lines)
