"""Limits, symmetries and inequalities of the theory of linear Langevin systems, its exact step, and its errors."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given
from hypothesis import strategies as st

from gaussian_systems import (
    AMARI,
    EXAMPLES,
    ORACLE,
    ROUNDED,
    ROUNDED_TWICE,
    SEEDS,
    random_covariance,
    random_system,
    reservoir_flow,
    ring_coupling,
)
from nessmap.theory import gaussian

# --- limits -----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS, st.integers(1, 8))
def test_everything_irreversible_is_exactly_zero_at_equilibrium(seed, n_dim):
    diffusion, stiffness = random_covariance(seed, n_dim), random_covariance(seed + 1, n_dim)
    for noise in (diffusion, np.diag(np.diag(diffusion))):
        drift = -noise @ stiffness  # gradient of x^T K x / 2, mobility = noise
        assert gaussian.entropy_production_rate(drift, noise) == 0.0
        assert gaussian.entropy_production_variance_rate(drift, noise) == 0.0
        assert gaussian.path_entropy_production_rate_at(drift, noise, 0.1) == 0.0
        assert not gaussian.irreversible_circulation(drift, noise).any()
        assert not gaussian.local_mean_weight(drift, noise).any()
        assert not gaussian.antisymmetric_force(drift, noise).any()
        assert gaussian.entropy_balance(drift, noise, diffusion).housekeeping == 0.0
    if n_dim > 1:
        assert gaussian.information_flow(drift, noise, [0], slice(1, None)) == 0.0
        assert gaussian.local_entropy_production(drift, noise, [0], slice(1, None)) == 0.0


def test_entropy_production_vanishes_for_an_even_kernel_whose_tail_is_even_only_to_rounding():
    coupling = ring_coupling(32, 4 * math.pi, 0.5, 0.8)
    assert not np.array_equal(coupling, coupling.T)
    assert gaussian.entropy_production_rate(0.9 * coupling - np.eye(32), 0.2 * np.eye(32)) == 0.0
    # noise too smooth to be inverted is still recognised as equilibrium, because A and D commute
    assert (
        gaussian.entropy_production_rate(0.9 * coupling - np.eye(32), ring_coupling(32, 4 * math.pi, 2.0, 1.0)) == 0.0
    )


@pytest.mark.parametrize("asymmetry", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_weak_circulation_is_small_but_not_zero(asymmetry):
    rate = gaussian.entropy_production_rate([[-1.0, asymmetry], [-asymmetry, -2.0]], np.diag([1.0, 1.0]))
    assert rate == pytest.approx(4 * asymmetry**2 / 3, rel=ROUNDED)


def test_entropy_production_diverges_as_one_noise_vanishes_and_is_infinite_without_it():
    drift = np.array([[-1.0, 0.8], [-0.6, -1.2]])
    for noise, name in ((1.0, "epr_eps1"), (0.01, "epr_eps0.01"), (0.0001, "epr_eps0.0001")):
        rate = gaussian.entropy_production_rate(drift, np.diag([1.0, noise]))
        assert rate == pytest.approx(AMARI["C31"]["values"][name], rel=ORACLE)
    for noise in (1e-12, 1e-30, 1e-100):
        rate = gaussian.entropy_production_rate(drift, np.diag([1.0, noise]))
        assert rate * noise == pytest.approx(0.6**2 / 2.2, rel=3 * noise / 0.6 + ROUNDED)  # next order in the noise
    silent = np.diag([1.0, 0.0])
    assert gaussian.entropy_production_rate(drift, silent) == math.inf
    assert gaussian.entropy_production_variance_rate(drift, silent) == math.inf
    assert gaussian.path_entropy_production_rate_at(drift, silent, 0.1) == math.inf
    assert gaussian.local_entropy_production(drift, silent, [1], [0]) == math.inf
    assert math.isfinite(gaussian.local_entropy_production(drift, silent, [0], [1]))
    with pytest.raises(ValueError, match="direction without noise"):
        gaussian.local_mean_weight(drift, silent)
    # a coordinate without noise has no unit in which a drive is small
    assert gaussian.entropy_production_rate([[-1.0, 0.0], [1e-20, -1.0]], silent) == math.inf


@EXAMPLES
@given(SEEDS, st.integers(2, 5))
def test_frozen_directions_do_not_change_the_rest(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    random = np.random.default_rng(seed)
    larger = np.block([[drift, random.normal(size=(n_dim, 1))], [np.zeros((1, n_dim)), -np.ones((1, 1))]])
    noise = np.block([[diffusion, np.zeros((n_dim, 1))], [np.zeros((1, n_dim + 1))]])
    turn = scipy.linalg.qr(random.normal(size=(n_dim + 1, n_dim + 1)))[0]  # a noiseless direction off the axes
    expected = gaussian.entropy_production_rate(drift, diffusion)
    assert gaussian.entropy_production_rate(larger, noise) == pytest.approx(expected, rel=ROUNDED)
    turned = gaussian.entropy_production_rate(turn @ larger @ turn.T, turn @ noise @ turn.T)
    assert turned == pytest.approx(expected, rel=ROUNDED_TWICE)  # the noise is singular: its null space is rounded
    larger[-1, 0] = 1e-3
    assume(np.linalg.eigvals(larger).real.max() < -0.1)
    assert gaussian.entropy_production_rate(larger, noise) == math.inf
    assert gaussian.entropy_production_rate(turn @ larger @ turn.T, turn @ noise @ turn.T) == math.inf


@EXAMPLES
@given(SEEDS, st.integers(2, 6))
def test_path_estimator_tends_to_the_rate_linearly_in_the_time_step(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    assume(rate > 1e-3)
    scale = rate * np.linalg.norm(drift, 2)
    deficits = [rate - gaussian.path_entropy_production_rate_at(drift, diffusion, dt) for dt in (2e-4, 1e-4)]
    cubic = 10 * scale * np.linalg.norm(drift, 2) * 1e-8 * np.linalg.cond(diffusion)  # the dt^2 term of the expansion
    assert deficits[0] == pytest.approx(2 * deficits[1], abs=cubic)
    tiny = gaussian.path_entropy_production_rate_at(drift, diffusion, 1e-12)
    assert tiny == pytest.approx(rate, rel=ROUNDED, abs=1e-10 * scale)  # no 1 / dt cancellation


# --- symmetries and inequalities --------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS, st.integers(2, 7))
def test_three_forms_of_the_entropy_production_rate_agree_and_obey_the_second_law(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    circulation = gaussian.irreversible_circulation(drift, diffusion)
    assert rate >= 0.0
    assert drift @ covariance == pytest.approx(
        -(diffusion + circulation), abs=ROUNDED * np.abs(drift @ covariance).max()
    )
    assert np.array_equal(circulation, -circulation.T)
    inverse = np.linalg.inv(diffusion)
    forms = [
        np.trace(inverse @ drift @ circulation),
        np.trace(inverse @ drift @ covariance @ drift.T) + np.trace(drift),
        np.trace(inverse @ circulation @ np.linalg.solve(covariance, circulation.T)),
        np.sum(gaussian.local_mean_weight(drift, diffusion) * covariance),
        gaussian.entropy_balance(drift, diffusion, covariance).production,
    ]
    # absolute: the textbook form cancels its trace
    assert forms == pytest.approx([rate] * 5, rel=ROUNDED, abs=ROUNDED * abs(np.trace(drift)))
    variance = gaussian.entropy_production_variance_rate(drift, diffusion)
    assert variance >= 2 * rate * (1 - ROUNDED)  # thermodynamic uncertainty relation


@EXAMPLES
@given(SEEDS, st.integers(2, 6))
def test_entropy_production_does_not_depend_on_labels_units_or_coordinates(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    random = np.random.default_rng(seed)
    order = random.permutation(n_dim)
    unit = 10.0 ** random.integers(-7, 8, n_dim)
    mixing = scipy.linalg.qr(random.normal(size=(n_dim, n_dim)))[0] * random.uniform(0.5, 2.0, n_dim)
    changes = [np.eye(n_dim)[order], np.diag(unit), mixing]
    for quantity in (
        gaussian.entropy_production_rate,
        gaussian.entropy_production_variance_rate,
        lambda a, d: gaussian.path_entropy_production_rate_at(a, d, 0.1),
    ):
        expected = quantity(drift, diffusion)
        for change in changes:
            turned = change @ drift @ np.linalg.inv(change), change @ diffusion @ change.T
            assert quantity(*turned) == pytest.approx(expected, rel=ROUNDED_TWICE)  # the change itself rounds


@EXAMPLES
@given(SEEDS, st.integers(2, 6), st.floats(1e-3, 1e3))
def test_entropy_production_ignores_the_strength_of_noise_and_scales_with_the_clock(seed, n_dim, scale):
    drift, diffusion = random_system(seed, n_dim)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    assert gaussian.entropy_production_rate(drift, scale * diffusion) == pytest.approx(rate, rel=ROUNDED)
    assert gaussian.entropy_production_rate(scale * drift, diffusion) == pytest.approx(scale * rate, rel=ROUNDED)


@EXAMPLES
@given(SEEDS, st.integers(2, 6))
def test_time_reversal_flips_currents_and_flows_and_keeps_entropy_production(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim, n_first=1)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    reverse = covariance @ np.linalg.solve(covariance, drift).T  # S A^T S^-1
    circulation = gaussian.irreversible_circulation(drift, diffusion)
    scale = np.abs(circulation).max()
    assert gaussian.stationary_covariance(reverse, diffusion) == pytest.approx(
        covariance, rel=ROUNDED_TWICE, abs=ROUNDED
    )
    assert gaussian.irreversible_circulation(reverse, diffusion) == pytest.approx(
        -circulation, abs=ROUNDED_TWICE * scale
    )
    rate = gaussian.entropy_production_rate(drift, diffusion)
    assert gaussian.entropy_production_rate(reverse, diffusion) == pytest.approx(rate, rel=ROUNDED_TWICE)
    flow = gaussian.information_flow(drift, diffusion, [0], slice(1, None))
    reversed_flow = gaussian.information_flow(reverse, diffusion, [0], slice(1, None))
    assert reversed_flow == pytest.approx(-flow, rel=ROUNDED_TWICE, abs=ROUNDED_TWICE * abs(np.trace(drift)))


@EXAMPLES
@given(SEEDS, st.integers(2, 6), st.data())
def test_parts_of_a_bipartite_system_obey_their_second_laws(seed, n_dim, data):
    n_first = data.draw(st.integers(1, n_dim - 1))
    drift, diffusion = random_system(seed, n_dim, n_first)
    a, b = slice(0, n_first), slice(n_first, n_dim)
    tolerance = ROUNDED_TWICE * abs(np.trace(drift))
    flow = gaussian.information_flow(drift, diffusion, a, b)
    assert gaussian.information_flow(drift, diffusion, b, a) == pytest.approx(-flow, rel=ROUNDED, abs=tolerance)
    shares = [gaussian.local_entropy_production(drift, diffusion, *cut) for cut in ((a, b), (b, a))]
    assert min(shares) >= 0.0
    assert sum(shares) == pytest.approx(gaussian.entropy_production_rate(drift, diffusion), rel=ROUNDED)
    assert shares[0] == pytest.approx(reservoir_flow(drift, diffusion, a) - flow, abs=tolerance)
    precision = np.linalg.inv(gaussian.stationary_covariance(drift, diffusion))
    textbook = -np.trace(drift[a, a]) - np.trace(diffusion[a, a] @ precision[a, a])
    assert flow == pytest.approx(textbook, abs=tolerance)
    # What a learns at an instant is at most what the whole past of b tells.
    assert flow <= gaussian.transfer_entropy_rate(drift, diffusion, b, a) + tolerance
    assert -flow <= gaussian.transfer_entropy_rate(drift, diffusion, a, b) + tolerance


@EXAMPLES
@given(SEEDS, st.integers(3, 7))
def test_mutual_information_obeys_chain_rule_data_processing_and_symmetry(seed, n_dim):
    covariance = random_covariance(seed, n_dim)
    rest = list(range(2, n_dim))
    near = gaussian.mutual_information(covariance, [0], [1])
    whole = gaussian.mutual_information(covariance, [0], [1, *rest])
    assert 0.0 <= near <= whole * (1 + ROUNDED)
    # I(0; rest | 1) from the conditional covariance
    kept = covariance[np.ix_([0, *rest], [0, *rest])]
    conditional = kept - np.outer(covariance[[0, *rest], 1], covariance[1, [0, *rest]]) / covariance[1, 1]
    assert whole == pytest.approx(near + gaussian.mutual_information(conditional, [0], slice(1, None)), rel=ROUNDED)
    assert whole == pytest.approx(gaussian.mutual_information(covariance, [1, *rest], [0]), rel=ROUNDED)
    entropy = [gaussian.differential_entropy(covariance[:1, :1]), gaussian.differential_entropy(covariance[1:, 1:])]
    assert whole == pytest.approx(sum(entropy) - gaussian.differential_entropy(covariance), abs=ROUNDED * n_dim)
    independent = np.outer(*2 * [np.ones(n_dim)])
    independent[0, 1:] = independent[1:, 0] = 0.0
    assert gaussian.mutual_information(covariance * independent, [0], slice(1, None)) == 0.0


def test_mutual_information_of_weakly_and_fully_dependent_variables_keeps_its_digits():
    weak = gaussian.mutual_information([[1.0, 1e-9], [1e-9, 1.0]], [0], [1])
    assert weak == pytest.approx(0.5e-18, rel=1e-12)  # next order is 1e-18 smaller
    assert gaussian.mutual_information([[4.0, 2.0], [2.0, 1.0]], [0], [1]) == math.inf


@EXAMPLES
@given(SEEDS, st.integers(1, 6))
def test_divergence_is_positive_and_decays_by_the_excess_entropy_production(seed, n_dim):
    drift, diffusion = random_system(seed, n_dim)
    final = gaussian.stationary_covariance(drift, diffusion)
    start, mean = random_covariance(seed, n_dim), np.random.default_rng(seed).normal(size=n_dim)
    zero = np.zeros(n_dim)
    assert gaussian.kl_divergence(mean, start, mean, start) == 0.0
    divergence = gaussian.kl_divergence(mean, start, zero, final)
    assert divergence > 0.0
    # The integrand is singular where S(t) is, at least 2 durations before the start: 10 nodes converge to 1e-17.
    node, weight = np.polynomial.legendre.leggauss(10)
    fastest = np.linalg.norm(diffusion, 2) + np.linalg.norm(drift, 2) * np.linalg.norm(start, 2)
    duration = 0.25 * np.linalg.eigvalsh(start)[0] / fastest
    excess = 0.0
    for time, share in zip(0.5 * duration * (node + 1), 0.5 * duration * weight, strict=True):
        step = gaussian.propagator(drift, diffusion, time)
        state = step.matrix @ start @ step.matrix.T + step.covariance
        balance = gaussian.entropy_balance(drift, diffusion, state, step.matrix @ mean)
        assert min(balance.housekeeping, balance.excess) >= 0.0
        assert balance.production - balance.flow == pytest.approx(
            balance.entropy_rate, abs=ROUNDED * balance.production
        )
        excess += share * balance.excess
    step = gaussian.propagator(drift, diffusion, duration)
    state = step.matrix @ start @ step.matrix.T + step.covariance
    lost = divergence - gaussian.kl_divergence(step.matrix @ mean, state, zero, final)
    assert excess == pytest.approx(lost, abs=ROUNDED * (divergence + n_dim))


# --- one step ---------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS, st.integers(1, 6), st.floats(1e-4, 0.5))
def test_two_steps_compose_to_one_of_twice_the_length(seed, n_dim, dt):
    drift, diffusion = random_system(seed, n_dim)
    drift += np.diag(np.random.default_rng(seed).uniform(0.0, 2.0, n_dim))  # some are unstable
    one, two = gaussian.propagator(drift, diffusion, dt), gaussian.propagator(drift, diffusion, 2 * dt)
    assert two.matrix == pytest.approx(one.matrix @ one.matrix, abs=ROUNDED * np.abs(two.matrix).max())
    composed = one.covariance + one.matrix @ one.covariance @ one.matrix.T
    assert two.covariance == pytest.approx(composed, abs=ROUNDED * np.abs(composed).max())
    # Van Loan's block exponential, which is safe for short steps
    block = scipy.linalg.expm(dt * np.block([[-drift, 2 * diffusion], [np.zeros_like(drift), drift.T]]))
    assert one.matrix == pytest.approx(block[n_dim:, n_dim:].T, abs=ROUNDED * np.abs(one.matrix).max())
    van_loan = block[n_dim:, n_dim:].T @ block[:n_dim, n_dim:]
    assert one.covariance == pytest.approx(van_loan, abs=ROUNDED_TWICE * np.abs(van_loan).max())  # it holds exp(-A dt)


@EXAMPLES
@given(SEEDS, st.integers(1, 6), st.floats(1e-8, 1e8))
def test_a_step_of_any_length_keeps_the_stationary_state(seed, n_dim, dt):
    drift, diffusion = random_system(seed, n_dim)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    step = gaussian.propagator(drift, diffusion, dt)
    kept = step.matrix @ covariance @ step.matrix.T + step.covariance
    assert kept == pytest.approx(covariance, abs=ROUNDED * np.abs(covariance).max())


def test_stiff_singular_and_unstable_steps_have_their_closed_forms():
    fast, slow, dt = 1e7, 1e-3, 500.0
    step = gaussian.propagator([[-fast, fast], [0.0, -slow]], np.diag([0.0, 1.0]), dt)
    slaved = -math.expm1(-2 * slow * dt) / slow
    # the fast variable follows the slow one, corrections of relative order slow / fast = 1e-10
    assert step.covariance == pytest.approx(np.full((2, 2), slaved), rel=3e-10)
    assert step.matrix[1, 1] == pytest.approx(math.exp(-slow * dt), rel=ROUNDED)
    walk = gaussian.propagator(np.zeros((2, 2)), np.eye(2), 4.0)
    assert np.array_equal(walk.matrix, np.eye(2))
    assert np.array_equal(walk.covariance, 8.0 * np.eye(2))
    growth = gaussian.propagator([[3.0]], [[0.5]], 100.0)
    assert growth.matrix[0, 0] == pytest.approx(math.exp(300.0), rel=ROUNDED)
    assert growth.covariance[0, 0] == pytest.approx(math.exp(600.0) / 6.0, rel=ROUNDED)
    still = gaussian.propagator([[-1.0]], [[1.0]], 0.0)
    assert still.matrix[0, 0] == 1.0
    assert still.covariance[0, 0] == 0.0
    with pytest.raises(ValueError, match=r"exp\(3 x 1000\) exceeds float64"):
        gaussian.propagator([[3.0]], [[0.5]], 1000.0)


# --- errors -----------------------------------------------------------------------------------------------------------

PAIR = np.array([[-1.0, 0.2], [0.1, -1.0]])
COMMON = np.array([[1.0, 0.3], [0.3, 1.0]])


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        (np.diag([-1.0, 0.25]), "leading eigenvalue 0.25 "),
        ([[0.5, -2.0], [2.0, 0.5]], r"leading eigenvalue 0.5 \+- 2i"),
        ([[-1.0, 2.0]], r"drift_matrix: shape \(1, 2\)"),
        ([[-1.0, math.nan], [0.0, -1.0]], "1 entries are not finite"),
    ],
)
def test_a_drift_without_stationary_state_is_refused_by_name(drift, message):
    with pytest.raises(ValueError, match=message):
        gaussian.entropy_production_rate(drift, np.eye(2))


@EXAMPLES
@given(SEEDS, st.integers(2, 8))
def test_a_conserved_sum_is_refused_though_rounding_may_call_it_stable(seed, n_dim):
    exchange = np.random.default_rng(seed).uniform(size=(n_dim, n_dim))
    exchange -= np.diag(exchange.sum(axis=0))  # the sum of all coordinates is conserved: an eigenvalue is zero
    with pytest.raises(ValueError, match="expected a negative real part"):
        gaussian.stationary_covariance(exchange, np.eye(n_dim))


@pytest.mark.parametrize(
    ("diffusion", "message"),
    [
        ([[1.0, 0.3], [0.2, 1.0]], r"entries \[0, 1\] = 0.2999.* expected a symmetric matrix"),
        ([[1.0, 2.0], [2.0, 1.0]], "lowest eigenvalue -1 "),
        ([[1.0, 0.0], [0.0, -2.0]], "diagonal entry -2, expected >= 0"),
        (np.eye(3), r"shape \(3, 3\), expected \(2, 2\)"),
        ([[1.0, 1.0 - 1e-12], [1.0 - 1e-12, 1.0]], "its inverse has too few digits"),
    ],
)
def test_a_matrix_that_is_no_diffusion_is_refused_by_name(diffusion, message):
    with pytest.raises(ValueError, match=message):
        gaussian.entropy_production_rate(PAIR, diffusion)


def test_common_noise_has_no_flow_and_no_local_entropy_production_unless_asked():
    with pytest.raises(ValueError, match="pass bipartite=False"):
        gaussian.information_flow(PAIR, COMMON, [0], [1])
    with pytest.raises(ValueError, match="share noise"):
        gaussian.local_entropy_production(PAIR, COMMON, [0], [1])
    assert math.isfinite(gaussian.information_flow(PAIR, COMMON, [0], [1], bipartite=False))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0], [0, 1], r"a, b: both hold coordinates \[0\]"),
        ([0], [2], r"b: \[2\] is out of range"),
        ([0, 0], [1], "names a coordinate twice"),
        ([], [1], "at least one coordinate"),
        ([True, False], [1], "list of integers"),
        (slice(5, 9), [1], "at least one coordinate"),
        ([-1], slice(1, 2), r"both hold coordinates \[1\]"),
    ],
)
def test_a_cut_that_is_no_cut_is_refused_by_name(a, b, message):
    with pytest.raises(ValueError, match=message):
        gaussian.mutual_information(COMMON, a, b)


def test_other_impossible_requests_say_what_to_do():
    with pytest.raises(ValueError, match=r"leave out coordinates \[2\]"):
        gaussian.local_entropy_production(-np.eye(3), np.eye(3), [0], [1])
    with pytest.raises(ValueError, match="a record without noise"):
        gaussian.transfer_entropy_rate(PAIR, np.diag([1.0, 0.0]), [0], [1])
    with pytest.raises(ValueError, match="covariance: singular to rounding"):
        gaussian.entropy_balance(PAIR, np.eye(2), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"dt = 0\.0"):
        gaussian.path_entropy_production_rate_at(PAIR, np.eye(2), 0.0)
    with pytest.raises(ValueError, match="dt = -1"):
        gaussian.propagator(PAIR, np.eye(2), -1.0)
    assert gaussian.differential_entropy(np.ones((2, 2))) == -math.inf
    assert gaussian.kl_divergence([0.0, 0.0], np.ones((2, 2)), [0.0, 0.0], np.eye(2)) == math.inf
