"""Currents and what they prove: the linear theory's own current, windows, reference numbers, the tight limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED_TWICE, SEEDS, SENSING, random_system, rotation, sensor
from nessmap.theory import gaussian, windows
from nessmap.theory.uncertainty_relations import (
    long_time_current,
    short_time_bound,
    short_time_current,
    step_divergence_rate,
)


def test_linear_currents_of_one_step_agree_with_their_reference():
    expected = SENSING["estimator_epr_reference"]["values"]
    drift, diffusion = sensor(SENSING["estimator_epr_reference"]["params"])
    for name, value in expected.items():
        kind, _, interval = name.rpartition("_dt")
        dt = float(interval.replace("p", ".")) if kind else 0.0
        if kind == "VTUR_lin":
            assert short_time_bound(drift, diffusion, dt) == pytest.approx(value, rel=ORACLE)
        elif kind == "KLrate":
            assert step_divergence_rate(drift, diffusion, dt) == pytest.approx(value, rel=ORACLE)
    assert gaussian.entropy_production_rate(drift, diffusion) == pytest.approx(expected["epr"], rel=ORACLE)


@pytest.mark.slow
@given(SEEDS, st.integers(2, 3))
@EXAMPLES
def test_the_entropy_current_has_the_moments_of_the_linear_theory(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    current = long_time_current(drift, diffusion, gaussian.antisymmetric_force(drift, diffusion))
    rate = gaussian.entropy_production_rate(drift, diffusion)
    scale = np.abs(drift).sum()
    assert current.mean == pytest.approx(rate, rel=ROUNDED_TWICE, abs=1e-10 * scale)
    variance = gaussian.entropy_production_variance_rate(drift, diffusion)
    assert current.variance == pytest.approx(variance, rel=ROUNDED_TWICE, abs=1e-10 * scale)


@pytest.mark.slow
@given(SEEDS, st.integers(2, 3), st.floats(0.01, 1.0))
@EXAMPLES
def test_no_current_proves_more_than_is_dissipated(seed, n_dim, dt):
    drift, diffusion = random_system(seed, n_dim)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    weight = np.random.default_rng(seed).normal(size=(n_dim, n_dim))
    slack = 1e-9 * (1 + rate)
    short, best = short_time_current(drift, diffusion, weight, dt), short_time_bound(drift, diffusion, dt)
    assert long_time_current(drift, diffusion, weight).bound <= rate + slack
    assert short.bound <= best + slack
    assert best <= rate + slack
    assert step_divergence_rate(drift, diffusion, dt) <= rate + slack


@pytest.mark.slow
@given(SEEDS)
@EXAMPLES
def test_short_currents_are_those_of_windows_of_one_step_and_their_symmetric_part_is_noise(seed):
    drift, diffusion = random_system(seed, 2)
    force = np.linalg.solve(diffusion, drift)
    mean, variance = windows.path_sum_moments(drift, diffusion, 0.1, 1)
    # x'^T M_a x = (M_a (x + x')/2)^T ... for antisymmetric M_a, with the sign of (33)
    found = short_time_current(drift, diffusion, (force - force.T) / 2, 0.1)
    assert found.mean * 0.1 == pytest.approx(float(mean), rel=ROUNDED_TWICE, abs=1e-12)
    assert found.variance * 0.1 == pytest.approx(float(variance), rel=ROUNDED_TWICE)
    noisy = short_time_current(drift, diffusion, force, 0.1)
    assert noisy.mean == pytest.approx(found.mean, rel=ROUNDED_TWICE, abs=1e-12)


@pytest.mark.parametrize("name", ["neuron_linear_8", "recurrent_0", "recurrent_2"])
def test_short_steps_prove_all_dissipation_by_the_current_along_the_velocity(name):
    drift, diffusion = sensor(SENSING[name]["params"])
    covariance = gaussian.stationary_covariance(drift, diffusion)
    velocity = -gaussian.irreversible_circulation(drift, diffusion) @ np.linalg.inv(covariance)
    weight = np.linalg.solve(diffusion, velocity)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    gap = [rate - short_time_current(drift, diffusion, weight, dt).bound for dt in (2e-4, 1e-4)]
    best = [rate - short_time_bound(drift, diffusion, dt) for dt in (2e-4, 1e-4)]
    assert gap[0] / gap[1] == pytest.approx(2.0, abs=0.02)
    assert best[0] / best[1] == pytest.approx(2.0, abs=0.02)
    assert 0 < best[1] <= gap[1]


def test_a_rotation_proves_half_of_what_it_dissipates_when_it_turns_as_fast_as_it_decays():
    # mean^2/variance of 2 w^2/g with 4 w^2/g + 4 w^4/g^3: the bound is rate/(1 + w^2/g^2)
    for frequency in (0.1, 1.0, 3.0):
        drift, diffusion = rotation(1.0, frequency)
        current = long_time_current(drift, diffusion, [[0.0, 1.0], [-1.0, 0.0]])
        rate = gaussian.entropy_production_rate(drift, diffusion)
        assert current.bound == pytest.approx(rate / (1 + frequency**2), rel=1e-12)


def test_currents_keep_their_digits_at_short_steps_and_in_any_unit():
    drift, diffusion = rotation(1.0, 2.0)
    assert short_time_bound(drift, diffusion, 1e-12) == pytest.approx(8.0, rel=1e-10)
    scale = np.diag([1e6, 1e-3])
    turned = scale @ drift @ np.linalg.inv(scale)
    assert short_time_bound(turned, scale @ diffusion @ scale, 0.1) == pytest.approx(
        short_time_bound(drift, diffusion, 0.1), rel=1e-10
    )


def test_equilibrium_proves_nothing():
    drift, diffusion = np.array([[-1.0, 0.5], [0.5, -2.0]]), np.eye(2)
    assert long_time_current(drift, diffusion, [[0.0, 1.0], [-1.0, 0.0]]).mean == 0.0
    assert abs(short_time_bound(drift, diffusion, 0.1)) < 1e-28
    assert np.isnan(long_time_current(drift, diffusion, np.eye(2)).bound)  # no current at all
    with pytest.raises(ValueError, match=r"dt = 0\.0, expected"):
        short_time_bound(drift, diffusion, 0.0)
