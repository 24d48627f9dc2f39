"""Entropy along the paths of a nonlinear field, less a gradient that follows the field wherever it stands.

D^-1 F + grad(tau F D^-1 F / 2) = f'(u) W D^-1 F(u) for symmetric W, one rate 1/tau and noise D of each site's own. It
vanishes with F, at every place of a bump, and holds nothing of the sites' own decay. docs/theory.md, "Bumps".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.functions import fill_curvature, fill_gain, fill_response
from nessmap.kernels.random import FASTMATH
from nessmap.kernels.stages import add_product

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_returned(out, drift, response, u, coupling, sites, function, shape, work):
    """drift = F(u), out = W D^-1 F(u), (n, n_lane); sites holds I, 1/tau, D row by row."""
    fill_response(response, u, function, shape[0], shape[1])
    for i in range(u.shape[0]):
        constant = sites[0, i]
        for j in range(u.shape[1]):
            drift[i, j] = constant - u[i, j]
            out[i, j] = 0.0
    add_product(drift, response, work, *coupling[:5])
    for i in range(u.shape[0]):
        rate, noise = sites[1, i], sites[2, i]
        for j in range(u.shape[1]):
            drift[i, j] *= rate
            response[i, j] = drift[i, j] / noise
    add_product(out, response, work, *coupling[:5])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def path_entropy(out, x, coupling, sites, function, shape):
    """Fill out (n_step, n_lane) with (u' - u) . [M(u) + M(u')] / 2, M = f' W D^-1 F."""
    n_field, n_lane = sites.shape[1], x.shape[2]
    work = np.empty((2, coupling[5], n_lane))
    push = np.empty((2, n_field, n_lane))
    response, drift = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    out[:] = 0.0
    for n in range(x.shape[0]):
        u, before, now = x[n, :n_field], push[(n + 1) % 2], push[n % 2]
        fill_returned(now, drift, response, u, coupling, sites, function, shape, work)
        fill_gain(response, u, function, shape[0], shape[1])
        for i in range(n_field):
            for j in range(n_lane):
                now[i, j] *= response[i, j]
                if n > 0:
                    out[n - 1, j] += 0.5 * (before[i, j] + now[i, j]) * (u[i, j] - x[n - 1, i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def local_entropy_rate(out, x, coupling, sites, own, function, shape):
    """Fill out (n_state, n_lane) with M . F + sum_i [D_i f''_i (W D^-1 F)_i + f'_i (f'_i a_i - b_i)].

    own holds a_i = D_i sum_j W_ij^2 / (tau D_j) and b_i = W_ii / tau.
    """
    n_field, n_lane = sites.shape[1], x.shape[2]
    work = np.empty((2, coupling[5], n_lane))
    drift, push = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    response, gain = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    for n in range(x.shape[0]):
        u = x[n, :n_field]
        fill_returned(push, drift, response, u, coupling, sites, function, shape, work)
        fill_gain(gain, u, function, shape[0], shape[1])
        fill_curvature(response, u, function, shape[0], shape[1])
        out[n] = 0.0
        for i in range(n_field):
            noise, there_and_back, alone = sites[2, i], own[0, i], own[1, i]
            for j in range(n_lane):
                slope = gain[i, j]
                moved = slope * drift[i, j] + noise * response[i, j]
                out[n, j] += push[i, j] * moved + slope * (slope * there_and_back - alone)
