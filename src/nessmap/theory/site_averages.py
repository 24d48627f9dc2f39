"""One neuron in the replica theory of the quasi-potential: averages over its state and over the fields that replicas share.

w(x | h, z) ~ exp{-eta x^2/T + A phi^2 + z phi - (x - h - Gamma phi)^2/(2 S)} with S = T + g^2 (q - Q), Gamma = g^2 gamma G;
h, z Gaussian. docs/theory.md, "Random networks: quasi-potential".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Transfer = Callable[[Array], Array]

_REACH = 6.3  # of the Gaussian fields, in standard deviations: e^-20 of the weight is beyond
_NEGLIGIBLE = 37.0  # exponent: e^-37 is rounding
_SATURATED = 30.0  # x at which a bounded transfer function is at its bound
_SCAN = 32  # intervals, of which each pass keeps those that count


class OrderParameters(NamedTuple):
    """In variables that stay finite as the temperature vanishes."""

    self_overlap: float
    """q = <phi^2>."""
    overlap: float
    """Q = <phi>^2, between replicas."""
    field_variance: float
    """Qh = g^2 <y>^2, y = (x - h - Gamma phi)/S."""
    confinement: float
    """A."""
    response: float
    """G = <y phi> - <y><phi> [tau]."""
    cross_overlap: float
    """rho = <y><phi>."""


class SiteAverages(NamedTuple):
    """The right-hand sides of the saddle-point equations, and what else one neuron tells."""

    parameters: OrderParameters
    second_moment: float
    """<x^2>."""
    force_square: float
    """<y^2> - 1/S."""
    logarithm: float
    """<ln Int w dx>."""
    replicon: Array
    """Linear map of small changes of (Q, Qh, rho) between two replicas."""


class Fields(NamedTuple):
    """Nodes of two independent standard Gaussian variables, and weights; the half with v >= 0, by symmetry."""

    v: Array
    u: Array
    weight: Array


class States(NamedTuple):
    """Points x for each pair of fields, phi there, and their spacing."""

    x: Array
    rate: Array
    spacing: Array


NO_FIELDS = Fields(np.zeros(1), np.zeros(1), np.ones(1))


def fields(n_node: int) -> Fields:
    """Equidistant nodes, an odd number per axis: exponentially accurate for smooth functions."""
    axis = np.linspace(-_REACH, _REACH, n_node)
    weight = np.exp(-0.5 * axis**2)
    weight /= weight.sum()
    half = axis > -1e-9
    v, u = np.meshgrid(axis[half], axis, indexing="ij")
    folded = np.where(axis[half] > 1e-9, 2.0, 1.0) * weight[half]
    return Fields(v.ravel(), u.ravel(), np.outer(folded, weight).ravel())


@dataclasses.dataclass(frozen=True)
class QuasiPotential:
    """E(x) = |F|^2/2 + eta |x|^2, F = -x + J phi(x), at a temperature, N to infinity.

    Parameters
    ----------
    gain, symmetry : g >= 0, gamma from -1 to 1.
    temperature : T [x^2/tau^2].
    regulariser : eta [1/tau^2].
    transfer : phi, odd.
    """

    gain: float
    symmetry: float
    temperature: float
    regulariser: float
    transfer: Transfer

    def states(self, at: OrderParameters, fields: Fields, n_state: int) -> States:
        """Equidistant x over all that has weight, for each pair of fields; found by scanning, so that no mode is missed."""
        width, loop = self._scales(at)
        h, z = self._fields(at, fields)
        bound = float(self.transfer(np.array([_SATURATED]))[0])
        spread = _NEGLIGIBLE + 2.0 * bound * np.abs(z) + 2.0 * bound**2 * abs(at.confinement)
        reach = bound * abs(loop) + np.sqrt(2.0 * width * spread)
        low, high = h - reach, h + reach
        share = np.linspace(0.0, 1.0, _SCAN + 1)
        for _ in range(3):
            x = low[:, None] + (high - low)[:, None] * share
            exponent = self._exponent(at, x, self.transfer(x), h, z)[0]
            counts = exponent > exponent.max(axis=1, keepdims=True) - _NEGLIGIBLE
            first, last = counts.argmax(axis=1), _SCAN - counts[:, ::-1].argmax(axis=1)
            step = (high - low) / _SCAN
            low, high = low + (first - 1) * step, low + (last + 1) * step
        spacing = (high - low) / (n_state - 1)
        x = low[:, None] + spacing[:, None] * np.arange(n_state)
        return States(x, self.transfer(x), spacing)

    def averages(self, at: OrderParameters, fields: Fields, states: States) -> SiteAverages:
        """The saddle-point equations: what the order parameters `at` imply; docs/theory.md (140), (141)."""
        coupling, inverse = self.gain**2, 1.0 / self._scales(at)[0]
        exponent, y = self._exponent(at, states.x, states.rate, *self._fields(at, fields))
        highest = exponent.max(axis=1, keepdims=True)
        weight = np.exp(exponent - highest)
        total = weight.sum(axis=1)
        weight /= total[:, None]
        rated, pulled = weight * states.rate, weight * y
        rate, pull = rated.sum(axis=1), pulled.sum(axis=1)
        rate_square = np.einsum("ij,ij->i", rated, states.rate)
        pull_square = np.einsum("ij,ij->i", pulled, y)
        # derivatives of <phi> and <y> by the fields: d<phi>/dh, d<phi>/dz, d<y>/dh
        alpha = np.einsum("ij,ij->i", rated, y) - rate * pull
        beta = rate_square - rate**2
        kappa = pull_square - pull**2 - inverse

        def mean(values: Array) -> float:
            return float(fields.weight @ values)

        parameters = OrderParameters(
            mean(rate_square),
            mean(rate**2),
            coupling * mean(pull**2),
            0.5 * coupling * mean(kappa),
            mean(alpha),
            mean(pull * rate),
        )
        crossed = coupling * self.symmetry
        replicon = np.array(
            [
                [coupling * mean(alpha**2), mean(beta**2), 2.0 * crossed * mean(alpha * beta)],
                [
                    coupling**2 * mean(kappa**2),
                    coupling * mean(alpha**2),
                    2.0 * coupling * crossed * mean(alpha * kappa),
                ],
                [coupling * mean(alpha * kappa), mean(alpha * beta), crossed * mean(alpha**2 + beta * kappa)],
            ]
        )
        return SiteAverages(
            parameters,
            mean(np.einsum("ij,ij->i", weight, states.x**2)),
            mean(pull_square) - inverse,
            mean(np.log(total * states.spacing) + highest[:, 0]),
            replicon,
        )

    def _scales(self, at: OrderParameters) -> tuple[float, float]:
        """S and Gamma."""
        coupling = self.gain**2
        width = self.temperature + coupling * (at.self_overlap - at.overlap)
        return width, coupling * self.symmetry * at.response

    def _fields(self, at: OrderParameters, fields: Fields) -> tuple[Array, Array]:
        """h and z with Var h = g^2 Q, Var z = Qh, Cov(h, z) = g^2 gamma rho."""
        if at.overlap <= 0.0:
            return np.zeros_like(fields.v), math.sqrt(max(at.field_variance, 0.0)) * fields.u
        common = self.gain * self.symmetry * at.cross_overlap / math.sqrt(at.overlap)
        # rho <= sqrt(Q Qh)/g by Schwarz; on the way to the solution it may be larger
        common = max(-1.0, min(1.0, common / math.sqrt(at.field_variance))) * math.sqrt(at.field_variance)
        rest = math.sqrt(max(at.field_variance - common**2, 0.0))
        return self.gain * math.sqrt(at.overlap) * fields.v, common * fields.v + rest * fields.u

    def _exponent(self, at: OrderParameters, x: Array, rate: Array, h: Array, z: Array) -> tuple[Array, Array]:
        """ln w and y."""
        width, loop = self._scales(at)
        y = (x - h[:, None] - loop * rate) / width
        exponent = (at.confinement * rate + z[:, None]) * rate - 0.5 * width * y**2
        if self.regulariser > 0.0:
            exponent = exponent - self.regulariser / self.temperature * x**2
        return exponent, y
