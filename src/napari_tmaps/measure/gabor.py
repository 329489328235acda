"""How much of an object's texture repeats at a given distance (Gabor)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import fused_kernel, kernel
from napari_tmaps.measure.runs import AHEAD, Boxes, Floats, Runs, ask_for_run
from napari_tmaps.measure.separable import add_columns, padded
from napari_tmaps.measure.shape import Moments


@kernel
def gabor(
    runs: Runs, boxes: Boxes, of: Moments, image: npt.NDArray[Any], wavelengths: Floats
) -> Floats:
    """Response of each object to one wave of each length (pixels), laid over its centroid.

    The definition of CellProfiler's MeasureTexture: waves along 0, 45, 90 and 135° under a
    Gaussian of sigma = √(area / π) / 3 and weight 1000 / (2π sigma²). Over the pixels of the object
    the mean of the filter and that of the intensities are taken off; where one of them is, the
    other changes nothing. The response is the modulus of the sum of their product, the largest of
    the four directions.

    Returns an array (objects, wavelengths).
    """
    count = runs.labels.size
    result = np.zeros((count, wavelengths.size), np.float64)
    longest = 1
    for k in range(count):
        longest = max(longest, boxes.bottom[k] - boxes.top[k], boxes.right[k] - boxes.left[k])
    table = _table(longest, wavelengths)
    for k in range(count):
        top, left = boxes.top[k], boxes.left[k]
        sigma = np.sqrt(of.area[k] / np.pi) / 3
        along_y = _waves(top - of.y[k], boxes.bottom[k] - top, sigma, table)
        along_x = _waves(left - of.x[k], boxes.right[k] - left, sigma, table)
        stain = np.zeros((along_x.shape[0], padded(along_x.shape[1])), np.float64)
        add_columns(runs, k, top, left, image, _mean(runs, k, image), along_y, stain)
        for f in range(wavelengths.size):
            result[k, f] = (
                1000 / (2 * np.pi * sigma**2) * _largest(stain, along_x, np.uintp(1 + 4 * f))
            )
    return result


@kernel
def _mean(runs: Runs, k: int, image: npt.NDArray[Any]) -> float:
    area, total = np.int64(0), np.int64(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        ask_for_run(runs, i + AHEAD, image)
        y, begin = np.uintp(runs.row[i]), np.uintp(runs.start[i])
        # 16 bits each, of which 65536 fit 32 bits: vector registers hold more of those.
        length, sum_ = np.uintp(runs.stop[i]) - begin, np.uint32(0)
        for x in range(length):
            sum_ = np.uint32(sum_ + np.uint32(image[y, begin + x]))
        area += np.int64(length)
        total += np.int64(sum_)
    return float(total / area)


@kernel
def _table(length: int, wavelengths: Floats) -> Floats:
    """Cosine and sine of each wave at whole pixels: upright, then at 45 degrees."""
    table = np.empty((4 * wavelengths.size, length), np.float64)
    for f in range(wavelengths.size):
        for slant in range(2):
            step = 2 * np.pi / wavelengths[f] * (np.sqrt(0.5) if slant else 1.0)
            for i in range(length):
                table[4 * f + 2 * slant, i] = np.cos(step * i)
                table[4 * f + 2 * slant + 1, i] = np.sin(step * i)
    return table


@kernel
def _waves(start: float, length: int, sigma: float, table: Floats) -> Floats:
    """A Gaussian from a distance on to its middle; then the waves under it.

    All waves begin at the first pixel: where they begin turns the sum of a product, and leaves its
    modulus.
    """
    result = np.empty((1 + table.shape[0], length), np.float64)
    for i in range(length):
        result[0, i] = np.exp(-0.5 * ((start + i) / sigma) ** 2)
    for w in range(np.uintp(table.shape[0])):
        for i in range(np.uintp(length)):
            result[w + np.uintp(1), i] = result[0, i] * table[w, i]
    return result


@fused_kernel
def _largest(sums: Floats, along_x: Floats, u: np.uintp) -> float:
    """Largest modulus over the four directions; u is the first row of the wavelength."""
    one, two, three = u + np.uintp(1), u + np.uintp(2), u + np.uintp(3)
    down_a, down_b, across_a, across_b = 0.0, 0.0, 0.0, 0.0
    aa, bb, ab, ba = 0.0, 0.0, 0.0, 0.0
    for x in range(np.uintp(along_x.shape[1])):
        down_a += along_x[0, x] * sums[u, x]
        down_b += along_x[0, x] * sums[one, x]
        across_a += sums[0, x] * along_x[u, x]
        across_b += sums[0, x] * along_x[one, x]
        aa += sums[two, x] * along_x[two, x]
        bb += sums[three, x] * along_x[three, x]
        ab += sums[two, x] * along_x[three, x]
        ba += sums[three, x] * along_x[two, x]
    # The slanted ones: (a + i b) × (a + i b), and the first of them mirrored.
    upright = max(np.hypot(down_a, down_b), np.hypot(across_a, across_b))
    return float(max(upright, max(np.hypot(aa - bb, ab + ba), np.hypot(aa + bb, ab - ba))))
