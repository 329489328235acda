"""Exact Euclidean distance to the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints

# Where the nearest 0 is farther than this, the envelope of parabolas is faster than comparing, and
# squares do not fit 16 bits any more.
_FARTHEST_COMPARED = 128
_TOGETHER = 2048  # pixels that stay in the fastest cache
_FAR = 40000  # more than the square of any distance that is compared; one more such fits 16 bits


@kernel
def squared_distances(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
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
    result = np.empty((height, width), np.int32)
    # Some rows at a time, as one line. Beyond the end of a row comes the next one, which changes
    # nothing: the 0 at the end of the row is nearer. A frame of far values saves further tests.
    rows = max(1, _TOGETHER // width)
    pad = _FARTHEST_COMPARED + 4
    squares = np.full(rows * width + 2 * pad, np.uint16(_FAR))
    best = np.empty(rows * width, np.uint16)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        steps, line_ = columns[top:bottom].reshape(-1), result[top:bottom].reshape(-1)
        size = steps.size
        farthest = np.int32(0)
        for x in range(size):
            farthest = max(farthest, steps[x])
        if farthest > _FARTHEST_COMPARED:
            exact = np.empty(width, np.int64)
            for y in range(top, bottom):
                _lower_envelope(columns[y].astype(np.int64), exact)
                result[y] = exact
            continue
        here, some = squares[pad : pad + size], best[:size]
        for x in range(size):
            square = np.uint16(steps[x] * steps[x])
            here[x] = square
            some[x] = square
        # Pixels farther away than the worst distance so far change nothing.
        dx, reach = 1, farthest
        while dx <= reach:
            _compare(squares, pad, dx, some)
            dx += 4
            worst = np.uint16(0)
            for x in range(size):
                worst = max(worst, some[x])
            reach = min(reach, np.int32(np.sqrt(worst)))
        for x in range(size):
            line_[x] = some[x]
    return result


@kernel
def _compare(
    squares: npt.NDArray[np.uint16], pad: int, dx: int, best: npt.NDArray[np.uint16]
) -> None:
    """Compare the pixels of a line with those that are dx … dx + 3 to the left and right."""
    width = best.size
    one, two = np.uint16(dx * dx), np.uint16((dx + 1) ** 2)
    three, four = np.uint16((dx + 2) ** 2), np.uint16((dx + 3) ** 2)
    # Views from 0 on, so that the loop runs on vector registers.
    left_1, right_1 = squares[pad - dx :], squares[pad + dx :]
    left_2, right_2 = squares[pad - dx - 1 :], squares[pad + dx + 1 :]
    left_3, right_3 = squares[pad - dx - 2 :], squares[pad + dx + 2 :]
    left_4, right_4 = squares[pad - dx - 3 :], squares[pad + dx + 3 :]
    for x in range(width):
        a = np.uint16(min(left_1[x], right_1[x]) + one)
        b = np.uint16(min(left_2[x], right_2[x]) + two)
        c = np.uint16(min(left_3[x], right_3[x]) + three)
        d = np.uint16(min(left_4[x], right_4[x]) + four)
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
