"""Sums over a window of trajectory, lane by lane, and their squares."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH

N_GROUP = 16


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_window_sums(sums, x, first, second, weight):
    """Add s = sum over steps and pairs of weight x_first(t) x_second(t + dt) of each lane to sums[0], and s^2 to sums[1].

    x is (n_step + 1, n_dim, n_lane) with n_lane a multiple of 16; sums is (2, 16), group = lane mod 16.
    """
    n_lane = x.shape[2]
    total = np.zeros(n_lane)
    for n in range(x.shape[0] - 1):
        for p in range(first.shape[0]):
            a, b = x[n, first[p]], x[n + 1, second[p]]
            for j in range(n_lane):
                total[j] += weight[p] * a[j] * b[j]
    for j in range(0, n_lane, N_GROUP):
        for g in range(N_GROUP):
            sums[0, g] += total[j + g]
            sums[1, g] += total[j + g] * total[j + g]
