"""First-passage times in a potential: closed forms, quadrature, Kramers' limit, the clock."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf

from gaussian_systems import EXAMPLES
from nessmap.theory.first_passage import (
    kramers_rate,
    log_mean_first_passage_time,
    mean_first_passage_time,
    well_probability,
)


def double_well(x):
    return (x**2 - 1) ** 2


@pytest.mark.slow
@given(st.floats(-2.0, 2.0), st.floats(0.05, 2.0), st.floats(0.2, 5.0), st.floats(0.2, 5.0))
@EXAMPLES
def test_a_harmonic_well_is_left_after_its_known_time(start, distance, stiffness, diffusion):
    spread = math.sqrt(diffusion / stiffness)
    low, high = start, start + distance

    def integrand(y):
        return math.sqrt(math.pi / 2) * math.exp(y * y / 2) * (1 + erf(y / math.sqrt(2)))

    expected = quad(integrand, low, high, epsabs=0, epsrel=1e-12)[0] / stiffness
    found = mean_first_passage_time(lambda x: stiffness * x**2 / 2, diffusion, low * spread, high * spread)
    assert found == pytest.approx(expected, rel=1e-10)
    back = mean_first_passage_time(lambda x: stiffness * x**2 / 2, diffusion, -low * spread, -high * spread)
    assert back == pytest.approx(found, rel=1e-12)


def test_the_nested_integral_is_that_of_an_adaptive_rule():
    diffusion = 0.2

    def inner(y):
        return quad(lambda z: math.exp((double_well(y) - double_well(z)) / diffusion), -2.5, y, epsrel=1e-11)[0]

    expected = quad(inner, -1.0, 0.7, epsrel=1e-10)[0] / diffusion
    assert mean_first_passage_time(double_well, diffusion, -1.0, 0.7) == pytest.approx(expected, rel=1e-9)


def test_kramers_rate_is_the_limit_of_weak_noise_with_a_correction_in_proportion_to_it():
    correction = []
    for diffusion in (0.02, 0.01, 0.005):
        rate = kramers_rate(8.0, -4.0, 1.0, diffusion)
        product = math.exp(log_mean_first_passage_time(double_well, diffusion, -1.0, 1.0) + math.log(rate))
        correction.append(product - 1)
    assert correction[0] / correction[1] == pytest.approx(2.0, abs=0.1)
    assert correction[1] / correction[2] == pytest.approx(2.0, abs=0.05)
    # next order of the saddle-point integrals at the well and at the barrier, 6 D/16 as measured here
    assert correction[2] / 0.005 == pytest.approx(0.375, abs=0.005)


def test_the_barrier_is_half_way():
    # from the top of a high barrier either well is as near: half the time of the whole way
    diffusion = 0.01
    half = log_mean_first_passage_time(double_well, diffusion, -1.0, 0.0)
    whole = log_mean_first_passage_time(double_well, diffusion, -1.0, 1.0)
    assert math.exp(half - whole) == pytest.approx(0.5, abs=1e-10)


@pytest.mark.slow
@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0))
@EXAMPLES
def test_clock_and_length_scale_the_time(clock, length):
    found = mean_first_passage_time(double_well, 0.3, -1.0, 0.8)
    scaled = mean_first_passage_time(
        lambda x: clock * length**2 * double_well(x / length), clock * length**2 * 0.3, -length, 0.8 * length
    )
    assert scaled * clock == pytest.approx(found, rel=1e-9)


def test_times_add_up_along_the_way_and_vanish_at_its_end():
    first = mean_first_passage_time(double_well, 0.3, -1.0, 0.2)
    rest = mean_first_passage_time(double_well, 0.3, 0.2, 1.4)
    assert mean_first_passage_time(double_well, 0.3, -1.0, 1.4) == pytest.approx(first + rest, rel=1e-11)
    assert mean_first_passage_time(double_well, 0.3, 0.5, 0.5) == 0.0
    assert mean_first_passage_time(double_well, 1e-3, -1.0, 1.0) == math.inf


@pytest.mark.parametrize("diffusion", [0.02, 0.3])
def test_occupation_is_that_of_the_boltzmann_density(diffusion):
    x = np.linspace(-4.0, 4.0, 80_001)

    def tilted(x):
        return (x**2 - 1) ** 2 - 0.03 * x

    slope = np.poly1d([4, 0, -4, -0.03]).roots.real
    low, barrier, high = np.sort(slope)
    weight = np.exp(-(tilted(x) - tilted(high)) / diffusion)
    # the step at the barrier falls between two points: half a spacing of the density there
    error = 1e-4 * np.exp(-(tilted(barrier) - tilted(high)) / diffusion) / (weight.sum() * 1e-4) + 1e-9
    found = well_probability(tilted, diffusion, high, barrier, low)
    assert found == pytest.approx(weight[x > barrier].sum() / weight.sum(), abs=error)
    assert found + well_probability(tilted, diffusion, low, barrier, high) == pytest.approx(1.0, rel=1e-13)


def test_a_potential_that_does_not_confine_is_refused():
    with pytest.raises(ValueError, match="a potential that confines"):
        mean_first_passage_time(lambda x: 0 * x, 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="on the barrier, expected > 0 and < 0"):
        kramers_rate(1.0, 1.0, 1.0, 1.0)
