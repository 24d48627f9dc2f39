"""MODELS: one file per model, one line per model here."""

from __future__ import annotations

import inspect

from nessmap.model import Model
from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.bcm_synapse import BcmSynapse
from nessmap.models.brownian_particle import BrownianParticle
from nessmap.models.coloured_field import ColouredField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.excitatory_inhibitory_torus import ExcitatoryInhibitoryTorus
from nessmap.models.from_file import load_model
from nessmap.models.heterogeneous_field import HeterogeneousField
from nessmap.models.learning_chain import LearningChain
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.multiplicative_field import MultiplicativeField
from nessmap.models.nonlinear_bump import NonlinearBump
from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.models.nonlinear_excitatory_inhibitory_torus import NonlinearExcitatoryInhibitoryTorus
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.models.nonlinear_torus import NonlinearTorus
from nessmap.models.pinned_bump import PinnedBump
from nessmap.models.plastic_synapse import PlasticSynapse
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.models.random_network import RandomNetwork
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.models.two_state_synapse import TwoStateSynapse

MODELS: dict[str, type[Model]] = {
    "amari_field": AmariField,
    "amari_torus": AmariTorus,
    "heterogeneous_field": HeterogeneousField,
    "pinned_bump": PinnedBump,
    "coloured_field": ColouredField,
    "excitatory_inhibitory_field": ExcitatoryInhibitoryField,
    "excitatory_inhibitory_torus": ExcitatoryInhibitoryTorus,
    "nonlinear_field": NonlinearField,
    "multiplicative_field": MultiplicativeField,
    "nonlinear_bump": NonlinearBump,
    "nonlinear_torus": NonlinearTorus,
    "nonlinear_excitatory_inhibitory_field": NonlinearExcitatoryInhibitoryField,
    "nonlinear_excitatory_inhibitory_torus": NonlinearExcitatoryInhibitoryTorus,
    "linear_langevin": LinearLangevin,
    "quasi_potential": QuasiPotential,
    "random_network": RandomNetwork,
    "brownian_particle": BrownianParticle,
    "sensing_network": LinearSensingNetwork,
    "nonlinear_sensing_network": NonlinearSensingNetwork,
    "learning_chain": LearningChain,
    "plastic_synapse": PlasticSynapse,
    "two_state_synapse": TwoStateSynapse,
    "bcm_synapse": BcmSynapse,
}


def model_class(reference: str) -> type[Model]:
    """The class of a shipped model's name or of path/to/file.py:ClassName; ValueError where there is none."""
    return MODELS[reference] if reference in MODELS else load_model(reference, frozenset(MODELS))


def reference_of(model: type[Model]) -> str:
    """What `model_class` knows a class by."""
    return model.name if MODELS.get(model.name) is model else f"{inspect.getfile(model)}:{model.__name__}"
