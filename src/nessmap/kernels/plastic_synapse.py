"""Exact steps of linear synapses that follow a velocity drawn once for each lane, while a stimulus lasts.

w' = lam v + keep (w - lam v) + kick z, with 0 for lam v once the stimulus has ended; docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, rates, n_stimulus, key, lane, step):
    """Fill x[1:] (n_step + 1, n_synapse + 2, n_lane) from x[0], the state at step: velocity, weights, heat since the start.

    rates holds keep, kick, lam and 1/(tau D_w); the stimulus lasts n_stimulus steps from step 0.
    """
    keep, kick, gain, stiffness = rates
    n_synapse, n_lane = x.shape[1] - 2, x.shape[2]
    normals = np.empty((4, n_lane))
    for n in range(x.shape[0] - 1):
        before, now = x[n], x[n + 1]
        pull = gain if step + n < n_stimulus else 0.0
        now[0] = before[0]
        now[-1] = before[-1]
        for four in range((n_synapse + 3) // 4):
            fill_normals(normals, key, lane, four, step + n, PURPOSE_STEP)
            for k in range(min(4, n_synapse - 4 * four)):
                old, new = before[1 + 4 * four + k], now[1 + 4 * four + k]
                for j in range(n_lane):
                    goal = pull * before[0, j]
                    new[j] = goal + keep * (old[j] - goal) + kick * normals[k, j]
                    # Stratonovich, and exact: the force is linear and the goal stands still
                    now[-1, j] += stiffness * (goal - 0.5 * (old[j] + new[j])) * (new[j] - old[j])
