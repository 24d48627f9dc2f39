"""What optimal transport makes a relaxation pay at least: a bound on the entropy produced, and how close it is.

Benamou & Brenier, Numer. Math. 84, 375 (2000); Aurell et al., J. Stat. Phys. 147, 487 (2012); docs/theory.md, "Bounds".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Prediction, Run
from nessmap.models.brownian_particle import BrownianParticle, path_laws
from nessmap.observables.heat import RESOLVED, EntropyProduced, SinceStart, covariance_of, path_moments, with_mean
from nessmap.theory import driven_particle_entropy


class TransportBound(SinceStart):
    """gamma W_2^2/(T t), W_2 the distance of the laws of the position now and at the start: entropy that any way costs."""

    name: ClassVar[str] = "transport_bound"
    long_name: ClassVar[str] = "transport bound on the entropy produced"
    symbol: ClassVar[str] = r"\Sigma_\mathrm{min}"
    units: ClassVar[str] = "k_B"
    source: ClassVar[str] = 'docs/theory.md, "Bounds"; Aurell et al., J. Stat. Phys. 147, 487 (2012)'

    def why_undefined(self, model: BrownianParticle, run: Run) -> str:
        if not model.underdamped:
            return ""
        return "inertia carries an underdamped particle through phase space free of charge; set dynamics: overdamped"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        found = path_moments(model, means)
        return self._bound(model, run, found.state[..., 0], covariance_of(found, means, run)[..., 0, 0])

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        ends = [law.end for law in path_laws(model, run)]
        mean, variance = np.array([(state.mean[0], state.covariance[0, 0]) for state in ends]).T
        return self._bound(model, run, mean, variance)

    def _bound(self, model: BrownianParticle, run: Run, mean: Array, variance: Array) -> Array:
        """From mean displacement and variance (..., n_time); nothing has moved anywhere at time 0."""
        if self.why_undefined(model, run):
            return np.full(mean.shape, np.nan)
        time = np.where(run.times > 0, run.times, np.nan)
        shift = mean - mean[..., :1] + model.trap_velocity * run.times
        return driven_particle_entropy.transport_bound(model.particle, shift, variance[..., :1], variance, time)

    def expected(self, model: BrownianParticle, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        if self.why_undefined(model, run):
            return None
        return with_mean(self.theory(model, run, predictions), self._resolved(model, run))

    def _resolved(self, model: BrownianParticle, run: Run) -> NDArray[np.bool_]:
        """Where the bound is more than what the mean of n lanes makes of it by diffusing: 2 D t/n, a bound of 2/n."""
        bound = TransportBound.exact(self, model, run)
        return np.asarray(np.nan_to_num(bound) * run.n_replica / 2 > RESOLVED)


class TransportRatio(TransportBound):
    """The bound over the entropy produced, 1 at most: how much of what relaxation costs any way would cost."""

    name: ClassVar[str] = "transport_ratio"
    long_name: ClassVar[str] = "transport bound over entropy produced"
    symbol: ClassVar[str] = r"\Sigma_\mathrm{min}/\Sigma"
    units: ClassVar[str] = "1"

    def finalize(self, model: BrownianParticle, run: Run, means: Mapping[str, Array]) -> Array:
        ratio = _ratio(super().finalize(model, run, means), EntropyProduced().finalize(model, run, means))
        return np.where(self._resolved(model, run), ratio, np.nan)  # one noise over another is no number

    def exact(self, model: BrownianParticle, run: Run) -> Array:
        return _ratio(super().exact(model, run), EntropyProduced().exact(model, run))


def _ratio(bound: Array, produced: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(bound / np.where(produced > 0, produced, np.nan))
