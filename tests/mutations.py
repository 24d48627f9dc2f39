"""What each observable must make of a mistake of 2 %: one table per kind of run, with the physical reason of every blindness.

Mistakes in the model (drift, coupling, diffusion) reach simulator and estimator alike and are held against the theory of the
right model; mistakes in the simulator alone (decay, rotation, time step) leave model and estimator right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nessmap.model import Model, Start, Stepper
from nessmap.models.amari_field import AmariField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField

FACTOR = 1.02


class Sight(Enum):
    """What an observable makes of a mutation."""

    SEEN = "its exact mean changes, by several standard errors of the run"
    SMALL = "its exact mean changes, by less than this run can tell"
    BLIND = "its exact mean does not change at all"


SEEN, SMALL, BLIND = Sight.SEEN, Sight.SMALL, Sight.BLIND


class Mutation(NamedTuple):
    """The model that simulates and estimates, what each observable sees, why those are blind that are."""

    model: Callable[[], Model]
    sight: dict[str, Sight]
    reason: str = ""
    start: Start | None = None


class Family(NamedTuple):
    """A right model and run, and what may go wrong with it."""

    right: Callable[[], Model]
    observables: tuple[str, ...]
    mutations: dict[str, Mutation]
    duration: float = 3000.0
    kind: str = "stationary"
    start: Start | None = None
    n_lane: int = 128


EPR, PATH, FITTED, BOUND = (
    "entropy_production_rate",
    "entropy_production_rate_path",
    "entropy_production_rate_fitted",
    "entropy_production_bound",
)
PER_MODE, VARIANCE, STRUCTURE, SPECTRUM = (
    "entropy_production_per_mode",
    "site_variance",
    "structure_factor",
    "power_spectrum",
)
RELATIVE, INFORMATION = "entropy_relative_to_uncoupled", "mutual_information"
FLOW, FIRST, SECOND = "information_flow", "entropy_production_rate_first", "entropy_production_rate_second"
FIRST_FLOW, SECOND_FLOW = "entropy_flow_first", "entropy_flow_second"
TRANSFER, BACK = "transfer_entropy_rate", "transfer_entropy_rate_back"
JOINT, ODD, MARGINAL = (f"entropy_production_rate_{which}" for which in ("joint", "odd_velocity", "marginal"))
PRODUCTION, TO_RESERVOIR = "transient_entropy_production_rate", "transient_entropy_flow"
HOUSEKEEPING, EXCESS = "housekeeping_entropy_production_rate", "excess_entropy_production_rate"
ENTROPY_RATE, ENTROPY, DIVERGENCE = "shannon_entropy_rate", "shannon_entropy", "divergence_from_stationarity"

RATES = (EPR, PATH, FITTED, BOUND)
SIDES = (FLOW, FIRST, SECOND, FIRST_FLOW, SECOND_FLOW)  # not defined where noise is common to both sides
TRANSFERS = (TRANSFER, BACK)
FITS = (FITTED, *SIDES, *TRANSFERS)


def all_but(observables: tuple[str, ...], **sights: tuple[str, ...]) -> dict[str, Sight]:
    """Every observable SEEN, but those that are listed."""
    exceptions = {name: Sight[sight] for sight, names in sights.items() for name in names}
    assert exceptions.keys() <= set(observables)
    return dict.fromkeys(observables, SEEN) | exceptions


# --- a ring that turns fast, so that a rotation off by 2 % shifts the peaks of its spectrum

TURNING = {
    "kernel": "difference_of_gaussians",
    "kernel_width": 1.2,
    "inhibition_width": 2.4,
    "inhibition": 1.0,
    "coupling": 6.0,
    "shift": 1.3,
    "n_site": 8,
    "length": 6.0,
    "noise_correlation_length": 0.5,
}


def ring(**changes: object) -> AmariField:
    return AmariField(**{**TURNING, **changes})  # type: ignore[arg-type]


def wrong_modes(*, decay: float = 1.0, rotation: float = 1.0, diffusion: float = 1.0) -> Callable[[], AmariField]:
    """A ring that is simulated and estimated with wrong rates."""

    @dataclasses.dataclass(frozen=True)
    class Wrong(AmariField):
        @cached_property
        def modes(self):
            right = super().modes
            return right._replace(
                decay=decay * right.decay, rotation=rotation * right.rotation, diffusion=diffusion * right.diffusion
            )

    return lambda: Wrong(**TURNING)


def wrong_step(*, decay: float = 1.0, rotation: float = 1.0, clock: float = 1.0) -> Callable[[], AmariField]:
    """A ring whose stepper alone is wrong."""

    class Wrong(AmariField):
        def stepper(self, dt):
            advance, (keep, turn, partner, kick), _ = super().stepper(clock * dt)
            size, angle = np.hypot(keep, turn) ** decay, np.arctan2(turn, keep) * rotation
            return Stepper(advance, (size * np.cos(angle), size * np.sin(angle), partner, kick))

    return lambda: Wrong(**TURNING)


OF_THE_RING = (*RATES, PER_MODE, VARIANCE, STRUCTURE, SPECTRUM, RELATIVE, INFORMATION, *TRANSFERS)
RING = Family(
    ring,
    OF_THE_RING,
    {
        "drift x 1.02": Mutation(
            wrong_modes(decay=FACTOR, rotation=FACTOR),
            all_but(OF_THE_RING, BLIND=(INFORMATION,)),
            "all of S is divided by 1.02, and mutual information does not depend on scale",
        ),
        "coupling x 1.02": Mutation(lambda: ring(coupling=FACTOR * TURNING["coupling"]), all_but(OF_THE_RING)),
        "diffusion x 1.02": Mutation(
            wrong_modes(diffusion=FACTOR),
            all_but(OF_THE_RING, BLIND=(*RATES, PER_MODE, RELATIVE, INFORMATION, *TRANSFERS)),
            "no rate or information depends on the units of u, and the uncoupled field has the same noise",
        ),
        "noise correlation length x 1.02": Mutation(
            lambda: ring(noise_correlation_length=FACTOR * 0.5),
            all_but(OF_THE_RING, BLIND=(*RATES, PER_MODE, RELATIVE), SMALL=TRANSFERS),
            "drift and diffusion of a homogeneous field commute: rates and h - h_0 = -(1/2) sum ln(gamma tau) hold no noise",
        ),
        "decay in the simulator x 1.02": Mutation(
            wrong_step(decay=FACTOR),
            all_but(OF_THE_RING, SMALL=(INFORMATION,)),
            "S is divided by 1.02 up to a relative .02 gamma dt, which differs between modes by 1e-3",
        ),
        "rotation in the simulator x 1.02": Mutation(
            wrong_step(rotation=FACTOR),
            all_but(OF_THE_RING, BLIND=(EPR, PER_MODE, VARIANCE, STRUCTURE, RELATIVE, INFORMATION), SMALL=(BOUND,)),
            "a turn of each pair leaves its stationary law alone, and the bound of fast turning tends to gamma",
        ),
        "time step in the simulator x 1.02": Mutation(
            wrong_step(clock=FACTOR),
            all_but(OF_THE_RING, BLIND=(EPR, PER_MODE, VARIANCE, STRUCTURE, RELATIVE, INFORMATION)),
            "an exact step keeps the stationary law for any dt; what is per unit of time is divided by the wrong time",
        ),
    },
    duration=6000.0,
)

# --- a relaxing ring

OF_RELAXATION = (PRODUCTION, TO_RESERVOIR, HOUSEKEEPING, EXCESS, ENTROPY_RATE, ENTROPY, DIVERGENCE)
START = Start(0.5, 0.1, 0.2)
RELAXING = Family(
    ring,
    OF_RELAXATION,
    {
        "drift x 1.02": Mutation(wrong_modes(decay=FACTOR, rotation=FACTOR), all_but(OF_RELAXATION)),
        "decay x 1.02": Mutation(wrong_modes(decay=FACTOR), all_but(OF_RELAXATION)),
        "rotation x 1.02": Mutation(
            wrong_modes(rotation=FACTOR),
            all_but(OF_RELAXATION, BLIND=(EXCESS, ENTROPY_RATE, ENTROPY, DIVERGENCE)),
            "how a homogeneous state relaxes is a matter of its decay; to turn costs housekeeping",
        ),
        "diffusion x 1.02": Mutation(wrong_modes(diffusion=FACTOR), all_but(OF_RELAXATION)),
        "variance of the start x 1.02": Mutation(
            ring, all_but(OF_RELAXATION), start=START._replace(variance=FACTOR * 0.5)
        ),
        "time step in the simulator x 1.02": Mutation(
            wrong_step(clock=FACTOR), all_but(OF_RELAXATION, SMALL=(PRODUCTION, TO_RESERVOIR, HOUSEKEEPING))
        ),
        "rotation in the simulator x 1.02": Mutation(
            wrong_step(rotation=FACTOR),
            dict.fromkeys(OF_RELAXATION, BLIND),
            "the balance holds variances and squares of means, which a turn of each pair leaves alone",
        ),
    },
    duration=4.0,
    kind="transient",
    start=START,
    n_lane=131072,
)

# --- two populations


def populations(**changes: float) -> ExcitatoryInhibitoryField:
    return ExcitatoryInhibitoryField(**{"n_site": 8, "length": 4.0, **changes})  # type: ignore[arg-type]


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
class WrongGainInTheStep(ExcitatoryInhibitoryField):
    """The step alone believes in a stronger excitatory gain."""

    def stepper(self, dt):
        return populations(excitatory_gain=FACTOR * self.excitatory_gain).stepper(dt)


OF_TWO = (*RATES, VARIANCE, RELATIVE, INFORMATION, *SIDES, *TRANSFERS)
ONE_WAY = "what inhibition transfers to excitation contains the inhibitory gain and no other"
SMALL_TWO = {"n_site": 8, "length": 4.0}
TWO_POPULATIONS = Family(
    populations,
    OF_TWO,
    {
        "drift x 1.02": Mutation(
            lambda: WrongDriftOfTwo(**SMALL_TWO),
            all_but(OF_TWO, BLIND=(INFORMATION,)),
            "all of S is divided by 1.02, and mutual information does not depend on scale",
        ),
        "excitatory gain x 1.02": Mutation(
            lambda: populations(excitatory_gain=FACTOR), all_but(OF_TWO, BLIND=(BACK,)), ONE_WAY
        ),
        "diffusion x 1.02": Mutation(
            lambda: WrongDiffusionOfTwo(**SMALL_TWO),
            {**dict.fromkeys(OF_TWO, BLIND), VARIANCE: SEEN},
            "a common factor of all noise drops out of everything but the variance",
        ),
        "excitatory gain in the simulator x 1.02": Mutation(
            lambda: WrongGainInTheStep(**SMALL_TWO), all_but(OF_TWO, BLIND=(BACK,)), ONE_WAY
        ),
        "time step in the simulator x 1.02": Mutation(
            lambda: WrongClockOfTwo(**SMALL_TWO),
            all_but(OF_TWO, BLIND=(EPR, VARIANCE, RELATIVE, INFORMATION)),
            "an exact step keeps the stationary law for any dt; rates that are fitted to it are all too large",
        ),
    },
    duration=12000.0,
)
