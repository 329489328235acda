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
    plane: npt.NDArray[Any], levels: int, *, labels: bool = False, keep_all: bool = False
) -> list[npt.NDArray[Any]]:
    """The plane and its smaller copies, `levels` arrays in all, finest first.

    Parameters
    ----------
    plane
        Shape (y, x).
    labels
        False: each pixel is the exact mean of 2 × 2 pixels, halves rounded up; at an odd edge of
        those that exist. True: every second pixel, so that no label is invented.
    keep_all
        Of labels each pixel is the greatest of 2 × 2, so that the smallest object stays as a point.
    """
    planes = [np.ascontiguousarray(plane)]
    while len(planes) < levels:
        fine = planes[-1]
        if not labels:
            planes.append(_mean(fine))
            continue
        thin = fine[::2, ::2]
        if keep_all:
            thin = thin.copy()
            for y, x in ((0, 1), (1, 0), (1, 1)):
                other = fine[y::2, x::2]
                part = thin[: other.shape[0], : other.shape[1]]
                np.maximum(part, other, out=part)
        planes.append(thin)
    return planes


def halved(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Planes (…, y, x) at half their size, each pixel the mean of those below it."""
    shape = planes.shape[:-2]
    out = np.empty((*shape, *_half(*planes.shape[-2:])), planes.dtype)
    for place in np.ndindex(*shape):
        _mean_into(planes[place], out[place], 0, 0)
    return out


def halve_tiles(tiles: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    """The same from tiles to tiles: (rows, columns, …, y, x) of even sizes.

    Half a tile must fit a whole number of times into one of `out`.
    """
    y, x = (size // 2 for size in tiles.shape[-2:])
    height, width = out.shape[-2:]
    for row, column, *inside in np.ndindex(*tiles.shape[:-2]):
        to = (row * y // height, column * x // width, *inside)
        _mean_into(tiles[row, column, *inside], out[to], row * y % height, column * x % width)


def _half(height: int, width: int) -> tuple[int, int]:
    return (height + 1) // 2, (width + 1) // 2


def _mean(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    out = np.empty(_half(*plane.shape), plane.dtype)
    _mean_into(plane, out, 0, 0)
    return out


def _mean_into(plane: npt.NDArray[Any], out: npt.NDArray[Any], top: int, left: int) -> None:
    plane = np.ascontiguousarray(plane)
    if plane.dtype.kind == "f":
        _mean_floats(plane, out, top, left)
    elif plane.dtype.itemsize <= 2:
        _mean_short(plane, out, top, left)
    else:
        _mean_long(plane, out, top, left, plane.dtype.type(2), plane.dtype.type(3))


# The row that is written is cut out of `out` before the loop over it, which lets the compiler
# take many pixels at a time.


@numba.njit(nogil=True, cache=True)
def _mean_short(
    plane: npt.NDArray[Any], out: npt.NDArray[Any], top: int, left: int
) -> None:  # pragma: no cover (compiled)
    height, width = plane.shape
    two = np.int32(2)
    for i in range((height + 1) // 2):
        above = plane[2 * i]
        below = plane[min(2 * i + 1, height - 1)]
        row = out[top + i][left : left + width // 2]
        for j in range(row.shape[0]):
            row[j] = (
                np.int32(above[2 * j])
                + np.int32(above[2 * j + 1])
                + np.int32(below[2 * j])
                + np.int32(below[2 * j + 1])
                + two
            ) >> two
        if width % 2:
            last = np.int32(above[width - 1]) + np.int32(below[width - 1])
            out[top + i, left + width // 2] = (last + np.int32(1)) >> np.int32(1)


@numba.njit(nogil=True, cache=True)
def _mean_long(
    plane: npt.NDArray[Any], out: npt.NDArray[Any], top: int, left: int, two: Any, three: Any
) -> None:  # pragma: no cover (compiled)
    # Quotients and remainders are summed apart, so that 64-bit values cannot overflow. The
    # constants have the type of the pixels: mixed signs would make numba compute in float64.
    height, width = plane.shape
    for i in range((height + 1) // 2):
        above = plane[2 * i]
        below = plane[min(2 * i + 1, height - 1)]
        row = out[top + i][left : left + width // 2]
        for j in range(row.shape[0]):
            a, b, c, d = above[2 * j], above[2 * j + 1], below[2 * j], below[2 * j + 1]
            rest = (a & three) + (b & three) + (c & three) + (d & three) + two
            row[j] = (a >> two) + (b >> two) + (c >> two) + (d >> two) + (rest >> two)
        if width % 2:
            a, c = above[width - 1], below[width - 1]
            rest = (a & three) + (a & three) + (c & three) + (c & three) + two
            out[top + i, left + width // 2] = (a >> two) * two + (c >> two) * two + (rest >> two)


@numba.njit(nogil=True, cache=True)
def _mean_floats(
    plane: npt.NDArray[Any], out: npt.NDArray[Any], top: int, left: int
) -> None:  # pragma: no cover (compiled)
    # Quarters first: the sum of four huge values would overflow.
    height, width = plane.shape
    for i in range((height + 1) // 2):
        above = plane[2 * i]
        below = plane[min(2 * i + 1, height - 1)]
        row = out[top + i][left : left + (width + 1) // 2]
        for j in range(row.shape[0]):
            right = min(2 * j + 1, width - 1)
            row[j] = (
                0.25 * above[2 * j] + 0.25 * above[right]
                + 0.25 * below[2 * j] + 0.25 * below[right]
            )  # fmt: skip
