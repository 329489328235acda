"""Where an image lies against its neighbour, by the strip that both show."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.registration import Floats32, Shift, binned, correlation, find_shift
from napari_tmaps.model.stitching import SMALLEST_OVERLAP

_BIN = 2  # the noise of single pixels shall not count


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
    start = at = (round(expected[0]), round(expected[1]))
    y, x = expected
    wanted = min(_strips(one, other, start)[0].shape)
    # Once more on all that overlaps indeed, since both strips fade out towards their borders.
    for _ in range(2):
        strips = _strips(one, other, at)
        if min(strips[0].shape) < max(SMALLEST_OVERLAP, wanted / 2):
            return Shift(*expected, 0.0)
        found = find_shift(*map(_levelled, strips))
        y, x = at[0] + found.y, at[1] + found.x
        at = (round(y), round(x))
    strips = _strips(one, other, at)
    if min(strips[0].shape) < max(SMALLEST_OVERLAP, wanted / 2):
        return Shift(*expected, 0.0)
    a, b = (binned(_levelled(strip), _BIN) for strip in strips)
    return Shift(y, x, correlation(a, b, (0, 0)))


def _strips(
    one: npt.NDArray[Any], other: npt.NDArray[Any], offset: tuple[int, int]
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
