"""A bump in the nonlinear field: held, it is PinnedBump where noise is weak; free, it wanders as its neutral mode says."""

import numpy as np
import pytest
from scipy import stats

from nessmap.model import ParameterError, Run
from nessmap.models.nonlinear_bump import NonlinearBump
from nessmap.models.pinned_bump import PinnedBump
from nessmap.observables import OBSERVABLES
from nessmap.theory.linear_response import jacobian
from sampling import estimates, group_means, trajectory

RATE, PATH, VARIANCE = "entropy_production_rate", "entropy_production_rate_path", "site_variance"
EXTRAPOLATED, PRESENCE, AMPLITUDE = "entropy_production_rate_extrapolated", "bump_presence", "relative_bump_amplitude"
NAMES = (RATE, PATH, EXTRAPOLATED, VARIANCE, PRESENCE, AMPLITUDE)
CASES = [
    {},
    {"pull": 0.0},
    {"pull": 0.5, "noise_exponent": 0.3, "time_constant": 2.0},
    {"pull": 0.5, "noise_exponent": 1.0},
    pytest.param(
        {"pull": 0.5, "transfer": "u/(1+abs(u))", "weight": 1.0, "threshold": 0.0}, marks=pytest.mark.slow
    ),  # compiled for itself
]
WEAK = {"pull": 0.0, "n_site": 40}
PULLS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def rate(model):
    return model.theory([RATE])[RATE].value


def measured(model, *, dt=0.05, duration=250.0, key=1):
    needed = ("path_entropy", "site_moments", "bump_amplitude")
    means = group_means(model, dt=dt, duration=duration, key=key, statistics=needed)
    return estimates(model, means, dt, NAMES, Run(dt, 1000))


def states(model, n_state=6):
    """Bumps all over the ring, off rest: (n_field, n_state)."""
    noise = 0.1 * np.random.Generator(np.random.PCG64(3)).standard_normal((model.n_site, n_state))
    return np.stack([np.roll(model.fixed_point, 5 * k) for k in range(n_state)], axis=1) + noise


# --- linear response


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_a_held_bump_has_the_linear_theory_of_the_pinned_bump(exponent):
    shape = {"pull": 0.6, "weight": 2.0, "slope": 4.0, "n_site": 20, "noise_exponent": exponent}
    model, linear = NonlinearBump(**shape, inhibition=0.5, noise_strength=0.01), PinnedBump(**shape)
    np.testing.assert_allclose(model.fixed_point, linear.fixed_point, atol=1e-11)
    np.testing.assert_allclose(model.linear_drift, linear.linear_drift, atol=1e-11)
    np.testing.assert_allclose(model.noise_covariance, linear.linear_diffusion, rtol=1e-11)
    assert model.stability().leading_rate == pytest.approx(linear.stability().leading_rate, abs=1e-11)
    if exponent == 0:
        assert rate(model) == pytest.approx(rate(linear), rel=1e-8)
    # at gain-matched noise the linear field is at equilibrium, and what is left is in proportion to the noise
    else:
        louder = NonlinearBump(**shape, inhibition=0.5, noise_strength=0.02)
        assert rate(linear) == 0.0
        assert rate(louder) == pytest.approx(2 * rate(model), rel=1e-10)
        assert rate(model) > 0


@pytest.mark.slow
def test_a_weaker_and_weaker_pull_leads_to_the_free_bump():
    free = rate(NonlinearBump(pull=0.0, n_site=48))
    gaps = [rate(NonlinearBump(pull=pull, n_site=48)) - free for pull in (0.01, 0.005, 0.0025)]
    assert gaps[0] / gaps[1] == pytest.approx(2.0, rel=0.1)
    assert gaps[1] / gaps[2] == pytest.approx(2.0, rel=0.05)


@pytest.mark.slow
def test_the_linear_rate_converges_with_the_grid_as_the_class_says():
    fine = np.array([rate(NonlinearBump(pull=pull, n_site=96)) for pull in PULLS])
    for n_site, within in ((40, 0.03), (48, 0.0075), (64, 0.0006)):
        found = np.array([rate(NonlinearBump(pull=pull, n_site=n_site)) for pull in PULLS])
        assert np.abs(found / fine - 1).max() < within


def test_the_highest_stable_bump_is_taken_also_where_a_low_hill_is_stable_too():
    """At pull 0.05 the quiet field with a hill under the input is a second stable state, and wider at half its height."""
    model = NonlinearBump(pull=0.05)
    assert np.ptp(model.fixed_point) > 1.5
    hill = NonlinearBump(pull=0.05, weight=0.5).fixed_point
    assert np.ptp(hill) < 0.2
    assert model.stability().leading_rate < 0


@pytest.mark.parametrize("case", CASES[:4])
def test_the_linear_drift_is_the_jacobian_of_the_drift(case):
    model = NonlinearBump(**case)
    found = jacobian(lambda u: model.drift(u, 0.0), model.fixed_point, 0.2)
    assert np.all(np.abs(found.matrix - model.linear_drift) <= found.error + 1e-10)


def test_leading_rate_of_a_free_bump_is_that_of_its_shape():
    model = NonlinearBump(**WEAK)
    rates = np.sort(np.linalg.eigvals(model.linear_drift).real)
    assert abs(rates[-1]) < 1e-4  # the place
    assert model.stability().leading_rate == pytest.approx(rates[-2], rel=1e-10)
    assert model.burn_in == pytest.approx(-10 / rates[-2])
    assert model.partition == {}
    # the fixed halves of the ring, and fits of a linear model, say nothing of a bump that is anywhere
    predicted = model.theory().keys()
    assert predicted >= {RATE, PATH, VARIANCE, EXTRAPOLATED}
    assert predicted.isdisjoint({"mutual_information", "entropy_production_rate_fitted", "entropy_production_bound"})


# --- which gradient is left out


@pytest.mark.parametrize("case", CASES)
def test_the_kernels_sum_the_force_along_the_path(case):
    model = NonlinearBump(**case)
    block = trajectory(model, 20, n_lane=32)
    along = np.moveaxis(block.x, 1, 0)
    force, step = model.force(along), np.diff(along, axis=1)
    expected = ((force[:, 1:] + force[:, :-1]) / 2 * step).sum(axis=0)
    np.testing.assert_allclose(model.path_entropy(block.x), expected, atol=1e-12 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("case", CASES)
def test_the_local_mean_is_the_drift_of_the_stratonovich_sum(case):
    """M.F + tr(D grad M), the divergence by differences."""
    model = NonlinearBump(**case)
    u = states(model)
    found = model.local_entropy_rate(np.ascontiguousarray(u.T)[:, :, None])[:, 0]
    for k, state in enumerate(u.T):
        slope = jacobian(model.force, state, 0.2)
        expected = model.force(state) @ model.drift(state, 0.0) + np.sum(model.noise_covariance * slope.matrix)
        error = np.sum(model.noise_covariance * slope.error) + 1e-11 * np.abs(slope.matrix).max()
        assert abs(found[k] - expected) <= error


@pytest.mark.parametrize("case", CASES[:3])
def test_what_is_left_out_is_the_gradient_of_the_squared_drift(case):
    """Int (M - D^-1 F) du along a line is the change of tau F D^-1 F / 2; midpoints miss it by the square of a step."""
    model = NonlinearBump(**case)
    start, end = states(model).T[:2]
    inverse = 1 / np.diag(model.noise_covariance)

    def potential(u):
        return model.time_constant * np.sum(inverse * model.drift(u, 0.0) ** 2) / 2

    def missed(n_step):
        u = start[:, None] + (end - start)[:, None] * (np.arange(n_step) + 0.5) / n_step
        left_out = model.force(u) - inverse[:, None] * model.drift(u, 0.0)
        return np.sum(left_out * (end - start)[:, None]) / n_step - (potential(end) - potential(start))

    assert missed(400) / missed(800) == pytest.approx(4.0, rel=0.05)
    assert abs(missed(800)) < 1e-3 * abs(potential(end))


def test_the_force_of_a_free_bump_knows_no_place():
    model = NonlinearBump(pull=0.0)
    u = states(model)
    np.testing.assert_allclose(model.force(np.roll(u, 9, axis=0)), np.roll(model.force(u), 9, axis=0), atol=1e-10)
    at_rest = np.stack([np.roll(model.fixed_point, k) for k in range(model.n_site)], axis=1)
    assert np.abs(model.force(at_rest)).max() < 1e-9  # Newton's residual over D


@pytest.mark.slow
def test_the_gradient_that_follows_the_bump_leaves_the_smaller_error():
    """The same mean; of a free bump the one about a fixed u* leaves an error 5 times as large and more."""
    model = NonlinearBump(pull=0.0)
    found = measured(model)
    about_rest = type("AboutRest", (NonlinearBump,), {"removes_squared_drift": False})(pull=0.0)
    other = measured(about_rest)
    for name in (RATE, EXTRAPOLATED):
        assert other[name].standard_error > 5 * found[name].standard_error
        spread = np.hypot(found[name].standard_error, other[name].standard_error)
        assert abs(found[name].value - other[name].value) < stats.t(15).isf(1e-4) * spread


# --- simulations


@pytest.mark.slow
@pytest.mark.parametrize("case", [WEAK, {"pull": 1.0}], ids=["free", "held"])
def test_linear_theory_is_approached_in_proportion_to_the_noise(case):
    gaps = {}
    for strength in (0.0005, 0.002, 0.004):
        model = NonlinearBump(**case, noise_strength=strength)
        found = measured(model, duration=500.0, key=round(1e5 * strength))
        gaps[strength] = found[RATE].value - rate(model), found[RATE].standard_error
        # both estimators, extrapolated to dt = 0 or without bias of first order
        spread = np.hypot(found[RATE].standard_error, found[EXTRAPOLATED].standard_error)
        assert abs(found[RATE].value - found[EXTRAPOLATED].value) < stats.t(15).isf(1e-4) * spread
    (small, small_error), (middle, error), (large, large_error) = gaps.values()
    assert large < -8 * large_error
    assert large < middle < small + 4 * small_error
    # what is left of second order: from 0.002 to 0.0005 a factor of 4 within errors
    assert abs(small - middle / 4) < 4 * np.hypot(small_error, error / 4)


@pytest.mark.slow
def test_the_place_of_a_free_bump_diffuses_as_its_neutral_mode_says():
    model = NonlinearBump(pull=0.0, noise_strength=0.0005)
    block = trajectory(model, 2000, dt=0.05, n_lane=512, key=5)
    wave = np.exp(-2j * np.pi * np.arange(model.n_site) / model.n_site)
    phase = -np.angle(np.tensordot(block.x[::100], wave, axes=(1, 0)))
    place = np.unwrap(phase, axis=0) * model.length / (2 * np.pi)
    moved = place[-1] - place[0]
    found = np.mean(moved**2) / (2 * 100.0)
    # a variance of 512 draws has a relative error of sqrt(2/512)
    assert found == pytest.approx(model.position_diffusion, rel=4 * np.sqrt(2 / 512))


@pytest.mark.slow
def test_at_gain_matched_noise_the_nonlinear_field_is_out_of_equilibrium_by_the_weak_noise_law():
    excess = {name: [] for name in (RATE, EXTRAPOLATED)}
    for strength, duration in ((0.0005, 2000.0), (0.002, 1000.0)):
        model = NonlinearBump(noise_exponent=1.0, noise_strength=strength, n_site=32)
        assert not model.circulating_force.any()
        found = measured(model, dt=0.1, duration=duration, key=round(1e5 * strength))
        for name, gaps in excess.items():
            value, error = found[name]
            assert value > 8 * error
            gaps.append((value / rate(model) - 1, error / rate(model)))
    for (weak, weak_error), (strong, error) in excess.values():
        # the next order is in proportion to the noise
        assert abs(weak - strong / 4) < 4 * np.hypot(weak_error, error / 4)
        assert abs(strong) < 0.5  # and the law is no accident of the strength


@pytest.mark.slow
def test_whether_the_bump_survives_is_said():
    kept, lost = (measured(NonlinearBump(pull=0.0, noise_strength=s), dt=0.1) for s in (0.001, 0.02))
    assert kept[PRESENCE].value == 1.0
    assert 0.9 < kept[AMPLITUDE].value < 1.0
    assert lost[PRESENCE].value < 0.7
    assert lost[AMPLITUDE].value < 0.7


@pytest.mark.slow
def test_the_variance_of_a_site_is_that_of_all_places():
    model = NonlinearBump(pull=0.0, noise_strength=0.0005)
    found, expected = measured(model)[VARIANCE], model.theory([VARIANCE])[VARIANCE]
    assert expected.kind == "approximate"
    # the amplitude is 0.5 % below that of the bump at rest, and its square 1 %
    assert abs(found.value - expected.value) < 4 * found.standard_error + 0.01 * expected.value


# --- start and status


def test_a_free_bump_starts_anywhere_and_a_held_one_under_its_input():
    normals = np.random.Generator(np.random.PCG64(1)).standard_normal((32, 3200))
    free, held = NonlinearBump(pull=0.0, n_site=32), NonlinearBump(n_site=32)
    start = free.stationary_sample(normals)
    wave = np.exp(-2j * np.pi * np.arange(32) / 32)
    place = -np.angle(wave @ start) * 32 / (2 * np.pi) - free.centre
    np.testing.assert_allclose(place, np.round(place), atol=1e-9)  # whole sites
    counts = np.bincount(np.round(place).astype(int) % 32, minlength=32)
    assert stats.chisquare(counts).pvalue > 1e-4
    np.testing.assert_array_equal(held.stationary_sample(normals), np.repeat(held.fixed_point[:, None], 3200, axis=1))
    assert free.stationary_sample(np.full((32, 1), 40.0)).shape == (32, 1)  # a share of exactly 1


def test_a_field_without_a_bump_has_no_stationary_state():
    model = NonlinearBump(pull=0.0, weight=1.0)
    assert not model.stability().leading_rate < 0
    with pytest.raises(ValueError, match="nonlinear_bump: no bump exists"):
        _ = model.fixed_point


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise_exponent": 0.5}, "noise_exponent = 0.5, expected 0"),
        ({"control_variate": "linear"}, "control_variate = 'linear', expected none"),
        ({"noise_strength": 0.0001, "n_site": 32}, "the grid holds the bump with 0.048 of the noise"),
        ({"n_site": 9}, "kernel_width = 0.8, expected >= 0.8889"),
    ],
)
def test_a_free_bump_refuses_what_would_hold_it(parameters, message):
    with pytest.raises(ParameterError, match=message):
        NonlinearBump(pull=0.0, **parameters)


def test_theory_is_approximate_and_presence_has_none():
    model = NonlinearBump()
    predictions = model.theory()
    assert {prediction.kind for prediction in predictions.values()} == {"approximate"}
    assert OBSERVABLES[PRESENCE].theory(model, Run(0.05), predictions) is None
    assert not OBSERVABLES[PRESENCE].defined_for(PinnedBump)
