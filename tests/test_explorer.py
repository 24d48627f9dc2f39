"""The explorer in a real browser: what it draws, keys, clicks, links, files, no request, no barrier."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nessmap.explorer import page, write
from nessmap.explorer.payload import bits_of, packed, payload

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
in_a_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ, reason="no chromium on the path: apt-get install chromium"
    ),
]


def diagram(n_coupling=13, n_shift=10, n_noise=5, n_observable=3, seed=0):
    """A phase diagram as the product has it: a plane with an unstable corner, normal errors, theory known."""
    rng = np.random.default_rng(seed)
    axes = {
        "coupling": ("coupling", "1", np.linspace(0.1, 1.3, n_coupling)),
        "shift": ("kernel shift", "length", np.linspace(0.0, 1.0, n_shift)),
        "noise": ("noise <strength>", "u^2/time", np.geomspace(1e-3, 1.0, n_noise)),
    }
    dims = tuple(axes)
    dataset = xr.Dataset(coords={d: (d, v, {"long_name": w, "units": u}) for d, (w, u, v) in axes.items()})
    coupling, shift, noise = np.meshgrid(*(v for _, _, v in axes.values()), indexing="ij")
    rate = coupling - 1
    status = np.where(rate < 0, 1, 2).astype(np.int8)
    status[0, 0, 0] = 5
    status[1, 0, 0] = 4
    names = "absent ok unstable diverged short_run failed timeout"
    dataset["status"] = (dims, status, {"flag_meanings": names})
    dataset["leading_rate"] = (dims, rate)
    dataset["wall_time"] = (dims, np.full(rate.shape, 0.25))
    dataset["key"] = (dims, np.array([f"{k:032x}" for k in range(rate.size)], object).reshape(rate.shape))
    run = np.isin(status, (1, 4))
    for k in range(n_observable):
        theory = np.where(rate < 0, (1 + k) * shift**2 * coupling / (1.4 - coupling) + noise, np.nan)
        error = np.where(run, 0.01 * (1 + coupling), np.nan)
        value = np.where(run, theory + error * rng.standard_normal(rate.shape), np.nan)
        facts = {"units": "k_B / time", "long_name": f"observable {k}", "signed": k % 2, "theory_kind": "exact"}
        dataset[f"obs{k}"] = (dims, value, {**facts, "references": "docs/theory.md (1)"})
        dataset[f"obs{k}_standard_error"] = (dims, error)
        dataset[f"obs{k}_theory"] = (dims, theory)
        dataset[f"obs{k}_expected"] = (dims, theory)
        dataset[f"obs{k}_flag"] = (
            dims,
            np.where(run, 0, 3).astype(np.int8),
            {"flag_meanings": "estimate zero undefined no_run"},
        )
    dataset.attrs = {
        "sweep": "plane",
        "title": "A plane & its <corner>",
        "model": "amari_field",
        "source": "nessmap 0",
        "seed": 7,
    }
    dataset.attrs |= {"kernel_version": 3, "content_digest": "0" * 32, "git_commit": "f" * 40}
    return dataset


def unpacked(text, n_dropped=None):
    import base64
    import zlib

    shuffled = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    words = np.ascontiguousarray(shuffled.reshape(4, -1).T).view("<u4").ravel()
    if n_dropped is not None:
        words = np.cumsum(words, dtype=np.uint32) << np.uint32(n_dropped)
    return words.astype(np.uint32).view(np.float32)


def test_a_packed_number_keeps_the_digits_that_its_error_leaves_it():
    rng = np.random.default_rng(1)
    error = 10 ** rng.uniform(-4, 0, 500)
    value = rng.normal(size=500) * 3
    back = unpacked(packed(value, bits_of(value, error)))
    assert (np.abs(back - value) <= error / 64).all()
    smooth = unpacked(packed(np.sin(np.arange(300) / 50), 12, smooth=True), 11)
    assert np.abs(smooth - np.sin(np.arange(300) / 50)).max() < 2.0**-12
    assert np.isnan(unpacked(packed(np.array([np.nan, 1.0])))).tolist() == [True, False]


def test_a_page_of_3250_points_and_12_observables_is_small():
    text = page(diagram(13, 10, 25, 12), "nessmap point plane")
    assert len(text.encode()) <= 400_000


def test_text_from_a_sweep_file_is_text_on_the_page():
    text = page(diagram(), "nessmap point plane")
    assert "<corner>" not in text.split('id="data"')[0]
    assert "&lt;corner&gt;" in text
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    assert data["title"] == "A plane & its <corner>"
    assert page(diagram(), "x") == page(diagram(), "x")


def test_what_is_no_phase_diagram_is_said():
    with pytest.raises(ValueError, match="no status and no leading_rate and no key"):
        page(xr.Dataset(), "x")


def test_a_list_of_points_keeps_all_its_coordinates():
    dataset = diagram().stack(point=("coupling", "shift", "noise")).reset_index("point")
    facts = payload(dataset, "x")
    assert [axis["name"] for axis in facts["axes"]] == ["point"]
    assert [c["name"] for c in facts["axes"][0]["coordinates"]] == ["coupling", "shift", "noise"]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a dataset's page from disk; errors and requests are watched."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)

    def go(dataset, link=""):
        write(dataset, "nessmap point plane", tmp_path / "page.html")
        view = context.new_page()
        view.watched_errors, view.watched_requests = [], []
        view.on("pageerror", lambda error: view.watched_errors.append(str(error)))
        view.on("request", lambda request: view.watched_requests.append(request.url))
        view.goto((tmp_path / "page.html").as_uri() + link)
        view.wait_for_selector("body[data-opened]", timeout=20000)
        return view

    yield go
    context.close()


def fact(view, name):
    return view.locator(f"dt:text-is('{name}') + dd").inner_text()


class TestInABrowser:
    pytestmark = in_a_browser

    def test_it_opens_from_disk_without_a_request_or_an_error(self, opened):
        view = opened(diagram())
        assert view.watched_errors == []
        assert [url for url in view.watched_requests if not url.startswith(("file:", "data:", "blob:"))] == []
        assert len(view.watched_requests) == 1
        drawn = view.eval_on_selector_all(
            "#map path[fill^='rgb']", "paths => paths.map((p) => p.getAttribute('d')).join('')"
        )
        assert drawn.count("M") >= 9 * 10  # cells of one colour are one path
        assert view.locator("h1").inner_text() == "A plane & its <corner>"
        assert "unstable" in view.locator("#map").inner_text()

    def test_arrow_keys_and_clicks_choose_a_cell_and_say_so(self, opened):
        view = opened(diagram(), "#0.0.0.1.0.l.3-4-2")
        assert view.locator("#where").inner_text() == "coupling 0.4, kernel shift 0.4444, noise <strength> 0.03162"
        view.locator("#map").focus()
        view.keyboard.press("ArrowRight")
        view.keyboard.press("ArrowUp")
        assert view.locator("#where").inner_text().startswith("coupling 0.5, kernel shift 0.5556")
        assert view.locator("#said").inner_text().startswith("coupling 0.5, kernel shift 0.5556")
        dataset = diagram()
        cell = dataset.isel(coupling=4, shift=5, noise=2)
        shown = fact(view, "observable 0")
        value, error = (float(word) for word in re.findall(r"[\d.]+", shown)[:2])
        assert abs(value - float(cell["obs0"])) < error / 10
        assert fact(view, "key") == str(cell["key"].item())
        z = (float(cell["obs0"]) - float(cell["obs0_expected"])) / float(cell["obs0_standard_error"])
        assert abs(float(fact(view, "z-score")) - z) < 0.03  # the value is kept to 1/64 of its error
        box = view.locator("#map svg").bounding_box()
        view.mouse.click(box["x"] + 0.13 * box["width"], box["y"] + 0.85 * box["height"])
        assert view.locator("#where").inner_text().startswith("coupling 0.1, kernel shift 0,")
        assert view.locator("#command").inner_text().startswith("nessmap point plane coupling=0.1 shift=0 noise=")

    def test_a_link_brings_the_view_back_and_is_short(self, opened):
        view = opened(diagram(), "#2.3.2.0.0.d.1-2-3")
        assert view.locator("#observable").input_value() == "2"
        assert view.locator("#show").input_value() == "3"
        assert [view.locator(f"#{name}").input_value() for name in "xy"] == ["noise", "coupling"]
        link = view.evaluate("location.hash")
        assert link == "#2.3.2.0.0.d.1-2-3"
        assert len(link) <= 150
        view.select_option("#y", "shift")
        assert view.evaluate("location.hash") == "#2.3.2.1.0.d.1-2-3"

    def test_a_broken_link_opens_the_page_all_the_same(self, opened):
        view = opened(diagram(), "#99.x.-1.7.5.z.1-900")
        assert view.watched_errors == []
        assert view.locator("#map svg").count() == 1

    def test_sliders_move_through_the_other_axes(self, opened):
        view = opened(diagram(), "#0.0.0.1.0.l.3-4-0")
        view.locator("#sliders input").fill("4")
        assert view.locator("#where").inner_text().endswith("noise <strength> 1")
        assert view.locator("#sliders output").inner_text() == "1"
        assert view.locator("#map svg > text.soft").text_content() == "noise <strength> = 1"

    def test_files_hold_what_is_shown(self, opened):
        view = opened(diagram(), "#0.0.0.1.0.l.3-4-2")
        files = {}
        for name in ("csv", "svg", "png"):
            with view.expect_download() as download:
                view.click(f"#{name}")
            files[name] = Path(download.value.path()).read_bytes()
            assert download.value.suggested_filename == f"plane-obs0.{name}"
        rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
        dataset = diagram()
        assert len(rows) == dataset["status"].size
        assert {row["status"] for row in rows} == {"ok", "unstable", "failed", "short_run"}
        written = np.array([float(row["obs0"] or "nan") for row in rows])
        error = dataset["obs0_standard_error"].values.ravel()
        assert np.nanmax(np.abs(written - dataset["obs0"].values.ravel()) / error) < 1 / 32
        assert files["svg"].startswith(b"<svg")
        assert b"var(" not in files["svg"]
        assert files["png"][:8] == b"\x89PNG\r\n\x1a\n"

    @pytest.mark.parametrize("theme", ["l", "d"])
    def test_nothing_bars_a_reader(self, opened, theme):
        from axe_playwright_python.sync_playwright import Axe

        view = opened(diagram(), f"#0.0.0.1.0.{theme}.3-4-2")
        view.locator("summary").click()
        found = Axe().run(view).response
        assert [f"{v['id']}: {v['help']}" for v in found["violations"]] == []
        assert "color-contrast" in {rule["id"] for rule in found["passes"]}

    def test_lists_of_points_words_and_one_axis_are_drawn_too(self, opened):
        listed = diagram(4, 3, 2).stack(point=("coupling", "shift", "noise")).reset_index("point")
        view = opened(listed)
        assert view.watched_errors == []
        assert view.locator("#map svg circle:not(defs circle)").count() == 12  # those of one noise
        line = diagram(9, 1, 1)
        view = opened(line)
        assert view.watched_errors == []
        assert view.locator("#map svg").count() == 1
        words = diagram(3, 3, 2).assign_coords(
            noise=("noise", np.array(["white", "red"], object), {"long_name": "colour"})
        )
        view = opened(words, "#0.0.2.0.0.l.0-0-0")
        assert view.watched_errors == []
        assert "white" in view.locator("#map").inner_text()

    def test_a_list_has_words_in_their_places_and_says_where_there_is_no_number(self, opened):
        colours = {"noise": ("noise", np.array(["white", "red", "blue"], object), {"long_name": "colour"})}
        words = diagram(4, 2, 3).isel(shift=0, drop=True).assign_coords(colours)
        words["obs0"][2, 1] = np.nan
        view = opened(words.stack(point=("coupling", "noise")).reset_index("point"))
        assert view.watched_errors == []
        rows = view.locator("#map circle:not(defs circle)").evaluate_all("all => all.map((c) => c.getAttribute('cy'))")
        assert rows == 4 * rows[:3]
        assert len(set(rows)) == 3
        shown = view.locator("#map").inner_text()
        assert all(word in shown for word in ("white", "red", "blue", "no number"))
