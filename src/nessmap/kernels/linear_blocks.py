"""Exact step of a linear system in independent blocks, x'_b = F_b x_b + L_b z_b; a dense system is one block."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, member, propagator, noise_factor, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step.

    member (n_block, width) holds the coordinates of each block; propagator and lower noise_factor (n_block, width, width).
    """
    n_dim, n_lane = x.shape[1], x.shape[2]
    n_four = (n_dim + 3) // 4
    normals = np.empty((4 * n_four, n_lane))
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        for b in range(member.shape[0]):
            for i in range(member.shape[1]):
                out = x[n + 1, member[b, i]]
                out[:] = 0.0
                for k in range(member.shape[1]):
                    previous = x[n, member[b, k]]
                    for j in range(n_lane):
                        out[j] += propagator[b, i, k] * previous[j]
                for k in range(i + 1):
                    noise = normals[member[b, k]]
                    for j in range(n_lane):
                        out[j] += noise_factor[b, i, k] * noise[j]
