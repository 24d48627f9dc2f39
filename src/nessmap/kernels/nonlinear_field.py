"""Stochastic Heun steps of a nonlinear field with additive noise, and the entropy along its paths.

du = F dt + L z sqrt(dt),  F = rate (W f(u) + I - u)                            docs/theory.md, "Nonlinear field"
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.functions import fill_gain, fill_response
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1
N_GROUP = 16


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_product(out, matrix, x):
    """out += matrix x, (n_dim, n_lane)."""
    for i in range(matrix.shape[0]):
        row = out[i]
        for k in range(matrix.shape[1]):
            weight, other = matrix[i, k], x[k]
            for j in range(x.shape[1]):
                row[j] += weight * other[j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_drift(out, response, u, weights, drive, shape, rate):
    """out = rate (W f(u) + I - u); response is left holding f(u). shape = (function, slope, threshold)."""
    fill_response(response, u, int(shape[0]), shape[1], shape[2])
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            out[i, j] = drive[i] - u[i, j]
    add_product(out, weights, response)
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            out[i, j] *= rate


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, weights, drive, shape, rate_and_dt, factor, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step; lower factor L with L L^T = 2 D dt."""
    n_dim, n_lane = x.shape[1], x.shape[2]
    rate, dt = rate_and_dt[0], rate_and_dt[1]
    n_four = (n_dim + 3) // 4
    normals = np.empty((4 * n_four, n_lane))
    noise, response = np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane))
    first, second, guess = np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane))
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        noise[:] = 0.0
        for i in range(n_dim):
            for k in range(i + 1):
                weight = factor[i, k]
                if weight != 0.0:
                    for j in range(n_lane):
                        noise[i, j] += weight * normals[k, j]
        fill_drift(first, response, x[n], weights, drive, shape, rate)
        for i in range(n_dim):
            for j in range(n_lane):
                guess[i, j] = x[n, i, j] + dt * first[i, j] + noise[i, j]
        fill_drift(second, response, guess, weights, drive, shape, rate)
        for i in range(n_dim):
            for j in range(n_lane):
                x[n + 1, i, j] = x[n, i, j] + 0.5 * dt * (first[i, j] + second[i, j]) + noise[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_entropy(sums, x, weights, drive, shape, rate, force, circulating, tangent):
    """Add to sums (4, 16) over steps and lanes: local mean, entropy of the step, mean and mean square of the sites.

    M(u) = G (f(u) - f0' u - c) + f0' G_a u is the force D^-1 F less gradients, G = force, f0' G_a = circulating, and
    tangent = (f0', c) the line that touches f at the homogeneous state. Local mean M.F + rate sum W_jj (f'(u_j) - f0');
    entropy of a step (u' - u).M((u + u')/2).
    """
    n_dim, n_lane = x.shape[1], x.shape[2]
    gain, offset = tangent[0], tangent[1]
    drift, response, slopes = np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane))
    middle, push = np.empty((n_dim, n_lane)), np.empty((n_dim, n_lane))
    for n in range(x.shape[0] - 1):
        u, v = x[n], x[n + 1]
        fill_drift(drift, response, u, weights, drive, shape, rate)
        fill_gain(slopes, u, int(shape[0]), shape[1], shape[2])
        for half in range(2):
            if half == 0:
                middle[:] = u
            else:
                for i in range(n_dim):
                    for j in range(n_lane):
                        middle[i, j] = 0.5 * (u[i, j] + v[i, j])
                fill_response(response, middle, int(shape[0]), shape[1], shape[2])
            for i in range(n_dim):
                for j in range(n_lane):
                    response[i, j] -= gain * middle[i, j] + offset
            push[:] = 0.0
            add_product(push, force, response)
            add_product(push, circulating, middle)
            for i in range(n_dim):
                own = rate * weights[i, i]
                for j in range(n_lane):
                    if half == 0:
                        term = push[i, j] * drift[i, j] + own * (slopes[i, j] - gain)
                    else:
                        term = push[i, j] * (v[i, j] - u[i, j])
                    sums[half, j % N_GROUP] += term
        for i in range(n_dim):
            for j in range(n_lane):
                sums[2, j % N_GROUP] += u[i, j] / n_dim
                sums[3, j % N_GROUP] += u[i, j] * u[i, j] / n_dim
