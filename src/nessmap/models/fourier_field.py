"""Homogeneous linear fields: every Fourier mode decays, turns and is kicked on its own.

d u_k = -(gamma + i omega) u_k dt + sqrt(2 d) dW. Simulated in orthonormal real coordinates, a cosine and a sine for every pair
of wavenumbers k and -k and one coordinate where they are the same; docs/theory.md, "Real coordinates".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from nessmap.model import Array, Run, Stability, Stepper
from nessmap.models.linear import LinearModel
from nessmap.models.moments import Fit, Indices
from nessmap.theory import relaxation


class Modes(NamedTuple):
    """Per wavenumber, one of k and -k: its size, rates gamma, omega [1/time], noise eigenvalue d [u^2/time], coordinates."""

    wavenumber: Array
    decay: Array
    rotation: Array
    diffusion: Array
    multiplicity: Indices  # 2 for a cosine and a sine, 1 where k and -k are the same


class Layout(NamedTuple):
    """Where modes have their coordinates; fields whose modes have the same multiplicities share one, hence read-only."""

    mode_of: Indices  # of each coordinate
    cosines: Indices  # coordinates of the modes that have both
    sines: Indices
    partner: Indices  # of a cosine its sine and the other way round, of others themselves


@lru_cache(maxsize=16)
def _layout(multiplicity: bytes) -> Layout:
    own = np.frombuffer(multiplicity, np.int64)
    mode_of = np.repeat(np.arange(len(own)), own)
    cosines = (np.cumsum(own) - 2)[own == 2]
    sines = cosines + 1
    partner = np.arange(len(mode_of))
    partner[cosines], partner[sines] = sines, cosines
    layout = Layout(mode_of, cosines, sines, partner)
    for places in layout:
        places.setflags(write=False)
    return layout


class FourierField(LinearModel):
    """A field given by its modes; coordinates are ordered mode by mode, cosine before sine."""

    kernel_file: ClassVar[str] = "amari_field"
    time_constant: float

    @property
    @abstractmethod
    def modes(self) -> Modes:
        """Rates and noise of every mode."""

    @abstractmethod
    def translation_invariant(self, eigenvalues: Array) -> Array:
        """Site matrices (..., n, n) with these (complex) eigenvalues (..., n_mode) on exp(i k x), conjugate on exp(-i k x)."""

    @abstractmethod
    def spectrum_of(self, matrix: Array) -> Array:
        """Eigenvalues (..., n) of translation-invariant symmetric site matrices (..., n, n)."""

    @abstractmethod
    def to_sites(self, x: Array) -> Array:
        """The field (n_site, ...) of coordinates x (n_dim, ...)."""

    @property
    def work_per_coordinate(self) -> float:
        return 1.0

    @property
    def n_dim(self) -> int:
        return int(self.modes.multiplicity.sum())

    @cached_property
    def _layout(self) -> Layout:
        return _layout(self.modes.multiplicity.astype(np.int64).tobytes())

    @property
    def mode_of(self) -> Indices:
        """Mode of each coordinate."""
        return self._layout.mode_of

    @property
    def pairs(self) -> tuple[Indices, Indices]:
        """Cosine and sine coordinates of the modes that have both."""
        return self._layout.cosines, self._layout.sines

    def _signed_rotation(self) -> Array:
        """A_(i, partner): -omega for a cosine, +omega for its sine, 0 for coordinates without partner."""
        rotation = np.zeros(self.n_dim)
        cosines, sines = self.pairs
        rotation[cosines] = -self.modes.rotation[self.mode_of[cosines]]
        rotation[sines] = self.modes.rotation[self.mode_of[sines]]
        return rotation

    @cached_property
    def linear_drift(self) -> Array:
        drift = np.diag(-self.modes.decay[self.mode_of])
        drift[np.arange(self.n_dim), self._layout.partner] += self._signed_rotation()
        return drift

    @cached_property
    def linear_diffusion(self) -> Array:
        return np.diag(self.modes.diffusion[self.mode_of])

    @cached_property
    def power(self) -> Array:
        """Stationary structure factor S(k) = d/gamma of unitary modes [u^2]."""
        return self.modes.diffusion / self.modes.decay

    @cached_property
    def stationary_covariance(self) -> Array:
        return np.diag(self.power[self.mode_of])

    @cached_property
    def correlated_pairs(self) -> tuple[Indices, Indices]:
        own = np.arange(self.n_dim)
        cosines, sines = self.pairs
        return np.concatenate([own, cosines]), np.concatenate([own, sines])

    @cached_property
    def local_mean_weights(self) -> Array:
        """omega^2/d on squares, nothing on cross products."""
        weights = (self.modes.rotation**2 / self.modes.diffusion)[self.mode_of]
        return np.concatenate([weights, np.zeros(len(self.pairs[0]))])

    @cached_property
    def path_weights(self) -> Array:
        """(omega/d) (c s' - s c') per pair."""
        cosines, _ = self.pairs
        turn = (self.modes.rotation / self.modes.diffusion)[self.mode_of[cosines]]
        return np.concatenate([np.zeros(self.n_dim), turn, -turn])

    def path_entropy_production_rate(self, dt: float) -> float:
        modes = self.modes
        per_mode = modes.rotation / modes.decay * np.exp(-modes.decay * dt) * np.sin(modes.rotation * dt) / dt
        return float(per_mode[self.mode_of].sum())

    @cached_property
    def block_system(self) -> tuple[Array, Array]:
        """The pairs, in which all entropy is produced; a coordinate alone is reversible."""
        mode = self.mode_of[self.pairs[0]]
        drift = _turning(-self.modes.decay[mode], self.modes.rotation[mode])
        return drift, self.modes.diffusion[mode][:, None, None] * np.eye(2)

    def stepper(self, dt: float) -> Stepper:
        # imported here so that planning a sweep does not load numba
        from nessmap.kernels.amari_field import advance

        decay, mode = self.modes.decay, self.mode_of
        angle = self._signed_rotation() * dt
        keep = np.exp(-decay[mode] * dt) * np.cos(angle)
        turn = np.exp(-decay[mode] * dt) * np.sin(angle)
        kick = np.sqrt(self.power * -np.expm1(-2 * decay * dt))[mode]
        partner = self._layout.partner.copy()  # for an array that is read-only numba would compile another kernel
        return Stepper(advance, (keep, turn, partner, kick))

    def stationary_sample(self, normals: Array) -> Array:
        return np.sqrt(self.power)[self.mode_of][:, None] * normals

    def per_mode(self, values: Array) -> Array:
        """Mean over a mode's coordinates, (..., n_mode), of values (..., n_dim or more: only those enter)."""
        total = np.zeros((*values.shape[:-1], len(self.modes.multiplicity)))
        np.add.at(total, (..., self.mode_of), values[..., : self.n_dim])  # type: ignore[arg-type]  # an ellipsis is a valid index
        return total / self.modes.multiplicity

    def mode_power(self, moments: Array) -> Array:
        """Estimated S(k) (..., n_mode) from second moments (..., n_pair): the mean of a cosine's and its sine's."""
        return self.per_mode(moments)

    def covariance_of(self, moments: Array) -> Array:
        """Site covariance; a homogeneous field's depends on the distance alone."""
        return self.translation_invariant(self.mode_power(moments))

    def log_determinant(self, moments: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.log(self.mode_power(moments)) @ self.modes.multiplicity)

    def mode_rates(self, means: Mapping[str, Array], dt: float) -> tuple[Array, Array, Array]:
        """Decay, rotation and S(k) (..., n_mode) fitted to covariance and lagged covariance; NaN where a mode has no rate."""
        power, lagged = self.mode_power(means["covariance"]), means["lagged_covariance"]
        n_pair = len(self.pairs[0])
        along = self.per_mode(lagged) / power
        across = np.zeros_like(along)
        paired = self.modes.multiplicity == 2
        crossed = lagged[..., self.n_dim : self.n_dim + n_pair] - lagged[..., self.n_dim + n_pair :]
        across[..., paired] = crossed / (2 * power[..., paired])
        along = np.where(paired | (along > 0), along, np.nan)
        decay = -0.5 * np.log(along**2 + across**2) / dt
        return np.where(decay > 0, decay, np.nan), np.arctan2(across, along) / dt, power

    def fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        decay, rotation, power = self.mode_rates(means, dt)
        mode = self.mode_of[self.pairs[0]]
        unit = np.eye(2)
        return Fit(
            _turning(-decay[..., mode], rotation[..., mode]),
            (decay * power)[..., mode, None, None] * unit,
            power[..., mode, None, None] * unit,
        )

    def sided_fit(self, means: Mapping[str, Array], dt: float) -> Fit:
        """The fit between sites: one block, whose matrices depend on distances alone."""
        decay, rotation, power = self.mode_rates(means, dt)
        eigenvalues = (-decay - 1j * rotation, decay * power, power)
        return Fit(*(self.translation_invariant(values)[..., None, :, :] for values in eigenvalues))

    def sided_system(self) -> tuple[Array, Array]:
        modes = self.modes
        drift = self.translation_invariant(-modes.decay - 1j * modes.rotation)
        return drift, self.translation_invariant(modes.diffusion)

    def mutual_information(self, covariance: Array) -> Array:
        """Between the sides; NaN where the noise is so smooth that ten digits of the covariance are lost.

        -(1/2) ln det(1 - C C^T) with the canonical correlations C: exact for weak dependence, and for a stack of
        covariances ten times as fast as one after the other.
        """
        power = self.spectrum_of(covariance)
        precise = power.min(axis=-1) > 1e-10 * power.max(axis=-1)
        safe = np.where(precise[..., None, None], covariance, np.eye(covariance.shape[-1]))
        a, b = map(list, self.partition.values())
        factors = [np.linalg.cholesky(safe[..., side, :][..., :, side]) for side in (a, b)]
        half = np.linalg.solve(factors[0], safe[..., a, :][..., :, b])
        correlation = np.linalg.solve(factors[1], np.swapaxes(half, -1, -2))
        explained = correlation @ np.swapaxes(correlation, -1, -2)
        return np.where(precise, -0.5 * np.linalg.slogdet(np.eye(len(b)) - explained)[1], np.nan)

    @property
    def uncoupled_log_determinant(self) -> float:
        """ln det of the covariance that the same noise makes without coupling, d tau per mode."""
        return float(np.log(self.modes.diffusion * self.time_constant) @ self.modes.multiplicity)

    @property
    def shells(self) -> tuple[Array, Indices]:
        """Distinct sizes of wavenumbers, and which of them each mode has."""
        return self.modes.wavenumber, np.arange(len(self.modes.wavenumber))

    def shell_sums(self, values: Array) -> Array:
        """Sums over all coordinates of the same wavenumber, (..., n_shell), of values per coordinate (..., n_mode)."""
        wavenumber, shell = self.shells
        total = np.zeros((*values.shape[:-1], len(wavenumber)))
        np.add.at(total, (..., shell), values * self.modes.multiplicity)  # type: ignore[arg-type]
        return total

    def shell_means(self, values: Array) -> Array:
        """Means over all coordinates of the same wavenumber, (..., n_shell), of values per coordinate (..., n_mode)."""
        return self.shell_sums(values) / self.shell_sums(np.ones(len(self.modes.decay)))

    def balance_of(self, means: Array, moments: Array, share: Array, run: Run) -> relaxation.Balance:
        """Mode by mode, with the exact correction for a sample of few lanes; docs/theory.md, "Relaxation, mode by mode"."""
        n_lane = share * run.n_replica
        variance, mean_square = self.per_mode(moments[..., : self.n_dim] - means**2), self.per_mode(means**2)
        modes = self.modes
        per_mode = relaxation.corrected_mode_balance(
            modes.decay,
            modes.rotation,
            modes.diffusion,
            variance * (n_lane / (n_lane - 1))[..., None],
            mean_square,
            modes.multiplicity * (n_lane[..., None] - 1),
            n_lane[..., None],
        )
        return relaxation.Balance(*(np.asarray(values @ modes.multiplicity) for values in per_mode))

    @property
    def jointly_sampled(self) -> int:
        return 1

    def relaxing_balance(self, run: Run) -> relaxation.Balance:
        modes = self.modes
        fade = np.exp(-2 * modes.decay * run.times[:, None])
        variance = self.power + (run.start.variance - self.power) * fade
        mean_square = self.per_mode(self.initial_mean(run.start) ** 2) * fade
        per_mode = relaxation.mode_balance(modes.decay, modes.rotation, modes.diffusion, variance, mean_square)
        return relaxation.Balance(*(np.asarray(values @ modes.multiplicity) for values in per_mode))

    def stability(self) -> Stability:
        leading = int(np.argmin(self.modes.decay))
        moving = self.modes.rotation[leading] != 0
        kind = "uniform" if leading == 0 else "travelling" if moving else "Turing"
        return Stability(float(-self.modes.decay[leading]), kind, float(self.modes.wavenumber[leading]))

    def predictions(self) -> dict[str, Callable[[], Array | float]]:
        modes = self.modes
        per_mode = modes.rotation**2 / modes.decay
        rate = float(per_mode @ modes.multiplicity)
        variance_rate = float((2 * per_mode + 2 * modes.rotation**4 / modes.decay**3) @ modes.multiplicity)
        return {
            **super().predictions(),
            "entropy_production_rate": lambda: rate,
            "entropy_production_per_mode": lambda: self.shell_sums(per_mode),
            "site_variance": lambda: float(self.power[self.mode_of].mean()),
            "structure_factor": lambda: self.shell_means(self.power),
            "mutual_information": lambda: float(self.mutual_information(self.translation_invariant(self.power))),
            "entropy_production_bound": lambda: 2 * rate**2 / variance_rate if variance_rate else 0.0,
        }

    def predictions_of_sides(self) -> dict[str, Callable[[], Array | float]]:
        """Without common noise no information flows through any cut of a homogeneous field: theory.md, "No net flow"."""
        return {**super().predictions_of_sides(), **({"information_flow": lambda: 0.0} if self.bipartite else {})}


def _turning(real: Array, rotation: Array) -> Array:
    """Stack of [[real, -rotation], [rotation, real]]."""
    rows = [np.stack([real, -rotation], axis=-1), np.stack([rotation, real], axis=-1)]
    return np.stack(rows, axis=-2)
