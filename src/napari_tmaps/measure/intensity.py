"""Statistics of the intensities of objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs, gather, largest_area

_FITS = 65536  # pixels whose sum fits 32 bits


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
    pixels = np.empty(largest_area(runs), image.dtype)
    for k in range(count):
        area = gather(runs, k, image, pixels)
        low, high, sum_, squares = pixels[0], pixels[0], np.int64(0), np.int64(0)
        for x in range(np.uintp(area)):
            low = min(low, pixels[x])
            high = max(high, pixels[x])
        # Sums of so few pixels fit 32 bits, of which vector registers hold most; squares are summed
        # up as their lower and upper halves.
        for begin in range(0, area, _FITS):
            total_, lower, upper = np.uint32(0), np.uint32(0), np.uint32(0)
            for x in range(np.uintp(begin), np.uintp(min(begin + _FITS, area))):
                value = np.uint32(pixels[x])
                square = np.uint32(value * value)
                total_ = np.uint32(total_ + value)
                lower = np.uint32(lower + (square & np.uint32(65535)))
                upper = np.uint32(upper + (square >> np.uint32(16)))
            sum_ += np.int64(total_)
            squares += np.int64(lower) + (np.int64(upper) << 16)
        # Moved to the rounded mean; whole numbers that fit 64 bits in the end, even if not between.
        middle = (2 * sum_ + area) // (2 * area)
        off = sum_ - area * middle
        squares += middle * (area * middle - 2 * sum_)
        minimum[k], maximum[k], total[k] = low, high, sum_
        mean[k] = sum_ / area
        std[k] = np.sqrt(max(0.0, (squares - off * (off / area)) / area))
    return Intensities(minimum, maximum, total, mean, std)
