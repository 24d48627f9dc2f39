"""`nessmap estimate`: every kind of file gives the same numbers, and every mistake a sentence."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from gaussian_recordings import REFERENCE, recorded
from nessmap import estimators
from nessmap.estimate import Question, against_step
from nessmap.figures.estimates import draw
from nessmap.recordings import Asked, read_recording
from nessmap.theory import gaussian, nonlinear_sensing

DT, N_TIME = 0.1, 3000
VALUES = recorded(*REFERENCE, DT, N_TIME, seed=30)[0]
TRIALS = recorded(*REFERENCE, DT, 200, n_trial=8, seed=31)
TIME = DT * np.arange(N_TIME)


def table(path, separator=",", header="time,v,r", columns=None):
    columns = np.column_stack([TIME, VALUES]) if columns is None else columns
    lines = [separator.join(repr(float(value)) for value in row) for row in columns]
    path.write_text("\n".join([header.replace(",", separator)] * bool(header) + lines) + "\n")
    return path


@pytest.fixture
def recording(tmp_path):
    return table(tmp_path / "recording.csv")


def labelled(path):
    dataset = xr.Dataset({"v": ("time", VALUES[:, 0]), "r": ("time", VALUES[:, 1])}, {"time": TIME})
    dataset.to_zarr(path, consolidated=False) if path.suffix == ".zarr" else dataset.to_netcdf(path)
    return path


def estimates(said):
    return {(row["quantity"], row["method"]): row for row in json.loads(said)["estimates"]}


# --- reading


@pytest.mark.slow
def test_every_kind_of_file_gives_the_same_recording(tmp_path):
    np.savez(tmp_path / "a.npz", time=TIME, v=VALUES[:, 0], r=VALUES[:, 1])
    paths = [tmp_path / "a.npz", labelled(tmp_path / "a.nc"), labelled(tmp_path / "a.zarr"), table(tmp_path / "a.csv")]
    paths += [table(tmp_path / "b.csv", ";"), table(tmp_path / "a.tsv", "\t"), table(tmp_path / "a.txt", " ")]
    for path in paths:
        found = read_recording(path, Asked(["v", "r"]))
        assert found.names == ("v", "r")
        assert found.dt == pytest.approx(DT, rel=1e-9)
        assert np.array_equal(found.values[0], VALUES), path


def test_a_bare_array_has_numbered_variables_and_needs_a_spacing(tmp_path):
    np.save(tmp_path / "a.npy", TRIALS)
    found = read_recording(tmp_path / "a.npy", Asked(dt=DT))
    assert found.names == ("x0", "x1")
    assert np.array_equal(found.values, TRIALS)
    bare = table(tmp_path / "a.csv", header="", columns=VALUES[:50])
    assert read_recording(bare, Asked(["x1"], dt=DT)).values.shape == (1, 50, 1)
    np.savez(tmp_path / "a.npz", VALUES)
    assert np.array_equal(read_recording(tmp_path / "a.npz", Asked(dt=DT)).values[0], VALUES)


@pytest.mark.slow
def test_trials_are_a_column_or_a_dimension(tmp_path):
    times, label = np.tile(DT * np.arange(200), 8), np.repeat(np.arange(8), 200)
    path = table(
        tmp_path / "a.csv", header="trial,time,v,r", columns=np.column_stack([label, times, TRIALS.reshape(-1, 2)])
    )
    assert np.array_equal(read_recording(path, Asked(trial="trial")).values, TRIALS)
    cells = xr.DataArray(TRIALS, dims=("session", "t", "cell"), coords={"t": DT * np.arange(200), "cell": ["v", "r"]})
    cells.to_dataset(name="rate").to_netcdf(tmp_path / "a.nc")
    found = read_recording(tmp_path / "a.nc", Asked(trial="session"))
    assert np.array_equal(found.values, TRIALS)
    assert found.names == ("v", "r")


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as \.npy .*no Python objects"):
        read_recording(tmp_path / "a.npy", Asked())


# --- what is printed


def test_the_report_has_the_values_of_the_estimators(say, recording):
    status, said, _ = say("estimate", str(recording), "--json")
    assert status == 0
    rows = estimates(said)
    assert len(rows) == 7
    rate = rows["entropy production rate", "fitted linear model"]
    assert rate["value"] == estimators.entropy_production_rate(VALUES, DT).value
    assert rate["units"] == "k_B/time"
    forth = rows["transfer entropy rate from v to r", "regression on 8 samples"]
    assert forth["value"] == estimators.transfer_entropy_rate(VALUES, DT, [0], [1]).value
    assert forth["p_value"] < 1e-9
    assert rows["transfer entropy rate from r to v", "regression on 8 samples"]["p_value"] > 0.001
    exact = gaussian.mutual_information(gaussian.stationary_covariance(*REFERENCE), [0], [1])
    for method in ("Gaussian copula", "nearest neighbours"):
        row = rows["mutual information of v and r", method]
        assert abs(row["value"] - exact) < 4 * row["standard_error"]


def test_the_table_says_the_recording_the_numbers_and_what_speaks_against_them(say, recording):
    status, said, errors = say("estimate", str(recording))
    assert status == 0
    assert said.startswith(f"{recording}: v, r; 3000 samples, 0.1 apart\n")
    assert "\nentropy production rate [k_B/time]\n  fitted linear model " in said
    assert " if there were none\n" in said
    assert "\nremarks\n" in said
    assert "too few independent samples" in said
    assert "all variables are taken as even under time reversal" in errors


def test_odd_variables_have_no_entropy_production_here_and_null_is_no_number(say, recording):
    status, said, errors = say("estimate", str(recording), "--odd", "v", "--json")
    assert status == 0
    row = estimates(said)["entropy production rate", "fitted linear model"]
    assert (row["value"], row["standard_error"]) == (None, None)
    assert row["remarks"][0].startswith("v odd under time reversal")
    assert "taken as even" not in errors
    assert "none" in say("estimate", str(recording), "--odd", "v")[1]


def test_sides_are_asked_for_where_there_are_not_two_variables(say, tmp_path):
    path = table(
        tmp_path / "a.csv", header="a,b,c", columns=np.column_stack([VALUES, np.roll(VALUES[:, 0], 1000)])[:600]
    )
    _, said, errors = say("estimate", str(path), "--dt", "0.1", "--json")
    assert len(estimates(said)) == 3
    assert "--source NAME --target NAME" in errors
    _, said, _ = say(
        "estimate", str(path), "--dt", "0.1", "--json", "--source", "a", "c", "--target", "b", "--history", "2"
    )
    assert ("transfer entropy rate from a, c to b", "regression on 2 samples") in estimates(said)


def test_surrogates_may_stand_for_the_chi_squared_law(say, recording):
    _, said, _ = say("estimate", str(recording), "--json", "--surrogates", "9", "--history", "2")
    assert estimates(said)["transfer entropy rate from v to r", "regression on 2 samples"]["p_value"] == 0.1


# --- the picture


@pytest.mark.slow
def test_the_picture_shows_what_was_estimated_at_each_step_and_its_continuation(say, recording, tmp_path):
    assert say("estimate", str(recording), "--figure", str(tmp_path / "rates.svg"))[0] == 0
    assert {path.name for path in tmp_path.glob("rates.*")} == {"rates.svg", "rates.png"}
    dataset = against_step(estimators.as_recording(VALUES, DT), Question(["x0"], ["x1"]))
    assert dataset.step.values[:2] == pytest.approx([DT, 2 * DT])
    assert float(dataset.bound[1]) == estimators.short_time_bound(VALUES, DT, stride=2).value
    page = draw(dataset)
    left, right = page.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "fitted linear model",
        "bound by short steps",
        "extrapolated",
    ]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["x0 to x1", "x1 to x0"]
    continued = [line for line in left.lines if line.get_linestyle() == ":"]
    limit = estimators.extrapolated_short_time_bound(VALUES, DT).value
    assert len(continued) == 1
    assert continued[0].get_xydata()[0] == pytest.approx([0.0, limit], rel=1e-9, abs=1e-12)
    assert continued[0].get_xydata()[-1] == pytest.approx([4 * DT, float(dataset.bound[2])], rel=1e-9)
    assert len(draw(dataset.drop_vars(["forth", "back"])).axes) == 1


@pytest.mark.slow
def test_the_example_finds_who_learns_from_whom_and_what_it_costs(say, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example = Path(__file__).parent.parent / "docs" / "examples" / "recording.py"
    found = runpy.run_path(str(example))
    assert "entropy production rate" in capsys.readouterr().out
    dissipation, forth, back = (found[name] for name in ("dissipation", "forth", "back"))
    # what a linear model can see of it: tanh has a third Hermite coefficient, whose dissipation is missed
    exact = nonlinear_sensing.neuron_response(nonlinear_sensing.tuning_spectrum(np.tanh, 1.0, 200), 0.5, 1.0, 2.0, 0.1)
    assert 0.8 * exact.entropy_flow < dissipation.value < exact.entropy_flow + 4 * dissipation.standard_error
    assert abs(found["cubic"].value - exact.entropy_flow) < 4 * found["cubic"].standard_error
    assert forth.value > 10 * forth.standard_error
    assert abs(back.value) < 4 * back.standard_error
    status, said, _ = say("estimate", "recording.csv", "--source", "velocity", "--target", "rate", "--json")
    assert status == 0
    rate = estimates(said)["entropy production rate", "fitted linear model"]
    assert rate["value"] == pytest.approx(dissipation.value, rel=1e-12)


# --- mistakes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.csv"], "missing.csv: no such file; expected one that ends in .npy, .npz"),
        (["recording.csv", "--variables", "w"], "recording.csv: --variables w: no such variable; known: v, r"),
        (["recording.csv", "--source", "v"], "--source and --target: one is missing, expected both or none"),
        (
            ["recording.csv", "--source", "v", "--target", "v"],
            "both hold v, expected two sides without a common variable",
        ),
        (["recording.csv", "--odd", "x"], "recording.csv: --odd x: no such variable"),
        (["recording.csv", "--trial", "run"], "recording.csv: --trial run: no such column"),
        (["recording.csv", "--time", "clock"], "recording.csv: --time clock: no such column"),
        (
            ["recording.csv", "--history", "2000"],
            "recording.csv: n_history = 2000, expected a number of samples from 1 to 750",
        ),
        (["recording.xls"], "recording.xls: ends in .xls, expected .npy"),
        (["bare.npy"], "bare.npy: holds no times, expected a column or coordinate named time or t; or give --dt"),
        (["gap.csv"], "gap.csv: column r, line 2 of the numbers: '', expected a number; fill or cut gaps"),
        (["ragged.csv"], "ragged.csv: line 2 of the numbers has 2 columns, expected 3"),
        (["uneven.csv"], "uneven.csv: time: steps from 1 to 2, expected equal steps > 0"),
        (["still.csv"], "still.csv: data: r never changes"),
        (["empty.csv"], "empty.csv: is empty"),
        (["untimed.nc"], "untimed.nc: dimensions step, expected time or t; name it with --time"),
        (
            ["unequal.npz", "--dt", "1"],
            "unequal.npz: trials x samples differ: a 1 x 5, b 1 x 6; choose --variables of one size",
        ),
        (["trials.csv", "--trial", "k"], "trials.csv: trials of 1 to 3 samples, expected equal lengths; cut them to 1"),
        (["broken.npz"], "broken.npz: cannot be read as .npz"),
    ],
)
def test_a_mistake_is_said_with_file_place_expectation_and_remedy(
    words, message, say, recording, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.save("bare.npy", VALUES)
    np.savez("unequal.npz", a=np.arange(5.0), b=np.arange(6.0))
    xr.Dataset({"v": ("step", VALUES[:50, 0])}).to_netcdf("untimed.nc")
    texts = {
        "recording.xls": "",
        "broken.npz": "no archive",
        "gap.csv": "time,v,r\n0,1,2\n1,2,\n2,3,4\n",
        "ragged.csv": "time,v,r\n0,1,2\n1,2\n",
        "uneven.csv": "time,v,r\n0,1,2\n1,3,1\n3,3,4\n",
        "still.csv": "time,v,r\n0,1,2\n1,3,2\n2,3,2\n",
        "trials.csv": "k,time,v\n0,0,1\n1,0,2\n1,1,3\n1,2,1\n",
        "empty.csv": "\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    status, said, errors = say("estimate", *words)
    assert (status, said) == (2, "")
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "words", [["--dt", "0"], ["--dt", "soon"], ["--history", "0"], ["--degree", "-1"], ["--surrogates", "-1"]]
)
def test_numbers_that_are_none_are_refused_in_words(words, recording, capsys, say):
    with pytest.raises(SystemExit, match="2"):
        say("estimate", str(recording), *words)
    assert "expected a" in capsys.readouterr().err
