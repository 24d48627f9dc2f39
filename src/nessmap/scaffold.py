"""`nessmap new model NAME`: a model that runs, its sweep and its tests, to be made one's own.

The model is a trap that turns: two coordinates, a closed form for its entropy production where the trap is harmonic, and a test
that holds simulation against it.
"""

from __future__ import annotations

import re
from pathlib import Path

from nessmap.config import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_]*")

MODEL = '''"""@TITLE@: a trap that turns.

Replace drift, diffusion and parameters with your own; `pytest test_@NAME@.py` says what broke.

dx = (-k x - c |x|^2 x + omega R x) dt + sqrt(2 D) dW, R a quarter turn
"""

import dataclasses

import numpy as np

from nessmap.model import parameter
from nessmap.models.langevin import LangevinModel


@dataclasses.dataclass(frozen=True)
class @CLASS@(LangevinModel):
    name, version, n_dim = "@NAME@", 1, 2
    partition = {"first": [0], "second": [1]}  # who informs whom

    stiffness: float = parameter(1.0, "stiffness of the trap", units="1/time", above=0.0, symbol="k")
    hardening: float = parameter(0.0, "hardening of the trap", units="1/(x^2 time)", minimum=0.0, symbol="c")
    turning: float = parameter(1.0, "angular velocity", units="1/time", symbol=r"\\omega")
    noise_strength: float = parameter(0.1, "noise strength", units="x^2/time", above=0.0, symbol="D")

    def drift(self, x, t):
        restoring = self.stiffness + self.hardening * (x**2).sum(axis=0)
        return -restoring * x + self.turning * np.stack([-x[1], x[0]])

    def diffusion(self, x, t):
        return self.noise_strength * np.eye(2)
'''

SWEEP = """# nessmap plan @NAME@.yaml                          what would be computed, what it costs
# snakemake --config sweeps=@PATH@    from the folder that holds nessmap's Snakefile
model: @NAME@.py:@CLASS@
title: @TITLE@
axes:
  turning: {linspace: [0.0, 2.0, 9]}
  hardening: [0.0, 1.0]
run: {kind: stationary, dt: 0.02, duration: 100, n_replica: 128, seed: 1}
observables: [entropy_production_rate, entropy_production_rate_path, site_variance, mutual_information, information_flow]
figures:
  entropy_production: {draw: cut, variable: entropy_production_rate, x: turning, series: hardening}
"""

TEST = '''"""What is known of @NAME@: run with pytest in this folder."""

from pathlib import Path

import numpy as np
import pytest

from nessmap.models import model_class
from nessmap.sweep import Sweep
from nessmap.trial import trial

HERE = Path(__file__).parent
Model = model_class(f"{HERE / '@NAME@.py'}:@CLASS@")


def test_the_sweep_file_is_valid():
    assert len(Sweep(HERE / "@NAME@.yaml").points) == 18


def test_drift_and_diffusion_are_what_a_simulation_takes_them_for():
    Model().probe()


def test_a_harmonic_trap_has_the_entropy_production_of_its_closed_form():
    model = Model(stiffness=0.8, turning=1.5)
    theory = model.theory(["entropy_production_rate"])["entropy_production_rate"]
    assert theory.value == pytest.approx(2 * 1.5**2 / 0.8)


def test_a_trap_at_rest_is_at_equilibrium():
    assert Model(turning=0.0).theory()["entropy_production_rate"].value == 0.0


def test_a_simulation_agrees_with_theory():
    found = trial(Model(turning=1.2), ["entropy_production_rate", "site_variance"], dt=0.02, duration=50.0)
    for name, (value, error, expected) in found.items():
        assert abs(value - expected) < 5 * error, name  # five standard errors: one run in 6000 is outside, by t of 15
        assert np.isfinite(value)
'''


def new_model(name: str, folder: Path) -> list[Path]:
    """Write NAME.py, NAME.yaml and test_NAME.py. Raises ConfigError for a name that is none, or a file that is there."""
    from nessmap.models import MODELS

    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a model, expected a-z, 0-9 and _, a letter first; try my_model")
    if name in MODELS:
        raise ConfigError(f"{name} is a shipped model; choose another name")
    words = name.split("_")
    made = {folder / f"{name}.py": MODEL, folder / f"{name}.yaml": SWEEP, folder / f"test_{name}.py": TEST}
    for path in made:
        if path.exists():
            raise ConfigError(f"{path} is there already; choose another name, or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    replaced = {
        "NAME": name,
        "CLASS": "".join(word.capitalize() for word in words),
        "TITLE": " ".join(words).capitalize(),
        "PATH": str(folder / f"{name}.yaml"),
    }
    for path, text in made.items():
        for key, value in replaced.items():
            text = text.replace(f"@{key}@", value)
        path.write_text(text)
    return list(made)
