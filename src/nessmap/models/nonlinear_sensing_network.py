"""Neurons with tuning curves: they see f(v) of the velocity, so that what they know is no longer in second moments alone.

Steps are exact for the velocity; activity relaxes exactly to the mean of f at both ends of a step. Moments and heat have
exact theory by Hermite series, at the simulated step too. docs/theory.md, "Nonlinear tuning".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from nessmap.model import Array, Prediction, Stability, Stepper, parameter
from nessmap.models.linear import noise_factor
from nessmap.models.sensing import SensingModel
from nessmap.theory import transfer_functions
from nessmap.theory.binned_information import GridLimit, grid_limit
from nessmap.theory.conditional_response import conditional_response, tuning_products
from nessmap.theory.fokker_planck import Box
from nessmap.theory.nonlinear_sensing import (
    NetworkResponse,
    TuningSpectrum,
    network_response,
    power_law_spectrum,
    tuning_spectrum,
)
from nessmap.theory.path_information import gaussian_channel_rate, velocity_filter
from nessmap.theory.sensing_grid import SensingNeuron, information_box
from nessmap.theory.sensing_steps import Step, stepped_response
from nessmap.theory.transfer_source import functions_source
from nessmap.theory.velocity_score import exact_moments, score_flow

# names of their own; any other text is a transfer function: a name, a formula or a reference
_NAMED = {"linear": "identity", "threshold": "threshold_linear"}
_POWERS = ("power", "quadratic")
_IN_KERNEL = -1  # kernels/sensing.py: POWER
_N_TERM, _N_TERM_OF_POWER = 2000, 4000
# polynomials of the velocity in moments given it: with 160 they differ by 2e-4 at a kink, 1e-6 elsewhere
_N_PRODUCT = 96
_REACH = 8.0  # standard deviations of the activity, where no grid says how far it goes


@dataclasses.dataclass(frozen=True)
class NonlinearSensingNetwork(SensingModel):
    """f(v) is linear, threshold (max(y, 0)), tanh, quadratic or power (|y|^alpha) of y = slope (v - threshold), or your own."""

    name: ClassVar[str] = "nonlinear_sensing_network"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "sensing"
    integrator: ClassVar[str] = "exponential"

    tuning: str = parameter("tanh", "tuning curve")
    exponent: float = parameter(1.0, "exponent of the tuning curve", above=0.0, symbol=r"\alpha")
    slope: float = parameter(1.0, "slope of the tuning curve", units="1/v", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.0, "threshold of the tuning curve", units="v", symbol=r"\theta")
    threshold_spread: float = parameter(
        0.0, "half the range of thresholds over the neurons", units="v", symbol=r"\epsilon_\theta"
    )

    def check(self) -> None:
        super().check()
        if self.exponent != 1.0 and self.tuning != "power":
            raise self.error("exponent", f"nothing: tuning = {self.tuning} does not use it", "choose tuning: power")
        if self.tuning not in _POWERS:
            try:
                transfer_functions.resolve(self._text)
            except ValueError as error:
                known = "linear, threshold, tanh, quadratic, power, or a transfer function"
                raise self.error("tuning", known, str(error)) from None

    def path_parameters(self) -> dict[str, Any]:
        own = {} if self.tuning in _POWERS else {"tuning": transfer_functions.resolve(self._text).canonical}
        return {**super().path_parameters(), **own}

    # --- tuning curves

    @property
    def _text(self) -> str:
        """The tuning curve as transfer functions name it."""
        return _NAMED.get(self.tuning, self.tuning)

    @property
    def _exponent(self) -> float:
        return 2.0 if self.tuning == "quadratic" else self.exponent

    @cached_property
    def _shape(self) -> Array:
        """(3, n_curve): slope, threshold and exponent of each curve; one curve where all neurons have the same."""
        spread = self.threshold_spread * self.profile_of_neurons if self.threshold_spread else np.zeros(1)
        return np.array([[self.slope, self.threshold + shift, self._exponent] for shift in spread]).T.copy()

    def curves(self, v: Array) -> Array:
        """f(v), (n_curve, m) of v (m,)."""
        return _curves(v, self._text, self._shape)

    @cached_property
    def spectrum(self) -> TuningSpectrum:
        """Hermite coefficients of the curve, or of the curves."""
        return _spectrum(self._text, self._shape.tobytes(), self.n_neuron)

    # --- the network

    @property
    def work_per_coordinate(self) -> float:
        """A dense step, a tuning curve, and the heat."""
        return 2.0 + self.n_dim / 4

    def drift(self, x: Array, t: float) -> Array:
        tuned = self.curves(x[0].ravel()).reshape(-1, *x.shape[1:])
        neurons = np.tensordot(self.linear_drift[1:, 1:], x[1:], axes=1)
        strength = self._strength.reshape(-1, *(1,) * (x.ndim - 1))
        return np.concatenate([-self.signal_rate * x[:1], neurons + strength * tuned])

    def diffusion(self, x: Array, t: float) -> Array:
        return self.linear_diffusion

    @property
    def _strength(self) -> Array:
        """rho a (N,) [r/time]."""
        return self.rates * self.gains

    def stability(self) -> Stability:
        eigenvalues = np.linalg.eigvals(self.linear_drift)
        leading = eigenvalues[np.argmax(eigenvalues.real)]
        kind: Literal["real", "oscillating"] = "real" if leading.imag == 0 else "oscillating"
        return Stability(float(leading.real), kind, float("nan"))

    @cached_property
    def response(self) -> NetworkResponse:
        """Moments and heat in continuous time."""
        return network_response(self.network, self.spectrum)

    def response_at(self, dt: float) -> NetworkResponse:
        """Moments and heat of the steps that are simulated."""
        return stepped_response(self.network, self.spectrum, dt)

    # --- simulation

    @property
    def _kernels(self) -> Any:
        from nessmap.kernels import generated, sensing  # late: planning a sweep must not load numba

        if self.tuning in _POWERS or transfer_functions.is_named(self._text):
            return sensing
        return generated.specialised("sensing", functions_source(self._text))

    @property
    def _tuning_in_kernels(self) -> tuple[int, Array]:
        number = _IN_KERNEL if self.tuning in _POWERS else transfer_functions.kernel_number(self._text)
        return number, self._shape

    def stepper(self, dt: float) -> Stepper:
        step = Step(self.network, dt)
        decay = self.signal_rate * dt
        velocity = np.array([math.exp(-decay), math.sqrt(-math.expm1(-2 * decay))])
        drive = self._per_curve(step.drive * self._strength)
        coefficients = (velocity, step.propagator, drive, noise_factor(step.noise), *self._tuning_in_kernels)
        return Stepper(self._kernels.advance, coefficients)

    def _per_curve(self, matrix: Array) -> Array:
        """(N, n_curve) from columns (N, N) that each multiply the curve of a neuron."""
        return np.ascontiguousarray(matrix if self._shape.shape[1] > 1 else matrix.sum(axis=1, keepdims=True))

    def stationary_sample(self, normals: Array) -> Array:
        """Draws from the normal law with the exact moments; the burn-in makes up for the rest."""
        found = self.response
        whole = np.block(
            [[np.ones((1, 1)), found.signal_covariance[None]], [found.signal_covariance[:, None], found.covariance]]
        )
        sample = noise_factor(whole) @ normals
        sample[1:] += found.mean[:, None]
        return sample

    @property
    def burn_in(self) -> float:
        """Twenty relaxation times."""
        return -20 / self.stability().leading_rate

    def heat_of_steps(self, x: Array) -> Array:
        """Heat of the neurons over temperature (n_step, n_lane) of the steps of x, what is a gradient left out [k_B]."""
        strength = self._strength / self.rates  # D = rho
        turning = self.linear_drift[1:, 1:] / self.rates[:, None]
        # r . T r' of the antisymmetric part: the symmetric one is an exact differential
        turning = np.ascontiguousarray((turning - turning.T).T / 2)
        out = np.empty((len(x) - 1, x.shape[2]))
        weight = self._per_curve(np.diag(strength))
        self._kernels.heat_of_steps(out, np.ascontiguousarray(x), weight, turning, *self._tuning_in_kernels)
        return out

    # --- what estimators ask

    heat_needs: ClassVar[tuple[str, ...]] = ("neuron_heat",)

    def heat_of_a_step(self, means: Mapping[str, Array]) -> Array:
        return np.asarray(means["neuron_heat"][..., 0])

    def heat_rate_at(self, dt: float) -> float:
        return float(self.response_at(dt).entropy_flow.sum())

    learning_needs: ClassVar[tuple[str, ...]] = ("score_moments",)
    efficiency_needs: ClassVar[tuple[str, ...]] = ("score_moments", "neuron_heat")

    def learning_of(self, means: Mapping[str, Array], dt: float) -> Array:
        """What scores linear in the activity show of it: never more than the flow itself."""
        return score_flow(means["score_moments"], self.n_neuron, self.signal_rate)

    def learning_at(self, dt: float) -> float:
        """Of exact moments of the steps; dt = 0: of continuous time."""
        if not self.signal_to_noise:
            return 0.0
        products = _products(self._text, self._shape.tobytes())
        given = conditional_response(self.network, products if len(products) > 1 else products[0], dt)
        return float(score_flow(exact_moments(given), self.n_neuron, self.signal_rate))

    def efficiency_of(self, means: Mapping[str, Array], dt: float) -> Array:
        return np.asarray(self.learning_of(means, dt) * dt / self.heat_of_a_step(means))

    def efficiency_at(self, dt: float) -> float:
        return self.learning_at(dt) / self.heat_rate_at(dt)

    def information_of_steps(self, x: Array, dt: float) -> Array:
        """ln p(r'|r, v, v') - ln p(r'|past of r) (n_step, n_lane) of the steps of x, the past being that of x [nat]."""
        from nessmap.kernels.path_information import information_of_steps

        step = Step(self.network, dt)
        drive = self._per_curve(step.drive * self._strength)
        seen = np.linalg.solve(step.noise, drive)
        precision = drive.T @ seen
        known = velocity_filter(self.curves, self.signal_rate, dt, precision)
        v, r = x[:, 0], x[:, 1:]
        tuned = np.moveaxis(self.curves(v.ravel()).reshape(-1, *v.shape), 0, 1)
        between = (tuned[1:] + tuned[:-1]) / 2
        pull = seen.T @ (r[1:] - step.propagator @ r[:-1])
        truth = ((pull - precision @ between / 2) * between).sum(axis=1)
        out: Array = np.empty_like(truth)
        weights = np.repeat(known.prior[:, None], x.shape[2], axis=1)
        information_of_steps(out, pull, truth, known.tuned, known.cost, known.band, weights)
        return out

    @property
    def tunes_linearly(self) -> bool:
        """Whether f is a straight line, so that paths are Gaussian."""
        return self._text == "identity"

    def transfer_entropy_rate_at(self, dt: float) -> float:
        """Of Gaussian signals with the spectra of f(v), from velocity to neurons; dt = 0: in continuous time [nat/time]."""
        return gaussian_channel_rate(self.network, self.spectrum, dt)

    @cached_property
    def grid_limit(self) -> GridLimit | None:
        """Information and flow of the mean activity; None where neurons differ."""
        return None if self.pooled is None else grid_limit(self.pooled, self.box)

    @property
    def heat_rate(self) -> float:
        """Of the neurons, in continuous time [k_B/time]."""
        return float(self.response.entropy_flow.sum())

    @property
    def pooled(self) -> SensingNeuron | None:
        """The neuron that the mean activity is; None unless all neurons are alike and uncoupled."""
        alike = not (self.recurrence or self.gain_heterogeneity or self.rate_heterogeneity or self.threshold_spread)
        if not alike or not self.signal_to_noise:
            return None
        rate, gain = float(self.rates[0]), float(self.gains[0])
        return SensingNeuron(lambda v: gain * self.curves(v)[0], self.signal_rate, 1.0, rate, rate / self.n_neuron)

    @cached_property
    def box(self) -> Box:
        """Where velocity and mean activity are looked for."""
        if self.pooled is not None:
            return information_box(self.pooled)
        reach = _REACH * math.sqrt(float(self.response.covariance.mean()))
        middle = float(self.response.mean.mean())
        return Box(np.array([-6.0, middle - reach]), np.array([6.0, middle + reach]))

    def squared_learning_to_error(self, dt: float, sampled_time: float) -> float:
        return self.learning_at(dt) * sampled_time  # a sum of squares, each of variance 2 over the nats learned

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        made: dict[str, Callable[[], Prediction]] = {
            "neuron_heat_rate": lambda: _series(self.heat_rate),
            "learning_rate": lambda: self._learned,
            "second_law_residual": lambda: self._learned._replace(value=self.heat_rate - self._learned.value),
            "mean_activity": lambda: _series(mean_moments(self.response)[0]),
            "activity_variance": lambda: _series(mean_moments(self.response)[1]),
            "linear_readout_error": lambda: _series(linear_readout_error(self.response)),
        }
        if self.signal_to_noise:
            made["sensing_efficiency"] = lambda: self._learned._replace(value=self._learned.value / self.heat_rate)
        return {name: value() for name, value in made.items() if wanted is None or name in wanted}

    @cached_property
    def _learned(self) -> Prediction:
        """The flow on a grid, or where neurons differ what linear scores show of it."""
        if self.grid_limit is None:
            return Prediction(self.learning_at(0.0), "lower_bound", "scores linear in the activity; docs/theory.md")
        return Prediction(self.grid_limit.information_flow, "approximate", "grid; docs/theory.md")


def _series(value: float) -> Prediction:
    return Prediction(value, "exact", 'Hermite series; docs/theory.md, "Nonlinear tuning"')


def mean_moments(response: NetworkResponse) -> tuple[float, float, float]:
    """Mean and variance of the neurons' mean activity, and its covariance with the velocity."""
    return (
        float(response.mean.mean()),
        float(response.covariance.mean()),
        float(response.signal_covariance.mean()),
    )


def linear_readout_error(response: NetworkResponse) -> float:
    """Variance of the velocity that the best straight line through the mean activity leaves [v^2]."""
    _, variance, covariance = mean_moments(response)
    return 1.0 - covariance**2 / variance


def _curves(v: Array, text: str, shape: Array) -> Array:
    slope, threshold, exponent = shape[:, :, None]
    if text in _POWERS:
        return np.asarray(np.abs(slope * (v - threshold)) ** exponent)
    return np.asarray(transfer_functions.resolve(text).value(v, slope, threshold), dtype=float)


@lru_cache(maxsize=256)  # a sweep over noise and time scales asks for few of them
def _spectrum(text: str, content: bytes, n_neuron: int) -> TuningSpectrum:
    shape = np.frombuffer(content).reshape(3, -1)
    slope, threshold, exponent = shape
    one = len(slope) == 1
    if one and text in _POWERS and threshold[0] == 0:
        return power_law_spectrum(float(exponent[0]), float(slope[0]) ** 2, _N_TERM_OF_POWER)
    kinks = sorted({0.0, *threshold.tolist()})

    def curves(v: Array) -> Array:
        values = np.broadcast_to(_curves(v, text, shape), (len(slope), len(v)))
        return values[0] if one else values

    return tuning_spectrum(curves, 1.0, _N_TERM, kinks)


@lru_cache(maxsize=64)
def _products(text: str, content: bytes) -> Array:
    shape = np.frombuffer(content).reshape(3, -1)
    kinks = sorted({0.0, *shape[1].tolist()})
    return tuning_products(lambda v: _curves(v, text, shape), 1.0, _N_PRODUCT, kinks)
