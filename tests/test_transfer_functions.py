"""Transfer functions and homogeneous states: every state is found, and their number changes where it must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory.transfer_functions import TRANSFER_FUNCTIONS, gain, homogeneous_fixed_points

EXAMPLES = settings(max_examples=100, deadline=None)
SIGMOIDS = ["tanh", "logistic"]
SIZES = st.floats(-20.0, 20.0, allow_subnormal=False)


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_the_gain_is_the_derivative(name):
    u, step = np.linspace(-3.0, 3.0, 20), 1e-5  # no kink among the points
    value = TRANSFER_FUNCTIONS[name].value
    slope = (value(u + step, 1.7, 0.3) - value(u - step, 1.7, 0.3)) / (2 * step)
    np.testing.assert_allclose(gain(name, 1.7, 0.3, u), slope, atol=1e-9)  # step^2 and rounding over step


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_transfer_functions_rise_with_activity_and_overflow_nowhere(name):
    u = np.linspace(-1e4, 1e4, 4001)
    value, slope = TRANSFER_FUNCTIONS[name].value(u, 2.0, 0.5), gain(name, 2.0, 0.5, u)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert (np.diff(value) >= 0).all()
    assert (slope >= 0).all()


def test_values_of_the_four_functions():
    expected = {"identity": -2.0, "tanh": np.tanh(-2.0), "logistic": 1 / (1 + np.exp(2.0)), "threshold_linear": 0.0}
    for name, value in expected.items():
        assert TRANSFER_FUNCTIONS[name].value(-0.5, 2.0, 0.5) == pytest.approx(value, rel=1e-15)
    assert gain("logistic", 4.0, 0.5, 0.5) == 1.0
    assert gain("tanh", 0.7, 0.5, 0.5) == 0.7
    assert gain("tanh", 1.0, 0.0, 30.0) == pytest.approx(4 * np.exp(-60.0), rel=1e-14)


@EXAMPLES
@given(st.sampled_from(sorted(TRANSFER_FUNCTIONS)), SIZES, SIZES, SIZES, SIZES)
def test_every_state_that_is_found_is_one(name, slope, threshold, weight, drive):
    if name in ("identity", "threshold_linear") and abs(weight * slope - 1) < 1e-6:
        return
    states = homogeneous_fixed_points(name, slope, threshold, weight, drive)
    value = TRANSFER_FUNCTIONS[name].value(states, slope, threshold)
    size = np.abs(states) + np.abs(weight * value) + abs(weight * slope * threshold) + abs(weight) + abs(drive)
    # a rounding of u is multiplied by 1 - weight f'
    steep = 1 + np.abs(weight * gain(name, slope, threshold, states)) + abs(weight * slope)
    assert (np.abs(states - weight * value - drive) <= 1e-14 * size * steep).all()
    assert (np.diff(states) > 0).all()


@EXAMPLES
@given(st.sampled_from(SIGMOIDS), SIZES, SIZES, SIZES, SIZES)
def test_no_state_of_a_sigmoid_is_missed(name, slope, threshold, weight, drive):
    states = homogeneous_fixed_points(name, slope, threshold, weight, drive)
    u = np.linspace(drive - abs(weight) - 1, drive + abs(weight) + 1, 20_001)
    residual = u - weight * TRANSFER_FUNCTIONS[name].value(u, slope, threshold) - drive
    crossings = np.count_nonzero(np.diff(np.sign(residual)[residual != 0]))
    assert 1 <= len(states) <= 3
    assert len(states) >= crossings
    if (np.abs(weight * gain(name, slope, threshold, states) - 1) > 1e-6).all():
        assert len(states) % 2 == 1  # without a double one their number is odd


@pytest.mark.parametrize(("name", "cusp"), [("tanh", 1.0), ("logistic", 4.0)])
def test_three_states_appear_beyond_the_cusp(name, cusp):
    for slope in (0.5, 3.0):
        for factor, count in ((0.5, 1), (0.999, 1), (1.0, 1), (1.001, 3), (2.0, 3), (50.0, 3)):
            weight = factor * cusp / slope
            centre = 0.4  # the state at the threshold
            drive = centre - (weight / 2 if name == "logistic" else 0.0)
            states = homogeneous_fixed_points(name, slope, centre, weight, drive)
            assert len(states) == count, (slope, factor)
            # at the cusp the residual is cubic: a third of the digits
            assert states[count // 2] == pytest.approx(centre, abs=1e-4 if factor == 1 else 1e-11)
            middle = weight * gain(name, slope, centre, states)
            assert middle[count // 2] == pytest.approx(factor, rel=1e-9)
            if count == 3:
                assert (middle[[0, 2]] < 1).all()  # the outer two are stable


@pytest.mark.parametrize("name", SIGMOIDS)
def test_the_number_of_states_changes_at_the_folds(name):
    slope, weight = 2.0, 5.0
    inner = np.sqrt(1 - 4 / 10) if name == "logistic" else np.sqrt(1 - 1 / 10)
    level = (1 + inner) / 2 if name == "logistic" else inner
    # u at the upper fold, where weight f' = 1, and the drive for which it is a state
    fold = (np.log(level / (1 - level)) if name == "logistic" else np.arctanh(level)) / slope
    drive = fold - weight * level
    assert gain(name, slope, 0.0, fold) * weight == pytest.approx(1, rel=1e-12)
    assert len(homogeneous_fixed_points(name, slope, 0.0, weight, drive + 1e-6)) == 3
    assert len(homogeneous_fixed_points(name, slope, 0.0, weight, drive - 1e-6)) == 1
    at_fold = homogeneous_fixed_points(name, slope, 0.0, weight, drive)
    assert np.abs(at_fold - fold).min() < 1e-7  # a double solution: half the digits


@pytest.mark.parametrize("name", SIGMOIDS)
def test_inhibition_leaves_one_state_that_rises_with_the_drive(name):
    drives = np.linspace(-10.0, 10.0, 41)
    states = [homogeneous_fixed_points(name, 3.0, 0.5, -6.0, drive) for drive in drives]
    assert {len(state) for state in states} == {1}
    assert (np.diff(np.ravel(states)) > 0).all()


def test_states_of_the_piecewise_linear_functions():
    def found(*arguments):
        return homogeneous_fixed_points(*arguments).tolist()

    assert found("identity", 0.5, 0.0, 1.0, 1.0) == [2.0]
    assert found("threshold_linear", 0.5, 0.0, 1.0, 1.0) == [2.0]
    assert found("threshold_linear", 0.5, 0.0, 1.0, -1.0) == [-1.0]
    assert found("threshold_linear", 2.0, 0.0, 1.0, -1.0) == [-1.0, 1.0]  # silent, or carried by itself
    assert found("threshold_linear", 2.0, 0.0, 1.0, 1.0) == []  # runs away
    assert found("threshold_linear", 1.0, 0.0, 1.0, -1.0) == [-1.0]
    assert found("threshold_linear", 1.0, 0.0, 1.0, 1.0) == []


def test_a_line_parallel_to_the_identity_has_no_state_or_too_many():
    for name, drive, reason in (
        ("identity", 1.0, "there is none"),
        ("identity", 0.0, "every u"),
        ("threshold_linear", 0.0, "every u"),
    ):
        with pytest.raises(ValueError, match=f"weight x slope = 1.*{reason}"):
            homogeneous_fixed_points(name, 0.5, 0.0, 2.0, drive)
