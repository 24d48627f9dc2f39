"""Replica-symmetric theory of the quasi-potential of a random network: order parameters, response, energy, stability.

P(x) ~ exp(-E/T), E = |F|^2/2 + eta |x|^2, F = -x + J phi(x), E[J_ij^2] = g^2/N, E[J_ij J_ji] = gamma g^2/N, N to infinity.
docs/theory.md, "Random networks: quasi-potential".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from nessmap.theory.random_linear_network import critical_gain
from nessmap.theory.site_averages import (
    NO_FIELDS,
    Array,
    Fields,
    OrderParameters,
    QuasiPotential,
    Transfer,
    fields,
)

_TOLERANCE, _ENOUGH = 1e-10, 1e-4  # residual at which Newton's method stops; change between grids that is accepted
_STEPS = 20  # of Newton's method
_LEAP = 0.1  # first step of the symmetry on the way from 0 to its value
_N_STATE = 481  # points of one integral over x
_GRIDS = ((21, 41), (31, 49), (45, 61), (65, 81))  # nodes per field and points in x, until nothing changes
_COARSE, _DAMPED_STEPS = (15, 33), 30
_HOPELESS = 0.05  # residual on the coarsest grid, which where it serves badly is a fifth of this
_LOWEST_OVERLAP = 1e-6  # Q/q below which replicas count as independent


class ReplicaState(NamedTuple):
    """Replica-symmetric state of the quasi-potential per neuron, if `converged`; else NaN or the best found, and why."""

    self_overlap: float
    """q = <phi^2>."""
    overlap: float
    """Q, between replicas; 0 where they are independent."""
    response: float
    """G = d<phi>/dh, of F + h [tau]."""
    cross_overlap: float
    """rho; the overlap of phi with -F/T of another replica."""
    field_variance: float
    """Qh."""
    conjugate: float
    """qh, conjugate to q; its sign is that of E/N - T/2."""
    second_moment: float
    """<x^2>."""
    energy: float
    """E/N [x^2/tau^2]."""
    log_volume: float
    """omega = ln Z/N - ln(2 pi T)/2; for T to 0 ln sum over fixed points of 1/|det DF|, per neuron."""
    stability: float
    """Largest eigenvalue of the map of replica differences; the state holds where it is below 1."""
    converged: bool
    residual: float
    """Largest relative change in the last step, or between two grids."""
    message: str


def ordered_response(gain: float, symmetry: float) -> float:
    """G below the transition at T = 0: G (1 - g^2 gamma G) = 1  [tau]; docs/theory.md (143).

    >>> ordered_response(0.8, 0.25)  # at the critical gain 1 + gamma
    1.25
    """
    root = 1.0 - 4.0 * gain**2 * symmetry
    return 2.0 / (1.0 + math.sqrt(max(root, 0.0)))


def replica_state(
    gain: float, symmetry: float, temperature: float, regulariser: float = 0.0, transfer: Transfer = np.tanh
) -> ReplicaState:
    """The state that holds: independent replicas where they are stable, else the one with an overlap between them.

    docs/theory.md (140)-(145); after Qiu & Huang, Commun. Theor. Phys. 77, 035601 (2025), in variables of our own

    About 40 ms on average, up to a second where replicas overlap. See `independent_replicas`, `overlapping_replicas`.

    Parameters
    ----------
    gain, symmetry : g >= 0, gamma from -1 to 1; phi'(0) = 1 makes 1/(1 + gamma) the transition.
    temperature : T >= 0 [x^2/tau^2]; T = 0 is the limit, and needs independent replicas.
    regulariser : eta >= 0 [1/tau^2].
    transfer : phi, odd and bounded, of unit slope at 0.

    >>> found = replica_state(1.2, 0.0, 0.001)
    >>> round(found.self_overlap, 8), round(found.response, 8), found.overlap, round(found.energy, 12)
    (0.17503165, 0.82496835, 0.0, 0.0005)
    """
    independent = independent_replicas(gain, symmetry, temperature, regulariser, transfer)
    if independent.converged and independent.stability < 1.0:
        return independent
    overlapping = overlapping_replicas(gain, symmetry, temperature, regulariser, transfer)
    if math.isfinite(overlapping.self_overlap) or not independent.converged:
        return overlapping
    message = f"stability: {independent.stability:.6g} of independent replicas, expected < 1; {overlapping.message}"
    return independent._replace(converged=False, message=message)


def independent_replicas(
    gain: float, symmetry: float, temperature: float, regulariser: float = 0.0, transfer: Transfer = np.tanh
) -> ReplicaState:
    """The solution with Q = 0, stable or not; where there are two, the stable one.

    Newton's method from the ordered phase, and along a path of the symmetry from 0, where x is Gaussian: docs/theory.md
    (142), (143). Parameters as `replica_state`.

    >>> found = independent_replicas(1.5, 0.0, 0.0)
    >>> round(found.self_overlap, 8), round(found.log_volume, 12) + 0.0
    (0.3526018, 0.0)
    """
    problem = _problem(gain, symmetry, temperature, regulariser, transfer)
    critical = critical_gain(symmetry)
    if temperature == 0.0 and gain <= critical:
        return _ordered_limit(problem)
    candidates = []
    if gain < critical and temperature > 0.0:
        response = ordered_response(gain, symmetry)
        self_overlap = response**2 * temperature / max(1.0 - (gain * response) ** 2, math.sqrt(temperature))
        at, residual = _newton(_Independent(problem), np.array([math.log(min(self_overlap, 0.5)), response, 0.0]))
        candidates.append(_independent_state(problem, at, residual))
    if not candidates or not candidates[0].converged or candidates[0].stability >= 1.0:
        at, residual = _followed(problem)
        candidates.append(_independent_state(problem, at, residual))
    return max(candidates, key=lambda state: (state.converged, state.stability < 1.0, state.log_volume))


def overlapping_replicas(
    gain: float, symmetry: float, temperature: float, regulariser: float = 0.0, transfer: Transfer = np.tanh
) -> ReplicaState:
    """The solution with Q > 0, if there is one; its stability is that against further breaking of replica symmetry.

    Damped steps, then Newton's method on finer and finer grids. Strong fields at low temperature (far above the transition
    with negative symmetry) want the finest, which can be too coarse: `residual` tells. Parameters as `replica_state`.

    >>> found = overlapping_replicas(1.5, -0.3, 0.01)
    >>> round(found.self_overlap, 5), round(found.overlap, 5), round(found.response, 5), round(found.stability, 4)
    (0.1575, 0.10411, 0.66036, 1.0223)
    """
    problem = _problem(gain, symmetry, temperature, regulariser, transfer)
    if temperature == 0.0:
        return _nothing("temperature: 0, expected > 0 where replicas overlap; take the limit, 1e-6 is enough")
    for start in _overlapping_starts(problem):
        found = _refined(problem, _packed(start))
        if found is not None:
            return found
    return _nothing(f"gain: {gain:.6g}, symmetry: {symmetry:.6g}: no state with an overlap between replicas was found")


class _Independent:
    """Equations of (ln q, G, A S) for Q = 0."""

    limits = np.array([0.5, 0.5, math.inf])  # of one step

    def __init__(self, problem: QuasiPotential) -> None:
        self.problem = problem

    def parameters(self, at: Array) -> OrderParameters:
        self_overlap = math.exp(at[0])
        width = self.problem.temperature + self.problem.gain**2 * self_overlap
        return OrderParameters(self_overlap, 0.0, 0.0, float(at[2]) / width, float(at[1]), 0.0)

    def residuals(self, at: Array) -> Callable[[Array], Array]:
        """On points of x that are those of `at`, so that differences are of the equations alone."""
        states = self.problem.states(self.parameters(at), NO_FIELDS, _N_STATE)

        def residual(moved: Array) -> Array:
            found = self.problem.averages(self.parameters(moved), NO_FIELDS, states).parameters
            width = self.problem.temperature + self.problem.gain**2 * math.exp(moved[0])
            return np.array([math.log(found.self_overlap), found.response, found.confinement * width]) - moved

        return residual


class _Overlapping:
    """Equations of (ln q, ln Q/(q - Q), ln Qh, A, G, rho)."""

    limits = np.array([0.7, 1.5, 1.5, math.inf, 0.3, 0.3])

    def __init__(self, problem: QuasiPotential, n_field: int, n_state: int) -> None:
        self.problem, self.fields, self.n_state = problem, fields(n_field), n_state

    def residuals(self, at: Array) -> Callable[[Array], Array]:
        if at[1] < math.log(_LOWEST_OVERLAP):
            raise ValueError(f"overlap: vanishes, Q/q below {_LOWEST_OVERLAP:.0e}")
        states = self.problem.states(_unpacked(at), self.fields, self.n_state)

        def residual(moved: Array) -> Array:
            before = _unpacked(moved)
            found = self.problem.averages(before, self.fields, states).parameters
            difference = _packed(found) - moved
            # A grows as 1/S; what counts is A phi^2
            difference[3] *= self.problem.temperature + self.problem.gain**2 * (before.self_overlap - before.overlap)
            return difference

        return residual


def _packed(at: OrderParameters) -> Array:
    between = max(at.self_overlap - at.overlap, 1e-14 * at.self_overlap)
    logarithms = [math.log(at.self_overlap), math.log(at.overlap / between), math.log(at.field_variance)]
    return np.array([*logarithms, at.confinement, at.response, at.cross_overlap])


def _unpacked(at: Array) -> OrderParameters:
    self_overlap = math.exp(at[0])
    return OrderParameters(self_overlap, self_overlap / (1.0 + math.exp(-at[1])), math.exp(at[2]), *map(float, at[3:]))


def _newton(equations: _Independent | _Overlapping, start: Array, n_step: int = _STEPS) -> tuple[Array, float]:
    """Newton's method with differences for derivatives; the residual is inf where it left the domain."""
    at = start
    for _ in range(n_step):
        try:
            residual = equations.residuals(at)
            value = residual(at)
            worst = float(np.abs(value).max())
            if worst < _TOLERANCE or not math.isfinite(worst):
                break
            steps = 1e-6 * np.maximum(1.0, np.abs(at))
            columns = [
                (residual(at + step * unit) - value) / step for step, unit in zip(steps, np.eye(len(at)), strict=True)
            ]
            move = -np.linalg.solve(np.array(columns).T, value)
        except (ValueError, OverflowError, np.linalg.LinAlgError):  # logarithm of nothing, singular equations
            return at, math.inf
        at = at + move * min(1.0, float(np.min(equations.limits / np.maximum(np.abs(move), 1e-300))))
    return at, worst if math.isfinite(worst) else math.inf


def _followed(problem: QuasiPotential) -> tuple[Array, float]:
    """Q = 0 along a path: the symmetry from 0 to its value, then the temperature down to 0 if that is wanted."""
    gain = problem.gain
    warm = max(problem.temperature, 1e-4) if gain > 0.0 else problem.temperature
    small = min(0.3, warm + max(0.0, gain - 1.0))
    at = np.array([math.log(small), 1.0 / (1.0 + 0.5 * max(gain - 1.0, 0.0)), 0.0])
    at, residual = _newton(_Independent(dataclasses.replace(problem, symmetry=0.0, temperature=warm)), at, 4 * _STEPS)
    reached, leap = 0.0, _LEAP
    slope = np.zeros(3)
    while reached < abs(problem.symmetry) and leap > 1e-3:
        target = min(reached + leap, abs(problem.symmetry))
        here = dataclasses.replace(problem, symmetry=math.copysign(target, problem.symmetry), temperature=warm)
        found, residual = _newton(_Independent(here), at + slope * (target - reached))
        if residual < _TOLERANCE:
            at, slope, reached = found, (found - at) / (target - reached), target
        else:
            leap, slope = 0.5 * leap, np.zeros(3)
    if reached < abs(problem.symmetry):
        return at, math.inf
    for temperature in [] if problem.temperature == warm else [1e-2 * warm, problem.temperature]:
        at, residual = _newton(_Independent(dataclasses.replace(problem, temperature=temperature)), at, 4 * _STEPS)
    return at, residual


def _overlapping_starts(problem: QuasiPotential) -> Iterator[OrderParameters]:
    """From Q = 0 at a symmetry where it is easily found, with a share of q as Q, and some damped steps towards the solution."""
    for symmetry, share in ((-0.4, 0.8), (-0.2, 0.3)):
        begun = dataclasses.replace(problem, symmetry=max(problem.symmetry, symmetry))
        at, residual = _followed(begun)
        if not math.isfinite(residual):
            continue
        self_overlap, response = math.exp(at[0]), float(at[1])
        width = problem.temperature + problem.gain**2 * (1.0 - share) * self_overlap
        cross = math.copysign(0.05, -problem.symmetry)
        start = OrderParameters(self_overlap, share * self_overlap, 0.1 / width, 0.0, response, cross)
        nodes = fields(_COARSE[0])
        for _ in range(_DAMPED_STEPS):
            found = problem.averages(start, nodes, problem.states(start, nodes, _COARSE[1])).parameters
            start = OrderParameters(*(0.5 * (old + new) for old, new in zip(start, found, strict=True)))
        if start.overlap > _LOWEST_OVERLAP * start.self_overlap:
            yield start


def _refined(problem: QuasiPotential, start: Array) -> ReplicaState | None:
    """The solution near a start on finer and finer grids until nothing changes; None where Q vanishes or none is found."""
    at, residual, change, grid = start, math.inf, math.inf, _GRIDS[0]
    for grid in _GRIDS:
        before, solved = at, residual < _TOLERANCE
        at, residual = _newton(_Overlapping(problem, *grid), before)
        if residual > _HOPELESS:
            return None
        width = problem.temperature + problem.gain**2 * math.exp(at[0])
        if solved and residual < _TOLERANCE:
            change = float(np.abs((at - before) * [1.0, 1.0, 1.0, width, 1.0, 1.0]).max())
            if change < _ENOUGH / 100.0:
                break
    if residual > _TOLERANCE:
        return None
    message = "" if change < _ENOUGH else f"gain: {problem.gain:.6g}: grids differ by {change:.1e} in the end"
    return _state(problem, _unpacked(at), fields(grid[0]), grid[1], max(change, residual), message)


def _independent_state(problem: QuasiPotential, at: Array, residual: float) -> ReplicaState:
    if residual < _TOLERANCE:
        return _state(problem, _Independent(problem).parameters(at), NO_FIELDS, _N_STATE, residual, "")
    return _nothing(
        f"gain: {problem.gain:.6g}, symmetry: {problem.symmetry:.6g}: no state with Q = 0 was found", residual
    )


def _state(
    problem: QuasiPotential, at: OrderParameters, nodes: Fields, n_state: int, residual: float, message: str
) -> ReplicaState:
    found = problem.averages(at, nodes, problem.states(at, nodes, n_state))
    coupling, temperature = problem.gain**2, problem.temperature
    conjugate = 0.5 * coupling * found.force_square
    energy = 0.5 * temperature * (1.0 + temperature * found.force_square) + problem.regulariser * found.second_moment
    crossed = 0.5 * coupling * problem.symmetry * at.response * (at.response + 2.0 * at.cross_overlap)
    width = temperature + coupling * (at.self_overlap - at.overlap)
    volume = 0.5 * at.field_variance * at.overlap - conjugate * at.self_overlap - crossed + found.logarithm
    return ReplicaState(
        at.self_overlap,
        at.overlap,
        at.response,
        at.cross_overlap,
        at.field_variance,
        conjugate,
        found.second_moment,
        energy,
        volume - 0.5 * math.log(2.0 * math.pi * width),
        float(np.linalg.eigvals(found.replicon).real.max()),
        not message,
        residual,
        message,
    )


def _ordered_limit(problem: QuasiPotential) -> ReplicaState:
    """T = 0 up to the transition: x = 0, with what remains finite; docs/theory.md (143), (144)."""
    gain, symmetry = problem.gain, problem.symmetry
    response = ordered_response(gain, symmetry)
    loop, stability = gain**2 * symmetry * response, (gain * response) ** 2
    step = 2.0**-6
    values = problem.transfer(step * np.array([0.5, 1.0, 2.0]))
    coarse, fine = (values[2] - 2.0 * values[1]) / step**3, (values[1] - 2.0 * values[0]) / (0.5 * step) ** 3
    third = float(4.0 * fine - coarse) / 3.0  # phi'''(0) of an odd function
    conjugate = 0.5 * gain**2 * loop * response**3 * third / (1.0 - stability) if stability < 1.0 else math.nan
    volume = math.log(response) - 0.5 * loop * response
    return ReplicaState(0.0, 0.0, response, 0.0, 0.0, conjugate, 0.0, 0.0, volume, stability, True, 0.0, "")


def _nothing(message: str, residual: float = math.inf) -> ReplicaState:
    nan = math.nan
    return ReplicaState(nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, False, residual, message)


def _problem(
    gain: float, symmetry: float, temperature: float, regulariser: float, transfer: Transfer
) -> QuasiPotential:
    for name, value in (("gain", gain), ("temperature", temperature), ("regulariser", regulariser)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name}: {value:.6g}, expected a number >= 0")
    critical_gain(symmetry)
    if temperature == 0.0 and regulariser > 0.0:
        raise ValueError("temperature: 0 with a regulariser, expected > 0: x = 0 is the only state")
    x = np.array([1e-4, 1.0])
    values = np.asarray(transfer(x))
    if abs(values[0] / x[0] - 1.0) > 1e-6 or not np.allclose(transfer(-x), -values, rtol=1e-12, atol=0.0):
        raise ValueError(f"transfer: maps {x} to {values}, expected an odd function of unit slope at 0; scale the gain")
    return QuasiPotential(gain, symmetry, temperature, regulariser, transfer)
