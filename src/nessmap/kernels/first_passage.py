"""Passages between two points of a line: Heun steps, a test of what happened within a step, and a new start after a passage.

dw = f(w) dt + sqrt(2 D) dW with a polynomial f; between the ends of a step the path is taken for a Brownian bridge, which
crosses a point ahead of both with probability exp(-ahead_before ahead_after / (D dt)).
docs/theory.md, "First passages in steps".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1
N_GROUP = 16


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _polynomial(w, coefficients):
    total = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        total = total * w + coefficients[k]
    return total


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, coefficients, diffusion, ends, dt, key, lane, step):
    """Fill x[1:] (n_step + 1, 5, n_lane) from x[0]: w, time since the start, passages, sums of their times and squares.

    Lanes go from ends[0] to ends[1], sixteen of them, the next sixteen back, and so on.
    """
    n_lane, scale = x.shape[2], np.sqrt(2.0 * diffusion * dt)
    normals = np.empty((4, n_lane))
    for n in range(x.shape[0] - 1):
        fill_normals(normals, key, lane, 0, step + n, PURPOSE_STEP)
        for j in range(n_lane):
            back = (j // N_GROUP) % 2
            start, target = ends[back], ends[1 - back]
            w, kick = x[n, 0, j], scale * normals[0, j]
            force = _polynomial(w, coefficients)
            new = w + 0.5 * dt * (force + _polynomial(w + dt * force + kick, coefficients)) + kick
            side = 1.0 if target > start else -1.0
            ahead, after = side * (target - w), side * (target - new)
            # half the sum of two squared normals is -ln of a uniform number
            chance = 0.5 * (normals[2, j] * normals[2, j] + normals[3, j] * normals[3, j])
            crossed = after <= 0.0 or chance * diffusion * dt > ahead * after
            time = x[n, 1, j] + 0.5 * dt  # of a passage: within the step, in the mean at its middle
            x[n + 1, 0, j] = start if crossed else new
            x[n + 1, 1, j] = 0.0 if crossed else time + 0.5 * dt
            x[n + 1, 2, j] = x[n, 2, j] + (1.0 if crossed else 0.0)
            x[n + 1, 3, j] = x[n, 3, j] + (time if crossed else 0.0)
            x[n + 1, 4, j] = x[n, 4, j] + (time * time if crossed else 0.0)
