"""What is stored and how errors are made of it: sums against einsum, the jackknife against its definition and its purpose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nessmap.models.amari_field import AmariField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.statistics.calibration import calibration
from nessmap.statistics.jackknife import jackknife
from sampling import trajectory

MODELS = [AmariField(n_site=8, length=8.0, kernel_width=1.2, shift=0.7), LinearLangevin()]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize(("name", "lag"), [("covariance", 0), ("lagged_covariance", 1)])
def test_moments_are_the_sums_they_claim_to_be(model, name, lag):
    block = trajectory(model, 20)
    statistic = STATISTICS[name]
    sums = statistic.zero(model)
    statistic.accumulate(sums, model, block)
    first, second = model.correlated_pairs if lag == 0 else model.lagged_pairs
    early, late = block.x[:-1], block.x[lag : 20 + lag]
    products = np.einsum("npl,npl->pl", early[:, first], late[:, second])
    groups = np.stack([products[:, np.arange(128) % N_GROUP == g].sum(axis=1) for g in range(N_GROUP)], axis=1)
    np.testing.assert_allclose(sums, groups, rtol=1e-12, atol=1e-12 * np.abs(groups).max())  # rounding of 160 terms


@given(st.lists(st.floats(-100, 100), min_size=N_GROUP, max_size=N_GROUP))
def test_jackknife_of_a_mean_is_the_mean_and_its_standard_error(values):
    estimate = jackknife(lambda m: m["x"][..., 0], {"x": np.array([values])})
    scale = 1e-12 * (1 + np.abs(values).max())
    assert estimate.value == pytest.approx(np.mean(values), abs=scale)
    # a difference of nearly equal numbers: half of the digits are left
    assert estimate.standard_error == pytest.approx(
        np.std(values, ddof=1) / np.sqrt(N_GROUP), rel=1e-9, abs=1e4 * scale
    )


def test_jackknife_removes_the_bias_of_a_quadratic_function_exactly():
    """E (mean x)^2 = mu^2 + var/n; for a quadratic the corrected value is the U-statistic, unbiased at any sample size."""
    values = np.random.default_rng(0).normal(1.0, 2.0, (1, N_GROUP))
    estimate = jackknife(lambda m: m["x"][..., 0] ** 2, {"x": values})
    pairs = np.outer(values, values)
    unbiased = (pairs.sum() - np.trace(pairs)) / (N_GROUP * (N_GROUP - 1))
    assert estimate.value == pytest.approx(unbiased, rel=1e-12)


def test_jackknife_keeps_the_shape_of_a_vector_observable():
    groups = {"x": np.random.default_rng(1).normal(size=(5, N_GROUP))}
    estimate = jackknife(lambda m: m["x"] * 2, groups)
    np.testing.assert_allclose(estimate.value, 2 * groups["x"].mean(axis=1), atol=1e-14)
    assert estimate.standard_error.shape == (5,)


def test_z_scores_of_normal_groups_follow_student_with_15_degrees_of_freedom():
    rng = np.random.default_rng(2)
    z = []
    for _ in range(2000):
        value, error = jackknife(lambda m: m["x"][..., 0], {"x": rng.normal(size=(1, N_GROUP))})
        z.append(value / error)
    assert calibration(z).p_value > 1e-3
    assert stats.kstest(z, "norm").pvalue < calibration(z).p_value


def test_calibration_rejects_errors_that_are_a_quarter_too_small():
    z = stats.t(15).rvs(1000, random_state=3)
    assert calibration(z).p_value > 1e-3
    assert calibration(z).spread_p_value > 1e-3
    assert calibration(1.25 * z).spread_p_value < 1e-6
    assert calibration(1.2 * z[:504]).spread_p_value < 2e-4  # the level of the sweeps' test: errors a sixth too small
    assert calibration(z).share_within_two == pytest.approx(0.936, abs=4 * np.sqrt(0.936 * 0.064 / 1000))
