"""Relaxations: the start that was asked for, the times that are kept, the balance of entropy, and few lanes without bias."""

import dataclasses

import numpy as np
import pytest

from nessmap.model import N_TIME, Run, Start
from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.heterogeneous_field import HeterogeneousField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import Status, Unit, rounded_up, simulate
from nessmap.statistics import N_GROUP, STATISTICS
from sampling import estimates, expectations, group_means, observed, run_of

DT = 0.05
START = Start(0.5, 0.2, 0.6)
RING = AmariField(n_site=8, length=6.0, kernel_width=0.8, shift=0.5, coupling=0.7)
MODELS = [
    RING,
    AmariTorus(n_site=4, length=3.0, kernel_width=0.8, shift=0.4),
    HeterogeneousField(n_site=6, length=3.0, noise_heterogeneity=0.5, gain_heterogeneity=0.3),
    ExcitatoryInhibitoryField(n_site=4, length=2.0),
    LinearLangevin(),
]
names = [model.name for model in MODELS]


def relaxation(model, n_lane, *, duration=2.0, key=3, start=START):
    run = run_of(DT, duration, n_lane, model.n_dim, "transient", start)
    return PROTOCOLS["transient"](model, run, key, 0, n_lane)


# --- where it starts


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_start_has_the_mean_and_the_covariance_that_were_asked_for(model):
    n_lane = 1 << 14
    x = relaxation(model, n_lane).start().x
    mean = x.mean(axis=1)
    # independent normal coordinates: 5 standard errors, for 16 means and 136 covariances at most
    assert np.abs(mean - model.initial_mean(START)).max() < 5 * np.sqrt(0.5 / n_lane)
    centred = x - model.initial_mean(START)[:, None]
    error = 0.5 * np.sqrt((1 + np.eye(model.n_dim)) / n_lane)
    assert (np.abs(centred @ centred.T / n_lane - 0.5 * np.eye(model.n_dim)) < 5 * error).all()


def test_the_mean_of_the_start_is_a_wave_at_the_sites():
    wave = 0.2 + 0.6 * np.cos(2 * np.pi * np.arange(8) / 8)
    np.testing.assert_allclose(RING.to_sites(RING.initial_mean(START)[:, None])[:, 0], wave, atol=1e-14)
    own = HeterogeneousField(n_site=8, length=4.0)
    np.testing.assert_allclose(own.initial_mean(START), wave, atol=1e-14)
    # in both populations
    two = ExcitatoryInhibitoryField(n_site=8, length=4.0).initial_mean(START).reshape(2, 8)
    np.testing.assert_allclose(RING.to_sites(two.T), np.stack([wave, wave], axis=1), atol=1e-14)


def test_streams_of_different_starts_share_their_normals():
    """The start is an affine function of the same normals, so two starts can be compared lane by lane."""
    one, other = (relaxation(RING, 128, start=start).start().x for start in (Start(1.0), START))
    mean = RING.initial_mean(START)[:, None]
    np.testing.assert_allclose(other, mean + np.sqrt(0.5) * one, rtol=1e-14, atol=1e-14)


# --- what is kept


@pytest.mark.parametrize("duration", [1.0, 2.0, 7.3])
def test_times_go_in_equal_steps_from_the_start_to_the_end(duration):
    run = run_of(DT, duration, 128, RING.n_dim, "transient", START)
    assert run.n_step % (N_TIME - 1) == 0
    assert run.n_step * DT >= duration
    np.testing.assert_allclose(run.times, np.linspace(0, run.n_step * DT, N_TIME), atol=1e-12)
    coordinates = OBSERVABLES["transient_entropy_flow"].coordinates(RING, run)
    np.testing.assert_array_equal(coordinates[0], run.times)


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_moments_are_those_of_the_trajectory_at_the_kept_times(model):
    """Block by block against one long trajectory."""
    duration = 5.0
    run = run_of(DT, duration, 128, model.n_dim, "transient", START)
    means = group_means(
        model, dt=DT, duration=duration, key=3, kind="transient", start=START, statistics=("relaxing_moments",)
    )["relaxing_moments"]
    whole = relaxation(model, 128, duration=duration)
    _, block = whole.advance(whole.start(), run.n_step)
    first, second = model.correlated_pairs
    for time in range(N_TIME):
        x = block.x[time * run.stride]
        entries = np.concatenate([x, x[first] * x[second]]).reshape(-1, 128 // N_GROUP, N_GROUP)
        own = means.reshape(N_TIME, -1, N_GROUP)[time]
        np.testing.assert_allclose(own, entries.mean(axis=1), rtol=1e-12, atol=1e-13)  # rounding of 8 terms


# --- the balance


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_the_measured_balance_is_closed_to_rounding(model):
    """dh/dt = production - flow and production = housekeeping + excess, in every group of lanes and at every time."""
    run = run_of(DT, 2.0, 512, model.n_dim, "transient", START)
    how = {"dt": DT, "duration": 2.0, "n_lane": 512, "kind": "transient", "start": START}
    means = group_means(model, key=5, statistics=("relaxing_moments",), **how)
    found = {name: e.value for name, e in estimates(model, means, DT, observed(model, "transient", means), run).items()}
    produced = found["transient_entropy_production_rate"]
    scale = np.abs(produced).max() + np.abs(found["transient_entropy_flow"]).max()
    balance = found["shannon_entropy_rate"] - (produced - found["transient_entropy_flow"])
    parts = produced - found["housekeeping_entropy_production_rate"] - found["excess_entropy_production_rate"]
    # rounding, sixteenfold in the jackknife
    assert np.abs(balance).max() < 1e-13 * N_GROUP * scale
    assert np.abs(parts).max() < 1e-13 * N_GROUP * scale


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_exact_rates_are_the_derivatives_of_entropy_and_divergence(model):
    """Central differences of what theory says at three times; error step^2 / 6 times a third derivative below (4 rate)^3."""
    step = 1e-3
    run = Run(step, n_step=N_TIME, start=START)._replace(n_replica=10**9)
    exact = expectations(model, step, observed(model, "transient", ("relaxing_moments",)), run)
    rate = np.abs(np.linalg.eigvals(model.linear_drift)).max()
    size = max(np.abs(exact[name]).max() for name in ("shannon_entropy_rate", "excess_entropy_production_rate"))
    bound = step**2 / 6 * (4 * rate) ** 2 * size + 1e-12 / step
    slope = (exact["shannon_entropy"][2:] - exact["shannon_entropy"][:-2]) / (2 * step)
    np.testing.assert_allclose(exact["shannon_entropy_rate"][1:-1], slope, atol=bound)
    loss = (exact["divergence_from_stationarity"][:-2] - exact["divergence_from_stationarity"][2:]) / (2 * step)
    np.testing.assert_allclose(exact["excess_entropy_production_rate"][1:-1], loss, atol=bound)


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_the_relaxed_state_produces_what_the_stationary_one_does(model):
    duration = 25 / -model.stability().leading_rate  # e^-50 is left
    run = run_of(DT, duration, 10**9, model.n_dim, "transient", START)
    production, apart = (
        OBSERVABLES[name].theory(model, run, {}).value
        for name in ("transient_entropy_production_rate", "divergence_from_stationarity")
    )
    stationary = model.theory(["entropy_production_rate"])["entropy_production_rate"].value
    assert production[-1] == pytest.approx(stationary, rel=1e-9)
    assert apart[-1] == pytest.approx(0.0, abs=1e-12)
    # the estimate is there, but no score: it is the square of noise
    assert np.isnan(expectations(model, DT, ["divergence_from_stationarity"], run)["divergence_from_stationarity"][-1])


def test_a_transient_does_depend_on_the_strength_of_the_noise():
    """Unlike the stationary rate; in equal units of the noise it would not."""
    run = run_of(DT, 2.0, 128, 8, "transient", START)
    quiet, loud = (
        expectations(dataclasses.replace(RING, noise_strength=d), DT, ["transient_entropy_production_rate"], run)
        for d in (0.1, 0.2)
    )
    first = [one["transient_entropy_production_rate"][0] for one in (quiet, loud)]
    assert first[0] > 1.2 * first[1]


# --- few lanes


@pytest.mark.parametrize("n_lane", [32, pytest.param(64, marks=pytest.mark.slow)])
def test_few_lanes_are_unbiased_on_the_ring(n_lane):
    """A covariance of 8 modes from 32 lanes: the plug-in rate of h is off by many errors, the corrected one by at most four."""
    names = observed(RING, "transient", ("relaxing_moments",))
    run = run_of(DT, 2.5, n_lane, RING.n_dim, "transient", START)
    expected = expectations(RING, DT, names, run)
    how = {"dt": DT, "duration": 2.5, "n_lane": n_lane, "kind": "transient", "start": START}
    values = {name: [] for name in names}
    for key in range(200):
        means = group_means(RING, key=key, statistics=("relaxing_moments",), **how)
        for name, (value, _) in estimates(RING, means, DT, names, run).items():
            values[name].append(value[[0, 10, 30]])
    for name, found in values.items():
        mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(200)
        assert (np.abs(mean - expected[name][[0, 10, 30]]) < 4 * error).all(), name
    # without the correction <1/s^2> = 1/sigma^2 / (1 - 2/f): the entropy rate rises by the noise of every coordinate
    freedom = RING.modes.multiplicity * (n_lane - 1)
    raw = (RING.modes.diffusion / START.variance * RING.modes.multiplicity) @ (2 / (freedom - 2))
    assert raw > 4 * np.std(values["shannon_entropy_rate"], axis=0, ddof=1)[0] / np.sqrt(200)


# --- its records


def unit_of(start=START, n_step=100, first_lane=0):
    parameters = {"n_site": 8, "length": 6.0, "kernel_width": 0.8}
    how = {"first_lane": first_lane, "n_lane": 128, "n_step": rounded_up(n_step, 8, "transient"), "keep_state": False}
    return Unit(
        "amari_field",
        parameters,
        "transient",
        DT,
        7,
        statistics=("relaxing_moments",),
        start=start,
        n_replica=128,
        **how,
    )


def test_a_transient_run_again_gives_equal_bits():
    one, again = (simulate(unit_of()) for _ in range(2))
    assert [record.status for record in one] == [Status.ok]
    assert one[0].array.tobytes() == again[0].array.tobytes()
    assert one[0].name.key == again[0].name.key
    assert one[0].end == again[0].end


def test_records_of_different_starts_lengths_and_lanes_have_different_keys():
    """Also of different lengths: the times that are kept depend on them."""
    starts = [START, Start(0.5, 0.2, 0.0), Start(0.5, 0.0, 0.6), Start(0.4, 0.2, 0.6)]
    units = [*map(unit_of, starts), unit_of(n_step=200), unit_of(first_lane=128)]
    keys = [unit.record_names()[0].key for unit in units]
    assert len(set(keys)) == len(units)
    stationary = dataclasses.replace(unit_of(), protocol="stationary", start=None)
    assert stationary.record_names()[0].key not in keys


def test_a_transient_is_whole_steps_of_its_times_and_no_restart_is_kept():
    assert not PROTOCOLS["transient"].resumable
    for n_dim in (1, 8, 64, 256):
        unit = PROTOCOLS["transient"].step_unit(n_dim)
        assert unit == N_TIME - 1
    assert STATISTICS["relaxing_moments"].n_term(Run(DT, 100)) == 1
