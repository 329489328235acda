"""Exact Euclidean distance to the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints

# Where the nearest 0 is farther than this, the envelope of parabolas is faster than comparing.
_FARTHEST_COMPARED = 128


@kernel
def squared_distances(mask: npt.NDArray[np.uint8]) -> Ints:
    """Squared distance of each pixel to the nearest 0, in whole pixels, exact.

    The outermost pixels of the mask (y, x) must be 0. Distances along the columns come first; then
    each pixel compares those of the pixels in its row. Where they are long, the rows are done
    after Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms
    in linear time" (2000).
    """
    height, width = mask.shape
    columns = np.zeros((height, width), np.int32)
    for y in range(1, height):
        line, above, inside = columns[y], columns[y - 1], mask[y]
        for x in range(width):
            line[x] = np.int32(above[x] + 1) if inside[x] else np.int32(0)
    for y in range(height - 2, -1, -1):
        line, below = columns[y], columns[y + 1]
        for x in range(width):
            line[x] = min(line[x], np.int32(below[x] + 1))
    result = np.empty((height, width), np.int64)
    # A frame of far values around the row saves the tests for its ends.
    pad = _FARTHEST_COMPARED + 4
    squares = np.full(width + 2 * pad, np.int32(1 << 30))
    best = np.empty(width, np.int32)
    for y in range(height):
        farthest = np.int32(0)
        for x in range(width):
            farthest = max(farthest, columns[y, x])
        if farthest > _FARTHEST_COMPARED:
            _lower_envelope(columns[y].astype(np.int64), result[y])
            continue
        for x in range(width):
            square = np.int32(columns[y, x] * columns[y, x])
            squares[pad + x] = square
            best[x] = square
        # Pixels farther away than the worst distance so far change nothing.
        dx, reach = 1, farthest
        while dx <= reach:
            _compare(squares, pad, dx, best)
            dx += 4
            worst = np.int32(0)
            for x in range(width):
                worst = max(worst, best[x])
            reach = min(reach, np.int32(np.sqrt(worst)))
        line_ = result[y]
        for x in range(width):
            line_[x] = best[x]
    return result


@kernel
def _compare(
    squares: npt.NDArray[np.int32], pad: int, dx: int, best: npt.NDArray[np.int32]
) -> None:
    """Compare the pixels of a row with those that are dx … dx + 3 to the left and right."""
    width = best.size
    one, two = np.int32(dx * dx), np.int32((dx + 1) ** 2)
    three, four = np.int32((dx + 2) ** 2), np.int32((dx + 3) ** 2)
    left, right = squares[pad - dx - 3 :], squares[pad + dx :]
    for x in range(width):
        a = np.int32(min(left[x + 3], right[x]) + one)
        b = np.int32(min(left[x + 2], right[x + 1]) + two)
        c = np.int32(min(left[x + 1], right[x + 2]) + three)
        d = np.int32(min(left[x], right[x + 3]) + four)
        best[x] = min(min(best[x], a), min(b, min(c, d)))


@kernel
def _lower_envelope(line: Ints, result: Ints) -> None:
    """The row of squared distances that follows from the distances along the columns."""
    width = line.size
    apex = np.empty(width, np.int64)
    begin = np.empty(width, np.int64)
    top = 0
    apex[0], begin[0] = 0, 0
    for x in range(1, width):
        while top >= 0 and _parabola(line, apex[top], begin[top]) > _parabola(line, x, begin[top]):
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
        result[x] = _parabola(line, apex[top], x)
        if x == begin[top]:
            top -= 1


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
