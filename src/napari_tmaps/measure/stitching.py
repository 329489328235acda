"""Where an image lies against its neighbour, by the strip that both show.

The strip is cut into pieces along its length, for there may be something to see in few of them.
Each piece proposes an offset (see `registration`); the one at which the whole strips agree best is
followed to the peak of their correlation, and between pixels by a paraboloid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.registration import Floats32, Shift, binned, correlation, find_shift
from napari_tmaps.model.stitching import SMALLEST_OVERLAP

_BIN = 2  # the noise of single pixels shall not count
_PIECE = 512
_CLIMBS = 20  # steps of a pixel from where a piece says

Offset = tuple[int, int]


def find_offset(
    one: npt.NDArray[Any], other: npt.NDArray[Any], expected: tuple[float, float]
) -> Shift:
    """Where `other` begins, seen from the first pixel of `one`.

    Parameters
    ----------
    one, other
        Shape (y, x), of any size and type of number.
    expected
        Where the stage says that it begins, pixels y, x.

    Returns
    -------
    Shift
        y and x are the offset. Quality is the correlation of what both show there, without their
        slow changes of brightness; 0 where nothing can be compared: hardly an overlap, or less
        than half of the one that was expected.
    """
    start = (round(expected[0]), round(expected[1]))
    strips = _strips(one, other, start)
    least = max(SMALLEST_OVERLAP, min(strips[0].shape) / 2)
    offsets = {start} | {(start[0] + y, start[1] + x) for y, x in _proposals(*strips)}
    found = {}
    for offset in sorted(offsets):
        strips = _strips(one, other, offset)
        if min(strips[0].shape) >= least:
            a, b = (binned(_levelled(strip), _BIN) for strip in strips)
            found[offset] = correlation(a, b, (0, 0))
    if not found or max(found.values()) <= 0:
        return Shift(*expected, 0.0)
    best = max(found, key=found.__getitem__)
    offset, (y, x) = _climb(one, other, best)
    strips = _strips(one, other, offset)
    if min(strips[0].shape) < least:
        return Shift(*expected, 0.0)
    a, b = (binned(_levelled(strip), _BIN) for strip in strips)
    return Shift(offset[0] + y, offset[1] + x, correlation(a, b, (0, 0)))


def _proposals(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> set[Offset]:
    """Shifts of the second strip onto the first, as each piece of them sees it."""
    if min(one.shape) < SMALLEST_OVERLAP:
        return set()
    axis = int(one.shape[1] > one.shape[0])
    number = -(-one.shape[axis] // _PIECE)
    pieces = (np.array_split(_levelled(strip), number, axis) for strip in (one, other))
    shifts = [find_shift(a, b) for a, b in zip(*pieces, strict=True)]
    return {(round(shift.y), round(shift.x)) for shift in shifts}


def _climb(
    one: npt.NDArray[Any], other: npt.NDArray[Any], offset: Offset
) -> tuple[Offset, tuple[float, float]]:
    """The next peak of the correlation, and where it is between the pixels."""
    around = np.zeros((3, 3))
    for _ in range(_CLIMBS):
        a, b = map(_levelled, _strips(one, other, offset))
        around = np.array([[correlation(a, b, (y, x)) for x in (-1, 0, 1)] for y in (-1, 0, 1)])
        y, x = (int(at) - 1 for at in np.unravel_index(int(np.argmax(around)), (3, 3)))
        if (y, x) == (0, 0):
            break
        offset = (offset[0] + y, offset[1] + x)
    rows, columns = around.mean(axis=1), around.mean(axis=0)
    slope = np.array([rows[2] - rows[0], columns[2] - columns[0]]) / 2
    cross = (around[0, 0] + around[2, 2] - around[0, 2] - around[2, 0]) / 4
    bend = np.array([[np.diff(rows, 2)[0], cross], [cross, np.diff(columns, 2)[0]]])
    if np.linalg.det(bend) <= 0 or bend[0, 0] >= 0:
        return offset, (0.0, 0.0)
    y, x = np.clip(-np.linalg.solve(bend, slope), -1, 1)
    return offset, (float(y), float(x))


def _strips(
    one: npt.NDArray[Any], other: npt.NDArray[Any], offset: Offset
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What both images show if the second begins at the offset, as views."""
    first, second = [], []
    for at, length, width in zip(offset, one.shape, other.shape, strict=True):
        start, stop = max(at, 0), min(length, at + width)
        first.append(slice(start, max(start, stop)))
        second.append(slice(start - at, max(start, stop) - at))
    return one[tuple(first)], other[tuple(second)]


def _levelled(strip: npt.NDArray[Any]) -> Floats32:
    """The strip without the parabolas that fit it: the lamp is not of the sample."""
    image = strip.astype(np.float32)
    rows, columns = (np.linalg.qr(np.vander(np.linspace(-1, 1, n), 3))[0] for n in image.shape)
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    levelled = np.asarray(image - rows @ (rows.T @ image @ columns) @ columns.T, np.float32)
    # What rounding leaves of an image without anything on it is the same everywhere.
    levelled[np.abs(levelled) <= 1e-5 * np.abs(image).max()] = 0
    return levelled
