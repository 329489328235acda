"""Exact Euclidean distance to the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints


@kernel
def squared_distances(mask: npt.NDArray[np.uint8]) -> Ints:
    """Squared distance of each pixel to the nearest 0, in whole pixels, exact.

    The outermost pixels of the mask (y, x) must be 0. After Meijster, Roerdink and Hesselink, "A
    general algorithm for computing distance transforms in linear time" (2000): distances along
    the columns, then the lower envelope of parabolas along each row.
    """
    height, width = mask.shape
    columns = np.zeros((height, width), np.int64)
    for y in range(1, height):
        for x in range(width):
            columns[y, x] = (columns[y - 1, x] + 1) if mask[y, x] else 0
    for y in range(height - 2, -1, -1):
        for x in range(width):
            columns[y, x] = min(columns[y, x], columns[y + 1, x] + 1)
    result = np.empty((height, width), np.int64)
    apex = np.empty(width, np.int64)
    begin = np.empty(width, np.int64)
    for y in range(height):
        line = columns[y]
        top = 0
        apex[0], begin[0] = 0, 0
        for x in range(1, width):
            while top >= 0 and _parabola(line, apex[top], begin[top]) > _parabola(
                line, x, begin[top]
            ):
                top -= 1
            if top < 0:
                top = 0
                apex[0], begin[0] = x, 0
                continue
            last = apex[top]
            meet = x * x - last * last + line[x] * line[x] - line[last] * line[last]
            meet = 1 + meet // (2 * (x - last))
            if meet < width:
                top += 1
                apex[top], begin[top] = x, meet
        for x in range(width - 1, -1, -1):
            result[y, x] = _parabola(line, apex[top], x)
            if x == begin[top]:
                top -= 1
    return result


@kernel
def _parabola(line: Ints, apex: int, x: int) -> int:
    return int((x - apex) ** 2 + line[apex] ** 2)


@kernel
def grow(labels: npt.NDArray[np.int32], distance: int) -> npt.NDArray[np.int32]:
    """Labels (y, x) that take the background within a distance of them, in pixels.

    A pixel goes to the nearest object, exactly; if two are equally near, to the smaller label.
    """
    height, width = labels.shape
    # Squared distance × 2³² + label: the smallest such number is the nearest, smallest label.
    unit = np.int64(1) << 32
    nothing = np.int64(1) << 62
    squares = np.arange(distance + 1) ** 2 * unit
    above = np.empty((height, width), np.int16)
    names = np.zeros((height, width), np.int32)
    steps, name = np.full(width, distance + 1, np.int16), np.zeros(width, np.int32)
    for y in range(height):
        _pass(labels[y], distance, steps, name)
        above[y], names[y] = steps, name
    steps[:], name[:] = distance + 1, 0
    nearest = np.full(width + 2 * distance, nothing)
    best = np.empty(width, np.int64)
    result = np.empty((height, width), np.int32)
    for y in range(height - 1, -1, -1):
        _pass(labels[y], distance, steps, name)
        for x in range(width):
            here = nothing
            if above[y, x] <= distance:
                here = squares[above[y, x]] + names[y, x]
            if steps[x] <= distance:
                here = min(here, squares[steps[x]] + name[x])
            nearest[distance + x] = here
        best[:] = nearest[distance : distance + width]
        for dx in range(1, distance + 1):
            left, right = nearest[distance - dx :], nearest[distance + dx :]
            for x in range(width):
                best[x] = min(best[x], min(left[x], right[x]) + squares[dx])
        for x in range(width):
            inside = best[x] < squares[distance] + unit
            result[y, x] = best[x] & (unit - 1) if inside else 0
    return result


@kernel
def _pass(
    line: npt.NDArray[np.int32],
    distance: int,
    steps: npt.NDArray[np.int16],
    name: npt.NDArray[np.int32],
) -> None:
    """Go on by one row: steps to the last label of each column, and that label."""
    for x in range(line.size):
        steps[x] = 0 if line[x] != 0 else min(steps[x] + 1, distance + 1)
        name[x] = line[x] if line[x] != 0 else name[x]
