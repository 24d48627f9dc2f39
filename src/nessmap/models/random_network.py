"""A random recurrent network under white noise: rates that drive each other through a quenched Gaussian coupling.

dx = (-x + J phi(x)) dt + sqrt(2 D) dW,  J_ij of variance g^2/N,  J_ij and J_ji of correlation gamma

Where phi is bounded, fluctuations stay finite at any gain; the linear network is stationary for g (1 + gamma) < 1 alone.
Theory is of N to infinity: mean-field theory without symmetry, the elliptic law for the linear network; none is known for a
nonlinear network with symmetry. docs/theory.md, "Random networks", "Random networks: dynamics".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from nessmap.model import Array, Prediction, Stability, Stepper, parameter
from nessmap.models.random_coupling import RandomCoupling
from nessmap.theory import gaussian, mean_field, network_dimension, random_linear_network, transfer_functions
from nessmap.theory.mean_field import MeanField
from nessmap.theory.transfer_functions import TransferFunction
from nessmap.theory.transfer_source import functions_source

# sums over neurons that the kernel makes at each step, in its order: |F|^2, |x|^2, |phi|^2, sum phi', [J phi + J phi'] . dx/2
SCALARS = ("drift_square", "activity_square", "rate_square", "gain", "work")
GROWTH = "growth"  # logarithm by which a small deviation grows in the step
_LIMIT = 'N -> infinity; docs/theory.md, "Random networks"'
_DYNAMICS = 'N -> infinity; docs/theory.md, "Random networks: dynamics"'
_MOST_LANES = 128
_DIMENSIONS = ("activity_dimension", "rate_dimension", "activity_overlap", "rate_overlap")
_OF_ENTROPY = ("entropy_production_per_neuron", "entropy_production_per_neuron_path")


@dataclasses.dataclass(frozen=True)
class RandomNetwork(RandomCoupling):
    """N neurons of unit time constant."""

    name: ClassVar[str] = "random_network"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "random_network"
    integrator: ClassVar[str] = "heun"  # without noise it is of second order, too, and averages need no better

    transfer: str = parameter("tanh", "transfer function, odd", symbol=r"\phi")
    noise_strength: float = parameter(0.1, "noise strength", units="x^2/time", minimum=0.0, symbol="D")

    def check(self) -> None:
        super().check()
        try:
            resolved = transfer_functions.resolve(self.transfer)
        except ValueError as error:
            raise self.error("transfer", "a transfer function", str(error)) from None
        at = np.array([0.1, 0.5, 1.0, 3.0])
        if not np.allclose(resolved.value(-at, 1.0, 0.0), -resolved.value(at, 1.0, 0.0), rtol=1e-12, atol=1e-15):
            raise self.error(
                "transfer", "an odd function", "tanh, identity and arcsinh are; so is any formula with f(-u) = -f(u)"
            )

    def path_parameters(self) -> dict[str, Any]:
        return {**super().path_parameters(), "transfer": transfer_functions.resolve(self.transfer).canonical}

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves: any two are alike."""
        half = self.n_neuron // 2
        return {"first": range(half), "second": range(half, self.n_neuron)}

    @property
    def work_per_coordinate(self) -> float:
        """Two products with J a step."""
        return 4.0 + 0.03 * self.n_neuron

    # --- the transfer function

    @cached_property
    def function(self) -> TransferFunction:
        return transfer_functions.resolve(self.transfer)

    def rate(self, x: Array) -> Array:
        """phi(x), any shape [1]."""
        return np.asarray(self.function.value(x, 1.0, 0.0))

    def slope(self, x: Array) -> Array:
        """phi'(x), any shape [1/x]."""
        return np.asarray(self.function.derivative(x, 1.0, 0.0))

    @property
    def is_linear(self) -> bool:
        return self.function.canonical == "identity"

    @property
    def is_confined(self) -> bool:
        """Whether phi grows so slowly that no coupling can make x diverge."""
        return abs(float(self.rate(np.array(1e9)))) < 1e6

    # --- dynamics

    def drift(self, x: Array, t: float) -> Array:
        return np.asarray(np.tensordot(self.weights, self.rate(x), axes=1) - x)

    def diffusion(self, x: Array, t: float) -> Array:
        return self.noise_strength * np.eye(self.n_neuron)

    def admits(self, matrix: Array) -> bool:
        """A linear network of finite size may be unstable below the critical gain: such a draw has no stationary state."""
        return not self.is_linear or float(np.linalg.eigvals(matrix).real.max()) < 1.0

    @property
    def silent_rate(self) -> float:
        """Leading rate about x = 0, N to infinity: -1 + g phi'(0) (1 + gamma) [1/time]."""
        return self.gain * float(self.slope(np.array(0.0))) * (1 + self.symmetry) - 1

    def stability(self) -> Stability:
        """Of the silent state; beyond its threshold a confined network has a fluctuating state, whose rate is not this one."""
        beyond = self.silent_rate >= 0 and self.is_confined
        return Stability(
            math.nan if beyond else self.silent_rate, "none: fluctuating" if beyond else "random", math.nan
        )

    def is_stationary(self, stability: Stability) -> bool:
        return self.is_confined or stability.leading_rate < 0

    def _coefficients(self, dt: float) -> tuple[Any, ...]:
        from nessmap.kernels.matrix_product import packed  # late: planning a sweep must not load numba

        tiles: Array = packed(self.weights)  # type: ignore[no-untyped-call]  # kernels are not typed
        n = self.n_neuron
        law = np.array([dt, math.sqrt(2 * self.noise_strength * dt)])
        kept = np.full(2 * n * _MOST_LANES, np.nan)  # of no state yet
        return tiles, law, kept, transfer_functions.kernel_number(self.transfer)

    @property
    def _kernels(self) -> Any:
        """The module of inner loops: the shipped one, or one made for the user's transfer function."""
        from nessmap.kernels import generated, random_network

        if transfer_functions.is_named(self.transfer):
            return random_network
        return generated.specialised("random_network", functions_source(self.transfer))

    def stepper(self, dt: float) -> Stepper:
        return Stepper(self._kernels.advance, self._coefficients(dt), SCALARS)

    def tangent_stepper(self, dt: float) -> Stepper:
        return Stepper(self._kernels.advance, self._coefficients(dt), (*SCALARS, GROWTH))

    @cached_property
    def starting_variance(self) -> float:
        """Near that of the stationary state: of the linear network its own, else S = D + g^2 <phi^2> [x^2]."""
        if self.is_linear:
            found = random_linear_network.linear_network(self.gain, self.symmetry)
            return self.noise_strength * (found.variance if found.converged else 1.0)
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        variance = 1.0
        for _ in range(50):
            square = float(weights @ self.rate(math.sqrt(variance) * nodes) ** 2 / weights.sum())
            variance = self.noise_strength + self.gain**2 * square
        return variance

    def stationary_sample(self, normals: Array) -> Array:
        """Independent neurons; what correlates them comes with the burn-in."""
        return np.asarray(math.sqrt(self.starting_variance) * normals)

    @property
    def burn_in(self) -> float:
        """Of the linear network, by which correlations have come to 1 - e^-10; of others 30 [time].

        Means over neurons settle within a few times 1/relaxation_rate <= 10 away from the onset of chaos, and a deviation turns
        into the leading direction; docs/random_network.md has what a longer one changes.
        """
        return max(20.0, -5.0 / self.silent_rate) if self.is_linear else 30.0

    def linearised_information(self, gains: Array) -> Array:
        """Of a realisation with gain_j x_j in place of phi(x_j), gains (N,): 1, I/N, T/N and T back/N; zeros if unstable.

        I the mutual information of the halves [nat], T the transfer entropy rate between them [nat/time]. Exact for the linear
        network; else statistical linearisation, with gains <phi'(x_j)>. O(N^3): 60 s at N = 1000.
        """
        drift, noise = self.weights * gains - np.eye(self.n_neuron), np.eye(self.n_neuron)
        first, second = (list(side) for side in self.partition.values())
        try:
            covariance = gaussian.stationary_covariance(drift, noise)
            shared = gaussian.mutual_information(covariance, first, second)
            there, back = (
                gaussian.transfer_entropy_rate(drift, noise, source, target)
                for source, target in ((first, second), (second, first))
            )
        except ValueError:  # not stable
            return np.zeros(4)
        return np.array([1.0, *(value / self.n_neuron for value in (shared, there, back))])

    # --- theory

    @cached_property
    def mean_field(self) -> MeanField | None:
        """The infinite network, where there is a theory of it: without symmetry."""
        if self.symmetry != 0 or self.is_linear:
            return None
        found = _mean_field(self.gain, self.noise_strength, self.transfer)
        return found if found.converged else None

    @cached_property
    def of_effective_gain(self) -> Self:
        """The network whose neurons have the input variance of N - 1 others: g^2 (1 - 1/N)."""
        return dataclasses.replace(self, gain=self.gain * math.sqrt(1 - 1 / self.n_neuron))

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        values = self._linear_values() if self.is_linear else self._mean_field_values()
        source = _LIMIT if self.is_linear else _DYNAMICS
        if values and (wanted is None or set(_DIMENSIONS) & set(wanted)):
            values |= self._dimensions(values)
        chosen = values if wanted is None else values.keys() & set(wanted)
        return {name: Prediction(values[name], "approximate", source) for name in chosen}

    def _linear_values(self) -> dict[str, float]:
        found = random_linear_network.linear_network(self.gain, self.symmetry)
        if not found.converged:
            return {}
        noise, production = self.noise_strength, found.entropy_production_rate
        values = {
            "dissipated_power_per_neuron": noise * production,
            "mean_square_drift": noise * (production + 1),
            "variance_per_neuron": noise * found.variance,
            "rate_variance": noise * found.variance,
            "mean_gain": 1.0,
            "lyapunov_exponent": self.silent_rate,
        }
        return values | (dict.fromkeys(_OF_ENTROPY, production) if noise > 0 else {})

    def _mean_field_values(self) -> dict[str, float]:
        found = self.mean_field
        if found is None:
            return {}
        noise = self.noise_strength
        values = {
            "dissipated_power_per_neuron": found.mean_square_drift - noise,
            "mean_square_drift": found.mean_square_drift,
            "variance_per_neuron": found.variance,
            "rate_variance": found.rate_variance,
            "mean_gain": found.gain,
            "lyapunov_exponent": found.lyapunov_exponent,
        }
        return values | (dict.fromkeys(_OF_ENTROPY, found.entropy_production_rate) if noise > 0 else {})

    def _dimensions(self, values: Mapping[str, float]) -> dict[str, float]:
        """Shares of the N dimensions, and the overlaps of two replicas that go with them: <O^2> = variance^2 / dimension."""
        if self.is_linear:
            linear = random_linear_network.participation_ratio(self.gain, self.symmetry)
            shares, converged = (linear.value, linear.value), linear.converged
        else:
            found = network_dimension.network_dimension(self.gain, self.noise_strength, self.rate)
            shares, converged = (found.activity, found.rate), found.converged
        if not converged or values["variance_per_neuron"] == 0:
            return {}
        squares = values["variance_per_neuron"], values["rate_variance"]
        overlaps = [square / math.sqrt(self.n_neuron * share) for square, share in zip(squares, shares, strict=True)]
        return dict(zip(_DIMENSIONS, (*shares, *overlaps), strict=True))


@lru_cache(maxsize=4096)
def _mean_field(gain: float, diffusion: float, transfer: str) -> MeanField:
    """Kept: the same for every size, and where lines of theory meet."""
    function = transfer_functions.resolve(transfer)
    return mean_field.stationary_state(gain, diffusion, lambda x: function.value(x, 1.0, 0.0))
