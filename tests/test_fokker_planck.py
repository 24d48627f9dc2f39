"""Two coupled Langevin equations: exact equilibria without current, linear theory, reference numbers, orders, walls."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.theory import gaussian
from nessmap.theory.fokker_planck import (
    Box,
    PlanarSystem,
    entropy_production_rate,
    settled_box,
    stationary_state,
)
from nessmap.theory.nonlinear_equilibria import (
    NonlinearField,
    additive_log_density,
    gain_matched_diffusion,
    gain_matched_log_density,
)

TWO_SITES = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]["C27"]["values"]
WEIGHTS = np.array([[0.9, 0.7], [0.7, 0.9]])
RESTING = -WEIGHTS.sum(axis=1) / (1 + np.exp(0.8))  # the input that makes u = 0 a fixed point
FIELD = NonlinearField(WEIGHTS, "logistic", 2.0, 0.4, RESTING)
ROUNDING = 1e-20  # squares of 1e-16 over the smallest probability that carries a current


def linear_system(seed):
    rng = np.random.default_rng(seed)
    drift = rng.normal(size=(2, 2)) - 2 * np.eye(2)
    root = rng.normal(size=(2, 2))
    return drift, root @ root.T + 0.4 * np.eye(2)


@pytest.mark.parametrize("noise", [0.0005, 0.002, 0.01, 0.05, 0.3])
def test_the_two_site_field_agrees_with_its_reference_at_every_noise(noise):
    system = PlanarSystem(FIELD.drift, [noise, noise])
    found = entropy_production_rate(system, settled_box(system, [0.0, 0.0]))
    expected = TWO_SITES[f"epr_FP_D{noise}"]
    assert abs(found.value - expected) <= found.error
    assert found.error < 3e-4 * expected
    # the error is cautious: doubly extrapolated, the grid of 128 is off by its sixth power
    assert found.value == pytest.approx(expected, rel=1e-5)


def test_the_two_site_field_agrees_with_its_simulation():
    system = PlanarSystem(FIELD.drift, [0.3, 0.3])
    found = entropy_production_rate(system, settled_box(system, [0.0, 0.0]))
    assert abs(found.value - TWO_SITES["epr_sim_D0p3"]) < 3 * TWO_SITES["epr_sim_se_D0p3"]


@pytest.mark.parametrize("seed", range(7))
def test_linear_systems_with_correlated_noise_agree_with_the_gaussian_theory(seed):
    drift, diffusion = linear_system(seed)
    system = PlanarSystem(lambda u: np.tensordot(drift, u, axes=1), diffusion)
    box = settled_box(system, [0.0, 0.0])
    exact = gaussian.entropy_production_rate(drift, diffusion)
    found = entropy_production_rate(system, box)
    assert abs(found.value - exact) <= found.error
    # 3 and 6 turn so fast that a grid of 128 is coarse, and the error says so
    assert found.error < (0.1 if seed in (3, 4, 6) else 3e-4) * exact


@pytest.mark.parametrize("seed", range(3))
def test_the_density_of_a_linear_system_has_the_covariance_of_the_lyapunov_equation(seed):
    drift, diffusion = linear_system(seed)
    system = PlanarSystem(lambda u: np.tensordot(drift, u, axes=1), diffusion)
    box = settled_box(system, [0.0, 0.0])
    state = stationary_state(system, box)
    weight = state.density / state.density.sum()
    first, second = np.meshgrid(*state.coordinates, indexing="ij")
    y = np.stack([first.ravel(), second.ravel()])
    u = system.axes @ y
    covariance = (u * weight.ravel()) @ u.T
    spacing = (box.high - box.low) / 128
    # the scheme is of second order, and its weakest constant is below 1 here
    expected = gaussian.stationary_covariance(drift, diffusion)
    np.testing.assert_allclose(covariance, expected, atol=float((spacing**2).max()))


@pytest.mark.parametrize("interpretation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("temperature", [0.01, 0.3])
def test_noise_matched_to_the_gain_carries_no_current_whatever_its_interpretation(interpretation, temperature):
    system = PlanarSystem(FIELD.drift, lambda u: gain_matched_diffusion(FIELD, temperature, u), interpretation)
    state = stationary_state(system, Box(np.array([-1.5, -1.0]), np.array([1.0, 1.7])), 32)
    assert 0 <= state.entropy_production_rate < ROUNDING
    first, second = np.meshgrid(*state.coordinates, indexing="ij")
    expected = gain_matched_log_density(FIELD, temperature, interpretation, np.stack([first, second]))
    # the flux is exact where there is none: the density is p at the centres, on any grid
    difference = np.log(state.density) - expected
    np.testing.assert_allclose(difference - difference[16, 16], 0.0, atol=1e-9)
    scale = (state.density * gain_matched_diffusion(FIELD, temperature, np.stack([first, second]))).max()
    assert np.abs(state.current).max() < 1e-12 * scale


def test_the_interpretation_matters_to_the_density_and_to_a_rate_that_is_not_zero():
    rates, means = [], []
    for interpretation in (0.0, 0.5, 1.0):
        system = PlanarSystem(FIELD.drift, lambda u: 0.2 + 0.1 * np.tanh(u), interpretation)
        box = Box(np.full(2, -4.0), np.full(2, 4.0))
        rates.append(entropy_production_rate(system, box).value)
        state = stationary_state(system, box, 64)
        means.append(float((state.density.sum(axis=1) * state.coordinates[0]).sum() / state.density.sum()))
    assert means[0] < means[1] < means[2]  # p ~ D^(alpha - 1), and D rises with u
    assert np.ptp(rates) > 0.01 * max(rates)


def test_additive_noise_in_proportion_to_the_coupling_carries_no_current():
    covariance = np.array([[1.0, 0.6], [0.6, 0.8]])
    for strengths in ([1.0, 1.0], [1.4, -0.8]):
        field = NonlinearField(covariance * strengths, "logistic", 2.0, 0.4)
        system = PlanarSystem(field.drift, 0.1 * covariance)
        box = settled_box(system, [0.0, 0.0])
        state = stationary_state(system, box, 48)
        assert 0 <= state.entropy_production_rate < ROUNDING
        # the axes are those of the noise
        first, second = np.meshgrid(*state.coordinates, indexing="ij")
        u = np.tensordot(system.axes, np.stack([first, second]), axes=1)
        scaled = NonlinearField(field.weights, "logistic", 2.0, 0.4)
        expected = additive_log_density(scaled, covariance, u) / 0.1
        inside = state.density > 1e-8 * state.density.max()
        difference = (np.log(np.where(inside, state.density, 1.0)) - expected)[inside]
        np.testing.assert_allclose(difference - difference[0], 0.0, atol=1e-9)


def test_a_coupling_two_percent_off_the_noise_is_irreversible():
    covariance = np.array([[1.0, 0.6], [0.6, 0.8]])
    field = NonlinearField(covariance * np.array([[1.02, 1.0], [1.0, 1.0]]), "logistic", 2.0, 0.4)
    assert (
        stationary_state(
            PlanarSystem(field.drift, 0.1 * covariance), Box(np.full(2, -2.0), np.full(2, 3.0)), 48
        ).entropy_production_rate
        > 1e-6
    )


def test_a_grid_converges_at_second_order():
    drift, diffusion = linear_system(5)
    system = PlanarSystem(lambda u: np.tensordot(drift, u, axes=1), diffusion)
    box = settled_box(system, [0.0, 0.0])
    exact = gaussian.entropy_production_rate(drift, diffusion)
    errors = [stationary_state(system, box, n).entropy_production_rate - exact for n in (64, 128)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)  # the fourth order at n = 64


def test_currents_flow_without_source_and_give_the_rate_that_is_reported():
    drift = np.array([[-1.0, 1.0], [-1.0, -1.0]])
    system = PlanarSystem(lambda u: np.tensordot(drift, u, axes=1), np.eye(2))
    state = stationary_state(system, Box(np.full(2, -6.0), np.full(2, 6.0)), 96)
    first, second = np.meshgrid(*state.coordinates, indexing="ij")
    # S = 1, v = (u_2, -u_1): a rigid rotation
    density = np.exp(-(first**2 + second**2) / 2) / (2 * np.pi)
    spacing = 12 / 96
    np.testing.assert_allclose(state.density, density, atol=spacing**2 * density.max())
    np.testing.assert_allclose(state.current, np.stack([second, -first]) * density, atol=spacing**2 * density.max())
    inside = state.density > 1e-12
    local = (state.current**2).sum(axis=0)[inside] / state.density[inside]
    assert local.sum() * spacing**2 == pytest.approx(state.entropy_production_rate, rel=2 * spacing**2)


def test_scaling_the_clock_scales_the_rate_and_relabelling_leaves_it():
    system = PlanarSystem(FIELD.drift, [0.1, 0.3])
    box = Box(np.full(2, -4.0), np.full(2, 4.0))
    rate = stationary_state(system, box, 48).entropy_production_rate
    quick = PlanarSystem(lambda u: 3 * FIELD.drift(u), [0.3, 0.9])
    assert stationary_state(quick, box, 48).entropy_production_rate == pytest.approx(3 * rate, rel=1e-9)
    swapped = PlanarSystem(lambda u: FIELD.drift(u[::-1])[::-1], [0.3, 0.1])
    assert stationary_state(swapped, box, 48).entropy_production_rate == pytest.approx(rate, rel=1e-9)


def test_a_box_that_cuts_the_density_off_is_refused():
    system = PlanarSystem(FIELD.drift, [0.3, 0.3])
    with pytest.raises(ValueError, match=r"probability .* at the low wall of axis 0, expected below 1e-05; widen it"):
        entropy_production_rate(system, Box(np.array([-1.0, -6.0]), np.full(2, 6.0)), 32)


def test_a_density_without_end_has_no_box():
    # f saturates, the energy is bounded, and anti-Ito noise leaves the density to it alone
    system = PlanarSystem(FIELD.drift, lambda u: gain_matched_diffusion(FIELD, 0.1, u), 1.0)
    with pytest.raises(ValueError, match=r"no end|that ends"):
        settled_box(system, [0.0, 0.0])


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(ValueError, match="expected 0"):
        PlanarSystem(FIELD.drift, np.eye(2), 0.3)
    with pytest.raises(ValueError, match="singular"):
        PlanarSystem(FIELD.drift, [1.0, 0.0])
    box = Box(np.full(2, -1.0), np.full(2, 1.0))
    with pytest.raises(ValueError, match="positive"):
        stationary_state(PlanarSystem(FIELD.drift, lambda u: u), box, 32)
    with pytest.raises(ValueError, match="multiple of 8"):
        entropy_production_rate(PlanarSystem(FIELD.drift, np.eye(2)), box, 30)
