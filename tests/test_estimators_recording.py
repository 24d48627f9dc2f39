"""Recordings: what is accepted, how long they remember, which blocks count as independent."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from gaussian_recordings import EQUILIBRIUM, REFERENCE, recorded
from gaussian_systems import EXAMPLES, SEEDS, rotation
from nessmap.estimators import as_recording, entropy_production_rate
from nessmap.estimators.recording import FEWEST_BLOCKS, MOST_BLOCKS, sides, spacing_of

NOISE = np.random.default_rng(0).normal(size=(400, 2))


def test_the_correlation_time_of_one_relaxation_is_that_of_its_square():
    dt, damping = 0.05, 1.0
    values = recorded(-damping * np.eye(2), np.eye(2), dt, 4000, n_trial=16)
    # 1 + 2 sum exp(-2 damping dt l) = coth(damping dt); 6400 relaxation times know a variance to 1/sqrt(3200) = 2 %, and the
    # sum of squared correlations to a few times that
    assert as_recording(values, dt).correlation_time == pytest.approx(dt / np.tanh(damping * dt), rel=0.15)


def test_independent_samples_are_worth_their_number():
    noise = np.random.default_rng(0).normal(size=(20000, 2))
    # five lags of 1/N each are summed
    assert as_recording(noise).n_independent == pytest.approx(20000, rel=10 * 5 / 20000)


def test_an_oscillation_does_not_cancel_in_its_correlation_time():
    dt = 0.05
    values = recorded(*rotation(1.0, 10.0), dt, 4000, n_trial=16)
    time = dt * np.arange(1, 200)
    exact = dt * (1 + 2 * np.sum((np.exp(-time) * np.cos(10 * time)) ** 2))  # the plain sum would be about 1/100
    assert as_recording(values, dt).correlation_time == pytest.approx(exact, rel=0.15)


def test_a_recording_of_less_than_its_memory_counts_as_one_sample():
    short = recorded(-0.001 * np.eye(2), np.eye(2), 0.1, 100)
    recording = as_recording(short, 0.1)
    assert recording.n_independent == 1.0
    estimate = entropy_production_rate(short, 0.1)
    assert np.isnan(estimate.standard_error)
    assert any(remark.startswith("error unknown: 1 blocks") for remark in estimate.remarks)


@given(st.integers(1, 60), st.integers(30, 300), SEEDS)
@EXAMPLES
def test_blocks_are_equal_contiguous_and_use_nearly_all(n_trial, n_time, seed):
    values = np.random.default_rng(seed).normal(size=(n_trial, n_time, 1))
    recording = as_recording(values)
    place = np.arange(n_trial * n_time, dtype=float).reshape(n_trial, n_time, 1)
    blocks = recording.blocks(place)
    assert np.all(np.diff(np.sort(blocks.ravel())) > 0)
    if n_trial >= FEWEST_BLOCKS:  # whole trials
        assert FEWEST_BLOCKS <= len(blocks) <= MOST_BLOCKS
        assert blocks.size >= n_trial * n_time * 0.85  # 15 trials of 17 at worst: no number from 8 to 32 divides less
    else:
        assert np.all(np.diff(blocks[..., 0], axis=1) == 1)
        assert blocks.size > (n_time - recording.segments) * n_trial


def test_a_block_holds_ten_correlation_times():
    recording = as_recording(recorded(*REFERENCE, 0.1, 5000), 0.1)
    assert len(recording.blocks(recording.values)) == min(16, int(recording.n_independent / 10))


def test_an_array_and_its_labelled_form_are_the_same_recording():
    values = recorded(*EQUILIBRIUM, 0.1, 50, n_trial=3)
    coords = {"time": 0.1 * np.arange(50), "cell": ["v", "r"]}
    labelled = xr.DataArray(values.transpose(2, 0, 1), coords=coords, dims=("cell", "trial", "time"))
    recording = as_recording(labelled)
    assert np.array_equal(recording.values, values)
    assert recording.names == ("v", "r")
    assert recording.dt == pytest.approx(0.1, rel=1e-12)
    assert as_recording(labelled.isel(cell=0, trial=0).rename("v")).names == ("v",)
    assert as_recording(labelled.drop_vars(["time", "cell"]), 0.2).names == ("x0", "x1")


def test_variables_are_found_by_name_position_or_slice():
    recording = as_recording(xr.DataArray(NOISE, dims=("time", "cell"), coords={"cell": ["v", "r"]}))
    assert sides(recording, "r", [0], ("a", "b")) == ([1], [0])
    assert recording.columns(slice(None), "variables") == [0, 1]
    assert recording.columns([-1], "variables") == [1]
    with pytest.raises(ValueError, match=r"source: 'w' is no variable of the recording; there are v, r"):
        recording.columns(["w"], "source")
    with pytest.raises(ValueError, match=r"a: \[0, 'v'\], expected one variable or more, each once"):
        recording.columns([0, "v"], "a")  # type: ignore[list-item]
    with pytest.raises(ValueError, match="a, b: both hold r, expected two sets without a common variable"):
        sides(recording, [0, 1], [1], ("a", "b"))


@pytest.mark.parametrize(
    ("data", "dt", "message"),
    [
        (np.zeros((2, 2, 2, 2)), 1.0, r"shape \(2, 2, 2, 2\), expected \(n_time, n_variable\)"),
        (NOISE[:2], 1.0, "2 samples in time, expected 3 at least"),
        (NOISE, 0.0, r"dt = 0\.0, expected a finite number > 0"),
        (
            np.where(np.arange(400)[:, None] == 7, np.nan, NOISE),
            1.0,
            "2 values are not finite, the first of x0 at sample 7",
        ),
        (np.column_stack([NOISE, np.ones(400)]), 1.0, "x2 never changes"),
        (xr.DataArray(NOISE, dims=("step", "cell")), None, "dimensions step, cell, expected time"),
    ],
)
def test_what_is_no_recording_is_refused(data, dt, message):
    with pytest.raises(ValueError, match=message):
        as_recording(data, dt)


def test_times_have_to_be_equally_spaced_numbers():
    assert spacing_of(0.1 * np.arange(1000)) == pytest.approx(0.1, rel=1e-12)
    with pytest.raises(ValueError, match=r"time: steps from 1 to 3, expected equal steps > 0"):
        spacing_of([0.0, 1.0, 2.0, 5.0])
    with pytest.raises(ValueError, match="holds dates"):
        spacing_of(np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"))
