"""What nonlinear fields of two populations share, on a ring or a torus: their homogeneous state and what acts between sites.

tau_E du_E/dt = -u_E + w_EE*f_E(u_E) - w_EI*f_I(u_I) + I_E + noise_E
tau_I du_I/dt = -u_I + w_IE*f_E(u_E) - w_II*f_I(u_I) + I_I + noise_I

f_E and f_I are one function with slopes and thresholds of their own; kernels, noise and times are those of the linear field,
whose gains are f_E' and f_I' at the homogeneous state. Theory is approximate, its linear response; docs/theory.md, "Two
nonlinear populations".
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from functools import cached_property, lru_cache

import numpy as np

from nessmap.model import Array, Stability, parameter
from nessmap.models.linear_populations import LinearPopulations
from nessmap.models.neural_field import NeuralField
from nessmap.models.two_populations import TwoPopulations
from nessmap.theory import two_populations
from nessmap.theory.transfer_functions import TransferFunction

Pair = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class NonlinearPopulations(NeuralField, TwoPopulations):
    """Two fields about the lowest homogeneous state that is stable, excitatory sites first.

    Stable to homogeneous deviations, lowest in excitatory activity; where none is, the lowest of all, and the point has no
    stationary state in linear theory.
    """

    slope: float = parameter(
        4.0, "slope of the excitatory transfer function", units="1/u", above=0.0, symbol=r"\beta_E"
    )
    threshold: float = parameter(0.0, "threshold of the excitatory transfer function", units="u", symbol=r"\theta_E")
    input: float = parameter(0.0, "input to excitation", units="u", symbol="I_E")
    inhibitory_slope: float = parameter(
        4.0, "slope of the inhibitory transfer function", units="1/u", above=0.0, symbol=r"\beta_I"
    )
    inhibitory_threshold: float = parameter(
        0.0, "threshold of the inhibitory transfer function", units="u", symbol=r"\theta_I"
    )
    inhibitory_input: float = parameter(0.0, "input to inhibition", units="u", symbol="I_I")

    def check(self) -> None:
        super().check()
        if not len(self._states):
            expected = "one with a homogeneous state"
            raise self.error("weight_ee", expected, "lower weights x slopes, or raise the inhibition")
        gains = self.gains
        if gains.min() < 0:
            expected = f"one that grows at the homogeneous state, found slopes {gains[0]:.4g} and {gains[1]:.4g}"
            raise self.error("transfer", expected, "a population's activity is to raise what it sends")

    @property
    @abstractmethod
    def linearised(self) -> LinearPopulations:
        """The linear fields of small deviations from the homogeneous state."""

    @property
    def n_field(self) -> int:
        return 2 * self.n_place

    # --- what differs between the populations

    def _per_site(self, pair: Array) -> Array:
        """(2, ...) of the populations as (2 n_place, ...) of the sites."""
        return np.repeat(pair, self.n_place, axis=0)

    @property
    def slopes_and_thresholds(self) -> Array:
        pairs = (self.slope, self.inhibitory_slope), (self.threshold, self.inhibitory_threshold)
        return self._per_site(np.transpose(pairs)).T

    @property
    def drive(self) -> Array:
        return self._per_site(np.array([self.input, self.inhibitory_input]))

    @property
    def rates(self) -> Array:
        return self._per_site(1 / self.time_constants)

    @cached_property
    def gains(self) -> Array:
        """(2,): f_E', f_I' at the homogeneous state [1/u]."""
        return self.gain[[0, -1]]

    # --- matrices between sites

    @cached_property
    def weights(self) -> Array:
        """W of four blocks, w_XY dx^d w_Y(r_i - r_j), those of inhibition negative."""
        sent = self.site_size * self.between_sites(self.kernels_at_sites)
        return np.block(
            [[weight * kernel for weight, kernel in zip(row, sent, strict=True)] for row in self.signed_weights]
        )

    def between_populations(self, spectrum: Array) -> Array:
        """The matrix between sites that couples populations by spectrum (n_mode, 2, 2) on the wavenumbers."""
        blocks = self.between_sites(self.at_sites(np.moveaxis(spectrum, 0, -1)))
        return np.swapaxes(blocks, 1, 2).reshape(self.n_field, self.n_field)

    @cached_property
    def noise_covariance(self) -> Array:
        if not any(self.noise_lengths):
            return np.kron(self.mode_diffusion[0], np.eye(self.n_place))  # exactly local
        return self.between_populations(self.mode_diffusion)

    # --- the homogeneous state

    @cached_property
    def _homogeneous_weights(self) -> Array:
        """(2, 2): of populations that do not vary in space."""
        return np.asarray(self.signed_weights * self.site_size * self.kernels_at_sites.reshape(2, -1).sum(axis=1))

    @cached_property
    def _states(self) -> Array:
        weights = self._homogeneous_weights.tolist()
        return _found_states(
            self.function,
            (self.slope, self.inhibitory_slope),
            (self.threshold, self.inhibitory_threshold),
            (tuple(weights[0]), tuple(weights[1])),
            (self.input, self.inhibitory_input),
        )

    @cached_property
    def homogeneous_state(self) -> Array:
        """(u_E, u_I) [u]."""
        slopes, thresholds = self.slopes_and_thresholds[:, [0, -1]]
        gains = self.function.derivative(self._states, slopes, thresholds)
        drift = (self._homogeneous_weights * gains[:, None, :] - np.eye(2)) / self.time_constants[:, None]
        stable = np.linalg.eigvals(drift).real.max(axis=1) < 0
        return np.asarray(self._states[int(np.argmax(stable))])  # the first one where none is

    @cached_property
    def fixed_point(self) -> Array:
        return self._per_site(self.homogeneous_state)

    def stability(self) -> Stability:
        return self.linearised.stability()


@lru_cache(maxsize=256)  # points of a sweep that differ in noise or times share it
def _found_states(
    function: TransferFunction, slopes: Pair, thresholds: Pair, weights: tuple[Pair, Pair], inputs: Pair
) -> Array:
    return two_populations.homogeneous_states(function.value, function.derivative, slopes, thresholds, weights, inputs)
