"""The command line as people use it: what it prints, and how it ends."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nessmap.__main__ import log, main
from nessmap.models.amari_field import AmariField
from nessmap.sweep import Sweep

# --- what is there, what is missing


def test_plan_counts_points_and_prices_what_is_missing(say, sweep_file, tmp_path):
    path = sweep_file()
    status, said, _ = say("plan", str(path), "--results", str(tmp_path / "results"), "--json")
    plan = json.loads(said)
    seconds = sum(unit.seconds for unit in Sweep(path).units())
    # 13 and 19 sums (8 squares and 3 products, and those in both orders) in 16 groups, and 8 x 128 coordinates, of 8 bytes
    assert plan.pop("disk_bytes") == 6 * 8 * ((11 + 14) * 16 + 8 * 128)
    assert plan.pop("core_hours") == pytest.approx(seconds / 3600)
    assert plan == {"sweep": "tiny", "points": 6, "present": 0, "missing": 6, "shards": 1}
    assert status == 0
    assert not (tmp_path / "results").exists()


def test_plan_prices_only_the_difference(say, sweep_file, run_sweep, tmp_path):
    def plan(**sections):
        status, said, _ = say("plan", str(sweep_file(**sections)), "--results", str(tmp_path / "results"), "--json")
        assert status == 0
        return json.loads(said)

    whole = plan()
    run_sweep(sweep_file(observables=["site_variance"]))
    assert plan(observables=["site_variance", "mutual_information"])["core_hours"] == 0
    added = plan()
    assert (added["missing"], added["core_hours"]) == (6, whole["core_hours"])  # the path is replayed
    assert added["disk_bytes"] == 6 * 8 * 14 * 16  # and one statistic is added
    run_sweep(sweep_file())
    assert [plan()[key] for key in ("present", "missing", "core_hours", "disk_bytes")] == [6, 0, 0, 0]
    # half of the longer run is there, and whole blocks of time are the unit of time
    assert plan(run={"duration": 10})["core_hours"] == pytest.approx(whole["core_hours"])
    assert plan(run={"n_replica": 256})["core_hours"] == pytest.approx(whole["core_hours"])
    assert plan(axes={"coupling": [0.1, 0.3], "shift": [0.0]})["core_hours"] == pytest.approx(whole["core_hours"] / 6)


def test_plan_speaks_in_three_lines(say, there):
    status, said, _ = say("plan", "tiny")
    assert status == 0
    assert said.splitlines() == [
        "tiny: 6 points over coupling (3), shift (2)",
        "  present 6, missing 0, shards 1",
        "  about 0 core-hours and 0 MB to compute what is missing",
    ]


def test_status_gives_a_line_for_every_sweep(say, there):
    assert say("status") == (0, "tiny: 6 points: 4 ok, 2 unstable; results/tiny/phase_diagram.zarr\n", "")
    assert say("status", "tiny-small") == (0, "tiny-small: 6 points: 4 ok, 2 unstable; no phase diagram yet\n", "")
    status, said, _ = say("status", "--json")
    assert status == 0
    assert json.loads(said) == [
        {"sweep": "tiny", "points": 6, "ok": 4, "unstable": 2, "product": "results/tiny/phase_diagram.zarr"}
    ]


def test_status_gives_the_forms_that_have_results_and_the_figures_that_no_sweep_file_has(
    say, sweep_file, there, tmp_path, monkeypatch
):
    shutil.copytree(there, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    Path("results/tiny-small").mkdir()
    both = [
        "tiny: 6 points: 4 ok, 2 unstable; results/tiny/phase_diagram.zarr",
        "tiny-small: 6 points: 4 ok, 2 unstable; no phase diagram yet",
    ]
    assert say("status")[1].splitlines() == both
    other = sweep_file("other", run={"seed": 8}, small={"run": {"seed": 7}})
    other.rename("workflow/sweeps/other.yaml")
    lines = say("status")[1].splitlines()
    assert lines == [*both, "nothing yet of 1 sweeps: other", "what one takes: nessmap plan other"]
    assert [row["sweep"] for row in json.loads(say("status", "--json")[1])] == ["other", "tiny", "tiny-small"]
    Path("results/other-small/figures").mkdir(parents=True)
    assert [line.split(":")[0] for line in say("status")[1].splitlines()] == ["other-small", "tiny", "tiny-small"]
    Path("results/other-small/figures/old.svg").touch()
    wanted = "nessmap: results/other-small/figures/old.svg: a figure of no sweep file in workflow/sweeps\n"
    assert say("status")[2] == wanted


def test_status_of_a_folder_without_sweeps_says_so(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert say("status") == (0, "", "nessmap: no sweep files in workflow/sweeps; name one: nessmap status SWEEP\n")
    assert say("status", "--json")[:2] == (0, "[]\n")


def test_status_where_nothing_was_run_names_the_sweeps_and_says_what_to_type(say, sweep_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("workflow/sweeps").mkdir(parents=True)
    for name in ("first", "second"):
        sweep_file(name).rename(f"workflow/sweeps/{name}.yaml")
    lines = ["nothing yet of 2 sweeps: first, second", "what one takes: nessmap plan first --results elsewhere"]
    assert say("status", "--results", "elsewhere") == (0, "\n".join(lines) + "\n", "")
    assert say("status", "first") == (0, "first: 6 points: 6 absent; no phase diagram yet\n", "")
    assert [row["absent"] for row in json.loads(say("status", "--json")[1])] == [6, 6]


def test_failures_says_which_points_have_no_number_and_why(say, there):
    status, said, _ = say("failures", "tiny")
    assert status == 0
    assert said.splitlines() == [
        "unstable  coupling=2.0 shift=0.0  uniform instability, leading rate 1",
        "unstable  coupling=2.0 shift=0.5  uniform instability, leading rate 1",
        "2 of 6 points have no number",
    ]
    rows = json.loads(say("failures", "tiny", "--json")[1])
    assert [row["status"] for row in rows] == ["unstable", "unstable"]
    assert {key: rows[1][key] for key in ("coupling", "shift")} == {"coupling": 2.0, "shift": 0.5}
    assert rows[0]["key"] in {point.key for point in Sweep(Path("workflow/sweeps/tiny.yaml")).points}


def test_failures_of_a_sweep_that_has_not_run_are_absent_points(say, sweep_file, tmp_path):
    status, said, _ = say("failures", str(sweep_file()), "--results", str(tmp_path / "results"))
    assert status == 0
    assert said.splitlines()[0] == "absent    coupling=0.1 shift=0.0"
    assert said.splitlines()[-1] == "6 of 6 points have no number"


# --- one point again


def test_a_point_again_equals_the_stored_one_to_the_bit(say, there):
    status, said, _ = say("point", "tiny", "coupling=0.5", "shift=0.5", "--check")
    assert status == 0
    lines = said.splitlines()
    key = Sweep(Path("workflow/sweeps/tiny.yaml")).points[3].key
    assert lines[:2] == [f"key {key}, status ok", "leading rate -0.5"]
    assert [line.split()[0] for line in lines[2:-1]] == [
        "entropy_production_rate", "entropy_production_rate_path", "site_variance", "structure_factor", "mutual_information",
    ]  # fmt: skip
    assert lines[-1] == "equal to the stored records, to the bit"
    stored = xr.open_zarr("results/tiny/phase_diagram.zarr").sel(coupling=0.5, shift=0.5)
    for line in lines[2:-1]:
        name, value, _, error, *_ = line.split()
        if "values from" in line:  # one that owns a dimension
            assert int(value) == stored[name].size
            continue
        assert value == f"{float(stored[name]):.6g}"
        assert error == f"{float(stored[f'{name}_standard_error']):.2g}"


def test_a_point_for_programs_is_one_object_with_the_same_numbers(say, there):
    status, said, _ = say("point", "tiny", "coupling=0.5", "shift=0.5", "--check", "--json")
    assert status == 0
    found = json.loads(said, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    point = Sweep(Path("workflow/sweeps/tiny.yaml")).points[3]
    assert found.pop("seconds") > 0
    values = found.pop("values")
    assert found == {
        "sweep": "tiny", "point": {"coupling": 0.5, "shift": 0.5}, "key": point.key, "status": "ok", "message": "",
        "leading_rate": pytest.approx(-0.5), "check": {"equal": True, "lacking": 0, "different": []},
    }  # fmt: skip
    stored = xr.open_zarr("results/tiny/phase_diagram.zarr").sel(coupling=0.5, shift=0.5)
    parts = {"estimate": "", "standard_error": "_standard_error", "theory": "_theory", "expected": "_expected"}
    for name, value in values.items():
        assert value.keys() == {*parts, "z", "units"}
        assert value["units"] == stored[name].units
        for part, suffix in parts.items():
            numbers = stored[name + suffix].values if name + suffix in stored else np.nan
            assert np.array_equal(np.array(value[part], dtype=float), numbers, equal_nan=True), (name, part)
    one = values["site_variance"]
    assert one["z"] == pytest.approx((one["estimate"] - one["expected"]) / one["standard_error"])
    assert len(values["structure_factor"]["z"]) == stored["structure_factor"].size


def test_a_point_without_numbers_is_an_object_too(say, there, tmp_path):
    words = ("point", "tiny", "coupling=2", "shift=0", "--json", "--check", "--results", str(tmp_path))
    status, said, _ = say(*words)
    found = json.loads(said)
    assert (status, found["status"], found["values"]) == (1, "unstable", {})
    assert found["message"].startswith("uniform instability")
    assert found["check"] == {"equal": False, "lacking": 3, "different": []}


def test_values_may_stand_before_or_behind_options(say, there):
    words = [
        ["coupling=0.5", "shift=0.5", "--check"],
        ["--check", "coupling=0.5", "shift=0.5"],
        ["shift=.5", "--check", "coupling=5e-1"],
    ]
    said = {say("point", "tiny", *order)[1] for order in words}
    assert len(said) == 1


def test_an_unstable_point_again_is_the_same_statement(say, there):
    status, said, _ = say("point", "tiny", "coupling=2", "shift=0", "--check")
    assert status == 0
    assert said.splitlines()[0].endswith("status unstable uniform instability, leading rate 1")
    assert said.splitlines()[1:] == ["leading rate 1", "equal to the stored records, to the bit"]


def test_a_point_that_came_out_otherwise_is_said_to_differ(say, there, monkeypatch):
    real = AmariField.stepper

    def stepper(self, dt):
        made = real(self, dt)
        keep, turn, partner, kick = made.coefficients
        return made._replace(coefficients=(keep, turn, partner, kick * (1 + 1e-15)))

    monkeypatch.setattr(AmariField, "stepper", stepper)
    status, said, _ = say("point", "tiny", "coupling=0.5", "shift=0.5", "--check")
    assert status == 1
    wanted = "differs from the stored records in covariance, lagged_covariance, restart_state"
    assert said.splitlines()[-1] == wanted


def test_a_point_that_is_not_stored_cannot_be_compared(say, sweep_file, tmp_path):
    path = sweep_file()
    words = ("point", str(path), "coupling=0.5", "shift=0.5", "--check", "--results", str(tmp_path / "nowhere"))
    status, said, _ = say(*words)
    assert status == 1
    command = f"nessmap simulate {path} --results {tmp_path / 'nowhere'}"
    assert said.splitlines()[-1] == f"3 of 3 records are not stored yet; compute them with: {command}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["coupling=0.51", "shift=0"], "no such point; coupling = 0.51 is not on the grid; nearest: 0.5"),
        (["coupling=0.5"], "2 points fit; give shift too"),
        ([], "6 points fit; give coupling, shift too"),
    ],
)
def test_a_point_that_is_not_on_the_grid_is_said_with_the_nearest(words, message, say, there):
    assert say("point", "tiny", *words) == (2, "", f"nessmap: workflow/sweeps/tiny.yaml: {message}\n")


def test_a_misspelt_parameter_is_said_with_the_nearest(say, there):
    wanted = "nessmap: cuopling=0.5: expected NAME=VALUE with a swept parameter; did you mean coupling?\n"
    assert say("point", "tiny", "cuopling=0.5") == (2, "", wanted)
    assert say("point", "tiny", "coupling=x") == (2, "", "nessmap: coupling=x: expected a finite number\n")


# --- words


def test_the_schema_is_that_of_a_sweep_file(say):
    status, said, _ = say("schema")
    assert status == 0
    assert {"model", "axes", "observables", "run", "figures"} <= json.loads(said)["properties"].keys()


@pytest.mark.parametrize("word", ["two", "0", "-1", "1.5"])
def test_a_number_of_workers_that_is_none_is_said_in_words(word, capsys):
    with pytest.raises(SystemExit):
        main(["simulate", "tiny", f"--workers={word}"])
    assert f"argument --workers: {word}, expected a whole number >= 1\n" in capsys.readouterr().err


# --- as processes


@pytest.mark.parametrize("points_", [["0.1"], [f"{n / 1000}" for n in range(1, 900)]], ids=["a little", "a lot"])
def test_a_reader_that_leaves_early_causes_no_traceback(points_, sweep_file):
    path = sweep_file(axes={"coupling": [float(value) for value in points_]})
    command = [sys.executable, "-m", "nessmap", "failures", str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=path.parent
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `head -0` does
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_run_that_is_interrupted_says_that_it_may_go_on(say, there, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nessmap.commands.run_shard", interrupt)
    wanted = "nessmap: stopped; what was computed is saved, the same command goes on from there\n"
    assert say("simulate", "tiny", "--executor", "serial") == (130, "", wanted)
    monkeypatch.setattr("nessmap.inspect_sweep.show_plan", interrupt)
    assert say("plan", "tiny") == (130, "", "nessmap: stopped; the same command begins again\n")


def test_a_command_leaves_logging_and_warnings_as_they_were(say, there):
    before = (list(log.handlers), log.propagate, warnings.showwarning, list(logging.getLogger().handlers))
    say("status")
    say("plan", "nothing-of-that-name")
    assert (list(log.handlers), log.propagate, warnings.showwarning, list(logging.getLogger().handlers)) == before


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["nonsense"],
        ["simulate", "tiny", "--of", "0"],
        ["simulate", "tiny", "--workers", "x"],
        ["point", "tiny", "--nonsense"],
        ["plan", "tiny", "coupling=1"],
    ],
)
def test_words_that_no_command_knows_end_with_2_and_a_usage(words, capsys, there):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: nessmap")
