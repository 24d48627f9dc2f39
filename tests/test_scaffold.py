"""A new model passes its own tests at once, and what it replaces is not overwritten."""

import subprocess
import sys

import pytest

from nessmap.config import ConfigError
from nessmap.scaffold import new_model
from nessmap.trial import trial


def test_names_that_are_none_or_taken_are_said(tmp_path):
    for name, words in (("Rotor", "is no name"), ("amari_field", "is a shipped model")):
        with pytest.raises(ConfigError, match=words):
            new_model(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
    new_model("turning_trap", tmp_path)
    with pytest.raises(ConfigError, match="is there already"):
        new_model("turning_trap", tmp_path)


@pytest.mark.slow
def test_a_new_model_passes_its_tests_at_once(tmp_path):
    made = new_model("turning_trap", tmp_path)
    assert [path.name for path in made] == ["turning_trap.py", "turning_trap.yaml", "test_turning_trap.py"]
    assert len([line for line in made[0].read_text().splitlines() if line.strip()]) <= 60
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "5 passed" in ended.stdout


@pytest.mark.slow
def test_a_trial_of_a_shipped_model_agrees_with_its_exact_theory():
    from nessmap.models import MODELS

    model = MODELS["amari_field"](coupling=0.6, shift=0.4, n_site=32)
    value, error, expected = trial(model, ["entropy_production_rate"], dt=0.05, duration=50.0)[
        "entropy_production_rate"
    ]
    assert expected == pytest.approx(model.theory()["entropy_production_rate"].value)
    assert 0 < abs(value - expected) < 5 * error
