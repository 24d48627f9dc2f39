"""MODELS: one file per model, one line per model here."""

from __future__ import annotations

from nessmap.model import Model
from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.coloured_field import ColouredField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.heterogeneous_field import HeterogeneousField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.models.pinned_bump import PinnedBump

MODELS: dict[str, type[Model]] = {
    "amari_field": AmariField,
    "amari_torus": AmariTorus,
    "heterogeneous_field": HeterogeneousField,
    "pinned_bump": PinnedBump,
    "coloured_field": ColouredField,
    "excitatory_inhibitory_field": ExcitatoryInhibitoryField,
    "nonlinear_field": NonlinearField,
    "linear_langevin": LinearLangevin,
}
