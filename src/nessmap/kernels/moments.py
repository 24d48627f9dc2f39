"""Sums of products over a block of trajectory, kept for 16 groups of lanes (group = lane mod 16)."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH

N_GROUP = 16


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_products(sums, x, first, second, lag):
    """Add sum over steps of x_first(t) x_second(t + lag) to sums (n_pair, 16), t running over the block but its last lag.

    x is (n_step + 1, n_dim, n_lane) with n_lane a multiple of 16; lag is 0 or 1 steps; either way n_step terms are added.
    """
    n_step, n_lane = x.shape[0] - 1, x.shape[2]
    products = np.empty(n_lane)
    for p in range(first.shape[0]):
        products[:] = 0.0
        for n in range(n_step):
            a, b = x[n, first[p]], x[n + lag, second[p]]
            for j in range(n_lane):
                products[j] += a[j] * b[j]
        total = sums[p]
        for j in range(0, n_lane, N_GROUP):
            for g in range(N_GROUP):
                total[g] += products[j + g]
