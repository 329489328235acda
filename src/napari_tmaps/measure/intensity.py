"""Statistics of the intensities of objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs


class Intensities(NamedTuple):
    """One value an object; `std` is the population standard deviation."""

    minimum: Ints
    maximum: Ints
    total: Ints
    mean: Floats
    std: Floats


@kernel
def intensities(runs: Runs, image: npt.NDArray[Any]) -> Intensities:
    """Intensities of the objects in an image (y, x) of uint8 or uint16.

    Sums are exact. The deviation is taken from the rounded mean in whole numbers, which is exact
    too, however bright the object and however small its spread.
    """
    count = runs.labels.size
    minimum = np.empty(count, np.int64)
    maximum = np.empty(count, np.int64)
    total = np.empty(count, np.int64)
    mean = np.empty(count, np.float64)
    std = np.empty(count, np.float64)
    for k in range(count):
        low, high, sum_, area = np.int64(1 << 62), np.int64(-1), np.int64(0), np.int64(0)
        for i in range(runs.first[k], runs.first[k + 1]):
            piece = image[runs.row[i], runs.start[i] : runs.stop[i]]
            area += piece.size
            for x in range(piece.size):
                value = np.int64(piece[x])
                sum_ += value
                low = min(low, value)
                high = max(high, value)
        middle = (2 * sum_ + area) // (2 * area)
        off, squares = np.int64(0), np.int64(0)
        for i in range(runs.first[k], runs.first[k + 1]):
            piece = image[runs.row[i], runs.start[i] : runs.stop[i]]
            for x in range(piece.size):
                value = np.int64(piece[x]) - middle
                off += value
                squares += value * value
        minimum[k], maximum[k], total[k] = low, high, sum_
        mean[k] = sum_ / area
        std[k] = np.sqrt(max(0.0, (squares - off * (off / area)) / area))
    return Intensities(minimum, maximum, total, mean, std)
