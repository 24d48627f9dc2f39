"""Physics of nessmap.theory.gaussian: oracles, limits, symmetries, inequalities, and the same numbers by other routes.

The oracles were computed by an independent derivation in the sign dx = -A x dt; matrices are negated when they are read.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nessmap.theory import gaussian

Matrix = NDArray[np.float64]

AMARI = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
SENSING = json.loads((Path(__file__).parent / "oracles" / "sensing.json").read_text())["oracles"]
EPSILON = float(np.finfo(np.float64).eps)
ORACLE = 1e-9  # relative; the oracles are float64 with at least ten correct digits
# relative; rounding of 1e-16 times the condition numbers of D and S, which random_system keeps below 1e5 together
ROUNDED = 1e-10
EXAMPLES = settings(max_examples=30, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def random_system(seed: int, n_dim: int, n_first: int = 0) -> tuple[Matrix, Matrix]:
    """(A, D), every rate between 0.3 and about 5; with n_first > 0 the noise does not cross that cut (bipartite)."""
    random = np.random.default_rng(seed)
    drift = random.normal(size=(n_dim, n_dim))
    drift -= (np.linalg.eigvals(drift).real.max() + 0.3 + random.random()) * np.eye(n_dim)
    root = random.normal(size=(n_dim, n_dim))
    diffusion = root @ root.T / n_dim + 0.2 * np.eye(n_dim)
    if n_first:
        diffusion[:n_first, n_first:] = 0.0
        diffusion[n_first:, :n_first] = 0.0
    # Keeps the condition number of S below 1e4, so that ROUNDED is a bound.
    assume(np.linalg.cond(gaussian.stationary_covariance(drift, diffusion)) < 1e4)
    return drift, diffusion


def random_covariance(seed: int, n_dim: int) -> Matrix:
    root = np.random.default_rng(seed).normal(size=(n_dim, n_dim))
    return root @ root.T / n_dim + 0.1 * np.eye(n_dim)


def ring_coupling(n_site: int, length: float, width: float, strength: float, shift: float = 0.0) -> Matrix:
    """dx w((i - j) dx) for a Gaussian kernel summed over its periodic images; rows are targets."""
    spacing = length / n_site
    distance = spacing * np.arange(n_site)[:, None] + length * np.arange(-6, 7) - shift
    kernel = strength / (math.sqrt(2 * math.pi) * width) * np.exp(-0.5 * (distance / width) ** 2)
    return spacing * scipy.linalg.circulant(kernel.sum(axis=1))


def shifted_ring() -> tuple[Matrix, Matrix]:
    """Oracle C03: white noise 0.1 / dx on 16 sites of a ring of length 8."""
    return 0.9 * ring_coupling(16, 8.0, 0.7, 0.8, 0.5) - np.eye(16), 0.2 * np.eye(16)


def dense_system() -> tuple[Matrix, Matrix]:
    """Oracle C15: 6 x 6, correlated noise."""
    root = np.array(AMARI["C15"]["params"]["B"])
    return -np.array(AMARI["C15"]["params"]["A"]), root @ root.T


def rotation(damping: float, frequency: float) -> tuple[Matrix, Matrix]:
    return np.array([[-damping, -frequency], [frequency, -damping]]), np.eye(2)


def sensor(case: dict) -> tuple[Matrix, Matrix]:
    """v -> r with any number of neurons: oracles neuron_linear, population, recurrent."""
    gain = np.atleast_1d(np.asarray(case["a"], dtype=float)) * np.ones(case.get("N", 1))
    n_neuron, rate = len(gain), case["rho"]
    drift = np.zeros((1 + n_neuron, 1 + n_neuron))
    drift[0, 0] = -case["kappa"]
    drift[1:, 0] = rate * gain
    drift[1:, 1:] = rate * (np.asarray(case.get("J", np.zeros((n_neuron, n_neuron)))) - np.eye(n_neuron))
    return drift, np.diag([case["kappa"] * case["s2"]] + n_neuron * [case["D_r"]])


def reservoir_flow(drift: Matrix, diffusion: Matrix, part: slice) -> float:
    """Entropy flow of a part into its reservoir: tr(D_aa^-1 (A S A^T)_aa) + tr A_aa, for D_ab = 0."""
    second_moment = drift @ gaussian.stationary_covariance(drift, diffusion) @ drift.T
    return float(np.trace(np.linalg.solve(diffusion[part, part], second_moment[part, part])) + np.trace(drift[part, part]))


def step_divergence_rate(drift: Matrix, diffusion: Matrix, dt: float) -> float:
    """Divergence of (x, x') from (x', x) per unit time: irreversibility of one exactly sampled step."""
    covariance = gaussian.stationary_covariance(drift, diffusion)
    lagged = covariance @ gaussian.propagator(drift, diffusion, dt).matrix.T
    forward = np.block([[covariance, lagged], [lagged.T, covariance]])
    backward = np.block([[covariance, lagged.T], [lagged, covariance]])
    zero = np.zeros(len(forward))
    return gaussian.kl_divergence(zero, forward, zero, backward) / dt


# --- exact values -----------------------------------------------------------------------------------------------------


def test_three_site_ring_has_its_closed_form_for_any_noise_strength():
    forward = np.roll(np.eye(3), 1, axis=0)
    drift = 0.5 * forward + 0.1 * forward.T - np.eye(3)
    for strength in (1e-3, 1.0, 40.0):
        rate = gaussian.entropy_production_rate(drift, strength * np.eye(3))
        assert rate == pytest.approx(AMARI["C10"]["values"]["epr"], rel=ORACLE)
    assert AMARI["C10"]["values"]["epr"] == pytest.approx(3 * 0.4**2 / 2.6, rel=ORACLE)


def test_dense_system_agrees_with_its_oracle():
    (drift, diffusion), expected = dense_system(), AMARI["C15"]["values"]
    found = {
        "epr": gaussian.entropy_production_rate(drift, diffusion),
        "epr_diagD": gaussian.entropy_production_rate(drift, np.diag(np.diag(diffusion))),
        "V_rate": gaussian.entropy_production_variance_rate(drift, diffusion),
        "S00": gaussian.stationary_covariance(drift, diffusion)[0, 0],
        "Q01": gaussian.irreversible_circulation(drift, diffusion)[0, 1],
        "sampled_mean_dt0p1": gaussian.path_entropy_production_rate_at(drift, diffusion, 0.1),
        "sampled_KL_dt0p1": step_divergence_rate(drift, diffusion, 0.1),
        "sampled_KL_dt1": step_divergence_rate(drift, diffusion, 1.0),
    }
    assert found == pytest.approx({name: expected[name] for name in found}, rel=ORACLE)
    white = gaussian.entropy_production_rate(drift[:4, :4], diffusion[:4, :4])
    assert white == pytest.approx(AMARI["C21"]["values"]["epr_white"], rel=ORACLE)


def test_rotating_pair_agrees_with_its_oracle_at_every_time_step():
    (drift, diffusion), expected = rotation(1.0, 2.0), AMARI["C16"]["values"]
    assert gaussian.entropy_production_rate(drift, diffusion) == pytest.approx(expected["epr"], rel=ORACLE)
    assert gaussian.entropy_production_variance_rate(drift, diffusion) == pytest.approx(expected["V_rate"], rel=ORACLE)
    for dt in (0.2, 0.1, 0.05):
        path = gaussian.path_entropy_production_rate_at(drift, diffusion, dt)
        assert path == pytest.approx(expected[f"midpoint_exact_dt{dt}"], rel=ORACLE)
        assert path == pytest.approx(2 * 2.0 * math.exp(-dt) * math.sin(2.0 * dt) / dt, rel=ORACLE)
        assert step_divergence_rate(drift, diffusion, dt) == pytest.approx(expected[f"KL_dt{dt}"], rel=ORACLE)


def test_shifted_ring_agrees_with_the_sum_over_its_modes():
    (drift, diffusion), expected = shifted_ring(), AMARI["C03"]["values"]
    mode = np.fft.fft(drift[:, 0])  # -gamma - i omega
    damping, frequency = -mode.real, -mode.imag
    rate = gaussian.entropy_production_rate(drift, diffusion)
    variance = gaussian.entropy_production_variance_rate(drift, diffusion)
    assert rate == pytest.approx(np.sum(frequency**2 / damping), rel=ORACLE)
    assert rate == pytest.approx(expected["epr"], rel=ORACLE)
    assert variance == pytest.approx(np.sum(2 * frequency**2 / damping + 2 * frequency**4 / damping**3), rel=ORACLE)
    assert variance == pytest.approx(expected["V_rate"], rel=ORACLE)
    path = gaussian.path_entropy_production_rate_at(drift, diffusion, expected["sim_dt"])
    assert path == pytest.approx(expected["sim_expected_at_dt"], rel=ORACLE)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    assert covariance[0, 0] == pytest.approx(expected["var_u"], rel=ORACLE)
    assert gaussian.differential_entropy(covariance) == pytest.approx(expected["shannon"], rel=ORACLE)


def test_entropy_production_of_a_homogeneous_field_does_not_depend_on_its_noise():
    (drift, white), expected = shifted_ring(), AMARI["C04"]["values"]
    distance = 0.5 * np.arange(16)[:, None] + 8.0 * np.arange(-12, 13)
    correlated = scipy.linalg.circulant((0.1 / 1.6 * np.exp(-np.abs(distance) / 0.8)).sum(axis=1))
    rate = gaussian.entropy_production_rate(drift, correlated)
    assert rate == pytest.approx(expected["epr"], rel=ORACLE)
    assert rate == pytest.approx(gaussian.entropy_production_rate(drift, white), rel=ORACLE)
    covariance = gaussian.stationary_covariance(drift, correlated)
    assert covariance[0, 0] == pytest.approx(expected["var_u"], rel=1e-6)  # images beyond 12 lengths: exp(-100 / 0.8)


def test_halves_of_a_ring_exchange_no_net_information_though_it_produces_entropy():
    (drift, diffusion), expected = shifted_ring(), AMARI["C19"]["values"]
    left, right = slice(0, 8), slice(8, 16)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    found = {
        "MI": gaussian.mutual_information(covariance, left, right),
        "epr_a": gaussian.local_entropy_production(drift, diffusion, left, right),
        "epr_b": gaussian.local_entropy_production(drift, diffusion, right, left),
        "flux_a": reservoir_flow(drift, diffusion, left),
        "TE_ab": gaussian.transfer_entropy_rate(drift, diffusion, left, right),
        "TE_ba": gaussian.transfer_entropy_rate(drift, diffusion, right, left),
        "unequal_MI": gaussian.mutual_information(covariance, slice(0, 5), slice(5, 16)),
        "unequal_epr_a": gaussian.local_entropy_production(drift, diffusion, slice(0, 5), slice(5, 16)),
    }
    assert found == pytest.approx({name: expected[name] for name in found}, rel=ORACLE)
    # A sum of 64 products of S^-1 (< 10) and Q (< 0.2), each rounded; the theorem makes it zero.
    assert abs(gaussian.information_flow(drift, diffusion, left, right)) < 64 * 16 * EPSILON


def test_excitatory_inhibitory_field_agrees_with_its_oracle():
    def kernel(strength: float, width: float) -> Matrix:
        return ring_coupling(16, 8.0, width, strength)

    drift = np.block(
        [
            [kernel(0.9, 0.6) - np.eye(16), -0.8 * kernel(1.2, 1.0)],
            [kernel(1.0, 0.6) / 0.5, -(np.eye(16) + 0.8 * kernel(0.5, 1.0)) / 0.5],
        ]
    )
    diffusion = np.diag(np.repeat([0.1 / 0.5, 0.05 / 0.5 / 0.5**2], 16))  # strength / dx / tau^2
    excitatory, inhibitory = slice(0, 16), slice(16, 32)
    found = {
        "epr": gaussian.entropy_production_rate(drift, diffusion),
        "MI": gaussian.mutual_information(gaussian.stationary_covariance(drift, diffusion), excitatory, inhibitory),
        "flow_a": gaussian.information_flow(drift, diffusion, excitatory, inhibitory),
        "flow_b": gaussian.information_flow(drift, diffusion, inhibitory, excitatory),
        "epr_a": gaussian.local_entropy_production(drift, diffusion, excitatory, inhibitory),
        "epr_b": gaussian.local_entropy_production(drift, diffusion, inhibitory, excitatory),
        "flux_a": reservoir_flow(drift, diffusion, excitatory),
        "flux_b": reservoir_flow(drift, diffusion, inhibitory),
        "TE_ab": gaussian.transfer_entropy_rate(drift, diffusion, excitatory, inhibitory),
        "TE_ba": gaussian.transfer_entropy_rate(drift, diffusion, inhibitory, excitatory),
    }
    assert found == pytest.approx({name: AMARI["C18"]["values"][name] for name in found}, rel=ORACLE)


@pytest.mark.parametrize("time", ["0", "0.25", "1", "4"])
def test_relaxing_ring_keeps_its_entropy_balance(time):
    (drift, diffusion), expected = shifted_ring(), AMARI["C23"]["values"]
    step = gaussian.propagator(drift, diffusion, float(time))
    mean = step.matrix @ (0.6 * np.cos(2 * math.pi * np.arange(16) / 16) + 0.2)
    covariance = step.matrix @ (0.5 * np.eye(16)) @ step.matrix.T + step.covariance
    balance = gaussian.entropy_balance(drift, diffusion, covariance, mean)
    final = gaussian.stationary_covariance(drift, diffusion)
    found = {
        "epr": balance.production,
        "dShannon": balance.entropy_rate,
        "flux": balance.flow,
        "housekeeping": balance.housekeeping,
        "excess": balance.excess,
        "shannon": gaussian.differential_entropy(covariance),
        "KL": gaussian.kl_divergence(mean, covariance, np.zeros(16), final),
    }
    # absolute: the entropy rate at late times is what is left of traces of order 10
    assert found == pytest.approx({name: expected[f"{name}_t{time}"] for name in found}, rel=ORACLE, abs=1e-12)


def test_transient_of_two_variables_integrates_to_its_oracle():
    drift, diffusion, expected = -np.array([[1, -0.9], [0.5, 1.3]]), np.diag([0.4, 0.7]), AMARI["C30"]["values"]
    node, weight = np.polynomial.legendre.leggauss(24)  # analytic integrand: converged to rounding
    total = np.zeros(3)
    start = np.diag([0.9, 0.2])
    for time, share in zip(0.25 * (node + 1), 0.25 * weight, strict=True):
        step = gaussian.propagator(drift, diffusion, time)
        covariance = step.matrix @ start @ step.matrix.T + step.covariance
        balance = gaussian.entropy_balance(drift, diffusion, covariance, step.matrix @ [0.3, -0.2])
        total += share * np.array([balance.flow, balance.production, balance.entropy_rate])
    assert total == pytest.approx([expected[name] for name in ("int_flux", "int_epr", "delta_shannon")], rel=ORACLE)


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith(("neuron_linear", "population", "recurrent"))])
def test_sensing_neurons_agree_with_their_oracles(name):
    expected = SENSING[name]["values"]
    drift, diffusion = sensor(SENSING[name]["params"])
    signal, neurons = [0], slice(1, None)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    found = {
        "I": gaussian.mutual_information(covariance, neurons, signal),
        "flow_r": gaussian.information_flow(drift, diffusion, neurons, signal),
        "Phi_r": reservoir_flow(drift, diffusion, neurons),
        "sigma_r": gaussian.local_entropy_production(drift, diffusion, neurons, signal),
        "TE": gaussian.transfer_entropy_rate(drift, diffusion, signal, neurons),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    if "Sigma" in expected:
        assert covariance == pytest.approx(np.array(expected["Sigma"]), rel=ORACLE)
    # The signal ignores its neurons: it pays nothing to the reservoir and produces what they learn.
    assert gaussian.transfer_entropy_rate(drift, diffusion, neurons, signal) == 0.0
    shared = gaussian.local_entropy_production(drift, diffusion, signal, neurons)
    assert shared == pytest.approx(expected["flow_r"], rel=ORACLE)
    assert gaussian.entropy_production_rate(drift, diffusion) == pytest.approx(expected["Phi_r"], rel=ORACLE)


def test_chain_of_signal_neuron_and_synapse_agrees_with_its_oracle():
    case, expected = SENSING["chain_0"]["params"], SENSING["chain_0"]["values"]
    drift, diffusion = np.zeros((3, 3)), np.diag([case["kappa"] * case["s2"], case["D_r"], case["D_w"]])
    drift[:2, :2] = sensor(case)[0]
    drift[2, 1:] = case["omega"] * case["g"], -case["omega"]
    covariance = gaussian.stationary_covariance(drift, diffusion)
    found = {
        "I_vr": gaussian.mutual_information(covariance, [0], [1]),
        "I_vw": gaussian.mutual_information(covariance, [0], [2]),
        "I_v_rw": gaussian.mutual_information(covariance, [0], [1, 2]),
        "Phi_r": reservoir_flow(drift, diffusion, slice(1, 2)),
        "Phi_w": reservoir_flow(drift, diffusion, slice(2, 3)),
        "flow_w_given_vr": gaussian.information_flow(drift, diffusion, [2], [0, 1]),
        "epr_total": gaussian.entropy_production_rate(drift, diffusion),
        "TE_v_to_rw": gaussian.transfer_entropy_rate(drift, diffusion, [0], [1, 2]),
        "TE_vr_to_w": gaussian.transfer_entropy_rate(drift, diffusion, [0, 1], [2]),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    assert covariance == pytest.approx(np.array(expected["Sigma"]), rel=ORACLE)


def test_common_noise_breaks_the_antisymmetry_of_flows_by_its_sum_rule():
    case, expected = SENSING["nonbipartite_0"]["params"], SENSING["nonbipartite_0"]["values"]
    drift, diffusion = np.array(case["A"]), np.array(case["D"])
    covariance = gaussian.stationary_covariance(drift, diffusion)
    found = {
        "I": gaussian.mutual_information(covariance, [0], [1]),
        "flow_a": gaussian.information_flow(drift, diffusion, [0], [1], bipartite=False),
        "flow_b": gaussian.information_flow(drift, diffusion, [1], [0], bipartite=False),
        "TE_b_to_a": gaussian.transfer_entropy_rate(drift, diffusion, [1], [0]),
        "TE_a_to_b": gaussian.transfer_entropy_rate(drift, diffusion, [0], [1]),
        "epr": gaussian.entropy_production_rate(drift, diffusion),
    }
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)
    rule = 2 * np.linalg.inv(covariance)[0, 1] * diffusion[1, 0]
    assert found["flow_a"] + found["flow_b"] == pytest.approx(rule, rel=ORACLE)


@pytest.mark.parametrize("correlation", ["0.3", "0.6", "0.9", "0.99"])
def test_mutual_information_of_a_correlated_pair_has_its_closed_form(correlation):
    pair = np.array([[1.0, float(correlation)], [float(correlation), 1.0]])
    expected = SENSING[f"gaussian_mi_{correlation}"]["values"]["I"]
    assert gaussian.mutual_information(pair, [0], [1]) == pytest.approx(expected, rel=ORACLE)


def test_relaxing_particles_agree_with_their_oracles():
    case, expected = SENSING["particle_underdamped_0"]["params"], SENSING["particle_underdamped_0"]["values"]
    drift, diffusion = [[-case["gamma"] / case["m"]]], [[case["gamma"] * case["T"] / case["m"] ** 2]]
    step = gaussian.propagator(drift, diffusion, case["t"])
    variance = step.matrix**2 * case["var0"] + step.covariance
    balance = gaussian.entropy_balance(drift, diffusion, variance)  # without a force the parity of v does not matter
    found = [variance[0, 0], balance.production, balance.flow, balance.entropy_rate]
    assert found == pytest.approx([expected[name] for name in ("var_v", "epr", "entropy_flow", "dSdt")], rel=ORACLE)

    case, expected = SENSING["particle_quench_0"]["params"], SENSING["particle_quench_0"]["values"]
    step = gaussian.propagator([[-1.0]], [[1.0]], case["t"])
    mean, variance = step.matrix @ [case["mu0"]], step.matrix**2 * case["var0"] + step.covariance
    assert [mean[0], variance[0, 0]] == pytest.approx([expected["mean"], expected["var"]], rel=ORACLE)
    before = gaussian.kl_divergence([case["mu0"]], [[case["var0"]]], [0.0], [[1.0]])
    assert before - gaussian.kl_divergence(mean, variance, [0.0], [[1.0]]) == pytest.approx(expected["epr_total"], rel=ORACLE)


def test_particle_with_velocity_has_the_entropy_rate_of_its_oracle_and_no_finite_even_entropy_production():
    case, expected = SENSING["particle_trap_xv_0"]["params"], SENSING["particle_trap_xv_0"]["values"]
    drift, diffusion = np.array([[0.0, 1.0], [-1.0, -1.0]]), np.diag([0.0, 1.0])
    balance = gaussian.entropy_balance(drift, diffusion, case["Sigma"], case["mean"])
    assert balance.entropy_rate == pytest.approx(expected["dSdt"], rel=ORACLE)
    assert balance.production == balance.flow == balance.housekeeping == math.inf


def test_a_learning_synapse_gathers_and_forgets_the_information_of_its_oracle():
    case, expected = SENSING["linear_synapse_0"]["params"], SENSING["linear_synapse_0"]["values"]
    rate, noise = 1 / case["tau"], np.diag([0.0, case["D_w"]])
    covariance = np.diag([case["s2"], case["D_w"] * case["tau"]])
    learn = gaussian.propagator([[0.0, 0.0], [case["lam"] * rate, -rate]], noise, case["t_s"])  # singular drift
    covariance = learn.matrix @ covariance @ learn.matrix.T + learn.covariance
    assert gaussian.mutual_information(covariance, [0], [1]) == pytest.approx(expected["I_at_ts"], rel=ORACLE)
    forget = gaussian.propagator([[0.0, 0.0], [0.0, -rate]], noise, case["tau"])
    covariance = forget.matrix @ covariance @ forget.matrix.T + forget.covariance
    assert gaussian.mutual_information(covariance, [0], [1]) == pytest.approx(expected["I_after_tau"], rel=ORACLE)


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
    assert gaussian.entropy_production_rate(0.9 * coupling - np.eye(32), ring_coupling(32, 4 * math.pi, 2.0, 1.0)) == 0.0


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
    assert turned == pytest.approx(expected, rel=1e2 * ROUNDED)  # the noise is singular: its null space is rounded
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
    assert drift @ covariance == pytest.approx(-(diffusion + circulation), abs=ROUNDED * np.abs(drift @ covariance).max())
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
            assert quantity(*turned) == pytest.approx(expected, rel=1e2 * ROUNDED)  # the change itself rounds


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
    assert gaussian.stationary_covariance(reverse, diffusion) == pytest.approx(covariance, rel=1e2 * ROUNDED, abs=ROUNDED)
    assert gaussian.irreversible_circulation(reverse, diffusion) == pytest.approx(-circulation, abs=1e2 * ROUNDED * scale)
    rate = gaussian.entropy_production_rate(drift, diffusion)
    assert gaussian.entropy_production_rate(reverse, diffusion) == pytest.approx(rate, rel=1e2 * ROUNDED)
    flow = gaussian.information_flow(drift, diffusion, [0], slice(1, None))
    reversed_flow = gaussian.information_flow(reverse, diffusion, [0], slice(1, None))
    assert reversed_flow == pytest.approx(-flow, rel=1e2 * ROUNDED, abs=1e2 * ROUNDED * abs(np.trace(drift)))


@EXAMPLES
@given(SEEDS, st.integers(2, 6), st.data())
def test_parts_of_a_bipartite_system_obey_their_second_laws(seed, n_dim, data):
    n_first = data.draw(st.integers(1, n_dim - 1))
    drift, diffusion = random_system(seed, n_dim, n_first)
    a, b = slice(0, n_first), slice(n_first, n_dim)
    tolerance = 1e2 * ROUNDED * abs(np.trace(drift))
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
    # The integrand is singular where S(t) was, at a negative time at least 2 durations away: 10 nodes converge to 1e-17.
    node, weight = np.polynomial.legendre.leggauss(10)
    fastest = np.linalg.norm(diffusion, 2) + np.linalg.norm(drift, 2) * np.linalg.norm(start, 2)
    duration = 0.25 * np.linalg.eigvalsh(start)[0] / fastest
    excess = 0.0
    for time, share in zip(0.5 * duration * (node + 1), 0.5 * duration * weight, strict=True):
        step = gaussian.propagator(drift, diffusion, time)
        state = step.matrix @ start @ step.matrix.T + step.covariance
        balance = gaussian.entropy_balance(drift, diffusion, state, step.matrix @ mean)
        assert min(balance.housekeeping, balance.excess) >= 0.0
        assert balance.production - balance.flow == pytest.approx(balance.entropy_rate, abs=ROUNDED * balance.production)
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
    assert one.covariance == pytest.approx(van_loan, abs=1e2 * ROUNDED * np.abs(van_loan).max())  # it holds exp(-A dt)


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


# --- the same numbers by other routes ---------------------------------------------------------------------------------


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
    # int dnu / 4 pi (tr phi(nu)^-T phi(nu) - n), nu = tan(angle): smooth and periodic, so the trapezoidal rule is spectral
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
        coarse, middle, fine = (filtered_transfer_entropy(drift, diffusion, source, target, dt) for dt in (0.04, 0.02, 0.01))
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


# --- errors -----------------------------------------------------------------------------------------------------------

PAIR = np.array([[-1.0, 0.2], [0.1, -1.0]])
COMMON = np.array([[1.0, 0.3], [0.3, 1.0]])


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        (np.diag([-1.0, 0.25]), "leading eigenvalue 0.25 "),
        ([[0.5, -2.0], [2.0, 0.5]], r"leading eigenvalue 0.5 \+- 2i"),
        ([[-1.0, 1.0], [1.0, -1.0]], "expected a negative real part"),  # neutral mode, zero only to rounding
        ([[-1.0, 2.0]], r"drift_matrix: shape \(1, 2\)"),
        ([[-1.0, math.nan], [0.0, -1.0]], "1 entries are not finite"),
    ],
)
def test_a_drift_without_stationary_state_is_refused_by_name(drift, message):
    with pytest.raises(ValueError, match=message):
        gaussian.entropy_production_rate(drift, np.eye(2))


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
    with pytest.raises(ValueError, match="dt = 0.0"):
        gaussian.path_entropy_production_rate_at(PAIR, np.eye(2), 0.0)
    with pytest.raises(ValueError, match="dt = -1"):
        gaussian.propagator(PAIR, np.eye(2), -1.0)
    assert gaussian.differential_entropy(np.ones((2, 2))) == -math.inf
    assert gaussian.kl_divergence([0.0, 0.0], np.ones((2, 2)), [0.0, 0.0], np.eye(2)) == math.inf
