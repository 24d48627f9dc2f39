"""Bounds as observables: against the matrices of theory, never beyond what they limit, and tight where they should be."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from gaussian_systems import EXAMPLES, ROUNDED_TWICE, random_covariance, random_system
from nessmap.model import Run, Start
from nessmap.models.amari_field import AmariField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.models.pinned_bump import PinnedBump
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables import OBSERVABLES
from nessmap.statistics import STATISTICS
from nessmap.theory import bounds, gaussian
from nessmap.theory.relaxation import relaxing_moments
from sampling import EVERYDAY, estimates, expectations, group_means, run_of, trajectory

BOUNDS = (
    "short_time_bound",
    "short_time_tightness",
    "uncertainty_tightness",
    "information_flow_bound",
    "information_flow_tightness",
)
RATES = [f"mutual_information_rate{which}" for which in ("", "_bound", "_tightness")]
FIELD = {"n_site": 9, "length": 6.0, "shift": 0.5, "coupling": 0.7}


def theory(model, name, dt=0.05):
    return OBSERVABLES[name].theory(model, Run(dt), model.theory()).value


def expected(model, name, dt=0.05):
    return OBSERVABLES[name].expected(model, Run(dt), model.theory()).value


# --- information flow


@pytest.mark.slow
@EXAMPLES
@given(st.integers(1, 4), st.floats(0.05, 20.0), st.floats(0.1, 10.0), st.floats(-0.7, 0.7))
def test_the_flow_bound_is_that_of_the_matrices_and_is_kept(n_neuron, signal_to_noise, rate_ratio, spread):
    model = LinearSensingNetwork(n_neuron, signal_to_noise, rate_ratio, rate_heterogeneity=spread)
    particle, neurons = ([*side] for side in model.partition.values())
    flow, bound = bounds.information_flow_bound(model.linear_drift, model.linear_diffusion, neurons, particle)
    assert theory(model, "information_flow_bound") == pytest.approx(bound, rel=ROUNDED_TWICE)
    assert theory(model, "information_flow_tightness") == pytest.approx(flow / bound, rel=ROUNDED_TWICE)
    assert theory(model, "information_flow_tightness") <= 1 + ROUNDED_TWICE


@pytest.mark.parametrize("ratio", [0.2, 1.0, 5.0])
def test_one_neuron_learns_as_fast_as_its_dissipation_permits_and_neurons_of_different_rates_do_not(ratio):
    """No net current crosses r: both its mean velocity and the gradient of what it knows are along v less its mean given r."""
    name = "information_flow_tightness"
    assert theory(LinearSensingNetwork(1, 3.0, ratio), name) == pytest.approx(1.0, rel=ROUNDED_TWICE)
    assert theory(LinearSensingNetwork(4, 3.0, ratio), name) == pytest.approx(1.0, rel=ROUNDED_TWICE)
    assert theory(LinearSensingNetwork(2, 3.0, ratio, rate_heterogeneity=0.7), name) < 0.99


@pytest.mark.slow
def test_the_flow_bound_of_modes_adds_up_under_the_root():
    """Costs and roughnesses of independent blocks add; the bound of the whole is not less than the sum of the bounds."""
    model = ExcitatoryInhibitoryField()
    particle, neurons = model.sides
    parts = [
        bounds.information_flow_bound(drift, noise, neurons, particle)
        for drift, noise in zip(*model.block_system, strict=True)
    ]
    whole = theory(model, "information_flow_bound")
    assert sum(bound for _, bound in parts) <= whole * (1 + ROUNDED_TWICE)
    assert theory(model, "information_flow_tightness") == pytest.approx(
        sum(f for f, _ in parts) / whole, rel=ROUNDED_TWICE
    )


def test_no_flow_belongs_to_a_side_under_common_noise_or_in_equilibrium():
    common = AmariField(noise_correlation_length=0.8, **FIELD)
    assert OBSERVABLES["information_flow_bound"].theory(common, Run(0.05), {}) is None
    assert "noise is common" in OBSERVABLES["information_flow_bound"].why_undefined(common, Run(0.05))
    still = PinnedBump(n_site=10, noise_exponent=1.0)
    assert theory(still, "information_flow_bound") == 0.0
    assert "dissipates nothing" in OBSERVABLES["information_flow_tightness"].why_undefined(still, Run(0.05))


# --- uncertainty relations


@pytest.mark.parametrize(
    "model", [AmariField(**FIELD), LinearSensingNetwork(3, 2.0, 3.0), LinearLangevin()], ids=lambda m: m.name
)
def test_single_steps_prove_all_dissipation_as_they_shrink_and_never_more(model):
    shares = [expected(model, "short_time_tightness", dt) for dt in (0.04, 0.02, 0.01)]
    assert all(share < 1 for share in shares)
    # first order in dt: halving it halves what is missing, to a relative dt of the fastest rate
    missing = 1 - np.array(shares)
    fastest = np.abs(np.linalg.eigvals(model.linear_drift)).max()
    assert missing[0] / missing[1] == pytest.approx(2.0, rel=2 * 0.04 * fastest)
    assert missing[1] / missing[2] == pytest.approx(2.0, rel=2 * 0.02 * fastest)
    assert theory(model, "short_time_bound") == pytest.approx(
        gaussian.entropy_production_rate(model.linear_drift, model.linear_diffusion), rel=ROUNDED_TWICE
    )


@pytest.mark.slow
@EXAMPLES
@given(st.floats(0.05, 20.0), st.floats(0.2, 5.0), st.floats(0.005, 0.2))
def test_no_uncertainty_bound_exceeds_the_dissipation(signal_to_noise, rate_ratio, dt):
    model = LinearSensingNetwork(2, signal_to_noise, rate_ratio, recurrence=0.5, recurrence_kind="antisymmetric")
    assume(model.stability().leading_rate < -0.02)
    for name in ("short_time_tightness", "uncertainty_tightness"):
        assert 0 < expected(model, name, dt) <= 1 + ROUNDED_TWICE
        assert 0 < theory(model, name, dt) <= 1 + ROUNDED_TWICE


def test_the_velocity_current_is_the_work_of_the_current_velocity():
    """M x = D^-1 (A + D S^-1) x, summed in plain numpy."""
    model = LinearSensingNetwork(2, 2.0, 3.0, rate_heterogeneity=0.5)
    block = trajectory(model, 20, n_lane=32)
    inverse = np.linalg.inv(model.linear_diffusion), np.linalg.inv(model.stationary_covariance)
    weight = inverse[0] @ model.linear_drift + inverse[1]
    steps = np.einsum("nil,ij,njl->nl", np.diff(block.x, axis=0), weight, (block.x[1:] + block.x[:-1]) / 2)
    sums = STATISTICS["velocity_current"].zero(model)
    STATISTICS["velocity_current"].accumulate(sums, model, block)
    by_hand = [np.sum(steps**power, axis=0).reshape(2, 16).sum(axis=0) for power in (1, 2)]
    np.testing.assert_allclose(sums, by_hand, rtol=1e-9, atol=1e-10)  # 40 terms of order 1


def test_at_equilibrium_no_current_flows():
    model = PinnedBump(n_site=10, noise_exponent=1.0)
    assert not model.velocity_weight.any()
    assert expected(model, "short_time_bound") == 0.0
    assert OBSERVABLES["short_time_tightness"].expected(model, Run(0.05), {}) is None


# --- simulated runs


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [AmariField(**FIELD), LinearSensingNetwork(2, 2.0, 3.0, gain_heterogeneity=0.5), ExcitatoryInhibitoryField()],
    ids=lambda m: m.name,
)
def test_measured_bounds_agree_with_their_expectations(model):
    statistics = (*EVERYDAY, "velocity_current")
    run = run_of(0.05, 400.0, n_dim=model.n_dim)
    means = group_means(model, dt=0.05, duration=400.0, key=4, statistics=statistics)
    wanted = expectations(model, 0.05, BOUNDS, run)
    for name, (value, error) in estimates(model, means, 0.05, BOUNDS, run).items():
        # 1e-4 over the five of them
        assert abs(value - wanted[name]) / error < stats.t(15).isf(1e-5), name


# --- relaxations


def relaxing(model, name, start, duration=2.0):
    run = run_of(0.02, duration, 1024, model.n_dim, "transient", start)
    return run.times, OBSERVABLES[name].theory(model, run, {}).value


@pytest.mark.slow
@EXAMPLES
@given(st.integers(1, 3), st.floats(0.1, 5.0), st.floats(0.3, 3.0), st.floats(0.2, 4.0), st.floats(-2.0, 2.0))
def test_no_relaxation_is_cheaper_than_its_speed_limit(n_neuron, signal_to_noise, rate_ratio, variance, mean):
    model = LinearSensingNetwork(n_neuron, signal_to_noise, rate_ratio)
    spent, limit = (
        relaxing(model, name, Start(variance, mean, 0.5))[1]
        for name in ("accumulated_entropy_production", "speed_limit")
    )
    # trapezoids of convex decays are above the integral, of others below by a relative (0.04 x rate)^2/12
    assert np.all(limit <= spent * (1 + (0.04 * 2 * max(1.0, 1 / rate_ratio)) ** 2 / 12) + 1e-12)


def test_a_shifted_oscillator_has_the_speed_limit_of_its_shift():
    """W_2^2/t = m^2 (1 - e^-t)^2/t, entropy m^2 (1 - e^-2t)/2: equal for t -> 0."""
    model, shift = LinearLangevin(drift_matrix=[[-1.0]], diffusion_matrix=[[1.0]]), 1.5
    times, limit = relaxing(model, "speed_limit", Start(1.0, shift, 0.0))
    np.testing.assert_allclose(limit[1:], (shift * -np.expm1(-times[1:])) ** 2 / times[1:], rtol=1e-10)
    _, spent = relaxing(model, "accumulated_entropy_production", Start(1.0, shift, 0.0))
    # trapezoids: a relative (2 x 0.04)^2/12
    np.testing.assert_allclose(spent, shift**2 * -np.expm1(-2 * times) / 2, rtol=1e-3)
    assert limit[1] / spent[1] == pytest.approx(1.0, abs=0.04**2)


def test_without_noise_in_a_direction_no_speed_is_limited():
    model = LinearLangevin(diffusion_matrix=[[1.0, 0.0], [0.0, 0.0]])
    run = run_of(0.02, 2.0, 1024, 2, "transient")
    assert OBSERVABLES["speed_limit"].theory(model, run, {}) is None
    assert "give every direction noise" in OBSERVABLES["speed_limit"].why_undefined(model, run)


@pytest.mark.slow
@EXAMPLES
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_rates_of_many_states_are_those_of_each(n_dim, seed):
    drift, noise = random_system(seed, n_dim)
    states = np.stack([random_covariance(seed + k, n_dim) for k in range(3)])
    rate, bound = bounds.dissipation_bounds(drift, noise, states, [0], [1])
    found = [bounds.mutual_information_rate(drift, noise, state, [0], [1]) for state in states]
    np.testing.assert_allclose(rate, [one.rate for one in found], rtol=ROUNDED_TWICE, atol=1e-9)
    np.testing.assert_allclose(bound, [one.dissipation_bound for one in found], rtol=ROUNDED_TWICE, atol=1e-9)
    assert np.all(np.abs(rate) <= bound * (1 + ROUNDED_TWICE) + 1e-9)


def test_a_rate_of_information_is_the_derivative_of_the_information():
    """Central differences are off by the square of their step, and tend to the rate."""
    model, start = LinearSensingNetwork(2, 3.0, 2.0), Start(0.5, 0.3, 0.0)
    times, rate = relaxing(model, "mutual_information_rate", start)
    state = model.linear_drift, model.linear_diffusion, model.initial_mean(start), 0.5 * np.eye(3)
    errors = []
    for step in (0.02, 0.01):
        _, (before, after) = relaxing_moments(*state, [times[5] - step, times[5] + step])
        known = [gaussian.mutual_information(covariance, [0], [1, 2]) for covariance in (before, after)]
        errors.append((known[1] - known[0]) / (2 * step) - rate[5])
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)  # next: of fourth order


def test_what_lanes_do_not_resolve_of_a_root_is_no_number_and_says_how_many_they_need():
    model, start = LinearSensingNetwork(1, 0.5, 1.0), Start(1.0, 0.0, 0.0)
    for name in ("mutual_information_rate_bound", "mutual_information_rate_tightness"):
        observable, few = OBSERVABLES[name], run_of(0.05, 4.0, 128, 2, "transient", start)
        reason = observable.why_undefined(model, few)
        assert "set n_replica > " in reason
        enough = few._replace(n_replica=2 * int(reason.split()[-1]))
        assert not observable.why_undefined(model, enough)
        known = np.isfinite(observable.expected(model, enough, {}).value)
        assert not known[0]  # the sides are independent at the start
        assert known.any()
        states = np.tile(np.array([0.1, 0.1, 1.0, 0.3, 1.2]), 51)[None]
        means = {"relaxing_moments": states, "share": np.ones(1)}
        np.testing.assert_array_equal(np.isfinite(observable.finalize(model, enough, means)[0]), known)
        assert np.isnan(observable.finalize(model, few, means)).all()
        assert np.isfinite(observable.theory(model, few, {}).value[1:]).all()


def test_sides_that_cannot_inform_each_other_have_no_rate():
    apart = LinearLangevin(
        drift_matrix=[[-1.0, 0.0], [0.0, -2.0]], diffusion_matrix=np.eye(2).tolist(), parts={"one": [0], "other": [1]}
    )
    run = run_of(0.05, 4.0, 1024, 2, "transient")
    observable = OBSERVABLES["mutual_information_rate"]
    assert "the sides are independent" in observable.why_undefined(apart, run)
    assert observable.theory(apart, run, {}) is None


@pytest.mark.slow
def test_measured_rates_of_information_agree_with_theory_and_keep_their_bound():
    model, start, names = LinearSensingNetwork(2, 4.0, 3.0, rate_heterogeneity=0.4), Start(0.5, 0.0, 0.0), RATES
    run = run_of(0.05, 4.0, 1024, model.n_dim, "transient", start)
    how = {"n_lane": 1024, "kind": "transient", "start": start, "statistics": ("relaxing_moments",)}
    means = group_means(model, dt=0.05, duration=4.0, key=9, **how)
    exact, found = expectations(model, 0.05, names, run), estimates(model, means, 0.05, names, run)
    for name, (value, error) in found.items():
        known = np.isfinite(exact[name])
        z = (value - exact[name])[known] / error[known]
        # 1e-4 over three observables of 51 times
        assert np.abs(z).max() < stats.t(15).isf(0.5e-4 / 153), name
    share, error = found["mutual_information_rate_tightness"]
    assert np.nanmax(np.abs(share) - 5 * error) < 1
