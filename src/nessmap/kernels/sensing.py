"""Steps of neurons with tuning curves under a velocity that ignores them: exact for v, and for r once f is taken as its mean.

v' = e^(-kappa dt) v + z_0,  r' = P r + B (f(v) + f(v'))/2 + L z          docs/theory.md, "Nonlinear tuning"

A user's tuning curve takes the place of the import from kernels/functions.py (kernels/generated.py).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels import functions
from nessmap.kernels.functions import fill_response
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1

POWER = -1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_tuning(out, argument, v, function, shape):
    """out = f(v) of every curve, (n_curve, n_lane), v (n_lane,); shape holds slope, threshold and exponent of each."""
    for i in range(out.shape[0]):
        for j in range(v.shape[0]):
            argument[i, j] = v[j]
    if function != POWER:
        fill_response(out, argument, function, shape[0], shape[1])
        return
    for i in range(out.shape[0]):
        slope, threshold, exponent = shape[0, i], shape[1, i], shape[2, i]
        for j in range(v.shape[0]):
            # 0 at the kink, where the logarithm is -inf
            out[i, j] = functions.exp(exponent * functions.log(abs(slope * (v[j] - threshold))))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, velocity, propagator, drive, noise_factor, function, shape, key, lane, step):
    """Fill x[1:] (n_step + 1, 1 + N, n_lane) from x[0], the state at step; row 0 is v.

    velocity holds e^(-kappa dt) and the deviation of its noise; propagator P (N, N), drive B (N, n_curve), lower noise_factor
    L (N, N).
    """
    n_neuron, n_curve, n_lane = propagator.shape[0], drive.shape[1], x.shape[2]
    n_four = (n_neuron + 4) // 4
    normals = np.empty((4 * n_four, n_lane))
    before, after, argument = np.empty((n_curve, n_lane)), np.empty((n_curve, n_lane)), np.empty((n_curve, n_lane))
    fill_tuning(before, argument, x[0, 0], function, shape)
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        v, kick = x[n + 1, 0], normals[0]
        for j in range(n_lane):
            v[j] = velocity[0] * x[n, 0, j] + velocity[1] * kick[j]
        fill_tuning(after, argument, v, function, shape)
        for i in range(n_neuron):
            out = x[n + 1, 1 + i]
            out[:] = 0.0
            for k in range(n_neuron):
                previous = x[n, 1 + k]
                for j in range(n_lane):
                    out[j] += propagator[i, k] * previous[j]
            for k in range(n_curve):
                for j in range(n_lane):
                    out[j] += drive[i, k] * (0.5 * (before[k, j] + after[k, j]))
            for k in range(i + 1):
                noise = normals[1 + k]
                for j in range(n_lane):
                    out[j] += noise_factor[i, k] * noise[j]
        before, after = after, before


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def heat_of_steps(out, x, weight, turning, function, shape):
    """Fill out (n_step, n_lane) with sum_ik w_ik (f_k(v) + f_k(v'))/2 (r_i' - r_i) + r . T r', what is no gradient of the heat.

    weight w (N, n_curve); turning T (N, N), antisymmetric.
    """
    n_neuron, n_curve, n_lane = weight.shape[0], weight.shape[1], x.shape[2]
    before, after, argument = np.empty((n_curve, n_lane)), np.empty((n_curve, n_lane)), np.empty((n_curve, n_lane))
    fill_tuning(before, argument, x[0, 0], function, shape)
    for n in range(x.shape[0] - 1):
        fill_tuning(after, argument, x[n + 1, 0], function, shape)
        total = out[n]
        total[:] = 0.0
        for i in range(n_neuron):
            r, moved = x[n, 1 + i], x[n + 1, 1 + i]
            for k in range(n_curve):
                for j in range(n_lane):
                    total[j] += weight[i, k] * (0.5 * (before[k, j] + after[k, j])) * (moved[j] - r[j])
            for k in range(n_neuron):
                if turning[i, k] != 0.0:
                    later = x[n + 1, 1 + k]
                    for j in range(n_lane):
                        total[j] += turning[i, k] * r[j] * later[j]
        before, after = after, before
