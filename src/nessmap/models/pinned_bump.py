"""A bump of activity on a ring, held in place by a local input, and small fluctuations about it.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I(x) + noise,  I(x) = input + pull exp(-(x - x_0)^2 / 2 s^2)

linearised about the fixed point u*(x): the gain g(x) = f'(u*(x)) is largest on the flanks of the bump, so that the
drift W diag(g) is not symmetric although w is. Noise D(x) ~ g(x)^-alpha: uniform for alpha = 0, and for alpha = 1 detailed
balance holds exactly; docs/theory.md, "Broken homogeneity".
"""

from __future__ import annotations

import dataclasses
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from nessmap.model import Array, parameter
from nessmap.models.bump_field import BumpField
from nessmap.models.linear import LinearModel
from nessmap.theory import transfer_functions

_RELAXING_TIME, _NEWTON_STEPS = 60.0, 20  # in time constants; Newton takes over from there


@dataclasses.dataclass(frozen=True)
class PinnedBump(LinearModel, BumpField):
    """Linear fluctuations u - u* at the sites, by the exact step of the whole matrix.

    The fixed point is the one that relaxation without noise reaches from u = I(x).
    """

    name: ClassVar[str] = "pinned_bump"
    version: ClassVar[int] = 1

    transfer: str = parameter("logistic", "transfer function", choices=("logistic", "tanh"))
    slope: float = parameter(4.0, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.5, "threshold of the transfer function", units="u", symbol=r"\theta")

    def check(self) -> None:
        super().check()
        self.check_gain(self.gain)

    @property
    def n_dim(self) -> int:
        return self.n_site

    @cached_property
    def fixed_point(self) -> Array:
        """u* (n_site,); ParameterError where relaxation does not settle."""
        weights, local_input = self.weights.tobytes(), self.local_input.tobytes()
        settled = _settled(self.transfer, self.slope, self.threshold, weights, local_input)
        if settled is None:
            raise self.error("weight", "one with a bump at rest", "none was reached; bring it nearer 0, or lower slope")
        return settled

    @cached_property
    def gain(self) -> Array:
        """g(x_j) = f'(u*(x_j))."""
        function = transfer_functions.TRANSFER_FUNCTIONS[self.transfer]
        return np.asarray(function.derivative(self.fixed_point, self.slope, self.threshold))

    @cached_property
    def linear_drift(self) -> Array:
        return (self.weights * self.gain - np.eye(self.n_site)) / self.time_constant

    @cached_property
    def linear_diffusion(self) -> Array:
        return np.diag(self.noise_of(self.gain))

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, D tau."""
        return float(np.log(np.diag(self.linear_diffusion) * self.time_constant).sum())


@lru_cache(maxsize=1024)  # a sweep over the noise asks for the same bump again and again
def _settled(transfer: str, slope: float, threshold: float, weights: bytes, local_input: bytes) -> Array | None:
    """Fixed point of u = W f(u) + I: damped steps from u = I, then Newton's; None where these do not converge."""
    drive = np.frombuffer(local_input)
    matrix = np.frombuffer(weights).reshape(len(drive), len(drive))
    function = transfer_functions.TRANSFER_FUNCTIONS[transfer]
    u = drive.copy()
    # Euler steps that no linearised rate overshoots: f' is at most the slope (logistic: a quarter of it)
    step = 1 / (2 + slope * np.abs(matrix).sum(axis=1).max())
    for _ in range(int(_RELAXING_TIME / step)):
        u = u + step * (matrix @ function.value(u, slope, threshold) + drive - u)
    for _ in range(_NEWTON_STEPS):
        residual = matrix @ function.value(u, slope, threshold) + drive - u
        u = u - np.linalg.solve(matrix * function.derivative(u, slope, threshold) - np.eye(len(u)), residual)
        if np.abs(residual).max() < 1e-13 * (1 + np.abs(u).max()):
            return u
    return None
