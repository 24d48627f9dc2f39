"""Exact step of the linear field: every Fourier pair turns, decays and is kicked.

x'_i = keep_i x_i + turn_i x_partner(i) + kick_i z_i                                    docs/theory.md, "Exact step"
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, keep, turn, partner, kick, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step; keep, turn, partner, kick are (n_dim,)."""
    n_dim = x.shape[1]
    normals = np.empty((4, x.shape[2]))
    for n in range(x.shape[0] - 1):
        for block in range((n_dim + 3) // 4):
            fill_normals(normals, key, lane, block, step + n, PURPOSE_STEP)
            for row in range(min(4, n_dim - 4 * block)):
                i = 4 * block + row
                own, other, noise, out = x[n, i], x[n, partner[i]], normals[row], x[n + 1, i]
                for j in range(x.shape[2]):
                    out[j] = keep[i] * own[j] + turn[i] * other[j] + kick[i] * noise[j]
