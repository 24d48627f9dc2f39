"""Long work says how far it is."""

import logging

from nessmap.evaluate import in_order
from nessmap.executors import serial
from nessmap.messages import progress


def lines(caplog, monkeypatch):
    monkeypatch.setattr("nessmap.messages.SAID_EVERY", -1.0)
    return caplog.at_level(logging.INFO, "nessmap")


def test_where_there_is_no_terminal_it_is_said_in_lines(caplog, monkeypatch):
    with lines(caplog, monkeypatch), progress(3, "a sweep", "unit", lambda: ", soon ready") as advance:
        advance(1)
        advance(2)
    assert caplog.messages == ["a sweep: 1 of 3 units done, soon ready", "a sweep: 3 of 3 units done, soon ready"]


def test_a_line_is_not_said_more_often_than_one_can_read(caplog):
    with caplog.at_level(logging.INFO, "nessmap"), progress(3, "a sweep", "unit") as advance:
        advance(3)
    assert not caplog.messages


def test_a_terminal_has_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress(4, "a sweep", "unit") as advance:
        advance(4)
    assert "a sweep: 100%" in capsys.readouterr().err


def test_evaluation_says_it_too(caplog, monkeypatch):
    with lines(caplog, monkeypatch), serial(1) as run:
        assert in_order(run, lambda first, number: [first + number], [(1,), (5,)], "theory") == [1, 6]
    assert caplog.messages == ["theory: 1 of 2 tasks done", "theory: 2 of 2 tasks done"]
