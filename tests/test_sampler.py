"""Sampling a measure: the leapfrog's symmetry and order, exact Gaussian targets, ladders, bits, and what says if chains mix."""

import numpy as np
import pytest
import yaml

from nessmap.config import ConfigError, read_settings
from nessmap.figures.curves import curve
from nessmap.figures.selection import select
from nessmap.kernels import quasi_potential as kernel
from nessmap.kernels.matrix_product import ROWS
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.observables import OBSERVABLES
from nessmap.protocols.protocol import State
from nessmap.simulate import Restart, Status, simulate
from nessmap.statistics import STATISTICS
from nessmap.statistics.sampling import split_mixing
from sampled_network import chains, units, z_of_lanes

GAUSSIAN = {"n_neuron": 6, "gain": 0.7, "temperature": 0.02, "regulariser": 0.05, "transfer": "identity", "burn_in": 50}
NETWORK = {"n_neuron": 20, "gain": 1.2, "symmetry": 0.3, "temperature": 0.02, "regulariser": 0.05, "burn_in": 20}


def covariance(model, temperature):
    """Of the Gaussian measure of a linear network: T ((1 - J)^T (1 - J) + 2 eta)^-1."""
    matrix = np.eye(model.n_neuron) - model.weights
    return temperature * np.linalg.inv(matrix.T @ matrix + 2 * model.regulariser * np.eye(model.n_neuron))


def trajectory(model, x, momentum, n_step, share):
    """Energies E/T + |p|^2/2 (2, n_lane) at both ends of a trajectory in place; share of the model's step."""
    n_lane = x.shape[1]
    sums, ends, rows = np.empty((2, 4, n_lane)), np.empty((2, n_lane)), len(model.in_kernels[0][0]) * ROWS
    work = np.empty((rows, n_lane)), np.empty((rows, n_lane)), np.empty_like(x)
    law = np.array([model.regulariser, 0.0, float(n_step), 1.0])
    length = np.full(n_lane, share * model.relative_step * np.sqrt(model.temperature))
    heat = np.full(n_lane, 1 / model.temperature)
    kernel.trajectory(x, momentum, ends, sums, work, *model.in_kernels, law, length, heat)
    return sums[:, 0] * heat + ends


# --- the leapfrog


def test_the_kernel_has_the_gradient_of_the_model():
    model = QuasiPotential(**NETWORK).realisation(0, 1)
    x = 0.8 * np.random.default_rng(1).normal(size=(20, 32))
    coupling, transfer = model.in_kernels
    gradient, force = np.empty((2, ROWS * len(coupling[0]), 32))
    sums = np.empty((4, 32))
    kernel.fill_gradient(gradient, sums, force, np.empty_like(x), x, coupling, *transfer, model.regulariser)
    parts = model.parts(x)
    expected = [parts.energy, (parts.rate**2).sum(axis=0), (x**2).sum(axis=0), (parts.force * parts.rate).sum(axis=0)]
    # rounding of sums of 20 terms of order 1
    np.testing.assert_allclose(gradient[:20], parts.gradient, rtol=0, atol=1e-13)
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-13)


def test_a_trajectory_runs_back_to_where_it_began():
    model = QuasiPotential(**NETWORK).realisation(0, 1)
    rng = np.random.default_rng(2)
    x, momentum = 0.3 * rng.normal(size=(20, 16)), rng.normal(size=(20, 16))
    begun = x.copy(), momentum.copy()
    trajectory(model, x, momentum, 30, 1.0)
    assert np.abs(x - begun[0]).max() > 0.1
    momentum *= -1
    trajectory(model, x, momentum, 30, 1.0)
    # rounding, which thirty stable steps there and back enlarge by less than a thousand
    np.testing.assert_allclose(x, begun[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(-momentum, begun[1], rtol=0, atol=1e-12)


def test_the_error_in_energy_is_of_second_order_in_the_step():
    model = QuasiPotential(**NETWORK).realisation(0, 1)
    rng = np.random.default_rng(3)
    start = np.sqrt(model.temperature) * rng.normal(size=(20, 64)), rng.normal(size=(20, 64))
    errors = []
    for halvings in (1, 2, 3):
        before, after = trajectory(model, *(part.copy() for part in start), 10 * 2**halvings, 0.5**halvings)
        errors.append(np.sqrt(np.mean((after - before) ** 2)))
    # leapfrog errors are a series in eps^2, with eps^2 of at most (0.4)^2 of the stable step's square
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.4**2)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.2**2)


# --- exact targets


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"hottest": 0.2}, {"n_leapfrog": 1}], ids=["one", "ladder", "adjusted Langevin"]
)
def test_every_rung_of_the_ladder_samples_its_own_gaussian(settings):
    model = QuasiPotential(**{**GAUSSIAN, **settings}).realisation(0, 1)
    assert len(model.ladder) == (4 if "hottest" in settings else 1)
    states, scalars = chains(model, 3000)
    first, second = np.triu_indices(6)
    for rung, temperature in enumerate(model.ladder):
        x = states[..., 16 * rung : 16 * rung + 16]
        products = x[:, first] * x[:, second]
        # 21 covariances, t of 15 degrees of freedom: beyond 5.5 once in 600 rungs
        assert np.abs(z_of_lanes(products, covariance(model, temperature)[first, second])).max() < 5.5
    # equipartition, with the regulariser in the energy: T/2 for every neuron
    assert abs(z_of_lanes(scalars["energy"], model.temperature / 2)) < 4
    assert 0.5 < scalars["accepted"].mean() < 1


@pytest.mark.slow
def test_exchanges_are_accepted_as_often_as_the_spacing_of_the_ladder_is_made_for():
    """erfc(0.75) = 0.29 of two Gaussian energies of n/2 degrees of freedom, for a large network."""
    model = QuasiPotential(n_neuron=100, gain=0.5, temperature=0.01, hottest=0.02, transfer="identity", burn_in=20)
    realised = model.realisation(0, 1)
    scalars = chains(realised, 400)[1]
    share = scalars["exchanged"].mean() * 2 / (len(realised.ladder) - 1)
    # ln 2 is cut into 4 steps, 0.817 of the largest allowed: erfc(0.75 * 0.817) = 0.386; 1/n is left out of it
    assert len(realised.ladder) == 5
    assert share == pytest.approx(0.386, abs=0.03)


@pytest.mark.slow
def test_plain_langevin_steps_are_too_hot_by_as_much_as_their_chain_says():
    """A mode of stiffness l has variance T/(l (1 - l dt/2)); rejections remove the bias."""
    plain = QuasiPotential(**GAUSSIAN, sampler="langevin", step_size=0.5).realisation(0, 1)
    stiffness = plain.temperature / np.linalg.eigvalsh(covariance(plain, plain.temperature))
    dt = plain.relative_step**2 / 2
    expected = plain.temperature / 2 * np.mean(1 / (1 - dt * stiffness / 2))
    energy = chains(plain, 4000)[1]["energy"]
    assert abs(z_of_lanes(energy, expected)) < 4
    assert z_of_lanes(energy, plain.temperature / 2) > 6
    adjusted = QuasiPotential(**GAUSSIAN, n_leapfrog=1, step_size=0.5).realisation(0, 1)
    assert abs(z_of_lanes(chains(adjusted, 4000)[1]["energy"], plain.temperature / 2)) < 4


# --- the same bits


@pytest.mark.parametrize("hottest", [0.0, 0.1])
def test_a_longer_run_prolongs_a_shorter_one(hottest):
    statistics = ("mixing", "replica_overlaps", "sampled_moments", "temperature_slope")
    parameters = {**NETWORK, "hottest": hottest}
    short, long = (units(parameters, n, n_disorder=1, statistics=statistics)[0] for n in (40, 120))
    begun = {record.name.statistic: record.array for record in simulate(short)}
    state = State(short.n_step, begun.pop("restart_state"))
    whole, prolonged = simulate(long), simulate(long, Restart(state, begun))
    assert [record.status for record in whole] == [Status.ok] * 5
    for one, other in zip(whole, prolonged, strict=True):
        np.testing.assert_array_equal(one.array, other.array)


def test_more_replicas_add_lanes_and_leave_those_that_were_there():
    model = QuasiPotential(**NETWORK, hottest=0.05).realisation(0, 1)
    few, many = chains(model, 10)[0], chains(model, 10, n_lane=32)[0]
    rungs = few.reshape(10, 20, -1, 16), many.reshape(10, 20, -1, 32)
    np.testing.assert_array_equal(rungs[0], rungs[1][..., :16])


def test_more_realisations_compute_only_those(sweep_file, run_sweep):
    fixed = {name: value for name, value in NETWORK.items() if name != "gain"}
    sections = {"model": "quasi_potential", "fixed": fixed, "axes": {"gain": [0.5, 1.2]}}
    sections |= {"observables": ["self_overlap", "split_r_hat"], "run": {"dt": 1, "duration": 20, "n_replica": 16}}
    sections["run"]["kind"] = "sampler"
    run = sections["run"]
    first = run_sweep(sweep_file(**sections))
    more = run_sweep(sweep_file(**{**sections, "run": {**run, "n_disorder": 32}}))
    assert (first.report.computed, more.report.computed, more.report.present) == (32, 32, 32)
    assert (more.dataset["self_overlap_standard_error"] > 0).all()
    # the silent network is unstable from 1/1.3 on, the measure is not: figures hatch nothing
    assert (more.dataset["leading_rate"].values > 0).tolist() == [False, True]
    chosen = select("cut", more.dataset, "self_overlap", {"x": "gain"}, None)
    assert curve(chosen, chosen.axis("gain")).unstable == []


# --- do chains mix


def test_split_r_hat_is_one_for_independent_samples_and_large_for_chains_that_disagree():
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(2, 16, 50, 16))  # halves, batches, iterations, chains
    sums = np.stack([noise.sum(axis=2), (noise**2).sum(axis=2)], axis=2)
    r_hat, size = split_mixing(sums, 50.0)
    # half chains of 800: R-hat^2 - 1 = 1/800 up to its spread; the number of samples to the spread of 31 degrees of freedom
    assert r_hat == pytest.approx(1.0, abs=3 / 800)
    assert 25600 / 2.2 < size < 25600 * 1.3
    apart = noise + 3.0 * rng.normal(size=16)
    sums = np.stack([apart.sum(axis=2), (apart**2).sum(axis=2)], axis=2)
    r_hat, size = split_mixing(sums, 50.0)
    assert r_hat > 2
    assert size < 64  # of 32 half chains, each with one message
    still = np.ones((2, 16, 2, 16))
    assert split_mixing(still, 1.0) == (1.0, 16.0)


def test_effective_sample_size_is_that_of_an_autoregressive_chain():
    rng = np.random.default_rng(6)
    memory, n = 0.8, 6400
    x = rng.normal(size=16)
    path = np.empty((n, 16))
    for k in range(n):
        x = memory * x + np.sqrt(1 - memory**2) * rng.normal(size=16)
        path[k] = x
    batches = path.reshape(2, 16, n // 32, 16)
    size = split_mixing(np.stack([batches.sum(axis=2), (batches**2).sum(axis=2)], axis=2), n / 32)[1]
    # the lesser of two estimates, of 511 and of 31 degrees of freedom: within a quarter each, about
    assert size == pytest.approx(16 * n * (1 - memory) / (1 + memory), rel=0.5)


def test_batches_grow_with_the_run_and_a_short_run_has_no_r_hat():
    statistic, model = STATISTICS["mixing"], QuasiPotential(**NETWORK).realisation(0, 1)
    for n_step, length in ((40, 2.0), (640, 32.0)):
        (record,) = simulate(units(NETWORK, n_step, n_disorder=1, statistics=("mixing",))[0])[:1]
        assert (record.array[2, 0], record.array[3, 0]) == (n_step, length)
        assert (record.array[0] >= 0.99).all()
    empty = statistic.zero(model)
    statistic.finish(empty, model)
    assert np.isnan(OBSERVABLES["split_r_hat"].finalize(model, None, {"mixing": empty.T})).all()


# --- what a sweep file says


def sampled_file(folder, **run):
    path = folder / "sampled.yaml"
    content = {"model": "quasi_potential", "axes": {"gain": [0.5]}, "observables": ["self_overlap"]}
    path.write_text(yaml.safe_dump({**content, "run": {"kind": "sampler", **run}}))
    return path


def test_a_sampler_counts_iterations_and_says_so(tmp_path):
    assert read_settings(sampled_file(tmp_path, duration=30)).run.dt == 1.0
    with pytest.raises(ConfigError, match=r"run\.dt = 0\.05, expected 1, or nothing: a sampler has no time"):
        read_settings(sampled_file(tmp_path, dt=0.05))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_size": 1.0}, r"step_size = 1\.0, expected below 1"),
        (
            {"sampler": "langevin", "hottest": 0.1},
            r"hottest = 0\.1, expected nothing: sampler = langevin does not use it",
        ),
        ({"transfer": "tan"}, r"transfer = 'tan', expected a transfer function"),
        ({"symmetry": 1.5}, r"symmetry = 1\.5, expected between -1 and 1"),
    ],
)
def test_settings_that_do_not_fit_are_said(settings, message):
    with pytest.raises(ValueError, match=message):
        QuasiPotential(**settings)
