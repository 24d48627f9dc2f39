"""SVG in fewer bytes: it looks the same, and its names still lead somewhere."""

import re
from base64 import b64decode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from figure_cases import CUT, MAP, case
from figure_sweeps import common_sweep
from nessmap import figures
from nessmap.figures import compact as compacting
from nessmap.figures import style
from nessmap.figures.compact import compact, compact_path, indexed_png
from test_explorer import browser, in_a_browser

__all__ = ["browser"]  # a fixture

PLACES = 2
HALF = 0.5 * 10**-PLACES + 1e-9  # of the last decimal, and what sums of thirty steps below 4000 round
NUMBERS = st.floats(-2000, 2000, allow_nan=False).map(lambda number: round(number, 6))
POINTS = st.tuples(NUMBERS, NUMBERS)
# less than a decimal apart, and so few that many lie on one line
NEAR = st.tuples(*2 * [st.integers(-3, 3).map(lambda number: 0.004 * number)])
MOVES, LINES = (st.tuples(st.just(name), st.tuples(POINTS | NEAR)) for name in "ML")
CURVES = st.tuples(st.just("Q"), st.tuples(POINTS, POINTS)) | st.tuples(st.just("C"), st.tuples(POINTS, POINTS, POINTS))
CLOSED = st.just(("z", ()))
# no line follows a line
APART = st.lists(st.tuples(CURVES | MOVES) | st.tuples(LINES, CURVES) | st.tuples(CLOSED, MOVES), max_size=15)
STEPS = st.tuples(st.floats(0, 50), st.floats(1, 50))

Steps = Sequence[tuple[str, Sequence[tuple[float, float]]]]


def coordinates(path: str) -> np.ndarray:
    """Every point that a path names, control points of curves too, and where z leads back to.

    Read by the rules of SVG, relative commands included, and not by the code that writes them.
    """
    here, start, found = np.zeros(2), np.zeros(2), []
    for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        if command == "z":
            points = start[None]
        elif command in "hv":
            points = here + np.array([[numbers[0], 0] if command == "h" else [0, numbers[0]]])
        else:
            points = np.reshape(numbers, (-1, 2)) + (here if command.islower() else 0)
        here = points[-1]
        start = here if command == "M" else start
        found += list(points)
    return np.array(found)


def as_written(steps: Steps) -> str:
    return "\n".join(f"{name} " + " ".join(f"{x:f} {y:f}" for x, y in points) for name, points in steps)


def distance_to(line: np.ndarray, point: np.ndarray) -> float:
    """Of a point to the line between two others."""
    along = line[1] - line[0]
    share = np.clip((point - line[0]) @ along / max(along @ along, 1e-300), 0, 1)
    return float(np.hypot(*(line[0] + share * along - point)))


@given(POINTS, APART)
def test_a_path_in_which_no_line_follows_a_line_keeps_every_point_in_its_place(start, parts):
    path = as_written([("M", [start]), *(step for part in parts for step in part)])
    wanted, found = coordinates(path), coordinates(compact_path(path, PLACES))
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= HALF


@given(POINTS, st.lists(STEPS, min_size=1, max_size=30))
def test_a_zigzag_keeps_every_corner(start, steps):
    x, y = np.array(steps).T
    corners = np.round(start + np.cumsum([[0, 0], *zip(x, y * (-1) ** np.arange(len(y)), strict=True)], axis=0), 6)
    path = as_written([("M", corners[:1]), *(("L", [corner]) for corner in corners[1:])])
    found = coordinates(compact_path(path, PLACES))
    assert found.shape == corners.shape
    assert np.abs(found - corners).max() <= HALF


@given(POINTS | NEAR, st.lists(LINES | CURVES, min_size=1, max_size=30))
def test_what_is_left_of_a_path_is_in_order_and_what_is_left_out_lies_on_it(start, steps):
    path = as_written([("M", [start]), *steps])
    wanted, found = coordinates(path), coordinates(compact_path(path, PLACES))
    here = -1  # which of those that are left was there last
    left_out = []
    for point in wanted:
        if here + 1 < len(found) and np.abs(found[here + 1] - point).max() <= HALF:
            here += 1
        else:
            left_out.append((point, here))
    assert here == len(found) - 1
    assert np.abs(found[-1] - wanted[-1]).max() <= HALF
    for point, before in left_out:
        line = found[[before, min(before + 1, len(found) - 1)]]
        assert distance_to(line, point) <= np.sqrt(2) * HALF


def test_points_on_a_straight_line_are_left_out_and_corners_are_not():
    assert compact_path("M 0 0 L 1 1 L 2 2 L 3 2 L 2.5 2", 1) == "M0 0l2 2h1h-.5"
    assert compact_path("M 0 0 L 0.001 0.001 L 5 0", 2) == "M0 0h5"


def test_an_indexed_picture_has_the_same_pixels():
    rng = np.random.default_rng(3)
    places = np.repeat(np.repeat(rng.integers(0, 7, (5, 4), dtype=np.uint8), 9, 0), 11, 1)
    palette = rng.integers(0, 256, (7, 3), dtype=np.uint8)
    read = np.round(255 * imread(BytesIO(indexed_png(places, palette.tobytes())), format="png")).astype(np.uint8)
    assert np.array_equal(read[..., :3], palette[places])


def pictures(text: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([^\"]*)", text)
    return [np.round(255 * imread(BytesIO(b64decode(part)), format="png"))[..., :3] for part in found]


@pytest.mark.slow
def test_a_figure_keeps_its_pictures_its_references_and_its_facts(tmp_path: Path):
    figure = figures.draw("phase_diagram", common_sweep(), **MAP)
    with style.applied():
        figure.savefig(tmp_path / "large.svg", dpi=600, metadata={"Date": None, "Title": "a title"})
    large = (tmp_path / "large.svg").read_text()
    small = compact(large)
    assert compact(large) == small
    assert len(small) < 0.5 * len(large)
    for one, other in zip(pictures(large), pictures(small), strict=True):
        assert np.array_equal(one, other)
    names = re.findall(r' id="([^"]+)"', small)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', small))
    assert len(used) > 40
    assert all(names.count(name) == 1 for name in used)
    assert small.count("<use ") == large.count("<use ")
    assert "a title" in small


def test_what_is_filled_or_seen_through_is_not_joined():
    paths = [
        ("M 0 0 L 1 0", "fill: none; stroke: #000000"),
        ("M 2 0 L 3 0", "fill: none; stroke: #000000"),
        ("M 4 0 L 5 0", "fill: none; stroke: #000000; opacity: 0.5"),
        ("M 6 0 L 7 0", "fill: none; stroke: #000000; opacity: 0.5"),
        ("M 8 0 L 9 0 L 9 1 z", "fill: #ff0000"),
        ("M 8 2 L 9 2 L 9 3 z", "fill: #ff0000"),
    ]
    drawn = "".join(f'<g id="patch_{k}"><path d="{d}" style="{look}"/></g>' for k, (d, look) in enumerate(paths))
    small = compact(f'<svg xmlns="http://www.w3.org/2000/svg">{drawn}</svg>')
    assert re.findall(r'd="([^"]*)"', small) == ["M0 0h1M2 0h1", "M4 0h1", "M6 0h1", "M8 0h1v1z", "M8 2h1v1z"]
    assert "<g" not in small


def test_saved_figures_are_compact(tmp_path: Path):
    own = case.__wrapped__(
        "calibration"
    )  # others look at the one that is kept: saving lays it out for another resolution
    (path,) = figures.save(own, tmp_path / "one", common_sweep().attrs, ("svg",))
    text = path.read_text()
    assert "\n" not in text
    assert "patch_" not in text
    paths = re.findall(r' d="([^"]*)"', text)
    assert not any(re.search(r"\.\d{4}", path) for path in paths), "more decimals than an eye can see"


def rasterised(browser, text: str) -> np.ndarray:
    """The left upper part of a drawing in a browser: red, green, blue [1/255] of pixels, each the mean of 8 x 8 of its own."""
    view = browser.new_page(device_scale_factor=8, viewport={"width": 800, "height": 800})
    view.set_content(f"<body style='margin: 0'>{text[text.index('<svg') :]}</body>")
    pixels = 255 * imread(BytesIO(view.screenshot(clip={"x": 0, "y": 0, "width": 336, "height": 336})))[..., :3]
    view.close()
    height, width = (n // 8 for n in pixels.shape[:2])
    return pixels[: 8 * height, : 8 * width].reshape(height, 8, width, 8, 3).mean(axis=(1, 3))


class TestInABrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize(("kind", "options"), [("phase_diagram", MAP), ("cut", CUT)], ids=["map", "cut"])
    def test_a_figure_looks_the_same(self, browser, tmp_path, monkeypatch, kind, options):
        with style.applied():
            figures.draw(kind, common_sweep(), **options).savefig(tmp_path / "large.svg", dpi=600)
        large = (tmp_path / "large.svg").read_text()
        before, after = rasterised(browser, large), rasterised(browser, compact(large))
        # what is drawn moves by half of the last decimal at most, along x and y: so a pixel may change as much as it does
        # when all is moved so, along either diagonal
        may_change = np.zeros_like(before)
        assert '<g id="figure_1">' in large
        for y in (-0.005, 0.005):
            root = f'<g id="figure_1" transform="translate(0.005 {y})">'
            moved = rasterised(browser, large.replace('<g id="figure_1">', root))
            may_change = np.maximum(may_change, np.abs(moved - before))
        # the browser looks at four rows of each of the 8 x 8: 1/32 of a pixel, for either edge of a line
        may_change += 2 * 255 / 32
        assert (np.abs(after - before) <= may_change).all()
        monkeypatch.setattr(compacting, "PAGE", 1)
        coarse = rasterised(browser, compact(large))
        assert (np.abs(coarse - before) > may_change).any(), "one decimal less would be seen"
