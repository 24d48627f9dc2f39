"""SVG in fewer bytes: it looks the same, and its names still lead somewhere."""

import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from figure_cases import MAP, case
from figure_sweeps import common_sweep
from nessmap import figures
from nessmap.figures import style
from nessmap.figures.compact import compact, compact_path, indexed_png

PLACES = 2
HALF = 0.5 * 10**-PLACES + 1e-9  # of the last decimal, and what sums of thirty steps below 4000 round
NUMBERS = st.floats(-2000, 2000, allow_nan=False).map(lambda number: round(number, 6))
POINTS = st.tuples(NUMBERS, NUMBERS)
STEPS = st.one_of(
    st.tuples(st.just("L"), st.tuples(POINTS)),
    st.tuples(st.just("Q"), st.tuples(POINTS, POINTS)),
    st.tuples(st.just("C"), st.tuples(POINTS, POINTS, POINTS)),
)


def ends(path: str) -> np.ndarray:
    """Where each command of a path ends, relative ones included: read by the rules of SVG, not by the code that writes them."""
    here, start, found = np.zeros(2), np.zeros(2), []
    for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        if command in "zZ":
            here = start
        elif command in "hv":
            here = here + ([numbers[0], 0] if command == "h" else [0, numbers[0]])
        else:
            last = np.array(numbers[-2:])
            here = here + last if command.islower() else last
        start = here if command == "M" else start
        found.append(here)
    return np.array(found)


@given(POINTS, st.lists(STEPS, min_size=1, max_size=30))
def test_no_point_of_a_path_moves_farther_than_its_last_decimal(start, steps):
    words = [f"M {start[0]:f} {start[1]:f}"]
    words += [f"{name} " + " ".join(f"{x:f} {y:f}" for x, y in points) for name, points in steps]
    wanted = np.array([start, *(points[-1] for _, points in steps)])
    found = ends(compact_path("\n".join(words), PLACES))
    # a straight line may have lost a point in its middle; every end that is left is one that was there
    distance = np.abs(found[:, None] - wanted[None]).max(axis=2)
    assert (distance.min(axis=1) <= HALF).all()
    assert np.abs(found[-1] - wanted[-1]).max() <= HALF


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
