"""What is seen through windows of fixed length: entropy along a stretch of path, and its spectrum of frequencies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nessmap.model import Array, Block
from nessmap.models.amari_field import AmariField
from nessmap.models.moments import Indices, MomentModel
from nessmap.statistics.statistic import N_GROUP, Statistic
from nessmap.theory.windows import hann_window


class PathEntropyWindows(Statistic[MomentModel]):
    """Sum over windows of 100 steps of the entropy s produced along a window, and of s^2, (2, 16) [1, 1]."""

    name: ClassVar[str] = "path_entropy_windows"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 100

    def zero(self, model: MomentModel) -> Array:
        return np.zeros((2, N_GROUP))

    def accumulate(self, sums: Array, model: MomentModel, block: Block) -> None:
        model.add_window_entropy(sums, block.x)


class Periodogram(Statistic[AmariField]):
    """Sum over windows of 200 steps of |sum_n h_n u_k(n dt) exp(i w n dt)|^2, Hann window h, (n_mode * 81, 16) [u^2].

    The 81 frequencies are w = 2 pi m / (200 dt), m = -40 .. 40; u_k is the unitary mode (c - i s)/sqrt(2).
    """

    name: ClassVar[str] = "periodogram"
    version: ClassVar[int] = 1
    segment: ClassVar[int] = 200
    harmonics: ClassVar[Indices] = np.arange(-40, 41)

    def frequencies(self, dt: float) -> Array:
        """The frequencies w [1/time] of waves exp(i (k x - w t))."""
        return np.asarray(2 * np.pi * self.harmonics / (self.segment * dt))

    def zero(self, model: AmariField) -> Array:
        return np.zeros((len(model.modes.decay) * len(self.harmonics), N_GROUP))

    def accumulate(self, sums: Array, model: AmariField, block: Block) -> None:
        window = hann_window(self.segment)[:, None]
        cosines = np.cumsum(model.modes.multiplicity) - model.modes.multiplicity
        rows = sums.reshape(len(cosines), len(self.harmonics), N_GROUP)
        for mode, cosine in enumerate(cosines):
            wave = block.x[:-1, cosine].astype(complex)
            if model.modes.multiplicity[mode] == 2:
                wave = (wave - 1j * block.x[:-1, cosine + 1]) / np.sqrt(2)
            # numpy's forward transform has exp(-i w t): a wave exp(-i w t) is found at -w
            power = np.abs(np.fft.fft(window * wave, axis=0)[-self.harmonics]) ** 2
            rows[mode] += power.reshape(len(self.harmonics), -1, N_GROUP).sum(axis=1)
