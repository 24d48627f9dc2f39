"""MODELS: one file per model, one line per model here."""

from __future__ import annotations

from nessmap.model import Model
from nessmap.models.amari_field import AmariField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.linear_langevin import LinearLangevin

MODELS: dict[str, type[Model]] = {
    "amari_field": AmariField,
    "excitatory_inhibitory_field": ExcitatoryInhibitoryField,
    "linear_langevin": LinearLangevin,
}
