"""A mistake in a sweep file is said in one line, before any work starts: which key, what was found, what was expected."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import copied_workflow, tiny_settings
from mistakes import MISTAKES, UNREADABLE
from mistakes_in_refinement import MISTAKES as IN_REFINEMENT
from nessmap.__main__ import main
from nessmap.commands import sweep_of
from nessmap.config import ConfigError, FigureSettings, SweepSettings, read_settings, settings_schema
from nessmap.drawings import drawing_options
from nessmap.figures import FIGURES
from nessmap.model import ParameterError
from nessmap.models import MODELS
from nessmap.sweep import Sweep
from nessmap.workflow import WorkflowConfigError, plans

ROOT = Path(__file__).parent.parent


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        Sweep(path).points  # noqa: B018  # parameters are set against each other as points are made
    return str(error.value)


@pytest.mark.parametrize(
    ("sections", "message"), [*MISTAKES.values(), *IN_REFINEMENT.values()], ids=[*MISTAKES, *IN_REFINEMENT]
)
def test_a_mistake_is_said_in_one_line(sweep_file, sections, message):
    path = sweep_file(**sections)
    assert complaint(path) == f"{path}: {message}"


@pytest.mark.parametrize(("content", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_cannot_be_read_is_said_with_its_line(tmp_path, content, message):
    path = tmp_path / "tiny.yaml"
    path.write_bytes(content)
    assert complaint(path) == f"{path}{message}"


def test_a_file_that_is_not_there_is_said_with_the_nearest_one(sweep_file):
    path = sweep_file("amari_field")
    absent = path.with_name("amari.yaml")
    assert complaint(absent) == f"{absent}: no such file; did you mean amari_field.yaml?"
    lonely = path.parent / "nowhere" / "amari.yaml"
    assert complaint(lonely) == f"{lonely}: no such file; sweeps are files like workflow/sweeps/amari_field.yaml"
    assert complaint(path.parent) == f"{path.parent}: cannot be read (Is a directory)"


@pytest.mark.parametrize("name", ["two words.yaml", "a'b.yaml", "-flag.yaml", "tiny-small.yaml"])
def test_the_name_of_a_file_must_do_as_the_name_of_a_sweep(sweep_file, name):
    path = sweep_file().rename(sweep_file().with_name(name))
    assert complaint(path).startswith(f"{path}: the file's name names the sweep, expected letters, digits, '_' and '-'")


def test_a_default_at_odds_with_the_file_is_said_as_a_default(sweep_file):
    settings = tiny_settings()
    del settings["fixed"]["kernel_width"]
    path = sweep_file()
    path.write_text(yaml.safe_dump(settings))
    wanted = "default kernel_width = 0.7, expected >= 1 [site spacing length / n_site]; raise n_site to 12"
    assert complaint(path) == f"{path}: {wanted}"


def test_an_axis_at_odds_with_the_rest_is_said_as_an_axis(sweep_file):
    path = sweep_file()
    settings = tiny_settings(axes={"kernel_width": [1.2, 0.8]})
    del settings["fixed"]["kernel_width"]
    path.write_text(yaml.safe_dump(settings))
    wanted = "axes.kernel_width = 0.8, expected >= 1 [site spacing length / n_site]; raise n_site to 10"
    assert complaint(path) == f"{path}: {wanted}"


def test_every_section_that_must_be_there_is_missed(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text("title: nothing else\n")
    assert complaint(path).splitlines() == [
        f"{path}: model is missing (name of the model)",
        f"{path}: axes is missing (parameters that vary)",
        f"{path}: observables is missing (what is estimated)",
    ]


def test_a_mistake_in_the_small_form_is_said_as_such(sweep_file):
    path = sweep_file(small={"run": {"durtion": 1}, "axes": {"coupling": [0.1]}})
    for small in (False, True):  # whichever form is asked for
        with pytest.raises(ConfigError) as error:
            Sweep(path, small)
        assert str(error.value) == f"{path} (small form): run.durtion = 1 is not a setting; did you mean duration?"
    path = sweep_file(small={"axes": {"copling": [0.1]}})
    wanted = "axes.copling is not a parameter of amari_field; did you mean coupling?"
    assert complaint(path) == f"{path} (small form): {wanted}"


def test_a_mistake_in_the_full_form_is_said_when_the_small_one_is_asked_for(sweep_file):
    path = sweep_file(axes={"coupling": [0.5, 0.5]}, small={"axes": {"coupling": [0.1]}})
    with pytest.raises(ConfigError) as error:
        Sweep(path, small=True)
    assert str(error.value).startswith(f"{path}: axes.coupling has the value 0.5 twice")


def test_a_figure_may_be_held_at_a_word_that_the_axis_has(sweep_file):
    axes = {"coupling": [0.1, 0.5], "kernel": ["gaussian", "exponential"]}
    figures = {"a": {"draw": "cut", "variable": "site_variance", "x": "coupling", "at": {"kernel": "gaussian"}}}
    assert Sweep(sweep_file(axes=axes, figures=figures)).settings.figures["a"].at == {"kernel": "gaussian"}


# --- what is not a mistake


def test_numbers_may_be_written_without_a_dot(sweep_file):
    path = sweep_file()
    path.write_text(path.read_text().replace("- 0.9", "- 1e-3\n  - 2E1\n  - -3e+0").replace("dt: 0.05", "dt: 5e-2"))
    sweep = Sweep(path)
    assert [settings["coupling"] for settings in sweep.dimensions[0].settings] == [-3.0, 0.001, 0.1, 0.5, 20.0]
    assert sweep.settings.run.dt == 0.05


def test_whole_numbers_serve_as_numbers(sweep_file):
    run = Sweep(sweep_file(run={"dt": 1, "duration": 3, "timeout": 60})).settings.run
    assert (run.dt, run.duration, run.timeout) == (1.0, 3.0, 60.0)


def test_the_small_form_changes_axes_run_and_fixed_and_keeps_the_rest(sweep_file):
    path = sweep_file(small={"axes": {"coupling": [0.1]}, "run": {"duration": 1}, "fixed": {"kernel_width": 1.5}})
    full, small = Sweep(path), Sweep(path, small=True)
    assert (full.name, full.shape, full.settings.run.duration, full.fixed["kernel_width"]) == ("tiny", (3, 2), 5.0, 1.2)
    assert (small.name, small.shape, small.settings.run.duration) == ("tiny-small", (1, 2), 1.0)
    assert (small.fixed["kernel_width"], small.fixed["n_site"], small.settings.run.seed) == (1.5, 8, 7)


def test_merge_keys_of_yaml_work(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "model: amari_field\naxes: {coupling: [0.5]}\nobservables: [site_variance]\n"
        "run: &run {dt: 0.1}\nsmall: {run: {<<: *run, duration: 5}}\n"
    )
    assert Sweep(path, small=True).settings.run.duration == 5.0


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "small", [pytest.param(False, id="full", marks=pytest.mark.slow), pytest.param(True, id="small")]
)
def test_the_shipped_sweeps_are_valid(path, small):
    assert Sweep(path, small).points


@pytest.mark.parametrize("drawing", FIGURES)
def test_every_setting_of_a_drawing_can_be_written_in_a_sweep_file(drawing):
    required, known = drawing_options(drawing)
    assert set(required) <= set(known) <= FigureSettings.model_fields.keys()


def test_the_schema_knows_every_setting_with_a_description(sweep_file):
    schema = settings_schema()
    assert schema["properties"].keys() == SweepSettings.model_fields.keys()
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert all("description" in setting for setting in part["properties"].values())
    json.dumps(schema)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers()
WORDS = st.text("ab1 -.:é", max_size=4) | st.sampled_from(["linspace", "values", "zip", "points", "coupling"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(0, 2), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["model", "fixed", "axes", "run", "observables", "refine", "figures", "small", "title"]), st.data()
)
def test_whatever_stands_in_a_section_it_is_valid_or_a_config_error(tmp_path_factory, section, data):
    known = [
        *SweepSettings.model_fields,
        *MODELS["amari_field"].parameters(),
        "dt",
        "duration",
        "n_replica",
        "a",
        "zip",
        "points",
    ]
    value = data.draw(ANYTHING | st.dictionaries(st.sampled_from(known), ANYTHING, max_size=2))
    path = tmp_path_factory.mktemp("any") / "tiny.yaml"
    path.write_text(yaml.safe_dump({**tiny_settings(), section: value}))
    message = ""
    try:
        sweep = Sweep(path)
        Sweep(path, small=True)
        if sweep.settings.run.duration < 1e4 and sweep.settings.run.n_replica < 1e4:
            sweep.points  # noqa: B018
    except ConfigError as error:
        message = str(error)
    assert all(line.startswith(str(path)) for line in message.splitlines())


# --- on the command line


@pytest.mark.parametrize("command", ["plan", "simulate", "failures", "point"])
@pytest.mark.parametrize("name", ["an unknown setting", "a kernel narrower than the site spacing", "a value twice"])
def test_the_command_line_says_a_mistake_and_leaves_no_trace(command, name, sweep_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sections, message = MISTAKES[name]
    path = sweep_file(**sections)
    assert main([command, str(path)]) == 2
    said = capsys.readouterr()
    assert said.err == f"nessmap: {path}: {message}\n"
    assert said.out == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_mistake_is_no_traceback_in_a_process_of_its_own(sweep_file, tmp_path):
    path = sweep_file(run={"n_replica": 100})
    ran = subprocess.run(
        [sys.executable, "-m", "nessmap", "simulate", path.name], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [f"nessmap: {path.name}: {MISTAKES['lanes that do not fill the groups'][1]}"]


@pytest.mark.parametrize(
    ("word", "path", "name"),
    [
        ("tiny", "workflow/sweeps/tiny.yaml", "tiny"),
        ("tiny-small", "workflow/sweeps/tiny.yaml", "tiny-small"),
        ("workflow/sweeps/tiny.yaml", "workflow/sweeps/tiny.yaml", "tiny"),
        ("workflow/sweeps/tiny.yaml-small", "workflow/sweeps/tiny.yaml", "tiny-small"),
        ("workflow/sweeps/tiny-small", "workflow/sweeps/tiny.yaml", "tiny-small"),
        ("elsewhere/tiny", "elsewhere/tiny.yaml", "tiny"),
        ("{absolute}/elsewhere/tiny.yaml", "{absolute}/elsewhere/tiny.yaml", "tiny"),
        ("{absolute}/elsewhere/tiny.yaml-small", "{absolute}/elsewhere/tiny.yaml", "tiny-small"),
    ],
)
def test_a_sweep_is_named_or_given_as_a_file(word, path, name, sweep_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("workflow/sweeps", "elsewhere"):
        Path(folder).mkdir(parents=True)
        shutil.copy(sweep_file(), folder)
    sweep = sweep_of(word.format(absolute=tmp_path))
    assert (str(sweep.path), sweep.name) == (path.format(absolute=tmp_path), name)
    assert sweep_of(sweep.command).name == name  # what messages tell people to type


# --- in the workflow


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sweep": "tiny"}, "--config sweep is not a setting; known: executor, results, shards, small, sweeps"),
        ({"small": "perhaps"}, "--config small=perhaps, expected true or false"),
        ({"shards": 0}, "--config shards=0, expected a whole number >= 1: jobs of each sweep"),
        ({"shards": "many"}, "--config shards=many, expected a whole number >= 1: jobs of each sweep"),
        ({"executor": "dask"}, "--config executor=dask, expected one of auto, serial, local, slurm"),
        ({"sweeps": "tniy"}, "workflow/sweeps/tniy.yaml: no such file; did you mean tiny.yaml?"),
    ],
)
def test_a_mistake_in_the_workflow_is_said_before_any_rule_is_read(config, message, sweep_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("workflow/sweeps").mkdir(parents=True)
    sweep_file().rename("workflow/sweeps/tiny.yaml")
    with pytest.raises(WorkflowConfigError) as error:
        plans(config, "results")
    assert str(error.value) == message
    assert not Path("results").exists()


def test_a_workflow_whose_results_cannot_be_written_says_so(sweep_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("workflow/sweeps").mkdir(parents=True)
    sweep_file().rename("workflow/sweeps/tiny.yaml")
    Path("results").write_text("a file")
    with pytest.raises(
        WorkflowConfigError, match=r"results/\.plans: cannot be written \(Not a directory\); choose --config"
    ):
        plans({}, "results")


def test_a_workflow_without_sweeps_is_a_mistake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WorkflowConfigError, match=r"workflow/sweeps: no sweep files; a sweep is a file like workflow/sweeps/NAME\.yaml"
    ):
        plans({}, "results")


@pytest.mark.parametrize(
    "name", [pytest.param("an unknown setting", marks=pytest.mark.slow), "a kernel narrower than the site spacing"]
)
def test_snakemake_says_a_mistake_and_makes_no_folder(name, tmp_path, sweep_file):
    sections, message = MISTAKES[name]
    copied_workflow(tmp_path, sweep_file(**sections))
    ran = subprocess.run([sys.executable, "-m", "snakemake", "-n"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode != 0
    said = ran.stdout + ran.stderr
    assert f"\nnessmap: workflow/sweeps/tiny.yaml: {message}\n" in said
    assert "Traceback" not in said
    assert not (tmp_path / "results").exists()


def test_a_parameter_error_names_what_was_found_and_what_was_expected():
    with pytest.raises(ParameterError) as error:
        MODELS["amari_field"](n_site=2)
    assert str(error.value) == "amari_field: n_site = 2, expected a whole number >= 3 (number of sites)"
    assert error.value.parameter == "n_site"


def test_settings_read_as_they_were_written(sweep_file):
    assert read_settings(sweep_file()).model_dump(exclude_unset=True) == tiny_settings()
