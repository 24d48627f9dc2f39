"""Linear random networks: closed forms of every symmetry that has one, the integral by another route, finite networks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from nessmap.theory import gaussian
from nessmap.theory.random_linear_network import critical_gain, linear_network, participation_ratio, response

EXAMPLES = settings(max_examples=8, deadline=None)
SYMMETRIES = st.floats(-1.0, 1.0)
SHARES = st.floats(0.02, 0.95)  # of the critical gain

# gain, symmetry, entropy production rate, <x^2>/D: adaptive quadrature of the integral in another form, good to 5e-12
REFERENCE = [
    (0.3, 0.0, 0.046060798583243745, 1.0482848367219182),
    (0.5, 0.5, 0.07023402419945768, 1.3017037248495056),
    (0.5, -0.5, 0.19355401155523966, 1.0647394753262367),
    (1.5, -0.5, 2.405413457503738, 1.9883974772510742),
    (0.8, -1.0, 0.6400000000000556, 1.0),
]


def gain_at(share, symmetry):
    """A share of the critical gain, and of 3 where that is larger."""
    return share * min(critical_gain(symmetry), 3.0)


def random_couplings(gain, symmetry, n_neuron, rng):
    first, second = rng.normal(size=(2, n_neuron, n_neuron))
    even, odd = (first + first.T) / math.sqrt(2), (second - second.T) / math.sqrt(2)
    couplings = math.sqrt((1 + symmetry) / 2) * even + math.sqrt((1 - symmetry) / 2) * odd
    np.fill_diagonal(couplings, 0.0)
    return gain / math.sqrt(n_neuron) * couplings


@pytest.mark.parametrize(("gain", "symmetry", "rate", "variance"), REFERENCE)
def test_reference_rates_and_variances(gain, symmetry, rate, variance):
    found = linear_network(gain, symmetry)
    assert found.converged
    assert found.entropy_production_rate == pytest.approx(rate, abs=5e-12)
    assert found.variance == pytest.approx(variance, abs=5e-12)


@EXAMPLES
@given(SHARES)
def test_closed_forms_without_symmetry(gain):
    found, root = linear_network(gain, 0.0), math.sqrt(1 - gain**2)
    assert found.entropy_production_rate == pytest.approx(1 - root, rel=1e-10)
    assert found.variance == pytest.approx(1 / root, rel=1e-10)
    closed = 8 * root**3 / (3 - 2 * root + 4 * root**2 + 2 * root**3 + root**4)
    assert participation_ratio(gain, 0.0).value == pytest.approx(closed, rel=1e-9)


@EXAMPLES
@given(SHARES)
def test_a_symmetric_network_is_at_equilibrium_with_the_covariance_of_its_potential(share):
    gain = share / 2
    found = linear_network(gain, 1.0)
    assert found.entropy_production_rate == 0.0
    # S = D (1 - J)^-1, J with a semicircle of radius 2 g
    mean = 2 / (1 + math.sqrt(1 - 4 * gain**2))
    assert found.variance == pytest.approx(mean, rel=1e-10)
    assert participation_ratio(gain, 1.0).value == pytest.approx(1 - (gain * mean) ** 2, rel=1e-9)


@EXAMPLES
@given(st.floats(0.01, 10.0))
def test_an_antisymmetric_network_has_the_covariance_of_the_noise_at_any_gain(gain):
    found = linear_network(gain, -1.0)
    assert found.entropy_production_rate == pytest.approx(gain**2, rel=1e-8)
    assert found.variance == pytest.approx(1, rel=1e-8)
    assert participation_ratio(gain, -1.0).value == pytest.approx(1, rel=1e-6)


@EXAMPLES
@given(SHARES, SYMMETRIES, st.floats(-50.0, 50.0))
def test_the_response_is_the_causal_root_of_its_equation(share, symmetry, frequency):
    gain = gain_at(share, symmetry)
    value = response(gain, symmetry, frequency)
    assert abs(value * (1 + 1j * frequency - gain**2 * symmetry * value) - 1) < 1e-12
    assert abs(gain * value) < 1
    assert value.conj() == pytest.approx(complex(response(gain, symmetry, -frequency)), rel=1e-12)


@EXAMPLES
@given(SHARES, SYMMETRIES)
def test_the_published_form_of_the_integral_gives_the_same_rate(share, symmetry):
    gain = min(gain_at(share, symmetry), 1.5)

    def integrand(frequency):
        value = complex(response(gain, symmetry, frequency))
        spectrum = abs(value) ** 2 / (1 - gain**2 * abs(value) ** 2)
        return 1 - 2 * (1j * frequency * value).real + frequency**2 * spectrum

    # even in frequency; the part beyond is mapped to a finite interval
    inner = quad(integrand, 0, 4, limit=200, epsabs=1e-11)[0]
    outer = quad(lambda s: integrand(1 / s) / s**2, 0, 0.25, limit=200, epsabs=1e-11)[0]
    found = linear_network(gain, symmetry).entropy_production_rate
    assert found == pytest.approx(2 / math.pi * (inner + outer) - 1, abs=1e-9)


@EXAMPLES
@given(st.floats(-1.0, 0.99))
def test_weak_coupling_makes_entropy_in_proportion_to_the_square_of_the_gain(symmetry):
    def remainder(gain):
        series = gain**2 * (1 - symmetry) / 2 + gain**4 * (1 - symmetry**2) / 8
        return linear_network(gain, symmetry).entropy_production_rate - series

    # of sixth order, and (1 - symmetry) times at most a few; rounding of the rate at the smaller gain
    assert abs(remainder(0.05)) < (1 - symmetry) * 0.05**6
    assert abs(remainder(0.1)) < (1 - symmetry) * 0.1**6


@EXAMPLES
@given(SHARES, SYMMETRIES)
def test_only_symmetric_networks_are_at_equilibrium(share, symmetry):
    rate = linear_network(gain_at(share, symmetry), symmetry).entropy_production_rate
    assert rate == 0 if symmetry == 1 else rate > 0


def test_the_critical_gain_is_felt_before_symmetry_has_lowered_the_rate():
    # not monotonic: symmetry makes less entropy from the same couplings, but brings their instability nearer
    rates = [linear_network(1.5, symmetry).entropy_production_rate for symmetry in (-1.0, -0.8, -0.5)]
    assert rates[1] < rates[0] < rates[2]


@EXAMPLES
@given(SHARES, SYMMETRIES)
def test_the_activity_fills_a_share_of_the_dimensions_that_is_at_most_one(share, symmetry):
    found = participation_ratio(min(share, 0.9) * min(critical_gain(symmetry), 2.0), symmetry)
    assert found.converged
    assert 0 < found.value <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "symmetry"), [(0.8, 0.0), (0.5, 0.5), (1.2, -0.5), (0.8, -1.0)])
def test_networks_of_400_neurons_agree_with_the_infinite_one(gain, symmetry):
    rng, n_neuron, found = np.random.default_rng(3), 400, []
    noise = np.eye(n_neuron)
    for _ in range(4):
        drift = random_couplings(gain, symmetry, n_neuron, rng) - noise
        covariance = gaussian.stationary_covariance(drift, noise)
        trace = np.trace(covariance)
        rate = gaussian.entropy_production_rate(drift, noise)
        found.append([rate / n_neuron, trace / n_neuron, trace**2 / np.sum(covariance**2) / n_neuron])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / 2
    theory = linear_network(gain, symmetry)
    expected = [theory.entropy_production_rate, theory.variance, participation_ratio(gain, symmetry).value]
    # the spread over J, and a shift in proportion to 1/N: of the rate by -1(1)/N to -4(1)/N of itself at N = 100 and 200
    assert np.all(np.abs(mean - expected) < 4 * error + 4 * np.array(expected) / n_neuron)


@pytest.mark.slow
def test_a_gain_too_close_to_the_critical_one_is_reported():
    close = participation_ratio(1 - 1e-7, 0.0)
    assert not close.converged
    assert "still change" in close.message


def test_gains_at_and_beyond_the_critical_one_are_refused():
    for found in (linear_network(1.0, 0.0), participation_ratio(2.5, -0.5)):
        assert not found.converged
        assert "no stationary state" in found.message
        assert math.isnan(found[0])
    assert critical_gain(-1.0) == math.inf
    with pytest.raises(ValueError, match=r"symmetry: 1\.5"):
        linear_network(0.5, 1.5)
    with pytest.raises(ValueError, match="gain: -1"):
        response(-1.0, 0.0, 0.0)
