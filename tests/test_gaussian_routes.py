"""Linear theory against the same numbers by other routes: integration in time, spectra, filters, sampled sums."""

import math

import numpy as np
import pytest
import scipy.integrate

from gaussian_systems import ORACLE, SENSING, Matrix, dense_system, rotation
from nessmap.theory import gaussian


def test_covariance_is_the_end_of_the_lyapunov_flow():
    drift, diffusion = dense_system()

    def velocity(_: float, flat: Matrix) -> Matrix:
        covariance = flat.reshape(6, 6)
        return (drift @ covariance + covariance @ drift.T + 2 * diffusion).ravel()

    flow = scipy.integrate.solve_ivp(velocity, (0.0, 60.0), np.zeros(36), method="DOP853", rtol=1e-11, atol=1e-13)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    assert flow.y[:, -1].reshape(6, 6) == pytest.approx(covariance, abs=1e-9)  # integrator tolerance times stable time


@pytest.mark.parametrize("n_dim", [2, 4, 6])
def test_entropy_production_is_the_asymmetry_of_the_spectrum(n_dim):
    drift, diffusion = (matrix[:n_dim, :n_dim] for matrix in dense_system())
    # int dnu / 4 pi (tr phi(nu)^-T phi(nu) - n) with nu = tan(angle): smooth and periodic, so midpoints converge fast
    angle = math.pi * ((np.arange(2000) + 0.5) / 2000 - 0.5)
    resolvent = np.linalg.inv(1j * np.tan(angle)[:, None, None] * np.eye(n_dim) - drift)
    spectrum = resolvent @ (2 * diffusion) @ resolvent.conj().transpose(0, 2, 1)
    ratio = np.einsum("fij,fji->f", np.linalg.inv(spectrum).transpose(0, 2, 1), spectrum).real - n_dim
    integral = np.sum(ratio / np.cos(angle) ** 2) * (math.pi / 2000) / (4 * math.pi)
    # frequencies up to 1300 lose 6 digits of the ratio where it tends to 0
    assert integral == pytest.approx(gaussian.entropy_production_rate(drift, diffusion), rel=1e-8)


def path_sum_variance_rate(drift: Matrix, diffusion: Matrix, dt: float, duration: float) -> float:
    """Variance per unit time of the sum of x'^T M_a x over exact samples, from lagged covariances (Isserlis)."""
    covariance, force = gaussian.stationary_covariance(drift, diffusion), gaussian.antisymmetric_force(drift, diffusion)
    step = gaussian.propagator(drift, diffusion, dt).matrix
    total, before, lagged, after = 0.0, (step @ covariance).T, covariance, step @ covariance  # <x(t + m dt) x(t)^T>
    for lag in range(round(duration / dt)):
        term = np.sum(force * (lagged @ force @ lagged.T + after @ force.T @ before.T))
        total += term if lag == 0 else 2 * term
        before, lagged, after = lagged, after, step @ after
    return float(total) / dt


def test_variance_of_the_sampled_path_sum_tends_to_the_variance_rate():
    damping, frequency, dt = 1.0, 2.0, 0.05
    spread = -math.expm1(-2 * damping * dt)
    swing = math.exp(-damping * dt) * math.sin(frequency * dt)
    closed = (frequency / damping) ** 2 / dt * (2 * spread + 4 * swing**2 + 8 * swing**2 / spread)
    sampled = path_sum_variance_rate(*rotation(damping, frequency), dt, 20.0)  # lags beyond: exp(-40)
    assert sampled == pytest.approx(closed, rel=ORACLE)

    coarse, middle, fine = (path_sum_variance_rate(*dense_system(), dt, 40.0) for dt in (0.02, 0.01, 0.005))
    first, second = 2 * middle - coarse, 2 * fine - middle
    limit = (4 * second - first) / 3
    expected = gaussian.entropy_production_variance_rate(*dense_system())
    assert abs(limit - expected) < abs(limit - second)  # the last Richardson correction bounds what is left


def filtered_transfer_entropy(drift: Matrix, diffusion: Matrix, source: list, target: list, dt: float) -> float:
    """Transfer entropy rate of samples dt apart with an infinite past: two discrete Kalman filters iterated to rest."""
    step, noise = gaussian.propagator(drift, diffusion, dt)

    def innovation(observed: list) -> Matrix:
        select = np.eye(len(drift))[observed]
        error = gaussian.stationary_covariance(drift, diffusion)
        for _ in range(round(60.0 / dt)):  # filters forget faster than the system, whose slowest time is about 1
            gain = error @ select.T @ np.linalg.inv(select @ error @ select.T)
            error = step @ (error - gain @ select @ error) @ step.T + noise
        return error[np.ix_(target, target)]

    alone, both = innovation(target), innovation(target + source)
    return 0.5 * (np.linalg.slogdet(alone)[1] - np.linalg.slogdet(both)[1]) / dt


def test_transfer_entropy_rate_is_the_limit_of_sampled_granger_causality():
    case = SENSING["nonbipartite_0"]
    system = np.array(case["params"]["A"]), np.array(case["params"]["D"])
    sampled = filtered_transfer_entropy(*system, [1], [0], 0.1)
    assert sampled == pytest.approx(case["values"]["TE_b_to_a_dt0p1_inf"], rel=1e-8)  # a difference of logarithms
    drift, diffusion = dense_system()
    for source, target in (([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2]), ([0], [3]), ([1, 4], [2])):  # some hidden
        coarse, middle, fine = (
            filtered_transfer_entropy(drift, diffusion, source, target, dt) for dt in (0.04, 0.02, 0.01)
        )
        first, second = 2 * middle - coarse, 2 * fine - middle
        limit = (4 * second - first) / 3
        expected = gaussian.transfer_entropy_rate(drift, diffusion, source, target)
        assert abs(limit - expected) < abs(limit - second)  # the last Richardson correction bounds what is left


def test_information_flow_is_the_change_of_mutual_information_by_one_part_alone():
    drift, diffusion = dense_system()[0], np.diag(np.diag(dense_system()[1]))
    covariance = gaussian.stationary_covariance(drift, diffusion)

    def moved(dt: float) -> float:
        later = covariance.copy()  # of (a at t + dt, b at t): the stationary blocks with a lagged cross block
        later[:2, 2:] = (gaussian.propagator(drift, diffusion, dt).matrix @ covariance)[:2, 2:]
        later[2:, :2] = later[:2, 2:].T
        return gaussian.mutual_information(later, [0, 1], hidden_or_not)

    for hidden_or_not in ([2, 3, 4, 5], [2, 5]):  # coordinates 3 and 4 may be hidden
        base = gaussian.mutual_information(covariance, [0, 1], hidden_or_not)
        slopes = [(moved(dt) - base) / dt for dt in (4e-3, 2e-3, 1e-3)]
        first, second = 2 * slopes[1] - slopes[0], 2 * slopes[2] - slopes[1]
        limit = (4 * second - first) / 3
        flow = gaussian.information_flow(drift, diffusion, [0, 1], hidden_or_not)
        assert abs(limit - flow) < abs(limit - second)  # the last Richardson correction bounds what is left
