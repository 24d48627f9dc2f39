"""Fixed points of random networks: the static theory against sampling of its own equation, counting, limits, references."""

import math

import numpy as np
import pytest

from nessmap.theory.replica import replica_state
from nessmap.theory.static_mean_field import fixed_points, static_state

# gain, symmetry, C, R, stability
STATES = [
    (1.1, 0.0, 0.09318172385877516, 0.9068182761412249, 1.0101893642979909),
    (1.0, 0.2, 0.1800373326046505, 0.9899391063045555, 1.043837550804267),
    (1.2, 0.5, 0.5425711456369442, 0.7732585054283418, 1.5545347637080935),
    (1.7143, -0.3, 0.16091122923027287, 0.5804659591118588, 1.0199599539527018),
]
# gain, complexity, <phi^2>, complexity of the weighted ones; by iteration
COUNTS = [
    (1.1, 0.00014382691176655776, 0.06420511932059544, 2.445418284452352e-05),
    (1.5, 0.007142569525153561, 0.2541761924358164, 0.0027952108369158624),
    (3.0, 0.06137887684541596, 0.5043907093144064, 0.025196696108525943),
]


@pytest.mark.parametrize(("gain", "symmetry", "square", "response", "stability"), STATES)
def test_reference_states(gain, symmetry, square, response, stability):
    found = static_state(gain, symmetry)
    # iterated to 1e-10
    assert (found.rate_variance, found.response, found.stability) == pytest.approx(
        (square, response, stability), rel=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "symmetry"), [(1.2, 0.5), (3.0, -0.5)])
def test_the_equation_of_one_neuron_holds_for_drawn_fields(gain, symmetry):
    found = static_state(gain, symmetry)
    loop = gain**2 * symmetry * found.response
    h = gain * math.sqrt(found.rate_variance) * np.random.default_rng(4).normal(size=200_000)
    low, high = -np.abs(h) - 2 * abs(loop), np.abs(h) + 2 * abs(loop)
    for _ in range(60):
        x = (low + high) / 2
        above = x - loop * np.tanh(x) > h
        low, high = np.where(above, low, x), np.where(above, x, high)
    slope = 1 - np.tanh(x) ** 2
    samples = [np.tanh(x) ** 2, slope / (1 - loop * slope), (gain * slope / (1 - loop * slope)) ** 2]
    for values, expected in zip(samples, found[:3], strict=True):
        assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(len(values))


def test_without_symmetry_it_is_the_zero_temperature_measure_and_silent_below_the_transition():
    frozen, measure = static_state(1.5, 0.0), replica_state(1.5, 0.0, 0.0)
    assert (frozen.rate_variance, frozen.response) == pytest.approx((measure.self_overlap, measure.response), rel=1e-9)
    below = static_state(0.6, 0.5)
    assert below.rate_variance == 0
    assert below.response == pytest.approx(replica_state(0.6, 0.5, 1e-7).response, rel=1e-5)  # corrections of order T


@pytest.mark.parametrize(("gain", "symmetry"), [(1.01, 0.0), (1.1, 0.0), (0.8, 0.5), (2.0, -0.3), (4.0, -0.7)])
def test_frozen_states_are_unstable_above_the_transition(gain, symmetry):
    assert static_state(gain, symmetry).stability > 1


@pytest.mark.parametrize(("gain", "complexity", "square", "weighted"), COUNTS)
def test_reference_numbers_of_fixed_points(gain, complexity, square, weighted):
    found = fixed_points(gain)
    assert found.complexity == pytest.approx(complexity, rel=1e-9)
    # its iteration ended 2.5e-9 away at gain 1.1, its quadrature 1e-5 away at gain 3
    assert found.rate_variance == pytest.approx(square, rel=5e-9)
    assert found.weighted == pytest.approx(weighted, rel=2e-5)


def test_fixed_points_become_many_at_gain_one_with_the_third_power_and_the_weighted_ones_with_the_fourth():
    for distance in (1e-2, 1e-3):
        found = fixed_points(1 + distance)
        assert found.converged
        # each up to the next power, with a coefficient of a few
        assert found.complexity / distance**3 == pytest.approx(16 / 81, rel=5 * distance)
        assert found.weighted / distance**4 == pytest.approx(4 / 9, rel=8 * distance)
        assert found.rate_variance / distance == pytest.approx(2 / 3, rel=2 * distance)
    assert fixed_points(1.0).complexity == 0


@pytest.mark.parametrize("gain", [1.05, 1.5, 4.0, 12.0])
def test_weights_single_out_fewer_fixed_points_farther_out(gain):
    found = fixed_points(gain)
    assert 0 < found.weighted < found.complexity
    assert found.rate_variance < replica_state(gain, 0.0, 0.0).self_overlap


def test_what_has_no_unique_reaction_says_so():
    found = static_state(2.0, 1.0)
    assert not found.converged
    assert "ambiguous" in found.message
    assert math.isnan(found.response)
