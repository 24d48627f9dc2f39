"""A model of the user's own: a file and a class in the sweep file, and the whole pipeline follows."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from nessmap.config import ConfigError
from nessmap.executors import serial
from nessmap.model import ParameterError, round_significant
from nessmap.models.from_file import _loaded, code_digest
from nessmap.observables import OBSERVABLES
from nessmap.shard import VersionError, missing_work, run_batch
from nessmap.sweep import Sweep
from nessmap.workflow import plans

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples"


@pytest.fixture
def own_sweep(tmp_path):
    """The example with its model beside it; edits of the model's text are made on the way."""

    def write(edit=lambda text: text, **sections):
        settings = yaml.safe_load((EXAMPLE / "fitzhugh_nagumo.yaml").read_text())
        settings |= {"axes": {"drive": [0.0, 0.2], "noise_strength": [0.001]}, **sections}
        settings["run"] |= {"duration": 10, "n_replica": 32}
        (tmp_path / "fitzhugh_nagumo.py").write_text(edit((EXAMPLE / "fitzhugh_nagumo.py").read_text()))
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    return write


def test_the_example_has_25_lines():
    lines = (EXAMPLE / "fitzhugh_nagumo.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 25


def test_every_observable_of_an_even_model_is_defined_for_it(own_sweep):
    model = Sweep(own_sweep()).model_class
    stationary = {name for name, o in OBSERVABLES.items() if o.defined_for(model) and o.protocol == "stationary"}
    assert {"entropy_production_rate", "mutual_information", "information_flow", "transfer_entropy_rate"} <= stationary
    theory = model().theory(stationary)
    assert stationary == theory.keys()
    assert {prediction.kind for prediction in theory.values()} == {"approximate"}


def test_it_is_simulated_and_gets_theory_and_z_scores(own_sweep, tmp_path):
    from conftest import simulated
    from nessmap.assembly import assemble
    from nessmap.phase_diagram import aggregate

    sweep = Sweep(own_sweep())
    with serial(1) as run:
        assert simulated(sweep, tmp_path, run).computed == 2
        assert simulated(sweep, tmp_path, run).computed == 0
        dataset = aggregate(sweep, assemble(sweep, tmp_path / "points", []), run)
    assert dataset.attrs["model"] == "fitzhugh_nagumo"
    assert dataset["small_parameter"].values.min() > 0
    for name in yaml.safe_load((EXAMPLE / "fitzhugh_nagumo.yaml").read_text())["observables"]:
        assert np.isfinite(dataset[name].values).all()
        assert np.isfinite(dataset[f"{name}_z"].values).all()
        assert dataset[f"{name}_z"].attrs["theory_kind"] == "approximate"
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["fitzhugh_nagumo"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("frozen=True", "frozen=True, slots=True"),
        lambda text: (
            f"{text}\n    def __post_init__(self):\n"
            "        object.__setattr__(self, 'cache', {})\n        super().__post_init__()\n"
        ),
    ],
    ids=["slots", "attributes of its own"],
)
def test_parameters_are_checked_and_rounded_however_the_class_is_made(edit, own_sweep):
    own = Sweep(own_sweep(edit)).model_class
    assert "slots=True" not in edit("frozen=True") or "__slots__" in vars(own)
    assert own(drive=1 / 3).drive == round_significant(1 / 3) != 1 / 3
    with pytest.raises(ParameterError, match="noise_strength"):
        own(noise_strength=-1.0)


def test_an_edit_of_its_code_makes_new_points_and_one_of_its_words_does_not(own_sweep):
    first = [point.key for point in Sweep(own_sweep()).points]
    commented = [point.key for point in Sweep(own_sweep(lambda text: text + "\n# a remark\n")).points]
    edited = [point.key for point in Sweep(own_sweep(lambda text: text.replace("0.8 * w", "0.9 * w"))).points]
    assert first == commented
    assert not set(first) & set(edited)
    assert code_digest('"""one"""\nx = 1') == code_digest('"""two"""\nx = 1  # three')


def test_a_plan_is_made_anew_when_the_model_changes(own_sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plans({"sweeps": str(own_sweep())}, "results")["own"]
    assert plans({"sweeps": str(own_sweep())}, "results")["own"] == plan
    assert plan["command"] == str(tmp_path / "own.yaml")
    changed = own_sweep(lambda text: text.replace("0.7", "0.6"))
    assert plans({"sweeps": str(changed)}, "results")["own"]["shards"] != plan["shards"]


@pytest.mark.parametrize(
    ("edit", "model", "message"),
    [
        (str, "absent.py:Neuron", "no file"),
        (str, "fitzhugh_nagumo.py:Neuron", "has no model 'Neuron'; it has FitzHughNagumo"),
        (
            lambda text: text.replace("def diffusion", "def noise"),
            "fitzhugh_nagumo.py:FitzHughNagumo",
            "lacks diffusion",
        ),
        (
            lambda text: text.replace('"fitzhugh_nagumo", 1', '"amari_field", 1'),
            "fitzhugh_nagumo.py:FitzHughNagumo",
            "is taken by a shipped model",
        ),
        (
            lambda text: text.replace('"fitzhugh_nagumo", 1', '"../etc", 1'),
            "fitzhugh_nagumo.py:FitzHughNagumo",
            "is no name",
        ),
        (lambda text: text + "\nimport absent_module\n", "fitzhugh_nagumo.py:FitzHughNagumo", "ModuleNotFoundError"),
        (str, "fitzhugh_nagumo", "One of your own is path/to/file.py:ClassName"),
    ],
    ids=["no file", "no class", "abstract", "taken", "no name", "broken", "no path"],
)
def test_what_is_wrong_with_it_is_said_before_any_work(own_sweep, edit, model, message):
    with pytest.raises(ConfigError, match="model = ") as raised:
        Sweep(own_sweep(edit, model=model))
    assert message in str(raised.value)


def with_helper(folder, factor):
    (folder / "helper.py").write_text(f"FACTOR = {factor}\n")


def test_what_it_imports_from_beside_it_is_part_of_its_code(own_sweep, tmp_path):
    def edit(text):
        return text.replace("import numpy as np", "import numpy as np\nimport helper").replace(
            "0.8 * w", "helper.FACTOR * w"
        )

    with_helper(tmp_path, 0.8)
    first = [point.key for point in Sweep(own_sweep(edit)).points]
    with_helper(tmp_path, 0.9)
    _loaded.cache_clear()  # as in a new process
    assert not set(first) & {point.key for point in Sweep(own_sweep(edit)).points}


def test_two_classes_of_a_file_share_no_points(own_sweep):
    def edit(text):
        return text + "\n\n@dataclasses.dataclass(frozen=True)\nclass Other(FitzHughNagumo):\n    pass\n"

    first, other = (
        {point.key for point in Sweep(own_sweep(edit, model=f"fitzhugh_nagumo.py:{name}")).points}
        for name in ("FitzHughNagumo", "Other")
    )
    assert not first & other


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return np.stack([v", "x += 1\n        return np.stack([v", "writes into the state"),
        ("- w + self.drive", "- w + self.drive * t", "depends on the time"),
        ("* np.eye(2)", "* np.eye(2) * (1 + x[0] ** 2)", "set local_noise = True"),
        ("return np.stack([v", "return np.stack([v, v", "expected the same shape"),
    ],
    ids=["writes", "clock", "noise", "shape"],
)
def test_a_drift_that_no_simulation_could_follow_fails_with_the_reason(own_sweep, tmp_path, old, new, message):
    from conftest import simulated

    sweep = Sweep(own_sweep(lambda text: text.replace(old, new), observables=["site_variance"], figures={}))
    with serial(1) as run:
        report = simulated(sweep, tmp_path, run)
    assert "failed" in report.statuses.values()  # without a drive nothing depends on the clock
    assert message in report.failures[0]


def test_code_that_changes_while_a_sweep_runs_is_noticed_and_stores_nothing(own_sweep, tmp_path):
    sweep = Sweep(own_sweep())
    work, _ = missing_work(sweep.points, {}, False)
    own_sweep(lambda text: text.replace("0.8 * w", "0.9 * w"))
    with pytest.raises(VersionError, match="its code changed"):
        run_batch(tmp_path / "points", work)
    assert not list(tmp_path.glob("points/**/*.zip"))
