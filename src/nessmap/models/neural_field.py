"""What nonlinear neural fields share: sites that drive each other through a transfer function, under additive noise.

du_i = r_i (sum_j W_ij f(u_j) + I_i - u_i) dt + noise,  <noise_i noise_j> = 2 D_ij delta(t - t')

A subclass gives W, r, I and D. Steps are stochastic Heun or exponential ones; entropy along paths is summed with what is a
gradient at the fixed point left out. docs/theory.md, "Nonlinear field".
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nessmap.model import Array, Stepper, parameter
from nessmap.models.langevin import LangevinModel, Linearised
from nessmap.models.linear import LinearModel, noise_factor
from nessmap.theory import stages, transfer_functions
from nessmap.theory.stages import Stages
from nessmap.theory.transfer_functions import TransferFunction
from nessmap.theory.transfer_source import functions_source


class Scheme(NamedTuple):
    """A step a = p u + b N(u) + z, u' = a + c (N(a) - N(u)) + q (a - u), row by row, and the covariance of z."""

    rows: Array
    """(4, n): p, b, c, q."""
    noise: Array
    """(n, n) [u^2]."""


@dataclasses.dataclass(frozen=True)
class NeuralField(LangevinModel):
    """A nonlinear field at sites; where `control_variate` is linear, its linear twin runs beside it on the same noise."""

    kernel_file: ClassVar[str] = "neural_field"
    integrator: ClassVar[str] = "scheme"  # one of the parameters

    transfer: str = parameter("logistic", "transfer function")
    slope: float = parameter(2.0, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.0, "threshold of the transfer function", units="u", symbol=r"\theta")
    input: float = parameter(0.0, "homogeneous input", units="u", symbol="I")
    scheme: str = parameter("heun", "integrator", choices=("heun", "exponential"))
    control_variate: str = parameter("none", "what is simulated beside the field", choices=("none", "linear"))

    def check(self) -> None:
        super().check()
        try:
            transfer_functions.resolve(self.transfer)
        except ValueError as error:
            raise self.error("transfer", "a transfer function", str(error)) from None

    def probe(self) -> None:
        """The drift of a field is known to be one."""

    # --- what a subclass gives

    @property
    @abstractmethod
    def weights(self) -> Array:
        """W (n_field, n_field), first index receives [u]."""

    @property
    @abstractmethod
    def rates(self) -> Array:
        """r (n_field,) [1/time]."""

    @property
    @abstractmethod
    def noise_covariance(self) -> Array:
        """D (n_field, n_field) [u^2/time]."""

    @property
    def drive(self) -> Array:
        """I (n_field,) [u]."""
        return np.full(self.n_field, self.input)

    @property
    def slopes_and_thresholds(self) -> Array:
        """(2, n_field): of the transfer function, row by row."""
        return np.array([np.full(self.n_field, self.slope), np.full(self.n_field, self.threshold)])

    def stages_of(self, matrix: Array) -> Stages:
        """The cheapest way to multiply with a matrix that has the field's symmetry."""
        return of_shape(stages.of_matrix, matrix)

    # --- the field

    @property
    def has_twin(self) -> bool:
        return self.control_variate == "linear"

    @property
    def n_dim(self) -> int:
        return self.n_field * (2 if self.has_twin else 1)

    @cached_property
    def function(self) -> TransferFunction:
        return transfer_functions.resolve(self.transfer)

    @property
    def work_per_coordinate(self) -> float:
        """Products with the coupling and transfer functions, in the step and in its entropy."""
        per_site = min(self.n_field, 16 + 5 * math.log2(self.n_field))  # of rows, or of a Fourier transform
        return (16.0 + 2.0 * per_site) * self.n_field / self.n_dim * (1.6 if self.has_twin else 1.0)

    def path_parameters(self) -> dict[str, Any]:
        return {**super().path_parameters(), "transfer": transfer_functions.resolve(self.transfer).canonical}

    def _of(self, function: Any, u: Array) -> Array:
        slope, threshold = (row.reshape(-1, *(1,) * (u.ndim - 1)) for row in self.slopes_and_thresholds)
        return np.asarray(function(u, slope, threshold), dtype=float)

    def drift(self, x: Array, t: float) -> Array:
        """F (n_dim, ...) [u/time]; of the field alone where x has n_field rows."""
        u = x[: self.n_field]
        rate, drive = (row.reshape(-1, *(1,) * (u.ndim - 1)) for row in (self.rates, self.drive))
        field = rate * (np.tensordot(self.weights, self._of(self.function.value, u), axes=1) + drive - u)
        if len(x) == self.n_field:
            return np.asarray(field)
        return np.concatenate([field, np.tensordot(self.linearised.linear_drift, x[self.n_field :], axes=1)])

    def diffusion(self, x: Array, t: float) -> Array:
        return self.noise_covariance

    @cached_property
    def gain(self) -> Array:
        """f'(u*) (n_field,) [1/u]."""
        return self._of(self.function.derivative, self.fixed_point)

    @cached_property
    def linearised(self) -> LinearModel:
        return Linearised(self.linear_drift, self.noise_covariance, self.partition)

    def sided_system(self) -> tuple[Array, Array]:
        return self.linear_drift, self.noise_covariance

    @cached_property
    def linear_drift(self) -> Array:
        """A = r (W f'(u*) - 1) (n_field, n_field) [1/time]."""
        return self.rates[:, None] * (self.weights * self.gain - np.eye(self.n_field))

    # --- steps

    def discretisation(self, dt: float) -> Scheme:
        """What a step of the chosen scheme multiplies with."""
        reach = self.rates * dt
        if self.scheme == "heun":
            rows = [1 - reach, reach, reach / 2, -reach / 2]
            return Scheme(np.array(rows), 2 * dt * self.noise_covariance)
        decayed = np.exp(-reach)
        # (c - 1 + e^-c)/c without cancellation where c is small
        second = np.where(reach < 1e-3, reach / 2 - reach**2 / 6 + reach**3 / 24, 1 + np.expm1(-reach) / reach)
        both = reach[:, None] + reach[None, :]
        noise = 2 * dt * self.noise_covariance * -np.expm1(-both) / both
        return Scheme(np.array([decayed, -np.expm1(-reach), second, np.zeros_like(reach)]), noise)

    def linear_step(self, dt: float) -> tuple[Array, Array]:
        scheme = self.discretisation(dt)
        keep, first, second, pull = scheme.rows[:, :, None]
        linear, one = self.weights * self.gain, np.eye(self.n_field)
        guess, corrector = keep * one + first * linear, second * linear + pull * one
        kick = one + corrector
        return guess + corrector @ (guess - one), kick @ scheme.noise @ kick.T

    @cached_property
    def _coupling(self) -> Stages:
        return self.stages_of(self.weights)

    def _noise_stages(self, covariance: Array) -> Stages:
        return of_shape(stages.of_matrix, noise_factor(covariance))

    @property
    def _transfer_in_kernels(self) -> tuple[int, Array]:
        return transfer_functions.kernel_number(self.transfer), self.slopes_and_thresholds

    @property
    def _kernels(self) -> Any:
        """The module of inner loops: the shipped one, or one made for the user's transfer function."""
        from nessmap.kernels import generated, neural_field  # late: planning a sweep must not load numba

        if transfer_functions.is_named(self.transfer):
            return neural_field
        return generated.specialised("neural_field", functions_source(self.transfer))

    def stepper(self, dt: float) -> Stepper:
        scheme = self.discretisation(dt)
        coefficients = (
            in_kernels(self._coupling),
            in_kernels(self._noise_stages(scheme.noise)),
            self.drive,
            *self._transfer_in_kernels,
            scheme.rows,
            self.gain,
        )
        return Stepper(self._kernels.advance, coefficients)

    def stationary_sample(self, normals: Array) -> Array:
        apart = noise_factor(self.site_covariance) @ normals[: self.n_field]
        field = self.fixed_point[:, None] + apart
        return np.concatenate([field, apart]) if self.has_twin else field

    # --- entropy

    @property
    def why_no_entropy(self) -> str:
        return ""  # every site has noise of its own

    @cached_property
    def _inverse_noise(self) -> Array:
        return np.linalg.inv(self.noise_covariance)

    @cached_property
    def bending_force(self) -> Array:
        """G = D^-1 r W less what each site's own state does, which is a gradient: diag(D G) = 0; docs/theory.md (102).

        Exactly 0 where it is so to rounding: noise in proportion to W is equilibrium.
        """
        force = self._inverse_noise @ (self.rates[:, None] * self.weights)
        own = self.rates * np.diag(self.weights) / np.diag(self.noise_covariance)
        rest = force - np.diag(own)
        return np.where(np.abs(rest).max() <= 1e-12 * np.abs(force).max(), 0.0, rest)

    @cached_property
    def _force_in_kernels(self) -> tuple[Any, ...]:
        centre = self.fixed_point
        around = np.array([centre, self._of(self.function.value, centre), self.gain])
        forces = self.bending_force, self.circulating_force
        matrices = (in_kernels(self.stages_of(matrix)) for matrix in forces)
        return (*matrices, *self._transfer_in_kernels, around)

    def force(self, x: Array) -> Array:
        """G (f(u) - f(u*) - f'(u*) (u - u*)) + C (u - u*): the force less gradients [1/u]."""
        u, (origin, value, slope) = x, (row.reshape(-1, *(1,) * (x.ndim - 1)) for row in self._force_in_kernels[-1])
        bent = self._of(self.function.value, u) - value - slope * (u - origin)
        pushed = np.tensordot(self.bending_force, bent, axes=1)
        return np.asarray(pushed + np.tensordot(self.circulating_force, u - origin, axes=1))

    def path_entropy(self, x: Array) -> Array:
        return self._along_path(x, 0, len(x) - 1, 0)[1]

    def local_entropy_rate(self, x: Array) -> Array:
        # states, not steps: one more than the kernel looks at ends the last one
        return self._along_path(np.concatenate([x, x[-1:]]), len(x), 0, 0)[0]

    def entropy_along_path(self, x: Array, every: int) -> tuple[Array, Array, Array]:
        n_step = len(x) - 1
        return self._along_path(x, n_step // every, n_step, n_step // 2)

    def _along_path(self, x: Array, *lengths: int) -> tuple[Array, Array, Array]:
        """Local entropy rates, entropies of steps and of pairs of steps, as many as wanted; the force is made once."""
        local, single, double = (np.empty((n, x.shape[2])) for n in lengths)
        field = in_kernels(self._coupling), self.drive, self.rates
        path = np.ascontiguousarray(x)
        self._kernels.entropy_along_path(local, single, double, path, *field, *self._force_in_kernels)
        return local, single, double

    # --- the linear twin

    @cached_property
    def twin(self) -> LinearTwin:
        return LinearTwin(self.linear_drift, self.circulating_force)


class LinearTwin(NamedTuple):
    """The linear field beside a nonlinear one, as far as its entropy goes; x is what deviates from u*."""

    drift: Array
    circulating: Array

    def path_entropy(self, x: Array) -> Array:
        """(n_step, n_lane) of x (n_step + 1, n, n_lane)."""
        along = np.moveaxis(x, 1, 0)
        before, after = along[:, :-1], along[:, 1:]
        # (x' - x) C (x' + x)/2 = x' C x, C antisymmetric
        return np.asarray((after * np.tensordot(self.circulating, before, axes=1)).sum(axis=0))

    def entropy_along_path(self, x: Array, every: int) -> tuple[Array, Array, Array]:
        """As LangevinModel.entropy_along_path."""
        return self.local_entropy_rate(x[:-1:every]), self.path_entropy(x), self.path_entropy(x[::2])

    def local_entropy_rate(self, x: Array) -> Array:
        """(n_state, n_lane) of x (n_state, n, n_lane)."""
        along = np.moveaxis(x, 1, 0)
        pushed, drift = (np.tensordot(matrix, along, axes=1) for matrix in (self.circulating, self.drift))
        return np.asarray((pushed * drift).sum(axis=0))


def of_shape(build: Callable[[Array], Stages], values: Array) -> Stages:
    """build(values), kept for other values in proportion to these: a sweep over strengths looks for one chain once."""
    scale = float(np.abs(values).max(initial=0.0)) or 1.0
    shape = np.round(values / scale, 15) + 0.0
    return stages.scaled(_built(build, shape.shape, shape.tobytes()), scale)


@lru_cache(maxsize=64)
def _built(build: Callable[[Array], Stages], shape: tuple[int, ...], content: bytes) -> Stages:
    return build(np.frombuffer(content).reshape(shape))


def in_kernels(chain: Stages) -> tuple[Any, ...]:
    """Stages as kernels take them."""
    return *chain.arrays, chain.width
