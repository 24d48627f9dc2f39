"""What the figures show: every status, every estimate, the theory where it is, the numbers that they quote."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.patches import PathPatch
from scipy import stats

from figure_cases import MAP, case
from figure_sweeps import EPR, OK, SHORT_RUN, common_sweep, curved_sweep, exact_theory, field_sweep
from nessmap import figures
from nessmap.figures import calibration, collapse, colours, contours, curves, style, surfaces, zscores
from nessmap.figures.selection import select
from nessmap.statistics.calibration import calibration as compare_with_student


@pytest.fixture
def field() -> xr.Dataset:
    return common_sweep()


@pytest.fixture
def curved() -> xr.Dataset:
    return curved_sweep()


def n_hatched(patch: PathPatch, sweep: xr.Dataset) -> int:
    """Cells of the map whose centre lies inside."""
    path, n = patch.get_path(), 0
    for corners in path.vertices.reshape(-1, 5, 2):
        (left, low), (right, high) = corners.min(axis=0), corners.max(axis=0)
        x, y = sweep["coupling"].values, sweep["shift"].values
        n += int(((x > left) & (x < right)).sum() * ((y > low) & (y < high)).sum())
    return n


def test_every_status_is_hatched_and_listed(field: xr.Dataset) -> None:
    figure = case("map with facets")
    for row, length in enumerate(field["noise_correlation_length"].values):
        status = field["status"].sel(noise_correlation_length=length)
        for axes in figure.axes[2 * row : 2 * row + 2]:
            cells = {patch.get_hatch(): patch for patch in axes.patches if isinstance(patch, PathPatch)}
            for code, (_, hatch) in style.STATUSES.items():
                count = int((status == code).sum())
                assert (hatch in cells) == (count > 0)
                if count:
                    assert n_hatched(cells[hatch], field) == count
            short = (status == SHORT_RUN) & (field[f"{EPR}_flag"].sel(noise_correlation_length=length) == 0)
            assert n_hatched(cells[style.DOTS], field) == int(short.sum())
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {word for word, _ in style.STATUSES.values()} <= set(words)
    quiet = figures.draw("phase_diagram", field_sweep(5, 4, troubles=False), **MAP)
    assert "failed" not in [text.get_text() for text in quiet.legends[0].get_texts()]


def test_boundary_is_exact_between_cells(curved: xr.Dataset) -> None:
    chosen = select("test", curved, EPR, {"x": "coupling", "y": "shift"})
    x, y = chosen.axis("coupling"), chosen.axis("shift")
    rate = surfaces.surface(chosen, "leading_rate", x, y)
    (line,) = contours.boundary_lines(rate, x, y)
    k = 2 * np.pi * np.arange(1, 32) / 12
    found = 0
    for shift in y.centres:
        critical = 1 / (np.exp(-((0.7 * k) ** 2) / 2) * np.cos(k * shift)).max()
        at_row = line[np.abs(line[:, 1] - shift) < 1e-12, 0]
        found += len(at_row)
        # -gamma is linear in g, so the zero between two fine points is exact to rounding.
        assert np.allclose(at_row, critical, rtol=1e-9)
    assert found >= 8


def test_surface_through_lines_is_exact_on_them_and_for_powers() -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 3.0])
    x_fine, y_fine = np.linspace(1, 4, 31), np.linspace(0.5, 3, 26)
    for function, everywhere in ((lambda x, y: x**2 * y**-1.5, True), (lambda x, y: np.sin(3 * x * y) + x, False)):
        net = [function(*np.meshgrid(a, b)) for a, b in ((x, y), (x_fine, y), (x, y_fine), (x_fine, y_fine))]
        found = surfaces.coons((x, y), net[0], (x_fine, y_fine), net[1], net[2])
        rows = np.isin(y_fine.round(12), y)
        columns = np.isin(x_fine.round(12), x)
        assert np.allclose(found[rows], net[3][rows], rtol=1e-12)
        assert np.allclose(found[:, columns], net[3][:, columns], rtol=1e-12)
        assert np.allclose(found, net[3], rtol=1e-12) == everywhere


def test_surface_reaches_as_far_as_its_rows_beside_an_unstable_corner() -> None:
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    fine = np.linspace(0, 1, 11)

    def pole(
        x: Any, y: Any
    ) -> Any:  # 1/(distance from the boundary x = 0.75 + 0.2 y); harmonic joining is exact for it
        with np.errstate(divide="ignore"):
            value = 1 / (0.75 + 0.2 * np.asarray(y) - np.asarray(x))
        return np.where(value > 0, value, np.nan)

    grid, rows, columns, exact = (pole(*np.meshgrid(a, b)) for a, b in ((x, y), (fine, y), (x, fine), (fine, fine)))
    found = surfaces.coons((x, y), grid, (fine, fine), rows, columns)
    stable = np.isfinite(rows).all(axis=0)
    assert stable.sum() == 8
    assert np.isfinite(found[:, stable]).all()
    # Exact where rows alone decide; the shape carried from the known side is that of x = 0, farther from the pole.
    assert np.allclose(found[:, 0], exact[:, 0], rtol=1e-12)
    assert np.nanmax(np.abs(found / exact - 1)[:, stable]) < 0.1


def test_contours_lie_where_the_theory_has_their_level(field: xr.Dataset) -> None:
    fine = field_sweep(18, 21)
    chosen = select("test", fine, EPR, {"x": "coupling", "y": "shift"})
    field_of = surfaces.surface(chosen, f"{EPR}_theory", chosen.axis("coupling"), chosen.axis("shift"))
    assert field_of is not None
    for level in (0.01, 0.1, 1.0):
        points = np.concatenate(contours.contour_lines(field_of, level))
        places = [column[:, None, None] for column in (points[:, 0], points[:, 1], np.full(len(points), 0.5))]
        exact = exact_theory(*places, curved=False)[EPR].ravel()
        # Linear between points a tenth of a cell apart: (h^2/8) f''/f, at most 1 % beyond the first row.
        assert np.quantile(np.abs(exact / level - 1), 0.95) < 0.01


def test_theory_lines_of_a_cut_have_ten_points_per_step(field: xr.Dataset) -> None:
    figure = figures.draw(
        "cut", field, variable=EPR, x="coupling", series="noise_correlation_length", at={"shift": 0.71}
    )
    lines = [line for line in figure.axes[0].lines if line.get_gid() == "theory"]
    assert len(lines) == 2
    for line, length in zip(lines, field["noise_correlation_length"].values, strict=True):
        stored = field[f"{EPR}_theory_line_coupling"].sel(shift=0.7, noise_correlation_length=length)
        assert np.array_equal(line.get_ydata(), stored.values, equal_nan=True)
        assert len(line.get_xdata()) == 10 * (field.sizes["coupling"] - 1) + 1
    assert "kernel shift $s$ = 0.7" in figure.legends[-1].get_title().get_text()


def test_cut_shows_every_estimate_with_open_symbols_for_short_runs(field: xr.Dataset) -> None:
    sweep = field.isel(shift=5, noise_correlation_length=0)
    figure = figures.draw("cut", field, variable=EPR, x="coupling", at={"shift": 0.5, "noise_correlation_length": 0})
    containers = figure.axes[0].containers
    for container, code, face in zip(containers, (OK, SHORT_RUN), (colours.SERIES[0], "white"), strict=True):
        points = container[0]
        expected = sweep[EPR].values[sweep["status"].values == code]
        assert np.array_equal(points.get_ydata(), expected)
        assert points.get_markerfacecolor() == face


def test_unstable_stretches_begin_at_the_zero_of_the_leading_rate(field: xr.Dataset, curved: xr.Dataset) -> None:
    chosen = select("test", field, EPR, {"x": "coupling"})
    ((left, right),) = curves.curve(chosen, chosen.axis("coupling")).unstable
    assert left == pytest.approx(1.0, abs=1e-12)
    assert right == chosen.axis("coupling").edges[-1]
    across = select("test", curved, EPR, {"x": "shift"}, {"coupling": 1.1})
    ((left, right),) = curves.curve(across, across.axis("shift")).unstable
    assert left == across.axis("shift").edges[0]
    rate = curved["leading_rate_line_shift"].sel(coupling=1.1, noise_correlation_length=0.5, method="nearest")
    assert float(rate.interp(shift_line=right)) == pytest.approx(0.0, abs=1e-9)


def test_values_that_errors_do_not_tell_from_zero_are_grey_or_arrows(field: xr.Dataset) -> None:
    figure = figures.draw("phase_diagram", field, **MAP)
    sweep = field.isel(noise_correlation_length=1)
    silent = (sweep[EPR] < 2 * sweep[f"{EPR}_standard_error"]) & (sweep[f"{EPR}_flag"] == 0)
    colour, grey = figure.axes[0].collections[:2]
    assert int((~np.ma.getmaskarray(grey.get_array())).sum()) == int(silent.sum()) > 0
    zero = int(((sweep[f"{EPR}_flag"] == 1) & np.isin(sweep["status"], (OK, SHORT_RUN))).sum())
    (marks,) = (line for line in figure.axes[0].lines if line.get_marker() == "$0$")
    assert len(marks.get_xdata()) == zero
    shown = int((~np.ma.getmaskarray(colour.get_array())).sum())
    assert shown + int(silent.sum()) + zero == int(np.isin(sweep["status"], (OK, SHORT_RUN)).sum())
    cut = figures.draw("cut", field, variable=EPR, x="coupling", at={"shift": 0.3}, yscale="log")
    line = sweep.sel(shift=0.3, method="nearest")
    below = line[EPR] < 2 * line[f"{EPR}_standard_error"]
    arrows = [found for found in cut.axes[0].lines if found.get_gid() == "limits"]
    assert sum(len(found.get_xdata()) for found in arrows) == int(below.sum())


def test_signed_colours_are_centred_on_zero(field: xr.Dataset) -> None:
    figure = case("map, signed")
    mesh = figure.axes[0].collections[0]
    assert mesh.cmap.name == "vik"
    assert mesh.norm.vmin == -mesh.norm.vmax
    bounded = figures.draw("phase_diagram", field, **MAP, limits=[0.2, 1.5], scale="linear", levels=[0.5])
    mesh = bounded.axes[0].collections[0]
    assert (mesh.cmap.name, mesh.norm.vmin, mesh.norm.vmax) == ("batlow", 0.2, 1.5)


def test_maps_quote_the_share_and_rms_of_complete_estimates(field: xr.Dataset) -> None:
    figure = case("map with facets")
    for row, length in enumerate(field["noise_correlation_length"].values):
        sweep = field.sel(noise_correlation_length=length)
        z = sweep[f"{EPR}_z"].values[(sweep["status"] == OK) & (sweep[f"{EPR}_flag"] == 0)]
        expected = f"$|z|<2$: {100 * np.mean(np.abs(z) < 2):.1f} % of {len(z)}, rms $z$ = {np.sqrt(np.mean(z**2)):.2f}"
        assert figure.axes[2 * row + 1].get_title(loc="left") == expected


def test_calibration_panels_show_the_directly_computed_numbers(field: xr.Dataset) -> None:
    figure = case("calibration")
    samples = calibration.samples(field)
    assert [sample.name for sample in samples] == [EPR, "site_variance", "information_flow", "mode_variance"]
    for sample, axes in zip(samples, figure.axes[1:], strict=True):
        z, status = xr.broadcast(field[f"{sample.name}_z"], field["status"])
        direct = z.values[(status.values == OK) & (field[f"{sample.name}_flag"].values == 0)]
        test = stats.kstest(direct, stats.t(15).cdf)
        assert np.array_equal(np.sort(sample.z), np.sort(direct))
        assert sample.p_value == pytest.approx(test.pvalue, rel=1e-12)
        assert (*zscores.numbers(sample.z), sample.p_value) == pytest.approx(
            compare_with_student(direct)[:4], rel=1e-12
        )
        _, deviation = calibration.deviation(sample.z)
        assert np.abs(deviation).max() == pytest.approx(test.statistic * np.sqrt(len(direct)), rel=1e-12)
        left, right = (text.get_text() for text in axes.texts if "$" in text.get_text())
        assert left == f"$n$ = {len(direct)}\nKS $p$ = {test.pvalue:.2f}"
        assert right == f"$|z|<2$: {100 * np.mean(np.abs(direct) < 2):.1f} %\nrms {np.sqrt(np.mean(direct**2)):.2f}"
        tops = [text.get_window_extent().transformed(axes.transData.inverted()).y0 for text in axes.texts[:2]]
        assert min(tops) > max(patch.get_data().values.max() for patch in axes.patches), "numbers over the bars"


def test_calibration_sees_errors_that_are_too_small(field: xr.Dataset) -> None:
    wrong = field.assign({f"{EPR}_z": 1.6 * field[f"{EPR}_z"]})
    band = stats.kstwobign.ppf(0.999)
    assert np.abs(calibration.deviation(calibration.samples(wrong, [EPR])[0].z)[1]).max() > band
    assert np.abs(calibration.deviation(calibration.samples(field, [EPR])[0].z)[1]).max() < band


def test_collapse_compares_cells_in_combined_standard_errors(field: xr.Dataset) -> None:
    for name, same in ((EPR, True), ("site_variance", False)):
        value, error = field[name].values, field[f"{name}_standard_error"].values
        good = ((field["status"] == OK) & (field[f"{name}_flag"] == 0)).all("noise_correlation_length").values
        direct = (value[..., 1] - value[..., 0])[good] / np.hypot(error[..., 1], error[..., 0])[good]
        found = collapse.differences(field, name, "noise_correlation_length", [0, 1])
        assert np.allclose(np.sort(found), np.sort(direct), rtol=1e-12)
        chosen = select("test", field, name, {"x": "coupling", "series": "noise_correlation_length"})
        axis = chosen.axis("coupling")
        lines = [curves.curve(chosen.at("noise_correlation_length", i), axis) for i in (0, 1)]
        assert collapse.one_curve(lines) == same
        assert (np.mean(np.abs(found) < 2) > 0.85) == same
