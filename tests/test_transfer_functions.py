"""Transfer functions and homogeneous states: every state is found, and their number changes where it must."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nessmap.kernels import functions as kernel
from nessmap.theory.transfer_functions import (
    TRANSFER_FUNCTIONS,
    curvature,
    gain,
    homogeneous_fixed_points,
    homogeneous_states,
    kernel_number,
)

EXAMPLES = settings(max_examples=100, deadline=None)
SIGMOIDS = ["tanh", "logistic"]
SIZES = st.floats(-20.0, 20.0, allow_subnormal=False)
# the same functions, but known to nobody
WRITTEN = {
    "tanh": "tanh(slope*(u - threshold))",
    "logistic": "1/(1 + exp(-slope*(u - threshold)))",
    "threshold_linear": "maximum(slope*(u - threshold), 0)",
    "arcsinh": "arcsinh(slope*(u - threshold))",
}
EPSILON = float(np.finfo(float).eps)


def in_kernels(name, fill, u, slope, threshold):
    out = np.empty_like(u)
    rows = np.full(len(u), float(slope)), np.full(len(u), float(threshold))
    getattr(kernel, f"fill_{fill}")(out, u, kernel_number(name), *rows)
    return out


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_the_gain_is_the_derivative(name):
    u, step = np.linspace(-3.0, 3.0, 20), 1e-5  # no kink among the points
    value = TRANSFER_FUNCTIONS[name].value
    slope = (value(u + step, 1.7, 0.3) - value(u - step, 1.7, 0.3)) / (2 * step)
    np.testing.assert_allclose(gain(name, 1.7, 0.3, u), slope, atol=1e-9)  # step^2 and rounding over step


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_the_curvature_is_the_derivative_of_the_gain_and_the_response_that_of_the_integral(name):
    u, step = np.linspace(-3.0, 3.0, 20), 1e-5
    integral = TRANSFER_FUNCTIONS[name].integral
    for below, above in (
        (lambda u: gain(name, 1.7, 0.3, u), curvature(name, 1.7, 0.3, u)),
        (lambda u: integral(u, 1.7, 0.3), TRANSFER_FUNCTIONS[name].value(u, 1.7, 0.3)),
    ):
        slope = (below(u + step) - below(u - step)) / (2 * step)
        np.testing.assert_allclose(above, slope, atol=5e-9)  # step^2 and rounding over step


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_slopes_and_thresholds_may_differ_from_row_to_row(name):
    u = np.random.default_rng(1).normal(size=(3, 4))
    slope, threshold = np.array([0.5, 1.0, 3.0]), np.array([0.0, -0.4, 0.8])
    of = TRANSFER_FUNCTIONS[name]
    for fill, function in (("response", of.value), ("gain", of.derivative), ("curvature", of.curvature)):
        rows = function(u, slope[:, None], threshold[:, None])
        out = np.empty_like(u)
        getattr(kernel, f"fill_{fill}")(out, u, kernel_number(name), slope, threshold)
        for i in range(3):
            np.testing.assert_array_equal(rows[i], function(u[i], slope[i], threshold[i]))
        # the kernel's logarithm: 4e-15; products of a few roundings more
        np.testing.assert_allclose(out, rows, rtol=4e-15, atol=8 * EPSILON)


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_kernels_compute_what_theory_does(name):
    u = np.concatenate([np.linspace(-40.0, 40.0, 4001), [0.0, 1e-300, -1e9, 1e9]]).reshape(1, -1)
    of = TRANSFER_FUNCTIONS[name]
    for fill, function in (("response", of.value), ("gain", of.derivative), ("curvature", of.curvature)):
        expected = function(u, 1.0, 0.0)
        # as above; tanh is good to 2 roundings, 1 - tanh^2 to 5 of 1, twice that to 10
        np.testing.assert_allclose(in_kernels(name, fill, u, 1.0, 0.0), expected, rtol=4e-15, atol=10 * EPSILON)


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_a_state_that_is_no_number_stays_none_in_kernels(name):
    u = np.array([[0.5, np.nan]])
    assert np.isnan(in_kernels(name, "response", u, 1.0, 0.0)).tolist() == [[False, True]]


@pytest.mark.parametrize("name", ["tanh", "arcsinh"])
def test_odd_functions_are_odd_to_the_bit_in_kernels_and_accurate_near_zero(name):
    u = (np.random.default_rng(2).normal(size=4000) * np.logspace(-300, 2, 4000)).reshape(1, -1)
    value = in_kernels(name, "response", u, 1.0, 0.0)
    np.testing.assert_array_equal(in_kernels(name, "response", -u, 1.0, 0.0), -value)
    exact = getattr(np, name)(u.astype(np.longdouble))
    bound = {"tanh": 2 * EPSILON, "arcsinh": 4e-15}[name]  # as their docstrings say
    assert np.abs(value / exact - 1).max() < bound
    if name == "tanh":
        assert np.abs(value).max() == 1.0


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_transfer_functions_rise_with_activity_and_overflow_nowhere(name):
    u = np.linspace(-1e4, 1e4, 4001)
    value, slope = TRANSFER_FUNCTIONS[name].value(u, 2.0, 0.5), gain(name, 2.0, 0.5, u)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert (np.diff(value) >= 0).all()
    assert (slope >= 0).all()


def test_values_of_the_five_functions():
    expected = {"identity": -2.0, "tanh": np.tanh(-2.0), "logistic": 1 / (1 + np.exp(2.0)), "threshold_linear": 0.0}
    expected |= {"arcsinh": -np.log(2 + np.sqrt(5))}
    assert list(expected) == list(TRANSFER_FUNCTIONS)  # in the order of the kernels' numbers
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
@given(st.sampled_from([*SIGMOIDS, "arcsinh"]), SIZES, SIZES, SIZES, SIZES)
def test_no_state_of_a_sigmoid_is_missed(name, slope, threshold, weight, drive):
    states = homogeneous_fixed_points(name, slope, threshold, weight, drive)
    # |u| <= 2000 outweighs 20 arcsinh(20 (|u| + 20)) + 20
    reach = 2000 if name == "arcsinh" else abs(weight) + 1
    u = np.linspace(drive - reach, drive + reach, 20_001)
    residual = u - weight * TRANSFER_FUNCTIONS[name].value(u, slope, threshold) - drive
    crossings = np.count_nonzero(np.diff(np.sign(residual)[residual != 0]))
    assert 1 <= len(states) <= 3
    assert len(states) >= crossings
    if (np.abs(weight * gain(name, slope, threshold, states) - 1) > 1e-6).all():
        assert len(states) % 2 == 1  # without a double one their number is odd


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(WRITTEN)), *[st.floats(-5.0, 5.0, allow_subnormal=False)] * 4)
def test_a_scan_of_a_formula_finds_the_states_of_the_same_function_by_name(name, slope, threshold, weight, drive):
    assume(abs(slope) > 1e-3)
    if name == "threshold_linear":
        assume(abs(weight * slope - 1) > 1e-3 and abs(drive - threshold) > 1e-6)  # parallel to u; at the kink
    known = homogeneous_fixed_points(name, slope, threshold, weight, drive)
    steep = 1 - weight * gain(name, slope, threshold, known)
    assume(np.all(np.abs(steep) > 1e-4))  # next to a fold both lose half their digits
    found = homogeneous_fixed_points(WRITTEN[name], slope, threshold, weight, drive)
    size = 1 + np.abs(known) + abs(weight) + abs(drive) + abs(weight * slope) * (np.abs(known) + abs(threshold))
    assert len(found) == len(known)
    assert np.all(np.abs(found - known) <= 64 * EPSILON * size / np.abs(steep))


def test_a_scan_finds_pairs_between_its_points_double_states_and_none_at_a_jump():
    def found(text, weight, drive, slope=1.0):
        return homogeneous_fixed_points(text, slope, 0.0, weight, drive)

    # u^2 + 1/4 - d = u: 1/2 -+ sqrt(d)
    for apart in (1e-4, 1e-7):
        np.testing.assert_allclose(found("u**2", 1.0, 0.25 - apart**2), [0.5 - apart, 0.5 + apart], atol=1e-15 / apart)
    np.testing.assert_allclose(found("u**2", 1.0, 0.25), [0.5], atol=1e-7)  # a double solution: half the digits
    assert len(found("u**2", 1.0, 0.2501)) == 0
    assert len(found("where(u > 0.5, 0, 1)", 1.0, 0.0)) == 0
    np.testing.assert_allclose(found("where(u > 0.5, 1, 0)", 1.0, 0.0), [0.0, 1.0])
    np.testing.assert_allclose(found("1/u", 1.0, 0.0), [-1.0, 1.0])  # not at the pole
    np.testing.assert_allclose(found("log(u)", 2.0, 1.0), [1.0, 3.512862417252339], rtol=1e-14)
    # one in (0, pi), two each in (2 pi, 3 pi) and (4 pi, 5 pi), none beyond as 20 < 6 pi + pi/2; their negatives, and 0
    assert len(found("sin(u)", 20.0, 0.0)) == 11
    # a state at the kink is one
    np.testing.assert_allclose(found("maximum(slope*(u - 1), 0)", 2.0, 1.0), [1.0], rtol=1e-15)
    assert homogeneous_states("exp(u)", 1.0, 0.0, 1.0, 0.0) == []
    for text in ("slope*u", "maximum(u, 0)"):
        assert homogeneous_states(text, 1.0, 0.0, 1.0, 0.0) == []
        with pytest.raises(ValueError, match="for a range of u"):
            found(text, 1.0, 0.0)


@pytest.mark.parametrize(("name", "cusp"), [("tanh", 1.0), ("logistic", 4.0), ("arcsinh", 1.0)])
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
