"""What a simulation in steps makes of first passages: Heun steps with a Brownian bridge across each, solved as an equation.

dx = f(x) dt + sqrt(2 D) dW with constant D. docs/theory.md, "First passages in steps".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nessmap.theory.brownian import require_positive

Array = NDArray[np.floating[Any]]

_SIZES = (48, 96, 192, 384)  # nodes in x: a passage time varies over the width of a barrier, not over a step
_ENOUGH = 1e-7  # relative change from one number of nodes to the next that ends the refinement
_REACH = 8.5  # standard deviations of the noise: beyond lies 1e-17
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(80)


class Passage(NamedTuple):
    """Moments of the time that the simulation takes from the start to the target, counted in whole steps."""

    mean: float
    """[time]"""
    variance: float
    """[time^2]"""
    dt: float

    @property
    def time(self) -> float:
        """Mean first-passage time, a crossing taken to happen at the middle of its step  [time]."""
        return self.mean - self.dt / 2.0

    def number_in(self, duration: float) -> float:
        """Mean number of passages in a run that begins with one, each followed by the next.

        t/mean + (variance/mean^2 - 1 + dt/mean)/2, for times much above those within a well
        docs/theory.md, "First passages in steps"; Feller, Introduction to Probability, vol. 1, ch. XIII (1968)
        """
        return duration / self.mean + 0.5 * (self.variance / self.mean**2 - 1.0 + self.dt / self.mean)


def _interpolation(nodes: Array, points: Array) -> Array:
    """(points, nodes) matrix that interpolates from Chebyshev points of the second kind, barycentric."""
    weight = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    weight[[0, -1]] /= 2.0
    apart = points[:, None] - nodes
    hit = np.abs(apart) < 1e-14 * (1.0 + np.abs(nodes))
    terms = weight / np.where(hit, 1.0, apart)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    exact = hit.any(axis=1)
    matrix[exact] = hit[exact]
    return np.asarray(matrix)


def _killed(force: Callable[[Array], Array], diffusion: float, dt: float, nodes: Array) -> Array:
    """(nodes, nodes): expectation, a step later, of a function given at the nodes, on paths that did not reach the last one."""
    wall, scale = nodes[-1], math.sqrt(2.0 * diffusion * dt)
    place, push = nodes[:, None], force(nodes)[:, None]

    def after(noise: Array) -> Array:
        kick = scale * noise
        return np.asarray(place + 0.5 * dt * (push + force(place + dt * push + kick)) + kick)

    low, high = np.full((len(nodes), 1), -_REACH), np.full((len(nodes), 1), _REACH)
    for _ in range(60):  # the noise that ends on the wall; a larger one crosses
        middle = 0.5 * (low + high)
        short = after(middle) < wall
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    span = high + _REACH
    noise = -_REACH + span * (_NODE + 1.0) / 2.0
    reached = after(noise)
    survived = -np.expm1(-np.maximum((wall - place) * (wall - reached), 0.0) / (diffusion * dt))
    weight = survived * np.exp(-0.5 * noise**2) * _WEIGHT * span / math.sqrt(8.0 * math.pi)
    there = _interpolation(nodes, np.clip(reached, nodes[0], wall).ravel()).reshape(*reached.shape, len(nodes))
    return np.asarray(np.einsum("im,imj->ij", weight, there))


def heun_passage(
    force: Callable[[Array], Array], diffusion: float, dt: float, start: float, target: float, far: float
) -> Passage:
    """Passage from start to target in Heun steps with a bridge test, a crossing being seen at the end of its step.

    c(x) = dt + E[(1 - p) c(x')], p = exp(-(b - x)(b - x')/(D dt)) or 1 beyond the target b
    docs/theory.md, "First passages in steps"; Gobet, Stoch. Proc. Appl. 87, 167 (2000)

    Parameters
    ----------
    force : f, arrays to arrays [x/time].
    diffusion : D [x^2/time].
    far : behind the start, where no path goes; U must be many D above its value at the start. Where steps from there are
        too long for the force, there is no number.

    >>> free = heun_passage(lambda x: -x, 1.0, 0.01, 0.0, 1.0, -9.0)  # 2.09340665 without steps
    >>> round(free.time, 3)
    2.093
    """
    require_positive("heun_passage", diffusion=diffusion, dt=dt)
    side = math.copysign(1.0, target - start)
    bottom, wall = side * far, side * target
    push = float(side * force(np.array(side * bottom)))
    landed = bottom + 0.5 * dt * (push + float(side * force(np.array(side * (bottom + dt * push)))))
    if not bottom <= landed < wall:  # a step too long for the force there: the equation means nothing
        return Passage(math.nan, math.nan, dt)
    before = math.nan
    for size in _SIZES:
        nodes = bottom + (wall - bottom) * (1.0 - np.cos(np.pi * np.arange(size) / (size - 1))) / 2.0
        step = _killed(lambda x: side * force(side * x), diffusion, dt, nodes)
        system = np.eye(size) - step
        once = np.linalg.solve(system, np.full(size, dt))
        twice = np.linalg.solve(system, dt * dt + 2.0 * dt * (step @ once))
        mean, square = (_interpolation(nodes, np.array([side * start])) @ np.stack([once, twice], axis=1))[0]
        found = Passage(float(mean), float(square - mean**2), dt)
        if abs(found.mean - before) <= _ENOUGH * found.mean:
            break
        before = found.mean
    return found
