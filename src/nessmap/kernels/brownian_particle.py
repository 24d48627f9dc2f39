"""Exact steps of a driven Brownian particle together with the work done on it and the heat that it gives off."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, response, drive, noise_factor, stiffness, push, angle, key, lane, step):
    """Fill x[1:] (n_step + 1, 2 n + 2, n_lane) from x[0]: state (n), work, heat, state at the start (n).

    An outcome o (n + 3) of a step is response (n + 3, n) of the state, drive (n + 3, 3) of (1, cos, sin) of the phase at its
    start, and noise of a lower factor (n + 3, n + 3). push = (F, F u dt, -k u, F0), angle = omega dt, stiffness = (k, m).
    """
    n_out, n_state = response.shape
    n_lane = x.shape[2]
    n_four = (n_out + 3) // 4
    normals = np.empty((4 * n_four, n_lane))
    outcome = np.empty((n_out, n_lane))
    weights = np.zeros(n_out)
    weights[0] = push[0]
    weights[n_state] = push[2]
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        cosine, sine = np.cos(angle * (step + n)), np.sin(angle * (step + n))
        for i in range(n_out):
            outcome[i] = drive[i, 0] + drive[i, 1] * cosine + drive[i, 2] * sine
            for k in range(n_state):
                for j in range(n_lane):
                    outcome[i, j] += response[i, k] * x[n, k, j]
            for k in range(i + 1):
                for j in range(n_lane):
                    outcome[i, j] += noise_factor[i, k] * normals[k, j]
        # the force at the end of the step, turned back by the phase that R has gathered
        weights[n_state + 1] = push[3] * np.cos(angle * (step + n + 1))
        weights[n_state + 2] = push[3] * np.sin(angle * (step + n + 1))
        work, heat = x[n + 1, n_state], x[n + 1, n_state + 1]
        for j in range(n_lane):
            done = push[1] - push[0] * x[n, 0, j]
            for i in range(n_out):
                done += weights[i] * outcome[i, j]
            gained = 0.0
            for k in range(n_state):
                # Stratonovich: midpoints of a quadratic energy make the first law exact
                gained += stiffness[k] * 0.5 * (outcome[k, j] + x[n, k, j]) * (outcome[k, j] - x[n, k, j])
            work[j] = x[n, n_state, j] + done
            heat[j] = x[n, n_state + 1, j] + done - gained
        for k in range(n_state):
            x[n + 1, k] = outcome[k]
            x[n + 1, n_state + 2 + k] = x[n, n_state + 2 + k]
