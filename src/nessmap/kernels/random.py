"""Counter-based standard normals: Philox4x32-10 and Box-Muller, with replicas as vector lanes.

A normal is a pure function of (key, lane, block of 4 dimensions, step, purpose), so any executor, order, restart or number
of replicas gives the same bits. Philox: Salmon, Moraes, Dror, Shaw, SC'11 (2011), doi 10.1145/2063384.2063405.

One Philox call gives four 32-bit words and, by two Box-Muller pairs, four normals. A 32-bit radius bounds |z| by
sqrt(66 ln 2) = 6.76; the missing tail has probability 1.4e-11 and lowers the variance by 7e-10.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

STREAM_VERSION = 1

PURPOSE_START = 0
PURPOSE_STEP = 1

# contract: fused multiply-add. No reassoc (sums keep their order), no nnan (a NaN must stay a failure signal).
FASTMATH = {"contract", "nsz", "arcp"}

_MASK = np.uint64(0xFFFFFFFF)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_SHIFT32 = np.uint64(32)
_LN2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966


@intrinsic
def _as_float(typingctx, bits):
    """The float64 with the given uint64 bit pattern."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), codegen


@intrinsic
def _as_bits(typingctx, value):
    """The uint64 bit pattern of a float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.uint64(types.float64), codegen


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four 32-bit words held in uint64, so that a product is one widening multiply."""
    for _ in range(10):
        # upper halves of the words are left dirty and masked where they count: the compiler sees a 32-bit multiply
        p0 = _M0 * (c0 & _MASK)
        p1 = _M1 * (c2 & _MASK)
        c0 = (p1 >> _SHIFT32) ^ c1 ^ k0
        c1 = p1
        c2 = (p0 >> _SHIFT32) ^ c3 ^ k1
        c3 = p0
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0 & _MASK, c1 & _MASK, c2 & _MASK, c3 & _MASK


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _uniform(word):
    """(word + 1/2) / 2^32 without an integer-to-float instruction: the word becomes the mantissa's upper bits."""
    return _as_float((word << np.uint64(20)) | np.uint64(0x3FF0000000080000)) - 1.0


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _log(u):
    """Natural logarithm of a normal float in (0, 1); error below 2e-15 relative to max(|log u|, 1)."""
    bits = _as_bits(u)
    # mantissa into [sqrt(1/2), sqrt(2)): adding the offset carries into the exponent exactly when it exceeds sqrt(2)
    shifted = bits + np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
    exponent = _as_float((shifted >> np.uint64(52)) | np.uint64(0x4330000000000000)) - 4503599627371519.0
    mantissa = _as_float((shifted & np.uint64(0x000FFFFFFFFFFFFF)) + np.uint64(0x3FE6A09E667F3BCD))
    f = mantissa - 1.0
    # Chebyshev interpolation of log(1 + f)/f on [sqrt(1/2) - 1, sqrt(2) - 1]: dearer in terms than an artanh series, but
    # without a division; summed in pairs (Estrin), because the latency of one long chain is what would cost
    f2 = f * f
    f4 = f2 * f2
    t0 = 0.9999999999999997 - 0.5000000000000102 * f
    t1 = 0.3333333333341424 - 0.250000000000568 * f
    t2 = 0.19999999981695527 - 0.1666666660829124 * f
    t3 = 0.14285715566033647 - 0.12500006183523407 * f
    t4 = 0.11111075695267479 - 0.09999735427716076 * f
    t5 = 0.09091155694012175 - 0.08338836571640824 * f
    t6 = 0.07699372574172635 - 0.0708805264380167 * f
    t7 = 0.06505764971420172 - 0.06420467999026659 * f
    t8 = 0.07068057807918453 - 0.06462328926082221 * f
    t9 = 0.029230807956896282
    q0 = t0 + t1 * f2
    q1 = t2 + t3 * f2
    q2 = t4 + t5 * f2
    q3 = t6 + t7 * f2
    q4 = t8 + t9 * f2
    series = (q0 + q1 * f4) + (f4 * f4) * ((q2 + q3 * f4) + (f4 * f4) * q4)
    return exponent * _LN2 + f * series


@njit(inline="always", error_model="numpy", fastmath=FASTMATH)
def _box_muller(radius_word, angle_word):
    """Two independent normals from two 32-bit words."""
    radius = np.sqrt(-2.0 * _log(_uniform(radius_word)))
    # angle = quadrant * pi/2 + t with t uniform in (-pi/4, pi/4): top two bits choose the quadrant
    fraction = _as_float(((angle_word & np.uint64(0x3FFFFFFF)) << np.uint64(22)) | np.uint64(0x3FF0000000200000)) - 1.5
    t = fraction * _HALF_PI
    w = t * t
    # Taylor series; |t| <= pi/4, so the terms dropped are below 3e-17
    w2 = w * w
    w4 = w2 * w2
    sine = (
        (-1.0 / 6.0 + w * (1.0 / 120.0))
        + w2 * (-1.0 / 5040.0 + w * (1.0 / 362880.0))
        + w4 * ((-1.0 / 39916800.0 + w * (1.0 / 6227020800.0)) - w2 * (1.0 / 1307674368000.0))
    )
    sine = t + t * w * sine
    cosine = (
        (1.0 / 24.0 - w * (1.0 / 720.0))
        + w2 * (1.0 / 40320.0 - w * (1.0 / 3628800.0))
        + w4 * ((1.0 / 479001600.0 - w * (1.0 / 87178291200.0)) + w2 * (1.0 / 20922789888000.0))
    )
    cosine = 1.0 - 0.5 * w + w2 * cosine
    quadrant = angle_word >> np.uint64(30)
    odd = (quadrant & np.uint64(1)) == np.uint64(1)
    first = sine if odd else cosine
    second = cosine if odd else sine
    # a sign is the top bit: quadrants 1, 2 turn the first, quadrants 2, 3 the second
    first_sign = ((quadrant + np.uint64(1)) & np.uint64(2)) << np.uint64(62)
    second_sign = (quadrant & np.uint64(2)) << np.uint64(62)
    first = _as_float(_as_bits(first) ^ first_sign)
    second = _as_float(_as_bits(second) ^ second_sign)
    return radius * first, radius * second


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_normals(normals, key, lane, block, step, purpose):
    """Fill normals (4, n_lane) for dimensions 4 block .. 4 block + 3 of lanes lane, lane + 1, ...; key is a uint64."""
    k0 = np.uint64(key) & _MASK
    k1 = np.uint64(key) >> _SHIFT32
    first_lane = np.uint64(lane)
    c1, c2, c3 = np.uint64(block), np.uint64(step), np.uint64(purpose)
    z0, z1, z2, z3 = normals[0], normals[1], normals[2], normals[3]
    # three short loops, not one long one: a processor overlaps the latencies of a few short iterations. The words wait in
    # the output as bit patterns.
    for i in range(normals.shape[1]):
        w0, w1, w2, w3 = _philox(first_lane + np.uint64(i), c1, c2, c3, k0, k1)
        z0[i], z1[i], z2[i], z3[i] = _as_float(w0), _as_float(w1), _as_float(w2), _as_float(w3)
    for i in range(normals.shape[1]):
        z0[i], z1[i] = _box_muller(_as_bits(z0[i]), _as_bits(z1[i]))
    for i in range(normals.shape[1]):
        z2[i], z3[i] = _box_muller(_as_bits(z2[i]), _as_bits(z3[i]))


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def philox_words(words, key, lane, block, step, purpose):
    """The four 32-bit words behind each lane, for tests against published Philox vectors; words is (4, n_lane) uint64."""
    k0 = np.uint64(key) & _MASK
    k1 = np.uint64(key) >> _SHIFT32
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = _philox(
            np.uint64(lane) + np.uint64(i), np.uint64(block), np.uint64(step), np.uint64(purpose), k0, k1
        )


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def standard_normals(out, key, lane, step, purpose):
    """Fill out (n_dim, n_lane) with the normals of one step."""
    normals = np.empty((4, out.shape[1]))
    for block in range((out.shape[0] + 3) // 4):
        fill_normals(normals, key, lane, block, step, purpose)
        for row in range(min(4, out.shape[0] - 4 * block)):
            out[4 * block + row] = normals[row]
