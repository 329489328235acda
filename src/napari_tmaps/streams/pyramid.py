"""Smaller copies of a plane, each half the size of the one before."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

COARSEST = 256
"""A pyramid ends with the first level whose sides are both at most this long."""


def level_shapes(height: int, width: int, levels: int | None = None) -> list[tuple[int, int]]:
    """Sizes (y, x) of all levels, finest first; odd sizes are rounded up.

    Without a number of levels there are as many as it takes to get both sides down to `COARSEST`.

    >>> level_shapes(1080, 700)
    [(1080, 700), (540, 350), (270, 175), (135, 88)]
    """
    shapes = [(height, width)]
    while len(shapes) < levels if levels is not None else max(shapes[-1]) > COARSEST:
        shapes.append(_half(*shapes[-1]))
    return shapes


def pyramid(
    plane: npt.NDArray[Any], levels: int, *, labels: bool = False
) -> list[npt.NDArray[Any]]:
    """The plane and its smaller copies, `levels` arrays in all, finest first.

    Parameters
    ----------
    plane
        Shape (y, x).
    labels
        False: each pixel is the exact mean of 2 × 2 pixels, halves rounded up; at an odd edge of
        those that exist. True: every second pixel, so that no label is invented.
    """
    planes = [np.ascontiguousarray(plane)]
    while len(planes) < levels:
        planes.append(planes[-1][::2, ::2] if labels else _mean(planes[-1]))
    return planes


def halved(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Planes (…, y, x) at half their size, each pixel the mean of those below it."""
    shape = planes.shape[:-2]
    out = np.empty((*shape, *_half(*planes.shape[-2:])), planes.dtype)
    for place in np.ndindex(*shape):
        out[place] = _mean(planes[place])
    return out


def _half(height: int, width: int) -> tuple[int, int]:
    return (height + 1) // 2, (width + 1) // 2


def _mean(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    plane = np.ascontiguousarray(plane)
    out = np.empty(_half(*plane.shape), plane.dtype)
    if plane.dtype.kind == "f":
        _mean_floats(plane, out)
    else:
        _mean_integers(plane, out, plane.dtype.type(2), plane.dtype.type(3))
    return out


@numba.njit(nogil=True, cache=True)
def _mean_integers(
    plane: npt.NDArray[Any], out: npt.NDArray[Any], two: Any, three: Any
) -> None:  # pragma: no cover (compiled)
    # Quotients and remainders are summed apart, so that 64-bit values cannot overflow. The
    # constants have the type of the pixels: mixed signs would make numba compute in float64.
    height, width = plane.shape
    for i in range(out.shape[0]):
        top = plane[2 * i]
        bottom = plane[min(2 * i + 1, height - 1)]
        for j in range(width // 2):
            a, b, c, d = top[2 * j], top[2 * j + 1], bottom[2 * j], bottom[2 * j + 1]
            rest = (a & three) + (b & three) + (c & three) + (d & three) + two
            out[i, j] = (a >> two) + (b >> two) + (c >> two) + (d >> two) + (rest >> two)
        if width % 2:
            a, c = top[width - 1], bottom[width - 1]
            rest = (a & three) + (a & three) + (c & three) + (c & three) + two
            out[i, width // 2] = (a >> two) * two + (c >> two) * two + (rest >> two)


@numba.njit(nogil=True, cache=True)
def _mean_floats(
    plane: npt.NDArray[Any], out: npt.NDArray[Any]
) -> None:  # pragma: no cover (compiled)
    # Quarters first: the sum of four huge values would overflow.
    height, width = plane.shape
    for i in range(out.shape[0]):
        top = plane[2 * i]
        bottom = plane[min(2 * i + 1, height - 1)]
        for j in range(out.shape[1]):
            right = min(2 * j + 1, width - 1)
            out[i, j] = (
                0.25 * top[2 * j] + 0.25 * top[right] + 0.25 * bottom[2 * j] + 0.25 * bottom[right]
            )
