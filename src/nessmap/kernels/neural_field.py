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
def add_local(out, push, drift, response, u, coupling, drive, rate, function, shape, work):
    """out += M . F of each lane, M = push; F = rate (W f(u) + I - u) is made in drift."""
    fill_response(response, u, function, shape[0], shape[1])
    for i in range(push.shape[0]):
        for j in range(push.shape[1]):
            drift[i, j] = drive[i] - u[i, j]
    add_product(drift, response, work, *coupling[:5])
    for i in range(push.shape[0]):
        r = rate[i]
        for j in range(push.shape[1]):
            out[j] += push[i, j] * r * drift[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_work(out, one, other, before, after):
    """out += (M(before) + M(after)) / 2 . (after - before) of each lane, M = one and other."""
    for i in range(one.shape[0]):
        for j in range(one.shape[1]):
            out[j] += 0.5 * (one[i, j] + other[i, j]) * (after[i, j] - before[i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def entropy_along_path(local, single, double, x, coupling, drive, rate, force, circulating, function, shape, centre):
    """Fill local (n_local, n_lane) with M . F at evenly spaced states from the first on, single (n_step, n_lane) with the work
    of M in each step of x (n_step + 1, n_dim, n_lane), double (n_step // 2, n_lane) with that in two steps taken as one.

    M, of fill_force, has diag(D G) = 0: its work has the mean M . F. An empty local, single or double is left out.
    """
    n_field, n_lane, n_state = centre.shape[1], x.shape[2], x.shape[0]
    every = (n_state - 1) // local.shape[0] if local.shape[0] > 0 and n_state > 1 else 1
    work = np.empty((2, max(coupling[5], max(force[5], circulating[5])), 32))
    push = np.empty((3, n_field, n_lane))
    drift, response, apart = np.empty((n_field, n_lane)), np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    local[:], single[:], double[:] = 0.0, 0.0, 0.0
    for n in range(n_state):
        u, now = x[n, :n_field], push[n % 3]
        fill_force(now, response, apart, u, force, circulating, function, shape, centre, work)
        if n % every == 0 and n // every < local.shape[0]:
            add_local(local[n // every], now, drift, response, u, coupling, drive, rate, function, shape, work)
        if n > 0 and n <= single.shape[0]:
            add_work(single[n - 1], push[(n - 1) % 3], now, x[n - 1, :n_field], u)
        if n > 0 and n % 2 == 0 and n // 2 <= double.shape[0]:
            add_work(double[n // 2 - 1], push[(n - 2) % 3], now, x[n - 2, :n_field], u)
