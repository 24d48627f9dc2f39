"""What the same parameters mean to a kernel is part of a path's name: an edit that changes it must bump the model's version."""

import hashlib

import numpy as np
import pytest

from nessmap.models import MODELS

# model: (version, digest of the coefficients and start of the cases below), as they were when the version was last set
KNOWN = {
    "amari_field": (1, "54477e6d39cb4d5c"),
    "amari_torus": (1, "a9b5fcd94a4ab78d"),
    "excitatory_inhibitory_field": (1, "d942f4c602879487"),
    "heterogeneous_field": (1, "c3463ae1fb054f78"),
    "pinned_bump": (1, "d2f4ad179f083966"),
    "coloured_field": (1, "77fc96759d2d3219"),
    "nonlinear_field": (2, "a7d8dc695da5aee9"),
    "nonlinear_bump": (1, "39963bf5da1f1242"),
    "multiplicative_field": (1, "8ae0ef086c05bd1d"),
    "brownian_particle": (1, "249faafbbf020bb2"),
    "learning_chain": (1, "9794481f6701103f"),
    "plastic_synapse": (1, "45e356bc3fee4961"),
    "two_state_synapse": (1, "75da15159ca1eed2"),
    "bcm_synapse": (1, "7a2e5986ea170b16"),
    "linear_langevin": (1, "e569ba585d2f5e99"),
    "quasi_potential": (1, "4b79af37bf52a5b4"),
    "random_network": (1, "66d4c6d958b44a49"),
    "sensing_network": (1, "9112dbcf37f58479"),
    "nonlinear_sensing_network": (1, "eae54485dab54674"),
    "nonlinear_torus": (1, "cc07628d802d49fa"),
    "nonlinear_excitatory_inhibitory_field": (1, "c72dd2f3d7ba962e"),
    "excitatory_inhibitory_torus": (1, "fa2600b49cb523de"),
    "nonlinear_excitatory_inhibitory_torus": (1, "84419529d667d439"),
}
CASES = {
    "amari_field": [
        {"shift": 0.5, "n_site": 20},
        {"shift": 0.5, "n_site": 19, "noise_correlation_length": 1.0, "time_constant": 2.0},
        {"noise": "gaussian", "noise_correlation_length": 1.0, "n_site": 20},
        *({"kernel": name, "shift": 0.3} for name in ("exponential", "wizard_hat", "one_sided_exponential")),
        {"kernel": "difference_of_gaussians", "inhibition_width": 2.0, "inhibition": 0.7},
        {"kernel": "damped_oscillation", "oscillation_decay": 0.8},
    ],
    "amari_torus": [
        {"shift": 0.3, "n_site": 6, "length": 4.0},
        {"kernel": "exponential", "n_site": 7, "length": 4.0, "noise_correlation_length": 0.6, "time_constant": 2.0},
        {"kernel": "difference_of_gaussians", "inhibition_width": 2.0, "inhibition": 0.7, "n_site": 9},
    ],
    "excitatory_inhibitory_field": [{}, {"n_site": 15, "inhibitory_time": 2.0}],
    "heterogeneous_field": [
        {"shift": 0.3, "noise_heterogeneity": 0.5, "noise_correlation_length": 0.5},
        {"gain_heterogeneity": 0.3, "coupling_heterogeneity": -0.4, "kernel": "wizard_hat", "n_site": 15},
        {
            "n_site": 3,
            "profile": [[1.0, 0.0, -1.0]],
            "noise_heterogeneity": 0.5,
            "kernel": "sampled",
            "kernel_values": [[0.1, 0.2, 0.0]],
        },
        {"n_site": 3, "kernel": "matrix", "kernel_matrix": [[0.1, 0.2, 0.0], [0.0, 0.3, 0.1], [0.2, 0.0, 0.1]]},
    ],
    "pinned_bump": [{}, {"noise_exponent": 1.0, "pull": 0.5}, {"transfer": "tanh", "slope": 1.0, "weight": 0.5}],
    "coloured_field": [
        {"shift": 0.3, "correlation_time_heterogeneity": 0.5},
        {"noise_correlation_length": 0.5, "intrinsic_noise": 0.02, "n_site": 7},
    ],
    "nonlinear_field": [
        {"shift": 0.3, "noise_correlation_length": 0.5},
        {"transfer": "tanh", "slope": 0.8, "input": 0.2, "time_constant": 2.0},
    ],
    "nonlinear_bump": [
        {},
        {"pull": 0.0},
        {"noise_exponent": 1.0, "control_variate": "linear", "scheme": "exponential"},
    ],
    "multiplicative_field": [
        {},
        {"shift": 0.3, "exponent": 0.5, "interpretation": "ito", "control_variate": "linear", "time_constant": 2.0},
        {"scheme": "heun", "interpretation": "anti_ito", "transfer": "tanh", "slope": 0.8, "exponent": -0.5},
    ],
    "nonlinear_torus": [
        {"shift": 0.4, "anisotropy": 1.3, "n_site": 6, "length": 3.0},
        {"noise_correlation_length": 0.6, "kernel": "exponential", "transfer": "tanh", "scheme": "exponential"},
    ],
    "nonlinear_excitatory_inhibitory_field": [
        {},
        {"scheme": "exponential", "transfer": "tanh", "slope": 1.5, "inhibitory_slope": 0.7, "inhibitory_time": 2.0},
    ],
    "excitatory_inhibitory_torus": [
        {"n_site": 4, "length": 2.0, "excitatory_anisotropy": 1.2},
        {"n_site": 5, "length": 3.0, "noise_correlation": 0.4, "excitatory_noise_length": 0.7, "inhibitory_time": 2.0},
    ],
    "nonlinear_excitatory_inhibitory_torus": [
        {"n_site": 4, "length": 2.0, "inhibitory_anisotropy": 0.8},
        {"n_site": 5, "length": 3.0, "scheme": "exponential", "noise_correlation": 0.4, "inhibitory_noise_length": 0.7},
    ],
    "sensing_network": [
        {},
        {"n_neuron": 3, "gain_heterogeneity": 0.5, "rate_heterogeneity": 0.3, "recurrence": 0.5, "time_constant": 2.0},
        {
            "n_neuron": 3,
            "signal_to_noise": 2.0,
            "rate_ratio": 3.0,
            "recurrence": 2.0,
            "recurrence_kind": "antisymmetric",
        },
    ],
    "nonlinear_sensing_network": [
        {},
        {"tuning": "power", "exponent": 0.5, "n_neuron": 2, "recurrence": 0.5, "rate_heterogeneity": 0.3},
        {"tuning": "threshold", "slope": 2.0, "threshold": 0.4, "threshold_spread": 0.3, "n_neuron": 3},
    ],
    "brownian_particle": [
        # fast, so that the integrals of a step are not almost functions of its ends
        {"force": 0.7, "frequency": 25.0, "trap_velocity": -0.6, "mass": 5.0, "friction": 100.0, "stiffness": 3000.0},
        {"dynamics": "overdamped", "force_amplitude": 1.1, "frequency": 30.0, "stiffness": 10.0, "temperature": 2.0},
        {"stiffness": 0.0, "force": 0.5, "force_amplitude": 1.1, "frequency": 20.0, "mass": 5.0, "friction": 100.0},
    ],
    "quasi_potential": [
        {"n_neuron": 10, "hottest": 0.1},
        {
            "n_neuron": 9,
            "gain": 0.7,
            "symmetry": -0.5,
            "transfer": "identity",
            "regulariser": 0.3,
            "sampler": "langevin",
        },
    ],
    "random_network": [
        {"n_neuron": 10},
        {"n_neuron": 9, "gain": 0.7, "symmetry": -0.5, "transfer": "identity", "noise_strength": 0.3},
    ],
    "learning_chain": [
        {},
        {"n_neuron": 2, "n_synapse": 3, "signal_to_noise": 2.0, "rate_ratio": 0.5, "time_constant": 2.0},
    ],
    "plastic_synapse": [{}, {"n_synapse": 5, "signal_mean": 0.4, "learning_gain": 0.7, "weight_diffusion": 0.3}],
    "two_state_synapse": [{}, {"n_synapse": 5, "write_down": 0.4, "rest_up": 0.05, "stimulus_duration": 0.5}],
    "bcm_synapse": [{}, {"learning_rate": 1.5, "threshold_gain": 0.7, "decay": 0.3, "activity": 1.2}],
    "linear_langevin": [{}, {"coupling_matrix": [[0.0, 1.0], [0.0, 0.0]], "coupling": 0.5, "noise_amplitude": 2.0}],
}


def flat(coefficients):
    """What kernels are given, tuples of arrays opened."""
    for one in coefficients:
        yield from flat(one) if isinstance(one, tuple) else (one,)


def meaning(name):
    """Digest of what the kernel is given and where a run starts, rounded to 9 decimals: CPUs differ in the 16th."""
    digest = hashlib.blake2b(digest_size=8)
    for parameters in CASES[name]:
        model = MODELS[name](**parameters).realisation(0, 1)
        start = model.stationary_sample(np.eye(model.n_dim))
        for array in (start, *flat(model.stepper(0.05).coefficients)):
            digest.update((np.round(np.asarray(array, float), 9) + 0.0).tobytes())
    return digest.hexdigest()


def test_every_model_is_held():
    assert KNOWN.keys() == CASES.keys() == MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_an_edit_that_changes_what_parameters_mean_bumps_the_version(name):
    version, known = KNOWN[name]
    remedy = (
        f"bump `version` in src/nessmap/models/{name}.py, then set {name!r}: ({version + 1}, {meaning(name)!r}) here"
    )
    assert (MODELS[name].version, meaning(name)) == (version, known), remedy
