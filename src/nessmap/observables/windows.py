"""What finite windows of path reveal: a lower bound on the entropy production, and how modes are spread over frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from nessmap.model import Array, Model, Prediction, Run
from nessmap.models.amari_field import AmariField
from nessmap.models.moments import MomentModel
from nessmap.observables.observable import Observable
from nessmap.observables.per_wavenumber import WAVENUMBER
from nessmap.statistics.windows import PathEntropyWindows, Periodogram
from nessmap.theory import windows

RESOLVED = 50.0  # squared mean of a run's entropy over its variance, from which on errors of the bound are calibrated
FREQUENCY = {"units": "1 / time", "long_name": "angular frequency", "symbol": r"\omega"}


class EntropyProductionBound(Observable[MomentModel]):
    """2 <s>^2 / (T Var s), s the entropy along windows of T = 100 dt: no more than the entropy production rate.

    The thermodynamic uncertainty relation with the entropy production as current. Theory is the bound of endless windows and
    tiny steps; a short window tightens it and a finite dt loosens it, which the expectation knows. No expectation, and no
    z-score, where a run is too short to tell the mean of s from 0: the error of its square is then far too small as often as
    the mean is near 0 by chance.
    """

    name: ClassVar[str] = "entropy_production_bound"
    model_class: ClassVar[type] = MomentModel
    long_name: ClassVar[str] = "uncertainty bound on the entropy production rate"
    symbol: ClassVar[str] = r"\dot\Sigma_\mathrm{TUR}"
    units: ClassVar[str] = "k_B / time"
    source: ClassVar[str] = 'docs/theory.md (16), "Finite windows"; Barato & Seifert, PRL 114, 158101 (2015)'
    needs: ClassVar[tuple[str, ...]] = ("path_entropy_windows",)

    @classmethod
    def defined_for(cls, model: type[Model]) -> bool:
        return issubclass(model, MomentModel) and issubclass(model, cls.model_class) and model.all_even

    def why_undefined(self, model: MomentModel, run: Run) -> str:
        return model.why_no_entropy

    def finalize(self, model: MomentModel, run: Run, means: Mapping[str, Array]) -> Array:
        mean, square = np.moveaxis(means["path_entropy_windows"], -1, 0)
        if self.why_undefined(model, run):
            return np.full(mean.shape, np.nan)
        return _bound(mean, square - mean**2, run)

    def expected(self, model: MomentModel, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        moments = model.window_entropy_moments(run.dt, PathEntropyWindows.segment)
        if moments is None:
            return super().expected(model, run, predictions)
        if moments == (0.0, 0.0):
            return Prediction(0.0, "exact", self.source)
        value = _bound(*moments, run)
        sampled = run.n_step * run.dt * run.n_replica
        if sampled and value * sampled / 2 < RESOLVED:
            return None
        return Prediction(float(value), "exact", "mean and variance of windows at this dt; docs/theory.md")


def _bound(mean: Array | float, variance: Array | float, run: Run) -> Array:
    duration = PathEntropyWindows.segment * run.dt
    still = np.equal(mean, 0) & np.equal(variance, 0)  # at equilibrium no window shows any entropy
    return np.where(still, 0.0, windows.tur_bound(mean, np.where(still, 1.0, variance), duration))


class PowerSpectrum(Observable[AmariField]):
    """S(k, w) of waves exp(i (k x - w t)): 2 d / (gamma^2 + (w - omega)^2), through Hann windows of 200 dt."""

    name: ClassVar[str] = "power_spectrum"
    model_class: ClassVar[type] = AmariField
    long_name: ClassVar[str] = "power spectrum"
    symbol: ClassVar[str] = r"S(k, \omega)"
    units: ClassVar[str] = "u^2 time"
    source: ClassVar[str] = 'docs/theory.md, "Finite windows"; Salasnich, Symmetry 11, 134 (2019)'
    needs: ClassVar[tuple[str, ...]] = ("periodogram",)
    dimensions: ClassVar[Mapping[str, Mapping[str, str]]] = {"wavenumber": WAVENUMBER, "frequency": FREQUENCY}

    def finalize(self, model: AmariField, run: Run, means: Mapping[str, Array]) -> Array:
        window = windows.hann_window(Periodogram.segment)
        power = means["periodogram"] * run.dt / (window**2).sum()
        return np.asarray(power.reshape(*power.shape[:-1], len(model.modes.decay), -1))

    def theory(self, model: AmariField, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        modes, (_, frequency) = model.modes, self.coordinates(model, run)
        # the formula is written for exp(+i nu t)
        spectrum = windows.power_spectrum(
            modes.decay[:, None], modes.rotation[:, None], modes.diffusion[:, None], -frequency
        )
        return Prediction(spectrum, "exact", self.source)

    def expected(self, model: AmariField, run: Run, predictions: Mapping[str, Prediction]) -> Prediction | None:
        modes, (_, frequency) = model.modes, self.coordinates(model, run)
        window = windows.hann_window(Periodogram.segment)
        mean = windows.periodogram_mean(modes.decay, modes.rotation, model.power, run.dt, window, -frequency)
        return Prediction(mean, "exact", "mean of the periodogram at this dt and window; docs/theory.md")

    def coordinates(self, model: AmariField, run: Run) -> tuple[Array, ...]:
        return model.modes.wavenumber, Periodogram().frequencies(run.dt)
