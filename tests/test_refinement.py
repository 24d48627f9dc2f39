"""Grids that are made finer where a boundary is: what is chosen, always the same, and how well boundaries are located."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nessmap import refinement
from nessmap.boundary import crossing, crossings
from nessmap.config import ConfigError, RefineSettings
from nessmap.mesh import Mesh
from nessmap.refinement import Choice, Found, further
from nessmap.sweep import SWEEPS, Sweep

UNIT = Mesh((5, 5), (True, True), 4)  # of the square from 0 to 1
SIGN = {"sign": "f"}


def settings(*where, **others):
    return RefineSettings.model_validate({"levels": 4, "budget": 10_000, "where": list(where), **others})


def position(place, mesh=UNIT):
    return tuple(p / (mesh.places_along(k) - 1) for k, p in enumerate(place))


def refined(criteria, function, error=0.0, mesh=UNIT):
    """Rounds until nothing is asked for, with what is known in the end. function: f, or f and whether it is stable."""
    choice, known = refinement.grid(mesh), {}
    for _ in range(60):
        for place, doublings in choice.places.items():
            value = function(*position(place, mesh))
            value, stable = value if isinstance(value, tuple) else (value, 1.0)
            known[place] = Found(stable, {"f": value}, {"f": error / 2 ** (doublings / 2)})
        following = further(criteria, mesh, choice, known)
        if following.places == choice.places:
            return following, known
        choice = following
    raise AssertionError("it does not end")


def circle(x, y):
    return math.hypot(x - 0.4, y - 0.45) - 0.3


# --- where a boundary crosses an edge


def test_the_standard_error_of_a_crossing_is_its_spread():
    rng = np.random.default_rng(3)
    first, last, errors = -0.5, 1.1, (0.05, 0.02)
    shares = [crossing(*rng.normal((first, last), errors), 0.1)[0] for _ in range(4000)]
    share, error = crossing(first, last, 0.1, errors)
    assert share == pytest.approx(0.375, rel=1e-14)
    assert abs(np.mean(shares) - share) < 5 * error / math.sqrt(4000) + error**2  # the second is of second order
    # the spread of 4000 numbers has a relative error of 1 / sqrt(8000); first order in the errors leaves out their squares
    assert abs(np.std(shares) / error - 1) < 5 / math.sqrt(8000) + error


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5))
def test_a_crossing_lies_on_its_edge_or_is_none(first, last, level):
    share, _ = crossing(first, last, level, (1.0, 1.0))
    between = min(first, last) < level <= max(first, last)
    assert between == (not math.isnan(share))
    assert not between or -1e-9 <= share <= 1 + 1e-9


def test_a_curved_boundary_is_located_to_second_order_in_the_finest_cells():
    choice, known = refined(settings(SIGN), circle)
    found = list(crossings(UNIT, choice.places, known, "f", 0.0, {}))
    assert len(found) > 100
    finest = 1 / (UNIT.places_along(0) - 1)
    for one in found:
        ends = np.array([position(one.edge.first), position(one.edge.last)])
        x, y = ends[0] + one.share * (ends[1] - ends[0])
        width = np.abs(ends[1] - ends[0]).max()
        # a chord of the distance from a circle departs from it by width^2 f'' / 8 with f'' <= 1 / distance from the centre
        assert width == finest
        assert abs(circle(x, y)) < finest**2 / 8 / 0.25
    # a circle crosses at most 8 r / h + 4 cells of width h, and halving one adds at most five points
    at_most = sum(5 * (8 * 0.3 * 4 * 2**level + 4) for level in range(4)) + UNIT.n_grid
    assert choice.cost < at_most < UNIT.n_uniform / 5


def test_a_boundary_that_leaves_a_cell_through_the_side_it_came_in_is_followed():
    # a tongue that enters the lower left cell of the grid between two of its corners
    choice, known = refined(settings(SIGN), lambda x, y: max(abs(y - 0.5) - 0.02, x - 0.63))
    level_of = UNIT.level_of
    assert max(level_of(place) for place in choice.places if known[place].value["f"] < 0) == 4


# --- what is chosen


def test_no_cell_is_halved_for_noise():
    rng = np.random.default_rng(5)
    noise = {}

    def value(x, y):
        return noise.setdefault((x, y), rng.standard_normal())

    for where in (SIGN, {"gradient": "f", "share": 0.3}):
        choice, _ = refined(settings(where), value, error=1.0 if where is SIGN else 3.0)
        assert choice.places == refinement.grid(UNIT).places


def test_finer_cells_end_where_errors_are_as_large_as_the_change():
    steep, flat = (refined(settings(SIGN), lambda x, y, s=s: s * (x - 0.401), error=0.01)[0] for s in (1.0, 0.2))
    assert max(map(UNIT.level_of, steep.places)) > max(map(UNIT.level_of, flat.places))


def test_more_replicas_then_let_cells_be_halved_further():
    def plane(x, y):
        return 0.2 * (x - 0.401)

    error = {"error": "f", "target": 0.004, "at": "boundaries"}
    without, _ = refined(settings(SIGN), plane, error=0.0095)
    choice, _ = refined(settings(SIGN, error, most_doublings=5), plane, error=0.0095)
    assert max(map(UNIT.level_of, choice.places)) > max(map(UNIT.level_of, without.places))
    doubled = [place for place, k in choice.places.items() if k]
    assert doubled
    # 0.0095 / 2^(3/2) is the first that is small enough; points far from the boundary keep what they have
    assert {choice.places[place] for place in doubled} == {3}
    assert max(abs(position(place)[0] - 0.401) for place in doubled) <= 0.5
    assert choice.cost == sum(2**k for k in choice.places.values())


def test_stability_needs_no_value():
    choice, known = refined(settings({"stability": True}), lambda x, y: (math.nan, float(x + y < 1.03)))
    found = list(crossings(UNIT, choice.places, known, "", 0.0, {}))
    finest = 1 / (UNIT.places_along(0) - 1)
    for one in found:
        x, y = np.mean([position(one.edge.first), position(one.edge.last)], axis=0)
        assert one.share == 0.5
        assert abs(x + y - 1.03) <= finest / 2 + 1e-12
    assert {one.edge.axis for one in found} == {0, 1}


def test_a_known_rate_locates_the_edge_of_stability_between_two_points():
    places = {place: x + y - 1.03 for place in UNIT.grid() for x, y in [position(place)]}
    known = {place: Found(float(rate < 0), {}, {}) for place, rate in places.items()}
    for one in crossings(UNIT, list(places), known, "", 0.0, places):
        (x, y), (u, v) = position(one.edge.first), position(one.edge.last)
        assert (x + one.share * (u - x)) + (y + one.share * (v - y)) == pytest.approx(1.03, abs=1e-12)
        assert one.standard_error == 0


def test_a_gradient_is_halved_until_no_cell_holds_much_of_the_range():
    def front(x, y):
        return math.tanh((x - 0.37) / 0.05)

    choice, known = refined(settings({"gradient": "f", "share": 0.2}), front, error=1e-6)
    values = [known[place].value["f"] for place in UNIT.grid()]
    largest = 0.2 * (max(values) - min(values))
    for cell, _ in UNIT.leaves(choice.places):
        own = [known[place].value["f"] for place in UNIT.corners(cell)]
        # four levels are enough: a finest cell is 1/64 wide, and the slope is at most 20
        assert max(own) - min(own) <= largest
        assert cell.level == 0 or 0.1 < position(cell.corner)[0] < 0.6
    assert max(map(UNIT.level_of, choice.places)) >= 2


@pytest.mark.parametrize("budget", [25, 60, 200])
def test_the_budget_is_kept_and_what_it_leaves_out_is_said(budget):
    error = {"error": "f", "target": 0.001}
    choice, _ = refined(settings(SIGN, error, budget=budget), circle, error=0.01)
    assert choice.cost <= budget
    assert choice.spent
    assert set(UNIT.grid()) <= choice.places.keys()


def test_the_order_in_which_points_became_known_changes_nothing():
    choice, known = refined(settings(SIGN, budget=150), circle)
    turned = dict(reversed(known.items()))
    places = dict(reversed(choice.places.items()))
    again = further(settings(SIGN, budget=200), UNIT, Choice(places), turned)
    assert again.places == further(settings(SIGN, budget=200), UNIT, choice, known).places
    assert len(again.places) > len(places)


def test_points_without_an_estimate_ask_for_nothing():
    choice, _ = refined(settings(SIGN, {"stability": True}), lambda x, y: (math.nan, math.nan))
    assert choice.places == refinement.grid(UNIT).places


# --- the sweep


GRID = {"coupling": {"linspace": [0.1, 0.9, 3]}, "shift": {"linspace": [0.0, 1.0, 3]}}
REFINE = {"levels": 2, "budget": 60, "where": [{"level": 0.3, "of": "entropy_production_rate"}]}


@pytest.mark.parametrize(
    ("name", "kind", "ends"),
    [
        ("coupling", "linspace", [0.1, 0.9]),
        ("noise_strength", "geomspace", [0.01, 3.0]),
        ("noise_strength", "logspace", [-2, 0.5]),
    ],
)
def test_refined_points_are_those_of_a_uniform_grid(sweep_file, name, kind, ends):
    axes = [{name: {kind: [*ends, n]}, "shift": [0.0, 0.5]} for n in (3, 9)]
    sweep = Sweep(sweep_file(axes=axes[0], refine={**REFINE, "where": [{"stability": True}]}))
    places = {tuple(p): 0 for p in np.ndindex(*(sweep.mesh.places_along(k) for k in range(2)))}
    every = sweep.at_places(places)
    uniform = Sweep(sweep_file("uniform", axes=axes[1]))
    assert {point.key for point in every.points} == {point.key for point in uniform.points}
    assert [p.record_keys() for p in every.points] == [p.record_keys() for p in uniform.points]
    grid = sweep.at_places(refinement.grid(sweep.mesh).places)
    assert {point.key for point in grid.points} == {point.key for point in sweep.points}


def test_doubled_replicas_share_the_records_there_are(sweep_file):
    sweep = Sweep(sweep_file(axes=GRID, refine=REFINE))
    once, twice = (sweep.at_places({(0, 0): k}).points[0] for k in (0, 1))
    assert set(once.record_keys()) < set(twice.record_keys())
    assert once.key == twice.key
    assert [unit.first_lane for unit in twice.units] == [0, 128]
    assert {unit.run.n_replica for unit in twice.units} == {256}
    more = Sweep(sweep_file("more", axes=GRID, run={"n_replica": 256})).points[0]
    assert more.record_keys() == twice.record_keys()


def test_a_refined_sweep_has_drawings_of_its_own(sweep_file):
    figure = {"draw": "phase_diagram", "variable": "site_variance", "x": "coupling", "y": "shift"}
    with pytest.raises(ConfigError, match="expected a drawing of a refined sweep: calibration, refined_map"):
        Sweep(sweep_file(axes=GRID, refine=REFINE, figures={"a": figure}))
    with pytest.raises(ConfigError, match="'refined_map', expected a drawing of a sweep without refine"):
        Sweep(sweep_file(axes=GRID, figures={"a": {**figure, "draw": "refined_map"}}))


def test_what_the_documentation_shows_is_valid(sweep_file):
    text = (Path(__file__).parent.parent / "docs" / "refinement.md").read_text()
    block = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    shipped = yaml.safe_load((SWEEPS / "refined_boundaries.yaml").read_text())
    path = sweep_file()
    path.write_text(yaml.safe_dump({**shipped, **block}))
    sweep = Sweep(path)
    assert sweep.settings.refine.most_doublings == RefineSettings.model_fields["most_doublings"].default
    assert len(sweep.settings.refine.where) == 5
