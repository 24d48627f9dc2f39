"""What random networks are measured to do: linear ones against exact numbers of the same J, others against theory, known runs.

Errors are over the realisations of J, 15 degrees of freedom: four of them are a chance of one in 1000.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nessmap.model import Block, Run
from nessmap.models.random_network import RandomNetwork
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import Restart, Status, Unit, group_means, simulate
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.statistics.jackknife import jackknife
from nessmap.theory import gaussian, network_steps
from nessmap.theory.mean_field import stationary_state
from nessmap.theory.random_linear_network import linear_network, participation_ratio

ORACLE = json.loads((Path(__file__).parent / "oracles" / "rnn.json").read_text())
LANES = 16


def units_of(parameters, kind, duration, dt, statistics, n_disorder):
    run = (kind, dt, 3)
    lanes = [(128 * k, LANES, round(duration / dt)) for k in range(n_disorder)]
    shared = {"n_replica": LANES * n_disorder, "n_disorder": n_disorder}
    return [Unit("random_network", parameters, *run, *lane, statistics, **shared) for lane in lanes]


def sums_of(unit, restart=None):
    records = simulate(unit, restart)
    assert {record.status for record in records} == {Status.ok}, records[0].message
    return {record.name.statistic: record.array for record in records}


@cache
def estimates(names, kind="tangent", duration=40.0, dt=0.1, n_disorder=16, **parameters):
    """{observable: value, standard error} of a point."""
    model = RandomNetwork(**parameters)
    statistics = tuple(sorted({need for name in names for need in OBSERVABLES[name].needs}))
    units = units_of(parameters, kind, duration, dt, statistics, n_disorder)
    sums = [{name: made for name, made in sums_of(unit).items() if name in statistics} for unit in units]
    means = group_means(units, sums)
    return {
        name: jackknife(
            lambda m, o=OBSERVABLES[name]: o.value(model, units[0].run, m),
            {n: means[n] for n in OBSERVABLES[name].needs},
        )
        for name in names
    }


def test_path_sums_of_the_mean_field_and_of_the_elliptic_law_are_one_where_both_hold():
    """Two routes: correlations in time, and an integral over frequencies."""
    for gain, dt in ((0.3, 0.02), (0.9, 0.1)):
        by_time = network_steps.path_entropy_production_rate(gain, 0.7, dt, lambda x: x)
        assert network_steps.linear_path_entropy_production_rate(gain, 0.0, dt) == pytest.approx(by_time, abs=1e-9)


def test_path_sums_tend_to_the_rate_with_the_step():
    """Less g^2 <phi'^2> dt/2 of the mean field; of the linear network with symmetry linearly in dt, too."""
    known, dt = stationary_state(2.0, 0.5), 1e-3
    node, weight = np.polynomial.hermite_e.hermegauss(101)
    square = weight @ np.cosh(np.sqrt(known.variance) * node) ** -4 / weight.sum()
    lost = known.entropy_production_rate - network_steps.path_entropy_production_rate(2.0, 0.5, dt)
    assert lost == pytest.approx(0.5 * 4 * square * dt, rel=2 * dt)
    rates = [network_steps.linear_path_entropy_production_rate(1.5, -0.5, dt) for dt in (1e-3, 2e-3)]
    # extrapolated; what is left is of second order
    assert 2 * rates[0] - rates[1] == pytest.approx(linear_network(1.5, -0.5).entropy_production_rate, abs=1e-4)
    assert np.isnan(network_steps.linear_path_entropy_production_rate(0.7, 0.5, 0.1))


@pytest.mark.slow
def test_path_sums_of_one_network_average_to_the_elliptic_law():
    """N = 300, one J: the rate is low by about 2/N of itself and scatters by 0.002; dt = 0.1 takes 8 % off."""
    model = RandomNetwork(n_neuron=300, gain=0.8, transfer="identity").realisation(0, 1)
    drift = model.weights - np.eye(300)
    found = gaussian.path_entropy_production_rate_at(drift, np.eye(300), 0.1) / 300
    assert found == pytest.approx(network_steps.linear_path_entropy_production_rate(0.8, 0.0, 0.1), abs=0.01)


def test_overlaps_of_replicas_measure_the_dimension_without_bias():
    """Independent normal replicas of a known covariance; four standard errors over the samples."""
    model, generator = RandomNetwork(n_neuron=6, transfer="identity"), np.random.default_rng(2)
    factor = np.tril(generator.normal(size=(6, 6)))
    covariance, statistic = factor @ factor.T, STATISTICS["network_overlaps"]
    samples = []
    for _ in range(400):
        x = np.einsum("ij,tjl->til", factor, generator.normal(size=(2, 6, N_GROUP)))
        sums = statistic.zero(model)
        statistic.accumulate(sums, model, Block(0, Run(0.1), x))
        samples.append(sums.mean(axis=1))
    mean, error = np.mean(samples, axis=0), np.std(samples, axis=0) / np.sqrt(len(samples))
    exact = [np.trace(covariance @ covariance) / 36, np.trace(covariance) ** 2 / 36]
    assert (np.abs(mean - exact * 2) < 4 * error).all()
    dimension = OBSERVABLES["activity_dimension"].finalize(model, Run(0.1), {"network_overlaps": np.array(exact * 2)})
    assert dimension == pytest.approx(np.trace(covariance) ** 2 / np.trace(covariance @ covariance) / 6)


def test_autocorrelation_is_averaged_over_all_pairs_of_a_window():
    model, statistic = RandomNetwork(n_neuron=2, transfer="identity"), STATISTICS["network_autocorrelation"]
    phase = np.arange(21)[:, None, None] * 0.3
    x = np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * np.ones(N_GROUP)
    sums = statistic.zero(model)
    statistic.accumulate(sums, model, Block(0, Run(0.1), x))
    np.testing.assert_allclose(sums[:21, 0], np.cos(0.3 * np.arange(21)) / 2, atol=1e-14)
    np.testing.assert_allclose(statistic.lags(0.05)[[1, -1]], [1.0, 20.0])


@pytest.mark.slow
@pytest.mark.parametrize("symmetry", [-0.5, 0.4])
def test_a_linear_network_produces_what_its_own_coupling_says(symmetry):
    """One J, exact rates of it: local mean to Heun's error of second order in dt (below 0.002 here), path sum at this dt."""
    parameters = {"n_neuron": 40, "gain": 0.6, "symmetry": symmetry, "transfer": "identity", "noise_strength": 0.4}
    (unit,) = units_of(parameters, "stationary", 400.0, 0.05, ("network_sums",), 1)
    found = sums_of(unit)["network_sums"] * N_GROUP / (LANES * unit.n_step)
    value, error = found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(N_GROUP)
    network = RandomNetwork(**parameters).realisation(0, unit.seed)
    drift, noise = network.weights - np.eye(40), 0.4 * np.eye(40)
    rate = gaussian.entropy_production_rate(drift, noise) / 40
    path = gaussian.path_entropy_production_rate_at(drift, noise, 0.05) / 40
    variance = np.trace(gaussian.stationary_covariance(drift, noise)) / 40
    assert abs(value[0] / 0.4 - 1 - rate) < 4 * error[0] / 0.4 + 0.002
    assert abs(value[4] / (0.4 * 0.05) - path) < 4 * error[4] / (0.4 * 0.05) + 0.002
    assert abs(value[1] - variance) < 4 * error[1] + 0.002


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.8, 2.0])
def test_mean_field_theory_is_that_of_many_neurons(gain):
    """N = 150: corrections of 1/N with coefficients of up to four, beside four standard errors."""
    names = (
        "entropy_production_per_neuron",
        "entropy_production_per_neuron_path",
        "mean_square_drift",
        "rate_variance",
    )
    parameters = {"n_neuron": 150, "gain": gain, "noise_strength": 0.5}
    found = estimates((*names, "lyapunov_exponent"), **parameters)
    model, run = RandomNetwork(**parameters), Run(0.1)
    predictions = model.theory()
    for name in names:
        expected = float(OBSERVABLES[name].expected(model, run, predictions).value)
        value, error = found[name]
        assert abs(value - expected) < 4 * error + 4 / 150 * expected, name
    # chaos needs more neurons: the exponent comes from below
    assert (
        found["lyapunov_exponent"].value
        < predictions["lyapunov_exponent"].value + 4 * found["lyapunov_exponent"].standard_error
    )


@pytest.mark.slow
def test_a_network_with_symmetry_agrees_with_one_that_others_ran():
    """g = 0.5, gamma = 0.5, D = 0.05: known from N = 400; N = 100 here, corrections of 4/N beside four standard errors."""
    (known,) = (r for r in ORACLE["sim_original_dynamics"] if (r["g"], r["gamma"], r["D"]) == (0.5, 0.5, 0.05))
    names = {
        "entropy_production_per_neuron": "EPR_F2",
        "mean_square_drift": "F2",
        "variance_per_neuron": "Delta0",
        "rate_variance": "Cphi0",
    }
    wanted = (*names, "mean_gain", "activity_dimension")
    found = estimates(wanted, "stationary", n_neuron=100, gain=0.5, symmetry=0.5, noise_strength=0.05)
    for name, theirs in names.items():
        value, error = known[theirs] if np.ndim(known[theirs]) else (known[theirs], 0.0)
        allowed = 4 * np.hypot(error, found[name].standard_error) + 4 / 100 * value
        assert abs(found[name].value - value) < allowed, name
    # their dimension, 0.55, is of too few samples; ours is that of the linear network with the measured gain
    value, error = found["activity_dimension"]
    linear = participation_ratio(0.5 * float(found["mean_gain"].value), 0.5).value
    assert abs(value - linear) < 4 * error + 4 / 100 * linear


@pytest.mark.slow
def test_information_agrees_with_networks_that_others_drew():
    """N = 100, g = 0.5, their J and ours: four standard errors of both."""
    names = ("mutual_information_per_neuron", "transfer_entropy_per_neuron", "transfer_entropy_per_neuron_back")
    for known in ORACLE["linear_epr_info"]["info"]:
        if known["g"] != 0.5:
            continue
        networks = [
            RandomNetwork(gain=0.5, symmetry=known["gamma"], transfer="identity").realisation(k, 1) for k in range(4)
        ]
        found = np.array([network.linearised_information(np.ones(100))[1:] for network in networks])
        for value, spread, theirs in zip(
            found.mean(axis=0), found.std(axis=0, ddof=1), ("MI", "TExy", "TEyx"), strict=True
        ):
            allowed = 4 * np.hypot(known[theirs][1], spread / 2)
            assert abs(value - known[theirs][0]) < allowed, (known["gamma"], theirs, names)


@pytest.mark.slow
def test_without_noise_and_below_threshold_deviations_decay_as_the_leading_eigenvalue_says():
    parameters = {"n_neuron": 30, "gain": 0.8, "noise_strength": 0.0}
    (unit,) = units_of(parameters, "tangent", 200.0, 0.1, ("tangent_growth",), 1)
    found = sums_of(unit)["tangent_growth"].sum() / (LANES * unit.n_step * 0.1)
    weights = RandomNetwork(**parameters).realisation(0, unit.seed).weights
    leading = np.linalg.eigvals(weights).real.max() - 1
    # Heun's growth factor is off by (rate dt)^3/6 a step; the second eigenvalue dies out within the burn-in of 30
    assert found == pytest.approx(leading, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stationary", "tangent"])
def test_a_prolonged_run_is_a_longer_one_to_the_bit(kind):
    names = ("network_sums", "network_autocorrelation", "network_overlaps", "network_gains")
    names += ("tangent_growth",) if kind == "tangent" else ()
    parameters = {"n_neuron": 20, "gain": 1.2, "noise_strength": 0.3}
    short, long = (units_of(parameters, kind, duration, 0.1, names, 1)[0] for duration in (40.0, 80.0))
    first, whole = sums_of(short), sums_of(long)
    state = PROTOCOLS[kind](RandomNetwork(**parameters).realisation(0, 3), short.run, 1, 0, LANES).rough_start()
    restart = Restart(state._replace(step=short.n_step, x=first.pop("restart_state")), first)
    resumed = sums_of(long, restart)
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
