"""Linear theory against reference numbers that were derived and computed independently."""

import math

import numpy as np
import pytest
import scipy.linalg

from gaussian_systems import (
    AMARI,
    EPSILON,
    ORACLE,
    SENSING,
    Matrix,
    dense_system,
    reservoir_flow,
    ring_coupling,
    rotation,
    sensor,
    shifted_ring,
)
from nessmap.theory import gaussian


def step_divergence_rate(drift: Matrix, diffusion: Matrix, dt: float) -> float:
    """Divergence of (x, x') from (x', x) per unit time: irreversibility of one exactly sampled step."""
    covariance = gaussian.stationary_covariance(drift, diffusion)
    lagged = covariance @ gaussian.propagator(drift, diffusion, dt).matrix.T
    forward = np.block([[covariance, lagged], [lagged.T, covariance]])
    backward = np.block([[covariance, lagged.T], [lagged, covariance]])
    zero = np.zeros(len(forward))
    return gaussian.kl_divergence(zero, forward, zero, backward) / dt


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
    assert covariance[0, 0] == pytest.approx(expected["var_u"], rel=ORACLE)


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


@pytest.mark.parametrize(
    "name", [name for name in SENSING if name.startswith(("neuron_linear", "population", "recurrent"))]
)
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
    assert before - gaussian.kl_divergence(mean, variance, [0.0], [[1.0]]) == pytest.approx(
        expected["epr_total"], rel=ORACLE
    )


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
