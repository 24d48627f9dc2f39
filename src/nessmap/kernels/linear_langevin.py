"""Exact step of a dense linear Langevin system: x' = F x + L z, L the Cholesky factor of the step's noise covariance."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, propagator, noise_factor, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step; propagator and noise_factor are (n_dim, n_dim)."""
    n_dim, n_lane = x.shape[1], x.shape[2]
    n_block = (n_dim + 3) // 4
    normals = np.empty((4 * n_block, n_lane))
    for n in range(x.shape[0] - 1):
        for block in range(n_block):
            fill_normals(normals[4 * block : 4 * block + 4], key, lane, block, step + n, PURPOSE_STEP)
        for i in range(n_dim):
            out = x[n + 1, i]
            out[:] = 0.0
            for k in range(n_dim):
                previous = x[n, k]
                for j in range(n_lane):
                    out[j] += propagator[i, k] * previous[j]
            for k in range(i + 1):
                noise = normals[k]
                for j in range(n_lane):
                    out[j] += noise_factor[i, k] * noise[j]
