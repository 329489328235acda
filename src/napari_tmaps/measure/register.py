"""Numbers of 16 bits that a kernel works on together, in a vector register.

The compiler makes loops over many numbers run on vector registers, but brings what a loop makes
back to memory before the next loop takes it. A `Register` stays in the processor as long as a
kernel works on it. It is one of LLVM's own vectors, which run on whatever the processor has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model
from numba.np import arrayobj

NUMBERS = 32
_WORD = ir.IntType(16)
_VECTOR = ir.VectorType(_WORD, NUMBERS)

Register = Any  # exists in kernels alone


class RegisterType(types.Type):
    """A `Register` to the compiler."""

    def __init__(self) -> None:
        super().__init__(name=f"register_of_{NUMBERS}")


@register_model(RegisterType)
class _Model(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


_register = RegisterType()


def _address(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    make: Any = arrayobj.make_array
    first = make(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(first, [place]), _VECTOR.as_pointer())


@intrinsic
def _load(typing_context: Any, line: Any, place: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        return builder.load(address, align=2)

    return _register(line, types.uintp), generate


@intrinsic
def _store(typing_context: Any, line: Any, place: Any, register: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line, place, register = arguments
        address = _address(context, builder, signature.args[0], line, place)
        builder.store(register, address, align=2)
        return context.get_dummy_value()

    return types.void(line, types.uintp, register), generate


@intrinsic
def _filled(typing_context: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        empty = ir.Constant(_VECTOR, ir.Undefined)
        one = builder.insert_element(empty, arguments[0], ir.Constant(ir.IntType(32), 0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), NUMBERS), [0] * NUMBERS)
        return builder.shuffle_vector(one, empty, first)

    return _register(types.uint16), generate


@intrinsic
def _counting(typing_context: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_VECTOR, list(range(NUMBERS)))

    return _register(), generate


@intrinsic
def _largest(typing_context: Any, register: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, name = ir.FunctionType(_WORD, [_VECTOR]), f"llvm.vector.reduce.umax.v{NUMBERS}i16"
        declare: Any = cgutils.get_or_insert_function
        return builder.call(declare(builder.module, kind, name), arguments)

    return types.uint16(_register), generate


@intrinsic
def _any_above(typing_context: Any, one: Any, two: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.icmp_unsigned(">", *arguments), ir.IntType(NUMBERS))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(_register, _register), generate


def _of_two(make: Callable[[Any, Any, Any], Any]) -> Callable[[Register, Register], Register]:
    def operation(typing_context: Any, one: Any, two: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return make(builder, *arguments)

        return _register(_register, _register), generate

    return cast(Callable[[Register, Register], Register], intrinsic(operation))


def _pick(sign: str) -> Callable[[Any, Any, Any], Any]:
    return lambda builder, one, two: builder.select(builder.icmp_unsigned(sign, one, two), one, two)


# Of a line of 16 bit numbers from a place on, and back.
load = cast(Callable[[Any, Any], Register], _load)
store = cast(Callable[[Any, Any, Register], None], _store)
# The same number everywhere, and 0, 1, 2 …
filled = cast(Callable[[Any], Register], _filled)
counting = cast(Callable[[], Register], _counting)
# Number by number.
add = _of_two(lambda builder, one, two: builder.add(one, two))
subtract = _of_two(lambda builder, one, two: builder.sub(one, two))
multiply = _of_two(lambda builder, one, two: builder.mul(one, two))
least, most = _of_two(_pick("<")), _of_two(_pick(">"))
# Of all numbers.
largest = cast(Callable[[Register], int], _largest)
any_above = cast(Callable[[Register, Register], bool], _any_above)
