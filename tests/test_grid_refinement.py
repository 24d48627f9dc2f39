"""What converges as the grid of a field is refined, what grows, and how fast: exact theory of the models, no simulation."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.heterogeneous_field import HeterogeneousField

C09 = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]["C09"]["values"]
RING = {"coupling": 0.7, "shift": 0.5, "kernel_width": 0.7, "length": 8.0}
RELATIVE, INFORMATION, RATE = "entropy_relative_to_uncoupled", "mutual_information", "entropy_production_rate"


def value(model, name):
    if name == RELATIVE:  # S of a homogeneous field is diagonal in its modes
        uncoupled = model.modes.diffusion * model.time_constant
        return float(np.log(model.power / uncoupled) @ model.modes.multiplicity / 2)
    return float(model.theory([name])[name].value)


def refined(name, sizes, **changes):
    return np.array([value(AmariField(**{**RING, "n_site": n, **changes}), name) for n in sizes])


# --- entropy production


@pytest.mark.parametrize("coupling", [-1.0, 0.3, 0.9])
def test_entropy_production_of_a_smooth_kernel_converges_faster_than_any_power(coupling):
    """Aliases of a Gaussian are exp(-(pi w n / L)^2 / 2) at the shortest wave: 8e-10 at 24 sites, 1e-16 at 32; times a few."""
    sizes = np.array([12, 16, 24, 32])
    rates = refined(RATE, sizes, coupling=coupling)
    limit = refined(RATE, [128], coupling=coupling)[0]
    alias = np.exp(-((np.pi * 0.7 * sizes / 8.0) ** 2) / 2)
    assert (np.abs(rates / limit - 1) < 30 * alias + 1e-13).all()
    assert np.abs(rates[0] / limit - 1) > 1e-5  # there was something to converge


def test_entropy_production_of_a_jump_converges_as_one_over_n_to_the_oracle():
    """Richardson's limit of the one-sided exponential kernel is the continuum value of oracle C09."""
    sizes = [256, 512, 1024, 2048, 4096]
    jump = {"kernel": "one_sided_exponential", "coupling": 0.72, "kernel_width": 0.5, "length": 6.0, "shift": 0.0}
    rates = refined(RATE, sizes, **jump)
    slopes = np.diff(rates)
    np.testing.assert_allclose(slopes[:-1] / slopes[1:], 2.0, rtol=0.02)  # 1/n; the next term is 1/n^2 and more
    limits = 2 * rates[1:] - rates[:-1]
    exact = C09["epr_ring_continuum"]
    # what is left falls as 1/n^2, and a second step of Richardson's removes it
    assert np.abs(limits[-1] / exact - 1) < 1e-5
    assert (4 * limits[-1] - limits[-2]) / 3 == pytest.approx(exact, rel=1e-7)


def test_entropy_production_per_length_does_not_depend_on_the_length_of_a_long_ring():
    """The density of C09; what is off is exp(-L b / 2 s), b = sqrt(1 - g)."""
    densities = [
        value(AmariField(coupling=0.7, shift=0.5, length=length, n_site=8 * int(length)), RATE) / length
        for length in (16.0, 32.0, 64.0)
    ]
    assert densities[1] == pytest.approx(densities[2], rel=1e-6)
    assert abs(densities[0] / densities[2] - 1) < 0.01


def test_entropy_production_of_heterogeneous_noise_is_finite_in_the_ultraviolet():
    """(a_k - a_k')^2 / (a_k + a_k') vanishes between short waves: a smooth profile converges as the kernel does."""
    heterogeneous = {"length": 6.0, "coupling": 0.7, "shift": 0.3, "noise_heterogeneity": 0.6}
    rates = [value(HeterogeneousField(n_site=n, **heterogeneous), RATE) for n in (16, 32, 64)]
    # the two halves' cosine has its crest between sites: shifted by half a site, which no ring can feel
    assert rates[0] == pytest.approx(rates[2], rel=1e-3)
    assert rates[1] == pytest.approx(rates[2], rel=1e-7)


def test_entropy_production_of_a_torus_converges_as_that_of_a_ring():
    rates = [value(AmariTorus(n_site=n, length=6.0, shift=0.5), RATE) for n in (12, 18, 24)]
    assert rates[1] == pytest.approx(rates[2], rel=1e-7)
    assert rates[0] == pytest.approx(rates[2], rel=1e-3)


# --- fluctuations


def test_variance_of_a_site_grows_with_the_number_of_sites_in_white_noise():
    """S(k) -> d = D_0 N / (L tau^2) at short waves: var / N -> D_0 / (L tau), and what coupling adds is finite."""
    sizes = np.array([32, 64, 128, 256])
    variances = refined("site_variance", sizes)
    uncoupled = 0.1 * sizes / 8.0
    added = variances - uncoupled
    np.testing.assert_allclose(added, added[-1], rtol=1e-9)
    assert added[-1] > 0.01
    assert variances[-1] / variances[-2] == pytest.approx(2.0, rel=added[-1] / variances[-2])


def test_variance_of_a_site_converges_in_correlated_noise():
    """With a cusp in the covariance as 1/n^2, as the trapezoidal rule does; with a smooth covariance faster than any power."""
    cusp = refined("site_variance", [16, 32, 64, 128], noise_correlation_length=0.5)
    steps = np.diff(cusp)
    np.testing.assert_allclose(steps[:-1] / steps[1:], 4.0, rtol=0.01)
    smooth = refined("site_variance", [16, 24, 32], noise="gaussian", noise_correlation_length=0.5)
    assert smooth[1] == pytest.approx(smooth[2], rel=1e-12)
    assert smooth[0] == pytest.approx(smooth[2], rel=1e-5)


# --- entropy and information


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_entropy_relative_to_the_uncoupled_field_converges(correlation):
    """-(1/2) sum ln(1 - g w_k): finite for a kernel that is finite at 0, though each entropy grows with n."""
    relative = refined(RELATIVE, [24, 48, 96], noise_correlation_length=correlation)
    assert relative[1] == pytest.approx(relative[2], rel=1e-9)
    assert relative[0] == pytest.approx(relative[2], rel=1e-4)
    assert relative[2] == pytest.approx(refined(RELATIVE, [96])[0], rel=1e-12)  # of no noise at all


@pytest.mark.parametrize("name", [INFORMATION, "transfer_entropy_rate"])
def test_what_halves_know_of_each_other_is_finite_in_white_noise(name):
    """S - d 1 and the coupling are smooth, so that sums over sites are integrals by the midpoint rule: errors of 1/n^2."""
    values = refined(name, [32, 64, 128, 256])
    steps = np.diff(values)
    np.testing.assert_allclose(steps[:-1] / steps[1:], 4.0, rtol=0.01)  # relative order of 1/32^2, times a few
    limits = (4 * values[1:] - values[:-1]) / 3
    assert limits[-1] == pytest.approx(limits[-2], rel=1e-5)  # the next term is 1/n^4


def test_each_half_produces_half_of_the_entropy_on_every_grid():
    for n_site in (8, 16, 32):
        field = AmariField(**{**RING, "n_site": n_site, "kernel_width": 1.1})
        assert value(field, "entropy_production_rate_first") == pytest.approx(value(field, RATE) / 2, rel=1e-10)


def test_mutual_information_grows_by_half_a_bit_per_cut_and_doubling_in_exponential_noise():
    """Two cuts of a ring: ln 2 per doubling. The field is Markov across a cut at short distances, of precision n."""
    information = refined(INFORMATION, [64, 128, 256, 512], noise_correlation_length=0.5)
    steps = np.diff(information)
    error = np.abs(steps - np.log(2))
    assert (error[1:] < 0.6 * error[:-1]).all()  # by half with every doubling: dx / xi
    assert steps[-1] == pytest.approx(np.log(2), abs=2 * 8.0 / 512 / 0.5)


def test_smoother_noise_shares_more_than_any_number_of_digits_holds():
    """Gaussian noise: information grows with every wave that the grid adds, so the grid belongs to the number."""
    smooth = {"noise": "gaussian", "noise_correlation_length": 0.5}
    information = refined(INFORMATION, [16, 24, 32], **smooth)
    assert (np.diff(information) > 2 * np.log(2)).all()
