"""What each step of neurons tells of the path of a velocity beyond their own past: a filter on a grid, lane by lane."""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels import functions
from nessmap.kernels.random import FASTMATH


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def information_of_steps(out, pull, truth, tuned, cost, band, weights):
    """Fill out (n_step, n_lane) with ln p(r'|r, v, v') - ln p(r'|past of r), and carry the filter's weights along.

    pull (n_step, n_curve, n_lane) and truth (n_step, n_lane): a step has log likelihood pull . (f + f')/2 - ... of a guess and
    truth of the velocities that were; tuned f/2 (n_curve, n_node), cost (n_node,), band (n_node, 2 b + 1) as in
    theory/path_information.py; weights (n_node, n_lane), p(v|past), adds up to 1.
    """
    n_node, n_lane, reach = weights.shape[0], weights.shape[1], band.shape[1] // 2
    likely, carried, total = np.empty((n_node, n_lane)), np.empty((n_node, n_lane)), np.empty(n_lane)
    for n in range(out.shape[0]):
        for i in range(n_node):
            # in units of the likelihood of what was: nothing overflows
            for j in range(n_lane):
                likely[i, j] = -cost[i] - 0.5 * truth[n, j]
            for c in range(tuned.shape[0]):
                for j in range(n_lane):
                    likely[i, j] += tuned[c, i] * pull[n, c, j]
            for j in range(n_lane):
                likely[i, j] = functions.exp(likely[i, j])
                carried[i, j] = weights[i, j] * likely[i, j]
        total[:] = 0.0
        for i in range(n_node):
            weights[i] = 0.0
            for k in range(max(i - reach, 0), min(i + reach + 1, n_node)):
                for j in range(n_lane):
                    weights[i, j] += band[i, k - i + reach] * carried[k, j]
            for j in range(n_lane):
                weights[i, j] *= likely[i, j]
                total[j] += weights[i, j]
        for j in range(n_lane):
            out[n, j] = -functions.log(total[j])
            total[j] = 1.0 / total[j]
        for i in range(n_node):
            for j in range(n_lane):
                weights[i, j] *= total[j]
