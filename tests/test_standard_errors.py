"""Standard errors mean what they say: they equal the spread over independent runs, and theory's own prediction of it."""

import numpy as np
import pytest

from nessmap.model import Run
from nessmap.models.amari_field import AmariField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.observables import OBSERVABLES
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


def test_bias_correction_matters_for_mutual_information():
    """At 64 sites the plug-in value is off by many errors of the mean over runs; the corrected one by at most four."""
    model = AmariField(coupling=0.6, shift=0.5, noise_correlation_length=0.5)
    exact = float(model.theory(["mutual_information"])["mutual_information"].value)
    plug_in, corrected = [], []
    for key in range(40):
        means = group_means(model, dt=DT, duration=2.0, key=key, statistics=("covariance",))
        plug_in.append(
            float(
                OBSERVABLES["mutual_information"].finalize(
                    model, Run(DT), {"covariance": means["covariance"].mean(axis=1)}
                )
            )
        )
        corrected.append(float(estimates(model, means, names=["mutual_information"])["mutual_information"].value))
    assert (np.mean(plug_in) - exact) / (np.std(plug_in, ddof=1) / np.sqrt(40)) > 6
    assert abs(np.mean(corrected) - exact) < 4 * np.std(corrected, ddof=1) / np.sqrt(40)


def test_local_mean_and_path_sum_have_the_variances_of_a_single_pair():
    """Equation (34): for gamma = omega = d = 1 and any dt; 16 groups of 8 lanes, 100 runs."""
    model = LinearLangevin()
    nu, phi = 1 - np.exp(-2 * DT), np.exp(-DT) * np.sin(DT)
    local = 4 * DT / np.tanh(DT)
    path = (2 * nu + 4 * phi**2 + 8 * phi**2 / nu) / DT
    runs = [estimates(model, group_means(model, dt=DT, duration=DURATION, key=key)) for key in range(RUNS)]
    for name, rate in (("entropy_production_rate", local), ("entropy_production_rate_path", path)):
        measured = np.mean([run[name].standard_error ** 2 for run in runs]) * DURATION * LANES
        # 100 variances of 15 degrees of freedom: 3.7 %; a run of 20 correlation times falls short of its limit by 1/40
        assert measured == pytest.approx(rate, rel=4 * 0.037 + 0.025)
