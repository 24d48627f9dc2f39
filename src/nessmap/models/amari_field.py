"""The linearised stochastic Amari neural field on a ring.

tau du/dt = -u + g Int w(x - x') u(x') dx' + noise,  <noise(x, t) noise(x', t')> = 2 C(x - x') delta(t - t')

The coupling g is given, or it follows from a transfer function at the homogeneous state. The model follows Lucente,
Gradenigo, Salasnich, Entropy 27, 1104 (2025); every formula is derived in docs/theory.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Matrix, ParameterError, Prediction, Start, parameter
from nessmap.models.derived_coupling import DerivedCoupling
from nessmap.models.fourier_field import FourierField, Modes
from nessmap.models.ring_field import RingField
from nessmap.theory import spatial

SOURCE = "derived in docs/theory.md; model of Lucente, Gradenigo, Salasnich, Entropy 27, 1104 (2025)"
_SMOOTH = ("noise", ("exponential", "gaussian"))


@dataclasses.dataclass(frozen=True)
class AmariField(FourierField, DerivedCoupling, RingField):
    """Linear field on a ring of n_site sites, simulated in orthonormal real Fourier coordinates (cosines and sines).

    The mode k obeys d u_k = -(gamma + i omega) u_k dt + sqrt(2 d) dW with gamma = (1 - g Re w_k)/tau, omega = -g Im w_k/tau,
    d = C_k/(dx tau^2). Coordinates are ordered c_0, c_1, s_1, c_2, s_2, ..., and c_(N/2) last when N is even.
    """

    name: ClassVar[str] = "amari_field"
    version: ClassVar[int] = 1

    noise_correlation_length: float = parameter(
        0.0, "noise correlation length", units="length", minimum=0.0, symbol=r"\xi", used_with=_SMOOTH
    )
    noise: str = parameter(
        "exponential", "shape of the noise's covariance", choices=("exponential", "gaussian", "sampled")
    )
    noise_values: Matrix = parameter(
        (),
        "covariance of the noise at the sites, one row, times noise_strength",
        units="1/length",
        used_with=("noise", ("sampled",)),
    )

    def check(self) -> None:
        RingField.check(self)
        self.check_coupling()
        self.check_row("noise_values", self.noise == "sampled")
        if self.noise == "sampled":
            row = np.array(self.noise_values[0])
            if not np.array_equal(row[1:], row[:0:-1]) or self._noise_spectrum().min() <= 0:
                raise ParameterError(
                    "noise_values",
                    f"{self.name}: noise_values is no covariance, {self._fault_of(row)}; expected C_j = C_(N-j) and a "
                    "positive discrete transform; sample an even, positive definite function at the sites",
                )
            return
        correlation = self.noise_correlation_length
        if self.noise == "gaussian" and correlation > 11 * self.spacing:
            raise self.error(
                "noise_correlation_length",
                f"<= {11 * self.spacing:.4g} [11 site spacings]: the noise of the shortest waves underflows",
                f"lower n_site to {int(11 * self.length / correlation)} or take noise: exponential",
            )

    def _fault_of(self, row: Array) -> str:
        uneven = np.flatnonzero(row[1:] != row[:0:-1])
        if len(uneven):
            j = int(uneven[0]) + 1
            return f"C_{j} = {row[j]:g} and C_{self.n_site - j} = {row[-j]:g}"
        return f"its lowest Fourier coefficient is {self._noise_spectrum().min():.3g}"

    @property
    def n_dim(self) -> int:
        return self.n_site

    @property
    def partition(self) -> Mapping[str, Sequence[int]]:
        """The two halves of the ring, as sites."""
        half = self.n_site // 2
        return {"left": range(half), "right": range(half, self.n_site)}

    @cached_property
    def _kernel_transform(self) -> tuple[Array, Array]:
        return spatial.transform(self.kernel_at_sites(), self.spacing)

    @property
    def kernel_integral(self) -> float:
        return float(self._kernel_transform[0][0])

    @cached_property
    def modes(self) -> Modes:
        """Rates and noise per wavenumber k = 2 pi q / L, q = 0 .. N/2."""
        real, imaginary = self._kernel_transform
        multiplicity = np.full(len(real), 2)
        multiplicity[0] = 1
        if self.n_site % 2 == 0:
            multiplicity[-1] = 1
        return Modes(
            2 * np.pi * np.arange(len(real)) / self.length,
            (1 - self.gain_coupling * real) / self.time_constant,
            -self.gain_coupling * imaginary / self.time_constant,
            self._noise_spectrum() * self.noise_strength / self.time_constant**2,
            multiplicity,
        )

    def _noise_spectrum(self) -> Array:
        """Transform of the noise's covariance for unit strength, k = 0 .. N/2."""
        if self.noise == "sampled":
            return spatial.transform(np.array(self.noise_values[0]), 1.0)[0]
        return spatial.noise_spectrum(self.noise, self.noise_correlation_length, self.n_site, self.length)

    def translation_invariant(self, eigenvalues: Array) -> Array:
        return spatial.circulant(np.fft.irfft(eigenvalues, n=self.n_site, axis=-1))

    def spectrum_of(self, matrix: Array) -> Array:
        return np.asarray(np.fft.rfft(matrix[..., 0, :], axis=-1).real)

    def initial_mean(self, start: Start) -> Array:
        mean = np.zeros(self.n_site)
        mean[:2] = np.sqrt(self.n_site) * start.mean, np.sqrt(self.n_site / 2) * start.wave
        return mean

    def to_sites(self, x: Array) -> Array:
        """The field u_j (n_site, ...) of orthonormal Fourier coordinates x (n_site, ...)."""
        spectrum = np.zeros((self.n_site // 2 + 1, *x.shape[1:]), complex)
        cosines, sines = self.pairs
        spectrum[self.mode_of] = x
        spectrum[1 : len(cosines) + 1] = (x[cosines] - 1j * x[sines]) / np.sqrt(2)
        return np.asarray(np.fft.irfft(spectrum, n=self.n_site, axis=0) * np.sqrt(self.n_site))

    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        """Mode sums; the entropy production rate sum omega^2/gamma contains neither the noise's strength nor its spectrum."""
        return self.as_predictions(wanted, SOURCE)
