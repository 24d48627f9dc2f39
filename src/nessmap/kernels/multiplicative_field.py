"""Steps of a nonlinear neural field whose noise follows the gain site by site, and the entropy along its paths.

du = r (W f(u) + I - u) dt + sqrt(2 D(u)) o_alpha dW,  D(u) = D* q^-e,  q = f'(u) / f'(u*)
                                                                              docs/theory.md, "Multiplicative noise"

W and the matrices of the force are chains of sparse stages (kernels/stages.py). A user's transfer function takes the place of
the import from kernels/functions.py (kernels/generated.py).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels import functions
from nessmap.kernels.functions import fill_curvature, fill_gain, fill_response
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals
from nessmap.kernels.stages import add_product

KERNEL_VERSION = 1


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_amplitude(out, u, field):
    """out = sqrt(2 D(u)); field is what advance takes from coupling to sites."""
    _, _, function, shape, law, sites = field
    exponent = law[1]
    if exponent != 0.0:  # a power of 0 is no number where f' vanishes
        fill_gain(out, u, function, shape[0], shape[1])
    for i in range(u.shape[0]):
        amplitude, gain = sites[1, i], sites[2, i]
        if exponent == 0.0:
            for j in range(u.shape[1]):
                out[i, j] = amplitude
        else:
            for j in range(u.shape[1]):
                out[i, j] = amplitude * functions.exp(-0.5 * exponent * functions.log(out[i, j] / gain))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_drift(out, u, field, work, scratch):
    """out = b(u) = r (W f(u) + I - u) + (alpha - 1/2) D'(u), D' = -e D f''/f'."""
    coupling, drive, function, shape, law, sites = field
    response, amplitude, slope = scratch[0], scratch[1], scratch[2]
    fill_response(response, u, function, shape[0], shape[1])
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            out[i, j] = drive[i] - u[i, j]
    add_product(out, response, work, *coupling[:5])
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            out[i, j] *= sites[0, i]
    share = 0.5 * law[1] * law[2]
    if share != 0.0:
        fill_amplitude(amplitude, u, field)
        fill_gain(slope, u, function, shape[0], shape[1])
        fill_curvature(response, u, function, shape[0], shape[1])
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                out[i, j] -= share * amplitude[i, j] * amplitude[i, j] * response[i, j] / slope[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def two_stages(v, u, dt, root, normals, field, work, scratch):
    """v = u + (b(u) + b(a)) dt / 2 + (s(u) + s(a)) w / 2,  a = u + b(u) dt + s(u) w,  w = z root; v may be u.

    A Heun step where root = sqrt(dt); root = 0 follows the drift alone.
    """
    noisy = root != 0.0
    drift, kick, total, guess = scratch[3], scratch[4], scratch[5], scratch[6]
    guess[:] = u
    for stage in range(2):
        fill_drift(drift, guess, field, work, scratch)
        if noisy:
            fill_amplitude(kick, guess, field)
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                change = dt * drift[i, j]
                if noisy:
                    change += root * kick[i, j] * normals[i, j]
                if stage == 0:
                    total[i, j] = change
                    guess[i, j] = u[i, j] + change
                else:
                    v[i, j] = u[i, j] + 0.5 * (total[i, j] + change)


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def noise_step(v, root, normals, field, scratch):
    """Move v along dv/dw = s(v) over w = z root, by a Runge-Kutta step of fourth order: the noise alone, site by site."""
    amplitude, total, guess = scratch[4], scratch[5], scratch[6]
    guess[:] = v
    total[:] = 0.0
    for stage in range(4):
        fill_amplitude(amplitude, guess, field)
        weight = root / 6.0 if stage == 0 or stage == 3 else root / 3.0
        reach = root if stage == 2 else 0.5 * root
        for i in range(v.shape[0]):
            for j in range(v.shape[1]):
                slope = normals[i, j] * amplitude[i, j]
                total[i, j] += weight * slope
                guess[i, j] = v[i, j] + reach * slope
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[i, j] += total[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def twin_step(v, u, normals, field, work, scratch):
    """A step of the linear field r (W f'(u*) u - u) under the same normals, with additive noise."""
    coupling, sites = field[0], field[5]
    response, before, after, guess = scratch[0], scratch[1], scratch[2], scratch[3]
    for half in range(2):
        state, out = (u, before) if half == 0 else (guess, after)
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                response[i, j], out[i, j] = sites[2, i] * state[i, j], 0.0
        add_product(out, response, work, *coupling[:5])
        if half == 0:
            for i in range(u.shape[0]):
                p, b, d = sites[3, i], sites[4, i], sites[7, i]
                for j in range(u.shape[1]):
                    guess[i, j] = p * u[i, j] + b * before[i, j] + d * normals[i, j]
    for i in range(u.shape[0]):
        c, q = sites[5, i], sites[6, i]
        for j in range(u.shape[1]):
            a = guess[i, j]
            v[i, j] = a + c * (after[i, j] - before[i, j]) + q * (a - u[i, j])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, coupling, drive, function, shape, law, sites, key, lane, step):
    """Fill x[1:] (n_step + 1, n_dim, n_lane) from x[0], the state at step.

    law: dt, e, alpha - 1/2, and whether to split the step: half a step of the drift, the noise, half a step of the drift. Else
    Heun. Both have Stratonovich noise s(u) dW and the drift b(u) that makes it mean alpha. sites (8, n): r, sqrt(2 D*), f'(u*),
    then p, b, c, q of the linear twin (kernels/neural_field.py) and its noise. Where x has twice as many rows as drive, the
    second half is the twin.
    """
    n_field, n_lane = drive.shape[0], x.shape[2]
    field = (coupling, drive, function, shape, law, sites)
    dt, splitting = law[0], law[3] != 0.0
    n_part, root = (2, 0.0) if splitting else (1, np.sqrt(dt))
    n_four = (n_field + 3) // 4
    normals = np.empty((4 * n_four, n_lane))
    work = np.empty((2, coupling[5], n_lane))
    scratch = np.empty((7, n_field, n_lane))
    for n in range(x.shape[0] - 1):
        for four in range(n_four):
            fill_normals(normals[4 * four : 4 * four + 4], key, lane, four, step + n, PURPOSE_STEP)
        u, v = x[n, :n_field], x[n + 1, :n_field]
        for part in range(n_part):
            two_stages(v, u if part == 0 else v, dt / n_part, root, normals, field, work, scratch)
            if splitting and part == 0:
                noise_step(v, np.sqrt(dt), normals, field, scratch)
        if x.shape[1] == 2 * n_field:
            twin_step(x[n + 1, n_field:], x[n, n_field:], normals, field, work, scratch)


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_parts(parts, u, force, function, shape, exponent, centre, work):
    """The force without its gradients is h [(1 - p) even + odd]; parts (5, n, n_lane) is filled with even, odd, h, p.

    even = r W_s g less what a site does to itself, odd = r W_a g, g = f(u) - f(u*), h = 1/D(u), p = q^(1 - e). force holds the
    stages of r W_s and of r W_a, centre (4, n) 1/D*, f(u*), f'(u*), r diag(W).
    """
    even, odd, precision, excess, response = parts[0], parts[1], parts[2], parts[3], parts[4]
    fill_response(response, u, function, shape[0], shape[1])
    fill_gain(excess, u, function, shape[0], shape[1])
    for i in range(u.shape[0]):
        inverse, value, gain, own = centre[0, i], centre[1, i], centre[2, i], centre[3, i]
        for j in range(u.shape[1]):
            response[i, j] -= value
            even[i, j], odd[i, j] = -own * response[i, j], 0.0
        if exponent == 0.0:
            for j in range(u.shape[1]):
                precision[i, j] = inverse
                excess[i, j] /= gain
        else:
            for j in range(u.shape[1]):
                logarithm = functions.log(excess[i, j] / gain)
                precision[i, j] = inverse * functions.exp(exponent * logarithm)
                excess[i, j] = functions.exp((1.0 - exponent) * logarithm)
    add_product(even, response, work, *force[:5])
    add_product(odd, response, work, *force[6:11])


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def path_entropy(out, x, force, function, shape, exponent, centre):
    """Fill out (n_step, n_lane) with (u' - u) . [M(u) + 4 M((u + u') / 2) + M(u')] / 6, M the force of fill_parts.

    Simpson's rule: under noise that depends on the state M bends much more than it works.
    """
    n_field, n_lane = centre.shape[1], x.shape[2]
    work = np.empty((2, max(force[5], force[11]), n_lane))
    parts, push = np.empty((5, n_field, n_lane)), np.empty((2, n_field, n_lane))
    state = np.empty((n_field, n_lane))
    out[:] = 0.0
    for n in range(2 * x.shape[0] - 1):
        # states and the middles between them in turn
        u, v = x[n // 2, :n_field], x[(n + 1) // 2, :n_field]
        for i in range(n_field):
            for j in range(n_lane):
                state[i, j] = 0.5 * (u[i, j] + v[i, j])
        fill_parts(parts, state, force, function, shape, exponent, centre, work)
        before, now = push[0], push[1]
        for i in range(n_field):
            for j in range(n_lane):
                m = parts[2, i, j] * ((1.0 - parts[3, i, j]) * parts[0, i, j] + parts[1, i, j])
                if n % 2 == 1:
                    now[i, j] = 4.0 * m
                elif n > 0:
                    step = u[i, j] - x[n // 2 - 1, i, j]
                    out[n // 2 - 1, j] += (before[i, j] + now[i, j] + m) * step / 6.0
                if n % 2 == 0:
                    before[i, j] = m


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def local_entropy_rate(out, x, coupling, drive, rate, force, function, shape, law, centre):
    """Fill out (n_state, n_lane) with M . (F + alpha D') + sum_i D_i dM_i/du_i, F = r (W f(u) + I - u); law: e, alpha.

    What is not M . F is sum_i (f''/f')_i ([e (1 - alpha) - (1 - alpha e) p] even + e (1 - alpha) odd)_i.
    """
    n_field, n_lane = centre.shape[1], x.shape[2]
    exponent, alpha = law[0], law[1]
    work = np.empty((2, max(coupling[5], max(force[5], force[11])), n_lane))
    parts, slope = np.empty((5, n_field, n_lane)), np.empty((n_field, n_lane))
    drift, bend = np.empty((n_field, n_lane)), np.empty((n_field, n_lane))
    both, own = exponent * (1.0 - alpha), 1.0 - alpha * exponent
    for n in range(x.shape[0]):
        u = x[n, :n_field]
        fill_parts(parts, u, force, function, shape, exponent, centre, work)
        fill_response(slope, u, function, shape[0], shape[1])
        for i in range(n_field):
            for j in range(n_lane):
                drift[i, j] = drive[i] - u[i, j]
        add_product(drift, slope, work, *coupling[:5])
        fill_gain(slope, u, function, shape[0], shape[1])
        fill_curvature(bend, u, function, shape[0], shape[1])
        out[n] = 0.0
        for i in range(n_field):
            r, gain = rate[i], centre[2, i]
            for j in range(n_lane):
                even, odd, p = parts[0, i, j], parts[1, i, j], parts[3, i, j]
                push = parts[2, i, j] * ((1.0 - p) * even + odd)
                # of additive noise p = f'/f'(u*), and f' may vanish
                rest = -even / gain if exponent == 0.0 else ((both - own * p) * even + both * odd) / slope[i, j]
                out[n, j] += push * r * drift[i, j] + bend[i, j] * rest
