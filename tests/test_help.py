"""What `--help` says: every command, its options, examples that can be typed, exit codes."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path

import pytest

from nessmap import __version__
from nessmap.__main__ import main
from nessmap.command_line import parser
from nessmap.commands import OUT_OF_TIME, sweep_of
from nessmap.examples import EXAMPLES, TOP
from nessmap.inspect_sweep import find_points

COMMANDS = (
    "cite",
    "estimate",
    "new",
    "explorer",
    "plan",
    "status",
    "failures",
    "point",
    "forget",
    "compact",
    "gc",
    "open",
    "simulate",
    "assemble",
    "aggregate",
    "figure",
    "schema",
)


def help_of(capsys, *command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_help_names_every_command_and_gives_examples_and_exit_codes(capsys):
    said = help_of(capsys)
    assert all(f"\n    {command}" in said for command in COMMANDS)
    assert TOP in said
    codes = [int(line.split()[0]) for line in TOP.split("exit codes:\n")[1].splitlines()]
    assert codes == [0, 1, 2, OUT_OF_TIME, 128 + signal.SIGINT, 128 + signal.SIGTERM]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_its_examples(command, capsys):
    shown = help_of(capsys, command).split("\nexamples:\n")[1]
    typed = [line for line in shown.splitlines() if line.startswith("  nessmap ")]
    assert [line.split("  ")[1].removeprefix("nessmap ") for line in typed] == [words for words, _ in EXAMPLES[command]]


def test_every_example_of_the_help_can_be_typed(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert EXAMPLES.keys() == set(COMMANDS)
    for words in (shlex.split(words) for examples in EXAMPLES.values() for words, _ in examples):
        arguments = parser().parse_args(words)
        named = [arguments.sweep] if hasattr(arguments, "sweep") else getattr(arguments, "sweeps", [])
        for sweep in (sweep_of(name) for name in named if name != "my_sweep.yaml"):
            if hasattr(arguments, "parameters"):
                assert find_points(sweep, arguments.parameters), words
            if words[0] == "figure":
                assert arguments.name in sweep.settings.figures


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_help_text(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    lines = (
        capsys.readouterr()
        .out.split("arguments:" if command not in ("schema", "compact") else "options:")[1]
        .splitlines()
    )
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  ") and not line.startswith("   "):  # a name; its text stands behind or below it
            assert "  " in line.strip() or following.startswith(" " * 20), line


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"nessmap {__version__}\n"
