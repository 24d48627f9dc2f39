"""Whoever runs a sweep is told whom to cite."""

import json
from pathlib import Path

import pytest

from nessmap.__main__ import main
from nessmap.citation import citation, cited
from nessmap.models import MODELS
from nessmap.observables import OBSERVABLES
from nessmap.sweep import SWEEPS, Sweep

ROOT = Path(__file__).parent.parent


def test_every_shipped_model_says_where_it_comes_from():
    assert {name for name, model in MODELS.items() if not model.papers} == {"linear_langevin"}  # any matrix at all
    assert all(cited(model.papers) == list(model.papers) for model in MODELS.values())


def test_papers_have_a_year_and_other_remarks_are_left_out():
    assert cited(["local mean; docs/theory.md (7)", "fit of drift"]) == []
    known = cited(observable.source for observable in OBSERVABLES.values())
    assert len(known) >= 15
    assert "Horowitz & Esposito, Phys. Rev. X 4, 031015 (2014)" in known


def test_a_sweep_is_cited(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    facts = citation(Sweep(SWEEPS / "noise_heterogeneity.yaml"))
    assert main(["cite", "noise_heterogeneity", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == facts
    assert main(["cite", "noise_heterogeneity"]) == 0
    said = capsys.readouterr().out
    for paper in (
        "Lucente, Gradenigo & Salasnich, Entropy 27, 1104 (2025)",
        "Godreche & Luck, J. Phys. A 52, 035002 (2019)",
    ):
        assert paper in said


@pytest.mark.parametrize("name", ["lyapunov", "bcm"])
def test_the_formulas_are_those_of_the_observables(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    facts = citation(Sweep(SWEEPS / f"{name}.yaml"))
    assert facts["model"]["papers"]
    assert set(facts["formulas"]).isdisjoint(facts["model"]["papers"])
