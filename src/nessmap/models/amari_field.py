"""The linearised stochastic Amari neural field on a ring.

tau du/dt = -u + g Int w(x - x') u(x') dx' + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

A positive kernel w has unit integral, so that `coupling` g = gain x kernel integral and its threshold is 1; a difference of
Gaussians has an excitation of unit integral, a wizard hat (of zero integral) unit amplitude. The model
follows Lucente, Gradenigo, Salasnich, Entropy 27, 1104 (2025); every formula is derived in docs/theory.md.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from nessmap.model import Array, Matrix, ParameterError, Prediction, Stability, Stepper, parameter
from nessmap.models.linear import Indices, LinearModel
from nessmap.theory import spatial

SOURCE = "derived in docs/theory.md; model of Lucente, Gradenigo, Salasnich, Entropy 27, 1104 (2025)"


_NAMED = ("kernel", tuple(spatial.PROFILES))
_HAT = ("kernel", ("difference_of_gaussians",))


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
    version: ClassVar[int] = 1
    kernel_file: ClassVar[str] = "amari_field"

    coupling: float = parameter(0.5, "coupling", symbol="g")
    shift: float = parameter(0.0, "kernel shift", units="length", symbol="s", used_with=_NAMED)
    noise_correlation_length: float = parameter(
        0.0, "noise correlation length", units="length", minimum=0.0, symbol=r"\xi"
    )
    kernel: str = parameter("gaussian", "shape of the kernel", choices=(*spatial.PROFILES, "sampled"))
    kernel_width: float = parameter(0.7, "kernel width", units="length", above=0.0, symbol="w", used_with=_NAMED)
    inhibition_width: float = parameter(
        1.4, "width of the inhibition", units="length", above=0.0, symbol="w_i", used_with=_HAT
    )
    inhibition: float = parameter(0.5, "inhibition relative to excitation", minimum=0.0, symbol="r", used_with=_HAT)
    oscillation_decay: float = parameter(
        0.4, "decay per radian", minimum=0.05, symbol="b", used_with=("kernel", ("damped_oscillation",))
    )
    kernel_values: Matrix = parameter(
        (), "kernel at the sites, one row", units="1/length", used_with=("kernel", ("sampled",))
    )
    noise: str = parameter(
        "exponential", "shape of the noise's covariance", choices=("exponential", "gaussian", "sampled")
    )
    noise_values: Matrix = parameter(
        (), "covariance of the noise at the sites, one row; of unit strength", units="1/length"
    )
    noise_strength: float = parameter(0.1, "noise strength", units="u^2 length tau", above=0.0, symbol="D_0")
    length: float = parameter(12.0, "length of the ring", units="length", above=0.0, symbol="L")
    n_site: int = parameter(64, "number of sites", minimum=3, symbol="N")
    time_constant: float = parameter(1.0, "time constant", units="time", above=0.0, symbol=r"\tau")

    def check(self) -> None:
        spacing = self.length / self.n_site
        widths = {
            "kernel_width": self.kernel != "sampled",
            "inhibition_width": self.kernel == "difference_of_gaussians",
        }
        for name in (name for name, used in widths.items() if used):
            if getattr(self, name) < spacing * (1 - 1e-9):
                raise self.error(
                    name,
                    f">= {spacing:.4g} [site spacing length / n_site]",
                    f"raise n_site to {int(np.ceil(self.length / getattr(self, name)))}",
                )
        for name, chosen in (("kernel_values", self.kernel), ("noise_values", self.noise)):
            size = len(getattr(self, name)[0]) if getattr(self, name) else 0
            n_row = len(getattr(self, name))
            if chosen == "sampled" and (n_row, size) != (1, self.n_site):
                raise ParameterError(
                    name,
                    f"{self.name}: {name} has {n_row} rows of {size} values, expected one of n_site = {self.n_site}; "
                    "give the values from site 0 on",
                )
        if self.noise == "sampled":
            row = np.array(self.noise_values[0])
            if not np.array_equal(row[1:], row[:0:-1]) or self._noise_spectrum().min() <= 0:
                raise ParameterError(
                    "noise_values",
                    f"{self.name}: noise_values is no covariance, expected C_j = C_(N-j) with a positive discrete transform",
                )
            return
        correlation = self.noise_correlation_length
        if 0 < correlation < spacing / 2 * (1 - 1e-9):
            raise self.error(
                "noise_correlation_length",
                f"0 (white) or >= {spacing / 2:.4g} [half the site spacing length / n_site]",
                f"raise n_site to {int(np.ceil(self.length / correlation / 2))}",
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
        real, imaginary = spatial.transform(self._kernel_at_sites(), self.spacing)
        return _Modes(
            2 * np.pi * np.arange(self.n_site // 2 + 1) / self.length,
            (1 - self.coupling * real) / self.time_constant,
            -self.coupling * imaginary / self.time_constant,
            self._noise_spectrum() * self.noise_strength / self.time_constant**2,
        )

    def _kernel_at_sites(self) -> Array:
        """w(x_j) [1/length], summed over periodic images."""
        if self.kernel == "sampled":
            return np.array(self.kernel_values[0])
        profile = spatial.PROFILES[self.kernel]
        shift = math.fmod(self.shift, self.length)  # on a ring a whole turn is no shift
        ratio, width = self.inhibition, max(self.kernel_width, self.inhibition_width)
        if self.kernel == "damped_oscillation":
            ratio, width = self.oscillation_decay, self.kernel_width / self.oscillation_decay

        def shifted(x: Array) -> Array:
            return profile.value(x - shift, self.kernel_width, self.inhibition_width, ratio)

        return spatial.summed_over_images(shifted, self.n_site, self.length, profile.reach * width + self.length)

    def _noise_spectrum(self) -> Array:
        """Transform of the noise's covariance for unit strength, k = 0 .. N/2."""
        if self.noise == "sampled":
            return spatial.transform(np.array(self.noise_values[0]), 1.0)[0]
        return spatial.noise_spectrum(self.noise, self.noise_correlation_length, self.n_site, self.length)

    @cached_property
    def _mode_of(self) -> Indices:
        """Wavenumber index of each coordinate: 0, 1, 1, 2, 2, ..."""
        return (np.arange(self.n_site) + 1) // 2

    @property
    def mode_multiplicity(self) -> Array:
        """Coordinates per wavenumber: 2 for k and -k together, 1 where they are the same."""
        return np.bincount(self._mode_of).astype(float)

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

    @property
    def work_per_coordinate(self) -> float:
        return 1.0

    @cached_property
    def linear_drift(self) -> Array:
        drift = np.diag(-self.modes.decay[self._mode_of])
        drift[np.arange(self.n_site), self._partner] += self._signed_rotation()
        return drift

    @cached_property
    def linear_diffusion(self) -> Array:
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
        np.add.at(power, (..., self._mode_of), squares)  # type: ignore[arg-type]  # an ellipsis is a valid index
        return power / self.mode_multiplicity

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
        return np.asarray(np.fft.irfft(spectrum, n=self.n_site, axis=0) * np.sqrt(self.n_site))

    def stability(self) -> Stability:
        leading = int(np.argmin(self.modes.decay))
        moving = self.modes.rotation[leading] != 0
        kind = "uniform" if leading == 0 else "travelling" if moving else "Turing"
        return Stability(float(-self.modes.decay[leading]), kind, float(self.modes.wavenumber[leading]))

    def theory(self) -> dict[str, Prediction]:
        """Mode sums; the entropy production rate sum omega^2/gamma contains neither the noise's strength nor its spectrum."""
        rate = float((self.modes.rotation**2 / self.modes.decay)[self._mode_of].sum())
        predictions = {
            "entropy_production_rate": rate,
            "entropy_production_rate_path": rate,
            "entropy_production_per_mode": self.mode_multiplicity * self.modes.rotation**2 / self.modes.decay,
            "site_variance": float(self.power[self._mode_of].mean()),
            "structure_factor": self.power,
            "mutual_information": float(self.mutual_information(self._toeplitz(self.power))),
        }
        return {name: Prediction(value, "exact", SOURCE) for name, value in predictions.items()}
