"""Exact Euclidean distance to the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints

# Where the nearest 0 is farther than this, the envelope of parabolas is faster than comparing, and
# squares do not fit 16 bits any more.
_FARTHEST_COMPARED = 128
_FAR = 200  # farther than what is compared; the sum of their squares fits 16 bits
_PAD = 160  # more than what is compared, whole registers
_LANES, _COMPARED = 32, 64  # pixels whose steps are counted, and that are compared, at once
_TOGETHER = 2048  # pixels that stay in the fastest cache
_LONGEST = 65535  # distance along a column; only images of more than twice as many rows have more

Steps = npt.NDArray[np.uint16]


@kernel
def squared_distances(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Squared distance of each pixel to the nearest 0, in whole pixels, exact.

    The outermost pixels of the mask (y, x) must be 0. Distances along the columns come first; then
    each pixel compares those of the pixels in its row. Where they are long, the row is done
    after Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms
    in linear time" (2000).
    """
    height, width = mask.shape
    columns = _along_columns(mask)
    result = np.empty((height, width), np.int32)
    # Some rows at a time, as one line. Beyond the end of a row comes the next one, which changes
    # nothing: the 0 at the end of the row is nearer. A frame of far values saves further tests.
    rows = max(1, _TOGETHER // max(1, width))
    pad = np.uintp(_PAD)
    squares = np.full(rows * width + 2 * _PAD + _COMPARED, np.uint16(_FAR * _FAR))
    best = np.zeros(rows * width + _COMPARED, np.uint16)
    exact = np.empty(width, np.int64)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        steps, line = columns[top:bottom].reshape(-1), result[top:bottom].reshape(-1)
        size = np.uintp(steps.size)
        for x in range(size):
            step = np.uint16(min(steps[x], np.uint16(_FAR)))
            square = np.uint16(step * step)
            squares[x + pad] = square
            best[x] = square
        for begin in range(np.uintp(0), size, np.uintp(_COMPARED)):
            _compare(squares, np.uintp(begin), best)
        for x in range(size):
            line[x] = best[x]
        # No column of less height has a pixel that is so far from both of its ends.
        for y in range(top, bottom if height > 2 * _FARTHEST_COMPARED else top):
            if columns[y].max() > _FARTHEST_COMPARED:
                _lower_envelope(columns[y].astype(np.int64), exact)
                result[y] = exact
    return result


@kernel
def _along_columns(mask: npt.NDArray[np.uint8]) -> Steps:
    """Steps from each pixel to the nearest 0 in its column."""
    height, width = np.uintp(mask.shape[0]), np.uintp(mask.shape[1])
    steps = np.zeros(mask.shape, np.uint16)
    one, longest, lanes = np.uintp(1), np.uint16(_LONGEST - 1), np.uintp(_LANES)
    # As many pixels at a time as registers hold; the last ones of a row twice, which changes
    # nothing. Only narrow images have fewer.
    pieces = (width + lanes - one) // lanes
    for y in range(one, height):
        for piece in range(pieces):
            begin = min(piece * lanes, max(width, lanes) - lanes)
            for x in range(begin, min(begin + lanes, width)):
                step = np.uint16(min(steps[y - one, x], longest) + np.uint16(1))
                steps[y, x] = step if mask[y, x] else np.uint16(0)
    for y in range(mask.shape[0] - 2, -1, -1):
        here, below = np.uintp(y), np.uintp(y + 1)
        for piece in range(pieces):
            begin = min(piece * lanes, max(width, lanes) - lanes)
            for x in range(begin, min(begin + lanes, width)):
                step = np.uint16(min(steps[below, x], longest) + np.uint16(1))
                steps[here, x] = min(steps[here, x], step)
    return steps


@kernel
def _compare(squares: Steps, begin: np.uintp, best: Steps) -> None:
    """Compare some pixels of a line, from `begin` on, with those to the left and right."""
    end, next_ = begin + np.uintp(_COMPARED), np.uintp(1)
    dx, last, worst = np.uintp(1), np.uintp(_FARTHEST_COMPARED), np.uint16(_FAR)
    # Pixels farther away than the worst distance so far change nothing.
    while dx * dx < worst and dx <= last:
        one, two = np.uint16(dx * dx), np.uint16((dx + np.uintp(1)) ** 2)
        three, four = np.uint16((dx + np.uintp(2)) ** 2), np.uint16((dx + np.uintp(3)) ** 2)
        worst = np.uint16(0)
        for x in range(begin, end):
            left, right = x + np.uintp(_PAD) - dx, x + np.uintp(_PAD) + dx
            a = np.uint16(min(squares[left], squares[right]) + one)
            left, right = left - next_, right + next_
            b = np.uint16(min(squares[left], squares[right]) + two)
            left, right = left - next_, right + next_
            c = np.uint16(min(squares[left], squares[right]) + three)
            left, right = left - next_, right + next_
            d = np.uint16(min(squares[left], squares[right]) + four)
            nearest = min(min(best[x], a), min(b, min(c, d)))
            best[x] = nearest
            worst = max(worst, nearest)
        dx += np.uintp(4)


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
