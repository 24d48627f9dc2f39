"""MODELS: one file per model, one line per model here."""

from __future__ import annotations

from nessmap.model import Model
from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.coloured_field import ColouredField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.from_file import load_model
from nessmap.models.heterogeneous_field import HeterogeneousField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.multiplicative_field import MultiplicativeField
from nessmap.models.nonlinear_bump import NonlinearBump
from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.models.nonlinear_torus import NonlinearTorus
from nessmap.models.pinned_bump import PinnedBump

MODELS: dict[str, type[Model]] = {
    "amari_field": AmariField,
    "amari_torus": AmariTorus,
    "heterogeneous_field": HeterogeneousField,
    "pinned_bump": PinnedBump,
    "coloured_field": ColouredField,
    "excitatory_inhibitory_field": ExcitatoryInhibitoryField,
    "nonlinear_field": NonlinearField,
    "multiplicative_field": MultiplicativeField,
    "nonlinear_bump": NonlinearBump,
    "nonlinear_torus": NonlinearTorus,
    "nonlinear_excitatory_inhibitory_field": NonlinearExcitatoryInhibitoryField,
    "linear_langevin": LinearLangevin,
}


def model_class(reference: str) -> type[Model]:
    """The class of a shipped model's name or of path/to/file.py:ClassName; ValueError where there is none."""
    return MODELS[reference] if reference in MODELS else load_model(reference, frozenset(MODELS))
