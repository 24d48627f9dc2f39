"""Versions follow kernels: an edit that changes their numbers has to bump one, and a test says which."""

from __future__ import annotations

import hashlib
import io
import tokenize
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from nessmap import identity, kernels
from nessmap.kernels import (
    amari_field,
    brownian_particle,
    first_passage,
    functions,
    langevin,
    linear_blocks,
    matrix_product,
    moments,
    multiplicative_field,
    neural_field,
    path_information,
    plastic_synapse,
    quasi_potential,
    random_network,
    sensing,
    stages,
    two_state_synapse,
    windows,
)
from nessmap.kernels import random as philox
from nessmap.kernels import squared_drift as bump_entropy
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.theory.stages import of_matrix


class Known(NamedTuple):
    """A kernel file as it was when its versions were last set."""

    versions: tuple[int, ...]
    source: str
    run: str


KNOWN = {
    "random": Known((1,), "b6ead528eb50f20d", "127969b9ad7a1e26"),
    "amari_field": Known((1,), "3cf860913b25f816", "2c77fea05de74e96"),
    "brownian_particle": Known((1,), "c92cdccf63644af1", "845ef86beb41a6e6"),
    "linear_blocks": Known((1,), "0e13e2cc8f68377f", "ea542c30a4bb7f47"),
    "first_passage": Known((1,), "6bfe4cbb05ff27ce", "ac650bb1d55fac03"),
    "functions": Known((2,), "6efc5ce53b97a485", "2d9cf874dbf26a9b"),
    "langevin": Known((1,), "655ff36231e1533c", "caae30a5d14566cf"),
    "matrix_product": Known((1,), "b9ff7f8338a2866e", "63780824f4075f27"),
    "quasi_potential": Known((1,), "48bd3a2e998d42ae", "adb9c90e07f3254f"),
    "random_network": Known((1,), "b5c242db93962d30", "c7909f820ad8bf99"),
    "neural_field": Known((1,), "24ca22988d160600", "a269de3a754482ea"),
    "multiplicative_field": Known((1,), "fa0e9f3467637f1e", "7c41253219a73cf6"),
    "squared_drift": Known((1,), "6877505da80460aa", "ea05c63a86b6b37c"),
    "sensing": Known((1,), "210201f878df16ac", "7c3339b55a0bb973"),
    "plastic_synapse": Known((1,), "0c11c5bc1c96b810", "0c4bff9f9bb30e4d"),
    "two_state_synapse": Known((1,), "9845dcaab2f1e752", "22c65779cbc25803"),
    "stages": Known((1,), "c4c98a34e447a9bf", "9959dd92ec2c0047"),
    "path_information": Known((1,), "7c125d02db3492d5", "a1b606ec612f3370"),
    "windows": Known((1,), "9516ae87abc190cb", "a8db8ec4654455f6"),
    "moments": Known((1, 1), "02835f23d4629f9e", "24dbbe2f63c13e4c"),
}
BUMP = {
    "random": "STREAM_VERSION in src/nessmap/kernels/random.py",
    "amari_field": "KERNEL_VERSION in src/nessmap/kernels/amari_field.py",
    "brownian_particle": "KERNEL_VERSION in src/nessmap/kernels/brownian_particle.py",
    "linear_blocks": "KERNEL_VERSION in src/nessmap/kernels/linear_blocks.py",
    "first_passage": "KERNEL_VERSION in src/nessmap/kernels/first_passage.py",
    "functions": "KERNEL_VERSION in src/nessmap/kernels/functions.py",
    "langevin": "KERNEL_VERSION in src/nessmap/kernels/langevin.py",
    "matrix_product": "KERNEL_VERSION in src/nessmap/kernels/matrix_product.py",
    "quasi_potential": "KERNEL_VERSION in src/nessmap/kernels/quasi_potential.py",
    "random_network": "KERNEL_VERSION in src/nessmap/kernels/random_network.py",
    "neural_field": "KERNEL_VERSION in src/nessmap/kernels/neural_field.py",
    "multiplicative_field": "KERNEL_VERSION in src/nessmap/kernels/multiplicative_field.py",
    "squared_drift": "KERNEL_VERSION in src/nessmap/kernels/squared_drift.py, and version of NonlinearBump",
    "sensing": "KERNEL_VERSION in src/nessmap/kernels/sensing.py",
    "plastic_synapse": "KERNEL_VERSION in src/nessmap/kernels/plastic_synapse.py",
    "two_state_synapse": "KERNEL_VERSION in src/nessmap/kernels/two_state_synapse.py",
    "stages": "KERNEL_VERSION in src/nessmap/kernels/stages.py",
    "path_information": "version of PathInformation in src/nessmap/statistics/neurons.py",
    "windows": "version of PathEntropyWindows in src/nessmap/statistics/windows.py",
    "moments": "version of Covariance and LaggedCovariance in src/nessmap/statistics/moments.py",
}


def versions(name: str) -> tuple[int, ...]:
    if name == "moments":
        return STATISTICS["covariance"].version, STATISTICS["lagged_covariance"].version
    if name == "windows":
        return (STATISTICS["path_entropy_windows"].version,)
    if name == "path_information":
        return (STATISTICS["path_information"].version,)
    return (identity.version_in(name, BUMP[name].split()[0]),)


def source_digest(text: str) -> str:
    """Digest of a file's tokens: comments, docstrings, blank lines and line breaks are left out."""
    kept, before = [], tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        statement_starts = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        docstring = token.type == tokenize.STRING and statement_starts
        indentation = token.type in (tokenize.INDENT, tokenize.DEDENT)
        if not docstring:
            kept.append(tokenize.tok_name[token.type] if indentation else token.string.strip())
        before = token.type
    return hashlib.blake2b("\0".join(kept).encode(), digest_size=8).hexdigest()


def run_of_a_field(x, key):
    """A path of five sites and its entropies by the kernel of nonlinear fields."""
    weights = np.cos(np.arange(25.0)).reshape(5, 5) / 5
    coupling, noise, force = (
        (*chain.arrays, chain.width) for chain in map(of_matrix, (weights, np.tril(weights), weights - weights.T))
    )
    drive, shape = np.linspace(-0.2, 0.2, 5), np.array([np.full(5, 1.5), np.full(5, 0.2)])
    scheme, gain = np.linspace(0.05, 0.9, 20).reshape(4, 5)[::-1].copy(), np.full(5, 0.4)
    neural_field.advance(x, coupling, noise, drive, 2, shape, scheme, gain, key, 128, 7)
    sums, centre = (np.empty((1, 32)), np.empty((5, 32)), np.empty((2, 32))), np.linspace(-0.5, 0.5, 15).reshape(3, 5)
    neural_field.entropy_along_path(*sums, x, coupling, drive, np.ones(5), coupling, force, 2, shape, centre)
    return np.concatenate([x.ravel(), *map(np.ravel, sums)])


def run_under_multiplicative_noise(key):
    """Paths of five sites and their linear twin by both schemes, and their entropies."""
    chain = of_matrix(np.cos(np.arange(25.0)).reshape(5, 5) / 5)
    coupling = *chain.arrays, chain.width
    field = coupling, np.linspace(-0.2, 0.2, 5), 4, np.array([np.full(5, 1.5), np.full(5, 0.2)])
    x, sites = np.full((2, 6, 10, 32), 0.3), np.linspace(0.05, 0.9, 40).reshape(8, 5)[::-1].copy()
    along, local, centre = np.empty((2, 5, 32)), np.empty((2, 6, 32)), np.linspace(0.5, 1.5, 20).reshape(4, 5)
    for splitting in range(2):
        own = x[splitting]
        multiplicative_field.advance(own, *field, np.array([0.05, 1.3, 0.5, splitting]), sites, key, 128, 7)
        force = coupling + coupling, *field[2:]
        multiplicative_field.path_entropy(along[splitting], own, *force, 1.3, centre)
        law = np.array([1.3, 1.0])
        multiplicative_field.local_entropy_rate(local[splitting], own, *field[:2], np.ones(5), *force, law, centre)
    return np.concatenate([x.ravel(), along.ravel(), local.ravel()])


def entropy_less_squared_drift(x):
    """What the kernel of bumps makes of a path of five sites."""
    chain, sites = of_matrix(np.cos(np.arange(25.0)).reshape(5, 5)), np.linspace(0.5, 1.5, 15).reshape(3, 5)
    coupling, shape = (*chain.arrays, chain.width), np.array([np.full(5, 1.5), np.full(5, 0.2)])
    along, local = np.empty((5, 32)), np.empty((6, 32))
    bump_entropy.path_entropy(along, x, coupling, sites, 2, shape)
    bump_entropy.local_entropy_rate(local, x, coupling, sites, sites[:2], 2, shape)
    return np.concatenate([along, local])


def run_of_neurons(key):
    """Paths of four neurons with two kinds of tuning curves, and their heat."""
    x, out = np.full((2, 6, 5, 32), 0.3), np.empty((2, 5, 32))
    matrix, shape = np.cos(np.arange(16.0)).reshape(4, 4) / 4, np.linspace(0.5, 1.5, 12).reshape(3, 4)
    velocity, weight = np.array([0.9, 0.4]), np.linspace(-0.5, 0.5, 16).reshape(4, 4)
    for part, function in enumerate((1, sensing.POWER)):
        sensing.advance(x[part], velocity, matrix, weight, np.tril(matrix), function, shape, key, 128, 7)
        sensing.heat_of_steps(out[part], x[part], weight, matrix - matrix.T, function, shape)
    return np.concatenate([x.ravel(), out.ravel()])


def information_along(x):
    """Of five steps seen through two curves by a filter of nine nodes, and where it ends."""
    tuned, band = np.cos(np.arange(18.0)).reshape(2, 9) / 4, np.linspace(0.1, 0.4, 45).reshape(9, 5)
    out, weights = np.empty((5, 32)), np.full((9, 32), 1 / 9)
    path_information.information_of_steps(out, x[1:, :2], x[1:, 2] / 9, tuned, tuned[0] ** 2, band, weights)
    return np.concatenate([out, weights])


def run_of_a_network(x, key):
    """Paths of five neurons and deviations from them, and what is summed on the way."""
    tiles = matrix_product.packed(np.cos(np.arange(25.0)).reshape(5, 5))
    both, scalars = np.concatenate([x, x[:, ::-1]], axis=1), np.empty((5, 6, 32))
    random_network.advance(both, scalars, tiles, np.array([0.1, 0.4]), np.full(320, np.nan), 1, key, 128, 7)
    return np.concatenate([both.ravel(), scalars.ravel()])


def run_of_a_sampler(x, key):
    """Iterations of five neurons at two temperatures, and the overlaps of their replicas."""
    coupling = tuple(matrix_product.packed(m) for m in (np.cos(np.arange(25.0)).reshape(5, 5), np.eye(5)))
    scalars, sums, law = np.empty((5, 6, 16)), np.zeros((3, N_GROUP)), np.array([0.05, 0.3, 3.0, 1.0])
    transfer = 1, np.array([np.ones(5), np.zeros(5)])
    quasi_potential.advance(x, scalars, coupling, transfer, law, np.array([0.5, 1.0]), key, 128, 7)
    quasi_potential.add_overlaps(sums, x, coupling, transfer)
    return np.concatenate([x.ravel(), scalars.ravel(), sums.ravel()])


def run_of_synapses(name, x, key):
    """Paths of three synapses that learn, of three with two states, or of one that passes between two weights."""
    if name == "plastic_synapse":
        plastic_synapse.advance(x, np.array([0.9, 0.4, 0.7, 1.5]), 9, key, 128, 7)
    elif name == "two_state_synapse":
        quantile = np.linspace(-0.8, 0.8, 8).reshape(2, 2, 2)
        two_state_synapse.advance(x, quantile, np.linspace(-1.0, 1.5, 4).reshape(2, 2), 9, key, 128, 7)
    else:
        first_passage.advance(x, np.array([0.1, -0.2, 1.0, -1.0]), 0.5, np.array([-0.5, 0.5]), 0.2, key, 128, 7)
    return x


def run_digest(name: str) -> str:
    """Digest of a short run, rounded to 9 decimals of numbers of order 1: CPUs differ in the 16th."""
    x = np.empty((6, 5, 32))
    philox.standard_normals(x[0], np.uint64(2**63 + 12345), 16, 3, philox.PURPOSE_STEP)
    key = np.uint64(987654321)
    if name == "random":
        result = x[0]
    elif name == "amari_field":
        keep, turn, kick = np.linspace(0.8, 0.9, 5), np.linspace(-0.2, 0.2, 5), np.linspace(0.5, 1.0, 5)
        amari_field.advance(x, keep, turn, np.array([0, 2, 1, 4, 3]), kick, key, 128, 7)
        result = x
    elif name == "functions":
        result, slope, threshold = np.empty((5, 3, 5, 32)), np.full(5, 1.5), np.full(5, 0.2)
        for number in range(5):
            for order, fill in enumerate((functions.fill_response, functions.fill_gain, functions.fill_curvature)):
                fill(result[number, order], x[0], number, slope, threshold)
    elif name == "langevin":
        langevin.advance(x, lambda u: -(u**3), lambda u, z: 0.1 * np.cos(u) * z, 0.05, key, 128, 7)
        result = x
    elif name == "neural_field":
        result = run_of_a_field(x, key)
    elif name == "matrix_product":
        result = np.empty((8, 32))
        matrix_product.fill_product(result, matrix_product.packed(np.cos(np.arange(25.0)).reshape(5, 5)), x[0])
    elif name == "quasi_potential":
        result = run_of_a_sampler(x, key)
    elif name == "random_network":
        result = run_of_a_network(x, key)
    elif name == "sensing":
        result = run_of_neurons(key)
    elif name in ("plastic_synapse", "two_state_synapse", "first_passage"):
        result = run_of_synapses(name, x, key)
    elif name == "multiplicative_field":
        result = run_under_multiplicative_noise(key)
    elif name == "squared_drift":
        x[1:] = np.cos(np.arange(5 * 5 * 32)).reshape(5, 5, 32)
        result = entropy_less_squared_drift(x)
    elif name == "path_information":
        x[1:] = np.cos(np.arange(5 * 5 * 32)).reshape(5, 5, 32)
        result = information_along(x)
    elif name == "stages":
        result, weights, row = np.zeros((4, 32)), np.cos(np.arange(40.0)).reshape(10, 4), np.r_[0:8, 0:4]
        stage, pointer, column = np.array([0, 2, 3]), np.array([0, 3, 5, 10]), np.r_[0, 2, 4, 1, 3, 0, 3, 5:8]
        stages.add_product(result, x[0], np.empty((2, 8, 32)), stage, pointer, column, weights, row)
    elif name == "brownian_particle":
        result, entries = np.tile(x[:1], (6, 2, 1))[:, :6].copy(), np.cos(np.arange(50.0)).reshape(5, 10) / 3
        outcome = entries[:, :2].copy(), entries[:, 2:5].copy(), np.tril(entries[:, 5:])
        push = np.array([0.5, 0.1, -0.3, 0.7])
        brownian_particle.advance(result, *outcome, np.array([1.5, 0.8]), push, 0.3, key, 128, 7)
    elif name == "linear_blocks":
        result, blocks = np.ascontiguousarray(x[:, :4]), np.linspace(-0.5, 0.5, 8).reshape(2, 2, 2)
        linear_blocks.advance(result, np.array([[0, 2], [3, 1]]), blocks, np.tril(blocks + 1), key, 128, 7)
    else:
        x[1:] = np.cos(np.arange(5 * 5 * 32)).reshape(5, 5, 32)
        first, second = np.array([0, 1, 4]), np.array([0, 3, 2])
        result = np.zeros((2, 3, N_GROUP))
        if name == "windows":
            windows.add_window_sums(result[:, 0], x, first, second, np.array([0.5, -1.0, 2.0]))
        for lag in (0, 1) if name == "moments" else ():
            moments.add_products(result[lag], x, first, second, lag)
    rounded = np.round(result, 9) + 0.0  # + 0.0 turns -0.0 into 0.0
    return hashlib.blake2b(rounded.tobytes(), digest_size=8).hexdigest()


def test_a_kernel_answers_for_those_that_it_calls():
    assert identity.versions_called("amari_field") == {}
    called = {"functions", "stages"}
    assert identity.versions_called("neural_field") == {name: KNOWN[name].versions[0] for name in called}


# tens of seconds of compilation
SLOW = {"multiplicative_field", "neural_field", "quasi_potential", "random_network"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in KNOWN])
def test_a_changed_kernel_gets_a_new_version(name):
    known = KNOWN[name]
    file = Path(kernels.__file__).with_name(f"{name}.py")
    found = Known(versions(name), source_digest(file.read_text()), run_digest(name))
    if found == known:
        return
    store = f"then store {found!r} in KNOWN of tests/test_kernel_versions.py"
    if found.versions != known.versions:
        pytest.fail(f"kernels/{name}.py has a new version: {store.removeprefix('then ')}")
    if found.source == known.source and run_digest("random") != KNOWN["random"].run:
        pytest.fail(f"kernels/{name}.py follows kernels/random.py to other numbers: bump {BUMP['random']}, {store}")
    if found.run != known.run:
        pytest.fail(f"kernels/{name}.py gives other numbers: bump {BUMP[name]}, {store}")
    pytest.fail(
        f"kernels/{name}.py was edited and a short run gives the same numbers to 9 decimals: "
        f"bump {BUMP[name]} unless every bit stays the same (`nessmap point SWEEP ... --check`), {store}"
    )


def test_every_kernel_file_has_its_digests_here():
    files = {file.stem for file in Path(kernels.__file__).parent.glob("*.py")} - {"__init__", "generated"}
    assert KNOWN.keys() == files


def test_comments_and_formatting_are_no_change_of_a_kernel():
    text = 'N = 1\n\n\ndef f(x):\n    """What."""\n    return x + N\n'
    formatted = 'N = 1  # one\n\ndef f( x ):\n    """How."""\n    # why\n\n    return x+N\n'
    changed = text.replace("x + N", "x - N")
    assert source_digest(text) == source_digest(formatted)
    assert source_digest(text) != source_digest(changed)


def test_a_cache_folder_that_the_user_chose_carries_the_digest_of_the_kernels_too(tmp_path, monkeypatch):
    own = tmp_path / f"numba-{kernels.source_digest()}"
    for chosen in (tmp_path, own):  # a worker gets it from the process that started it
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(chosen))
        assert kernels._cache_folder() == str(own)
