"""The figure of two lines: where observables cross their levels, with errors, and how far apart that is."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nessmap import figures
from nessmap.figures.edge_of_chaos import crossing, crossings
from nessmap.figures.selection import select

GAIN = np.linspace(1.0, 2.0, 6)


@given(st.floats(1.05, 1.95), st.floats(0.1, 10.0))
def test_a_straight_line_crosses_where_it_does_with_the_error_over_its_slope(place, slope):
    value = slope * (GAIN - place)
    found, error = crossing(GAIN, value, np.full(6, 0.02), 0.0)
    assert found == pytest.approx(place, abs=1e-6)
    # between two points of equal errors the interpolated error is from 1/sqrt(2) to 1 of theirs
    assert 0.7 <= error * slope / 0.02 <= 1 + 1e-9


def test_a_positive_level_is_crossed_by_factors():
    value = np.exp(3 * (GAIN - 1.3))
    assert crossing(GAIN, value, 0.01 * value, 1.0)[0] == pytest.approx(1.3, abs=1e-6)


def test_without_a_crossing_there_is_no_number():
    for value in (np.full(6, -1.0), np.full(6, 1.0), np.full(6, np.nan), -GAIN):
        assert np.isnan(crossing(GAIN, value, np.full(6, 0.1), 0.0)).all()


def phase_diagram(shift):
    """Production that is 1 at g = 1.3 + D, an exponent that is 0 a little later."""
    noise = np.array([0.1, 0.3])
    apart = GAIN[:, None] - 1.3 - noise
    values = {"production": np.exp(2 * apart), "exponent": apart - shift}
    made = {}
    for name, value in values.items():
        made[name] = (("gain", "noise"), value, {"symbol": "E", "long_name": name, "units": "1", "signed": 1})
        made[f"{name}_standard_error"] = (("gain", "noise"), np.full_like(value, 0.01))
        made[f"{name}_theory"] = (("gain", "noise"), value)
    made["status"] = (("gain", "noise"), np.ones_like(apart))
    attrs = {"gain": {"symbol": "g", "long_name": "gain"}, "noise": {"symbol": "D", "long_name": "noise"}}
    coords = {"gain": ("gain", GAIN, attrs["gain"]), "noise": ("noise", noise, attrs["noise"])}
    return xr.Dataset(made, coords)


def test_crossings_of_a_phase_diagram_are_those_of_its_columns():
    dataset = phase_diagram(0.2)
    for name, level, places in (("production", 1.0, [1.4, 1.6]), ("exponent", 0.0, [1.6, 1.8])):
        part = select("edge_of_chaos", dataset, name, {"x": "noise", "y": "gain"})
        np.testing.assert_allclose(crossings(part, "noise", "gain", level).place, places, atol=1e-6)


@pytest.mark.slow
def test_the_figure_shows_both_lines_and_their_distance():
    options = {"variable": "production", "contrast": "exponent", "x": "noise", "y": "gain"}
    figure = figures.draw("edge_of_chaos", phase_diagram(0.2), **options)
    upper, lower = figure.axes
    drawn = [line for line in upper.get_lines() if line.get_gid() == "points"] or upper.containers
    assert len(drawn) == 2
    (distance,) = lower.containers
    np.testing.assert_allclose(distance.lines[0].get_ydata(), [0.2, 0.2], atol=1e-6)
    alone = phase_diagram(0.2).isel(noise=[0])
    with pytest.raises(ValueError, match="y = noise has one value"):
        figures.draw("edge_of_chaos", alone, **{**options, "x": "gain", "y": "noise"})
