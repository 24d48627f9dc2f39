"""Product of a square matrix with many lanes at once, by register tiles of 8 rows and 16 lanes.

Every element is one chain of fused multiply-adds in the order of the columns: it does not depend on the number of lanes, as it
would with a BLAS. Compilers turn no loop nest into such tiles, so the innermost loop is written for LLVM.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nessmap.kernels.random import FASTMATH

KERNEL_VERSION = 1

ROWS = 8  # of a tile
_WIDTH, _N_VECTOR = 8, 2  # a row of a tile: two vectors of eight lanes
_LANES = _WIDTH * _N_VECTOR
_COLUMNS = 128  # whose lanes are gathered at once: 16 kB, half of a level-1 cache


def packed(matrix):
    """(n_tile, n, 8) of a matrix (n, n): tiles of eight rows, column by column, filled up with zeros."""
    n = len(matrix)
    n_tile = -(-n // ROWS)
    rows = np.zeros((n_tile * ROWS, n))
    rows[:n] = matrix
    return np.ascontiguousarray(rows.reshape(n_tile, ROWS, n).transpose(0, 2, 1))


@intrinsic
def _add_tile(typingctx, out, place, stride, tiles, first, panel, n):
    """out[place + stride r + lane] += sum over k < n of tiles[first + 8 k + r] panel[k, lane], for r < 8, lane < 16."""
    signature = types.void(out, types.intp, types.intp, tiles, types.intp, panel, types.intp)

    def codegen(context, builder, signature, args):
        integer, vector = ir.IntType(64), ir.VectorType(ir.DoubleType(), _WIDTH)
        no_vector = ir.Constant(vector, ir.Undefined)
        copies = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), [0] * _WIDTH)
        first_place = ir.Constant(ir.IntType(32), 0)
        name = f"llvm.fmuladd.v{_WIDTH}f64"
        add_product = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)

        def start_of(argument):
            return context.make_array(signature.args[argument])(context, builder, args[argument]).data

        def vector_at(pointer, offset):
            place = builder.gep(pointer, [ir.Constant(integer, offset)])
            return builder.bitcast(place, vector.as_pointer())

        def loaded(pointer):
            value = builder.load(pointer)
            value.align = 8
            return value

        corner = builder.gep(start_of(0), [args[1]])
        rows = [builder.gep(corner, [builder.mul(args[2], ir.Constant(integer, r))]) for r in range(ROWS)]
        places = [vector_at(row, v * _WIDTH) for row in rows for v in range(_N_VECTOR)]
        before = [loaded(place) for place in places]
        weights = builder.gep(start_of(3), [args[4]])
        lanes = start_of(5)
        entry, loop = builder.basic_block, builder.append_basic_block("columns")
        end = builder.append_basic_block("end")
        builder.branch(loop)

        builder.position_at_end(loop)
        k = builder.phi(integer)
        k.add_incoming(ir.Constant(integer, 0), entry)
        sums = [builder.phi(vector) for _ in places]
        here = builder.gep(lanes, [builder.mul(k, ir.Constant(integer, _LANES))])
        values = [loaded(vector_at(here, v * _WIDTH)) for v in range(_N_VECTOR)]
        column = builder.gep(weights, [builder.mul(k, ir.Constant(integer, ROWS))])
        after = []
        for r in range(ROWS):
            weight = builder.load(builder.gep(column, [ir.Constant(integer, r)]))
            alone = builder.insert_element(no_vector, weight, first_place)
            spread = builder.shuffle_vector(alone, no_vector, copies)
            row = sums[r * _N_VECTOR : (r + 1) * _N_VECTOR]
            after += [builder.call(add_product, [spread, *pair]) for pair in zip(values, row, strict=True)]
        following = builder.add(k, ir.Constant(integer, 1))
        k.add_incoming(following, loop)
        for total, first_value, value in zip(sums, before, after, strict=True):
            total.add_incoming(first_value, entry)
            total.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[6]), loop, end)

        builder.position_at_end(end)
        for place, value in zip(places, after, strict=True):
            builder.store(value, place).align = 8
        return context.get_dummy_value()

    return signature, codegen


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def fill_product(out, tiles, right):
    """out[:n] = matrix @ right, (n, n_lane), of a matrix packed into tiles.

    out has 8 n_tile rows; n_lane is a multiple of 16.
    """
    n, n_lane = right.shape
    panel = np.empty((_COLUMNS, _LANES))
    out[:] = 0.0
    for low in range(0, n, _COLUMNS):
        length = min(_COLUMNS, n - low)
        for lane in range(0, n_lane, _LANES):
            for k in range(length):
                for j in range(_LANES):
                    panel[k, j] = right[low + k, lane + j]
            for tile in range(tiles.shape[0]):
                place, first = ROWS * tile * n_lane + lane, ROWS * (tile * n + low)
                _add_tile(out, place, n_lane, tiles, first, panel, length)
