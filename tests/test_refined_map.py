"""The map of a refined sweep: cells of different size, and what was located of its boundaries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from figure_legibility import assert_legible
from figure_refined import EDGE, GAINS, MESH, flow, refined_points
from figure_sweeps import field_sweep
from nessmap import figures
from nessmap.figures.refined_map import NO_POINT, _axis, _nearest_points, _planes

MAP = {"variable": "flow", "x": "coupling", "y": "noise"}


def drawn(axes, gid):
    return [artist for artist in [*axes.collections, *axes.lines] if artist.get_gid() == gid]


@pytest.mark.parametrize("refined", [False, True])
def test_a_place_has_the_colour_of_the_nearest_corner_of_its_cell(refined):
    dataset = refined_points(refined)
    (plane,), _, _ = _planes(dataset, "coupling", "noise", None, {"gain": 1.0})
    shown = _nearest_points(plane)
    assert (shown != NO_POINT).all()
    x, y = (_axis(dataset, name, plane) for name in ("coupling", "noise"))
    assert shown.shape == (len(y.centres), len(x.centres))
    level = 3 if refined else 0
    unit = MESH.width(level)
    sub = plane.mesh
    point_at = {i: place for place, i in plane.point.items()}
    for cell, _ in sub.leaves(plane.point):
        low = [c / unit for c in cell.corner]
        width = sub.width(cell.level) / unit
        columns = np.flatnonzero(
            (np.arange(len(x.centres)) >= 2 * low[0]) & (np.arange(len(x.centres)) < 2 * (low[0] + width))
        )
        rows = np.flatnonzero(
            (np.arange(len(y.centres)) >= 2 * low[1]) & (np.arange(len(y.centres)) < 2 * (low[1] + width))
        )
        for row in rows:
            for column in columns:
                middle = np.array([column / 2 + 0.25, row / 2 + 0.25]) * unit
                best = min(sub.corners(cell), key=lambda corner: np.abs(np.array(corner) - middle).sum())
                assert point_at[shown[row, column]] == best


def test_edges_of_cells_lie_on_the_places_of_the_lattice():
    dataset = refined_points()
    (plane,), _, said = _planes(dataset, "coupling", "noise", None, {})
    assert "1" in said
    noise = _axis(dataset, "noise", plane)
    assert noise.logarithmic
    assert noise.edges[::2] == pytest.approx(10 ** np.linspace(-1, 1, MESH.places_along(2)), rel=1e-12)
    assert _axis(dataset, "coupling", plane).edges[::2] == pytest.approx(
        np.linspace(0, 1.2, MESH.places_along(1)), abs=1e-12
    )


def test_what_was_located_is_drawn_where_it_is():
    dataset = refined_points()
    figure = figures.draw("refined_map", dataset, **MAP, at={"gain": 2.0})
    left, right = figure.axes[:2]
    # the ring at zero and the one at 0.3
    places = np.concatenate([line.get_xydata() for line in drawn(left, "located")])
    assert (
        len(places)
        == (
            (dataset["boundary_place_gain"].values == GAINS.index(2.0)) & (dataset["boundary_of"].values != "stability")
        ).sum()
    )
    values = np.array([flow(2.0, *place) for place in places])
    finest = 0.3 / 8  # of a cell along coupling
    assert np.minimum(np.abs(values), np.abs(values - 0.3)).max() < 4 * 0.004 + finest**2
    assert not drawn(right, "located")
    for axes in (left, right):
        (edge,) = drawn(axes, "boundary")
        ends = np.concatenate(edge.get_segments())
        assert ends[:, 0] == pytest.approx(EDGE, abs=1e-9)
        assert len(drawn(axes, "theory")) == 2
        (cells,) = drawn(axes, "cells")
        assert len(cells.get_segments()) == len(list(_planes(dataset, "coupling", "noise", None, {})[0][0].mesh.leaves(
            {(b, c) for a, b, c in zip(*(dataset[f"place_{n}"].values for n in ("gain", "coupling", "noise")), strict=True)
             if a == GAINS.index(2.0)}
        )))  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"facet": "gain"}, marks=pytest.mark.slow),
        pytest.param({"scale": "linear", "limits": [-0.3, 0.6]}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_texts_do_not_overlap_and_stay_on_the_page(options):
    assert_legible(figures.draw("refined_map", refined_points(), **MAP, **options))


@pytest.mark.slow
def test_redrawing_gives_the_same_bytes(tmp_path):
    dataset = refined_points()
    one, two = (
        figures.save(figures.draw("refined_map", dataset, **MAP), tmp_path / turn, dataset.attrs, ("svg",))[0]
        for turn in "ab"
    )
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variable": "flwo"}, "variable = flwo is no observable of it; did you mean flow?"),
        ({"y": "gain"}, "x and y are coupling and gain, expected the two refined axes: coupling, noise"),
        ({"facet": "noise"}, "noise is no axis beside coupling and noise; known: gain"),
        ({"at": {"gian": 1.0}}, "gian is no axis beside coupling and noise; did you mean gain?"),
        ({"scale": "cubic"}, "scale = cubic, expected auto, linear or log"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        figures.draw("refined_map", refined_points(), **{**MAP, **options})


def test_a_grid_is_not_refined():
    with pytest.raises(ValueError, match="was not refined; draw it with phase_diagram"):
        figures.draw("refined_map", field_sweep(5, 4), variable="site_variance", x="coupling", y="shift")


def test_the_dataset_is_a_json_away_from_its_mesh():
    facts = json.loads(refined_points().attrs["refinement"])
    assert (tuple(facts["shape"]), tuple(facts["halved"]), facts["levels"]) == (MESH.shape, MESH.halved, MESH.levels)
