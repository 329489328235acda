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
