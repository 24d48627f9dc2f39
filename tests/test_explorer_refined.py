"""The explorer of a refined sweep: points of different spacing, what was located, cuts and table through the chosen point."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from figure_refined import GAINS, refined_points
from nessmap.explorer.payload import payload
from nessmap.figures.axis import axis_of
from test_explorer import browser, diagram, fact, in_a_browser, opened

__all__ = ["browser", "opened"]  # fixtures

SEVEN_DIGITS = 0.5e-6  # half a unit of the last one, of a number that begins with 1


def volume():
    """A refined sweep of three axes: a plane for each gain."""
    dataset = refined_points().copy()
    dataset["key"] = "point", np.array([f"{k:032x}" for k in range(dataset.sizes["point"])], object)
    dataset["wall_time"] = "point", np.full(dataset.sizes["point"], 0.25)
    dataset["flow_flag"] = dataset["flow_flag"].assign_attrs(flag_meanings="estimate zero undefined no_run")
    return dataset.assign_attrs(sweep="plane", model="excitatory_inhibitory_field", title="A plane")


def plane():
    """A refined plane at one gain, as a sweep of two axes has it."""
    dataset = volume()
    own, held = GAINS.index(2.0), {}
    held["point"] = np.flatnonzero(dataset["place_gain"].values == own)
    held["crossing"] = np.flatnonzero(dataset["boundary_place_gain"].values == own)
    one = dataset.isel(held).drop_vars(["gain", "place_gain", "boundary_gain", "boundary_place_gain"], errors="ignore")
    one["key"] = "point", np.array([f"{k:032x}" for k in range(one.sizes["point"])], object)
    return one


def test_boundaries_are_in_the_payload_with_their_errors():
    dataset = plane()
    found = payload(dataset, "x")["boundaries"]
    assert sum(len(group["axis"]) for group in found) == dataset.sizes["crossing"]
    assert {group["of"] for group in found} == {str(words) for words in dataset["boundary_of"].values}
    for group in found:
        own = dataset["boundary_of"].values.astype(str) == group["of"]
        for name in ("coupling", "noise"):
            assert group["places"][name] == pytest.approx(dataset[f"boundary_{name}"].values[own], rel=SEVEN_DIGITS)
        errors = [np.nan if error is None else error for error in group["error"]]
        assert errors == pytest.approx(dataset["boundary_error"].values[own], rel=SEVEN_DIGITS, nan_ok=True)


def test_an_end_of_a_crossed_edge_has_the_coordinates_of_its_points():
    dataset = volume()
    for group in payload(dataset, "x")["boundaries"]:
        for name in ("gain", "coupling", "noise"):
            held = [v for v, along in zip(group["places"][name], group["axis"], strict=True) if along != name]
            assert held or (name, group["of"]) == ("coupling", "stability")
            assert set(held) <= set(dataset[name].values)


def test_an_axis_that_was_refined_keeps_the_scale_of_its_grid():
    (axis,) = payload(plane(), "x")["axes"]
    assert {c["name"]: c.get("geometric") for c in axis["coordinates"]} == {"coupling": False, "noise": True}


SERIES = {
    "equal steps": [0.1, 3.4, 6.7, 10.0],
    "equal ratios over two decades": [0.1, 1.0, 10.0],
    "equal ratios over two octaves": [0.5, 1.0, 2.0],
    "one, two, five": [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0],
    "one of them negative": [-1.0, 1.0, 10.0],
}


@pytest.mark.parametrize("values", SERIES.values(), ids=SERIES)
def test_a_page_and_a_figure_have_the_same_scale_along_an_axis(values):
    dataset = diagram(len(values), 3, 2).assign_coords(coupling=values)
    listed = dataset.stack(point=("coupling", "shift", "noise")).reset_index("point")
    for given in (dataset, listed):
        (sent,) = (c for axis in payload(given, "x")["axes"] for c in axis["coordinates"] if c["name"] == "coupling")
        assert sent["geometric"] == axis_of(dataset["coupling"]).logarithmic


class TestInABrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize("power", [1, 3], ids=["as it is", "points closer still"])
    def test_points_do_not_overlap_and_boundaries_are_marked(self, opened, power):
        dataset = plane()
        dataset = dataset.assign_coords(coupling=dataset["coupling"] ** power)
        dataset["boundary_coupling"] = dataset["boundary_coupling"] ** power
        view = opened(dataset)
        assert view.watched_errors == []
        assert [view.locator(f"#{name}").input_value() for name in "xy"] == ["coupling", "noise"]
        drawn = view.locator("#map circle:not(defs circle)").evaluate_all(
            "all => all.map((c) => ['cx', 'cy', 'r'].map((name) => Number(c.getAttribute(name))))"
        )
        x, y, radius = np.array(drawn).T
        assert len(x) == dataset.sizes["point"]
        apart = np.hypot(x[:, None] - x, y[:, None] - y) + np.diag(np.full(len(x), np.inf))
        free = radius > 2  # smaller ones would not be seen
        assert (radius[:, None] + radius <= apart)[np.ix_(free, free)].all()
        assert len(set(radius)) > 1 or power == 1, "smaller where points are closer"
        assert view.locator("#map .located").count() == dataset.sizes["crossing"]
        words = view.locator("#map").inner_text()
        assert "edge of stability" in words
        assert "flow = 0" in words

    def test_an_error_that_reaches_beyond_the_panel_ends_at_its_frame(self, opened):
        dataset = plane()
        across = dataset["boundary_axis"].values == "coupling"
        dataset["boundary_error"][:] = np.where(across, 0.01, 20.0)  # noise is from 0.1 to 10, in equal ratios
        dataset["boundary_error"][np.flatnonzero(across)[:3]] = 5.0
        view = opened(dataset)
        bars = view.locator("#map path.error").evaluate_all("all => all.map((path) => path.getAttribute('d'))")
        assert len(bars) == dataset.sizes["crossing"]
        rims = view.locator("#map path[stroke='#fff']:has(+ path.error)").evaluate_all(
            "all => all.map((path) => path.getAttribute('d'))"
        )
        assert rims == bars, "black on a dark page is not seen without"
        box = view.evaluate("BOX")
        flat = [re.fullmatch(r"M([\d.]+) ([\d.]+)H([\d.]+)", bar) for bar in bars]
        upright = [re.fullmatch(r"M([\d.]+) ([\d.]+)V([\d.]+)", bar) for bar in bars]
        rows = [(float(bar[1]), float(bar[3])) for bar in flat if bar]
        columns = [(float(bar[2]), float(bar[3])) for bar in upright if bar]
        assert len(rows) == across.sum()
        assert rows.count((box["left"], box["right"])) == 3
        assert all(box["left"] <= low < high <= box["right"] for low, high in rows)
        assert columns == [(box["bottom"], box["top"])] * int((~across).sum())

    def test_of_three_axes_a_plane_is_shown_with_its_own_boundaries_and_said(self, opened):
        dataset = volume()
        view = opened(dataset)
        assert [view.locator(f"#{name}").input_value() for name in "xy"] == ["coupling", "noise"]
        slider = view.locator("#sliders input")
        assert slider.get_attribute("max") == "2"
        assert slider.input_value() == "1"
        for k, (gain, said) in enumerate(zip(GAINS, ("0.3333", "1", "2"), strict=True)):
            slider.fill(str(k))
            own = np.flatnonzero(dataset["gain"].values == gain)
            assert view.locator("#map circle:not(defs circle)").count() == len(own)
            crossing = int((dataset["boundary_gain"] == gain).sum())
            assert view.locator("#map .located").count() == crossing > 0
            assert view.locator("#map svg > text.soft").text_content() == f"gain = {said}"
            assert view.locator("#sliders output").inner_text() == said
            assert fact(view, "key") in dataset["key"].values[own]
            view.locator("#map circle:not(defs circle)").nth(5).click(force=True)
            assert fact(view, "key") == dataset["key"].values[own[5]]
        assert view.watched_errors == []

    def test_another_plane_is_entered_at_the_nearest_point_and_keys_stay_in_it(self, opened):
        dataset = volume()
        coupling, noise, gain = (dataset[name].values for name in ("coupling", "noise", "gain"))
        here = int(np.argmin(np.hypot(coupling - 0.45, np.log(noise)) + 10 * (gain != 2.0)))
        view = opened(dataset, f"#0.0.1.2.0.l.{here}")
        view.locator("#sliders input").fill("0")
        own = np.flatnonzero(gain == GAINS[0])
        box = view.evaluate("BOX")
        # in pixels: the panel reaches half the outermost cells beyond the outermost points
        ends = [sorted(set(values)) for values in (coupling, np.log(noise))]
        spans = [e[-1] - e[0] + (e[1] - e[0] + e[-1] - e[-2]) / 2 for e in ends]
        across = (coupling[own] - coupling[here]) / spans[0] * (box["right"] - box["left"])
        up = (np.log(noise[own]) - np.log(noise[here])) / spans[1] * (box["bottom"] - box["top"])
        assert fact(view, "key") == dataset["key"].values[own[np.argmin(np.hypot(across, up))]]
        view.locator("#map").focus()
        for key in ("End", "ArrowLeft", "ArrowDown", "Home", "ArrowRight", "ArrowUp", "PageUp", "PageDown"):
            view.keyboard.press(key)
            assert fact(view, "key") in dataset["key"].values[own]
            if key == "End":
                assert fact(view, "key") == dataset["key"].values[own[-1]]
        view.select_option("#y", "")
        row = np.flatnonzero((gain == GAINS[0]) & (noise == noise[own[0]]))
        assert view.locator("#map circle").count() + view.locator("#map text.soft").count() == len(row)
        shown = []
        for key in ("Home", "ArrowRight", "End"):
            view.keyboard.press(key)
            shown.append(fact(view, "key"))
        row = row[np.argsort(coupling[row])]
        assert shown == dataset["key"].values[row[[0, 1, -1]]].tolist()

    def test_points_of_which_no_two_lie_in_a_plane_are_all_shown(self, opened):
        dataset = volume().isel(point=slice(None, None, 7))
        rng = np.random.default_rng(2)
        dataset = dataset.assign_coords(gain=dataset["gain"] + 1e-3 * rng.random(dataset.sizes["point"]))
        view = opened(dataset.drop_vars(name for name in dataset if str(name).startswith(("boundary", "place"))))
        view.select_option("#x", "coupling")
        view.select_option("#y", "noise")
        assert view.watched_errors == []
        assert view.locator("#sliders input").count() == 0
        assert view.locator("#map circle:not(defs circle)").count() == dataset.sizes["point"]
        assert view.locator("#map svg > text.soft").text_content() == ""

    def test_a_cut_through_a_point_without_companions_holds_it_alone(self, opened):
        dataset = volume()
        places = list(zip(dataset["coupling"].values, dataset["noise"].values, strict=True))
        alone = next(k for k, place in enumerate(places) if places.count(place) == 1)
        accompanied = next(k for k, place in enumerate(places) if places.count(place) == len(GAINS))
        for chosen, expected in ((alone, 1), (accompanied, len(GAINS))):
            view = opened(dataset, f"#0.0.1.2.0.l.{chosen}")
            along_gain = view.locator("#cuts svg").filter(has_text="gain")
            assert along_gain.count() == 1
            crosses = along_gain.locator("text", has_text="\N{MULTIPLICATION SIGN}").count()
            assert along_gain.locator("circle").count() + crosses == expected

    def test_cut_and_table_hold_the_points_of_one_row(self, opened):
        dataset = plane()
        view = opened(dataset)
        chosen = int(dataset.sizes["point"] // 2)
        for name, index in (("coupling", 0), ("noise", 1)):
            other = "noise" if name == "coupling" else "coupling"
            own = np.flatnonzero(dataset[other].values == dataset[other].values[chosen])
            cut = view.locator("#cuts svg").nth(index)
            assert (
                cut.locator("circle").count() + cut.locator("text", has_text="\N{MULTIPLICATION SIGN}").count()
                == len(own)
                > 1
            )
        view.locator("summary").click()
        own = np.flatnonzero(dataset["noise"].values == dataset["noise"].values[chosen])
        cells = view.locator("#table tbody tr td:first-child").all_inner_texts()
        assert [float(cell) for cell in cells] == sorted(
            dataset["coupling"].values[own]
        )  # as they are, to the last digit

    def test_arrows_lead_to_the_next_point_in_their_direction(self, opened):
        dataset = plane()
        coupling, noise = (dataset[name].values for name in ("coupling", "noise"))
        here = int(np.argmin(np.hypot(coupling - 0.45, np.log(noise))))
        view = opened(dataset, f"#0.0.0.1.0.l.{here}")
        view.locator("#map").focus()
        for key, values, sign in (("ArrowRight", coupling, 1), ("ArrowUp", noise, 1), ("ArrowLeft", coupling, -1)):
            view.keyboard.press(key)
            key_shown = fact(view, "key")
            (there,) = np.flatnonzero(dataset["key"].values.astype(str) == key_shown)
            assert sign * (values[there] - values[here]) > 0
            here = int(there)
        assert view.locator("#command").inner_text().startswith("nessmap point plane ")
        for name in ("coupling", "noise"):
            assert f"{name}=" in view.locator("#command").inner_text()

    def test_a_click_chooses_the_point_below_it_and_the_file_has_all(self, opened):
        dataset = plane()
        view = opened(dataset)
        for k in (0, 7, dataset.sizes["point"] - 1):
            view.locator("#map circle:not(defs circle)").nth(k).click(force=True)
            assert fact(view, "key") == str(dataset["key"].values[k])
        with view.expect_download() as download:
            view.click("#csv")
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
        assert len(rows) == dataset.sizes["point"]

    @pytest.mark.parametrize("theme", ["l", "d"])
    def test_nothing_bars_a_reader(self, opened, theme):
        from axe_playwright_python.sync_playwright import Axe

        view = opened(volume(), f"#0.0.1.2.0.{theme}.3")
        view.locator("summary").click()
        assert [f"{v['id']}: {v['help']}" for v in Axe().run(view).response["violations"]] == []
