"""Quenched disorder: a realisation is a unit of work, a group of the error bars, and the same draw at any other parameter."""

import numpy as np
import pytest
import yaml

from nessmap.config import ConfigError
from nessmap.executors import serial
from nessmap.models.random_coupling import RandomCoupling
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.simulate import group_means
from nessmap.statistics import N_GROUP
from nessmap.sweep import Sweep

# a one-dimensional particle whose rate of return is drawn: 1 + index mod 4, so that its variance is known in every group
MODEL = """
import dataclasses
from typing import ClassVar

import numpy as np

from nessmap.model import parameter
from nessmap.models.langevin import LangevinModel


@dataclasses.dataclass(frozen=True)
class Springs(LangevinModel):
    name: ClassVar[str] = "springs"
    version: ClassVar[int] = 1
    disordered: ClassVar[bool] = True
    rate: ClassVar[float] = 1.0
    noise: float = parameter(1.0, "noise strength", above=0.0)
    n_dim: ClassVar[int] = 1
    partition: ClassVar[dict] = {}

    def realisation(self, index, seed):
        made = dataclasses.replace(self)
        object.__setattr__(made, "rate", 1.0 + index % 4)
        return made

    def drift(self, x, t):
        return -self.rate * x

    def diffusion(self, x, t):
        return np.array([[self.noise]])
"""


@pytest.fixture
def springs(tmp_path):
    (tmp_path / "springs.py").write_text(MODEL)

    def write(**run):
        settings = {
            "model": "springs.py:Springs",
            "axes": {"noise": [0.5, 1.0]},
            "run": {"dt": 0.05, "duration": 20.0, "n_replica": 16, **run},
            "observables": ["site_variance"],
        }
        path = tmp_path / "springs.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    return write


def test_a_realisation_is_a_unit_with_lanes_of_its_own(springs):
    sweep = Sweep(springs(n_disorder=32, n_replica=48))
    units = sweep.points[0].units
    assert [unit.realisation for unit in units] == list(range(32))
    assert [unit.first_lane for unit in units] == [LANES_PER_UNIT * k for k in range(32)]
    assert {unit.n_lane for unit in units} == {48}
    assert units[0].run.n_replica == 32 * 48
    assert units[0].run.n_disorder == 32
    assert len(Sweep(springs()).points[0].units) == N_GROUP


@pytest.mark.slow
def test_more_realisations_compute_only_those(springs, tmp_path):
    from conftest import simulated

    with serial(1) as run:
        assert simulated(Sweep(springs()), tmp_path, run).computed == 2 * 16
        assert simulated(Sweep(springs(n_disorder=32)), tmp_path, run).computed == 2 * 16
        assert simulated(Sweep(springs(n_disorder=32)), tmp_path, run).computed == 0
        assert simulated(Sweep(springs()), tmp_path, run).computed == 0


@pytest.mark.slow
def test_the_error_is_over_realisations(springs, tmp_path):
    from conftest import simulated
    from nessmap.assembly import assemble
    from nessmap.phase_diagram import aggregate

    sweep = Sweep(springs(n_replica=128, duration=100.0))
    with serial(1) as run:
        simulated(sweep, tmp_path, run)
        points = assemble(sweep, tmp_path / "points", [])
        dataset = aggregate(sweep, points, run)
    mean, square = np.moveaxis(points["site_moments"].values, 1, 0)
    rates = 1.0 + np.arange(16) % 4
    drawn = sweep.dimensions[0].settings[1]["noise"] / rates  # D / rate
    # a variance from 128 lanes of 100 time units each has a relative error of sqrt(2 / (100 x 128 x rate)) < 1.3 %
    assert np.abs((square - mean**2)[1] / drawn - 1).max() < 5 * 0.013
    assert dataset["realisations_of_site_variance"].dims == ("noise", "disorder")
    assert np.abs(dataset["realisations_of_site_variance"].values[1] / drawn - 1).max() < 5 * 0.013
    assert dataset["site_variance_standard_error"].values[1] == pytest.approx(drawn.std(ddof=1) / 4, rel=0.05)


def test_a_realisation_is_a_group(springs):
    units = Sweep(springs(n_disorder=24)).points[0].units
    sums = [{"site_moments": np.full((1, N_GROUP), float(unit.realisation))} for unit in units]
    means = group_means(units, sums)["site_moments"][0] * units[0].n_step
    assert means == pytest.approx(np.arange(24.0))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"n_disorder": 3}, "run.n_disorder = 3, expected a number >= 4"),
        ({"n_replica": 256}, "run.n_replica = 256, expected at most 128 lanes for each realisation"),
    ],
)
def test_what_does_not_fit_is_said(springs, run, words):
    with pytest.raises(ConfigError, match=words):
        Sweep(springs(**run))


def test_a_model_without_disorder_has_no_realisations(tmp_path):
    path = tmp_path / "plain.yaml"
    settings = {"model": "amari_field", "axes": {"shift": [0.1]}, "observables": ["site_variance"]}
    path.write_text(yaml.safe_dump({**settings, "run": {"n_disorder": 16}}))
    with pytest.raises(ConfigError, match=r"run\.n_disorder = 16, expected nothing: amari_field has no disorder"):
        Sweep(path)


def test_coupling_has_the_second_moments_of_its_symmetry():
    n = 200
    for symmetry in (-1.0, -0.3, 0.0, 1.0):
        j = RandomCoupling.coupling_matrix(_coupling(n, 1.7, symmetry), 3, 11)
        assert not np.diag(j).any()
        pairs = j[np.triu_indices(n, 1)], j.T[np.triu_indices(n, 1)]
        square = n / 1.7**2 * (pairs[0] ** 2 + pairs[1] ** 2).mean() / 2
        cross = n / 1.7**2 * (pairs[0] * pairs[1]).mean()
        # 19900 pairs: products of normals have variance 2 at most
        assert abs(square - 1) < 5 * np.sqrt(2 / 19900)
        assert abs(cross - symmetry) < 5 * np.sqrt(2 / 19900)


def test_a_realisation_is_the_same_network_at_any_gain_and_symmetry():
    draw = RandomCoupling.coupling_matrix
    base, other = draw(_coupling(40, 1.0, 0.2), 5, 0), draw(_coupling(40, 2.5, 0.2), 5, 0)
    assert other == pytest.approx(2.5 * base, rel=1e-15)
    halves = [draw(_coupling(40, 1.0, symmetry), 5, 0) for symmetry in (1.0, -1.0)]
    mixed = np.sqrt(0.6) * halves[0] + np.sqrt(0.4) * halves[1]
    assert base == pytest.approx(mixed, rel=1e-14, abs=1e-16)
    assert np.abs(draw(_coupling(40, 1.0, 0.2), 6, 0) - base).max() > 0.1
    assert np.abs(draw(_coupling(40, 1.0, 0.2), 5, 1) - base).max() > 0.1


class _coupling:  # what coupling_matrix reads of a model
    def __init__(self, n_neuron, gain, symmetry):
        self.n_neuron, self.gain, self.symmetry = n_neuron, gain, symmetry
