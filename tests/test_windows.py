"""Finite windows: the entropy sum's moments, the uncertainty relation's bound, periodograms; each against sampling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, SEEDS, dense_system, random_system, rotation
from nessmap.theory import gaussian, windows


def test_a_pair_has_the_moments_of_the_closed_form():
    decay, turn, dt = 1.0, 2.0, 0.1
    phase, decayed = np.exp(-decay * dt) * np.sin(turn * dt), -np.expm1(-2 * decay * dt)
    mean, variance = windows.path_sum_moments(*rotation(decay, turn), dt, 1)
    assert mean == pytest.approx(2 * turn / decay * phase, rel=1e-13)
    assert variance == pytest.approx((turn / decay) ** 2 * (4 * phase**2 + 2 * decayed), rel=1e-13)
    # docs/theory.md (34): growth of the variance per step in a long window
    first, second = (windows.path_sum_moments(*rotation(decay, turn), dt, n)[1] for n in (1000, 1001))
    rate = (turn / decay) ** 2 * (2 * decayed + 4 * phase**2 + 8 * phase**2 / decayed)
    assert second - first == pytest.approx(rate, rel=1e-10)


@pytest.mark.parametrize("n_step", [1, 2, 7, 40])
def test_sampled_windows_have_the_mean_and_variance_of_theory(n_step):
    drift, diffusion = dense_system()
    dt, n_lane = 0.2, 20_000
    force = gaussian.antisymmetric_force(drift, diffusion)
    step = gaussian.propagator(drift, diffusion, dt)
    root = np.linalg.cholesky(step.covariance)
    rng = np.random.default_rng(n_step)
    x = np.linalg.cholesky(gaussian.stationary_covariance(drift, diffusion)) @ rng.normal(size=(6, n_lane))
    total = np.zeros(n_lane)
    for _ in range(n_step):
        following = step.matrix @ x + root @ rng.normal(size=x.shape)
        total += (following * (force @ x)).sum(axis=0)
        x = following
    mean, variance = windows.path_sum_moments(drift, diffusion, dt, n_step)
    # four standard errors: once in 16000
    assert abs(total.mean() - mean) < 4 * np.sqrt(variance / n_lane)
    squares = (total - mean) ** 2
    assert abs(squares.mean() - variance) < 4 * squares.std() / np.sqrt(n_lane)


def test_the_mean_is_that_of_the_path_estimator():
    mean, _ = windows.path_sum_moments(*dense_system(), 1e-7, 50)
    rate = gaussian.path_entropy_production_rate_at(*dense_system(), 1e-7)
    assert mean / 50e-7 == pytest.approx(rate, rel=1e-8)  # rounding of F - 1 over the step


def test_forgotten_lags_change_nothing():
    drift, diffusion = rotation(5.0, 2.0)
    _, variance = windows.path_sum_moments(drift, diffusion, 0.5, 100)
    steps = [windows.path_sum_moments(drift, diffusion, 0.5, n)[1] for n in (10, 11)]
    assert variance == pytest.approx(steps[0] + 90 * (steps[1] - steps[0]), rel=1e-10)


@EXAMPLES
@given(SEEDS, st.integers(2, 5), st.floats(1e-3, 3.0), st.integers(1, 30))
def test_the_uncertainty_bound_never_exceeds_the_entropy_production(seed, n_dim, dt, n_step):
    drift, diffusion = random_system(seed, n_dim)
    bound = windows.tur_bound(*windows.path_sum_moments(drift, diffusion, dt, n_step), n_step * dt)
    assert bound <= gaussian.entropy_production_rate(drift, diffusion) * (1 + 1e-9)


def test_the_bound_is_tight_in_short_windows_and_twice_the_signal_over_the_noise_in_long_ones():
    drift, diffusion = rotation(1.0, 2.0)
    rate, spread = 8.0, gaussian.entropy_production_variance_rate(drift, diffusion)
    short = windows.tur_bound(*windows.path_sum_moments(drift, diffusion, 1e-5, 1), 1e-5)
    assert short == pytest.approx(rate, rel=1e-4)  # first order in dt
    dt, n_step = 1e-3, 400_000
    long = windows.tur_bound(*windows.path_sum_moments(drift, diffusion, dt, n_step), dt * n_step)
    # relative: dt from the step, 1 / (gamma T) from the ends of the window
    assert long == pytest.approx(2 * rate**2 / spread, rel=2 * dt + 2 / (dt * n_step))


def test_windows_of_a_stack_are_those_of_its_systems():
    systems = [rotation(1.0, turn) for turn in (0.5, 2.0, 0.0)]
    mean, variance = windows.path_sum_moments(*map(np.array, zip(*systems, strict=True)), 0.1, 20)
    for i, system in enumerate(systems):
        one = windows.path_sum_moments(*system, 0.1, 20)
        np.testing.assert_allclose((mean[i], variance[i]), one, rtol=1e-12)
    assert (mean[2], variance[2]) == (0, 0)


@pytest.mark.parametrize("n", [3, 8, 65])
def test_squares_of_a_hann_window_add_up(n):
    assert (windows.hann_window(n) ** 2).sum() == pytest.approx(3 * n / 8, rel=1e-13)


def test_the_spectrum_integrates_to_the_power_and_peaks_where_the_wave_turns():
    angle = (np.arange(4000) + 0.5) / 4000 * np.pi - np.pi / 2
    frequency = 2.0 * np.tan(angle)
    weight = 2.0 / np.cos(angle) ** 2 / 4000 / 2  # d nu / 2 pi
    assert windows.power_spectrum(1.5, 2.0, 0.6, frequency) @ weight == pytest.approx(0.6 / 1.5, rel=1e-12)
    assert frequency[windows.power_spectrum(1.5, 2.0, 0.6, frequency).argmax()] == pytest.approx(-2.0, rel=2e-3)


@pytest.mark.parametrize("shape", [np.ones, windows.hann_window])
def test_sampled_periodograms_have_the_mean_of_theory(shape):
    decay, turn, power, dt, n, n_lane = 0.4, 1.1, 0.7, 0.3, 32, 20_000
    rng = np.random.default_rng(4)

    def normal():
        """Complex, of unit mean square."""
        return (rng.normal(size=n_lane) + 1j * rng.normal(size=n_lane)) / np.sqrt(2)

    u = np.empty((n, n_lane), complex)
    u[0] = np.sqrt(power) * normal()
    for i in range(1, n):
        u[i] = np.exp(-(decay + 1j * turn) * dt) * u[i - 1] + np.sqrt(power * -np.expm1(-2 * decay * dt)) * normal()
    window = shape(n)
    values = dt * np.abs(np.fft.fft(window[:, None] * u, axis=0)) ** 2 / (window @ window)
    frequency = 2 * np.pi * np.fft.fftfreq(n, dt)
    expected = windows.periodogram_mean(decay, turn, power, dt, window, frequency)
    errors = values.std(axis=1) / np.sqrt(n_lane)
    # 4.5 standard errors: one of 32 frequencies exceeds them once in 4500 runs
    assert np.abs((values.mean(axis=1) - expected) / errors).max() < 4.5


@pytest.mark.parametrize("shape", [np.ones, windows.hann_window])
def test_a_periodogram_shares_out_the_power_over_the_frequencies(shape):
    decay, turn, power = np.array([0.1, 1.0]), np.array([3.0, -0.5]), np.array([2.0, 0.3])
    n, dt = 48, 0.2
    frequency = 2 * np.pi * np.fft.fftfreq(n, dt)
    means = windows.periodogram_mean(decay, turn, power, dt, shape(n), frequency)
    assert means.shape == (2, n)
    np.testing.assert_allclose(means.sum(axis=-1) / (n * dt), power, rtol=1e-12)
    assert (means > 0).all()


def test_a_long_window_of_short_steps_shows_the_spectrum():
    frequency = np.array([-4.0, -1.0, 0.0, 2.0])
    mean = windows.periodogram_mean(1.0, 1.0, 0.5, 0.01, windows.hann_window(20_000), frequency)
    spectrum = windows.power_spectrum(1.0, 1.0, 0.5, frequency)
    # aliases add (dt gamma)^2 relative to the peak, the window (2 pi / (gamma T))^2 and the tails
    np.testing.assert_allclose(mean, spectrum, atol=3e-3 * spectrum.max())
