"""Whether a bump survives its noise: without it, what else is measured belongs to another state than theory's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nessmap.model import Array, Run
from nessmap.models.nonlinear_bump import NonlinearBump
from nessmap.observables.observable import Observable


class BumpPresence(Observable[NonlinearBump]):
    """Share of the time that the first Fourier amplitude is above half that of u*: 1 while the bump survives."""

    name: ClassVar[str] = "bump_presence"
    model_class: ClassVar[type] = NonlinearBump
    long_name: ClassVar[str] = "share of the time with a bump"
    symbol: ClassVar[str] = r"p_\mathrm{bump}"
    units: ClassVar[str] = "1"
    source: ClassVar[str] = "first Fourier amplitude above half that of the bump at rest; docs/theory.md, bumps"
    needs: ClassVar[tuple[str, ...]] = ("bump_amplitude",)

    def finalize(self, model: NonlinearBump, run: Run, means: Mapping[str, Array]) -> Array:
        return means["bump_amplitude"][..., 1]


class RelativeBumpAmplitude(BumpPresence):
    """Mean first Fourier amplitude over that of u*."""

    name: ClassVar[str] = "relative_bump_amplitude"
    long_name: ClassVar[str] = "amplitude relative to the bump at rest"
    symbol: ClassVar[str] = r"\langle|u_1|\rangle/|u^*_1|"
    source: ClassVar[str] = "first Fourier amplitude; docs/theory.md, bumps"

    def finalize(self, model: NonlinearBump, run: Run, means: Mapping[str, Array]) -> Array:
        return means["bump_amplitude"][..., 0]
