"""The nonlinear field on a ring under noise that follows the gain of each site, read as Ito, Stratonovich or anti-Ito noise.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I + noise,  D(u) = D_0 / (dx tau^2) [f'(u) / f'(u_0)]^-exponent

exponent = 0 is additive noise; for an even kernel exponent = 1 is exact equilibrium, whatever f and the interpretation, which
shapes the law there but makes no current. Elsewhere the entropy production depends on it, from the second order of the noise
on. docs/theory.md, "Multiplicative noise".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from nessmap.model import Array, Prediction, Stepper, parameter
from nessmap.models.langevin import INTERPRETATIONS, RATES, LangevinModel
from nessmap.models.neural_field import in_kernels
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.theory import transfer_functions
from nessmap.theory.transfer_source import functions_source

# drives beta (u - theta): where f' must be positive, and where its tails are taken for the last ones
_SCANNED, _FAR = np.linspace(-8.0, 8.0, 321), np.array([-300.0, 300.0])
_STEEPEST_NOISE = 1.99  # from |u|^2 on, Stratonovich and anti-Ito noise reach infinity in a finite time


@dataclasses.dataclass(frozen=True)
class MultiplicativeField(NonlinearField):
    """One population about its lowest homogeneous state; noise_strength is that of the state.

    Steps split drift and noise, with weak order 2, or are stochastic Heun steps, of weak order 1 unless the noise is additive.
    """

    name: ClassVar[str] = "multiplicative_field"
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "multiplicative_field"
    local_noise: ClassVar[bool] = True

    transfer: str = parameter("arcsinh", "transfer function")
    slope: float = parameter(1.5, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.5, "threshold of the transfer function", units="u", symbol=r"\theta")
    scheme: str = parameter("splitting", "integrator", choices=("splitting", "heun"))
    exponent: float = parameter(1.0, "exponent of the noise in 1 / gain", symbol="e")
    interpretation: str = parameter("stratonovich", "interpretation of the noise", choices=tuple(INTERPRETATIONS))

    def check(self) -> None:
        super().check()
        if self.noise_correlation_length != 0:
            expected, remedy = "0: noise of each site's own", "use nonlinear_field for correlated additive noise"
            raise self.error("noise_correlation_length", expected, remedy)
        if self.exponent == 0:
            return
        if not np.all(self._gain_at(_SCANNED) > 0):
            expected = f"0: f' of {self.transfer} is not positive everywhere, and noise cannot follow it"
            raise self.error("exponent", expected, "use arcsinh, or add a linear part such as 0.1 * u")
        if self.noise_growth > _STEEPEST_NOISE:
            expected = (
                f"noise that grows more slowly than u^2, found |u|^{self.noise_growth:.3g} with transfer = {self.transfer}: "
                "no stationary law that a simulation could keep"
            )
            remedy = "lower exponent, use arcsinh, or add a linear part to the transfer function, such as 0.1 * u"
            raise self.error("exponent", expected, remedy)

    def _gain_at(self, drive: Array) -> Array:
        """f' where beta (u - theta) has these values [1/u]."""
        return self._of(self.function.derivative, self.threshold + drive[None] / self.slope)

    @property
    def noise_growth(self) -> float:
        """d ln D / d ln |u| far out on the steeper side; inf where D grows like an exponential beyond floats."""
        near, far = self._gain_at(_FAR), self._gain_at(2 * _FAR)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = -self.exponent * np.log2(far / near)
        # both 0: a gain that decays like an exponential
        return float(np.nan_to_num(growth, nan=np.sign(self.exponent) * np.inf, posinf=np.inf, neginf=-np.inf).max())

    @property
    def work_per_coordinate(self) -> float:
        """Powers of the gain in every stage, twice as many stages where steps are split."""
        powers = 50.0 if self.exponent == 0 or self.alpha == 0.5 else 90.0
        return super().work_per_coordinate + (2 if self.scheme == "splitting" else 1) * powers

    # --- noise

    @property
    def alpha(self) -> float:
        """0 Ito, 1/2 Stratonovich, 1 anti-Ito."""
        return INTERPRETATIONS[self.interpretation]

    def diffusion(self, x: Array, t: float) -> Array:
        """D_i(u_i) (n_dim, ...) [u^2/time]; that of the homogeneous state for the linear twin."""
        u, strength = x[: self.n_field], np.diag(self.noise_covariance).reshape(-1, *(1,) * (x.ndim - 1))
        gain = (
            self._of(self.function.derivative, u) / self.gain.reshape(strength.shape)
            if self.exponent
            else np.ones_like(u)
        )
        field = strength * gain**-self.exponent
        return (
            np.concatenate([field, np.broadcast_to(strength, u.shape)]) if len(x) > self.n_field else np.asarray(field)
        )

    @property
    def small_parameter(self) -> float:
        """What the linear response neglects of the drift, and of the noise its first order: e f''/f' times a deviation [1]."""
        bend = self.curvature / float(self.gain[0]) if self.exponent else 0.0
        spread = float(np.sqrt(np.diag(self.site_covariance).mean()))
        return float(np.hypot(super().small_parameter, self.exponent * bend * spread))

    # --- theory

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        made = super().theory(wanted)
        if self.exponent == 1 and self.even_kernel:
            exact = Prediction(0.0, "exact", "gain-matched noise, an exact equilibrium; docs/theory.md (94)")
            made |= dict.fromkeys(set(RATES) & made.keys(), exact)
        return made

    def weak_noise_rate(self) -> float:
        """Of the force of additive noise a part 1 - exponent is no gradient, to first order, in every interpretation."""
        return (1 - self.exponent) ** 2 * super().weak_noise_rate()

    # --- steps and entropy

    @property
    def _kernels(self) -> Any:
        from nessmap.kernels import generated, multiplicative_field  # late: planning a sweep must not load numba

        if transfer_functions.is_named(self.transfer):
            return multiplicative_field
        return generated.specialised("multiplicative_field", functions_source(self.transfer))

    def stepper(self, dt: float) -> Stepper:
        scheme = self.discretisation(dt)  # of the twin
        strengths = np.diag(self.noise_covariance)
        sites = np.array([self.rates, np.sqrt(2 * strengths), self.gain, *scheme.rows, np.sqrt(np.diag(scheme.noise))])
        law = np.array([dt, self.exponent, self.alpha - 0.5, self.scheme == "splitting"])
        coefficients = in_kernels(self._coupling), self.drive, *self._transfer_in_kernels, law, sites
        return Stepper(self._kernels.advance, coefficients)

    @cached_property
    def _parts(self) -> tuple[Array, Array]:
        """r W_s and r W_a, symmetric and antisymmetric part of the coupling; W_a exactly 0 where it is so to rounding."""
        received = self.rates[:, None] * self.weights
        odd = (received - received.T) / 2
        odd = np.where(np.abs(odd).max() <= 1e-12 * np.abs(received).max(), 0.0, odd)
        return received - odd, odd

    @property
    def _reference_gain(self) -> Array:
        """f'(u_0), or under additive noise any other number where that is 0: a multiple of f' W_s f is a gradient."""
        return np.where(self.gain != 0, self.gain, self.slope)

    @cached_property
    def _force_in_kernels(self) -> tuple[Any, ...]:
        even, odd = self._parts
        stages = in_kernels(self.stages_of(even)) + in_kernels(self.stages_of(odd))
        value = self._of(self.function.value, self.fixed_point)
        centre = np.array([1 / np.diag(self.noise_covariance), value, self._reference_gain, np.diag(even)])
        return stages, *self._transfer_in_kernels, centre

    def force(self, x: Array) -> Array:
        """D^-1 Ft less gradients (n, ...), h [(1 - p) r W_s' g + r W_a g]: W_s' without its diagonal, h = 1/D [1/u].

        g = f(u) - f(u_0), p = [f'(u) / f'(u_0)]^(1 - exponent)                 docs/theory.md (109)
        """
        even, odd = self._parts
        rows = (-1, *(1,) * (x.ndim - 1))
        apart = self._of(self.function.value, x) - self._of(self.function.value, self.fixed_point).reshape(rows)
        ratio = self._of(self.function.derivative, x) / self._reference_gain.reshape(rows)
        pushed = np.tensordot(even - np.diag(np.diag(even)), apart, axes=1)
        turned = np.tensordot(odd, apart, axes=1)
        return np.asarray(((1 - ratio ** (1 - self.exponent)) * pushed + turned) / self.diffusion(x, 0.0))

    # a force of its own: each estimator by itself
    entropy_along_path = LangevinModel.entropy_along_path

    def path_entropy(self, x: Array) -> Array:
        out = np.empty((len(x) - 1, x.shape[2]))
        force, function, shape, centre = self._force_in_kernels
        self._kernels.path_entropy(out, np.ascontiguousarray(x), force, function, shape, self.exponent, centre)
        return out

    def local_entropy_rate(self, x: Array) -> Array:
        out = np.empty((len(x), x.shape[2]))
        force, function, shape, centre = self._force_in_kernels
        field = in_kernels(self._coupling), self.drive, self.rates
        law = np.array([self.exponent, self.alpha])
        self._kernels.local_entropy_rate(out, np.ascontiguousarray(x), *field, force, function, shape, law, centre)
        return out
