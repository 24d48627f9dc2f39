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
EXAMPLES = settings(max_examples=40, deadline=None)
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
    larger[-1, 0] = 0.1
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
    assert variance == pytest.approx(2 * rate + 2 * _excess_variance(drift, diffusion), rel=1e2 * ROUNDED)


def _excess_variance(drift: Matrix, diffusion: Matrix) -> float:
    """V / 2 - EPR = integral of the autocovariance of x^T P x and its correlation with the noise, by an eigenbasis."""
    covariance = gaussian.stationary_covariance(drift, diffusion)
    weight = gaussian.local_mean_weight(drift, diffusion)
    force = gaussian.antisymmetric_force(drift, diffusion)
    rates, vectors = np.linalg.eig(drift)
    inverse = np.linalg.inv(vectors)
    turned = vectors.T @ weight @ vectors / -(rates[:, None] + rates)
    response = (inverse.T @ turned @ inverse).real  # integral of exp(A^T t) P exp(A t)
    gradient = 2 * response
    return float(np.trace((gradient.T @ diffusion @ gradient + 2 * gradient.T @ diffusion @ force) @ covariance)) + (
        float(np.trace(force.T @ diffusion @ force @ covariance)) - gaussian.entropy_production_rate(drift, diffusion)
    )
