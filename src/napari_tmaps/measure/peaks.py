"""Pixels that nothing nearby exceeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel

Mask = npt.NDArray[np.bool_]


@kernel
def _check(hills: npt.NDArray[np.float64], peaks: Mask, half_widths: npt.NDArray[np.int64]) -> None:
    """Drop the pixels from `peaks` that something in the disc around them exceeds."""
    height, width = hills.shape
    radius = half_widths.size - 1
    for y in range(height):
        for x in range(width):
            if not peaks[y, x]:
                continue
            value = hills[y, x]
            for row in range(max(0, y - radius), min(height, y + radius + 1)):
                half = half_widths[abs(row - y)]
                for column in range(max(0, x - half), min(width, x + half + 1)):
                    if hills[row, column] > value:
                        peaks[y, x] = False
                        break
                if not peaks[y, x]:
                    break


def disc_peaks(hills: npt.NDArray[Any], mask: Mask, radius: int) -> Mask:
    """Pixels of a mask that are as high as any within a distance.

    The square inside the disc is asked first, in time that does not grow with it; the disc itself
    only for the few pixels that are left.

    Parameters
    ----------
    hills
        Heights (y, x).
    mask
        Pixels that may be peaks; the others count as heights too.
    radius
        In pixels; a pixel at just this distance counts. Outside the image there is nothing.
    """
    from scipy import ndimage

    inside = 2 * int(radius / np.sqrt(2)) + 1
    peaks: Mask = mask & (hills == ndimage.maximum_filter(hills, inside, mode="nearest"))
    rows = np.arange(radius + 1)
    half_widths = np.sqrt(radius**2 - rows**2 + 1e-9).astype(np.int64)
    _check(np.ascontiguousarray(hills, dtype=np.float64), peaks, half_widths)
    return peaks
