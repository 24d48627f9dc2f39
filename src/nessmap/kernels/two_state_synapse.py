"""Exact steps of synapses with two states whose rates follow the sign of a stimulus, drawn once for each lane.

A synapse is strong after a step with the probability of the two-state propagator; docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, quantile, force, n_stimulus, key, lane, step):
    """Fill x[1:] (n_step + 1, n_synapse + 2, n_lane) from x[0], the state at step: sign, states 0 or 1, heat since the start.

    quantile[phase, sign, state] is the standard normal's below which a synapse is strong after a step, force[phase, sign] the
    entropy of strengthening; phase 0 is the stimulus, n_stimulus steps from step 0, phase 1 rest; sign 0 is negative.
    """
    n_synapse, n_lane = x.shape[1] - 2, x.shape[2]
    normals = np.empty((4, n_lane))
    for n in range(x.shape[0] - 1):
        before, now = x[n], x[n + 1]
        phase = 0 if step + n < n_stimulus else 1
        now[0] = before[0]
        now[-1] = before[-1]
        for four in range((n_synapse + 3) // 4):
            fill_normals(normals, key, lane, four, step + n, PURPOSE_STEP)
            for k in range(min(4, n_synapse - 4 * four)):
                old, new = before[1 + 4 * four + k], now[1 + 4 * four + k]
                for j in range(n_lane):
                    sign = 1 if before[0, j] > 0.0 else 0
                    state = 1 if old[j] > 0.5 else 0
                    new[j] = 1.0 if normals[k, j] < quantile[phase, sign, state] else 0.0
                    now[-1, j] += force[phase, sign] * (new[j] - old[j])
