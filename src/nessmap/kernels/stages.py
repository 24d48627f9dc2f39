"""A matrix applied as a chain of sparse stages to many lanes at once; nessmap.theory.stages makes the chains.

Four rows with the same columns share every load of a lane: a dense matrix runs as fast as a matrix product of a library,
and a butterfly of a Fourier transform is such a group too. The accumulators of a group stay in registers.
"""

from __future__ import annotations

from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nessmap.kernels.random import FASTMATH

KERNEL_VERSION = 1
HEIGHT = 4  # rows of a group

# accumulators HEIGHT x lanes: 16 of the 32 registers of AVX-512, 8 of the 16 of AVX2
_LANES = 32 if binding.get_host_cpu_features().get("avx512f") else 8
_CONTRACT = ("contract",)  # FASTMATH does not reach instructions that are built by hand


def _group_product(n_lane, add):
    """Intrinsic: rows of one group times lanes j .. j + n_lane of x, written or added to four rows of out."""
    word, vector = ir.IntType(64), ir.VectorType(ir.DoubleType(), n_lane)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), n_lane), [0] * n_lane)

    def address(builder, array, row, lane):
        stride = cgutils.unpack_tuple(builder, array.strides, 2)[0]
        offset = builder.add(builder.mul(row, stride), builder.mul(lane, word(8)))
        return builder.inttoptr(builder.add(builder.ptrtoint(array.data, word), offset), vector.as_pointer())

    def codegen(context, builder, signature, args):
        out, row, x, column, value = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args[:5], args[:5], strict=True)
        )
        first, last, first_row, lane = args[5:]
        totals = [cgutils.alloca_once(builder, vector) for _ in range(HEIGHT)]
        for total in totals:
            builder.store(ir.Constant(vector, [0.0] * n_lane), total)
        with cgutils.for_range_slice(builder, first, last, word(1)) as (k, _):
            source = builder.load(builder.gep(column.data, [k]))
            lanes = builder.load(address(builder, x, source, lane), align=8)
            for h, total in enumerate(totals):
                entry = builder.load(builder.gep(value.data, [builder.add(builder.mul(k, word(HEIGHT)), word(h))]))
                single = builder.insert_element(ir.Constant(vector, ir.Undefined), entry, ir.IntType(32)(0))
                weight = builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), everywhere)
                term = builder.fmul(weight, lanes, flags=_CONTRACT)
                builder.store(builder.fadd(builder.load(total), term, flags=_CONTRACT), total)
        for h, total in enumerate(totals):
            target = builder.load(builder.gep(row.data, [builder.add(first_row, word(h))]))
            place, result = address(builder, out, target, lane), builder.load(total)
            if add:  # read only now: rows that fill up a group may repeat a row of it
                result = builder.fadd(builder.load(place, align=8), result)
            builder.store(result, place, align=8)
        return context.get_dummy_value()

    @intrinsic
    def group_product(typingctx, out, row, x, column, value, first, last, first_row, lane):
        return types.void(out, row, x, column, value, first, last, first_row, lane), codegen

    return group_product


_fill_wide, _fill_single = _group_product(_LANES, add=False), _group_product(1, add=False)
_add_wide, _add_single = _group_product(_LANES, add=True), _group_product(1, add=True)


@njit(error_model="numpy", fastmath=FASTMATH)
def _fill_stage(out, row, x, column, value, pointer, first, last):
    n_whole = x.shape[1] - x.shape[1] % _LANES
    for g in range(first, last):
        for j in range(0, n_whole, _LANES):
            _fill_wide(out, row, x, column, value, pointer[g], pointer[g + 1], HEIGHT * g, j)
        for j in range(n_whole, x.shape[1]):
            _fill_single(out, row, x, column, value, pointer[g], pointer[g + 1], HEIGHT * g, j)


@njit(error_model="numpy", fastmath=FASTMATH)
def _add_stage(out, row, x, column, value, pointer, first, last):
    n_whole = x.shape[1] - x.shape[1] % _LANES
    for g in range(first, last):
        for j in range(0, n_whole, _LANES):
            _add_wide(out, row, x, column, value, pointer[g], pointer[g + 1], HEIGHT * g, j)
        for j in range(n_whole, x.shape[1]):
            _add_single(out, row, x, column, value, pointer[g], pointer[g + 1], HEIGHT * g, j)


@njit(cache=True, error_model="numpy", fastmath=FASTMATH)
def add_product(out, x, work, stage, pointer, column, value, row):
    """out += W x for a chain of stages, W = S_n ... S_1; x (n_in, n_lane), out (n_out, n_lane), work (2, width, n_slab).

    Groups stage[s] .. stage[s + 1] make up stage s; group g has the columns column[pointer[g] : pointer[g + 1]] with weights
    value[k, h] for its rows row[4 g + h]. Lanes go through the chain n_slab at a time, best 32, so that what lies between two
    stages stays in the cache; what remains of a slab beyond whole vectors goes lane by lane. out must not overlap x.
    """
    end, n_slab = stage.shape[0] - 2, work.shape[2]
    for begin in range(0, x.shape[1], n_slab):
        lanes = slice(begin, min(begin + n_slab, x.shape[1]))
        n_lane = lanes.stop - begin
        source, result = x[:, lanes], out[:, lanes]
        for s in range(end):
            between = work[s % 2][:, :n_lane]
            _fill_stage(between, row, source, column, value, pointer, stage[s], stage[s + 1])
            source = between
        _add_stage(result, row, source, column, value, pointer, stage[end], stage[end + 1])
