"""Stochastic Heun steps of any drift given as a function of arrays, in numpy: no compilation, and slower than a kernel.

dx = f(x) dt + sqrt(2 D) dW with constant D, or Stratonovich noise of strengths D_i(x_i); docs/theory.md, "Integrators".
"""

from __future__ import annotations

import numpy as np

from nessmap.kernels.random import PURPOSE_STEP, standard_normals

KERNEL_VERSION = 1


def advance(x, drift, noise, dt, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step.

    noise(state, normals) is the noise of a step at a state; Stratonovich, because both ends of the step have a say.
    """
    normals = np.empty(x.shape[1:])
    for n in range(x.shape[0] - 1):
        standard_normals(normals, key, lane, step + n, PURPOSE_STEP)
        before, kick = drift(x[n]), noise(x[n], normals)
        guess = x[n] + dt * before + kick
        x[n + 1] = x[n] + 0.5 * dt * (before + drift(guess)) + 0.5 * (kick + noise(guess, normals))
