"""Sampling the quasi-potential of a random network: Hamiltonian Monte Carlo with a ladder of temperatures, or Langevin steps.

P(x) ~ exp(-E/T), E = |F|^2/2 + eta |x|^2, F = -x + J phi(x)                    docs/theory.md, "Sampling the quasi-potential"

Lanes come in multiples of 16. A user's transfer function takes the place of the import from kernels/functions.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nessmap.kernels.functions import fill_gain, fill_response
from nessmap.kernels.matrix_product import ROWS, fill_product
from nessmap.kernels.random import FASTMATH, PURPOSE_STEP, fill_normals

KERNEL_VERSION = 1
SCALARS = ("energy", "rate_square", "square", "force_rate", "accepted", "exchanged")
_SHORTEST, _SPREAD = 0.8, 0.4  # of a step's length: no mode's period divides all trajectories


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_force(force, rate, x, coupling, function, shape):
    """rate = phi(x), (n, n_lane); force = F(x) in its first n rows, of which it has as many as the tiles of a product."""
    fill_response(rate, x, function, shape[0], shape[1])
    fill_product(force, coupling[0], rate)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            force[i, j] -= x[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_gradient(gradient, sums, force, rate, x, coupling, function, shape, regulariser):
    """gradient = -F + phi' (J^T F) + 2 eta x in rows as of fill_force; sums (4, n_lane) = E, |phi|^2, |x|^2, F.phi; force = F.

    coupling holds J and J^T in tiles.
    """
    fill_force(force, rate, x, coupling, function, shape)
    fill_product(gradient, coupling[1], force[: x.shape[0]])
    sums[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            f, p, u = force[i, j], rate[i, j], x[i, j]
            sums[0, j] += 0.5 * f * f + regulariser * u * u
            sums[1, j] += p * p
            sums[2, j] += u * u
            sums[3, j] += f * p
    fill_gain(rate, x, function, shape[0], shape[1])
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            gradient[i, j] = rate[i, j] * gradient[i, j] - force[i, j] + 2.0 * regulariser * x[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def trajectory(x, momentum, ends, sums, work, coupling, transfer, law, length, heat):
    """Leapfrog steps of dx = p, dp = -grad E/T from x, momentum, in place; sums (2, 4, n_lane) of fill_gradient at both ends.

    length (n_lane,) of a step, heat (n_lane,) = 1/T; ends (2, n_lane) |p|^2/2 at both ends; law: eta, step, n_leapfrog, ...
    """
    n_step = int(law[2])
    for n in range(n_step + 1):
        end = 0 if n == 0 else 1
        gradient, force, rate = work
        fill_gradient(gradient, sums[end], force, rate, x, coupling, transfer[0], transfer[1], law[0])
        if n == 0:
            _fill_kinetic(ends[0], momentum)
        share = 0.5 if n == 0 or n == n_step else 1.0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                momentum[i, j] -= share * length[j] * heat[j] * gradient[i, j]
        if n < n_step:
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    x[i, j] += length[j] * momentum[i, j]
    _fill_kinetic(ends[1], momentum)


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def _fill_kinetic(out, momentum):
    out[:] = 0.0
    for i in range(momentum.shape[0]):
        for j in range(momentum.shape[1]):
            out[j] += 0.5 * momentum[i, j] * momentum[i, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def _draw(momentum, chance, temperatures, key, lane, step):
    """Momenta (n, n_rung n_lane); chance (3, n_rung n_lane): two standard exponential numbers, one uniform, of every lane."""
    n_neuron, n_lane = momentum.shape[0], momentum.shape[1] // temperatures.shape[0]
    n_four = (n_neuron + 3) // 4
    normals = np.empty((4, n_lane))
    for block in range(temperatures.shape[0] * (n_four + 2)):
        first, four = block // (n_four + 2) * n_lane, block % (n_four + 2)
        fill_normals(normals, key, lane, block, step, PURPOSE_STEP)
        if four < n_four:
            for k in range(min(4, n_neuron - 4 * four)):
                for j in range(n_lane):
                    momentum[4 * four + k, first + j] = normals[k, j]
        elif four == n_four:
            for j in range(n_lane):
                chance[0, first + j] = 0.5 * (normals[0, j] ** 2 + normals[1, j] ** 2)
                chance[1, first + j] = 0.5 * (normals[2, j] ** 2 + normals[3, j] ** 2)
        else:
            for j in range(n_lane):
                chance[2, first + j] = np.exp(-0.5 * (normals[0, j] ** 2 + normals[1, j] ** 2))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def _settle(after, sums, before, kept, taken):
    """Lanes that were not accepted stay where they were."""
    for j in range(taken.shape[0]):
        if not taken[j]:
            for i in range(after.shape[0]):
                after[i, j] = before[i, j]
            for k in range(sums.shape[0]):
                sums[k, j] = kept[k, j]


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def _exchange(done, x, sums, heat, chance, first):
    """Every second pair of neighbouring rungs from `first` on may change places; done (n_lane,) counts those that did."""
    n_lane, n_total = done.shape[0], x.shape[1]
    for j in range(n_lane):
        done[j] = 0.0
    for low in range(first * n_lane, n_total - n_lane):
        high = low + n_lane
        if (low // n_lane - first) % 2 == 0 and (heat[low] - heat[high]) * (sums[0, high] - sums[0, low]) < chance[low]:
            for i in range(x.shape[0]):
                x[i, low], x[i, high] = x[i, high], x[i, low]
            for k in range(sums.shape[0]):
                sums[k, low], sums[k, high] = sums[k, high], sums[k, low]
            done[low % n_lane] += 1.0


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(x, scalars, coupling, transfer, law, temperatures, key, lane, step):
    """Fill x[1:] (n_step + 1, n, n_rung n_lane) from x[0], the state at step, and scalars (n_step, 6, n_lane) of SCALARS.

    Lanes of the lowest temperature first. A trajectory is accepted if dE/T + dK is below a standard exponential number; then
    pairs of rungs, even and odd ones in turn, change places if (1/T - 1/T')(E - E') is above its negative. law: eta, length
    of a step over sqrt(T), n_leapfrog, whether trajectories may be rejected.
    """
    n_neuron, n_total, n_rung = x.shape[1], x.shape[2], temperatures.shape[0]
    n_lane, adjusted = n_total // n_rung, law[3] > 0.0
    momentum, rate = np.empty((n_neuron, n_total)), np.empty((n_neuron, n_total))
    work = np.empty((ROWS * coupling[0].shape[0], n_total)), np.empty((ROWS * coupling[0].shape[0], n_total)), rate
    sums, ends = np.empty((2, 4, n_total)), np.empty((2, n_total))
    chance, length, heat = np.empty((3, n_total)), np.empty(n_total), np.empty(n_total)
    taken = np.empty(n_total, np.bool_)
    for n in range(x.shape[0] - 1):
        before, after = x[n], x[n + 1]
        _draw(momentum, chance, temperatures, key, lane, step + n)
        for j in range(n_total):
            temperature = temperatures[j // n_lane]
            share = _SHORTEST + _SPREAD * chance[2, j] if adjusted else 1.0
            length[j], heat[j] = share * law[1] * np.sqrt(temperature), 1.0 / temperature
        for i in range(n_neuron):
            for j in range(n_total):
                after[i, j] = before[i, j]
        trajectory(after, momentum, ends, sums, work, coupling, transfer, law, length, heat)
        for j in range(n_total):
            change = (sums[1, 0, j] - sums[0, 0, j]) * heat[j] + ends[1, j] - ends[0, j]
            taken[j] = change < chance[0, j] or not adjusted  # not where it is NaN
        _settle(after, sums[1], before, sums[0], taken)
        _exchange(scalars[n, 5], after, sums[1], heat, chance[1], (step + n) % 2)
        for j in range(n_lane):
            for k in range(4):
                scalars[n, k, j] = sums[1, k, j] / n_neuron
            scalars[n, 4, j] = 1.0 if taken[j] else 0.0


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_overlaps(sums, x, coupling, transfer):
    """Add to sums (3, 16) over states of x (n_state, n, n_lane), per lane a, group a mod 16, the mean over other lanes b of

    O_ab^2, -O_ab F_a.phi_b/n, (F_a.phi_b/n)(F_b.phi_a/n); O_ab = phi_a.phi_b/n.
    """
    function, shape = transfer
    n_neuron, n_lane = x.shape[1], x.shape[2]
    force, rate = np.empty((ROWS * coupling[0].shape[0], n_lane)), np.empty((n_neuron, n_lane))
    overlap, crossed = np.empty((n_lane, n_lane)), np.empty((n_lane, n_lane))
    share = 1.0 / (n_lane - 1)
    for n in range(x.shape[0]):
        fill_force(force, rate, x[n], coupling, function, shape)
        overlap[:], crossed[:] = 0.0, 0.0
        for i in range(n_neuron):
            for a in range(n_lane):
                p, f = rate[i, a] / n_neuron, force[i, a] / n_neuron
                for b in range(n_lane):
                    overlap[a, b] += p * rate[i, b]
                    crossed[a, b] += f * rate[i, b]
        for a in range(n_lane):
            group = a % sums.shape[1]
            for b in range(n_lane):
                if b != a:
                    sums[0, group] += share * overlap[a, b] ** 2
                    sums[1, group] -= share * overlap[a, b] * crossed[a, b]
                    sums[2, group] += share * crossed[a, b] * crossed[b, a]
