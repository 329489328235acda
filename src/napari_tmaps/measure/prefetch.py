"""Memory that is asked for before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj


def _prefetch(typing_context: Any, array: Any, place: Any) -> tuple[Any, Callable[..., Any]]:
    """Tell the processor that a kernel will soon read and write array[place].

    For places in no order, on which a kernel would wait longer than it works; the place in an image
    is (y, x). A place outside the array does no harm.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        make: Any = arrayobj.make_array
        unpack: Any = cgutils.unpack_tuple
        found = make(signature.args[0])(context, builder, arguments[0])
        places = unpack(builder, arguments[1]) if array.ndim > 1 else [arguments[1]]
        offset = builder.mul(places[0], builder.extract_value(found.strides, 0))
        for axis in range(1, array.ndim):
            stride = builder.extract_value(found.strides, axis)
            offset = builder.add(offset, builder.mul(places[axis], stride))
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.gep(builder.bitcast(found.data, byte), [offset])
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            [byte],
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
        )
        to_write, keep, is_data = number(1), number(3), number(1)
        builder.call(function, [address, to_write, keep, is_data])
        return context.get_dummy_value()

    tuple_of: Any = types.UniTuple
    kind = types.uintp if array.ndim == 1 else tuple_of(types.uintp, array.ndim)
    return types.void(array, kind), generate


prefetch = cast(Callable[[Any, Any], None], intrinsic(_prefetch))
