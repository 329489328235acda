"""Exact Euclidean distance to the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.register import (
    WORDS,
    Register,
    add,
    any_above,
    counting,
    filled,
    largest,
    least,
    load,
    most,
    multiply,
    store,
    subtract,
    zeros,
)
from napari_tmaps.measure.runs import Ints, scan

# Where the nearest 0 is farther than this, the envelope of parabolas is faster than comparing, and
# squares do not fit 16 bits any more.
FARTHEST_COMPARED = 128
_FAR = 200  # farther than what is compared; the sum of their squares fits 16 bits
_AT_ONCE = 4  # rows above and below that are compared before asking whether it is enough

Squares = npt.NDArray[np.uint16]


@kernel
def squared_distances(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Squared distance of each pixel to the nearest 0, in whole pixels, exact.

    The mask (y, x) is 0 and 1; its outermost pixels must be 0.
    """
    _, row, start, stop = scan(mask)
    return distances_of_runs(row, start, stop, 0, 0, mask.shape)


@kernel
def distances_of_runs(
    row: Ints, start: Ints, stop: Ints, top: int, left: int, shape: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """The same of the pixels of runs in a crop, which do not reach its outermost pixels.

    Distances along the rows come first: how far the ends of the run are. Then each pixel compares
    those of the pixels in its column. Where they are long, the column is done after Meijster,
    Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time"
    (2000).
    """
    squares, first, stride = squares_along_rows(row, start, stop, top, left, shape)
    nearest, farthest = compare_columns(squares, first, stride, shape[0])
    result = np.empty(shape, np.int32)
    for y in range(shape[0]):
        line, at = result[y], np.uintp(first + y * stride)
        for x in range(np.uintp(shape[1])):
            line[x] = nearest[at + x]
    if farthest > FARTHEST_COMPARED**2:
        _redo_far_columns(row, start, stop, top, left, result)
    return result


@kernel
def squares_along_rows(
    row: Ints, start: Ints, stop: Ints, top: int, left: int, shape: tuple[int, int]
) -> tuple[Squares, int, int]:
    """Squared distances along the rows in one line, the place of the first pixel, and the stride.

    Rows are some registers long, and end with a 0. Around the crop there are as many zeros as
    `compare_columns` looks at.
    """
    stride = (shape[1] // WORDS + 1) * WORDS
    around = WORDS + (_AT_ONCE - 1) * stride  # no farther beyond the nearest 0
    squares = zeros(np.uint16, around + shape[0] * stride + around)
    far, order = filled(np.uint16(_FAR)), counting()
    for i in range(row.size):
        at = np.uintp(around + (row[i] - top) * stride + start[i] - left)
        length = np.uintp(stop[i] - start[i])
        end = filled(np.uint16(length + np.uintp(1)))
        for n in range(np.uintp(0), length, np.uintp(WORDS)):
            here = add(order, filled(np.uint16(n + np.uintp(1))))
            # 0 behind the end: what comes there is written later.
            steps = least(least(here, far), subtract(most(end, here), here))
            store(squares, at + n, multiply(steps, steps))
    return squares, around, stride


@kernel
def compare_columns(squares: Squares, first: int, stride: int, height: int) -> tuple[Squares, int]:
    """Squared distances of all pixels, in a line like that of those along the rows; the largest.

    Each pixel is compared with those above and below. What is farther than `FARTHEST_COMPARED` is
    too large: where the largest is, distances are not known.
    """
    result, farthest = np.empty_like(squares), filled(np.uint16(0))
    # Column by column: neighbours have about as many rows to compare, as the processor foresees.
    for x in range(0, stride, WORDS):
        for y in range(height):
            at = np.uintp(first + y * stride + x)
            nearest = _compare(squares, at, np.uintp(stride))
            farthest = most(farthest, nearest)
            store(result, at, nearest)
    return result, largest(farthest)


@kernel
def _compare(squares: Squares, at: np.uintp, stride: np.uintp) -> Register:
    nearest, dy, last = load(squares, at), np.uintp(1), np.uintp(FARTHEST_COMPARED)
    above, below = at - stride, at + stride
    # Pixels farther away than the largest distance so far change nothing.
    while any_above(nearest, filled(np.uint16(dy * dy))) and dy <= last:
        for _ in range(_AT_ONCE):
            square = filled(np.uint16(dy * dy))
            nearest = least(nearest, add(least(load(squares, above), load(squares, below)), square))
            above, below, dy = above - stride, below + stride, dy + np.uintp(1)
    return nearest


@kernel
def _redo_far_columns(
    row: Ints, start: Ints, stop: Ints, top: int, left: int, result: npt.NDArray[np.int32]
) -> None:
    """Set the columns that have a pixel which is farther away than what is compared."""
    steps = np.zeros(result.shape, np.int32)
    for i in range(row.size):
        line, length = steps[row[i] - top, start[i] - left :], stop[i] - start[i]
        for x in range(length):
            line[x] = min(x + 1, length - x)
    exact = np.empty(result.shape[0], np.int64)
    for x in range(result.shape[1]):
        if result[:, x].max() > FARTHEST_COMPARED**2:
            _lower_envelope(steps[:, x].astype(np.int64), exact)
            result[:, x] = exact


@kernel
def _lower_envelope(line: Ints, result: Ints) -> None:
    """The column of squared distances that follows from the distances along the rows."""
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
