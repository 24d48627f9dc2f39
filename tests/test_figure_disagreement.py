"""Figures of approximate theory: how it fails, where it cannot be judged, and that figures say that it is approximate."""

import logging
import re
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

from figure_approximations import CASES, FAILURE, RATE, approximate_sweep, case, common_approximation, without_runs
from figure_legibility import assert_legible
from figure_sweeps import OK, SHORT_RUN
from nessmap import figures
from nessmap.figures import calibration, colours, contours, disagreement, surfaces, theory_kind
from nessmap.figures.axis import Axis
from nessmap.figures.selection import select

DISAGREEMENT = {"variable": RATE, "series": "slope"}
SIZE = ("noise_strength", "slope")


@pytest.fixture
def sweep() -> xr.Dataset:
    return common_approximation()


def words(name: str) -> list[str]:
    """All that the legends and the title of a figure say, line by line."""
    figure = case(name)
    texts = [text.get_text() for legend in figure.legends for text in [legend.get_title(), *legend.get_texts()]]
    return [line for text in [figure.get_suptitle(), *texts] for line in text.split("\n")]


def points_of(axes: Axes) -> list[tuple[str, bool, np.ndarray, np.ndarray]]:
    """Colour, filled, x and y of the points."""
    drawn = [container[0] for container in axes.containers]
    return [(line.get_color(), line.get_markerfacecolor() != "white", *line.get_data()) for line in drawn]


def test_disagreement_is_relative_to_the_theory_and_undefined_where_that_is_zero(sweep: xr.Dataset) -> None:
    chosen = select("test", sweep, RATE, {}, hold=False)
    found = disagreement.relative(chosen, SIZE)
    theory = sweep[f"{RATE}_theory"].values
    assert np.array_equal(found.zero, theory == 0)
    assert found.zero.sum() == found.short.sum() == 1
    known = ~found.zero
    assert np.allclose(found.value[known], sweep[RATE].values[known] / theory[known] - 1, rtol=1e-12, atol=1e-14)
    assert np.allclose(found.error[known], 0.004, rtol=1e-12)
    assert np.isnan(found.value[~known]).all()


def test_a_theory_that_is_zero_to_rounding_is_zero(sweep: xr.Dataset) -> None:
    rounded = sweep.copy(deep=True)
    for part in ("theory", "expected"):
        rounded[f"{RATE}_{part}"][0, 0] = 3e-33
    assert disagreement.relative(select("test", rounded, RATE, {}, hold=False), SIZE).zero[0, 0]


def test_a_known_bias_of_the_time_step_is_no_disagreement(sweep: xr.Dataset) -> None:
    biased = sweep.assign({f"{RATE}_expected": 0.97 * sweep[f"{RATE}_theory"], RATE: 0.97 * sweep[RATE]})
    found, plain = (disagreement.relative(select("test", data, RATE, {}, hold=False), SIZE) for data in (biased, sweep))
    assert np.allclose(found.value, plain.value, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_axes_that_are_not_named_are_kept_only_where_asked(sweep: xr.Dataset) -> None:
    kept = select("test", sweep, RATE, {}, {"slope": 2.0}, hold=False)
    assert kept.dataset[RATE].dims == ("noise_strength",)
    assert kept.statements == (r"slope $\beta$ = 2$/\mathrm{u}$",)
    assert select("test", sweep, RATE, {}).dataset[RATE].dims == ()


def test_guides_find_the_coefficient_of_a_law_that_ends() -> None:
    x = np.geomspace(0.01, 1.0, 9)
    law = 3.0 * x**2 / (1 + np.where(x > 0.2, x, 0.0))
    assert disagreement.guide_factor(x, law, 2) == pytest.approx(3.0, rel=1e-12)
    assert disagreement.guide_factor(x[::-1], law[::-1], 2) == pytest.approx(3.0, rel=1e-12)


@pytest.mark.slow
def test_every_point_that_has_a_place_is_drawn_in_its_colour(sweep: xr.Dataset) -> None:
    upper, lower = case("disagreement").axes
    small, theory = sweep["small_parameter"].values, sweep[f"{RATE}_theory"].values
    usable = np.isfinite(small) & (theory > 0) & (sweep["status"].values == OK)
    ratio = sweep[RATE].values / np.where(theory > 0, theory, np.nan) - 1
    found = points_of(upper)
    assert sum(len(x) for *_, x, _ in found) == usable.sum() == 24
    for index, colour in enumerate(colours.SERIES[:3]):
        for filled in (True, False):
            drawn = [(x, y) for shade, full, x, y in found if (shade, full) == (colour, filled)]
            resolved = np.abs(ratio[:, index]) >= 2 * 0.004
            cells = usable[:, index] & (resolved if filled else ~resolved)
            assert np.array_equal(np.concatenate([x for x, _ in drawn] or [[]]), small[cells, index])
            assert np.allclose(np.concatenate([y for _, y in drawn] or [[]]), ratio[cells, index], rtol=1e-9)
    assert upper.get_xscale() == lower.get_xscale() == lower.get_yscale() == "log"
    assert all(filled and (y > 0).all() for _, filled, _, y in points_of(lower))
    assert "left out: 1 (theory is 0), 1 (short run), 1 (no small" in " ".join(words("disagreement"))


@pytest.mark.slow
@pytest.mark.parametrize(("x", "power"), [(None, 2), ("noise_strength", 1)])
def test_guides_have_the_power_and_the_coefficient_with_which_the_theory_fails(x: str | None, power: int) -> None:
    exact = approximate_sweep(error=1e-9)
    figure = figures.draw("disagreement", exact, **DISAGREEMENT, **({"x": x} if x else {}))
    guides = [line for line in figure.axes[1].lines if line.get_gid() == "guide"]
    assert len(guides) == 3
    for line, failure, slope in zip(guides, np.abs(FAILURE), (1.0, 2.0, 3.0), strict=True):
        coefficient = failure if x is None else failure * slope**2 / 16
        places, values = line.get_data()
        # errors of 1e-9 in a disagreement of 1e-4 and more
        assert np.allclose(values, coefficient * places**power, rtol=1e-4)
    assert figure.legends[1].get_texts()[-1].get_text() == (r"${\propto}\,r^2$" if x is None else r"${\propto}\,D_0$")


@pytest.mark.slow
def test_there_is_no_power_law_panel_without_three_resolved_points() -> None:
    for name in ("unresolved", "one colour", "no runs"):
        (axes,) = case(name).axes
        assert not any(filled for _, filled, *_ in points_of(axes)) or name == "one colour"
    assert "within 2 s.e. of 0" in words("unresolved")
    assert case("no runs").axes[0].texts[-1].get_text() == "no complete run whose theory is not 0"


@pytest.mark.slow
def test_map_of_the_disagreement_is_grey_where_it_is_not_resolved(sweep: xr.Dataset) -> None:
    left, right = case("map").axes[:2]
    ratio = (sweep[RATE] / sweep[f"{RATE}_theory"].where(sweep[f"{RATE}_theory"] > 0) - 1).transpose(
        "slope", "noise_strength"
    )
    resolved = np.abs(ratio.values) >= 2 * 0.004
    colour, grey = left.collections[:2]
    shown = ~np.ma.getmaskarray(colour.get_array())
    assert np.array_equal(shown, resolved)
    assert np.allclose(np.ma.getdata(colour.get_array())[shown], ratio.values[shown], rtol=1e-9)
    assert np.array_equal(~np.ma.getmaskarray(grey.get_array()), ~resolved & np.isfinite(ratio.values))
    assert colour.cmap.name == "vik"
    assert colour.norm.vmin == -colour.norm.vmax
    for axes in (left, right):
        (marks,) = (line for line in axes.lines if line.get_marker() == "$0$")
        assert np.array_equal(marks.get_data(), [[0.001], [1.0]])
    assert {"small parameter", "theory is 0", "short run", "below 2 s.e."} <= set(words("map"))
    levels = [float(text.get_text()) for text in left.texts if text.get_gid() == "theory label"]
    assert levels == sorted(levels)
    assert set(levels) <= {0.02, 0.03, 0.05, 0.1, 0.2, 0.3}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["estimate", "cut", "cut, facets", "terms", "collapse", "refinement", "map", "disagreement"]
)
def test_figures_say_that_a_theory_is_approximate_and_which(name: str) -> None:
    mixed = name in ("terms", "collapse", "refinement")
    expected = "theory (in part approximate: linear response)" if mixed else "theory (approximate: linear response)"
    assert any(expected in line for line in words(name))


@pytest.mark.slow
def test_z_scores_against_an_approximation_are_called_what_they_are() -> None:
    for name in ("cut", "cut, facets", "terms"):
        lower = case(name).axes[-1]
        assert lower.get_title(loc="left").split("\n")[0] == "$z$ measures the approximation:"
    for name in ("estimate", "map"):
        assert case(name).axes[-1].get_ylabel() == "$z$ measures the approximation"


def test_exact_theory_is_called_theory() -> None:
    assert theory_kind.theory_words({}, {"theory_kind": "exact"}) == "theory"
    assert theory_kind.theory_words({"theory_kind": "lower_bound"}) == "theory (lower bound)"
    assert theory_kind.z_words({"theory_kind": "exact"}) == "$z$-score against theory"


def test_calibration_leaves_out_what_measures_an_approximation(sweep: xr.Dataset) -> None:
    assert [sample.name for sample in calibration.samples(sweep)] == ["site_variance"]
    with pytest.raises(ValueError, match="calibration: variables: mismatch: its theory is approximate"):
        calibration.samples(sweep, ["mismatch"])


@pytest.mark.slow
def test_calibration_counts_what_it_leaves_out(sweep: xr.Dataset) -> None:
    assert case("calibration").get_suptitle() == "left out: 2 of approximate theory"
    (axes,) = figures.draw("calibration", sweep[[name for name in sweep.data_vars if str(name).startswith(RATE)]]).axes
    assert axes.texts[0].get_text().endswith("left out: 1 of approximate theory")


@pytest.mark.slow
def test_trends_are_read_off_estimates_where_the_theory_is_approximate() -> None:
    sweep = approximate_sweep(error=1e-6)
    figure = figures.draw("refinement", sweep, variables=[RATE], x="noise_strength", at={"slope": 3.0})
    (end,) = (text.get_text() for text in figure.axes[0].texts if text.get_gid() == "end")
    # the theory is constant; the estimate 1 + 6 r^2 grows over its last three points
    assert re.fullmatch(r"\$\\dot\\Sigma\$: \$\{\\propto\}D_0\^\{0\.[3-5]\}\$", end)


def test_contours_follow_a_valley_whose_zero_is_stored_with_its_rounding() -> None:
    grid, fine = np.linspace(0, 1, 5), np.linspace(0, 1, 41)

    def valley(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(x == y, 2e-33, (x - y) ** 2)

    net = [valley(*np.meshgrid(a, b)) for a, b in ((grid, grid), (fine, grid), (grid, fine), (fine, fine))]
    found = surfaces.coons((grid, grid), net[0], (fine, fine), net[1], net[2])
    # the mixed fourth derivative vanishes, so that a patch through zeros, which is linear, is exact; others follow powers
    assert np.abs(found - net[3]).max() < 0.01
    lines = contours.contour_lines(surfaces.Surface(fine, fine, found), 0.01)
    assert np.allclose(np.abs(np.concatenate(lines) @ [1, -1]), 0.1, atol=0.01)


def test_the_axis_of_the_small_parameter_holds_every_point() -> None:
    axis: Axis = disagreement.Against("small_parameter", "small", "r").axis(np.array([0.1, 0.01, 0.5]))
    assert axis.logarithmic
    assert axis.edges[0] < 0.01 < 0.5 < axis.edges[1]


@pytest.mark.parametrize(
    ("kind", "change", "options", "message"),
    [
        ("disagreement", None, {"variable": "rate"}, "rate is no observable of this phase diagram"),
        ("disagreement", None, {"variable": RATE, "series": "slpe"}, "did you mean slope?"),
        ("disagreement", None, {"variable": RATE, "at": {"slop": 1}}, "did you mean slope?"),
        (
            "disagreement",
            lambda sweep: sweep.drop_vars("small_parameter"),
            {"variable": RATE},
            "this phase diagram has no small parameter, its model is linear; give x",
        ),
        (
            "disagreement",
            lambda sweep: sweep.drop_vars(f"{RATE}_theory"),
            {"variable": RATE},
            f"disagreement: variable = {RATE} has no theory: there is nothing to compare",
        ),
        (
            "disagreement",
            lambda sweep: sweep.assign_coords(slope=[0.0, 1.0, 2.0]),
            {"variable": RATE, "x": "slope"},
            "x = slope has the values 0.0, 1.0, 2.0, expected positive numbers",
        ),
        (
            "disagreement_map",
            lambda sweep: sweep.drop_vars(RATE),
            {"variable": RATE, "x": "noise_strength", "y": "slope"},
            f"disagreement_map: variable = {RATE} has no estimate",
        ),
    ],
)
def test_mistakes_in_figures_of_disagreement_are_named(
    sweep: xr.Dataset, kind: str, change: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        figures.draw(kind, change(sweep) if change else sweep, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_figures_of_approximations_are_legible(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        figure = case(name)
    assert not caplog.records
    assert_legible(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["disagreement", "map"])
def test_redrawing_a_disagreement_gives_the_same_bytes(tmp_path: Any, name: str) -> None:
    kind, _, options = CASES[name]
    written = []
    for turn in "ab":
        sweep = approximate_sweep()
        written += figures.save(figures.draw(kind, sweep, **options), tmp_path / turn, sweep.attrs, ("svg",))
    assert written[0].read_bytes() == written[1].read_bytes()


def test_a_sweep_without_runs_has_nothing_to_compare(sweep: xr.Dataset) -> None:
    found = disagreement.relative(select("test", without_runs(sweep), RATE, {}, hold=False), SIZE)
    assert not np.isfinite(found.value).any()
    assert not found.short.any()
    assert (sweep["status"].values == SHORT_RUN).sum() == 1
