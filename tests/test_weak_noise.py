"""Weak noise: reference slopes, two routes to one number, the Fokker-Planck equation in the limit, where it vanishes."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory import gaussian, spatial
from nessmap.theory.fokker_planck import PlanarSystem, entropy_production_rate, settled_box
from nessmap.theory.weak_noise import expansion, homogeneous_state_rate, reversible_state_rate, uniform_state_rate

ORACLES = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
EXAMPLES = settings(max_examples=40, deadline=None)
GAIN, CURVATURE = ORACLES["C24"]["values"]["gain"], ORACLES["C24"]["values"]["fpp"]


def ring_kernel(n_site=8, weight=1.5, width=0.6, length=4.0):
    """Sampled kernel matrix W and its transform of an even Gaussian kernel."""
    profile = spatial.PROFILES["gaussian"]
    values = weight * spatial.summed_over_images(
        lambda x: profile.value(x, width, 0.0, 0.0), n_site, length, profile.reach * width
    )
    return spatial.circulant(values) * length / n_site, spatial.transform(values, length / n_site)[0]


def field_derivatives(weights):
    """A and d^2 F_i / du_j du_l of -u + W f(u) at the uniform state."""
    n_dim = len(weights)
    same = np.eye(n_dim)
    return GAIN * weights - same, CURVATURE * np.einsum("ij,jk,jl->ikl", weights, same, same)


def symmetric(tensor):
    """The mean over all orders of all indices but the first."""
    orders = list(itertools.permutations(range(1, tensor.ndim)))
    return sum(tensor.transpose(0, *order) for order in orders) / len(orders)


def random_system(seed, n_dim, reversible=True):
    rng = np.random.default_rng(seed)
    root, stiffness = rng.normal(size=(2, n_dim, n_dim))
    diffusion = root @ root.T + 0.5 * np.eye(n_dim)
    potential = stiffness @ stiffness.T + 0.5 * np.eye(n_dim)
    drift = -diffusion @ potential
    if not reversible:
        swirl = rng.normal(size=(n_dim, n_dim))
        drift = drift + (swirl - swirl.T) @ potential
    return drift, symmetric(rng.normal(size=(n_dim,) * 3)), symmetric(rng.normal(size=(n_dim,) * 4)), diffusion


def test_slopes_of_the_reference_fields():
    _, transform = ring_kernel()
    eight = uniform_state_rate(transform, np.ones(5), 8, GAIN, CURVATURE)
    assert eight == pytest.approx(ORACLES["C24"]["values"]["weak_noise_slope"], rel=1e-12)
    assert 0.3 * eight == pytest.approx(ORACLES["C24"]["values"]["weak_noise_pred_D0.3"], rel=1e-12)
    two = uniform_state_rate([1.6, 0.2], [1.0, 1.0], 2, GAIN, CURVATURE)
    # the reference carries the rounding of its own gain
    assert two == pytest.approx(ORACLES["C27"]["values"]["weak_noise_slope"], rel=1e-11)


@pytest.mark.parametrize("n_site", [7, 8])
@pytest.mark.parametrize("correlation_length", [0.0, 0.3, 1.0])
def test_modes_and_matrices_give_the_same_rate(n_site, correlation_length):
    weights, transform = ring_kernel(n_site)
    spectrum = 0.2 * spatial.noise_spectrum("exponential", correlation_length, n_site, 4.0)
    index = np.minimum(np.arange(n_site), n_site - np.arange(n_site))
    diffusion = spatial.circulant(np.fft.ifft(spectrum[index]).real)
    drift, second = field_derivatives(weights)
    by_modes = uniform_state_rate(transform, spectrum, n_site, GAIN, CURVATURE)
    assert reversible_state_rate(drift, second, diffusion) == pytest.approx(by_modes, rel=1e-10)


def even_grids(seed, shape):
    """Kernel of a product of rings, even and anisotropic, with its transform, and a noise covariance with its spectrum."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(2, *shape))
    mirrored = np.roll(raw[:, ::-1, ::-1], (1, 1), axis=(1, 2))
    kernel, root = (raw + mirrored) / 2
    kernel *= 1.2 / np.abs(np.fft.fft2(kernel)).max()
    spectrum = np.fft.fft2(root).real ** 2 + 0.5
    return kernel, np.fft.fft2(kernel).real, np.fft.ifft2(spectrum).real, spectrum


def between_sites(grid):
    index = np.indices(grid.shape).reshape(2, -1)
    return grid[tuple((axis[:, None] - axis) % n for axis, n in zip(index, grid.shape, strict=True))]


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (2, 5), (1, 6)])
@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_torus_modes_and_matrices_give_the_same_rate(shape, seed):
    kernel, transform, covariance, spectrum = even_grids(seed, shape)
    drift, second = field_derivatives(between_sites(kernel))
    by_matrices = reversible_state_rate(drift, second, between_sites(covariance))
    assert homogeneous_state_rate(transform, spectrum, GAIN, CURVATURE) == pytest.approx(by_matrices, rel=1e-10)


def test_the_rate_of_a_torus_does_not_depend_on_how_many_pairs_are_summed_at_a_time(monkeypatch):
    _, transform, _, spectrum = even_grids(3, (6, 5))
    whole = homogeneous_state_rate(transform, spectrum, GAIN, CURVATURE)
    monkeypatch.setattr("nessmap.theory.weak_noise._PAIRS", 70)
    assert homogeneous_state_rate(transform, spectrum, GAIN, CURVATURE) == pytest.approx(whole, rel=1e-14)


def test_noise_in_proportion_to_the_kernel_produces_exactly_nothing_on_a_torus():
    _, half = ring_kernel()
    transform = np.outer(half[:4], half)
    full = transform[np.minimum(np.arange(7), 7 - np.arange(7))][:, np.minimum(np.arange(8), 8 - np.arange(8))]
    assert homogeneous_state_rate(full, 0.37 * full, GAIN / 2, CURVATURE) == 0.0
    assert homogeneous_state_rate(full, np.ones((7, 8)), GAIN / 2, CURVATURE) > 0


def test_the_time_constant_sets_the_clock():
    _, transform = ring_kernel()
    rate = uniform_state_rate(transform, np.ones(5), 8, GAIN, CURVATURE)
    # D = C/tau^2 at fixed C: in units of tau the noise is C/tau
    slow = uniform_state_rate(transform, np.ones(5) / 9, 8, GAIN, CURVATURE, time_constant=3.0)
    assert slow == pytest.approx(rate / 3 / 3, rel=1e-12)


@EXAMPLES
@given(st.integers(0, 2**31), st.integers(2, 5))
def test_the_curl_and_the_moments_of_the_law_give_the_same_rate(seed, n_dim):
    drift, second, third, diffusion = random_system(seed, n_dim)
    flux = drift @ diffusion
    drift = np.linalg.solve(diffusion, (flux + flux.T) / 2).T
    by_curl = reversible_state_rate(drift, second, diffusion)
    by_moments = expansion(drift, second, third, diffusion)
    assert by_moments.linear == 0
    size = np.abs(second).max() ** 2 * np.abs(diffusion).max() + np.abs(third).max()
    # differences of traces: rounding times what cancels, over the slowest rate
    slowest = -np.linalg.eigvals(drift).real.max()
    scale = size * np.linalg.cond(diffusion) * np.linalg.cond(drift) * max(1, 1 / slowest) ** 3
    assert by_moments.correction == pytest.approx(by_curl, abs=1e-12 * scale * n_dim**3, rel=1e-8)


@EXAMPLES
@given(st.integers(0, 2**31), st.integers(1, 5), st.floats(0.1, 10.0))
def test_the_rate_is_in_proportion_to_the_noise_and_blind_to_the_coordinates(seed, n_dim, factor):
    drift, second, _, diffusion = random_system(seed, n_dim)
    rate = reversible_state_rate(drift, second, diffusion)
    assert rate >= 0
    assert reversible_state_rate(drift, second, factor * diffusion) == pytest.approx(factor * rate, rel=1e-9, abs=1e-12)
    scale = np.exp2(np.random.default_rng(seed).integers(-3, 4, n_dim).astype(float))  # rounds nothing
    turned = reversible_state_rate(
        scale[:, None] * drift / scale,
        np.einsum("i,ijl,j,l->ijl", scale, second, 1 / scale, 1 / scale),
        scale[:, None] * diffusion * scale,
    )
    assert turned == pytest.approx(rate, rel=1e-9, abs=1e-12)


@EXAMPLES
@given(st.integers(0, 2**31), st.integers(1, 5))
def test_a_drift_that_is_a_gradient_produces_nothing(seed, n_dim):
    rng = np.random.default_rng(seed)
    drift, _, _, diffusion = random_system(seed, n_dim)
    cubic = rng.normal(size=(n_dim,) * 3)
    cubic = sum(cubic.transpose(order) for order in itertools.permutations(range(3)))
    second = np.einsum("ia,ajl->ijl", diffusion, cubic)
    rate = reversible_state_rate(drift, second, diffusion)
    curved = reversible_state_rate(drift, random_system(seed, n_dim)[1], diffusion)
    assert rate <= 1e-20 * (1 + curved) * np.linalg.cond(diffusion) ** 2 * np.abs(second).max() ** 2


def test_noise_in_proportion_to_the_kernel_produces_exactly_nothing():
    _, transform = ring_kernel()
    for factor in (1.0, 0.37, 3e-5):
        assert uniform_state_rate(transform, factor * transform, 8, GAIN, CURVATURE) == 0.0
    off = transform.copy()
    off[1] *= 1.02
    assert uniform_state_rate(transform, off, 8, GAIN, CURVATURE) > 0
    assert uniform_state_rate(transform, np.ones(5), 8, GAIN, 0.0) == 0.0


def test_a_mode_that_the_kernel_drives_without_noise_is_infinitely_irreversible():
    _, transform = ring_kernel()
    silent = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    assert uniform_state_rate(transform, silent, 8, GAIN, CURVATURE) == np.inf
    frozen = np.where(silent == 0, 0.0, transform)  # nor does the kernel reach it
    limit = uniform_state_rate(frozen, np.where(silent == 0, 1e-12, 1.0), 8, GAIN, CURVATURE)
    assert uniform_state_rate(frozen, silent, 8, GAIN, CURVATURE) == pytest.approx(limit, rel=1e-10)


def test_white_noise_makes_the_rate_grow_with_the_number_of_sites_and_correlated_noise_does_not():
    rates = {}
    for n_site in (64, 128, 256):
        _, transform = ring_kernel(n_site)
        for correlation_length in (0.0, 0.5):
            spectrum = spatial.noise_spectrum("exponential", correlation_length, n_site, 4.0)
            rates[n_site, correlation_length] = uniform_state_rate(transform, spectrum, n_site, GAIN, CURVATURE)
    assert rates[256, 0.0] / rates[128, 0.0] == pytest.approx(2, abs=0.05)  # up to 1/N
    steps = [rates[n, 0.5] - rates[n // 2, 0.5] for n in (128, 256)]
    assert abs(steps[1]) < 0.6 * abs(steps[0])  # as 1/N
    assert abs(steps[1]) < 0.02 * rates[256, 0.5]


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_fokker_planck_equation_tends_to_the_law_as_the_noise_vanishes(seed):
    reversible = seed == 0
    drift, second, third, diffusion = random_system(seed, 2, reversible)
    drift, second, third = (
        drift / np.abs(drift).max(),
        0.3 * second,
        -0.3 * np.einsum("ij,jk,kl->ijkl", *3 * [np.eye(2)]),
    )
    law = expansion(drift, second, third, diffusion)

    def force(x):
        square = np.einsum("ijk,j...,k...->i...", second, x, x) / 2
        return np.tensordot(drift, x, axes=1) + square + np.einsum("ijkl,j...,k...,l...->i...", third, x, x, x) / 6

    slopes, errors = [], []
    # against the linear rate the correction must exceed the error of the grid
    strengths = (0.002, 0.001) if reversible else (0.01, 0.005)
    for strength in strengths:
        system = PlanarSystem(force, strength * diffusion)
        found = entropy_production_rate(system, settled_box(system, [0.0, 0.0]), 192)
        slopes.append((found.value - law.linear) / strength)
        errors.append(found.error / strength)
    limit = 2 * slopes[1] - slopes[0]
    # the next order in the noise halves with it; extrapolated, its square is left
    remainder = abs(slopes[1] - slopes[0])
    assert abs(limit - law.correction) < 0.2 * remainder + 2 * errors[1] + errors[0]
    assert errors[1] < 0.03 * abs(law.correction)
    assert remainder < 0.2 * abs(law.correction)


def test_the_linear_part_of_the_expansion_is_the_linear_theory():
    drift, second, third, diffusion = random_system(4, 3, reversible=False)
    assert expansion(drift, second, third, diffusion).linear == gaussian.entropy_production_rate(drift, diffusion)
    assert expansion(drift, 0 * second, 0 * third, diffusion).correction == pytest.approx(0, abs=1e-12)


def test_systems_beyond_the_law_are_refused():
    drift, second, _, diffusion = random_system(4, 3, reversible=False)
    with pytest.raises(ValueError, match=r"A D - D A\^T reaches"):
        reversible_state_rate(drift, second, diffusion)
    with pytest.raises(ValueError, match=r"leading rate 0\.2"):
        uniform_state_rate([3.0, 0.2], [1.0, 1.0], 2, 0.4, 1.0)
    with pytest.raises(ValueError, match=r"shape \(4,\), expected \(2, 2\) finite numbers, all wavenumbers"):
        homogeneous_state_rate(np.ones((2, 2)), np.ones(4), 0.4, 1.0)
    with pytest.raises(ValueError, match="eigenvectors of condition"):
        expansion([[-1.0, 1.0], [0.0, -1.0]], np.ones((2, 2, 2)), np.zeros((2, 2, 2, 2)), np.eye(2))
