"""Steps of a nonlinear neural field with additive noise, and the entropy along its paths.

du = r (W f(u) + I - u) dt + L dW                                              docs/theory.md, "Nonlinear field"

W, L and the matrices of the force are chains of sparse stages (kernels/stages.py); rates, slopes, thresholds may differ from
row to row. A user's transfer function takes the place of the import from kernels/functions.py (kernels/generated.py).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.functions import fill_response
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals
from nessmap.kernels.stages import add_product

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, coupling, noise, drive, function, shape, scheme, gain, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step.

    a = p u + b N(u) + z,  u' = a + c (N(a) - N(u)) + q (a - u),  N(u) = W f(u) + I, z the noise of a step; scheme holds p, b,
    c, q of every row. Where x has twice as many rows as drive, the second half is the linear field N(v) = W (gain v) under the
    same noise.
    """
    n_field, n_lane = drive.shape[0], x.shape[2]
    twin = x.shape[1] == 2 * n_field
    keep, first, second, pull = scheme[0], scheme[1], scheme[2], scheme[3]
    n_four = (n_field + 3) // 4
    normals = np.empty((4 * n_four, n_lane))
    work = np.empty((2, max(coupling[5], noise[5]), 32))
    kick, response = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    before, after, guess = np.empty((n_field, n_lane)), np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        kick[:] = 0.0
        add_product(kick, normals[:n_field], work, *noise[:5])
        for part in range(1 + int(twin)):
            u, v = x[n, part * n_field : (part + 1) * n_field], x[n + 1, part * n_field : (part + 1) * n_field]
            for half in range(2):
                state, out = (u, before) if half == 0 else (guess, after)
                if part == 0:
                    fill_response(response, state, function, shape[0], shape[1])
                for i in range(n_field):
                    constant = drive[i] if part == 0 else 0.0
                    for j in range(n_lane):
                        out[i, j] = constant
                    if part == 1:
                        for j in range(n_lane):
                            response[i, j] = gain[i] * state[i, j]
                add_product(out, response, work, *coupling[:5])
                if half == 0:
                    for i in range(n_field):
                        p, b = keep[i], first[i]
                        for j in range(n_lane):
                            guess[i, j] = p * u[i, j] + b * before[i, j] + kick[i, j]
            for i in range(n_field):
                c, q = second[i], pull[i]
                for j in range(n_lane):
                    a = guess[i, j]
                    v[i, j] = a + c * (after[i, j] - before[i, j]) + q * (a - u[i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_force(out, response, apart, u, force, circulating, function, shape, centre, work):
    """out = G (f(u) - f(u*) - f'(u*) (u - u*)) + C (u - u*), (n, n_lane); centre holds u*, f(u*), f'(u*)."""
    fill_response(response, u, function, shape[0], shape[1])
    for i in range(u.shape[0]):
        origin, value, slope = centre[0, i], centre[1, i], centre[2, i]
        for j in range(u.shape[1]):
            away = u[i, j] - origin
            apart[i, j] = away
            response[i, j] -= value + slope * away
            out[i, j] = 0.0
    add_product(out, response, work, *force[:5])
    add_product(out, apart, work, *circulating[:5])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def path_entropy(out, x, force, circulating, function, shape, centre):
    """Fill out (n_step, n_lane) with (u' - u) . M((u + u') / 2), M the force of fill_force."""
    n_field, n_lane = centre.shape[1], x.shape[2]
    work = np.empty((2, max(force[5], circulating[5]), 32))
    middle, push = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    response, apart = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    for n in range(x.shape[0] - 1):
        u, v = x[n], x[n + 1]
        for i in range(n_field):
            for j in range(n_lane):
                middle[i, j] = 0.5 * (u[i, j] + v[i, j])
        fill_force(push, response, apart, middle, force, circulating, function, shape, centre, work)
        out[n] = 0.0
        for i in range(n_field):
            for j in range(n_lane):
                out[n, j] += push[i, j] * (v[i, j] - u[i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def local_entropy_rate(out, x, coupling, drive, rate, force, circulating, function, shape, centre):
    """Fill out (n_state, n_lane) with M . F, F the drift and M the force of fill_force, for G with diag(D G) = 0."""
    n_field, n_lane = centre.shape[1], x.shape[2]
    work = np.empty((2, max(coupling[5], max(force[5], circulating[5])), 32))
    drift, push = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    response, apart = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    for n in range(x.shape[0]):
        u = x[n, :n_field]
        fill_response(response, u, function, shape[0], shape[1])
        for i in range(n_field):
            for j in range(n_lane):
                drift[i, j] = drive[i] - u[i, j]
        add_product(drift, response, work, *coupling[:5])
        fill_force(push, response, apart, u, force, circulating, function, shape, centre, work)
        out[n] = 0.0
        for i in range(n_field):
            r = rate[i]
            for j in range(n_lane):
                out[n, j] += push[i, j] * r * drift[i, j]
