"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over pixels to machine code on first use, and keep it on disk.

    Kernels free the interpreter for other threads, run on one core (sites run in parallel, not
    pixels) and keep the order of floating point sums, so that results never depend on the machine.
    """
    compiled = njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast(Callable[P, R], compiled)


def fused_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile as `kernel`, where a product and the sum it goes into may be rounded once, not twice.

    For long sums of products, which take half as long. The last digit may differ on processors
    that cannot do so, which were built before 2013.
    """
    compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})(function)
    return cast(Callable[P, R], compiled)
