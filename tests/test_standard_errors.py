"""Standard errors mean what they say: they equal the spread over independent runs, and theory's own prediction of it."""

import numpy as np
import pytest

from nessmap.models.amari_field import AmariField
from nessmap.theory import gaussian
from sampling import estimates, group_means

DT, DURATION, LANES, RUNS = 0.05, 20.0, 128, 100
MODEL = AmariField(n_site=8, length=8.0, kernel_width=1.2, shift=0.7, coupling=0.6)


@pytest.fixture(scope="module")
def runs():
    return [estimates(MODEL, group_means(MODEL, dt=DT, duration=DURATION, key=key)) for key in range(1000, 1000 + RUNS)]


@pytest.mark.parametrize(
    "name",
    [
        "entropy_production_rate",
        "entropy_production_rate_path",
        "site_variance",
        "structure_factor",
        "mutual_information",
    ],
)
def test_standard_error_equals_the_spread_over_runs(runs, name):
    values = np.array([run[name].value for run in runs])
    errors = np.array([run[name].standard_error for run in runs])
    ratio = np.sqrt((errors**2).mean(axis=0)) / values.std(axis=0, ddof=1)
    # the spread of 100 values is known to 1/sqrt(198) = 7 %, the mean error to 1.8 %; 4 of these
    np.testing.assert_allclose(ratio, 1.0, atol=4 * 0.073)


def test_path_estimator_has_the_error_that_theory_gives_a_path(runs):
    """sqrt(V / T) over all lanes, V the variance rate; at dt = .05 up to terms of order gamma dt."""
    rate = gaussian.entropy_production_variance_rate(MODEL.linear_drift, MODEL.linear_diffusion)
    predicted = np.sqrt(rate / (DURATION * LANES))
    measured = np.sqrt(np.mean([run["entropy_production_rate_path"].standard_error ** 2 for run in runs]))
    gamma = -np.diag(MODEL.linear_drift).min()
    assert measured == pytest.approx(predicted, rel=4 * 0.018 + 2 * gamma * DT)


def test_bias_correction_matters_for_mutual_information(runs):
    """Without it the plug-in value is off by many errors of the mean over runs; with it by at most four."""
    exact = float(MODEL.theory()["mutual_information"].value)
    values = np.array([run["mutual_information"].value for run in runs])
    assert abs(values.mean() - exact) < 4 * values.std(ddof=1) / np.sqrt(RUNS)
