"""What observables must make of a mistake of 2 % in models that are simulated at their sites; FAMILIES holds all tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

from mutations import (
    BLIND,
    BOUND,
    EPR,
    FACTOR,
    FIRST,
    FIRST_FLOW,
    INFORMATION,
    JOINT,
    MARGINAL,
    ODD,
    RATES,
    RELATIVE,
    RELAXING,
    RING,
    SEEN,
    SIDES,
    TRANSFERS,
    TWO_POPULATIONS,
    VARIANCE,
    Family,
    Mutation,
    all_but,
)
from nessmap.models.coloured_field import ColouredField
from nessmap.models.heterogeneous_field import HeterogeneousField

# --- a heterogeneous field with white noise

UNEVEN = {
    "n_site": 6,
    "length": 6.0,
    "kernel": "difference_of_gaussians",
    "kernel_width": 1.2,
    "inhibition_width": 2.4,
    "inhibition": 1.0,
    "coupling": 3.0,
    "shift": 0.9,
    "noise_heterogeneity": 0.9,
}
OF_SITES = (*RATES, VARIANCE, RELATIVE, INFORMATION, *SIDES, *TRANSFERS)


def uneven(**changes: float) -> HeterogeneousField:
    return HeterogeneousField(**{**UNEVEN, **changes})  # type: ignore[arg-type]


def uneven_step(*, clock: float = 1.0, **changes: float) -> Callable[[], HeterogeneousField]:
    """A field whose step alone is wrong."""

    class Wrong(HeterogeneousField):
        def stepper(self, dt):
            return uneven(**changes).stepper(clock * dt)

    return lambda: Wrong(**UNEVEN)


@dataclasses.dataclass(frozen=True)
class WrongDriftOfSites(HeterogeneousField):
    @cached_property
    def linear_drift(self):
        return FACTOR * super().linear_drift


HETEROGENEOUS = Family(
    uneven,
    OF_SITES,
    {
        "drift x 1.02": Mutation(
            lambda: WrongDriftOfSites(**UNEVEN),
            all_but(OF_SITES, BLIND=(INFORMATION,)),
            "all of S is divided by 1.02, and mutual information does not depend on scale",
        ),
        "coupling x 1.02": Mutation(lambda: uneven(coupling=FACTOR * 3.0), all_but(OF_SITES)),
        "noise strength x 1.02": Mutation(
            lambda: uneven(noise_strength=FACTOR * 0.1),
            {**dict.fromkeys(OF_SITES, BLIND), VARIANCE: SEEN},
            "a common factor of all noise drops out of everything but the variance",
        ),
        "noise heterogeneity x 1.02": Mutation(
            lambda: uneven(noise_heterogeneity=FACTOR * 0.9),
            all_but(OF_SITES, BLIND=(VARIANCE,), SMALL=(BOUND, FIRST, FIRST_FLOW)),
            "the drift is homogeneous, so the mean variance depends on the mean noise, which a cosine leaves alone",
        ),
        "time step in the simulator x 1.02": Mutation(
            uneven_step(clock=FACTOR),
            all_but(OF_SITES, BLIND=(EPR, VARIANCE, RELATIVE, INFORMATION)),
            "an exact step keeps the stationary law for any dt; what is per unit of time is divided by the wrong time",
        ),
        "coupling in the simulator x 1.02": Mutation(uneven_step(coupling=FACTOR * 3.0), all_but(OF_SITES)),
    },
    duration=18000.0,
)

# --- coloured noise, without and with white noise beside it

MEMORY = {
    "n_site": 6,
    "length": 6.0,
    "kernel": "difference_of_gaussians",
    "kernel_width": 1.2,
    "inhibition_width": 2.4,
    "inhibition": 1.0,
    "coupling": 3.5,
    "shift": 1.0,
    "correlation_time": 0.5,
}
OF_MEMORY = (VARIANCE, INFORMATION, ODD, MARGINAL)
OF_BOTH_NOISES = (VARIANCE, INFORMATION, JOINT)


def remembered(**changes: float) -> ColouredField:
    return ColouredField(**{**MEMORY, **changes})  # type: ignore[arg-type]


def both_noises(**changes: float) -> ColouredField:
    return remembered(**{"intrinsic_noise": 0.05, **changes})


@dataclasses.dataclass(frozen=True)
class WrongClockOfMemory(ColouredField):
    def stepper(self, dt):
        return super().stepper(FACTOR * dt)


COLOURED = Family(
    remembered,
    OF_MEMORY,
    {
        "coupling x 1.02": Mutation(lambda: remembered(coupling=FACTOR * 3.5), all_but(OF_MEMORY)),
        "correlation time x 1.02": Mutation(
            lambda: remembered(correlation_time=FACTOR * 0.5),
            all_but(OF_MEMORY, BLIND=(ODD, MARGINAL), SMALL=(INFORMATION,)),
            "a common filter cancels: u less tc^2 times its second derivative has the correlations of the white field",
        ),
        "noise strength x 1.02": Mutation(
            lambda: remembered(noise_strength=FACTOR * 0.1),
            {**dict.fromkeys(OF_MEMORY, BLIND), VARIANCE: SEEN},
            "entropy production and information do not depend on the scale of all noise",
        ),
        "time step in the simulator x 1.02": Mutation(
            lambda: WrongClockOfMemory(**MEMORY),
            all_but(OF_MEMORY, BLIND=(VARIANCE, INFORMATION, ODD)),
            "an exact step keeps the stationary law for any dt; the path sum alone divides by the wrong time",
        ),
    },
    duration=12000.0,
)
TWO_NOISES = Family(
    both_noises,
    OF_BOTH_NOISES,
    {
        "coupling x 1.02": Mutation(lambda: both_noises(coupling=FACTOR * 3.5), all_but(OF_BOTH_NOISES)),
        "white noise x 1.02": Mutation(
            lambda: both_noises(intrinsic_noise=FACTOR * 0.05), all_but(OF_BOTH_NOISES, SMALL=(INFORMATION,))
        ),
        "both noises x 1.02": Mutation(
            lambda: both_noises(intrinsic_noise=FACTOR * 0.05, noise_strength=FACTOR * 0.1),
            {**dict.fromkeys(OF_BOTH_NOISES, BLIND), VARIANCE: SEEN},
            "entropy production and information do not depend on the scale of all noise",
        ),
        "correlation time x 1.02": Mutation(
            lambda: both_noises(correlation_time=FACTOR * 0.5),
            all_but(OF_BOTH_NOISES, SMALL=(VARIANCE, INFORMATION)),
        ),
    },
    duration=6000.0,
)

FAMILIES = {
    "ring": RING,
    "two populations": TWO_POPULATIONS,
    "heterogeneous field": HETEROGENEOUS,
    "coloured noise": COLOURED,
    "coloured and white noise": TWO_NOISES,
    "relaxing ring": RELAXING,
}
