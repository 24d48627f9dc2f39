"""Transfer functions by number, for kernels: 0 identity, 1 tanh, 2 logistic, 3 threshold-linear; y = slope (u - threshold)."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_response(out, u, function, slope, threshold):
    """out = f(u), (n_dim, n_lane)."""
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            y = slope * (u[i, j] - threshold)
            if function == 1:
                y = np.tanh(y)
            elif function == 2:
                y = 0.5 + 0.5 * np.tanh(0.5 * y)
            elif function == 3:
                y = max(y, 0.0)
            out[i, j] = y


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_gain(out, u, function, slope, threshold):
    """out = f'(u), (n_dim, n_lane)."""
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            y = slope * (u[i, j] - threshold)
            gain = slope
            if function == 1:
                f = np.tanh(y)
                gain = slope * (1.0 - f * f)
            elif function == 2:
                f = np.tanh(0.5 * y)
                gain = 0.25 * slope * (1.0 - f * f)
            elif function == 3 and y <= 0.0:
                gain = 0.0
            out[i, j] = gain
