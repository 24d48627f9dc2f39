"""Steps of a random network, with what is summed over its neurons on the way, and of a small deviation from its path.

dx = (-x + J phi(x)) dt + sqrt(2 D) dW,  dv = (-v + J phi'(x) v) dt             docs/theory.md, "Random networks: dynamics"

Heun's method for both: a = x + F(x) dt + z, x' = x + (F(x) + F(a)) dt/2 + z. Lanes share J, so that J phi is one product of
matrices. A user's transfer function takes the place of the import from kernels/functions.py (kernels/generated.py).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.functions import fill_gain, fill_response
from nessmap.kernels.matrix_product import fill_product
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, scalars, tiles, law, kept, function, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step, and scalars (n_step, n_scalar, n_lane).

    Of each state: |F|^2, |x|^2, |phi|^2, sum phi'; of each step: [J phi + J phi'] . dx/2, what -x . dx leaves of F o dx. Where
    there is a sixth row, the second half of x is the deviation v, normalised at each step, and the row the logarithm of its
    growth. law holds dt and sqrt(2 D dt); kept the last state and its J phi, for the next call.
    """
    n, n_lane = tiles.shape[1], x.shape[2]
    dt, kick = law[0], law[1]
    n_row = 8 * tiles.shape[0]
    normals = np.zeros((4 * ((n + 3) // 4), n_lane))
    rate, slope, guess = np.empty((n, n_lane)), np.empty((n, n_lane)), np.empty((n, n_lane))
    ahead, after = np.empty((n, n_lane)), np.empty((n_row, n_lane))
    drive, following = np.empty((n_row, n_lane)), np.empty((n_row, n_lane))
    last = kept[: 2 * n * n_lane].reshape((2, n, n_lane))
    respond(rate, x[0, :n], function)
    if (last[0] == x[0, :n]).all():
        drive[:n] = last[1]
    else:
        fill_product(drive, tiles, rate)
    for m in range(x.shape[0] - 1):
        u, new, sums = x[m, :n], x[m + 1, :n], scalars[m]
        if kick > 0.0:
            for four in range((n + 3) // 4):
                fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + m, PURPOSE_STEP)
        fill_slope(slope, rate, u, function)
        predict(guess, u, drive, normals, dt, kick)
        respond(ahead, guess, function)
        fill_product(after, tiles, ahead)
        correct(new, u, drive, guess, after, normals, dt, kick)
        fill_sums(sums, u, drive, rate, slope)
        if sums.shape[0] == 6:
            fill_slope(ahead, ahead, guess, function)
            deviate(x[m + 1, n:], sums[5], x[m, n:], slope, ahead, tiles, dt)
        respond(rate, new, function)
        fill_product(following, tiles, rate)
        fill_work(sums[4], u, new, drive, following)
        drive, following = following, drive
    last[0], last[1] = x[-1, :n], drive[:n]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def respond(out, u, function):
    """out = phi(u), (n, n_lane), as one long row."""
    n = u.size
    fill_response(out.reshape((1, n)), u.reshape((1, n)), function, np.ones(1), np.zeros(1))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_slope(out, rate, u, function):
    """out = phi'(u), (n, n_lane), where rate = phi(u); out may be rate."""
    if function == 1:
        to, of = out.reshape(-1), rate.reshape(-1)
        for i in range(u.size):
            to[i] = 1.0 - of[i] * of[i]
    else:
        fill_gain(out.reshape((1, u.size)), u.reshape((1, u.size)), function, np.ones(1), np.zeros(1))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def predict(guess, u, drive, normals, dt, kick):
    """guess = u + F(u) dt + kick normals."""
    to, here, pull, noise = guess.reshape(-1), u.reshape(-1), drive.reshape(-1), normals.reshape(-1)
    for i in range(to.size):
        to[i] = here[i] + dt * (pull[i] - here[i]) + kick * noise[i]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def correct(new, u, drive, guess, after, normals, dt, kick):
    """new = u + (F(u) + F(guess)) dt/2 + kick normals."""
    to, here, pull, noise = new.reshape(-1), u.reshape(-1), drive.reshape(-1), normals.reshape(-1)
    there, pull_there = guess.reshape(-1), after.reshape(-1)
    for i in range(to.size):
        to[i] = here[i] + 0.5 * dt * ((pull[i] - here[i]) + (pull_there[i] - there[i])) + kick * noise[i]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_sums(sums, u, drive, rate, slope):
    """Rows 0 to 3 of sums: |F|^2, |u|^2, |phi|^2, sum phi' of each lane."""
    sums[:4] = 0.0
    drifts, squares, rates, slopes = sums[0], sums[1], sums[2], sums[3]
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            drift = drive[i, j] - u[i, j]
            drifts[j] += drift * drift
            squares[j] += u[i, j] * u[i, j]
            rates[j] += rate[i, j] * rate[i, j]
            slopes[j] += slope[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_work(work, u, new, drive, following):
    """work = (drive + following)/2 . (new - u) of each lane."""
    work[:] = 0.0
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            work[j] += 0.5 * (drive[i, j] + following[i, j]) * (new[i, j] - u[i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def deviate(out, growth, v, slope, slope_ahead, tiles, dt):
    """out = v a step later, normalised, and growth the logarithm of its length: the derivative of the step."""
    n, n_lane = v.shape
    driven, moved, guess = np.empty((8 * tiles.shape[0], n_lane)), np.empty((n, n_lane)), np.empty((n, n_lane))
    now, to, pull = v.reshape(-1), out.reshape(-1), driven.reshape(-1)
    weighted, there, gain, gain_there = moved.reshape(-1), guess.reshape(-1), slope.reshape(-1), slope_ahead.reshape(-1)
    for i in range(now.size):
        weighted[i] = gain[i] * now[i]
    fill_product(driven, tiles, moved)
    for i in range(now.size):
        there[i] = now[i] + dt * (pull[i] - now[i])
        to[i] = now[i] + 0.5 * dt * (pull[i] - now[i])
        weighted[i] = gain_there[i] * there[i]
    fill_product(driven, tiles, moved)
    for i in range(now.size):
        to[i] += 0.5 * dt * (pull[i] - there[i])
    length = np.zeros(n_lane)
    for i in range(n):
        for j in range(n_lane):
            length[j] += out[i, j] * out[i, j]
    for j in range(n_lane):
        growth[j] = 0.5 * np.log(length[j])
        length[j] = 1.0 / np.sqrt(length[j])
    for i in range(n):
        for j in range(n_lane):
            out[i, j] *= length[j]
