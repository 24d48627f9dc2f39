"""Work, heat and entropy of a Brownian particle: rates of its steady state, and what has gathered since the start.

Work and heat are sums along every path, so that the first law holds for each; the velocity is odd under time reversal.
docs/theory.md, "A driven particle".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Prediction, Run
from nessmap.models.brownian_particle import SOURCE, BrownianParticle, path_laws
from nessmap.observables.observable import Observable
from nessmap.observables.relaxation import TIME
from nessmap.statistics.particle import ParticlePath, PathMoments
from nessmap.theory import driven_particle, driven_particle_entropy
from nessmap.theory.brownian import EntropyRates
from nessmap.theory.driven_particle import PathLaw

RESOLVED = 50.0  # a quadratic estimate over its own noise, from which on its error is calibrated


class _Rate(Observable[BrownianParticle]):
    """A rate of the steady state, averaged over the cycles of the force."""

    model_class: ClassVar[type] = BrownianParticle
    units: ClassVar[str] = "energy / time"
    needs: ClassVar[tuple[str, ...]] = ("particle_rates",)


class WorkRate(_Rate):
    """Work done by the forces and by the trap's motion, along the path."""

    name: ClassVar[str] = "work_rate"
    long_name: ClassVar[str] = "power"
    symbol: ClassVar[str] = r"\dot W"
    source: ClassVar[str] = f"sum along the path; {SOURCE}"
    signed: ClassVar[bool] = True

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["particle_rates"][..., 0] / run.dt)

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(float(_whole_run(model, run).work.mean) / _duration(run), "exact", "mean over this run")


class HeatRate(WorkRate):
    """Heat into the bath, along the path: work less the change of the energy."""

    name: ClassVar[str] = "heat_rate"
    long_name: ClassVar[str] = "heat current"
    symbol: ClassVar[str] = r"\dot Q"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["particle_rates"][..., 1] / run.dt)

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        heat = driven_particle_entropy.balance(model.particle, _whole_run(model, run)).heat
        return Prediction(float(heat) / _duration(run), "exact", "mean over this run")


class ParticleEntropyProductionRate(_Rate):
    """Mean over states of the entropy that they give to the bath; of a velocity gamma <v^2>/T - gamma/m, the velocity odd.

    An even velocity would make it 0 for a free particle: v alone has detailed balance about its drift.
    """

    name: ClassVar[str] = "particle_entropy_production_rate"
    long_name: ClassVar[str] = "entropy production rate, velocity odd"
    symbol: ClassVar[str] = r"\dot\Sigma"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = f"local mean; {SOURCE}"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return means["particle_rates"][..., 2]

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(model.mean_entropy_flow(run), "exact", "mean over the steps of this run")


def _duration(run: Run) -> float:
    return run.n_step * run.dt


def _whole_run(model: BrownianParticle, run: Run) -> PathLaw:
    """Of a stationary run, from its start to its end."""
    return driven_particle.path_law(model.particle, model.steady.at(0.0), _duration(run))


class SinceStart(Observable[BrownianParticle]):
    """What has happened since the start, at the kept times."""

    model_class: ClassVar[type] = BrownianParticle
    protocol: ClassVar[str] = "transient"
    source: ClassVar[str] = SOURCE
    needs: ClassVar[tuple[str, ...]] = ("particle_path",)
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"time": TIME}

    def coordinates(self, model: BrownianParticle, run: Run) -> tuple[Array, ...]:
        return (run.times,)

    def theory(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        return Prediction(self.exact(model, run), "exact", self.source)

    @abstractmethod
    def exact(self, model: BrownianParticle, run: Run) -> Array:
        """The value (n_time,)."""


def with_mean(prediction: Prediction | None, resolved: NDArray[np.bool_]) -> Prediction | None:
    """The prediction where an estimate is resolved; elsewhere its error would not be calibrated, and there is no z-score."""
    return prediction and prediction._replace(value=np.where(resolved, prediction.value, np.nan))


def path_moments(model: BrownianParticle, means: Mapping[str, Array]) -> PathMoments:
    """What the paths sum up to at the kept times."""
    return ParticlePath.unpacked(means["particle_path"], model)


def covariance_of(found: PathMoments, means: Mapping[str, Array], run: Run) -> Array:
    """Unbiased covariance (..., n_time, n, n) of the state."""
    central = found.products - found.state[..., :, None] * found.state[..., None, :]
    return np.asarray(_unbiased(means, run)[..., None, None, None] * central)


def _unbiased(means: Mapping[str, Array], run: Run) -> Array:
    n_lane = means["share"] * run.n_replica
    return np.asarray(n_lane / (n_lane - 1))


class Work(SinceStart):
    """Mean work since the start."""

    name: ClassVar[str] = "work"
    long_name: ClassVar[str] = "work since the start"
    symbol: ClassVar[str] = r"\langle W\rangle"
    units: ClassVar[str] = "energy"
    signed: ClassVar[bool] = True

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return path_moments(model, means).work

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return np.array([law.work.mean for law in path_laws(model, run)])


class WorkVariance(SinceStart):
    """Variance of the work over paths; twice T times its mean for a particle dragged from equilibrium."""

    name: ClassVar[str] = "work_variance"
    long_name: ClassVar[str] = "variance of the work"
    symbol: ClassVar[str] = r"\mathrm{Var}\,W"
    units: ClassVar[str] = "energy^2"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        found = path_moments(model, means)
        return np.asarray(_unbiased(means, run)[..., None] * (found.squared_work - found.work**2))

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return np.array([law.work.variance for law in path_laws(model, run)])


class Heat(SinceStart):
    """Mean heat into the bath since the start, summed along paths."""

    name: ClassVar[str] = "heat"
    long_name: ClassVar[str] = "heat since the start"
    symbol: ClassVar[str] = r"\langle Q\rangle"
    units: ClassVar[str] = "energy"
    signed: ClassVar[bool] = True

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return path_moments(model, means).heat

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return np.array([driven_particle_entropy.balance(model.particle, law).heat for law in path_laws(model, run)])


class FirstLawResidual(SinceStart):
    """Root mean square over paths of work - heat - change of the energy: rounding, as long as the first law holds for each."""

    name: ClassVar[str] = "first_law_residual"
    long_name: ClassVar[str] = "residual of the first law"
    symbol: ClassVar[str] = r"|W - Q - \Delta E|"
    units: ClassVar[str] = "energy"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        return np.sqrt(path_moments(model, means).squared_residual)

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return np.zeros(len(run.times))


class EntropyProduced(SinceStart):
    """Entropy produced since the start: heat over temperature, and the gain of the particle's own entropy."""

    name: ClassVar[str] = "entropy_produced"
    long_name: ClassVar[str] = "entropy produced since the start"
    symbol: ClassVar[str] = r"\Sigma"
    units: ClassVar[str] = "k_B"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        found, bound = path_moments(model, means), model.particle.bound_coordinates
        own = covariance_of(found, means, run)[..., bound, :][..., bound]
        entropy = np.linalg.slogdet(own)[1] / 2
        return np.asarray(found.heat / model.temperature + entropy - entropy[..., :1])

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        laws = path_laws(model, run)
        return np.array([driven_particle_entropy.balance(model.particle, law).production for law in laws])


class _OfTheBalance(SinceStart):
    """A rate of the state at the kept times, from its mean and covariance."""

    units: ClassVar[str] = "k_B / time"
    term: ClassVar[str]

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        found = path_moments(model, means)
        return self._term(_rates(model, run, found.state, covariance_of(found, means, run)))

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        ends = [law.end for law in path_laws(model, run)]
        mean, covariance = (np.array(part) for part in zip(*ends, strict=True))
        return self._term(_rates(model, run, mean, covariance))

    def _term(self, rates: EntropyRates) -> Array:
        value: Array = getattr(rates, self.term)
        return value


def _rates(model: BrownianParticle, run: Run, mean: Array, covariance: Array) -> EntropyRates:
    return driven_particle_entropy.entropy_rates(model.particle, mean, covariance, model.frequency * run.times)


class TransientParticleEntropyProduction(_OfTheBalance):
    """Entropy production rate of the state at a time, the velocity odd, >= 0."""

    name: ClassVar[str] = "transient_particle_entropy_production_rate"
    long_name: ClassVar[str] = "entropy production rate, velocity odd"
    symbol: ClassVar[str] = r"\dot\Sigma"
    term: ClassVar[str] = "production"

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        # the square of a deviation from equilibrium, which a covariance of n lanes shows by rate/n without any
        rate = model.friction / model.mass if model.underdamped else model.stiffness / model.friction
        return with_mean(self.theory(model, run, predictions), self.exact(model, run) * run.n_replica > RESOLVED * rate)


class ParticleEntropyFlow(_OfTheBalance):
    """Mean heat current at a time over the temperature."""

    name: ClassVar[str] = "particle_entropy_flow"
    long_name: ClassVar[str] = "entropy flow into the bath"
    symbol: ClassVar[str] = r"\Phi"
    signed: ClassVar[bool] = True
    term: ClassVar[str] = "flow"


class ParticleEntropyRate(_OfTheBalance):
    """Rate of change of the particle's own entropy: production less flow."""

    name: ClassVar[str] = "particle_shannon_entropy_rate"
    long_name: ClassVar[str] = "rate of change of the particle's entropy"
    symbol: ClassVar[str] = r"\dot h"
    signed: ClassVar[bool] = True
    term: ClassVar[str] = "entropy_rate"
