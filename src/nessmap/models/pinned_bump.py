"""A bump of activity on a ring, held in place by a local input, and small fluctuations about it.

tau du/dt = -u + J Int w(x - x') f(u(x')) dx' + I(x) + noise,  I(x) = input + pull exp(-(x - x_0)^2 / 2 s^2)

linearised about the fixed point u*(x): the gain g(x) = f'(u*(x)) is largest on the flanks of the bump, so that the
drift W diag(g) is not symmetric although w is. Noise D(x) ~ g(x)^-alpha: uniform for alpha = 0, and for alpha = 1 detailed
balance holds exactly; docs/theory.md, "Broken homogeneity".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from nessmap.model import Array, ParameterError, parameter
from nessmap.models.linear import LinearModel
from nessmap.theory import spatial, transfer_functions

_RELAXING_TIME, _NEWTON_STEPS = 60.0, 20  # in time constants; Newton takes over from there


@dataclasses.dataclass(frozen=True)
class PinnedBump(LinearModel):
    """Linear fluctuations u - u* at the sites, by the exact step of the whole matrix.

    The fixed point is the one that relaxation without noise reaches from u = I(x).
    """

    name: ClassVar[str] = "pinned_bump"
    version: ClassVar[int] = 1

    weight: float = parameter(1.0, "weight of the kernel", units="u", symbol="J")
    pull: float = parameter(1.0, "strength of the local input", units="u", symbol="I_1")
    noise_exponent: float = parameter(0.0, "exponent of the noise in the gain", symbol=r"\alpha")
    transfer: str = parameter("logistic", "transfer function", choices=("logistic", "tanh"))
    slope: float = parameter(4.0, "slope of the transfer function", units="1/u", above=0.0, symbol=r"\beta")
    threshold: float = parameter(0.5, "threshold of the transfer function", units="u", symbol=r"\theta")
    input: float = parameter(0.0, "homogeneous input", units="u", symbol="I_0")
    input_width: float = parameter(1.0, "width of the local input", units="length", above=0.0, symbol="s")
    kernel_width: float = parameter(0.8, "width of the excitation", units="length", above=0.0, symbol="w")
    inhibition_width: float = parameter(1.6, "width of the inhibition", units="length", above=0.0, symbol="w_i")
    inhibition: float = parameter(0.5, "inhibition relative to excitation", minimum=0.0, symbol="r")
    noise_strength: float = parameter(0.01, "mean noise strength", units="u^2 length time", above=0.0, symbol="D_0")
    length: float = parameter(8.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(16, "number of sites", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")

    def check(self) -> None:
        spacing = self.length / self.n_site
        for name in ("kernel_width", "inhibition_width"):
            if getattr(self, name) < spacing * (1 - 1e-9):
                remedy = f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}"
                raise self.error(name, f">= {spacing:.4g} [site spacing length / n_site]", remedy)
        if self.gain.min() < 1e-6 * self.gain.max() and self.noise_exponent != 0:
            raise ParameterError(
                "noise_exponent",
                f"{self.name}: noise_exponent = {self.noise_exponent}, expected 0: the gain spans more than six decades, "
                "and noise that follows it would too; lower slope or pull",
            )

    @property
    def n_dim(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The half of the ring around the bump, and the rest."""
        half, quarter = self.n_site // 2, self.n_site // 4
        return {
            "bump": range(quarter, quarter + half),
            "surround": [*range(quarter), *range(quarter + half, self.n_site)],
        }

    @cached_property
    def weights(self) -> Array:
        """W = J dx w(x_i - x_j), symmetric."""
        profile = spatial.PROFILES["difference_of_gaussians"]
        reach = profile.reach * max(self.kernel_width, self.inhibition_width)
        values = spatial.summed_over_images(
            lambda x: profile.value(x, self.kernel_width, self.inhibition_width, self.inhibition),
            self.n_site,
            self.length,
            reach,
        )
        return self.weight * (self.length / self.n_site) * spatial.circulant(values)

    @cached_property
    def local_input(self) -> Array:
        """I(x_j), the bump's input centred between the two middle sites of its half of the ring."""
        centre = self.n_site // 4 + (self.n_site // 2 - 1) / 2
        distance = (np.arange(self.n_site) - centre + self.n_site / 2) % self.n_site - self.n_site / 2
        x = distance * self.length / self.n_site
        return self.input + self.pull * np.exp(-0.5 * (x / self.input_width) ** 2)

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
        shape = self.gain**-self.noise_exponent
        site_strength = self.noise_strength * self.n_site / (self.length * self.time_constant**2)
        return np.diag(site_strength * shape / shape.mean())

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
