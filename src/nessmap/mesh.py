"""A grid whose cells are halved where something asks for it: places on the finest lattice, and the cells between them.

Along an axis that is halved, n values of the grid make (n - 1) 2^levels + 1 places; any other axis has its n values as places,
and cells have no extent along it. A cell of level l is 2^(levels - l) places wide, and is halved along every axis that is
halved at all. Its centre belongs to no other cell: which cells were halved is said by which places are there.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

Place = tuple[int, ...]


class Cell(NamedTuple):
    """A cell by its lowest corner and by how often the grid's cell around it was halved."""

    corner: Place
    level: int


class Edge(NamedTuple):
    """Two neighbouring places on the rim of a cell, one of them behind the other along an axis."""

    axis: int
    first: Place
    last: Place


@dataclass(frozen=True)
class Mesh:
    """The grid: the number of its values on each axis, which axes are halved, and how often at most.

    >>> mesh = Mesh((3, 2), (True, False), levels=2)
    >>> mesh.places_along(0), mesh.places_along(1), mesh.n_grid, mesh.n_uniform
    (9, 2, 6, 18)
    """

    shape: tuple[int, ...]
    halved: tuple[bool, ...]
    levels: int

    @property
    def n_grid(self) -> int:
        """Points of the grid itself."""
        return _product(self.shape)

    @property
    def n_uniform(self) -> int:
        """Points of a uniform grid that is as fine as the finest cells."""
        return _product(tuple(map(self.places_along, range(len(self.shape)))))

    def places_along(self, axis: int) -> int:
        """Places on the finest lattice along one axis."""
        return (self.shape[axis] - 1) * 2**self.levels + 1 if self.halved[axis] else self.shape[axis]

    def width(self, level: int) -> int:
        """Extent of a cell of a level along the axes that are halved [places]."""
        return int(2 ** (self.levels - level))

    def grid(self) -> list[Place]:
        """The places of the grid."""
        steps = [self.width(0) if halved else 1 for halved in self.halved]
        return [tuple(i * s for i, s in zip(index, steps, strict=True)) for index in _indices(self.shape)]

    def level_of(self, place: Place) -> int:
        """The level whose cells first have the place as a corner."""
        along = [p for p, halved in zip(place, self.halved, strict=True) if halved]
        return next(level for level in range(self.levels + 1) if not any(p % self.width(level) for p in along))

    def roots(self) -> list[Cell]:
        """The cells of the grid."""
        n_cell = [n - 1 if halved else n for n, halved in zip(self.shape, self.halved, strict=True)]
        steps = [self.width(0) if halved else 1 for halved in self.halved]
        return [Cell(tuple(i * s for i, s in zip(index, steps, strict=True)), 0) for index in _indices(tuple(n_cell))]

    def corners(self, cell: Cell) -> list[Place]:
        """The corners of a cell."""
        return self._lattice(cell, (0, self.width(cell.level)))

    def within(self, cell: Cell) -> list[Place]:
        """The corners of a cell and what halving it adds: middles of edges and faces, and its centre."""
        half = self.width(cell.level) // 2
        return self._lattice(cell, (0, half, 2 * half))

    def within_or_corners(self, cell: Cell) -> list[Place]:
        """The places of a cell at which it is known, or may be: a cell of the last level has its corners only."""
        return self.within(cell) if cell.level < self.levels else self.corners(cell)

    def children(self, cell: Cell) -> list[Cell]:
        """What halving a cell makes of it."""
        half = self.width(cell.level) // 2
        return [Cell(corner, cell.level + 1) for corner in self._lattice(cell, (0, half))]

    def is_halved(self, cell: Cell, places: Collection[Place]) -> bool:
        """Whether the centre of a cell is among the places."""
        half = self.width(cell.level) // 2
        (centre,) = self._lattice(cell, (half,))
        return cell.level < self.levels and centre in places

    def leaves(self, places: Collection[Place]) -> Iterator[tuple[Cell, Cell | None]]:
        """The cells that are not halved, each with the one it is a part of."""
        waiting: list[tuple[Cell, Cell | None]] = [(cell, None) for cell in reversed(self.roots())]
        while waiting:
            cell, parent = waiting.pop()
            if self.is_halved(cell, places):
                waiting += [(child, cell) for child in reversed(self.children(cell))]
            else:
                yield cell, parent

    def edges(self, cell: Cell, places: Collection[Place]) -> Iterator[Edge]:
        """The rim of a cell from place to place: where its neighbour is finer, an edge has places between its ends."""
        for axis, halved in enumerate(self.halved):
            if not halved:
                continue
            for first in self.corners(cell):
                if first[axis] == cell.corner[axis]:
                    yield from self._parts(axis, first, self.width(cell.level), places)

    def _parts(self, axis: int, first: Place, width: int, places: Collection[Place]) -> Iterator[Edge]:
        middle = _moved(first, axis, width // 2)
        if width > 1 and middle in places:
            yield from self._parts(axis, first, width // 2, places)
            yield from self._parts(axis, middle, width // 2, places)
        else:
            yield Edge(axis, first, _moved(first, axis, width))

    def _lattice(self, cell: Cell, offsets: tuple[int, ...]) -> list[Place]:
        choices = [
            [c + offset for offset in offsets] if halved else [c]
            for c, halved in zip(cell.corner, self.halved, strict=True)
        ]
        return list(itertools.product(*choices))


def _moved(place: Place, axis: int, by: int) -> Place:
    return (*place[:axis], place[axis] + by, *place[axis + 1 :])


def _indices(shape: tuple[int, ...]) -> Iterator[Place]:
    return itertools.product(*map(range, shape))


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
