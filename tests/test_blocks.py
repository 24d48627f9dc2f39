"""Theory of stacks of small systems against the general theory, one by one; the fit of a drift and where it ends."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.linear import LinearModel
from nessmap.theory import blocks, gaussian

ORACLE = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]["C18"]["values"]


def stack(width, seed=0, n_block=6):
    """Stable drifts and positive definite diffusions, (n_block, width, width)."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(size=(n_block, width, width)) - (1 + width) * np.eye(width)
    root = rng.normal(size=(n_block, width, width))
    return drift, root @ np.swapaxes(root, 1, 2) + 0.1 * np.eye(width)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_block_agrees_with_the_general_theory(width):
    drift, diffusion = stack(width)
    covariance = blocks.stationary_covariance(drift, diffusion)
    rate = blocks.entropy_production_rate(drift, diffusion)
    step, noise = blocks.propagator(drift, diffusion, 0.1)
    for i in range(len(drift)):
        np.testing.assert_allclose(covariance[i], gaussian.stationary_covariance(drift[i], diffusion[i]), rtol=1e-10)
        assert rate[i] == pytest.approx(gaussian.entropy_production_rate(drift[i], diffusion[i]), rel=1e-10, abs=1e-13)
        exact = gaussian.propagator(drift[i], diffusion[i], 0.1)
        np.testing.assert_allclose(step[i], exact.matrix, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(noise[i], exact.covariance, rtol=1e-10, atol=1e-13)


def test_information_of_a_pair_agrees_with_the_general_theory():
    drift, diffusion = stack(2, seed=1)
    diffusion = diffusion * np.eye(2)  # bipartite
    covariance = blocks.stationary_covariance(drift, diffusion)
    found = {
        "information": blocks.mutual_information(covariance, [0], [1]),
        "flow": blocks.information_flow(drift, covariance, [0], [1]),
        "local": blocks.local_entropy_production(drift, covariance, diffusion, [0]),
        "transfer": blocks.transfer_entropy_rate(drift, diffusion, 0, 1),
    }
    for i in range(len(drift)):
        pair = (drift[i], diffusion[i])
        expected = {
            "information": gaussian.mutual_information(covariance[i], [0], [1]),
            "flow": gaussian.information_flow(*pair, [0], [1]),
            "local": gaussian.local_entropy_production(*pair, [0], [1]),
            "transfer": gaussian.transfer_entropy_rate(*pair, [0], [1]),
        }
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize(("n_source", "n_target"), [(1, 1), (1, 3), (3, 1), (4, 4), (20, 12), (32, 32)])
@pytest.mark.parametrize("shared", [False, True])
def test_transfer_entropy_of_wide_blocks_agrees_with_the_general_theory(n_source, n_target, shared):
    width = n_source + n_target
    drift, diffusion = stack(width, seed=width, n_block=3)
    order = np.random.default_rng(2).permutation(width).tolist()
    source, target = order[:n_source], order[n_source:]
    if not shared:
        diffusion[:, np.array(source)[:, None], target] = 0
        diffusion[:, np.array(target)[:, None], source] = 0
    rate = blocks.transfer_entropy_rate(drift, diffusion, source, target)
    for i in range(len(drift)):
        expected = gaussian.transfer_entropy_rate(drift[i], diffusion[i], source, target)
        assert rate[i] == pytest.approx(expected, rel=1e-9)  # rounding times the condition of the noise, below 1e6


def test_transfer_entropy_survives_rates_and_units_far_apart():
    drift, diffusion = stack(5, seed=3)
    source, target = [0, 3], [1, 2, 4]
    expected = blocks.transfer_entropy_rate(drift, diffusion, source, target)
    unit = np.array([1e-6, 1.0, 1e3, 1e5, 1e-2])
    changed = blocks.transfer_entropy_rate(
        drift * unit[:, None] / unit, diffusion * np.outer(unit, unit), source, target
    )
    np.testing.assert_allclose(changed, expected, rtol=1e-10)  # the rate knows no units of x
    faster = blocks.transfer_entropy_rate(1e8 * drift, 1e8 * diffusion, source, target)
    np.testing.assert_allclose(faster, 1e8 * expected, rtol=1e-10)


def test_a_source_that_reaches_nothing_transfers_nothing():
    drift, diffusion = stack(5, seed=4)
    drift[:, 3:, :3] = 0
    assert (blocks.transfer_entropy_rate(drift, diffusion * np.eye(5), [0, 1, 2], [3, 4]) == 0).all()


def test_blocks_without_a_number_leave_the_others_alone():
    drift, diffusion = stack(4, seed=5)
    covariance = blocks.stationary_covariance(drift, diffusion)
    parts = ([0, 1], [2, 3])
    whole = (
        blocks.transfer_entropy_rate(drift, diffusion, *parts),
        blocks.fitted_entropy_production_rate(drift, covariance),
    )
    broken_drift, broken_diffusion, broken_covariance = drift.copy(), diffusion.copy(), covariance.copy()
    broken_drift[0, 1, 2] = np.nan
    broken_diffusion[1] -= 100 * np.eye(4)
    broken_diffusion[2, :2, :2] = 0
    broken_covariance[3] *= -1
    transfer = blocks.transfer_entropy_rate(broken_drift, broken_diffusion, *parts)
    produced = blocks.fitted_entropy_production_rate(broken_drift, broken_covariance)
    assert np.isnan(transfer).tolist() == [True, True, True, False, False, False]
    assert np.isnan(produced).tolist() == [True, False, False, True, False, False]
    np.testing.assert_allclose(transfer[3:], whole[0][3:], rtol=1e-12)
    np.testing.assert_allclose(produced[[1, 2, 4, 5]], whole[1][[1, 2, 4, 5]], rtol=1e-12)


@pytest.mark.parametrize("parts", [([0], [1]), ([0, 1], [1, 2]), ([], [0, 1, 2]), ([0, 1], [3])])
def test_source_and_target_must_share_out_the_block(parts):
    with pytest.raises(ValueError, match="expected a partition"):
        blocks.transfer_entropy_rate(*stack(3), *parts)


@pytest.mark.parametrize("width", [1, 2, 3, 8, 12])
def test_the_fitted_entropy_production_is_that_of_the_implied_system(width):
    drift, diffusion = stack(width, seed=6)
    covariance = blocks.stationary_covariance(drift, diffusion)
    expected = blocks.entropy_production_rate(drift, diffusion)
    fitted = blocks.fitted_entropy_production_rate(drift, covariance)
    # one coordinate has nothing to circulate; else rounding times the condition of D and S
    np.testing.assert_allclose(fitted, expected, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("width", [12, 64])
def test_wide_blocks_agree_with_the_general_theory(width):
    drift, diffusion = stack(width, seed=7, n_block=2)
    half = list(range(width // 2)), list(range(width // 2, width))
    diffusion[:, : width // 2, width // 2 :] = 0
    diffusion[:, width // 2 :, : width // 2] = 0
    covariance = blocks.stationary_covariance(drift, diffusion)
    found = {
        "information": blocks.mutual_information(covariance, *half),
        "flow": blocks.information_flow(drift, covariance, *half),
        "local": blocks.local_entropy_production(drift, covariance, diffusion, half[0]),
        "rate": blocks.fitted_entropy_production_rate(drift, covariance),
    }
    for i in range(len(drift)):
        pair = drift[i], diffusion[i]
        expected = {
            "information": gaussian.mutual_information(covariance[i], *half),
            "flow": gaussian.information_flow(*pair, *half),
            "local": gaussian.local_entropy_production(*pair, *half),
            "rate": gaussian.entropy_production_rate(*pair),
        }
        np.testing.assert_allclose(covariance[i], gaussian.stationary_covariance(*pair), rtol=1e-9, atol=1e-12)
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, rel=1e-8), name


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("dt", [1e-3, 0.05, 0.2])
def test_a_drift_is_recovered_from_its_exact_moments(width, dt):
    drift, diffusion = stack(width)
    covariance = blocks.stationary_covariance(drift, diffusion)
    step, _ = blocks.propagator(drift, diffusion, dt)
    fitted = blocks.fitted_drift(covariance, step @ covariance, dt)
    if np.abs(np.linalg.eigvals(drift)).max() * dt < 1:
        # rounding of F - 1 over dt
        np.testing.assert_allclose(fitted, drift, atol=1e-13 * np.linalg.cond(covariance).max() / dt)
        np.testing.assert_allclose(blocks.implied_diffusion(fitted, covariance), diffusion, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dt", [2.0, 3.0, 20.0])
def test_a_step_too_long_for_the_logarithm_gives_no_number(dt):
    model = ExcitatoryInhibitoryField()
    covariance = model.block_covariance
    step, _ = blocks.propagator(model.block_drift, model.block_diffusion, dt)
    fast = np.abs(np.linalg.eigvals(model.block_drift)).max(axis=1) * dt > 1.5
    assert np.isnan(blocks.fitted_drift(covariance, step @ covariance, dt)[fast]).all()


def test_reference_values_of_excitation_and_inhibition():
    theory = {name: prediction.value for name, prediction in ExcitatoryInhibitoryField().theory().items()}
    pairs = {
        "entropy_production_rate": "epr",
        "mutual_information": "MI",
        "information_flow": "flow_a",
        "entropy_production_rate_first": "epr_a",
        "entropy_production_rate_second": "epr_b",
        "transfer_entropy_rate": "TE_ab",
        "transfer_entropy_rate_back": "TE_ba",
    }
    for name, key in pairs.items():
        assert theory[name] == pytest.approx(ORACLE[key], rel=1e-9), name
    assert -ExcitatoryInhibitoryField().stability().leading_rate == pytest.approx(ORACLE["min_re_eig"], rel=1e-9)


@pytest.mark.parametrize("n_site", [15, 16])
def test_blocks_agree_with_the_matrix_route(n_site):
    model = ExcitatoryInhibitoryField(n_site=n_site)
    general = LinearModel.theory(model)
    for name in ("entropy_production_rate", "site_variance"):
        assert model.theory()[name].value == pytest.approx(general[name].value, rel=1e-10)
    sides = [list(side) for side in model.partition.values()]
    assert model.theory(["mutual_information"])["mutual_information"].value == pytest.approx(
        gaussian.mutual_information(model.stationary_covariance, *sides), rel=1e-9
    )
    np.testing.assert_allclose(model.local_mean_weights, LinearModel.local_mean_weights.func(model), atol=1e-11)
    np.testing.assert_allclose(model.path_weights, LinearModel.path_weights.func(model), atol=1e-11)
    expected = LinearModel.path_entropy_production_rate(model, 0.1)
    assert model.path_entropy_production_rate(0.1) == pytest.approx(expected, rel=1e-10)


def test_flows_cancel_and_local_second_laws_hold_over_a_sweep():
    for gain in (0.3, 0.8):
        for inhibition in (0.0, 1.0, 2.0):
            model = ExcitatoryInhibitoryField(excitatory_gain=gain, weight_ei=inhibition)
            drift, covariance = model.block_drift, model.block_covariance
            flows = [blocks.information_flow(drift, covariance, a, b).sum() for a, b in (([0], [1]), ([1], [0]))]
            assert flows[0] == pytest.approx(-flows[1], abs=1e-12)
            theory = {name: prediction.value for name, prediction in model.theory().items()}
            parts = theory["entropy_production_rate_first"] + theory["entropy_production_rate_second"]
            assert parts == pytest.approx(theory["entropy_production_rate"], rel=1e-10)
            # sensory capacity: what a side learns is at most what the other transfers to it
            assert theory["information_flow"] <= theory["transfer_entropy_rate_back"] + 1e-12
            assert -theory["information_flow"] <= theory["transfer_entropy_rate"] + 1e-12


def test_kinds_of_instability_of_excitation_and_inhibition():
    common = {"inhibitory_time": 2.0, "weight_ee": 1.5, "weight_ie": 1.5, "weight_ii": 0.3, "inhibitory_gain": 1.0}
    common |= {"inhibitory_width": 1.2, "n_site": 32, "length": 12.0}
    kinds = {
        (1.4, 0.0): "uniform",
        (1.4, 0.75): "Turing",
        (1.2, 2.0): "Hopf",
    }
    for (gain, inhibition), kind in kinds.items():
        stability = ExcitatoryInhibitoryField(excitatory_gain=gain, weight_ei=inhibition, **common).stability()
        assert (stability.kind, stability.leading_rate > 0) == (kind, True)
