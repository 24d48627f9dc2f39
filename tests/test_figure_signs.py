"""What figures say twice, so that it does not hang on colour: signs, owners, limits."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figure_cases import MAP, case
from figure_refined import refined_points
from figure_sweeps import EPR, OK, SHORT_RUN, common_sweep, curved_sweep, field_sweep
from nessmap import figures
from nessmap.figures import calibration, colours, curves, maps, signs


@pytest.fixture
def field() -> xr.Dataset:
    return common_sweep()


def written(axes: Axes, gid: str) -> set[tuple[float, float]]:
    """Where a sign stands."""
    return {
        (float(x), float(y))
        for line in axes.lines
        if line.get_gid() == gid
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def luminance(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_grey_alone_does_not_tell_signs_and_white_is_seen_on_both_ends() -> None:
    palette, norm = colours.z_steps()
    below, above = (luminance(palette(norm(sign * np.array([2.5, 3.5])))[:, :3]) for sign in (-1, 1))
    assert np.abs(below - above).max() < 0.12
    assert (1.05 / (np.concatenate([below, above]) + 0.05)).min() > 3  # the contrast that graphics need (WCAG 1.4.11)


def test_signs_of_large_z_scores_are_written_in_their_cells(field: xr.Dataset) -> None:
    figure = figures.draw("phase_diagram", field, **MAP)
    sweep = field.isel(noise_correlation_length=1).transpose("shift", "coupling", ...)
    ran = np.isin(sweep["status"].values, (OK, SHORT_RUN)) & (sweep[f"{EPR}_flag"].values != 1)
    z = np.where(ran, sweep[f"{EPR}_z"].values, np.nan)
    for gid, sign in (("plus", 1), ("minus", -1)):
        rows, columns = np.nonzero(sign * z >= 2)
        expected = {(float(sweep["coupling"][i]), float(sweep["shift"][j])) for j, i in zip(rows, columns, strict=True)}
        assert written(figure.axes[1], gid) == expected
        assert not written(figure.axes[0], gid), "an estimate of one sign"
        (bar,) = (axes for axes in figure.axes if axes.get_ylabel().startswith("$z$"))
        assert written(bar, gid) == {(0.5, 2.5 * sign)}
    assert (np.abs(z) >= 2).any()


def test_of_narrow_cells_the_largest_carry_signs_that_keep_apart() -> None:
    rng = np.random.default_rng(5)
    columns, rows = (part.ravel() for part in np.meshgrid(np.arange(33.0), np.arange(99.0)))
    z, places = rng.standard_t(15, columns.size), np.stack([5.2 * columns, 1.1 * rows], axis=1)
    axes = Figure().subplots()
    signs.draw_few(axes, columns, rows, z, 2.0, places)
    marked = {sign: written(axes, gid) for gid, sign in (("plus", 1), ("minus", -1))}
    by_place = {(x, y): value for x, y, value in zip(columns, rows, z, strict=True)}
    assert all(sign * by_place[place] >= 2 for sign, found in marked.items() for place in found)
    both = np.array([*marked[1], *marked[-1]]) * [5.2, 1.1]
    apart = np.hypot(*(both[:, None] - both).transpose(2, 0, 1)) + np.diag(np.full(len(both), np.inf))
    assert apart.min() >= signs.SPARSE
    # and there is one near every large score: it, or a larger one that is as near as two may be
    large = places[np.abs(z) >= 2]
    assert np.hypot(*(large[:, None] - both).transpose(2, 0, 1)).min(axis=1).max() < signs.SPARSE
    farthest = int(np.argmax(np.abs(z)))
    assert (columns[farthest], rows[farthest]) in marked[int(np.sign(z[farthest]))]


@pytest.mark.slow
def test_a_map_of_many_cells_has_the_signs_of_its_largest_scores() -> None:
    figure = figures.draw("phase_diagram", field_sweep(80, 90), **MAP)
    assert all(written(figure.axes[1], gid) for gid in ("plus", "minus"))


def test_small_values_and_what_is_no_number_carry_no_sign() -> None:
    axes = Figure().subplots()
    values, places = [-3.0, 1.0, np.nan], np.array([[0.0, 0], [9, 0], [18, 0]])
    signs.draw(axes, [0, 1, 2], [0, 0, 0], values, 2.0, signs.SMALLEST)
    signs.draw_few(axes, [0, 1, 2], [1, 1, 1], values, 2.0, places)
    assert [line.get_marker() for line in axes.lines] == ["_", "_"]
    assert written(axes, "minus") == {(0.0, 0.0), (0.0, 1.0)}


@pytest.mark.parametrize(("values", "contours", "expected"), [
    ([-1.0, 0.2, 0.9], True, True), ([-1.0, 0.2, 0.4], True, False), ([-1.0, 0.2, 0.4], False, True),
])  # fmt: skip
def test_an_estimate_has_signs_unless_contours_tell_the_only_one(
    values: list[float], contours: bool, expected: bool
) -> None:
    row = np.array([values])
    cell = maps.Cells(row, 0.01 * np.ones_like(row), 0 * row, 0 * row, np.full(row.shape, OK), signed=True)
    shades = maps.estimate_shades(True, [cell], "auto", None)
    assert shades is not None
    assert shades.signs == 0.5
    kept = maps.with_signs(shades, [cell]) if contours else shades
    assert kept is not None
    assert np.isfinite(kept.signs) == expected


def test_cells_below_two_standard_errors_are_marked_beside_their_grey(field: xr.Dataset) -> None:
    figure = figures.draw("phase_diagram", field, **MAP)
    sweep = field.isel(noise_correlation_length=1)
    silent = (sweep[EPR] < 2 * sweep[f"{EPR}_standard_error"]) & (sweep[f"{EPR}_flag"] == 0)
    (marks,) = (line for line in figure.axes[0].lines if line.get_marker() == "$<$")
    assert len(marks.get_xdata()) == int(silent.sum()) > 0


@pytest.mark.slow
def test_a_refined_map_writes_each_large_sign_once() -> None:
    sweep = refined_points()
    figure = figures.draw("refined_map", sweep, variable="flow", x="coupling", y="noise")
    for axes, name, least in ((figure.axes[0], "flow", None), (figure.axes[1], "flow_z", 2.0)):
        gain = sweep["place_gain"].values == 1
        ran = gain & np.isin(sweep["status"].values, (OK, SHORT_RUN))
        values = sweep[name].values
        least = 0.5 * axes.collections[0].norm.vmax if least is None else least
        for gid, sign in (("plus", 1), ("minus", -1)):
            assert len(written(axes, gid)) <= int((ran & (sign * values >= least)).sum())
    assert written(figure.axes[0], "plus"), "no room for a single sign"


def test_limits_and_boundaries_are_told_from_points_by_their_marks() -> None:
    assert curves.limit_look()["marker"] not in (*colours.MARKERS, "x")
    options = {"variable": EPR, "x": "coupling", "series": "shift", "yscale": "log"}
    axes = figures.draw("cut", curved_sweep(), **options).axes[0]
    dashed = [line for line in axes.lines if line.get_gid() == "boundary"]
    owners = [line for line in axes.lines if line.get_gid() == "owner"]
    ends = np.array([line.get_xdata()[0] for line in dashed])
    apart = np.abs(ends[:, None] - ends) + np.diag(np.full(len(ends), np.inf))
    alone = [
        line for line, near in zip(dashed, apart.min(axis=1), strict=True) if near > 0.01 * np.ptp(axes.get_xlim())
    ]
    assert len(owners) == len(alone) > 1
    for line, owner in zip(alone, owners, strict=True):
        assert owner.get_xdata()[0] == line.get_xdata()[0]
        assert owner.get_color() == line.get_color()
        assert colours.SERIES.index(owner.get_color()) == colours.MARKERS.index(owner.get_marker())


def test_a_limit_below_the_panel_is_an_arrow_on_its_floor() -> None:
    axes = Figure().subplots()
    axes.set(yscale="log", ylim=(0.01, 1.0))
    one = np.ones(2)
    line = curves.Curve(np.arange(2.0), np.array([1e-4, 0.05]), np.array([1e-4, 0.05]), one, one, 0 * one, one, one, [])
    assert curves.draw_points(axes, line, 0, True) == 2
    (arrows,) = axes.lines
    low, high = arrows.get_ydata()
    assert 0.01 < low < 0.013
    assert high == pytest.approx(0.15)


def test_curves_of_the_calibration_carry_the_letters_of_their_panels(field: xr.Dataset) -> None:
    figure = case("calibration")
    found = calibration.samples(field)
    letters = [text for text in figure.axes[0].texts if text.get_gid() == "curve"]
    assert [text.get_text() for text in letters] == ["b", "c", "d", "e"]
    for text, sample, axes in zip(letters, found, figure.axes[1:], strict=True):
        assert f"({text.get_text()})" in [own.get_text() for own in axes.texts]
        place, height = text.get_position()
        assert height == pytest.approx(float(np.interp(place, *calibration.deviation(sample.z))), abs=0.05)
