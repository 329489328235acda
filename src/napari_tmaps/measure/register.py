"""Numbers that a kernel works on together, in a vector register.

The compiler makes loops over many numbers run on vector registers, but brings what a loop makes
back to memory before the next loop takes it. A `Register` stays in the processor as long as a
kernel works on it. It is one of LLVM's own vectors, which run on whatever the processor has, and
holds `WORDS` numbers of 16 bits or `FLOATS` of 32 bits, as the line that it is loaded from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model
from numba.np import arrayobj

from napari_tmaps.measure.compile import kernel

_BYTES = 64
WORDS, FLOATS = _BYTES // 2, _BYTES // 4

Register = Any  # exists in kernels alone


class RegisterType(types.Type):
    """A `Register` of uint16 or float32 to the compiler."""

    def __init__(self, number: Any) -> None:
        named: Any = super().__init__
        named(name=f"register of {number}")
        self.number = number
        words = number == types.uint16
        self.numbers = WORDS if words else FLOATS
        self.vector = ir.VectorType(ir.IntType(16) if words else ir.FloatType(), self.numbers)


@register_model(RegisterType)
class _Model(PrimitiveModel):
    def __init__(self, manager: Any, kind: RegisterType) -> None:
        made: Any = super().__init__
        made(manager, kind, kind.vector)


_words = RegisterType(types.uint16)


def _address(context: Any, builder: Any, kind: Any, line: Any, place: Any) -> Any:
    make: Any = arrayobj.make_array
    first = make(kind)(context, builder, line).data
    pointer = RegisterType(kind.dtype).vector.as_pointer()
    return builder.bitcast(builder.gep(first, [place]), pointer)


@intrinsic
def _load(typing_context: Any, line: Any, place: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        return builder.load(address, align=2)

    return RegisterType(line.dtype)(line, types.uintp), generate


@intrinsic
def _store(typing_context: Any, line: Any, place: Any, register: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line, place, register = arguments
        address = _address(context, builder, signature.args[0], line, place)
        builder.store(register, address, align=2)
        return context.get_dummy_value()

    return types.void(line, types.uintp, RegisterType(line.dtype)), generate


@intrinsic
def _filled(typing_context: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    kind = RegisterType(number)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place, empty = ir.IntType(32), ir.Constant(kind.vector, ir.Undefined)
        one = builder.insert_element(empty, arguments[0], ir.Constant(place, 0))
        first = ir.Constant(ir.VectorType(place, kind.numbers), [0] * kind.numbers)
        return builder.shuffle_vector(one, empty, first)

    return kind(number), generate


@intrinsic
def _counting(typing_context: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_words.vector, list(range(WORDS)))

    return _words(), generate


@intrinsic
def _largest(typing_context: Any, register: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(16), [_words.vector])
        declare: Any = cgutils.get_or_insert_function
        name = f"llvm.vector.reduce.umax.v{WORDS}i16"
        return builder.call(declare(builder.module, kind, name), arguments)

    return types.uint16(_words), generate


@intrinsic
def _any_above(typing_context: Any, one: Any, two: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.icmp_unsigned(">", *arguments), ir.IntType(WORDS))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(_words, _words), generate


def _of_two(
    of_words: Callable[[Any, Any, Any], Any], of_floats: Callable[[Any, Any, Any], Any]
) -> Callable[[Register, Register], Register]:
    def operation(typing_context: Any, one: Any, two: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            make = of_words if one == _words else of_floats
            return make(builder, *arguments)

        return one(one, one), generate

    return cast(Callable[[Register, Register], Register], intrinsic(operation))


def _pick(sign: str) -> Callable[[Register, Register], Register]:
    return _of_two(
        lambda builder, one, two: builder.select(builder.icmp_unsigned(sign, one, two), one, two),
        lambda builder, one, two: builder.select(builder.fcmp_ordered(sign, one, two), one, two),
    )


@kernel
def zeros(kind: Any, size: int) -> npt.NDArray[Any]:
    """A line that begins where registers are loaded at once from, with room for one behind it."""
    line = np.zeros(size + 2 * WORDS, kind)
    return line[np.uintp(-line.ctypes.data % _BYTES) // np.uintp(line.itemsize) :]


# Of a line from a place on, and back.
load = cast(Callable[[Any, Any], Register], _load)
store = cast(Callable[[Any, Any, Register], None], _store)
# The same number everywhere, and the words 0, 1, 2 …
filled = cast(Callable[[Any], Register], _filled)
counting = cast(Callable[[], Register], _counting)
# Number by number.
add = _of_two(ir.IRBuilder.add, ir.IRBuilder.fadd)
subtract = _of_two(ir.IRBuilder.sub, ir.IRBuilder.fsub)
multiply = _of_two(ir.IRBuilder.mul, ir.IRBuilder.fmul)
least, most = _pick("<"), _pick(">")
# Of all words.
largest = cast(Callable[[Register], int], _largest)
any_above = cast(Callable[[Register, Register], bool], _any_above)
