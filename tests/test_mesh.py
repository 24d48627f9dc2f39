"""A mesh of cells that are halved where they are asked to be: what is a cell, and what lies on its rim."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nessmap.mesh import Cell, Mesh


@st.composite
def halved_meshes(draw):
    """A mesh of up to three axes in which some cells were halved, one after the other, and its places."""
    halved = draw(st.lists(st.booleans(), min_size=1, max_size=3).filter(any))
    shape = [draw(st.integers(2, 3)) for _ in halved]
    mesh = Mesh(tuple(shape), tuple(halved), draw(st.integers(1, 3)))
    places = set(mesh.grid())
    for number in draw(st.lists(st.integers(0, 10**6), max_size=6)):
        leaves = [cell for cell, _ in mesh.leaves(places) if cell.level < mesh.levels]
        if leaves:
            places |= set(mesh.within(leaves[number % len(leaves)]))
    return mesh, places


@given(halved_meshes())
def test_the_cells_that_are_not_halved_fill_the_grid_once(made):
    mesh, places = made
    n_axis = sum(mesh.halved)
    leaves = [cell for cell, _ in mesh.leaves(places)]
    assert len(set(leaves)) == len(leaves)
    assert sum(Fraction(1, 2 ** (n_axis * cell.level)) for cell in leaves) == len(mesh.roots())
    for cell, parent in mesh.leaves(places):
        assert set(mesh.corners(cell)) <= places
        assert (parent is None) == (cell.level == 0)
        assert parent is None or cell in mesh.children(parent)


@given(halved_meshes())
def test_edges_join_neighbouring_places(made):
    mesh, places = made
    for cell, _ in mesh.leaves(places):
        width = mesh.width(cell.level)
        for edge in mesh.edges(cell, places):
            steps = [b - a for a, b in zip(edge.first, edge.last, strict=True)]
            assert {edge.first, edge.last} <= places
            assert [step for axis, step in enumerate(steps) if axis != edge.axis and step] == []
            between = [edge.first[edge.axis] + k for k in range(1, steps[edge.axis])]
            moved = [(*edge.first[: edge.axis], b, *edge.first[edge.axis + 1 :]) for b in between]
            # a neighbour halved twice has a place at a quarter only together with the one in the middle
            assert not places.intersection(moved) or width < 2
        rim = sum(edge.last[edge.axis] - edge.first[edge.axis] for edge in mesh.edges(cell, places))
        assert rim == width * sum(mesh.halved) * 2 ** (sum(mesh.halved) - 1)


@given(halved_meshes())
def test_a_place_has_the_level_at_which_it_came(made):
    mesh, places = made
    grid = set(mesh.grid())
    assert grid == {place for place in places if mesh.level_of(place) == 0}
    for cell, _ in mesh.leaves(places):
        if cell.level < mesh.levels:
            assert {mesh.level_of(place) for place in set(mesh.within(cell)) - set(mesh.corners(cell))} <= set(
                range(cell.level + 2)
            )


def test_a_grid_as_fine_as_the_finest_cells_has_all_places():
    mesh = Mesh((3, 2, 4), (True, False, True), 2)
    places = set(mesh.grid())
    for _ in range(mesh.levels):
        for cell, _parent in list(mesh.leaves(places)):
            places |= set(mesh.within_or_corners(cell))
    assert len(places) == mesh.n_uniform == prod((9, 2, 13))
    assert {cell.level for cell, _ in mesh.leaves(places)} == {2}


@pytest.mark.parametrize("level", [0, 1])
def test_a_cell_without_extent_along_an_axis_has_one_place_there(level):
    mesh = Mesh((2, 5), (True, False), 1)
    assert mesh.corners(Cell((0, 3), level)) == [(0, 3), (2 >> level, 3)]
