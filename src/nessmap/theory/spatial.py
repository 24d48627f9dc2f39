"""Kernels and noise covariances on a ring: continuum functions summed over periodic images, and their discrete transforms.

A ring of n sites x_j = j dx, dx = length / n; sites are taken at signed distances from 0, so that an even function is sampled
exactly evenly and its transform is exactly real. docs/theory.md, "Ring field" and "Kernels".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
# Results remembered: along most axes of a sweep kernel and noise stay the same. They are shared, and so cannot be written to.
N_KEPT = 256


class Profile(NamedTuple):
    """A kernel shape: value(x, width, second width, ratio) and how many widths it reaches."""

    value: Callable[[Array, float, float, float], Array]
    reach: float  # beyond this many widths the value is below 1e-17 of its maximum


def _gaussian(x: Array, width: float) -> Array:
    return np.asarray(np.exp(-0.5 * (x / width) ** 2) / (np.sqrt(2 * np.pi) * width))


def _difference_of_gaussians(x: Array, width: float, second_width: float, ratio: float) -> Array:
    return _gaussian(x, width) - ratio * _gaussian(x, second_width)


def _wizard_hat(x: Array, width: float, second_width: float, ratio: float) -> Array:
    distance = np.abs(x) / width
    return (1 - distance) * np.exp(-distance) / (4 * width)


def _damped_oscillation(x: Array, width: float, second_width: float, ratio: float) -> Array:
    # ratio b = decay per radian; Int e^(-b|y|) (b sin|y| + cos y) dy = 4 b / (1 + b^2)
    distance = np.abs(x) / width
    shape = np.exp(-ratio * distance) * (ratio * np.sin(distance) + np.cos(distance))
    return shape * (1 + ratio**2) / (4 * ratio * width)


def _one_sided_exponential(x: Array, width: float, second_width: float, ratio: float) -> Array:
    at_jump = np.abs(x) < 1e-9 * width  # a shift by whole sites meets it only to rounding
    step = np.where(at_jump, 0.5, np.where(x > 0, 1.0, 0.0))  # there, the mean of both sides
    return step * np.exp(-np.maximum(x, 0.0) / width) / width


# docs/theory.md, "Kernels", has the transform of each
PROFILES: dict[str, Profile] = {
    "gaussian": Profile(lambda x, width, second_width, ratio: _gaussian(x, width), 9.0),
    "exponential": Profile(lambda x, width, second_width, ratio: np.exp(-np.abs(x) / width) / (2 * width), 40.0),
    "difference_of_gaussians": Profile(_difference_of_gaussians, 9.0),
    "wizard_hat": Profile(_wizard_hat, 44.0),
    "damped_oscillation": Profile(_damped_oscillation, 40.0),
    "one_sided_exponential": Profile(_one_sided_exponential, 40.0),
}


def signed_distances(n_site: int, length: float) -> Array:
    """Distances of the sites from site 0 in (-length/2, length/2]; those of j and n - j are exact opposites.

    >>> signed_distances(4, 2.0).tolist()
    [0.0, 0.5, 1.0, -0.5]
    """
    index = np.arange(n_site)
    return np.where(2 * index <= n_site, index, index - n_site) * (length / n_site)


def summed_over_images(function: Callable[[Array], Array], n_site: int, length: float, reach: float) -> Array:
    """function(x_j + m length) summed over all m that matter, (n_site,); m and -m are added as a pair."""
    x = signed_distances(n_site, length)
    total = function(x)
    for m in range(1, int(np.ceil(reach / length)) + 2):
        total = total + (function(x + m * length) + function(x - m * length))
    return total


@lru_cache(maxsize=N_KEPT)
def profile_at_sites(
    name: str, shift: float, width: float, second_width: float, ratio: float, n_site: int, length: float, reach: float
) -> Array:
    """A kernel of PROFILES, moved by shift, at the sites: summed over the images within reach [length]; read-only."""
    value = PROFILES[name].value
    values = summed_over_images(lambda x: value(x - shift, width, second_width, ratio), n_site, length, reach)
    values.setflags(write=False)
    return values


def transform(values: Array, spacing: float) -> tuple[Array, Array]:
    """Real and imaginary part of dx sum_j w_j exp(-i k x_j), k = 2 pi q / length, q = 0 .. n/2.

    Even and odd part are transformed apart: an even function has an imaginary part of exactly zero. Both are read-only.

    >>> real, imaginary = transform(np.array([1.0, 0.5, 0.0, 0.5]), 1.0)
    >>> real.tolist(), imaginary.tolist()
    ([2.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    """
    return _transform(np.asarray(values, float).tobytes(), spacing)


@lru_cache(maxsize=N_KEPT)
def _transform(content: bytes, spacing: float) -> tuple[Array, Array]:
    values = np.frombuffer(content)
    mirrored = np.roll(values[::-1], 1)
    even, odd = (values + mirrored) / 2, (values - mirrored) / 2
    real, imaginary = spacing * np.fft.rfft(even).real, spacing * np.fft.rfft(odd).imag
    imaginary[0] = 0.0
    if len(values) % 2 == 0:
        imaginary[-1] = 0.0  # the shortest wave of a real field has no phase
    real.setflags(write=False)
    imaginary.setflags(write=False)
    return real, imaginary


@lru_cache(maxsize=N_KEPT)
def noise_spectrum(shape: str, correlation_length: float, n_site: int, length: float) -> Array:
    """Discrete transform sum_j C_j cos(k x_j) of a noise covariance of unit integral, k = 2 pi q / length, q = 0 .. n/2.

    White noise (correlation length 0): 1/dx. Every value is a sum of positive terms, so that smooth noise keeps its
    smallest eigenvalues instead of losing them to rounding. Read-only.
    """
    spectrum = _noise_spectrum(shape, correlation_length, n_site, length)
    spectrum.setflags(write=False)
    return spectrum


def _noise_spectrum(shape: str, correlation_length: float, n_site: int, length: float) -> Array:
    dx = length / n_site
    k = 2 * np.pi * np.arange(n_site // 2 + 1) / length
    if correlation_length == 0:
        return np.full(len(k), 1 / dx)
    if shape == "exponential":
        # sinh / (cosh - cos) with numerator and denominator divided by cosh + sinh: safe for any correlation length
        fade = np.exp(-dx / correlation_length)
        aliased = -np.expm1(-2 * dx / correlation_length) / ((1 - fade) ** 2 + 4 * fade * np.sin(k * dx / 2) ** 2)
        return np.asarray(aliased / (2 * correlation_length))
    band = 2 * np.pi / dx
    n_alias = int(np.ceil(9 / (correlation_length * band))) + 1
    aliases = k[:, None] + band * np.arange(-n_alias, n_alias + 1)
    return np.asarray(np.exp(-0.5 * (aliases * correlation_length) ** 2).sum(axis=1) / dx)


def circulant(values: Array) -> Array:
    """Matrices (..., n, n) whose entry (i, j) is values[..., (i - j) mod n].

    >>> circulant(np.array([1.0, 2.0, 3.0])).tolist()
    [[1.0, 3.0, 2.0], [2.0, 1.0, 3.0], [3.0, 2.0, 1.0]]
    """
    site = np.arange(values.shape[-1])
    return np.asarray(values[..., (site[:, None] - site[None, :]) % len(site)])
