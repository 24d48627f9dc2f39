"""Stationary density, currents and entropy production of two coupled Langevin equations, by finite volumes.

du = F dt + sqrt(2 D) o_alpha dW with constant D, correlated or not, or site-local D_i(u_i), on a rectangle whose walls let
nothing through. The fluxes are fitted exponentially: equilibrium carries no current, to rounding, on any grid.
docs/theory.md, "Two sites: the Fokker-Planck equation".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nessmap.theory.gaussian_stationary import Matrix, stationary_covariance, symmetric_matrix
from nessmap.theory.linear_response import linearise

Field = Callable[[Matrix], Matrix]

_NODES = 8  # of the quadrature along an edge
_COARSE = 48  # cells per axis on which a box is settled
_WALL = 1e-10  # probability in the cells along a wall that counts as none
_TOO_MUCH = 1e-5  # above this one the box cuts the density off
_WIDENINGS = 12
_SPAN = 1e12  # of the noise within a box; rates that differ by more leave no digits


@dataclasses.dataclass(frozen=True, eq=False)
class PlanarSystem:
    """du = F dt + sqrt(2 D) o_alpha dW of two variables; raises ValueError where D or alpha cannot be.

    Parameters
    ----------
    drift : F, arrays (2, ...) to (2, ...) [u/tau].
    diffusion : (2, 2) matrix, (2,) strengths, or a function (2, ...) to (2, ...) whose entry i depends on u_i alone [u^2/tau].
    interpretation : alpha, the point of a step at which D is taken: 0 Ito, 1/2 Stratonovich, 1 anti-Ito.
    """

    drift: Field
    diffusion: ArrayLike | Field
    interpretation: float = 0.0

    def __post_init__(self) -> None:
        if self.interpretation not in (0.0, 0.5, 1.0):
            raise ValueError(
                f"interpretation: {self.interpretation}, expected 0 (Ito), 0.5 (Stratonovich) or 1 (anti-Ito)"
            )
        if not callable(self.diffusion) and self.strengths.min() <= 0.0:
            raise ValueError("diffusion: singular, expected a positive definite matrix; give every direction noise")

    @cached_property
    def _principal(self) -> tuple[Matrix, Matrix]:
        if callable(self.diffusion):
            return np.ones(2), np.eye(2)
        values = np.asarray(self.diffusion, dtype=np.float64)
        matrix = symmetric_matrix(np.diag(values) if values.ndim == 1 else values, "diffusion", 2)
        if matrix[0, 1] == 0.0:  # in the order of the variables, not of their noise
            return np.diag(matrix).copy(), np.eye(2)
        strengths, axes = np.linalg.eigh(matrix)
        return strengths, axes

    @property
    def strengths(self) -> Matrix:
        """(2,) eigenvalues of a constant D [u^2/tau]."""
        return self._principal[0]

    @property
    def axes(self) -> Matrix:
        """(2, 2) principal axes of the noise as columns; u = axes y."""
        return self._principal[1]

    def force(self, y: Matrix, axis: int) -> Matrix:
        """F_i / D_i along one axis, at coordinates y (2, ...) on the axes [1/u]."""
        drift = np.asarray(self.drift(np.tensordot(self.axes, y, axes=1)), dtype=np.float64)
        along = np.tensordot(self.axes[:, axis], drift, axes=1)
        found = np.asarray(along / self.strength(y, axis))
        if not np.all(np.isfinite(found)):
            raise ValueError(
                "drift: not finite in the box, expected finite numbers; shrink the box to where it is defined"
            )
        return found

    def strength(self, y: Matrix, axis: int) -> Matrix:
        """D_i along one axis [u^2/tau]."""
        if not callable(self.diffusion):
            return np.full(y.shape[1:], self.strengths[axis])
        found: Matrix = np.asarray(np.asarray(self.diffusion(y))[axis], dtype=np.float64)
        if not np.all((found > 0.0) & np.isfinite(found)):
            raise ValueError("diffusion: not finite and positive in the box, expected both [u^2/tau]; shrink the box")
        return found


class Box(NamedTuple):
    """Rectangle along the principal axes of the noise; two numbers each [u]."""

    low: Matrix
    high: Matrix


class StationaryState(NamedTuple):
    """Cell by cell, (n, n), first index along the first axis of the noise."""

    coordinates: Matrix
    """(2, n) centres of the cells along each axis [u]."""
    density: Matrix
    """[1/u^2]"""
    current: Matrix
    """(2, n, n), along the axes, mean of both faces of a cell [1/(u tau)]."""
    entropy_production_rate: float
    """Of this grid, >= 0 [k_B/tau]; its error is of second order in the size of the cells."""
    wall_probability: Matrix
    """(2, 2): in the cells along the low and the high wall of each axis."""


class Estimate(NamedTuple):
    """A number from several grids, and what it may be off by."""

    value: float
    error: float


class _Edges(NamedTuple):
    """Pairs of neighbouring cells along one axis, (n - 1, n) or (n, n - 1)."""

    gain: Matrix
    """Integral of the force from one centre to the next [1]."""
    rate: Matrix
    """D / h^2 [1/tau]."""


def _bernoulli(x: Matrix) -> Matrix:
    """x / (e^x - 1), 1 at 0."""
    small = np.abs(x) < 1e-4
    safe = np.where(small, 1.0, x)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(small, 1.0 - x / 2 + x * x / 12, safe / np.expm1(safe)))


def _edges(system: PlanarSystem, centres: Matrix, spacing: float, axis: int) -> _Edges:
    """Integrals along the edges between centres; the alpha term is integrable and needs no derivative of D."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    start = centres[axis, :-1]
    along = start[:, None, None] + spacing * (node + 1) / 2
    across = centres[1 - axis][None, :, None]
    pair = np.broadcast_arrays(along, across)
    points = np.stack(pair if axis == 0 else pair[::-1])
    gain = system.force(points, axis) @ (weight / 2) * spacing
    resistance = (1.0 / system.strength(points, axis)) @ (weight / 2)
    ends = np.stack(
        np.broadcast_arrays(*((centres[axis], centres[axis][:1]) if axis == 0 else (centres[0][:1], centres[1])))
    )
    strength = np.log(system.strength(ends, axis))
    gain = gain + (system.interpretation - 1.0) * np.diff(strength)[:, None]
    rate = 1.0 / (resistance * spacing**2)
    return _Edges(gain, rate) if axis == 0 else _Edges(gain.T, rate.T)


def stationary_state(system: PlanarSystem, box: Box, n_cell: int = 128) -> StationaryState:
    """Stationary density of two coupled Langevin equations, and the currents that keep it irreversible.

    sum over faces of (D/h) [B(-G) p - B(G) p'] = 0,  B(x) = x / (e^x - 1),  G = integral of (Ft/D) du from cell to cell
    docs/theory.md (84), (85); Scharfetter & Gummel, IEEE Trans. Electron Devices 16, 64 (1969)

    Ft_i = F_i + (alpha - 1) D_i'(u_i). Entropy production of the jumps between cells, sum of J [G + ln(p/p')]: each term
    >= 0. Of second order in h; 0.15 s for 128 x 128 cells, growing as n^3.

    Parameters
    ----------
    box : rectangle along the principal axes of the noise; must hold the density.
    n_cell : along each axis.

    Raises
    ------
    ValueError : the drift is not finite, or the noise not positive, somewhere in the box.

    >>> swirl = PlanarSystem(lambda u: np.stack([-u[0] + u[1], -u[0] - u[1]]), np.eye(2))
    >>> state = stationary_state(swirl, Box(np.array([-6.0, -6.0]), np.array([6.0, 6.0])), 64)
    >>> round(state.entropy_production_rate, 1)  # exactly 2
    2.0
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    if n_cell < 4:
        raise ValueError(f"n_cell: {n_cell}, expected >= 4")
    spacing = (box.high - box.low) / n_cell
    centres = box.low[:, None] + spacing[:, None] * (np.arange(n_cell) + 0.5)
    pairs = [_edges(system, centres, float(spacing[axis]), axis) for axis in (0, 1)]
    index = np.arange(n_cell**2).reshape(n_cell, n_cell)
    first = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    second = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    gain = np.concatenate([edges.gain.ravel() for edges in pairs])
    rate = np.concatenate([edges.rate.ravel() for edges in pairs])
    if max(float(edges.rate.max() / edges.rate.min()) for edges in pairs) > _SPAN:
        raise ValueError(
            f"diffusion: spans more than a factor {_SPAN:g} in the box {box.low} to {box.high}, expected less; shrink the"
            " box; a density that does not fit has no end"
        )
    forward, backward = rate * _bernoulli(-gain), rate * _bernoulli(gain)
    leaving = csc_matrix(
        (
            np.concatenate([forward, backward, -forward, -backward]),
            (np.concatenate([first, second, second, first]), np.concatenate([first, second, first, second])),
        ),
        shape=(n_cell**2, n_cell**2),
    )
    # One balance follows from the others: the density of a central cell is set to 1. Without pivots the elimination only
    # adds numbers of one sign, and the tails keep their digits.
    known = int(index[n_cell // 2, n_cell // 2])
    others = np.delete(np.arange(n_cell**2), known)
    factors = splu(
        leaving[others][:, others].tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    probability = np.ones(n_cell**2)
    probability[others] = factors.solve(-leaving[others][:, [known]].toarray().ravel())
    probability = np.maximum(probability / probability.sum(), 0.0)
    flow = forward * probability[first] - backward * probability[second]
    with np.errstate(divide="ignore"):
        logarithm = np.log(probability)
    met = (probability[first] > 0.0) & (probability[second] > 0.0)  # a far tail may underflow
    difference = np.subtract(logarithm[first], logarithm[second], out=np.zeros_like(flow), where=met)
    production = float(np.sum(flow * (gain + difference) * met))
    if not np.isfinite(production):
        raise ValueError("box: the density cannot be resolved in float64; shrink the box to where the density lives")
    area = float(spacing.prod())
    grid = probability.reshape(n_cell, n_cell)
    split = (n_cell - 1) * n_cell
    # a flow of probability crosses a face as long as the other axis' spacing
    along = flow[:split].reshape(n_cell - 1, n_cell) / (2 * spacing[1])
    across = flow[split:].reshape(n_cell, n_cell - 1) / (2 * spacing[0])
    current = np.zeros((2, n_cell, n_cell))
    current[0, :-1] += along
    current[0, 1:] += along
    current[1, :, :-1] += across
    current[1, :, 1:] += across
    walls = np.array([[grid[0].sum(), grid[-1].sum()], [grid[:, 0].sum(), grid[:, -1].sum()]])
    return StationaryState(centres, grid / area, current, production, walls)


def settled_box(system: PlanarSystem, guess: ArrayLike, reach: float = 6.5) -> Box:
    """Rectangle that holds the density around a stable fixed point.

    `reach` standard deviations of the linear law to each side, then wider where probability is left at a wall. A second
    well that the density does not touch on the way is not found: give the box where there may be one.

    Parameters
    ----------
    guess : (2,) near the fixed point [u].

    Raises
    ------
    ValueError : no stable fixed point near the guess, or the density has no end.
    """
    axes = system.axes

    def drift(y: Matrix) -> Matrix:
        return np.asarray(np.tensordot(axes.T, system.drift(np.tensordot(axes, y, axes=1)), axes=1))

    diffusion = system.diffusion if callable(system.diffusion) else np.diag(system.strengths)
    linear = linearise(drift, diffusion, axes.T @ np.asarray(guess, dtype=np.float64))
    spread = np.sqrt(np.diag(stationary_covariance(linear.drift_matrix, linear.diffusion_matrix)))
    low, high = linear.state - reach * spread, linear.state + reach * spread
    for _ in range(_WIDENINGS):
        walls = stationary_state(system, Box(low, high), _COARSE).wall_probability > _WALL
        if not walls.any():
            return Box(low, high)
        width = 0.15 * (high - low)
        low, high = low - width * walls[:, 0], high + width * walls[:, 1]
    raise ValueError(
        f"box: probability still at a wall of {low} to {high}, expected a density that ends; give the box, or a drift"
        " that confines"
    )


def entropy_production_rate(system: PlanarSystem, box: Box, n_cell: int = 128) -> Estimate:
    """Entropy production rate of two coupled Langevin equations, extrapolated to cells of no size  [k_B/tau].

    int J^T D^-1 J / p du at grids n/4, n/2 and n:  R = (4 P_n - P_n/2)/3, then (16 R_n - R_n/2)/15    docs/theory.md (86)

    The error is four times the last correction where the grids n/8 to n show second order; else, and then n_cell should
    be raised, half the difference of the finest two. The probability at the walls is added. A second for n_cell = 256.

    Parameters
    ----------
    box : as `stationary_state`; `settled_box` finds one.
    n_cell : of the finest grid along each axis, a multiple of 8, at least 32.

    Raises
    ------
    ValueError : more than 1e-5 of the probability lies at the walls, or as `stationary_state`.

    >>> swirl = PlanarSystem(lambda u: np.stack([-u[0] + u[1], -u[0] - u[1]]), np.eye(2))
    >>> round(entropy_production_rate(swirl, settled_box(swirl, [0.0, 0.0])).value, 3)
    2.0
    """
    if n_cell < 32 or n_cell % 8:
        raise ValueError(f"n_cell: {n_cell}, expected a multiple of 8, at least 32")
    states = [stationary_state(system, box, n_cell // n) for n in (8, 4, 2, 1)]
    walls = states[-1].wall_probability
    if walls.max() > _TOO_MUCH:
        axis, side = np.unravel_index(int(walls.argmax()), walls.shape)
        raise ValueError(
            f"box: probability {walls.max():.3g} at the {('low', 'high')[side]} wall of axis {axis}, expected below"
            f" {_TOO_MUCH:g}; widen it there"
        )
    coarsest, coarse, middle, fine = (state.entropy_production_rate for state in states)
    before, after = (4.0 * middle - coarse) / 3.0, (4.0 * fine - middle) / 3.0
    # what the walls cut off is a boundary of cells n times wider than the outermost ones
    cut = float(walls.sum()) * n_cell * abs(fine)
    first, second, last = coarse - coarsest, middle - coarse, fine - middle
    # a ratio of 4 once may be chance
    resolved = abs(first - 4.0 * second) <= abs(second) and abs(second - 4.0 * last) <= 0.4 * abs(last)
    if not resolved:
        return Estimate(after, 0.5 * abs(last) + cut)
    return Estimate((16.0 * after - before) / 15.0, 4.0 * abs(after - before) / 15.0 + cut)
