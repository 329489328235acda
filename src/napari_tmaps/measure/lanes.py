"""Rows of few numbers that are added at once.

The compiler makes loops over many numbers run on vector registers, but takes loops over a fixed few
apart first and then adds one number after the other. These functions of LLVM's own vectors run on
whatever registers the processor has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

LANES = 16  # the longest row


def _row(context: Any, builder: Any, kind: Any, array: Any, row: Any, lanes: int) -> Any:
    """Pointer to the first numbers of a row of a contiguous array (rows, numbers)."""
    make: Any = arrayobj.make_array
    found = make(kind)(context, builder, array)
    place = builder.mul(row, builder.extract_value(found.strides, 0))
    byte = builder.gep(builder.bitcast(found.data, ir.IntType(8).as_pointer()), [place])
    return builder.bitcast(byte, ir.VectorType(ir.DoubleType(), lanes).as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    loaded = builder.load(pointer)
    loaded.align = 8
    return loaded


def _subtract(
    typing_context: Any, target: Any, source: Any, upper: Any, lower: Any
) -> tuple[Any, Callable[..., Any]]:
    """Set the first row of an array to source[upper] - source[lower], of `LANES` numbers each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (into, from_, a, b) = signature.args, arguments
        first = ir.Constant(a.type, 0)
        high, low = (
            _load(builder, _row(context, builder, kinds[1], from_, place, LANES))
            for place in (a, b)
        )
        difference = builder.fsub(high, low)
        builder.store(difference, _row(context, builder, kinds[0], into, first, LANES), align=8)
        return context.get_dummy_value()

    return types.void(target, source, types.uintp, types.uintp), generate


def _adder(lanes: int) -> Callable[..., Any]:
    def add(
        typing_context: Any, target: Any, row: Any, factor: Any, source: Any, place: Any
    ) -> tuple[Any, Callable[..., Any]]:
        """Add factor × source[place] to target[row], of so many numbers; rounded once."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds, (into, to, scale, from_, at) = signature.args, arguments
            vector = ir.VectorType(ir.DoubleType(), lanes)
            pointer = _row(context, builder, kinds[0], into, to, lanes)
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), scale, ir.Constant(ir.IntType(32), 0)
            )
            same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            factors = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), same)
            numbers = _load(builder, _row(context, builder, kinds[3], from_, at, lanes))
            product = builder.fmul(factors, numbers, flags=("contract",))
            total = builder.fadd(_load(builder, pointer), product, flags=("contract",))
            builder.store(total, pointer, align=8)
            return context.get_dummy_value()

        return types.void(target, types.uintp, types.float64, source, types.uintp), generate

    return cast(Callable[..., Any], intrinsic(add))


subtract = cast(Callable[[Any, Any, Any, Any], None], intrinsic(_subtract))
add_16, add_8, add_4 = (
    cast(Callable[[Any, Any, Any, Any, Any], None], _adder(lanes)) for lanes in (16, 8, 4)
)


def _changes(typing_context: Any, image: Any, y: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
    """64 bits, from the lowest on: whether image[y, x + n] differs from image[y, x + n + 1]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        make: Any = arrayobj.make_array
        from_, row, column = arguments
        found = make(signature.args[0])(context, builder, from_)
        unpack: Any = cgutils.unpack_tuple
        stride, step = unpack(builder, found.strides)
        offset = builder.add(builder.mul(row, stride), builder.mul(column, step))
        byte = builder.gep(builder.bitcast(found.data, ir.IntType(8).as_pointer()), [offset])
        pixel = found.data.type.pointee
        first = builder.bitcast(byte, found.data.type)
        word = ir.IntType(64)
        bits = ir.Constant(word, 0)
        group = ir.VectorType(pixel, LANES)
        for begin in range(0, 64, LANES):
            here, after = (
                builder.load(
                    builder.bitcast(
                        builder.gep(first, [ir.Constant(word, begin + n)]), group.as_pointer()
                    ),
                    align=1,
                )
                for n in (0, 1)
            )
            unlike = builder.icmp_unsigned("!=", here, after)
            some = builder.zext(builder.bitcast(unlike, ir.IntType(LANES)), word)
            bits = builder.or_(bits, builder.shl(some, ir.Constant(word, begin)))
        return bits

    return types.uint64(image, types.uintp, types.uintp), generate


def _lowest(typing_context: Any, bits: Any) -> tuple[Any, Callable[..., Any]]:
    """Place of the lowest bit that is set, 64 if none is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _number(typing_context: Any, bits: Any) -> tuple[Any, Callable[..., Any]]:
    """How many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uintp(types.uint64), generate


changes = cast(Callable[[Any, Any, Any], Any], intrinsic(_changes))
lowest, number = (cast(Callable[[Any], Any], intrinsic(make)) for make in (_lowest, _number))
