"""The random network and its kernel: steps against plain numpy, bits that depend on nothing else, limits, domain."""

import dataclasses
import itertools

import numpy as np
import pytest

from nessmap.kernels import matrix_product
from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import ParameterError, Run
from nessmap.models.random_network import SCALARS, RandomNetwork
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.theory import mean_field, random_linear_network

SEED, KEY, LANES, DT = 5, 11, 32, 0.1
NETWORKS = [
    RandomNetwork(n_neuron=13, gain=2.0, noise_strength=0.3),
    RandomNetwork(n_neuron=16, gain=1.5, symmetry=-0.5, noise_strength=0.0),
    RandomNetwork(n_neuron=9, gain=0.6, symmetry=0.4, transfer="identity", noise_strength=0.5),
    RandomNetwork(n_neuron=11, gain=1.7, transfer="arcsinh"),
]
names = [f"{network.transfer}-{network.n_neuron}" for network in NETWORKS]


def protocol_of(model, kind="stationary", n_lane=LANES, first_lane=0):
    return PROTOCOLS[kind](model.realisation(0, SEED), Run(DT), KEY, first_lane, n_lane)


def path(model, n_step=6, kind="stationary", lengths=None, n_lane=LANES):
    """States and scalars of n_step steps from the rough start, in blocks of some lengths."""
    protocol = protocol_of(model, kind, n_lane)
    state, states, scalars = protocol.rough_start(), [], []
    states.append(state.x.copy())
    for length in lengths or [n_step]:
        state, block = protocol.advance(state, length)
        states.append(state.x.copy())
        scalars.append(np.stack([block.scalars[name].copy() for name in block.scalars], axis=1))
    return states, np.concatenate(scalars)


def heun(model, x, normals):
    """x', the predictor, and the drive there and here, by the textbook."""
    kick = np.sqrt(2 * model.noise_strength * DT) * normals
    guess = x + DT * model.drift(x, 0.0) + kick
    return x + DT / 2 * (model.drift(x, 0.0) + model.drift(guess, 0.0)) + kick, guess


def normals_of(model, step):
    normals = np.empty((model.n_neuron, LANES))
    standard_normals(normals, np.uint64(KEY), 0, step, PURPOSE_STEP)
    return normals


@pytest.mark.parametrize("model", NETWORKS, ids=names)
def test_steps_and_sums_are_those_of_heuns_method(model):
    states, scalars = path(model, lengths=[1] * 6)
    network = model.realisation(0, SEED)
    for n, (x, after) in enumerate(itertools.pairwise(states)):
        expected = heun(network, x, normals_of(model, n))[0]
        np.testing.assert_allclose(after, expected, rtol=0, atol=1e-13 * 20)
        drive, later = (network.weights @ network.rate(u) for u in (x, after))
        sums = {
            "drift_square": (network.drift(x, 0.0) ** 2).sum(axis=0),
            "activity_square": (x**2).sum(axis=0),
            "rate_square": (network.rate(x) ** 2).sum(axis=0),
            "gain": network.slope(x).sum(axis=0),
            "work": ((drive + later) / 2 * (after - x)).sum(axis=0),
        }
        assert tuple(sums) == SCALARS
        for found, (name, value) in zip(scalars[n], sums.items(), strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("model", NETWORKS, ids=names)
def test_a_deviation_follows_the_derivative_of_the_step(model):
    """Difference of two paths 1e-6 apart on one noise: error of second order, so 1e-6 of the deviation, times 20."""
    states, scalars = path(model, kind="tangent", lengths=[1, 1, 1])
    network, n, small = model.realisation(0, SEED), model.n_neuron, 1e-6
    for m, (before, after) in enumerate(itertools.pairwise(states)):
        x, v = before[:n], before[n:]
        ahead, behind = (heun(network, x + sign * small * v, normals_of(model, m))[0] for sign in (1, -1))
        moved = (ahead - behind) / (2 * small)
        length = np.linalg.norm(moved, axis=0)
        np.testing.assert_allclose(scalars[m, 5], np.log(length), rtol=0, atol=2e-5)
        np.testing.assert_allclose(after[n:], moved / length, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", ["stationary", "tangent"])
def test_a_path_has_the_same_bits_in_any_blocks_and_among_any_lanes(kind):
    model = NETWORKS[0]
    states, scalars = path(model, kind=kind)
    in_pieces = path(model, kind=kind, lengths=[1, 2, 3])
    among_fewer = path(model, kind=kind, n_lane=16)
    np.testing.assert_array_equal(states[-1], in_pieces[0][-1])
    np.testing.assert_array_equal(scalars, in_pieces[1])
    np.testing.assert_array_equal(states[-1][:, :16], among_fewer[0][-1])
    np.testing.assert_array_equal(scalars[..., :16], among_fewer[1])


def test_a_tangent_run_has_the_path_of_a_stationary_one():
    model = NETWORKS[0]
    states, scalars = path(model, kind="tangent")
    alone = path(model)
    np.testing.assert_array_equal(states[-1][: model.n_neuron], alone[0][-1])
    np.testing.assert_array_equal(scalars[:, :5], alone[1])


@pytest.mark.parametrize(("n", "n_lane"), [(1, 16), (8, 32), (13, 48), (150, 16)])
def test_the_product_is_that_of_matrices(n, n_lane):
    """Rounding of a sum of n terms of order one, n^(1/2) of them adding up: 1e-15 n is far above it."""
    generator = np.random.default_rng(n)
    matrix, right = generator.normal(size=(n, n)), generator.normal(size=(n, n_lane))
    tiles = matrix_product.packed(matrix)
    out = np.full((8 * len(tiles), n_lane), np.nan)
    matrix_product.fill_product(out, tiles, right)
    np.testing.assert_allclose(out[:n], matrix @ right, rtol=0, atol=1e-14 * max(n, 10))
    assert not out[n:].any()


def test_a_formula_has_the_bits_of_its_own_kernel_and_the_numbers_of_tanh():
    pytest.importorskip("numba")
    model = dataclasses.replace(NETWORKS[0], transfer="tanh(u)")
    assert model.path_parameters()["transfer"] == "tanh(u)"
    np.testing.assert_allclose(model.rate(np.array([0.3])), NETWORKS[0].rate(np.array([0.3])), rtol=1e-15)


@pytest.mark.slow  # compiles a kernel
def test_a_formula_of_the_users_takes_the_same_steps():
    formula = dataclasses.replace(NETWORKS[0], transfer="tanh(u)")
    np.testing.assert_allclose(path(formula)[0][-1], path(NETWORKS[0])[0][-1], rtol=0, atol=1e-12)


def test_only_odd_functions_are_transfer_functions_of_a_network():
    for transfer in ("logistic", "threshold_linear", "u + u**2"):
        with pytest.raises(ParameterError, match="an odd function"):
            RandomNetwork(transfer=transfer)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.6, 0.5), (0.9, 0.0), (1.9, -0.5)])
def test_the_linear_network_is_stationary_below_the_critical_gain_alone(gain, symmetry):
    below = RandomNetwork(gain=gain, symmetry=symmetry, transfer="identity")
    beyond = dataclasses.replace(below, gain=1.01 * random_linear_network.critical_gain(symmetry))
    assert below.is_stationary(below.stability())
    assert not beyond.is_stationary(beyond.stability())
    assert beyond.theory() == {}


@pytest.mark.parametrize("transfer", ["tanh", "arcsinh", "u/(1+abs(u))"])
def test_a_bounded_transfer_function_keeps_any_network_stationary(transfer):
    model = RandomNetwork(gain=3.0, transfer=transfer)
    assert model.is_stationary(model.stability())


def test_without_noise_there_is_no_entropy_production_but_a_dissipated_power():
    model = RandomNetwork(noise_strength=0.0, gain=2.0)
    run, means = Run(DT), {"network_sums": np.array([0.3, 2.0, 0.5, 0.4, 0.01])}
    for name in ("entropy_production_per_neuron", "entropy_production_per_neuron_path"):
        assert "noise_strength > 0" in OBSERVABLES[name].why_undefined(model, run)
        assert np.isnan(OBSERVABLES[name].value(model, run, means))
        assert name not in model.theory()
    assert OBSERVABLES["dissipated_power_per_neuron"].value(model, run, means) == 0.3


def test_theory_is_there_where_it_is_known_and_nowhere_else():
    wanted = ["entropy_production_per_neuron", "lyapunov_exponent", "activity_dimension"]
    assert RandomNetwork(symmetry=0.3).theory(wanted) == {}
    free = RandomNetwork(gain=2.0, noise_strength=0.5)
    found, known = free.theory(wanted), mean_field.stationary_state(2.0, 0.5)
    assert found["entropy_production_per_neuron"].value == known.entropy_production_rate
    assert found["lyapunov_exponent"].value == known.lyapunov_exponent
    assert {prediction.kind for prediction in found.values()} == {"approximate"}
    linear = RandomNetwork(gain=0.8, transfer="identity").theory(wanted)
    assert linear["entropy_production_per_neuron"].value == pytest.approx(0.4, abs=1e-9)  # 1 - sqrt(1 - g^2)
    assert linear["activity_dimension"].value == pytest.approx(5 / 11, abs=1e-8)


def test_what_is_expected_of_few_neurons_has_the_gain_of_their_inputs():
    """To lowest order the linear network produces g^2 (1 - gamma)/2 per neuron, of N - 1 inputs (1 - 1/N) of that."""
    model = RandomNetwork(n_neuron=50, gain=0.02, symmetry=-0.5, transfer="identity")
    observable = OBSERVABLES["entropy_production_per_neuron"]
    theory = observable.theory(model, Run(DT), model.theory())
    expected = observable.expected(model, Run(DT), model.theory())
    assert expected.value / theory.value == pytest.approx(1 - 1 / 50, rel=1e-3)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.1, 0.0), (0.1, 0.8), (0.1, -0.6)])
def test_information_of_weak_coupling_is_that_of_its_square(gain, symmetry):
    """I/N = g^2 (1 + gamma)/16, T/N = g^2/16 of an average J; this J has its own sum of squares, put in their place."""
    network = RandomNetwork(n_neuron=40, gain=gain, symmetry=symmetry, transfer="identity").realisation(0, SEED)
    stable, shared, there, back = network.linearised_information(np.ones(40))
    up, down = network.weights[20:, :20], network.weights[:20, 20:]
    assert stable == 1
    # the next order is g^2 smaller, with a coefficient of order one
    assert shared * 40 == pytest.approx(((up + down.T) ** 2).sum() / 8, rel=5 * gain**2)
    assert there * 40 == pytest.approx((up**2).sum() / 4, rel=5 * gain**2)
    assert back * 40 == pytest.approx((down**2).sum() / 4, rel=5 * gain**2)


def test_an_unstable_linearisation_has_no_information():
    network = RandomNetwork(n_neuron=40, gain=3.0).realisation(0, SEED)
    assert not network.linearised_information(np.ones(40)).any()
    observable = OBSERVABLES["mutual_information_per_neuron"]
    means = np.zeros((2, 45))
    means[1, 41:] = [15 / 16, 0.01, 0.02, 0.02]  # one of sixteen realisations
    assert np.isnan(observable.finalize(network, Run(DT), {"network_gains": means})).all()
