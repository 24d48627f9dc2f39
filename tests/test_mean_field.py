"""Dynamical mean-field theory: exact cases, the edge of chaos, the onset, reference numbers, other routes, a finite network."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory.autocorrelation_series import decay_series, stationary_variance
from nessmap.theory.mean_field import autocorrelation, chaos_onset, stationary_state
from nessmap.theory.network_dimension import network_dimension
from nessmap.theory.random_linear_network import linear_network, participation_ratio

EXAMPLES = settings(max_examples=40, deadline=None)

# gain, D, Delta_0, C_phi(0), <F^2>, lambda: by Gauss-Hermite quadrature with 121 nodes and finite differences on lags to 100
REFERENCE = [
    (1.1, 0.0, 0.11106318936988832, 0.09201356354931511, 0.0002732225247829845, 0.003712406179704031),
    (1.5, 0.0, 0.7476863805533975, 0.34209348868376077, 0.022023968985064202, 0.04674620923587125),
    (3.0, 0.0, 5.446326394942222, 0.6805784287385817, 0.6788794637050124, 0.2354696304188253),
    (1.2, 0.01, 0.24405444632805282, 0.17052994522872522, 0.021508674801311505, 0.0065381741139856064),
    (2.0, 0.01, 1.9248797409852183, 0.513184931659471, 0.14785998565266564, 0.10965075702559823),
    (1.2, 0.1, 0.3297071207035636, 0.21032872592541124, 0.17316624462902858, -0.04878079056876128),
    (2.0, 0.1, 1.9322022019568879, 0.5138598661605713, 0.3232372626853975, 0.08670883714978217),
    (2.0, 0.5, 2.0919855206432243, 0.5279089325820241, 1.019650209684872, 0.008135330938463303),
]
LAGS = [1, 2, 5, 10, 20]
DECAYS = {
    2.0: [1.863, 1.69965, 1.03457, 0.35106, 0.03614],
    1.5: [0.73682, 0.70591, 0.54136, 0.27225, 0.05576],
    1.2: [0.24168, 0.23889, 0.22077, 0.17168, 0.08168],
}


def linear(x):
    return x


def error_function(x):
    """erf of unit slope."""
    from scipy.special import erf

    return erf(math.sqrt(math.pi) / 2 * x)


def lowest_level(gain, diffusion, step, longest, even):
    """Of -d^2/dlag^2 + 1 - g^2 C_phi' by finite differences in a box."""
    from scipy.linalg import eigh_tridiagonal

    n_point = round(longest / step)
    # an even level has zero slope between two points, an odd one a zero at a point
    lag = (np.arange(n_point) + (0.5 if even else 1.0)) * step
    diagonal = 2 / step**2 + 1 - gain**2 * autocorrelation(gain, diffusion, lag).gain
    if even:
        diagonal[0] -= 1 / step**2
    side = np.full(n_point - 1, -1 / step**2)
    return eigh_tridiagonal(diagonal, side, eigvals_only=True, select="i", select_range=(0, 0))[0]


@pytest.mark.parametrize("gain", [0.0, 0.3, 0.8, 0.99])
def test_a_linear_network_is_solved_exactly(gain):
    found, root = stationary_state(gain, 0.3, linear), math.sqrt(1 - gain**2)
    assert found.converged
    exact = (0.3 / root, 0.3 / root, 1.0, 0.3 * (2 - root), 1 - root, gain - 1, root)
    # 1 - g^2 loses digits near the critical gain
    assert found[:7] == pytest.approx(exact, rel=1e-11, abs=1e-12)
    assert found.entropy_production_rate == pytest.approx(linear_network(gain, 0.0).entropy_production_rate, abs=1e-11)
    decay = autocorrelation(gain, 0.3, LAGS, linear)
    assert decay.activity == pytest.approx(0.3 / root * np.exp(-root * np.array(LAGS)), rel=1e-11)


@pytest.mark.parametrize("diffusion", [0.001, 0.1, 2.0])
def test_entropy_production_of_one_per_neuron_is_the_onset_of_chaos(diffusion):
    onset = chaos_onset(diffusion)
    found = stationary_state(onset.gain, diffusion)
    # two routes: the curvature of Delta at lag 0, and a ground state; rounding of the gain times d/dg of either, over D
    assert found.entropy_production_rate == pytest.approx(1, abs=1e-9)
    assert found.lyapunov_exponent == pytest.approx(0, abs=1e-9)
    assert found.variance == pytest.approx(onset.variance, rel=1e-10)


@pytest.mark.slow
@EXAMPLES
@given(st.floats(0.2, 3.0), st.floats(1e-3, 2.0))
def test_more_than_one_per_neuron_is_chaos_and_less_is_not(gain, diffusion):
    found = stationary_state(gain, diffusion)
    assert found.converged
    if abs(found.lyapunov_exponent) > 1e-8:
        assert (found.entropy_production_rate > 1) == (found.lyapunov_exponent > 0)
    assert found.entropy_production_rate >= 0


def test_noise_shifts_the_onset_of_chaos_upwards():
    gains = [chaos_onset(diffusion).gain for diffusion in (0.0, 1e-6, 1e-3, 0.03, 1.0)]
    assert gains[0] == pytest.approx(1, abs=1e-10)
    assert np.all(np.diff(gains) > 0)
    # 1.0419, 1.1333, 1.4250, 1.9557: reference to its digits
    found = [chaos_onset(diffusion).gain for diffusion in (0.001, 0.01, 0.1, 0.5)]
    assert found == pytest.approx([1.041852054230628, 1.1333, 1.425035805962717, 1.9557], abs=5e-5)


def test_without_noise_chaos_begins_at_gain_one_with_known_powers():
    for distance in (1e-2, 1e-3):
        found = stationary_state(1 + distance, 0.0)
        # each law up to the next power, with a coefficient of a few
        assert found.variance == pytest.approx(distance + 7 / 6 * distance**2, abs=3 * distance**3)
        assert found.mean_square_drift == pytest.approx(distance**3 / 3, rel=4 * distance)
        assert found.lyapunov_exponent == pytest.approx(distance**2 / 2, rel=5 * distance)
        assert found.entropy_production_rate == math.inf
    below = stationary_state(0.7, 0.0)
    assert (below.variance, below.mean_square_drift) == (0.0, 0.0)
    assert below.lyapunov_exponent == pytest.approx(-0.3, abs=1e-9)
    assert np.all(autocorrelation(0.7, 0.0, LAGS).activity == 0)


def test_weak_noise_below_the_onset_sees_the_linear_network():
    linearised = linear_network(0.8, 0.0)
    for diffusion in (1e-5, 1e-6):
        found = stationary_state(0.8, diffusion)
        # corrections in proportion to D, with a coefficient of a few
        assert found.entropy_production_rate == pytest.approx(linearised.entropy_production_rate, abs=5 * diffusion)
        assert found.variance / diffusion == pytest.approx(linearised.variance, abs=20 * diffusion)
        assert found.lyapunov_exponent == pytest.approx(-0.2, abs=5 * diffusion)


@pytest.mark.parametrize(("gain", "diffusion", "variance", "rate_variance", "drift", "lyapunov"), REFERENCE)
def test_reference_states(gain, diffusion, variance, rate_variance, drift, lyapunov):
    found = stationary_state(gain, diffusion)
    assert found.converged
    # the reference's quadrature loses digits as the poles of tanh come nearer, here measured at the largest gain: 1.4e-5
    assert found.variance == pytest.approx(variance, rel=1e-7)
    assert found.rate_variance == pytest.approx(rate_variance, rel=2e-6)
    assert found.mean_square_drift == pytest.approx(drift, rel=2e-5)
    # its finite differences: 1e-5
    assert found.lyapunov_exponent == pytest.approx(lyapunov, abs=1e-5)


@pytest.mark.slow
def test_the_reference_in_a_box_lies_where_the_box_puts_the_edge_of_the_continuum():
    # g = 0.8, D = 0.01: the well is too shallow for the reference's box of lags up to 100, -0.2127299 and not -0.2125763
    found = stationary_state(0.8, 0.01)
    boxed = math.sqrt(1 - lowest_level(0.8, 0.01, 0.05, 100.0, even=True)) - 1
    # differences of second order: step^2/12 of a level at the edge, below 1e-5
    assert boxed == pytest.approx(-0.21272986975415886, abs=1e-5)
    longer = math.sqrt(1 - lowest_level(0.8, 0.01, 0.05, 800.0, even=True)) - 1
    # what is left of (pi/2/800)^2 over 2 (1 + lambda)
    assert 0 < found.lyapunov_exponent - longer < (math.pi / 1600) ** 2 / (2 * 0.787)


@pytest.mark.parametrize("gain", DECAYS)
def test_reference_autocorrelations_of_chaos(gain):
    # given to five decimals, and integrated to about 1e-5
    assert autocorrelation(gain, 0.0, LAGS).activity == pytest.approx(DECAYS[gain], abs=2e-5)


@pytest.mark.parametrize(("gain", "diffusion"), [(1.2, 0.0), (2.0, 0.1)])
def test_the_autocorrelation_solves_its_equation_of_motion(gain, diffusion):
    lag, step = np.linspace(0.3, 12.0, 40), 0.02
    found = autocorrelation(gain, diffusion, lag + step * np.arange(-2, 3)[:, None])
    stencil = found.activity
    curvature = (16 * (stencil[1] + stencil[3]) - stencil[0] - stencil[4] - 30 * stencil[2]) / (12 * step**2)
    # fourth order: step^4/90 of a sixth derivative of at most about g^2 Delta_0
    assert np.abs(curvature - stencil[2] + gain**2 * found.rate[2]).max() < step**4 * gain**2 * stencil.max()
    near = autocorrelation(gain, diffusion, [0.0, 1e-5, 2e-5]).activity
    slope = (-3 * near[0] + 4 * near[1] - near[2]) / 2e-5
    # rounding of 1e-15 over the step, and its square
    assert slope == pytest.approx(-diffusion, abs=1e-8 * near[0])


def test_correlations_of_the_error_function_are_arcsines():
    found = autocorrelation(2.0, 0.2, LAGS, error_function)
    variance = autocorrelation(2.0, 0.2, 0.0, error_function).activity
    ratio = math.pi / 2 * found.activity / (1 + math.pi / 2 * variance)
    assert found.rate == pytest.approx(2 / math.pi * np.arcsin(ratio), rel=1e-10)
    slope = 1 / np.sqrt((1 + math.pi / 2 * variance) ** 2 - (math.pi / 2 * found.activity) ** 2)
    assert found.gain == pytest.approx(slope, rel=1e-10)


@pytest.mark.parametrize(("gain", "diffusion"), [(2.0, 0.0), (1.2, 0.1)])
def test_the_lyapunov_exponent_is_that_of_a_discretised_operator(gain, diffusion):
    levels = [lowest_level(gain, diffusion, step, 120.0, even=True) for step in (0.04, 0.02)]
    # second order in the step: extrapolated, a tenth of the square of what remains
    level = (4 * levels[1] - levels[0]) / 3
    found = stationary_state(gain, diffusion).lyapunov_exponent
    assert found == pytest.approx(math.sqrt(1 - level) - 1, abs=max(0.1 * abs(levels[1] - levels[0]), 1e-8))


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.2, 3.0])
def test_without_noise_time_translation_is_a_zero_mode(gain):
    levels = [lowest_level(gain, 0.0, step, 150.0, even=False) for step in (0.04, 0.02)]
    # Delta' is odd, solves the equation, and has no node; the discretisation is of second order
    assert levels[1] == pytest.approx(levels[0] / 4, rel=0.01, abs=1e-7)
    assert (4 * levels[1] - levels[0]) / 3 == pytest.approx(0, abs=1e-6)


def test_the_dimension_of_a_linear_network_is_that_of_its_covariance():
    for gain in (0.3, 0.8):
        found = network_dimension(gain, 0.7, linear)
        expected = participation_ratio(gain, 0.0).value
        assert (found.activity, found.rate) == pytest.approx((expected, expected), rel=1e-9)


@pytest.mark.slow
def test_the_dimension_of_rates_is_the_published_double_integral():
    state, found = stationary_state(3.0, 0.0), network_dimension(3.0, 0.0)
    # without noise all is even and smooth: sums over lags and frequencies converge exponentially
    lag, frequency, step = np.arange(0, 60.0, 0.05), (np.arange(700) + 0.5) * 0.01, 0.01
    correlation = autocorrelation(3.0, 0.0, lag).rate
    correlation[0] /= 2
    spectrum = 2 * 0.05 * np.cos(np.outer(frequency, lag)) @ correlation
    response = state.gain / (1 + 1j * frequency)
    total = 0.0
    for other in (response, response.conj()):
        total += 2 * spectrum @ (1 / np.abs(1 - 9 * np.outer(response.conj(), other)) ** 2) @ spectrum
    total *= (step / (2 * math.pi)) ** 2
    # what the spectrum holds beyond the last frequency, 7
    assert found.rate == pytest.approx(state.rate_variance**2 / total, rel=1e-5)
    # reference of 2e-3 at gain 1.5 and 2e-4 at 3: sums over frequencies that were too far apart
    assert (found.activity, found.rate) == pytest.approx((0.03137781331755487, 0.04465829145936783), rel=3e-4)


def test_a_transfer_function_that_steepens_away_from_zero_is_chaotic_below_gain_one():
    def steepening(x):
        return np.tanh(x + x**3)

    found = stationary_state(0.97, 0.0, steepening)
    assert found.variance > 0.1
    assert found.lyapunov_exponent > 0


def test_the_series_says_what_its_terms_miss():
    variance = stationary_variance(2.0, 0.1, np.sign)
    # <phi'^2> of a step diverges: no number of terms holds it
    assert decay_series(2.0, 0.1, variance, np.sign).residual > 0.01
    assert not stationary_state(2.0, 0.1, np.sign).converged


def test_states_that_do_not_exist_are_reported_and_wrong_arguments_refused():
    found = stationary_state(1.2, 0.1, linear)
    assert not found.converged
    assert "no state of variance below" in found.message
    assert not autocorrelation(1.2, 0.1, LAGS, linear).converged
    assert not chaos_onset(0.1, linear).converged
    assert "no activity" in network_dimension(0.5, 0.0).message
    with pytest.raises(ValueError, match="expected an odd function"):
        stationary_state(1.2, 0.1, np.exp)
    with pytest.raises(ValueError, match="diffusion: -1"):
        chaos_onset(-1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "diffusion"), [(1.5, 0.1), (2.0, 0.5)])
def test_simulated_networks_agree_with_the_infinite_one(gain, diffusion):
    rng, n_neuron, n_replica, dt = np.random.default_rng(8), 400, 8, 0.05
    found = []
    for _ in range(5):
        couplings = gain / math.sqrt(n_neuron) * rng.normal(size=(n_neuron, n_neuron))
        x, means = rng.normal(size=(n_neuron, n_replica)), []
        for step in range(1600):
            kick = math.sqrt(2 * diffusion * dt) * rng.normal(size=x.shape)
            first = couplings @ np.tanh(x) - x
            ahead = x + dt * first + kick
            x = x + 0.5 * dt * (first + couplings @ np.tanh(ahead) - ahead) + kick
            if step >= 600 and step % 10 == 0:
                rate = np.tanh(x)
                means.append([np.mean(x**2), np.mean(rate**2), np.mean((couplings @ rate - x) ** 2)])
        found.append(np.mean(means, axis=0))
    state = stationary_state(gain, diffusion)
    expected = np.array([state.variance, state.rate_variance, state.mean_square_drift])
    error = np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
    # five J: 4 standard errors are exceeded once in 60 of three numbers by chance; found within 0.5
    assert np.all(np.abs(np.mean(found, axis=0) - expected) < 4 * error)
