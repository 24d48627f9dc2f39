"""Are the error bars of estimators honest? z-scores of many runs against exact values follow Student's t of 15."""

import numpy as np
import pytest
from scipy import stats

from gaussian_recordings import EQUILIBRIUM, REFERENCE, SIGMA, recorded
from nessmap import estimators
from nessmap.statistics.calibration import calibration
from nessmap.theory import gaussian, uncertainty_relations
from nessmap.theory.sampled_transfer_entropy import sampled_transfer_entropy_rate

DT, N_TIME, N_RUN = 0.1, 12000, 100  # 1200 time units, 480 correlation times
CHANCE = 0.001

BOUND = [uncertainty_relations.short_time_bound(*REFERENCE, stride * DT) for stride in (1, 2, 4)]
EXACT = {
    "fitted": gaussian.entropy_production_rate(*REFERENCE),
    "bound": BOUND[0],
    "extrapolated": (8 * BOUND[0] - 6 * BOUND[1] + BOUND[2]) / 3,
    "transfer": sampled_transfer_entropy_rate(*REFERENCE, [0], [1], DT, 8),
    "copula": gaussian.mutual_information(gaussian.stationary_covariance(*REFERENCE), [0], [1]),
}
ESTIMATOR = {
    "fitted": lambda x: estimators.entropy_production_rate(x, DT),
    "bound": lambda x: estimators.short_time_bound(x, DT),
    "extrapolated": lambda x: estimators.extrapolated_short_time_bound(x, DT),
    "transfer": lambda x: estimators.transfer_entropy_rate(x, DT),
    "copula": estimators.mutual_information_copula,
}


@pytest.fixture(scope="module")
def runs():
    return recorded(*REFERENCE, DT, N_TIME, n_trial=N_RUN, seed=20)


def scores(estimator, values, exact):
    """(z, values, errors) of each recording by itself."""
    found = [estimator(run) for run in values]
    value, error = np.array([[one.value, one.standard_error] for one in found]).T
    assert {one.n_block for one in found} == {16}
    return (value - exact) / error, value, error


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATOR)
def test_errors_from_blocks_of_one_recording_are_calibrated_and_bias_is_removed(name, runs):
    z, value, _ = scores(ESTIMATOR[name], runs, EXACT[name])
    result = calibration(z)
    assert min(result.p_value, result.spread_p_value) > CHANCE / len(ESTIMATOR), result
    assert abs(value.mean() - EXACT[name]) < SIGMA * value.std() / np.sqrt(N_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_errors_of_nearest_neighbours_are_never_too_small_and_at_most_twice_too_large(correlation):
    root = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    samples = np.random.default_rng(21).normal(size=(N_RUN, 500, 2)) @ root.T
    exact = -0.5 * np.log(1 - correlation**2)
    z, value, error = scores(estimators.mutual_information_ksg, samples, exact)
    # a spread of 100 values is known to 7 %
    assert 0.5 < value.std() / np.sqrt(np.mean(error**2)) < 1 + SIGMA * 0.07
    # a bias of 0.02 nat for 500 samples, of which that of one run knows nothing
    assert abs(value.mean() - exact) < 0.02 + SIGMA * value.std() / np.sqrt(N_RUN)
    assert calibration(z).share_within_two > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fitted", "bound", "extrapolated"])
def test_at_equilibrium_dissipation_is_claimed_no_oftener_than_chance_has_it(name):
    """Of two variables the square of one current: where it is nearly zero so is its error, but then the value is negative."""
    values = recorded(*EQUILIBRIUM, DT, 4000, n_trial=N_RUN, seed=22)
    z, value, error = scores(ESTIMATOR[name], values, 0.0)
    share = stats.t(15).sf(2.0)
    assert np.mean(z > 2.0) < share + SIGMA * np.sqrt(share / N_RUN)
    assert z.max() < stats.t(15).isf(CHANCE / N_RUN)
    assert abs(value.mean()) < SIGMA * value.std() / np.sqrt(N_RUN)
    assert value.std() < np.sqrt(np.mean(error**2))


@pytest.mark.slow
def test_trials_and_blocks_of_one_recording_give_errors_of_one_size(runs):
    """The same duration in sixteen trials, and in one piece."""
    parts = runs[:30].reshape(30, 16, N_TIME // 16, 2)
    whole = [estimators.entropy_production_rate(run, DT).standard_error for run in runs[:30]]
    trials = [estimators.entropy_production_rate(part, DT).standard_error for part in parts]
    # the square of each is known to sqrt(2/15), the mean of 30 of them to 7 %, and the two are correlated
    assert np.mean(np.square(trials)) == pytest.approx(np.mean(np.square(whole)), rel=SIGMA * 0.07)
