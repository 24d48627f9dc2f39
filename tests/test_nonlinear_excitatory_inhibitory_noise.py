"""Noise of two nonlinear populations that is correlated in space and between them: as sampled, at equilibrium, when weak."""

import numpy as np
import pytest
from scipy import stats

from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.models.nonlinear_excitatory_inhibitory_torus import NonlinearExcitatoryInhibitoryTorus
from nessmap.theory.two_populations import equilibrium_noise
from sampling import estimates, group_means, trajectory
from test_excitatory_inhibitory_torus import periodic

RATE, PATH, EXTRAPOLATED = (f"entropy_production_rate{tail}" for tail in ("", "_path", "_extrapolated"))
VARIANCE = "site_variance"
KINDS = {"ring": NonlinearExcitatoryInhibitoryField, "torus": NonlinearExcitatoryInhibitoryTorus}
SMALL = {"n_site": 4, "length": 3.0, "excitatory_width": 0.8, "inhibitory_width": 1.0}
NOISE = {"excitatory_noise_length": 0.6, "inhibitory_noise_length": 0.6, "noise_correlation": 0.6}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def measured(model, *, dt=0.02, duration=100.0, n_lane=256):
    stored = ("path_entropy", "site_moments")
    means = group_means(model, dt=dt, duration=duration, n_lane=n_lane, statistics=stored)
    return estimates(model, means, dt, (RATE, PATH, EXTRAPOLATED, VARIANCE))


# --- the noise


@each_kind
def test_noise_has_its_covariance_in_space_and_its_correlation_at_equal_places(kind):
    model = kind(**SMALL, **NOISE, excitatory_time=2.0)
    if kind is NonlinearExcitatoryInhibitoryField:
        shape = periodic(model, lambda r: np.exp(-r / 0.6) / 1.2, (1.0,))
    else:
        shape = periodic(model, lambda r: np.exp(-0.5 * (r / 0.6) ** 2) / (2 * np.pi * 0.36), (1.0, 1.0))
    strengths = np.array([[0.1, 0.6 * np.sqrt(0.005)], [0.6 * np.sqrt(0.005), 0.05]])
    strengths /= np.outer(model.time_constants, model.time_constants)
    np.testing.assert_allclose(model.noise_covariance, np.kron(strengths, shape), atol=1e-12 * shape.max())


@each_kind
def test_noise_without_length_is_local_to_the_last_bit(kind):
    model = kind(**SMALL, noise_correlation=0.6)
    n = model.n_place
    blocks = np.swapaxes(model.noise_covariance.reshape(2, n, 2, n), 1, 2)
    assert not blocks[:, :, ~np.eye(n, dtype=bool)].any()
    white = kind(**SMALL)
    np.testing.assert_array_equal(np.diag(model.noise_covariance), np.diag(white.noise_covariance))
    assert np.count_nonzero(white.noise_covariance) == model.n_field


@pytest.mark.slow
@each_kind
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_a_step_samples_the_noise_that_it_is_said_to(kind, scheme):
    """Without coupling a step adds nothing else; 2 dt D, or 2 D (1 - e^(-(r_i + r_j) dt)) / (r_i + r_j)."""
    weights = dict.fromkeys(("weight_ee", "weight_ei", "weight_ie", "weight_ii"), 0.0)
    model, dt = kind(**SMALL, **NOISE, **weights, scheme=scheme, inhibitory_time=0.5), 0.2
    rates = np.repeat([1.0, 2.0], model.n_place)
    x, added = trajectory(model, 8, dt=dt, n_lane=4096).x, []
    keep = np.exp(-rates * dt) if scheme == "exponential" else 1 - rates * dt + (rates * dt) ** 2 / 2
    added = np.concatenate(list(x[1:] - keep[:, None] * x[:-1]), axis=1)
    both = rates[:, None] + rates
    expected = 2 * model.noise_covariance * -np.expm1(-both * dt) / both
    if scheme == "heun":  # of z + r dt (-z)/2
        kick = 1 - rates * dt / 2
        expected = 2 * dt * model.noise_covariance * np.outer(kick, kick)
    n_sample = added.shape[1]
    found = added @ added.T / n_sample
    variance = np.diag(expected)
    error = np.sqrt((np.outer(variance, variance) + expected**2) / n_sample)
    n_entry = model.n_field * (model.n_field + 1) // 2
    assert np.abs((found - expected) / error).max() < stats.norm.isf(0.5e-4 / n_entry)
    assert np.abs(found - np.diag(variance)).max() > 20 * error.max()  # seen as correlated


# --- equilibrium


def reciprocal(wrong=0.0, **shape):
    """Kernels of one shape, and that shape as covariance of noise that both populations share."""
    weights = {"weight_ee": 1.6, "weight_ei": 0.9, "weight_ie": 1.0, "weight_ii": 1.0}
    ratio, correlation = equilibrium_noise([[1.6, -0.9], [1.0, -1.0]])
    noise = {"excitatory_noise": 0.1 * ratio, "inhibitory_noise": 0.1, "noise_correlation": correlation * (1 + wrong)}
    lengths = dict.fromkeys(
        ("excitatory_width", "inhibitory_width", "excitatory_noise_length", "inhibitory_noise_length"), 0.75
    )
    states = {"slope": 3.0, "inhibitory_slope": 2.0, "threshold": 0.3, "inhibitory_threshold": 0.2, "input": 0.1}
    times = {"excitatory_time": 0.8, "inhibitory_time": 0.8}
    return NonlinearExcitatoryInhibitoryTorus(
        n_site=4, length=3.0, **{**weights, **noise, **lengths, **states, **times, **shape}
    )


def test_noise_that_makes_them_reciprocal_leaves_no_force_that_is_no_gradient():
    model, off = reciprocal(), reciprocal(0.02)
    for name in ("bending_force", "circulating_force"):
        assert np.abs(getattr(model, name)).max() < 1e-10 * np.abs(getattr(off, name)).max()
    assert model.theory([RATE])[RATE].value < 1e-18
    assert off.theory([RATE])[RATE].value > 1e-5


def test_white_noise_of_the_same_strengths_is_at_equilibrium_in_linear_response_alone():
    white = reciprocal(excitatory_noise_length=0.0, inhibitory_noise_length=0.0)
    assert white.theory([RATE])[RATE].value < 1e-18
    assert np.abs(white.circulating_force).max() < 1e-12
    assert np.abs(white.bending_force).max() > 0.1


def test_populations_of_different_speed_are_not_reciprocal():
    assert reciprocal(inhibitory_time=0.4).theory([RATE])[RATE].value > 1e-3


@pytest.mark.parametrize(
    "weights",
    [[[1.0, -1.2], [1.0, -1.0]], [[0.0, -1.0], [1.0, -1.0]], [[1.0, -0.5], [0.0, -1.0]], [[1.0, 0.5], [-0.5, 1.0]]],
)
def test_what_no_noise_can_balance_is_refused(weights):
    with pytest.raises(ValueError, match=r"weights: .*, expected between 0 and 1: no noise makes them reciprocal"):
        equilibrium_noise(weights)


class SlightlyWrong(NonlinearExcitatoryInhibitoryTorus):
    """Its steps know less of the correlation between populations than its force."""

    def _noise_stages(self, covariance):
        changed, n = covariance.copy(), self.n_place
        changed[:n, n:] *= 0.8
        changed[n:, :n] *= 0.8
        return super()._noise_stages(changed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [NonlinearExcitatoryInhibitoryTorus, SlightlyWrong])
def test_at_equilibrium_all_directions_do_work_one_and_slightly_wrong_noise_does_not(kind):
    """<x.e (D^-1 F).e> = -1 for a unit vector e, by parts, where p ~ exp(Int D^-1 F); here for the mean of E and that of I."""
    balanced = reciprocal()
    model = kind(**{name: getattr(balanced, name) for name in balanced.parameters()})
    x = np.moveaxis(trajectory(model, 2000, dt=0.05, n_lane=512).x[::20], 1, 0)
    means, n = [], model.n_place
    pushed = np.tensordot(np.linalg.inv(model.noise_covariance), model.drift(x, 0.0), axes=1)
    apart = x - model.fixed_point[:, None, None]
    for half in (slice(0, n), slice(n, 2 * n)):
        work = (apart[half].mean(axis=0) * pushed[half].sum(axis=0)).mean(axis=0)
        means.append((work.mean(), work.std(ddof=1) / np.sqrt(512)))
    if kind is NonlinearExcitatoryInhibitoryTorus:
        for mean, error in means:
            assert abs(mean + 1) < 4 * error + (0.05 / 0.8) ** 2  # weak order two
    else:
        assert max(abs(mean + 1) / error for mean, error in means) > 6


@pytest.mark.slow
def test_reciprocal_populations_produce_no_entropy_and_others_do():
    found, driven = measured(reciprocal(), duration=50.0), measured(reciprocal(noise_correlation=0.0), duration=50.0)
    for name in (RATE, PATH):
        assert abs(found[name].value) < 4 * found[name].standard_error + 1e-12
        assert driven[name].value > 6 * driven[name].standard_error


# --- weak noise


@pytest.mark.slow
@each_kind
def test_both_estimators_are_what_linear_response_says_when_correlated_noise_is_weak(kind):
    """Strengths a factor of four apart: measured less linear is of first order in the noise."""
    differences, errors = {}, {}
    for factor in (0.08, 0.02):
        model = kind(**SMALL, **NOISE, excitatory_noise=0.1 * factor, inhibitory_noise=0.05 * factor)
        exact, found = model.theory([RATE])[RATE].value, measured(model, duration=60.0)
        for name in (RATE, EXTRAPOLATED):
            differences.setdefault(name, []).append(found[name].value / exact - 1)
            errors.setdefault(name, []).append(found[name].standard_error / exact)
    for name, (strong, weak) in differences.items():
        limit, error = (4 * weak - strong) / 3, np.hypot(4 * errors[name][1], errors[name][0]) / 3
        assert abs(limit) < 4 * error + strong**2 + 1e-3  # and (dt/tau)^2


@pytest.mark.slow
@each_kind
def test_weak_noise_makes_the_covariance_of_the_linear_field(kind):
    """Over all pairs of sites at once: variances, between places and between populations, of which each has its error."""
    model = kind(**SMALL, **NOISE, excitatory_noise=1e-4, inhibitory_noise=5e-5)
    x = trajectory(model, 400, dt=0.05, n_lane=2048).x[-1] - model.fixed_point[:, None]
    expected, found = model.site_covariance, x @ x.T / x.shape[1]
    variance = np.diag(expected)
    error = np.sqrt((np.outer(variance, variance) + expected**2) / x.shape[1])
    n_entry = model.n_field * (model.n_field + 1) // 2
    # the scheme is off by (dt/tau)^2, a hundredth of the values at most
    excess = np.abs(found - expected) - 0.01 * np.abs(expected)
    assert (excess / error).max() < stats.norm.isf(0.5e-4 / n_entry)
    across = expected[: model.n_place, model.n_place :]
    assert np.abs(across).max() > 5 * error.max()


@pytest.mark.slow
@each_kind
def test_the_linear_twin_under_the_same_correlated_noise_takes_noise_off(kind):
    model = kind(**SMALL, **NOISE, control_variate="linear", excitatory_noise=0.004, inhibitory_noise=0.002)
    stored = ("path_entropy", "site_moments", "twin_entropy")
    means = group_means(model, dt=0.02, duration=50.0, n_lane=256, statistics=stored)
    found = estimates(model, means, 0.02, (RATE, "entropy_production_rate_controlled"))
    controlled, error = found["entropy_production_rate_controlled"], found[RATE].standard_error
    assert abs(controlled.value - found[RATE].value) < 4 * np.hypot(controlled.standard_error, error)
    assert controlled.standard_error < error / 2
