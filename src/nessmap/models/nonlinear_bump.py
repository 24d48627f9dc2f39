"""A bump of activity in the nonlinear field on a ring, held by a local input or wandering.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I(x) + noise,  I(x) = input + pull exp(-(x - x_0)^2 / 2 s^2)

Theory is approximate: linear response about u*(x), with alpha = 1 the weak-noise law, because there the linear field is at
equilibrium and the nonlinear one is not. pull = 0 leaves the bump to itself: its place is a neutral mode and uniform in the
stationary state, and theory is that of shape and place about any of them. docs/theory.md, "Bumps".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nessmap.model import Array, Prediction, Run, Stability, parameter
from nessmap.models.bump_field import BumpField
from nessmap.models.langevin import RATES, LangevinModel, Linearised
from nessmap.models.linear import LinearModel
from nessmap.models.neural_field import NeuralField, in_kernels
from nessmap.theory import bumps, linear_response, transfer_functions, weak_noise
from nessmap.theory.bumps import Bump, NeutralMode
from nessmap.theory.nonlinear_equilibria import NonlinearField as FieldEquation
from nessmap.theory.stages import Stages, of_ring
from nessmap.theory.transfer_source import functions_source

_HELD_BY_GRID = 0.02  # in units of the noise: how far the law of a free place may be from uniform
_FOLLOWS_GAIN = 0.5  # of the noise exponent: from here on the gradient about u* leaves the smaller error
_ANY = 2.0  # of |A e| over |A| |e|: what the grid does is judged by its effect on the place


@dataclasses.dataclass(frozen=True)
class NonlinearBump(BumpField, NeuralField):
    """The highest stable bump about the centre.

    leading_rate is that of its shape and, where an input holds it, of its place. The gain is large on a few sites only: with
    the defaults the linear rate is within 3 % of its value on fine grids from 40 sites on, within 0.75 % from 48.
    """

    name: ClassVar[str] = "nonlinear_bump"
    version: ClassVar[int] = 1

    weight: float = parameter(4.0, "weight of the kernel", units="u", symbol="J")
    pull: float = parameter(0.2, "strength of the local input", units="u", minimum=0.0, symbol="I_1")
    inhibition: float = parameter(1.0, "inhibition relative to excitation", minimum=0.0, symbol="r")
    slope: float = parameter(6.0, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.5, "threshold of the transfer function", units="u", symbol=r"\theta")
    noise_strength: float = parameter(0.002, "mean noise strength", units="u^2 length time", above=0.0, symbol="D_0")
    n_site: int = parameter(40, "number of sites", minimum=8, symbol="N")

    def check(self) -> None:
        super().check()
        if self.is_free and self.noise_exponent != 0:
            raise self.error("noise_exponent", "0: noise that depends on the place holds the bump", "give it a pull")
        if self.is_free and self.has_twin:
            raise self.error("control_variate", "none: the place of a linear bump has no law", "give it a pull")
        if self._bump is None:
            return
        self.check_gain(self.gain)
        if self.is_free and (held := self._held_by_grid) > _HELD_BY_GRID:
            found = f"more: the grid holds the bump with {held:.2g} of the noise, {_HELD_BY_GRID:g} at most"
            raise self.error("n_site", found, "raise n_site, or lower slope")

    @property
    def is_free(self) -> bool:
        """Whether no local input holds the bump."""
        return self.pull == 0

    # --- the bump

    @property
    def n_field(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The half of the ring around the bump, and the rest; of a bump that wanders there are none."""
        return {} if self.is_free else super().partition

    @property
    def rates(self) -> Array:
        return np.full(self.n_site, 1 / self.time_constant)

    @property
    def drive(self) -> Array:
        return self.local_input

    def stages_of(self, matrix: Array) -> Stages:
        return of_ring(matrix[:, 0]) if matrix is self.weights else super().stages_of(matrix)

    @property
    def _equation(self) -> FieldEquation:
        weights, drive = _doubles(self.weights), _doubles(self.local_input)
        return FieldEquation(weights, self.transfer, self.slope, self.threshold, drive, self.time_constant)

    @cached_property
    def _bump(self) -> Bump | None:
        """The highest stable one; the highest where none is stable, None where there is none."""
        arrays = self.weights.tobytes(), self.local_input.tobytes()
        found = _bumps(*arrays, self.transfer, self.slope, self.threshold, self.time_constant, self.centre)
        stable = [bump for bump in found if bump.shape_rate < 0 and (self.is_free or bump.shift_rate < 0)]
        return (stable or found)[-1] if found else None

    @cached_property
    def fixed_point(self) -> Array:
        if self._bump is None:
            raise ValueError(f"{self.name}: no bump exists; raise weight or pull, or lower threshold")
        return self._bump.state

    def relative_amplitude(self, x: Array) -> Array:
        """First Fourier amplitude of states (n_state, n_dim, n_lane) over that of u*, (n_state, n_lane)."""
        wave = np.exp(-2j * np.pi * np.arange(self.n_site) / self.n_site)
        first = np.tensordot(x[:, : self.n_field], wave, axes=(1, 0))
        return np.asarray(np.abs(first) / np.abs(wave @ self.fixed_point))

    @cached_property
    def neutral(self) -> NeutralMode:
        """The shift of the bump: neutral where nothing holds it."""
        return bumps.neutral_mode(self._equation, _doubles(self.fixed_point), self.centre)

    @cached_property
    def noise_covariance(self) -> Array:
        return np.diag(self.noise_of(self.gain))

    @cached_property
    def position_diffusion(self) -> float:
        """Of the place of a bump that nothing holds, weak noise [length^2/time]; docs/theory.md (117)."""
        state = _doubles(self.fixed_point)
        return bumps.position_diffusion(self.neutral, state, self.noise_covariance, self.length)

    @property
    def _held_by_grid(self) -> float:
        """Depth of the grid's potential for the place, over the noise: rate (dx / 2 pi)^2 / D_x."""
        return abs(self.neutral.rate) * (self.length / self.n_site / (2 * np.pi)) ** 2 / self.position_diffusion

    # --- linear response

    @cached_property
    def linearised(self) -> LinearModel:
        """Of the deviations from u*; of a free bump, of those of its shape."""
        if not self.is_free:
            return Linearised(self.linear_drift, self.noise_covariance, self.partition)
        return Linearised(self._shape.drift_matrix, self._shape.diffusion, {})

    @cached_property
    def _shape(self) -> linear_response.ProjectedSystem:
        return linear_response.project_neutral(self.linear_drift, self.noise_covariance, self.neutral.mode, _ANY)

    @cached_property
    def site_covariance(self) -> Array:
        spread = self.linearised.stationary_covariance
        return self._shape.basis @ spread @ self._shape.basis.T if self.is_free else spread

    @property
    def small_parameter(self) -> float:
        around = _doubles(self.fixed_point), self.linear_drift, self.site_covariance
        return linear_response.neglected_share(self._equation.drift, *around)

    def stability(self) -> Stability:
        if self._bump is None:
            return Stability(float("nan"), "no bump", float("nan"))
        rate = self.neutral.next_rate if self.is_free else max(self._bump.shape_rate, self._bump.shift_rate)
        return Stability(rate, "real", float("nan"))

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        made = super().theory(wanted)
        if self.is_free:
            return self._free_theory(made)
        rates = set(RATES) & made.keys()
        if rates and not self.circulating_force.any():
            law = Prediction(
                self._weak_noise_rate(), "approximate", "weak-noise law; gain-matched noise; docs/theory.md (89)"
            )
            made |= dict.fromkeys(rates, law)
        return made

    def offsets(self, run: Run) -> Array:
        # a free bump's place has no stationary step
        return np.zeros(3) if self.is_free else super().offsets(run)

    def _free_theory(self, shape: Mapping[str, Prediction]) -> dict[str, Prediction]:
        """What shape and place do together; the place is uniform."""
        made: dict[str, Prediction] = {}
        if rates := set(RATES) & shape.keys():
            rate = bumps.wandering_rate(self.linear_drift, self.noise_covariance, self.neutral.mode, _ANY)
            source = "linear response; shape and place, the place uniform; docs/theory.md (118)"
            made |= dict.fromkeys(rates, Prediction(rate, "approximate", source))
        if "site_variance" in shape:
            spread = float(np.var(self.fixed_point) + np.trace(self.site_covariance) / self.n_site)
            source = "u* at all places, and linear response of its shape; docs/theory.md (81)"
            made["site_variance"] = Prediction(spread, "approximate", source)
        return made

    def _weak_noise_rate(self) -> float:
        second = np.zeros((self.n_site, self.n_site, self.n_site))
        site = np.arange(self.n_site)
        curvature = self._of(self.function.curvature, self.fixed_point)
        second[:, site, site] = self.rates[:, None] * self.weights * curvature
        return weak_noise.reversible_state_rate(self.linear_drift, second, self.noise_covariance)

    # --- entropy

    @property
    def removes_squared_drift(self) -> bool:
        """Which gradient is left out of the force: one that follows the field, or the base's about u*.

        Measured on 32 sites at noise strength 0.002, pull 0.2 and 0: the first leaves errors of the local mean that are 2.8
        and 30 times smaller, of the path sum the same and a tenth. Near gain-matched noise, and beside a twin, the second
        does: what it leaves of the linear field is 0, or what the twin has.
        """
        return self.noise_exponent < _FOLLOWS_GAIN and not self.has_twin

    @property
    def _squared_drift_kernels(self) -> Any:
        from nessmap.kernels import generated, squared_drift  # late: planning a sweep must not load numba

        if transfer_functions.is_named(self.transfer):
            return squared_drift
        return generated.specialised("squared_drift", functions_source(self.transfer))

    @property
    def _sites(self) -> Array:
        """(3, n_field): I, 1/tau and D."""
        return np.array([self.drive, self.rates, np.diag(self.noise_covariance)])

    def force(self, x: Array) -> Array:
        if not self.removes_squared_drift:
            return super().force(x)
        pushed = np.tensordot(self._inverse_noise, self.drift(x, 0.0), axes=1)
        return self._of(self.function.derivative, x) * np.tensordot(self.weights, pushed, axes=1)

    def entropy_along_path(self, x: Array, every: int) -> tuple[Array, Array, Array]:
        if not self.removes_squared_drift:
            return super().entropy_along_path(x, every)
        return LangevinModel.entropy_along_path(self, x, every)

    def path_entropy(self, x: Array) -> Array:
        if not self.removes_squared_drift:
            return super().path_entropy(x)
        out = np.empty((len(x) - 1, x.shape[2]))
        field = in_kernels(self._coupling), self._sites, *self._transfer_in_kernels
        self._squared_drift_kernels.path_entropy(out, np.ascontiguousarray(x), *field)
        return out

    def local_entropy_rate(self, x: Array) -> Array:
        if not self.removes_squared_drift:
            return super().local_entropy_rate(x)
        out, noise = np.empty((len(x), x.shape[2])), np.diag(self.noise_covariance)
        own = np.array([noise * (self.weights**2 @ (1 / noise)), np.diag(self.weights)]) * self.rates
        field = in_kernels(self._coupling), self._sites, own, *self._transfer_in_kernels
        self._squared_drift_kernels.local_entropy_rate(out, np.ascontiguousarray(x), *field)
        return out

    # --- start

    @property
    def burn_in(self) -> float:
        """Ten relaxation times: what is left of the start, which has no spread, is e^-20 of every covariance."""
        return -10 / self.stability().leading_rate

    def stationary_sample(self, normals: Array) -> Array:
        """u* itself, of a free bump at a site drawn for each lane; the burn-in does the rest."""
        site = np.arange(self.n_site)[:, None]
        turn = np.zeros(normals.shape[1], dtype=np.int64)
        if self.is_free:
            share = np.array([math.erf(normal / math.sqrt(2)) for normal in normals[0]])
            turn = np.minimum(((1 + share) / 2 * self.n_site).astype(np.int64), self.n_site - 1)
        field = self.fixed_point[(site - turn) % self.n_site]
        return np.concatenate([field, np.zeros_like(field)]) if self.has_twin else field


def _doubles(values: Array) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


@lru_cache(maxsize=1024)  # a sweep over the noise asks for the same bumps again and again
def _bumps(
    weights: bytes, local_input: bytes, transfer: str, slope: float, threshold: float, tau: float, centre: float
) -> list[Bump]:
    drive = np.frombuffer(local_input)
    matrix = np.frombuffer(weights).reshape(len(drive), len(drive))
    return bumps.bumps(FieldEquation(matrix, transfer, slope, threshold, drive, tau), centre)
