"""Figures of several observables, and of observables with dimensions of their own: what they show, and where."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.text import Annotation

from figure_cases import REFINEMENT, SPECTRUM, TERMS, case
from figure_sweeps import BALANCE, EPR, GRID, OK, SHORT_RUN, UNSTABLE, common_sweep, driven_sweep, refined_sweep
from nessmap import figures
from nessmap.figures import colours, contours, curves, ends, refinement, style, surfaces, terms
from nessmap.figures.selection import select, select_all


@pytest.fixture
def driven() -> xr.Dataset:
    return driven_sweep()


def marked(axes: Axes, gid: str) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation) and text.get_gid() == gid]


def test_every_term_is_drawn_with_its_theory_its_name_and_its_symbol(driven: xr.Dataset) -> None:
    figure = case("terms")
    upper, lower = figure.axes
    cell = driven.isel(coupling=1, drive=1)
    lines = [line for line in upper.lines if line.get_gid() == "theory"]
    for index, (name, line, points) in enumerate(zip(BALANCE, lines, upper.containers, strict=True)):
        assert np.array_equal(line.get_ydata(), cell[f"{name}_theory"])
        assert np.array_equal(points[0].get_ydata(), cell[name])
        assert line.get_color() == points[0].get_color() == colours.SERIES[index]
        entry = figure.legends[-1].get_texts()[index].get_text()
        assert entry == f"{driven[name].attrs['long_name']} ${driven[name].attrs['symbol']}$"
    symbols = marked(upper, "end")
    assert [text.get_text() for text in symbols] == [f"${driven[name].attrs['symbol']}$" for name in BALANCE]
    assert [text.get_color() for text in symbols] == list(colours.SERIES[:5])
    assert upper.get_ylabel().endswith(r"($k_\mathrm{B}/\mathrm{time}$)")
    z = np.concatenate([cell[f"{name}_z"].values for name in BALANCE])
    assert lower.get_title(loc="left").startswith(f"$|z|<2$: {100 * np.mean(np.abs(z) < 2):.1f} % of {len(z)}")
    assert sum(len(line.get_xdata()) for line in lower.lines if line.get_gid() == "z") == len(z)


def test_symbols_stand_at_the_ends_of_their_curves_in_the_same_order() -> None:
    upper = case("terms").axes[0]
    heights = [text.xy[1] for text in marked(upper, "end")]
    last = [line.get_ydata()[-1] for line in upper.lines if line.get_gid() == "theory"]
    assert np.array_equal(np.argsort(heights), np.argsort(last))
    # Three terms end within one line of each other, so none is moved by more than two lines of its room.
    low, high = upper.get_ylim()
    line = 1.6 * style.SMALL / 72 / (upper.get_window_extent().height / 100)
    assert np.abs(np.array(heights) - (np.array(last) - low) / (high - low)).max() < 2 * line


def test_symbols_of_curves_that_leave_the_panel_keep_their_order(driven: xr.Dataset) -> None:
    figure = case("terms, beyond the panel")
    heights = [text.xy[1] for text in marked(figure.axes[0], "end")]
    line = figure.axes[0].lines
    last = [found.get_ydata()[np.isfinite(found.get_ydata())][-1] for found in line if found.get_gid() == "theory"]
    assert sum(value > figure.axes[0].get_ylim()[1] for value in last) == 2
    assert np.array_equal(np.argsort(heights), np.argsort(last))


@pytest.mark.parametrize("seed", range(5))
def test_words_at_the_ends_are_moved_as_little_as_they_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted, gap = rng.uniform(0.2, 0.8, 5), 0.1
    heights = ends.apart(wanted, gap)
    order = np.argsort(wanted)
    assert np.diff(heights[order]).min() >= gap - 1e-12
    assert gap / 2 - 1e-12 <= heights.min() <= heights.max() <= 1 - gap / 2 + 1e-12
    for _ in range(200):  # no other heights with the same gaps are nearer in least squares
        other = np.sort(heights[order] + rng.normal(0, 0.03, 5))
        if np.diff(other).min() >= gap:
            assert np.sum((other - wanted[order]) ** 2) >= np.sum((heights - wanted) ** 2) - 1e-12
    free = np.array([0.9, 0.1, 0.5])
    assert np.allclose(ends.apart(free, 0.1), free, atol=1e-12)


def test_zero_has_a_line_where_terms_of_both_signs_occur(driven: xr.Dataset) -> None:
    held = {"coupling": 0.6, "drive": 0.5}
    opposite = driven.assign(excess=-driven["excess"], excess_theory=-driven["excess_theory"])
    for sweep, expected in ((driven, 0), (opposite, 1)):
        figure = figures.draw("terms", sweep, variables=["excess", "housekeeping"], x="time", at=held)
        levels = [line for line in figure.axes[0].lines if line.get_gid() == "reference"]
        assert len(levels) == expected


def test_terms_follow_the_theory_line_where_the_store_has_one() -> None:
    field = common_sweep()
    figure = figures.draw("terms", field, variables=[EPR], x="coupling", at={"noise_correlation_length": 0})
    (line,) = (found for found in figure.axes[0].lines if found.get_gid() == "theory")
    stored = field[f"{EPR}_theory_line_coupling"].isel(shift=5, noise_correlation_length=0)
    assert np.array_equal(line.get_ydata(), stored, equal_nan=True)


def test_an_axis_that_only_some_observables_have_may_be_held() -> None:
    field = common_sweep()
    chosen = select_all("test", field, ["site_variance", "mode_variance"], {"x": "coupling"}, {"wavenumber": 2.0})
    assert [len(term.statements) for term in chosen] == [2, 3]
    assert chosen[1].statements[-1] == r"wavenumber = 2.094$/\mathrm{length}$"
    assert terms.one_unit(chosen) == ""


def test_refinement_divides_by_the_finest_grid_and_writes_the_slopes() -> None:
    sweep = refined_sweep().isel(coupling=1)
    figure = case("refinement")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["16", "32", "64", "128", "256"]
    for name, points in zip(GRID, axes.containers, strict=False):
        assert np.allclose(points[0].get_ydata(), sweep[name] / sweep[name][-1], rtol=1e-12)
    lines = [line for line in axes.lines if line.get_gid() == "theory"]
    for name, line in zip(GRID[:3], lines, strict=True):  # the last is zero on every grid
        assert np.allclose(line.get_ydata(), sweep[f"{name}_theory"] / sweep[name][-1], rtol=1e-12)
    assert [text.get_text() for text in marked(axes, "end")] == [
        r"$\dot\Sigma$: converges",
        r"$\langle u^2\rangle$: ${\propto}N^{1.0}$",
        "$C$: ${\\propto}N^{-0.5}$",
    ]
    assert figure.legends[-1].get_texts()[-1].get_text() == r"information flow $\dot I$ (exactly 0)"
    assert axes.get_ylabel() == "value / value at $N$ = 256"


def test_slopes_scatter_as_their_errors_say() -> None:
    rng, n, sample = np.random.default_rng(3), np.array([32.0, 64.0, 128.0]), 4000
    error = np.array([0.02, 0.03, 0.05])
    found = [refinement.power(n, n**0.7 * (1 + error * rng.normal(size=3)), error * n**0.7) for _ in range(sample)]
    z = np.array([(trend.slope - 0.7) / trend.error for trend in found])
    # The mean of 4000 normal z-scores within four standard errors, and a bias of log (1 + e) of e^2/2 over 1/30.
    assert abs(z.mean()) < 4 / np.sqrt(sample) + 0.05
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * sample) + 0.01


def test_a_slope_that_errors_hide_is_not_called_convergence() -> None:
    texts = [refinement.trend_text(refinement.Trend(0.02, error), "N") for error in (0.01, 0.2)]
    assert texts == ["converges", r"${\propto}N^{0.0\pm0.2}$"]


def test_refinement_without_estimates_takes_the_theory() -> None:
    sweep = refined_sweep()
    kept = [str(name) for name in sweep.data_vars if "theory" in str(name)]
    bare = sweep[[*kept, "leading_rate"]]
    figure = figures.draw("refinement", bare, variables=["point_variance", "coherence"], x="n_site")
    words = [text.get_text() for text in marked(figure.axes[0], "end")]
    assert words == [r"${\propto}N^{1.0}$", r"${\propto}N^{-0.5}$"], "these have no symbols to name them by"
    assert not figure.axes[0].containers


def test_estimates_without_a_place_on_the_logarithmic_axis_are_named() -> None:
    sweep = refined_sweep()
    noise = sweep.assign(coherence=0 * sweep["coherence"] + 0.1 * sweep["coherence_standard_error"])
    names = figures.draw("refinement", noise.drop_vars("coherence_theory"), **REFINEMENT).legends[-1].get_texts()
    assert names[2].get_text() == "coherence $C$ (no resolved value)"
    turned = sweep.assign(coherence=sweep["coherence"] * xr.where(sweep["n_site"] < 40, -1, 1))
    names = figures.draw("refinement", turned, **REFINEMENT).legends[-1].get_texts()
    assert names[2].get_text() == "coherence $C$ (changes sign)"


def test_whole_numbers_in_equal_ratios_are_ticked_at_their_values() -> None:
    figure = figures.draw("cut", refined_sweep(), variable="coherence", x="n_site", series="coupling")
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()] == ["16", "32", "64", "128", "256"]


def test_refinement_of_one_row_per_facet_is_drawn_in_columns() -> None:
    figure = case("refinement, facets")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"coupling $g$ = {g}" for g in (0.2, 0.5, 0.8)]
    missing = refined_sweep().drop_sel(n_site=[16, 32, 64, 128])
    with pytest.raises(ValueError, match="n_site has the values 256, expected two or more positive numbers"):
        figures.draw("refinement", missing, **REFINEMENT)


def test_a_map_over_own_dimensions_shows_the_point_that_is_chosen(driven: xr.Dataset) -> None:
    figure = case("map, own dimensions")
    cell = driven.isel(coupling=1, drive=1)["power_spectrum"]
    mesh = figure.axes[0].collections[0]
    assert type(mesh.norm).__name__ == "LogNorm"
    assert np.array_equal(np.ma.getdata(mesh.get_array()), cell.transpose("frequency", "wavenumber"))
    edges = mesh.get_coordinates()[:, 0, 1]
    f = driven["frequency"].values
    assert np.allclose(edges[1:-1], (f[1:] + f[:-1]) / 2, rtol=1e-12), "steps are not uniform"
    assert not [found for found in figure.axes[0].collections if found.get_gid() == "boundary" and found.get_paths()]
    assert "stability boundary" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_facets_of_own_dimensions_are_hatched_by_the_status_of_their_point(driven: xr.Dataset) -> None:
    figure = case("map, own dimensions and facets")
    for row, status in enumerate(driven["status"].isel(drive=1).values):
        for axes in figure.axes[2 * row : 2 * row + 2]:
            cells = {patch.get_hatch(): patch for patch in axes.patches if isinstance(patch, PathPatch)}
            expected = {OK: set(), SHORT_RUN: {style.DOTS}, UNSTABLE: {style.STATUSES[UNSTABLE][1]}}[int(status)]
            assert set(cells) == expected
            for patch in cells.values():  # all cells, which are one rectangle
                assert len(patch.get_path().vertices) == 5
                assert np.array_equal(patch.get_path().get_extents().get_points().T, [axes.get_xlim(), axes.get_ylim()])


def test_log_colours_end_eight_decades_below_the_largest_value(driven: xr.Dataset) -> None:
    norm = case("map, own dimensions").axes[0].collections[0].norm
    spectrum = driven.isel(coupling=1, drive=1)["power_spectrum"]
    assert float(spectrum.max() / spectrum.min()) > 1e8
    assert (norm.vmin, norm.vmax) == pytest.approx((float(spectrum.max()) / 1e8, float(spectrum.max())), rel=1e-12)


def test_contours_between_cells_follow_decades(driven: xr.Dataset) -> None:
    x, y = np.linspace(0, 4, 9), np.linspace(0, 3, 7)
    values = np.exp(-3 * x[None, :] - 2 * y[:, None])
    for level in (1e-3, 1e-5):
        (line,) = contours.contour_lines(surfaces.Surface(x, y, values, fine=False), level)
        # An exponential is linear in its logarithm, so the contour is exact to rounding.
        assert np.allclose(-3 * line[:, 0] - 2 * line[:, 1], np.log(level), rtol=1e-9)
    chosen = select("test", driven, "power_spectrum", {"x": "wavenumber", "y": "frequency"})
    found = surfaces.surface(chosen, "power_spectrum_theory", chosen.axis("wavenumber"), chosen.axis("frequency"))
    assert found is not None
    assert not found.fine


def test_cuts_along_own_dimensions_hold_the_nearest_of_the_other(driven: xr.Dataset) -> None:
    figure = case("cut, frequency")
    k = driven["wavenumber"].sel(wavenumber=1.0, method="nearest")
    assert f"wavenumber $k$ = {float(k):.4g}" in figure.legends[-1].get_title().get_text()
    cell = driven.sel(wavenumber=k).isel(coupling=0)["power_spectrum"]
    for drive, points in enumerate(figure.axes[0].containers):
        assert np.array_equal(points[0].get_xdata(), driven["frequency"])
        assert np.array_equal(points[0].get_ydata(), cell.isel(drive=drive))
    unstable = select("test", driven, "entropy_change", {"x": "time"}, {"coupling": 1.1})
    line = curves.curve(unstable, unstable.axis("time"))
    assert not line.shown.any()
    assert len(line.unstable) == 1


def test_spectrum_without_facet_states_what_is_held(driven: xr.Dataset) -> None:
    assert figures.draw("phase_diagram", driven, **SPECTRUM).get_suptitle() == "at coupling $g$ = 0.9, drive $h$ = 0.5"
    assert figures.draw("terms", driven, **TERMS).legends[-1].get_title().get_text() == (
        "at coupling $g$ = 0.9, drive $h$ = 0.5"
    )
