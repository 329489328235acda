"""Memory that is asked for before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj


def _prefetch(typing_context: Any, array: Any, place: Any) -> tuple[Any, Callable[..., Any]]:
    """Tell the processor that a kernel will soon read and write array[place], one-dimensional.

    For places in no order, on which a kernel would wait longer than it works. A place outside the
    array does no harm.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        make: Any = arrayobj.make_array
        data = make(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            [byte],
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
        )
        to_write, keep, is_data = number(1), number(3), number(1)
        builder.call(function, [address, to_write, keep, is_data])
        return context.get_dummy_value()

    return types.void(array, types.uintp), generate


prefetch = cast(Callable[[Any, Any], None], intrinsic(_prefetch))
