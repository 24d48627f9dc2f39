"""What every nonlinear model shares: dx = f(x) dt + sqrt(2 D) dW is simulated, measured and linearised from f and D alone.

A subclass gives parameters, f, D and a partition; docs/examples has one of 25 lines. It gets stationary runs, both
estimators of the entropy production, all fitted observables, and as `approximate` theory the exact one of its linear response
about a fixed point. A model with a kernel of its own overrides the stepper and the two entropies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import Any, ClassVar

import numpy as np

from nessmap.model import Array, Parameter, Prediction, Run, Stability, Stepper
from nessmap.models.linear import LinearModel, noise_factor
from nessmap.models.moments import MomentModel
from nessmap.theory import discrete_steps, linear_response

INTERPRETATIONS = {"ito": 0.0, "stratonovich": 0.5, "anti_ito": 1.0}
# estimators of one and the same rate
RATES = (
    "entropy_production_rate",
    "entropy_production_rate_path",
    "entropy_production_rate_extrapolated",
    "entropy_production_rate_controlled",
    "entropy_production_rate_path_controlled",
    "entropy_production_rate_extrapolated_controlled",
)
_FIVE_POINTS, _TWO_POINTS = 2.0**-9, 2.0**-13  # steps of differences, of the scale: remainder and rounding below 1e-7


class Linearised(LinearModel):
    """The linear model of small deviations from a fixed point, given as A, D and a partition; it has no parameters."""

    name: ClassVar[str] = "linearised"
    version: ClassVar[int] = 1

    def __init__(self, drift: Array, diffusion: Array, partition: Mapping[str, Sequence[int]]) -> None:
        self._drift, self._diffusion, self._partition = drift, diffusion, partition

    @classmethod
    @cache
    def parameters(cls) -> Mapping[str, Parameter]:
        return {}

    @property
    def n_dim(self) -> int:
        return len(self._drift)

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        return self._partition

    @property
    def linear_drift(self) -> Array:
        return self._drift

    @property
    def linear_diffusion(self) -> Array:
        return self._diffusion


class LangevinModel(MomentModel):
    """A model with a smooth drift f(x) and constant noise, or with noise D_i(x_i) of each coordinate's own.

    diffusion(x, t) returns D (n_dim, n_dim); where `local_noise` is true, the strengths D_i (n_dim, ...) at x (n_dim, ...),
    and `interpretation` says at which point of a step they are taken. Stationary runs start from the linear model's law about
    the fixed point nearest to `guess` and are burnt in; a model whose fixed point is not stable has no such run.
    """

    kernel_file: ClassVar[str] = "langevin"
    integrator: ClassVar[str] = "heun"
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "local_mean": ("path_entropy",),
        "path_sum": ("path_entropy",),
        "site_variance": ("site_moments",),
    }
    local_noise: ClassVar[bool] = False
    scale: ClassVar[float] = 1.0  # distance over which f varies [x]
    interpretation: str = "stratonovich"

    @property
    def work_per_coordinate(self) -> float:
        """Steps in numpy, and entropies that cost a drift per coordinate."""
        return 140.0 + 14.0 * self.n_dim

    @property
    def guess(self) -> Array:
        """Where the search for a fixed point begins (n_field,) [x]."""
        return np.zeros(self.n_field)

    def check(self) -> None:
        super().check()
        if self.interpretation not in INTERPRETATIONS:
            raise self.error("interpretation", "one of " + ", ".join(INTERPRETATIONS), "change it")

    def probe(self) -> None:
        """Raise ValueError where drift or diffusion is not what a simulation takes it for: kept to what the contract says."""
        shape = (self.n_field, 3)
        apart = self.scale * np.linspace(-0.3, 0.4, self.n_field * 3).reshape(shape)
        states = self.guess[:, None] + apart
        given = states.copy()
        forces = [np.asarray(self.drift(given, t)) for t in (0.0, 1.0)]
        if not np.array_equal(given, states):
            raise ValueError("drift: writes into the state that it is given; return a new array")
        if forces[0].shape != shape:
            raise ValueError(f"drift: maps shape {shape} to {forces[0].shape}, expected the same shape")
        if not np.array_equal(forces[0], forces[1], equal_nan=True):
            raise ValueError(
                "drift: depends on the time, expected a drift of the state alone: a stationary run has no clock"
            )
        if not self.local_noise:
            noises = [np.asarray(self.diffusion(states[:, k], t)) for k, t in ((0, 0.0), (1, 0.0), (0, 1.0))]
            if not all(np.array_equal(noises[0], other) for other in noises[1:]):
                raise ValueError("diffusion: depends on state or time, expected a constant D; set local_noise = True")
            return
        shifted = states.copy()
        shifted[0] += 0.1 * self.scale
        before, after = (np.asarray(self.diffusion(x, 0.0)) for x in (states, shifted))
        if before.shape != shape:
            raise ValueError(f"diffusion: shape {before.shape}, expected {shape}: a strength for each coordinate")
        if not np.array_equal(before[1:], after[1:]):
            raise ValueError("diffusion: D_i depends on another coordinate than x_i, expected local noise")

    # --- linear response

    @cached_property
    def _response(self) -> linear_response.LinearisedSystem:
        """The linear system about the fixed point; ValueError where none was found."""

        drift, diffusion = (partial(function, t=0.0) for function in (self.drift, self.diffusion))
        return linear_response.linearise(drift, diffusion, self.guess, self.scale)

    @cached_property
    def fixed_point(self) -> Array:
        """x* (n_field,) with f(x*) = 0 [x]."""
        return self._response.state

    @cached_property
    def linearised(self) -> LinearModel:
        """The linear model of x - x*."""
        return Linearised(self._response.drift_matrix, self._response.diffusion_matrix, self.partition)

    def sided_system(self) -> tuple[Array, Array]:
        return self.linearised.linear_drift, self.linearised.linear_diffusion

    @cached_property
    def site_covariance(self) -> Array:
        """S (n_field, n_field) of the linear model in the coordinates that are simulated [x^2]."""
        return Linearised(*self.sided_system(), self.partition).stationary_covariance

    def stability(self) -> Stability:
        try:
            return self.linearised.stability()
        except linear_response.NoFixedPointError:
            return Stability(float("nan"), "no fixed point found; set guess or scale", float("nan"))

    @property
    def small_parameter(self) -> float:
        """What the linear drift leaves out, over the linear drift: root mean squares under the linear law [1]."""
        field, drift = partial(self.drift, t=0.0), self.sided_system()[0]
        return linear_response.neglected_share(field, self.fixed_point, drift, self.site_covariance)

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        asked = None if wanted is None else {RATES[0] if name in RATES else name for name in wanted}
        made = self.linearised.theory(asked)
        made |= {name: made[RATES[0]] for name in RATES if RATES[0] in made and (wanted is None or name in wanted)}
        return {
            name: Prediction(made[name].value, "approximate", f"linear response; {made[name].source}")
            for name in (made if wanted is None else made.keys() & set(wanted))
        }

    # --- the linear model as the integrator samples it

    @cached_property
    def circulating_force(self) -> Array:
        """Antisymmetric part of D^-1 A: what of the linear force is no gradient; exactly 0 where it is so to rounding."""
        force = self._inverse_noise @ self.sided_system()[0]
        antisymmetric = (force - force.T) / 2
        return np.where(np.abs(antisymmetric).max() <= 1e-12 * np.abs(force).max(), 0.0, antisymmetric)

    def linear_step(self, dt: float) -> tuple[Array, Array]:
        """P (n, n) and the noise (n, n) of a step x' = P x + z of the linear model; here by Heun; docs/theory.md (100)."""
        drift, noise = self.sided_system()
        reach, one = drift * dt, np.eye(len(drift))
        kick = one + reach / 2
        return one + reach + reach @ reach / 2, 2 * dt * (kick @ noise @ kick.T)

    def chain_means(self, run: Run) -> Array:
        """Means (3,) of local mean, path sum and extrapolated path sum of the linear model at this dt; docs/theory.md (100)."""
        step, noise = self.linear_step(run.dt)
        covariance = discrete_steps.stationary_covariance(step, noise)
        local = np.sum((self.circulating_force.T @ self.sided_system()[0]) * covariance)
        single, double = (np.sum(self.circulating_force * (power @ covariance)) for power in (step, step @ step))
        return np.array([local, single / run.dt, (2 * single - double / 2) / run.dt])

    def offsets(self, run: Run) -> Array:
        """By how much the three estimators of the entropy production miss the continuum at this dt, to linear order."""
        if self.why_no_entropy or not self.circulating_force.any():
            return np.zeros(3)
        continuum = np.sum((self.circulating_force.T @ self.sided_system()[0]) * self.site_covariance)
        return self.chain_means(run) - continuum

    # --- simulation

    def _slope_of_noise(self, x: Array) -> Array:
        """D_i'(x_i) (n_dim, ...) of local noise [x/time]."""
        step = _FIVE_POINTS * min(self.scale, 4 * float(np.sqrt(np.trace(self.site_covariance) / self.n_field)))
        near = self.diffusion(x + step, 0.0) - self.diffusion(x - step, 0.0)
        far = self.diffusion(x + 2 * step, 0.0) - self.diffusion(x - 2 * step, 0.0)
        return np.asarray((8 * near - far) / (12 * step))

    def stratonovich_drift(self, x: Array) -> Array:
        """The drift that Stratonovich noise needs in order to mean `interpretation`: f + (alpha - 1/2) D'."""
        drift = self.drift(x, 0.0)
        excess = INTERPRETATIONS[self.interpretation] - 0.5
        return drift + excess * self._slope_of_noise(x) if self.local_noise and excess else drift

    def stepper(self, dt: float) -> Stepper:
        from nessmap.kernels.langevin import advance  # late: planning a sweep must not load numba

        def local(x: Array, normals: Array) -> Array:
            return np.asarray(np.sqrt(2 * dt * self.diffusion(x, 0.0)) * normals)

        if self.local_noise:
            return Stepper(advance, (self.stratonovich_drift, local, dt))
        factor = noise_factor(2 * dt * self.diffusion(self.fixed_point, 0.0))
        return Stepper(advance, (self.stratonovich_drift, lambda x, normals: factor @ normals, dt))

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from the linear model's law about x*; the burn-in makes up for the rest."""
        return self.fixed_point[:, None] + noise_factor(self.linearised.stationary_covariance) @ normals

    @property
    def burn_in(self) -> float:
        """Twenty relaxation times of the linear model."""
        return -20 / self.stability().leading_rate

    # --- entropy

    @cached_property
    def _inverse_noise(self) -> Array:
        """D^-1 at x*."""
        return np.linalg.inv(self.sided_system()[1])

    @property
    def why_no_entropy(self) -> str:
        noise = self.diffusion(self.guess, 0.0)
        lowest = noise.min() if noise.ndim == 1 else np.linalg.eigvalsh(noise)[0]
        if lowest > 1e-12 * np.abs(noise).max():
            return ""
        return "a direction without noise has no reversed path; give every direction noise"

    @cached_property
    def _gradient(self) -> Array:
        """Symmetric part of D^-1 A at x*: the gradient of a quadratic function, and so no entropy in the mean."""
        force = self._inverse_noise @ self.sided_system()[0]
        return np.asarray((force + force.T) / 2)

    def force(self, x: Array) -> Array:
        """D^-1 f less gradients, (n, ...) to (n, ...) [1/x]: what does the same work on every stationary path, with less noise.

        Left out are the symmetric part of its linearisation and, of local noise, (alpha - 1) d ln D.
        """
        drift = self.drift(x, 0.0)
        pushed = (
            drift / self.diffusion(x, 0.0) if self.local_noise else np.tensordot(self._inverse_noise, drift, axes=1)
        )
        apart = x - self.fixed_point.reshape(-1, *(1,) * (x.ndim - 1))
        return np.asarray(pushed - np.tensordot(self._gradient, apart, axes=1))

    def path_entropy(self, x: Array) -> Array:
        """Entropy (n_step, n_lane) of the steps of x (n_step + 1, n_dim, n_lane), gradients left out [k_B].

        By Simpson's rule: what is left of gradients, up to quartic ones, then makes no noise and no bias.
        """
        if self.why_no_entropy:
            return np.zeros((len(x) - 1, x.shape[2]))
        along = np.ascontiguousarray(np.moveaxis(x, 1, 0)[: self.n_field])
        before, after = along[:, :-1], along[:, 1:]
        ends = self.force(along)
        force = (ends[:, :-1] + 4 * self.force((before + after) / 2) + ends[:, 1:]) / 6
        return np.asarray((force * (after - before)).sum(axis=0))

    def local_entropy_rate(self, x: Array) -> Array:
        """The mean of path_entropy per unit time that steps from x (n_state, n_dim, n_lane) have, (n_state, n_lane).

        force . (f + alpha D') + tr(D grad force)                  docs/theory.md (102), (110)
        """
        if self.why_no_entropy:
            return np.zeros((len(x), x.shape[2]))
        state = np.ascontiguousarray(np.moveaxis(x, 1, 0)[: self.n_field])
        drift = self.drift(state, 0.0)
        if self.local_noise:
            drift = drift + INTERPRETATIONS[self.interpretation] * self._slope_of_noise(state)
            strengths = self.diffusion(state, 0.0)
            directions: Array = np.eye(len(state))
        else:
            strengths = np.ones_like(state)
            directions = noise_factor(self.sided_system()[1])
        rate = (self.force(state) * drift).sum(axis=0)
        # in any units: no farther than the state itself strays
        reach = min(self.scale, float(np.sqrt(np.trace(self.site_covariance) / self.n_field)))
        step = _TWO_POINTS * reach / np.abs(directions).max()
        for k, direction in enumerate(directions.T):
            shift = step * direction.reshape(-1, *(1,) * (state.ndim - 1))
            change = self.force(state + shift) - self.force(state - shift)
            rate = rate + strengths[k] * np.tensordot(direction, change, axes=1) / (2 * step)
        return np.asarray(rate)

    def entropy_along_path(self, x: Array, every: int) -> tuple[Array, Array, Array]:
        """Local entropy rate at every so many states, entropy of steps, entropy of pairs of steps as one; lanes last."""
        return self.local_entropy_rate(x[:-1:every]), self.path_entropy(x), self.path_entropy(x[::2])

    # --- what estimators ask

    def local_mean(self, means: Mapping[str, Array]) -> Array:
        return means["path_entropy"][..., 0]

    def path_sum(self, means: Mapping[str, Array]) -> Array:
        return means["path_entropy"][..., 1]

    def path_sum_of_two(self, means: Mapping[str, Array]) -> Array:
        """Entropy (...) of two steps taken as one [k_B]."""
        return means["path_entropy"][..., 2]

    def site_variance(self, means: Mapping[str, Array]) -> Array:
        mean, square = np.split(means["site_moments"], 2, axis=-1)
        return np.asarray((square - mean**2).mean(axis=-1))

    def add_window_entropy(self, sums: Array, x: Array) -> None:
        total = self.path_entropy(x).sum(axis=0)
        for row, power in enumerate((1, 2)):
            sums[row] += (total**power).reshape(-1, sums.shape[1]).sum(axis=0)

    @classmethod
    def with_means(cls, needs: tuple[str, ...]) -> tuple[str, ...]:
        central = {"covariance", "lagged_covariance"}
        return needs if central.isdisjoint(needs) else tuple(dict.fromkeys((*needs, "site_moments")))

    def deviations(self, x: Array) -> Array:
        return np.ascontiguousarray(x[:, : self.n_field] - self.fixed_point[:, None])

    def central(self, means: Mapping[str, Array]) -> Mapping[str, Array]:
        made: dict[str, Any] = dict(means)
        pairs = {"covariance": self.correlated_pairs, "lagged_covariance": self.lagged_pairs}
        for name in pairs.keys() & means.keys():
            first, second = pairs[name]
            mean = means["site_moments"]
            made[name] = means[name] - mean[..., first] * mean[..., second]
        return made

    @property
    def n_correlated(self) -> int:
        return self.n_field
