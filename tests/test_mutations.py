"""Which observable would notice which mistake of 2 %: a table of what is seen and what is provably not.

Mistakes in the model (drift, coupling, diffusion) reach simulator and estimator alike and are held against the theory of the
right model; mistakes in the simulator alone (decay, rotation, time step) leave model and estimator right.
"""

import dataclasses
from functools import cached_property

import numpy as np
import pytest
from scipy import stats

from nessmap.model import Stepper
from nessmap.models.amari_field import AmariField
from sampling import expectations, group_means, z_scores

DT, DURATION, FACTOR = 0.05, 3000.0, 1.02
RIGHT = {
    "coupling": 0.8,
    "shift": 0.8,
    "kernel_width": 0.7,
    "n_site": 16,
    "length": 6.0,
    "noise_correlation_length": 0.5,
}
SEEN, BLIND = True, False
EPR, PATH, VARIANCE, STRUCTURE, INFORMATION = OBSERVABLES = (
    "entropy_production_rate",
    "entropy_production_rate_path",
    "site_variance",
    "structure_factor",
    "mutual_information",
)


@dataclasses.dataclass(frozen=True)
class WrongDrift(AmariField):
    @cached_property
    def modes(self):
        right = super().modes
        return right._replace(decay=FACTOR * right.decay, rotation=FACTOR * right.rotation)


@dataclasses.dataclass(frozen=True)
class WrongDiffusion(AmariField):
    @cached_property
    def modes(self):
        right = super().modes
        return right._replace(diffusion=FACTOR * right.diffusion)


def wrong_step(*, decay=1.0, rotation=1.0, clock=1.0):
    """A model whose stepper alone is wrong."""

    class Wrong(AmariField):
        def stepper(self, dt):
            advance, (keep, turn, partner, kick) = super().stepper(clock * dt)
            size, angle = np.hypot(keep, turn) ** decay, np.arctan2(turn, keep) * rotation
            return Stepper(advance, (size * np.cos(angle), size * np.sin(angle), partner, kick))

    return Wrong(**RIGHT)


# mutation: (model that simulates and estimates, what each observable sees, why it is blind where it is)
MUTATIONS = {
    "drift x 1.02": (
        lambda: WrongDrift(**RIGHT),
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "all of S is divided by 1.02, and mutual information does not depend on scale",
    ),
    "coupling x 1.02": (
        lambda: AmariField(**{**RIGHT, "coupling": FACTOR * RIGHT["coupling"]}),
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: SEEN},
        "",
    ),
    "diffusion x 1.02": (
        lambda: WrongDiffusion(**RIGHT),
        {EPR: BLIND, PATH: BLIND, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "entropy production and information of a homogeneous field do not depend on the noise's strength",
    ),
    "decay in the simulator x 1.02": (
        lambda: wrong_step(decay=FACTOR),
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "S is divided by 1.02 up to a relative .02 gamma dt, which differs between modes by less than 1e-3",
    ),
    "rotation in the simulator x 1.02": (
        lambda: wrong_step(rotation=FACTOR),
        {EPR: BLIND, PATH: SEEN, VARIANCE: BLIND, STRUCTURE: BLIND, INFORMATION: BLIND},
        "a turn of each pair leaves its stationary law alone; only the path sees the current",
    ),
    "time step in the simulator x 1.02": (
        lambda: wrong_step(clock=FACTOR),
        {EPR: BLIND, PATH: SEEN, VARIANCE: BLIND, STRUCTURE: BLIND, INFORMATION: BLIND},
        "an exact step keeps the stationary law for any dt; only the path is divided by the wrong time",
    ),
}


def p_values(model, key):
    """Smallest two-sided p by observable, times the number of scores, against the right model's expectations."""
    scores = z_scores(
        model, expectations(AmariField(**RIGHT), DT), group_means(model, dt=DT, duration=DURATION, key=key), DT
    )
    return {name: min(1.0, 2 * stats.t(15).sf(np.abs(z).max()) * len(z)) for name, z in scores.items()}


@pytest.fixture(scope="module")
def measured():
    return {name: p_values(make(), key=77 + i) for i, (name, (make, _, _)) in enumerate(MUTATIONS.items())}


def test_without_mutation_nothing_is_seen():
    assert min(p_values(AmariField(**RIGHT), key=76).values()) > 1e-3


@pytest.mark.parametrize("observable", OBSERVABLES)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_table_of_mutations(measured, mutation, observable):
    _, table, reason = MUTATIONS[mutation]
    if table[observable] is SEEN:
        assert measured[mutation][observable] < 1e-3
    else:
        assert measured[mutation][observable] > 1e-3, reason


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_is_seen_by_some_observable(mutation):
    _, table, _ = MUTATIONS[mutation]
    assert any(table.values())
