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
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.observables import OBSERVABLES
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
EPR, PATH, VARIANCE, INFORMATION = (
    "entropy_production_rate",
    "entropy_production_rate_path",
    "site_variance",
    "mutual_information",
)
STRUCTURE, PER_MODE = "structure_factor", "entropy_production_per_mode"
FLOW, FIRST, SECOND, TRANSFER, BACK = (
    "information_flow",
    "entropy_production_rate_first",
    "entropy_production_rate_second",
    "transfer_entropy_rate",
    "transfer_entropy_rate_back",
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
RING = {
    "drift x 1.02": (
        lambda: WrongDrift(**RIGHT),
        {EPR: SEEN, PER_MODE: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "all of S is divided by 1.02, and mutual information does not depend on scale",
    ),
    "coupling x 1.02": (
        lambda: AmariField(**{**RIGHT, "coupling": FACTOR * RIGHT["coupling"]}),
        {EPR: SEEN, PER_MODE: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: SEEN},
        "",
    ),
    "diffusion x 1.02": (
        lambda: WrongDiffusion(**RIGHT),
        {EPR: BLIND, PER_MODE: BLIND, PATH: BLIND, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "entropy production and information of a homogeneous field do not depend on the noise's strength",
    ),
    "decay in the simulator x 1.02": (
        lambda: wrong_step(decay=FACTOR),
        {EPR: SEEN, PER_MODE: SEEN, PATH: SEEN, VARIANCE: SEEN, STRUCTURE: SEEN, INFORMATION: BLIND},
        "too small: S is divided by 1.02 up to a relative .02 gamma dt, which differs between modes by 1e-3",
    ),
    "rotation in the simulator x 1.02": (
        lambda: wrong_step(rotation=FACTOR),
        {EPR: BLIND, PER_MODE: BLIND, PATH: SEEN, VARIANCE: BLIND, STRUCTURE: BLIND, INFORMATION: BLIND},
        "a turn of each pair leaves its stationary law alone; only the path sees the current",
    ),
    "time step in the simulator x 1.02": (
        lambda: wrong_step(clock=FACTOR),
        {EPR: BLIND, PER_MODE: BLIND, PATH: SEEN, VARIANCE: BLIND, STRUCTURE: BLIND, INFORMATION: BLIND},
        "an exact step keeps the stationary law for any dt; only the path is divided by the wrong time",
    ),
}


@dataclasses.dataclass(frozen=True)
class WrongDriftOfTwo(ExcitatoryInhibitoryField):
    @cached_property
    def block_drift(self):
        return FACTOR * super().block_drift


@dataclasses.dataclass(frozen=True)
class WrongDiffusionOfTwo(ExcitatoryInhibitoryField):
    @cached_property
    def block_diffusion(self):
        return FACTOR * super().block_diffusion


@dataclasses.dataclass(frozen=True)
class WrongClockOfTwo(ExcitatoryInhibitoryField):
    def stepper(self, dt):
        return super().stepper(FACTOR * dt)


@dataclasses.dataclass(frozen=True)
class WrongCouplingInTheSimulator(ExcitatoryInhibitoryField):
    """The step alone believes in a stronger excitatory gain."""

    def stepper(self, dt):
        gain = FACTOR * self.excitatory_gain
        return ExcitatoryInhibitoryField(excitatory_gain=gain).stepper(dt)


FITTED = (FLOW, FIRST, SECOND, TRANSFER, BACK)
ALL_FITTED_SEEN, ALL_FITTED_BLIND = dict.fromkeys(FITTED, SEEN), dict.fromkeys(FITTED, BLIND)
TWO_POPULATIONS = {
    "drift x 1.02": (
        WrongDriftOfTwo,
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, INFORMATION: BLIND, **ALL_FITTED_SEEN},
        "all of S is divided by 1.02, and mutual information does not depend on scale",
    ),
    "coupling x 1.02": (
        lambda: ExcitatoryInhibitoryField(excitatory_gain=FACTOR),
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, INFORMATION: SEEN, **ALL_FITTED_SEEN, BACK: BLIND},
        "what inhibition transfers to excitation contains the inhibitory gain and no other",
    ),
    "diffusion x 1.02": (
        WrongDiffusionOfTwo,
        {EPR: BLIND, PATH: BLIND, VARIANCE: SEEN, INFORMATION: BLIND, **ALL_FITTED_BLIND},
        "a common factor of all noise drops out of everything but the variance",
    ),
    "coupling in the simulator x 1.02": (
        WrongCouplingInTheSimulator,
        {EPR: SEEN, PATH: SEEN, VARIANCE: SEEN, INFORMATION: SEEN, **ALL_FITTED_SEEN, BACK: BLIND},
        "what inhibition transfers to excitation contains the inhibitory gain and no other",
    ),
    "time step in the simulator x 1.02": (
        WrongClockOfTwo,
        {EPR: BLIND, PATH: SEEN, VARIANCE: BLIND, INFORMATION: BLIND, **ALL_FITTED_SEEN},
        "an exact step keeps the stationary law for any dt; rates that are fitted to it are seen, all too large",
    ),
}
RIGHT_MODELS = {"ring": lambda: AmariField(**RIGHT), "two populations": ExcitatoryInhibitoryField}
TABLES = {"ring": RING, "two populations": TWO_POPULATIONS}
CASES = [(family, mutation) for family, table in TABLES.items() for mutation in table]


def p_values(family, model, key):
    """Smallest two-sided p by observable, times the number of scores, against the right model's expectations."""
    expected = expectations(RIGHT_MODELS[family](), DT)
    scores = z_scores(model, expected, group_means(model, dt=DT, duration=DURATION, key=key), DT)
    finite = {name: z[np.isfinite(z)] for name, z in scores.items()}  # a mode without phase produces exactly nothing
    return {name: min(1.0, 2 * stats.t(15).sf(np.abs(z).max()) * len(z)) for name, z in finite.items()}


@pytest.fixture(scope="module")
def measured():
    return {case: p_values(case[0], TABLES[case[0]][case[1]][0](), key=77 + i) for i, case in enumerate(CASES)}


@pytest.mark.parametrize("family", TABLES)
def test_without_mutation_nothing_is_seen(family):
    assert min(p_values(family, RIGHT_MODELS[family](), key=76).values()) > 1e-3


@pytest.mark.parametrize("family", TABLES)
def test_the_table_names_every_observable_of_the_model(family):
    model = type(RIGHT_MODELS[family]())
    defined = {name for name, observable in OBSERVABLES.items() if observable.defined_for(model)}
    for _, table, _ in TABLES[family].values():
        assert table.keys() == defined


@pytest.mark.parametrize(
    ("family", "mutation", "observable"), [(*case, name) for case in CASES for name in TABLES[case[0]][case[1]][1]]
)
def test_table_of_mutations(measured, family, mutation, observable):
    _, table, reason = TABLES[family][mutation]
    if table[observable] is SEEN:
        assert measured[family, mutation][observable] < 1e-3
    else:
        assert measured[family, mutation][observable] > 1e-3, reason


@pytest.mark.parametrize(("family", "mutation"), CASES)
def test_every_mutation_is_seen_by_some_observable(measured, family, mutation):
    assert min(measured[family, mutation].values()) < 1e-3
