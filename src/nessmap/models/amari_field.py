"""The linearised stochastic Amari neural field on a ring.

tau du/dt = -u + g Int w(x - x') u(x') dx' + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

with w of unit integral, so that `coupling` = gain x kernel integral and the threshold of a positive kernel is 1. The model
follows Lucente, Gradenigo, Salasnich, Entropy 27, 1104 (2025); every formula is derived in docs/theory.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from nessmap.model import Array, Prediction, Stability, Stepper, parameter
from nessmap.models.linear import Indices, LinearModel

SOURCE = "derived in docs/theory.md; model of Lucente, Gradenigo, Salasnich, Entropy 27, 1104 (2025)"

# Transforms Int w(x) exp(-i k x) dx of kernels of unit integral, as functions of k and width.
TRANSFORMS: dict[str, Callable[[Array, float], Array]] = {
    "gaussian": lambda k, width: np.exp(-0.5 * (k * width) ** 2),
}


class _Modes(NamedTuple):
    """Per wavenumber k >= 0: rates gamma, omega [1/time] and noise eigenvalue d [u^2/time]."""

    wavenumber: Array
    decay: Array
    rotation: Array
    diffusion: Array


@dataclasses.dataclass(frozen=True)
class AmariField(LinearModel):
    """Linear field on a ring of n_site sites, simulated in orthonormal real Fourier coordinates (cosines and sines).

    The mode k obeys d u_k = -(gamma + i omega) u_k dt + sqrt(2 d) dW with gamma = (1 - g Re w_k)/tau, omega = -g Im w_k/tau,
    d = C_k/(dx tau^2). Coordinates are ordered c_0, c_1, s_1, c_2, s_2, ..., and c_(N/2) last when N is even.
    """

    name: ClassVar[str] = "amari_field"
    kernel_file: ClassVar[str] = "amari_field"

    coupling: float = parameter(0.5, "coupling", symbol="g")
    shift: float = parameter(0.0, "kernel shift", units="length", symbol="s")
    noise_correlation_length: float = parameter(
        0.0, "noise correlation length", units="length", minimum=0.0, symbol=r"\xi"
    )
    kernel: str = parameter("gaussian", "shape of the kernel", choices=tuple(TRANSFORMS))
    kernel_width: float = parameter(0.7, "kernel width", units="length", above=0.0, symbol="w")
    noise: str = parameter("exponential", "shape of the noise's covariance", choices=("exponential", "gaussian"))
    noise_strength: float = parameter(0.1, "noise strength", units="u^2 length tau", above=0.0, symbol="D_0")
    length: float = parameter(12.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(64, "number of sites", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")

    def check(self) -> None:
        spacing = self.length / self.n_site
        if self.kernel_width < spacing * (1 - 1e-9):
            raise self.error(
                "kernel_width",
                f">= {spacing:.4g} [site spacing length / n_site]",
                f"raise n_site to {int(np.ceil(self.length / self.kernel_width))}",
            )
        correlation = self.noise_correlation_length
        if 0 < correlation < spacing / 4:
            raise self.error(
                "noise_correlation_length",
                f"0 (white) or >= {spacing / 4:.4g} [a quarter of the site spacing length / n_site]",
                f"raise n_site to {int(np.ceil(self.length / correlation / 4))}",
            )
        if self.noise == "gaussian" and correlation > 11 * spacing:
            raise self.error(
                "noise_correlation_length",
                f"<= {11 * spacing:.4g} [11 site spacings]: the noise of the shortest waves underflows",
                f"lower n_site to {int(11 * self.length / correlation)} or take noise: exponential",
            )

    @property
    def n_dim(self) -> int:
        return self.n_site

    @property
    def spacing(self) -> float:
        """dx = length / n_site."""
        return self.length / self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the ring, as sites."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @cached_property
    def modes(self) -> _Modes:
        """Rates and noise per wavenumber k = 2 pi q / L, q = 0 .. N/2."""
        wavenumber = 2 * np.pi * np.arange(self.n_site // 2 + 1) / self.length
        real, imaginary = self._kernel_transform(wavenumber)
        return _Modes(
            wavenumber,
            (1 - self.coupling * real) / self.time_constant,
            -self.coupling * imaginary / self.time_constant,
            self._noise_spectrum(wavenumber),
        )

    def _kernel_transform(self, wavenumber: Array) -> tuple[Array, Array]:
        """Real and imaginary part of the kernel sampled at the sites: the continuum transform summed over aliases."""
        band = 2 * np.pi / self.spacing
        # |transform| < 1e-17 beyond k = 9 / width; m and -m enter together, so that k = 0 stays real to rounding
        n_alias = int(np.ceil(9 / (self.kernel_width * band))) + 1
        k = wavenumber[:, None] + band * np.arange(-n_alias, n_alias + 1)
        size = TRANSFORMS[self.kernel](k, self.kernel_width)
        real, imaginary = (size * np.cos(k * self.shift)).sum(axis=1), -(size * np.sin(k * self.shift)).sum(axis=1)
        imaginary[0] = 0.0
        if self.n_site % 2 == 0:
            imaginary[-1] = 0.0  # the shortest wave of a real field has no phase
        return real, imaginary

    def _noise_spectrum(self, wavenumber: Array) -> Array:
        """d(k) = (discrete transform of C at the sites) / tau^2, C of integral noise_strength."""
        white = self.noise_strength / (self.spacing * self.time_constant**2)
        correlation, dx = self.noise_correlation_length, self.spacing
        if correlation == 0:
            return np.full(len(wavenumber), white)
        if self.noise == "exponential":
            # the sum over images in closed form: sinh/(cosh - cos), rewritten so that long and short correlation are safe
            fade = np.exp(-dx / correlation)
            fall = -np.expm1(-2 * dx / correlation)
            aliased = fall / ((1 - fade) ** 2 + 4 * fade * np.sin(wavenumber * dx / 2) ** 2)
            return white * dx / (2 * correlation) * aliased
        band = 2 * np.pi / dx
        n_alias = int(np.ceil(9 / (correlation * band))) + 1
        k = wavenumber[:, None] + band * np.arange(-n_alias, n_alias + 1)
        return white * np.exp(-0.5 * (k * correlation) ** 2).sum(axis=1)

    @cached_property
    def _mode_of(self) -> Indices:
        """Wavenumber index of each coordinate: 0, 1, 1, 2, 2, ..."""
        return (np.arange(self.n_site) + 1) // 2

    @cached_property
    def _pairs(self) -> tuple[Indices, Indices]:
        """Cosine and sine coordinates of the wavenumbers that have both."""
        cosines = np.arange(1, self.n_site - 1, 2)
        return cosines, cosines + 1

    def _signed_rotation(self) -> Array:
        """A_(i, partner): -omega for a cosine, +omega for its sine, 0 for coordinates without partner."""
        rotation = np.zeros(self.n_site)
        cosines, sines = self._pairs
        rotation[cosines] = -self.modes.rotation[self._mode_of[cosines]]
        rotation[sines] = self.modes.rotation[self._mode_of[sines]]
        return rotation

    @cached_property
    def _partner(self) -> Indices:
        partner = np.arange(self.n_site)
        cosines, sines = self._pairs
        partner[cosines], partner[sines] = sines, cosines
        return partner

    @cached_property
    def linear_drift(self) -> Array:  # type: ignore[override]  # a cached property serves as one
        drift = np.diag(-self.modes.decay[self._mode_of])
        drift[np.arange(self.n_site), self._partner] += self._signed_rotation()
        return drift

    @cached_property
    def linear_diffusion(self) -> Array:  # type: ignore[override]
        return np.diag(self.modes.diffusion[self._mode_of])

    @cached_property
    def power(self) -> Array:
        """Stationary structure factor S(k) = d/gamma of unitary modes, k = 0 .. N/2 [u^2]."""
        return self.modes.diffusion / self.modes.decay

    @cached_property
    def stationary_covariance(self) -> Array:
        return np.diag(self.power[self._mode_of])

    @cached_property
    def correlated_pairs(self) -> tuple[Indices, Indices]:
        own = np.arange(self.n_site)
        cosines, sines = self._pairs
        return np.concatenate([own, cosines]), np.concatenate([own, sines])

    @cached_property
    def local_mean_weights(self) -> Array:
        """omega^2/d on squares, nothing on cross products."""
        weights = (self.modes.rotation**2 / self.modes.diffusion)[self._mode_of]
        return np.concatenate([weights, np.zeros(len(self._pairs[0]))])

    @cached_property
    def path_weights(self) -> Array:
        """(omega/d) (c s' - s c') per pair."""
        cosines, _ = self._pairs
        turn = (self.modes.rotation / self.modes.diffusion)[self._mode_of[cosines]]
        return np.concatenate([np.zeros(self.n_site), turn, -turn])

    def path_entropy_production_rate(self, dt: float) -> float:
        modes = self.modes
        per_mode = modes.rotation / modes.decay * np.exp(-modes.decay * dt) * np.sin(modes.rotation * dt) / dt
        return float(per_mode[self._mode_of].sum())

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.amari_field import advance

        decay, mode = self.modes.decay, self._mode_of
        angle = self._signed_rotation() * dt
        keep = np.exp(-decay[mode] * dt) * np.cos(angle)
        turn = np.exp(-decay[mode] * dt) * np.sin(angle)
        kick = np.sqrt(self.power * -np.expm1(-2 * decay * dt))[mode]
        return Stepper(advance, (keep, turn, self._partner, kick))

    def stationary_sample(self, normals: Array) -> Array:
        return np.sqrt(self.power)[self._mode_of][:, None] * normals

    def mode_power(self, moments: Array) -> Array:
        """Estimated S(k) (..., N/2 + 1) from second moments (..., n_pair): the mean of a cosine's and its sine's."""
        squares = moments[..., : self.n_site]
        power = np.zeros((*moments.shape[:-1], self.n_site // 2 + 1))
        np.add.at(power, (..., self._mode_of), squares)
        return power / np.bincount(self._mode_of)

    def covariance_of(self, moments: Array) -> Array:
        """Site covariance; a homogeneous field's depends on the distance alone."""
        return self._toeplitz(self.mode_power(moments))

    def _toeplitz(self, power: Array) -> Array:
        profile = np.fft.irfft(power, n=self.n_site, axis=-1)
        sites = np.arange(self.n_site)
        return profile[..., np.abs(sites[:, None] - sites[None, :])]

    def mutual_information(self, covariance: Array) -> Array:
        """Between the halves; NaN where the noise is so smooth that ten digits of the covariance are lost.

        -(1/2) ln det(1 - C C^T) with the canonical correlations C: exact for weak dependence, and for a stack of
        covariances ten times as fast as one after the other.
        """
        power = np.fft.rfft(covariance[..., 0, :], axis=-1).real  # circulant: its spectrum
        precise = power.min(axis=-1) > 1e-10 * power.max(axis=-1)
        safe = np.where(precise[..., None, None], covariance, np.eye(self.n_site))
        a, b = map(list, self.partition.values())
        factors = [np.linalg.cholesky(safe[..., side, :][..., :, side]) for side in (a, b)]
        half = np.linalg.solve(factors[0], safe[..., a, :][..., :, b])
        correlation = np.linalg.solve(factors[1], np.swapaxes(half, -1, -2))
        explained = correlation @ np.swapaxes(correlation, -1, -2)
        return np.where(precise, -0.5 * np.linalg.slogdet(np.eye(len(b)) - explained)[1], np.nan)

    def to_sites(self, x: Array) -> Array:
        """The field u_j (n_site, ...) of orthonormal Fourier coordinates x (n_site, ...)."""
        spectrum = np.zeros((self.n_site // 2 + 1, *x.shape[1:]), complex)
        cosines, sines = self._pairs
        spectrum[self._mode_of] = x
        spectrum[1 : len(cosines) + 1] = (x[cosines] - 1j * x[sines]) / np.sqrt(2)
        return np.fft.irfft(spectrum, n=self.n_site, axis=0) * np.sqrt(self.n_site)

    def stability(self) -> Stability:
        leading = int(np.argmin(self.modes.decay))
        if leading == 0:
            kind = "uniform"
        else:
            kind = "Turing" if self.modes.rotation[leading] == 0 else "travelling"
        return Stability(float(-self.modes.decay[leading]), kind, float(self.modes.wavenumber[leading]))

    def theory(self) -> dict[str, Prediction]:
        """Mode sums; the entropy production rate sum omega^2/gamma contains neither the noise's strength nor its spectrum."""
        rate = float((self.modes.rotation**2 / self.modes.decay)[self._mode_of].sum())
        predictions = {
            "entropy_production_rate": rate,
            "entropy_production_rate_path": rate,
            "site_variance": float(self.power[self._mode_of].mean()),
            "structure_factor": self.power,
            "mutual_information": float(self.mutual_information(self._toeplitz(self.power))),
        }
        return {name: Prediction(value, "exact", SOURCE) for name, value in predictions.items()}
