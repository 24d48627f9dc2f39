"""Entropy production from recordings: exact systems, invariances, equilibrium, and every way in which it fails."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gaussian_recordings import EQUILIBRIUM, REFERENCE, SIGMA, oscillator, recorded, z
from gaussian_systems import EXAMPLES, ROUNDED_TWICE, SEEDS, SENSING
from nessmap.estimators import entropy_production_rate, extrapolated_short_time_bound, short_time_bound
from nessmap.theory import gaussian, uncertainty_relations

EXACT = SENSING["estimator_epr_reference"]["values"]
ESTIMATORS = [entropy_production_rate, short_time_bound, extrapolated_short_time_bound]


@pytest.mark.parametrize("dt", [0.01, 0.05, 0.2])
def test_a_fitted_linear_model_has_no_bias_in_dt(dt):
    estimate = entropy_production_rate(recorded(*REFERENCE, dt, 3000, n_trial=16, seed=1), dt)
    assert estimate.n_block == 16
    assert abs(z(estimate, EXACT["epr"])) < SIGMA


@pytest.mark.parametrize("dt", ["0p01", "0p05", "0p2"])
def test_the_short_time_bound_is_the_best_of_all_linear_currents_at_this_step(dt):
    step = float(dt.replace("p", "."))
    estimate = short_time_bound(recorded(*REFERENCE, step, 3000, n_trial=16, seed=2), step)
    assert abs(z(estimate, EXACT[f"VTUR_lin_dt{dt}"])) < SIGMA


def test_a_stride_is_a_longer_step():
    values = recorded(*REFERENCE, 0.05, 3000, n_trial=16, seed=3)
    exact = uncertainty_relations.short_time_bound(*REFERENCE, 0.2)
    assert abs(z(short_time_bound(values, 0.05, stride=4), exact)) < SIGMA
    assert abs(z(entropy_production_rate(values, 0.05, stride=4), EXACT["epr"])) < SIGMA


@pytest.mark.parametrize(("strides", "weights"), [((1, 2), (2, -1)), ((1, 2, 4), (8 / 3, -6 / 3, 1 / 3))])
def test_the_extrapolation_is_the_polynomial_through_the_bounds(strides, weights):
    dt = 0.05
    values = recorded(*REFERENCE, dt, 3000, n_trial=16, seed=4)
    bounds = [uncertainty_relations.short_time_bound(*REFERENCE, stride * dt) for stride in strides]
    estimate = extrapolated_short_time_bound(values, dt, strides=strides)
    assert abs(z(estimate, float(np.dot(weights, bounds)))) < SIGMA


def test_what_two_strides_leave_is_of_second_order_in_dt_and_three_of_third():
    exact = gaussian.entropy_production_rate(*REFERENCE)

    def left(dt, weights):
        bounds = [uncertainty_relations.short_time_bound(*REFERENCE, stride * dt) for stride in (1, 2, 4)]
        return exact - float(np.dot(weights, bounds))

    for weights, order in (((2, -1, 0), 2), ((8 / 3, -2, 1 / 3), 3)):
        # the next order is a few per cent of it at rates of 10 and dt = 0.001
        assert np.log2(left(0.002, weights) / left(0.001, weights)) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_equilibrium_produces_nothing(estimator):
    values = recorded(*EQUILIBRIUM, 0.1, 1500, n_trial=32, seed=5)
    runs = [estimator(part, 0.1) for part in np.split(values, 4)]
    found, errors = np.array([[run.value, run.standard_error] for run in runs]).T
    assert np.all(np.abs(found) < SIGMA * errors)
    assert np.all(errors < 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(SEEDS)
@EXAMPLES
def test_new_coordinates_and_units_change_nothing(estimator, seed):
    random = np.random.default_rng(seed)
    values = recorded(*REFERENCE, 0.1, 100, n_trial=8, seed=seed)
    mixing = random.normal(size=(2, 2)) + 3 * np.eye(2)
    assume(np.linalg.cond(mixing) < 30)  # to the fourth power times rounding: 1e-10
    plain, mixed = estimator(values, 0.1), estimator(1e3 * values @ mixing + random.normal(size=2), 0.1)
    assert mixed.value == pytest.approx(plain.value, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE)
    assert mixed.standard_error == pytest.approx(plain.standard_error, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(SEEDS, st.floats(0.1, 10.0))
@EXAMPLES
def test_a_recording_read_backwards_produces_as_much_and_time_in_other_units_as_a_rate(estimator, seed, unit):
    values = recorded(*REFERENCE, 0.1, 100, n_trial=8, seed=seed)
    forwards, backwards = estimator(values, 0.1), estimator(values[:, ::-1], 0.1 * unit)
    assert unit * backwards.value == pytest.approx(forwards.value, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE)


@pytest.mark.slow
def test_overfitting_adds_twice_the_currents_that_are_no_exact_differentials_over_the_duration():
    """Of 6 currents linear in the midpoint of two variables 5 are differentials, and sum up to what ends differ by."""
    dt, n_time = 0.02, 2000
    values = recorded(-np.eye(2), np.eye(2), dt, n_time, n_trial=400, seed=6)
    runs = [short_time_bound(part, dt) for part in np.split(values, 50)]
    corrected = np.array([run.value for run in runs])
    plain = corrected + [run.bias for run in runs]
    error = plain.std() / np.sqrt(len(runs))
    assert abs(plain.mean() - 2 / (8 * n_time * dt)) < SIGMA * error < plain.mean()
    assert abs(corrected.mean()) < SIGMA * error


def spinning(frequency, n_time, n_trial, dt, substeps=4, seed=0):
    """dx = -x dt + frequency (|x|^2 - 4) J x dt + sqrt(2) dW by Heun steps: the inside turns backwards."""
    random = np.random.default_rng(seed)
    x, h = random.normal(size=(n_trial, 2)), dt / substeps
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])

    def drift(x):
        return -x + frequency * (np.sum(x**2, axis=1, keepdims=True) - 4.0) * (x @ turn)

    values = np.empty((n_time, n_trial, 2))
    for time in range(n_time):
        values[time] = x
        for _ in range(substeps):
            kick = np.sqrt(2 * h) * random.normal(size=x.shape)
            slope = drift(x)
            x = x + h / 2 * (slope + drift(x + h * slope + kick)) + kick
    return values.swapaxes(0, 1)


@pytest.mark.slow
def test_cubic_currents_find_a_circulation_that_no_linear_model_has():
    """<r^2 (r^2 - 4)> = 0: no linear current; rate = frequency^2 <(r^2 - 4)^2 r^2> = 16 frequency^2."""
    dt = 0.005
    values = spinning(0.25, 3000, 96, dt, seed=7)
    for blind in (entropy_production_rate(values, dt), short_time_bound(values, dt)):
        assert abs(z(blind, 0.0)) < SIGMA
    cubic = short_time_bound(values, dt, degree=3)
    assert 0.5 < cubic.value < 1.0 + SIGMA * cubic.standard_error
    whole = extrapolated_short_time_bound(values, dt, degree=3)
    assert abs(z(whole, 1.0)) < SIGMA
    assert whole.value > 5 * whole.standard_error


def test_a_hidden_variable_hides_its_dissipation():
    drift, diffusion = np.array([[-1.0, 0.0, -2.0], [1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]), np.eye(3)
    values = recorded(drift, diffusion, 0.05, 1200, n_trial=16, seed=8)
    exact = gaussian.entropy_production_rate(drift, diffusion)
    assert abs(z(entropy_production_rate(values, 0.05), exact)) < SIGMA
    seen = entropy_production_rate(values, 0.05, [0, 1])
    assert seen.value < exact - 10 * seen.standard_error
    assert entropy_production_rate(values, 0.05, [0]).value == pytest.approx(
        0.0, abs=1e-12
    )  # one variable has no current


def test_noise_of_the_measurement_is_told():
    values = recorded(*REFERENCE, 0.05, 1500, n_trial=16, seed=9)
    noisy = values + 0.1 * np.random.default_rng(9).normal(size=values.shape)
    estimate = entropy_production_rate(noisy, 0.05)
    assert estimate.value < EXACT["epr"] - 5 * estimate.standard_error
    assert any("a fit at twice the step gives" in remark for remark in estimate.remarks)
    assert not entropy_production_rate(values, 0.05).remarks


def test_position_and_velocity_are_no_even_variables_and_the_recording_tells():
    values = oscillator(0.05, 4000)
    fitted = entropy_production_rate(values, 0.05)
    assert np.isnan(fitted.value)
    assert "D not invertible" in fitted.remarks[0]
    bound = short_time_bound(values, 0.05)
    assert bound.value > 10 * bound.standard_error  # of a particle at equilibrium
    assert any(remark.startswith("x0 is smooth at this dt") for remark in bound.remarks)


def test_samples_too_far_apart_give_no_fit_and_a_remark():
    values = recorded(*REFERENCE, 2.0, 2000, n_trial=16, seed=10)
    fitted = entropy_production_rate(values, 2.0)
    assert np.isnan(fitted.value)
    assert "increments too coarse" in fitted.remarks[0]
    assert any(remark.startswith("increments too coarse: x0") for remark in short_time_bound(values, 2.0).remarks)
    far = extrapolated_short_time_bound(recorded(*REFERENCE, 0.2, 2000, n_trial=16, seed=10), 0.2)
    assert any("sample more often" in remark for remark in far.remarks)


def test_a_short_recording_and_one_that_drifts_are_told():
    values = recorded(*REFERENCE, 0.05, 8000, seed=11)
    assert any("too few independent samples" in remark for remark in entropy_production_rate(values, 0.05).remarks)
    trials = recorded(*REFERENCE, 0.05, 2000, n_trial=16, seed=11)
    moving = trials + np.linspace(0.0, 3.0, 2000)[:, None]
    assert any("not stationary" in remark for remark in entropy_production_rate(moving, 0.05).remarks)
    skewed = entropy_production_rate(np.exp(trials), 0.05)
    assert any("strongly non-Gaussian" in remark for remark in skewed.remarks)


def test_what_cannot_be_estimated_is_said():
    values = recorded(*REFERENCE, 0.05, 400, seed=12)
    assert "currents of 400 steps" in short_time_bound(values, 0.05, degree=4).remarks[0]
    with pytest.raises(ValueError, match="degree = 0, expected 1 or more"):
        short_time_bound(values, 0.05, degree=0)
    with pytest.raises(ValueError, match=r"strides = \[2, 1\], expected ascending numbers from 1 to 100"):
        extrapolated_short_time_bound(values, 0.05, strides=(2, 1))
    twice = np.concatenate([values, values[..., :1]], axis=2)
    for estimator in ESTIMATORS:
        assert np.isnan(estimator(twice, 0.05).value)
