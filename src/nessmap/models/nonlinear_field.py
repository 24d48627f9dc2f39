"""The stochastic Amari field with its nonlinearity, on a ring, under additive noise.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

Theory here is approximate: linear response about the homogeneous state, and for even kernels, whose linear field is at
equilibrium, the weak-noise law. With white noise an even kernel is no equilibrium; with noise whose covariance is
proportional to the kernel it is one, exactly, for any f. docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, ParameterError, Prediction, Stability, Stepper, parameter
from nessmap.models.amari_field import AmariField
from nessmap.models.ring_field import RingField
from nessmap.theory import transfer_functions, weak_noise

_FUNCTIONS = ("identity", "tanh", "logistic", "threshold_linear")  # in the order that kernels number them


@dataclasses.dataclass(frozen=True)
class NonlinearField(RingField):
    """Simulated at the sites by stochastic Heun steps, weak order 2 for additive noise, after a burn-in.

    `coupling` is the weight J of the kernel; the coupling of the linear field is J f'(u_0).
    """

    name: ClassVar[str] = "nonlinear_field"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "nonlinear_field"
    integrator: ClassVar[str] = "heun"

    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    length: float = parameter(6.0, "length of the ring", units="length", above=0.0, symbol="L")
    transfer: str = parameter("logistic", "transfer function", choices=_FUNCTIONS)
    slope: float = parameter(2.0, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.0, "threshold of the transfer function", units="u", symbol=r"\theta")
    input: float = parameter(0.0, "homogeneous input", units="u", symbol="I")

    def check(self) -> None:
        super().check()
        if not len(self._states):
            raise ParameterError(
                "coupling",
                f"{self.name}: coupling = {self.coupling}, expected one with a homogeneous state; lower coupling x slope",
            )

    @property
    def n_dim(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the ring."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @property
    def work_per_coordinate(self) -> float:
        """Products with the coupling and hyperbolic tangents, in the step and in its entropy."""
        return 16.0 + self.n_site

    @cached_property
    def weights(self) -> Array:
        """W_ij = J dx w(x_i - x_j)."""
        return self.coupling * self.kernel_matrix_at_sites()

    @cached_property
    def _states(self) -> list[float]:
        weight = float(self.weights[0].sum())
        return transfer_functions.homogeneous_states(self.transfer, self.slope, self.threshold, weight, self.input)

    @cached_property
    def homogeneous_state(self) -> float:
        """u_0, the lowest one where there are several."""
        return float(self._states[0])

    @cached_property
    def gain(self) -> float:
        """f'(u_0)."""
        return float(transfer_functions.gain(self.transfer, self.slope, self.threshold, self.homogeneous_state))

    @cached_property
    def linearised(self) -> AmariField:
        """The linear field of small deviations from u_0."""
        shared = {
            name: getattr(self, name)
            for name in RingField.parameters()
            if name in AmariField.parameters() and name != "coupling"
        }
        return AmariField(**shared, coupling=self.coupling * self.gain)

    @cached_property
    def noise_covariance(self) -> Array:
        """D (n_site, n_site) [u^2/time]."""
        return self.noise_matrix()

    def drift(self, x: Array, t: float) -> Array:
        response = transfer_functions.TRANSFER_FUNCTIONS[self.transfer].value(x, self.slope, self.threshold)
        return np.asarray((np.tensordot(self.weights, response, axes=1) + self.input - x) / self.time_constant)

    def diffusion(self, x: Array, t: float) -> Array:
        return self.noise_covariance

    @property
    def _shape(self) -> Array:
        return np.array([_FUNCTIONS.index(self.transfer), self.slope, self.threshold])

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.nonlinear_field import advance

        drive = np.full(self.n_site, self.input)
        factor = np.linalg.cholesky(2 * dt * self.noise_covariance)
        return Stepper(advance, (self.weights, drive, self._shape, np.array([1 / self.time_constant, dt]), factor))

    @cached_property
    def entropy_terms(self) -> tuple[Array, Array, Array, float, Array, Array, Array]:
        """What the kernel needs to sum entropy: W, I, f, rate, G = D^-1 W / tau, f0' G_a, tangent of f at u_0."""
        rate = 1 / self.time_constant
        force = np.linalg.solve(self.noise_covariance, self.weights) * rate
        antisymmetric = (force - force.T) / 2
        if np.abs(antisymmetric).max() <= 1e-12 * np.abs(force).max():  # even kernels, to rounding
            antisymmetric = np.zeros_like(force)
        drive = np.full(self.n_site, self.input)
        state = self.homogeneous_state
        response = transfer_functions.TRANSFER_FUNCTIONS[self.transfer].value(state, self.slope, self.threshold)
        tangent = np.array([self.gain, float(response) - self.gain * state])
        return self.weights, drive, self._shape, rate, force, self.gain * antisymmetric, tangent

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from the linear field's law about u_0; the burn-in makes up for the rest."""
        return self.homogeneous_state + self.linearised.to_sites(self.linearised.stationary_sample(normals))

    @property
    def burn_in(self) -> float:
        """Twenty relaxation times of the linear field."""
        return -20 / self.linearised.stability().leading_rate

    def stability(self) -> Stability:
        return self.linearised.stability()

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        linear = self.linearised.theory(["entropy_production_rate", "site_variance"])
        rate = linear["entropy_production_rate"].value
        source = "linear response"
        if not self.linearised.modes.rotation.any():
            rate, source = self._weak_noise_rate(), "weak-noise law of an even kernel"
        made = {
            "entropy_production_rate": Prediction(rate, "approximate", f"{source}; docs/theory.md"),
            "entropy_production_rate_path": Prediction(rate, "approximate", f"{source}; docs/theory.md"),
            "site_variance": Prediction(
                linear["site_variance"].value, "approximate", "linear response; docs/theory.md"
            ),
        }
        return made if wanted is None else {name: value for name, value in made.items() if name in wanted}

    def _weak_noise_rate(self) -> float:
        if self.gain == 0:
            return 0.0
        modes = self.linearised.modes
        transform = (1 - self.time_constant * modes.decay) / self.gain  # of the kernel with its weight
        step = 1e-4 / self.slope
        around = [self.homogeneous_state - step, self.homogeneous_state + step]
        low, high = transfer_functions.gain(self.transfer, self.slope, self.threshold, np.array(around))
        curvature = float(high - low) / (2 * step)
        return weak_noise.uniform_state_rate(
            transform, modes.diffusion, self.n_site, self.gain, curvature, self.time_constant
        )
