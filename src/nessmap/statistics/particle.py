"""What a Brownian particle's paths sum up to: work and heat of steps, or of all that happened until the times that are kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np

from nessmap.model import N_TIME, Array, Block, Run
from nessmap.models.brownian_particle import BrownianParticle, log_densities
from nessmap.statistics.path_entropy import by_group
from nessmap.statistics.relaxation import kept_states
from nessmap.statistics.statistic import N_GROUP, Statistic


class ParticleRates(Statistic[BrownianParticle]):
    """Sums over steps of work [energy], heat [energy], and mean entropy flow at the state before [1/time], (3, 16)."""

    name: ClassVar[str] = "particle_rates"
    version: ClassVar[int] = 1

    def zero(self, model: BrownianParticle) -> Array:
        return np.zeros((3, N_GROUP))

    def accumulate(self, sums: Array, model: BrownianParticle, block: Block) -> None:
        n, n_step = model.n_state, len(block.x) - 1
        gained = block.x[-1, n : n + 2] - block.x[0, n : n + 2]
        sums[:2] += by_group(gained[:, None])
        time = (block.step + np.arange(n_step)) * block.run.dt
        flow = model.entropy_flow(np.moveaxis(block.x[:-1, :n], 1, 0), time[:, None])
        sums[2:] += by_group(flow[None])


class PathMoments(NamedTuple):
    """Averages over lanes: state (..., n_time, n), its products (..., n_time, n, n), the others (..., n_time)."""

    state: Array
    products: Array
    work: Array
    squared_work: Array
    heat: Array
    squared_residual: Array


class _AtKeptTimes(Statistic[BrownianParticle]):
    """Sums over lanes at each kept time, (n_time * n_row, 16)."""

    version: ClassVar[int] = 1

    @abstractmethod
    def n_row(self, model: BrownianParticle) -> int:
        """How many numbers of each lane."""

    @abstractmethod
    def rows(self, model: BrownianParticle, run: Run) -> Callable[[int, Array], Array]:
        """What makes the numbers (n_row, n_lane) of a time and lanes x (n_dim, n_lane)."""

    def zero(self, model: BrownianParticle) -> Array:
        return np.zeros((N_TIME * self.n_row(model), N_GROUP))

    def accumulate(self, sums: Array, model: BrownianParticle, block: Block) -> None:
        into, rows = sums.reshape(N_TIME, -1, N_GROUP), self.rows(model, block.run)
        for time, x in kept_states(block):
            into[time] += by_group(rows(time, x)[:, None])

    def n_term(self, run: Run) -> int:
        """One at each time."""
        return 1


class ParticlePath(_AtKeptTimes):
    """State, its products, work, its square, heat, and the square of what the first law leaves, all since the start."""

    name: ClassVar[str] = "particle_path"

    def n_row(self, model: BrownianParticle) -> int:
        return model.n_state + model.n_state**2 + 4

    def rows(self, model: BrownianParticle, run: Run) -> Callable[[int, Array], Array]:
        n, stiffness = model.n_state, model.particle.stiffnesses

        def made(time: int, x: Array) -> Array:
            state, work, heat, start = x[:n], x[n], x[n + 1], x[n + 2 :]
            residual = work - heat - stiffness @ (state**2 - start**2) / 2
            products = (state[:, None] * state).reshape(n * n, -1)
            return np.concatenate([state, products, [work, work**2, heat, residual**2]])

        return made

    @staticmethod
    def unpacked(means: Array, model: BrownianParticle) -> PathMoments:
        """The averages, from means (..., n_time * n_row)."""
        n = model.n_state
        rows = means.reshape(*means.shape[:-1], N_TIME, -1)
        products = rows[..., n : n + n**2].reshape(*rows.shape[:-1], n, n)
        return PathMoments(rows[..., :n], products, *np.moveaxis(rows[..., n + n**2 :], -1, 0))


class WorkExponential(_AtKeptTimes):
    """e^(-W/T), W the work since the start."""

    name: ClassVar[str] = "work_exponential"

    def n_row(self, model: BrownianParticle) -> int:
        return 1

    def rows(self, model: BrownianParticle, run: Run) -> Callable[[int, Array], Array]:
        n, bath = model.n_state, model.temperature
        return lambda time, x: _bounded_exponential(-x[n] / bath)[None]


class EntropyExponential(_AtKeptTimes):
    """e^(-Delta s), Delta s = Q/T + ln p_0(z_0) - ln p_t(z_t) since the start, the laws at both ends taken from theory."""

    name: ClassVar[str] = "entropy_exponential"

    def n_row(self, model: BrownianParticle) -> int:
        return 1

    def rows(self, model: BrownianParticle, run: Run) -> Callable[[int, Array], Array]:
        n, bath, density = model.n_state, model.temperature, log_densities(model, run)

        def made(time: int, x: Array) -> Array:
            produced = x[n + 1] / bath + density[0](x[n + 2 :]) - density[time](x[:n])
            return _bounded_exponential(-produced)[None]

        return made


def _bounded_exponential(values: Array) -> Array:
    """Where a mean square diverges, one lane in a billion must not make the sums of a whole point infinite."""
    return np.asarray(np.exp(np.minimum(values, 300.0)))
