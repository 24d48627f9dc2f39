"""Averages of exponentials along paths that are 1 by symmetry: the Jarzynski equality, the integral fluctuation theorem.

Rare paths carry them. Where theory knows that their mean square is infinite there is no number; where their skewness is too
large for the number of lanes there is a number and no z-score. docs/theory.md, "A driven particle".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Run
from nessmap.models.brownian_particle import SOURCE, BrownianParticle, path_laws
from nessmap.observables.heat import SinceStart, with_mean
from nessmap.theory import driven_particle, driven_particle_entropy
from nessmap.theory.trapped_particle import jarzynski_average

LANES_PER_SQUARED_SKEWNESS = 100.0  # then the mean of the lanes is normal to a few per cent


class JarzynskiAverage(SinceStart):
    """<e^(-W/T)>: 1 from equilibrium, whatever is done, as no drive here changes the free energy.

    e^(-<W>/T + Var W/(2 T^2)) from any other start.
    """

    name: ClassVar[str] = "jarzynski_average"
    long_name: ClassVar[str] = "Jarzynski average"
    symbol: ClassVar[str] = r"\langle e^{-W/T}\rangle"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = f"{SOURCE}; Jarzynski, PRL 78, 2690 (1997)"
    needs: ClassVar[tuple[str, ...]] = ("work_exponential",)

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return means["work_exponential"]

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        if model.starts_in_equilibrium:
            return np.ones(len(run.times))
        return np.array([jarzynski_average(law.work, model.temperature) for law in path_laws(model, run)])

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        variance = np.array([law.work.variance for law in path_laws(model, run)]) / model.temperature**2
        with np.errstate(over="ignore"):
            # of a log-normal variable
            skewness = (np.exp(variance) + 2) * np.sqrt(np.expm1(variance))
        resolved = LANES_PER_SQUARED_SKEWNESS * skewness**2 < run.n_replica
        return with_mean(self.theory(model, run, predictions), resolved)


class FluctuationTheoremAverage(SinceStart):
    """<e^(-Delta s)> = 1, Delta s = Q/T + ln p_0(z_0) - ln p_t(z_t); the laws at both ends are theory's."""

    name: ClassVar[str] = "fluctuation_theorem_average"
    long_name: ClassVar[str] = "average of the integral fluctuation theorem"
    symbol: ClassVar[str] = r"\langle e^{-\Delta s}\rangle"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = f"{SOURCE}; Seifert, PRL 95, 040602 (2005)"
    needs: ClassVar[tuple[str, ...]] = ("entropy_exponential",)

    def why_undefined(self, model: BrownianParticle, run: Run) -> str:
        for time in run.times[[1, -1]]:  # not of all times: a plan asks at every point
            law = driven_particle.path_law(model.particle, model.initial_law, float(time))
            if np.isfinite(driven_particle_entropy.entropy_moment(model.particle, law, 2.0)):
                return ""
        return "its mean square is infinite, so samples of it mean nothing; bring initial_temperature_ratio nearer to 1"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return np.where(np.isfinite(_moments(model, run)[0]), means["entropy_exponential"], np.nan)

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return np.ones(len(run.times))

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        second, third = _moments(model, run)
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = (third - 3 * second + 2) / (second - 1) ** 1.5
        resolved = np.isfinite(third) & (LANES_PER_SQUARED_SKEWNESS * skewness**2 < run.n_replica)
        return with_mean(self.theory(model, run, predictions), resolved)


@lru_cache(maxsize=8)
def _moments(model: BrownianParticle, run: Run) -> Array:
    """Second and third moment of e^(-Delta s) at the kept times, (2, n_time)."""
    laws = path_laws(model, run)
    return np.array(
        [[driven_particle_entropy.entropy_moment(model.particle, law, n) for law in laws] for n in (2.0, 3.0)]
    )
