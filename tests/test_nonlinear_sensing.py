"""Neurons with any tuning: Hermite series against closed forms, quadrature, matrices and the simulated step."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1

from gaussian_systems import EPSILON, EXAMPLES, ORACLE, ROUNDED, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.theory import gaussian
from nessmap.theory.nonlinear_sensing import (
    network_response,
    neuron_response,
    power_law_spectrum,
    tuning_spectrum,
)
from nessmap.theory.sensing import SensingNetwork, identical_neurons, sensing


def tuning_of(case):
    gain, exponent = case.get("g", 1.0), case.get("alpha", 2.0)
    curves = {"quad": lambda v: gain * v**2, "tanh": lambda v: gain * np.tanh(v)}
    return curves.get(case["f"], lambda v: gain * np.abs(v) ** exponent)


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("nonlinear")])
def test_nonlinear_neurons_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    spectrum = tuning_spectrum(tuning_of(case), case["s2"])
    found = neuron_response(spectrum, case["kappa"], case["s2"], case["rho"], case["D_r"])
    values = {"mean_r": found.mean, "var_r": found.variance, "cov_rv": found.covariance, "Phi_r": found.entropy_flow}
    # the covariance of an even curve is a sum of 5000 products that cancel
    assert values == pytest.approx({quantity: expected[quantity] for quantity in values}, rel=ORACLE, abs=1e-13)
    sampled, error = expected["Phi_r_MC"]
    assert abs(found.entropy_flow - sampled) < 4 * error


@pytest.mark.slow
@given(SEEDS, st.floats(-2.0, 2.0))
@EXAMPLES
def test_a_linear_tuning_curve_is_a_linear_neuron(seed, offset):
    kappa, rho, variance, noise, gain = np.exp(np.random.default_rng(seed).normal(size=5))
    spectrum = tuning_spectrum(lambda v: offset + gain * v, variance, n_term=6, kinks=())
    found = neuron_response(spectrum, kappa, variance, rho, noise)
    exact = identical_neurons(1, kappa, rho, gain, variance, noise)
    # 1e-16 in every coefficient, relative to the offset
    slack = ROUNDED * (1 + offset**2 / (gain**2 * variance))
    assert found.entropy_flow == pytest.approx(float(exact.entropy_flow), rel=slack)
    network = SensingNetwork(kappa, variance, [gain], rho, noise).covariance
    assert [found.mean, found.covariance, found.variance] == pytest.approx(
        [offset, network[0, 1], network[1, 1]], rel=slack, abs=1e-14
    )


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0, 1.5, 3.0])
def test_coefficients_of_a_power_law_have_their_closed_form_in_spite_of_the_kink(exponent):
    found = tuning_spectrum(lambda v: np.abs(v) ** exponent, 1.7, n_term=400)
    exact = power_law_spectrum(exponent, 1.7, n_term=400)
    # 5000 products of order 1, each rounded
    np.testing.assert_allclose(found.coefficients, exact.coefficients, atol=100 * EPSILON * exact.coefficients[0])
    assert float(found.covariance) == pytest.approx(float(exact.covariance), rel=1e-13)


def heat_by_correlation(exponent, kappa, rho, noise):
    """(rho^2/D) [Var f - rho int e^(-rho s) C(s) ds], C of |z|^alpha |z'|^alpha a hypergeometric function."""
    moment = 2 ** (exponent / 2) * math.gamma((exponent + 1) / 2) / math.sqrt(math.pi)
    variance = 2**exponent * math.gamma(exponent + 0.5) / math.sqrt(math.pi) - moment**2

    def correlation(memory):
        return moment**2 * (hyp2f1(-exponent / 2, -exponent / 2, 0.5, memory**2) - 1)

    # memory = e^(-kappa s) turns the exponential into a power
    power = rho / kappa
    filtered = quad(lambda y: correlation(y ** (1 / power)), 0, 1, epsabs=1e-14, epsrel=1e-13, limit=400)[0]
    return rho**2 / noise * (variance - filtered)


@pytest.mark.parametrize(
    ("exponent", "kappa", "rho"), [(0.5, 1.0, 3.0), (0.5, 2.0, 0.3), (1.0, 0.7, 2.0), (1.6, 1.0, 9.0)]
)
def test_the_heat_of_a_kinked_curve_is_that_of_its_correlation_function(exponent, kappa, rho):
    exact = heat_by_correlation(exponent, kappa, rho, 0.2)
    closed = neuron_response(power_law_spectrum(exponent, 1.0), kappa, 1.0, rho, 0.2).entropy_flow
    assert closed == pytest.approx(exact, rel=1e-11)
    series = neuron_response(power_law_spectrum(exponent, 1.0, 2000), kappa, 1.0, rho, 0.2).entropy_flow
    assert series == pytest.approx(exact, rel=1e-10)


def test_the_heat_of_the_square_root_has_its_published_value():
    found = neuron_response(power_law_spectrum(0.5, 1.0), 1.0, 1.0, 3.0, 0.05)
    assert found.entropy_flow == pytest.approx(10.747016533, rel=1e-10)


def lattice_moments(kappa, rho, gain, noise, dt):
    """A linear curve as it is simulated: covariance of (v, r) from v' = p v + ..., r' = q r + (1 - q)(f + f')/2 + ..."""
    memory, kept = math.exp(-kappa * dt), math.exp(-rho * dt)
    drive = (1 - kept) * gain / 2
    step = np.array([[memory, 0.0], [drive * (1 + memory), kept]])
    spread = 1 - memory**2
    gathered = np.array([[spread, drive * spread], [drive * spread, drive**2 * spread + noise / rho * (1 - kept**2)]])
    covariance = np.linalg.solve(np.eye(4) - np.kron(step, step), gathered.ravel()).reshape(2, 2)
    lagged = step @ covariance  # <x' x^T>
    # (f + f')/2 (r' - r), f = gain v; the exact differential of r^2 has no mean
    heat = 0.5 * gain * (lagged[1, 0] - lagged[0, 1])
    return covariance, rho / noise * heat / dt


@pytest.mark.parametrize("dt", [1e-3, 0.1, 1.0])
def test_a_simulated_step_has_the_moments_and_the_heat_of_its_own_recursion(dt):
    kappa, rho, gain, noise = 0.8, 2.3, 1.4, 0.6
    covariance, heat = lattice_moments(kappa, rho, gain, noise, dt)
    spectrum = tuning_spectrum(lambda v: gain * v, 1.0, n_term=4, kinks=())
    found = neuron_response(spectrum, kappa, 1.0, rho, noise, dt)
    # the Lyapunov equation of the step loses 1/dt of the digits
    assert found.variance == pytest.approx(covariance[1, 1], rel=1e-14 / dt + 1e-13)
    assert found.covariance == pytest.approx(covariance[0, 1], rel=1e-14 / dt + 1e-13)
    assert found.entropy_flow == pytest.approx(heat, rel=1e-13 / dt**2)


def test_heat_of_a_step_tends_to_the_heat_at_first_order_for_smooth_curves():
    spectrum = tuning_spectrum(np.tanh, 1.0, n_term=400)
    exact = neuron_response(spectrum, 1.0, 1.0, 3.0, 0.2).entropy_flow
    gap = [exact - neuron_response(spectrum, 1.0, 1.0, 3.0, 0.2, dt).entropy_flow for dt in (4e-3, 2e-3, 1e-3)]
    assert gap[0] / gap[1] == pytest.approx(2.0, abs=0.04)
    assert gap[1] / gap[2] == pytest.approx(2.0, abs=0.02)


def test_heat_of_a_step_of_the_square_root_is_what_was_simulated():
    spectrum = power_law_spectrum(0.5, 1.0, 200_000)
    found = [neuron_response(spectrum, 1.0, 1.0, 3.0, 0.05, dt).entropy_flow for dt in (0.001, 0.00025)]
    assert abs(found[0] - 10.712) < 2 * 0.078
    assert abs(found[1] - 10.716) < 2 * 0.049


@pytest.mark.slow
@pytest.mark.parametrize("dt", [0.02, 0.3])
def test_a_simulation_with_a_kinked_curve_has_the_predicted_moments_and_heat(dt):
    kappa, rho, noise, n_lane, n_step = 1.0, 3.0, 0.2, 4000, 1500
    random = np.random.default_rng(11)
    memory, kept = math.exp(-kappa * dt), math.exp(-rho * dt)
    v = random.normal(size=n_lane)
    r, heat, square = np.full(n_lane, 0.82), np.zeros(n_lane), np.zeros(n_lane)
    burn = int(8 / dt)
    for n in range(burn + n_step):
        ahead = memory * v + math.sqrt(1 - memory**2) * random.normal(size=n_lane)
        tuned = (np.sqrt(np.abs(v)) + np.sqrt(np.abs(ahead))) / 2
        after = kept * r + (1 - kept) * tuned + math.sqrt(noise / rho * (1 - kept**2)) * random.normal(size=n_lane)
        if n >= burn:
            heat += rho / noise * (tuned - (r + after) / 2) * (after - r) / (n_step * dt)
            square += (after - power_law_spectrum(0.5, 1.0, 4).coefficients[0]) ** 2 / n_step
        v, r = ahead, after
    found = neuron_response(power_law_spectrum(0.5, 1.0), kappa, 1.0, rho, noise, dt)
    # lanes are independent
    assert abs(heat.mean() - found.entropy_flow) < 4 * heat.std() / math.sqrt(n_lane)
    assert abs(square.mean() - found.variance) < 4 * square.std() / math.sqrt(n_lane)


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_a_network_with_linear_curves_is_a_linear_network(seed):
    random = np.random.default_rng(seed)
    recurrence = 0.4 * random.normal(size=(3, 3))
    recurrence *= min(1.0, 0.7 / np.abs(np.linalg.eigvals(recurrence)).max())
    network = SensingNetwork(0.8, 1.3, random.normal(size=3), np.exp(random.normal(size=3)), 0.5, recurrence)
    found = network_response(network, tuning_spectrum(lambda v: v, 1.3, n_term=4, kinks=()))
    np.testing.assert_allclose(
        found.covariance, network.covariance[1:, 1:], atol=ROUNDED_TWICE * network.covariance.max()
    )
    np.testing.assert_allclose(
        found.signal_covariance, network.covariance[0, 1:], atol=ROUNDED_TWICE * network.covariance.max()
    )
    exact = sensing(network).entropy_flow
    assert found.entropy_flow.sum() == pytest.approx(exact, rel=ROUNDED_TWICE)


def test_one_neuron_of_a_network_is_one_neuron_with_its_tail():
    network = SensingNetwork(1.0, 1.7, [1.0, 0.5], [3.0, 0.4], 0.2)
    spectrum = power_law_spectrum(0.5, 1.7, 2000)
    found = network_response(network, spectrum)
    for neuron, (rate, gain) in enumerate([(3.0, 1.0), (0.4, 0.5)]):
        alone = neuron_response(spectrum, 1.0, 1.7, rate, 0.2 / gain**2)
        assert found.mean[neuron] == pytest.approx(gain * alone.mean, rel=1e-12)
        assert found.covariance[neuron, neuron] == pytest.approx(gain**2 * alone.variance, rel=1e-11)
        assert found.entropy_flow[neuron] == pytest.approx(alone.entropy_flow, rel=1e-10)


def test_different_curves_in_a_recurrent_network_have_the_moments_of_their_own_closed_system():
    # v and v^2 - 1 are eigenfunctions: with them (z1, z2, r1, r2) is a linear system of independent modes
    kappa, rates, noise = 0.9, np.array([2.0, 0.7]), np.array([0.3, 0.5])
    recurrence = np.array([[0.2, 0.6], [-0.5, 0.1]])
    network = SensingNetwork(kappa, 1.0, [1.0, 1.0], rates, noise, recurrence)
    spectrum = tuning_spectrum(lambda v: np.stack([v + v**2, 0.5 * v**2]), 1.0, n_term=4, kinks=())
    found = network_response(network, spectrum)
    drift = np.zeros((4, 4))
    drift[0, 0], drift[1, 1] = -kappa, -2 * kappa
    drift[2, :2], drift[3, :2] = rates[0] * np.array([1.0, math.sqrt(2)]), rates[1] * np.array([0.0, math.sqrt(0.5)])
    drift[2:, 2:] = network.drift_matrix[1:, 1:]
    covariance = gaussian.stationary_covariance(drift, np.diag([kappa, 2 * kappa, *noise]))
    np.testing.assert_allclose(found.covariance, covariance[2:, 2:], rtol=ROUNDED)
    flow = np.diag(drift[2:] @ covariance @ drift[2:].T) / noise + np.diag(drift)[2:]
    np.testing.assert_allclose(found.entropy_flow, flow, rtol=ROUNDED)
    np.testing.assert_allclose(
        found.mean, np.linalg.solve(-network.drift_matrix[1:, 1:], rates * [1.0, 0.5]), rtol=ROUNDED
    )


def test_what_has_no_series_is_refused():
    with pytest.raises(ValueError, match="tuning: not finite"), np.errstate(divide="ignore", invalid="ignore"):
        tuning_spectrum(lambda v: np.log(v), 1.0, 4)
    with pytest.raises(ValueError, match="n_term: 5, expected a multiple of 2"):
        tuning_spectrum(np.tanh, 1.0, 5)
    with pytest.raises(ValueError, match="use network_response"):
        neuron_response(tuning_spectrum(lambda v: np.stack([v, v]), 1.0, 4), 1.0, 1.0, 1.0, 1.0)
