"""A bistable synapse: fixed points, barriers and lifetimes against reference numbers, and where Kramers fails."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, SENSING
from nessmap.theory.bcm import BcmSynapse
from nessmap.theory.first_passage import kramers_rate, log_mean_first_passage_time

SYNAPSE = BcmSynapse(1.0, 0.5, 0.3, 1.2, 0.03)


def synapse_of(case):
    return BcmSynapse(case["eta"], case["alpha"], case["eps"], case["x"], case["D_w"])


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("bcm")])
def test_a_bistable_synapse_agrees_with_its_reference(name):
    expected = SENSING[name]["values"]
    synapse = synapse_of(SENSING[name]["params"])
    (low, barrier, high), (from_low, from_high) = synapse.fixed_points, synapse.barriers
    found = synapse.lifetimes()
    values = {
        "w_low": low,
        "w_barrier": barrier,
        "w_high": high,
        "barrier_from_low": from_low,
        "barrier_from_high": from_high,
        "x_onset": synapse.onset,
        "kramers_rate_down": found.kramers_down,
        "kramers_rate_up": found.kramers_up,
    }
    assert values == pytest.approx({quantity: expected[quantity] for quantity in values}, rel=ORACLE)
    # the reference is a quadrature on a grid, good to 6 to 8 digits
    integrals = {
        "mfpt_high_to_low": found.high_to_low,
        "mfpt_low_to_high": found.low_to_high,
        "p_high_exact": found.high_probability,
        "kramers_times_mfpt": found.kramers_down * found.high_to_low,
    }
    assert integrals == pytest.approx({quantity: expected[quantity] for quantity in integrals}, rel=1e-6)


@given(st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.05, 1.0), st.floats(-3.0, 3.0))
@EXAMPLES
def test_the_drift_is_a_gradient_that_vanishes_at_the_fixed_points(eta, alpha, eps, activity):
    if abs(activity) < 0.1:
        return
    synapse = BcmSynapse(eta, alpha, eps, activity, 0.01)
    weight, step = np.linspace(-2.0, 2.0, 9), 1e-3
    difference = -(synapse.potential(weight + step) - synapse.potential(weight - step)) / (2 * step)
    third = 6 * eta * alpha * activity**4 * 2.0 + 2 * eta * abs(activity) ** 3
    np.testing.assert_allclose(synapse.drift(weight), difference, atol=step**2 * third / 6 * 1.01 + 1e-11 * third)
    second = (synapse.drift(0.3 - step) - synapse.drift(0.3 + step)) / (2 * step)
    assert synapse.curvature(0.3) == pytest.approx(float(second), abs=step**2 * third + 1e-11 * third)
    points = synapse.fixed_points
    assert math.isnan(points.high) == (abs(activity) <= synapse.onset)
    for fixed in points:
        if not math.isnan(fixed):
            cubic = eta * alpha * activity**4 * abs(fixed) ** 3
            size = eta * abs(activity) ** 3 * fixed**2 + cubic + eps * abs(fixed)  # terms that cancel
            assert abs(float(synapse.drift(fixed))) <= 1e-14 * size + 1e-300
    if not math.isnan(points.high):
        assert synapse.curvature(points.low) > 0 > synapse.curvature(points.barrier)
        assert synapse.curvature(points.high) > 0


@pytest.mark.parametrize(("weaker", "published"), [(1, 0.616), (50, 1.062), (200, 1.0119), (1000, 1.0022)])
def test_kramers_needs_both_barriers_to_be_high(weaker, published):
    synapse = dataclasses.replace(SYNAPSE, diffusion=SYNAPSE.diffusion / weaker)
    low, barrier, high = synapse.fixed_points
    curvatures = synapse.curvature(high), synapse.curvature(barrier)
    height, noise = synapse.barriers[1], synapse.diffusion
    # rates of e^-10000 exist as logarithms only
    log_rate = math.log(kramers_rate(*curvatures, 0.0, noise)) - height / noise
    product = math.exp(log_rate + log_mean_first_passage_time(synapse.potential, noise, high, low))
    assert product == pytest.approx(published, abs=10.0 ** -len(str(published).split(".")[1]) / 2)


def test_occupation_times_of_both_states_balance_the_passages_for_high_barriers():
    synapse = dataclasses.replace(SENSING_SYNAPSE, diffusion=2e-4)
    found = synapse.lifetimes()
    share = found.low_to_high**-1 / (found.low_to_high**-1 + found.high_to_low**-1)
    # two-state picture: corrections of a relative D over the lower barrier, to the small probability
    assert 1 - share == pytest.approx(1 - found.high_probability, rel=2e-4 / min(synapse.barriers))


SENSING_SYNAPSE = synapse_of(SENSING["bcm_bistable_0"]["params"])


def test_activity_of_either_sign_stores_the_same():
    other = dataclasses.replace(SENSING_SYNAPSE, activity=-SENSING_SYNAPSE.activity)
    assert other.fixed_points.high == -SENSING_SYNAPSE.fixed_points.high
    assert tuple(other.lifetimes()) == pytest.approx(tuple(SENSING_SYNAPSE.lifetimes()), rel=1e-12)


def test_below_the_onset_there_is_one_state():
    silent = dataclasses.replace(SENSING_SYNAPSE, activity=0.8)
    assert math.isnan(silent.barriers[0])
    with pytest.raises(ValueError, match=r"activity 0\.8, expected beyond the onset of bistability at 0\.894427"):
        silent.lifetimes()
    with pytest.raises(ValueError, match=r"BcmSynapse: diffusion = 0\.0"):
        dataclasses.replace(SENSING_SYNAPSE, diffusion=0.0)
