"""How much of an object's texture repeats at a given distance (Gabor)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Runs
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
        along_y = _waves(top - of.y[k], boxes.bottom[k] - top, sigma, wavelengths, table)
        along_x = _waves(left - of.x[k], boxes.right[k] - left, sigma, wavelengths, table)
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
        y = np.uintp(runs.row[i])
        area += runs.stop[i] - runs.start[i]
        for x in range(np.uintp(runs.start[i]), np.uintp(runs.stop[i])):
            total += np.int64(image[y, x])
    return float(total / area)


@kernel
def _table(length: int, wavelengths: Floats) -> Floats:
    """Cosine and sine of each wave at whole pixels; upright, then at 45 degrees."""
    table = np.empty((2 * wavelengths.size, 2, length), np.float64)
    for f in range(wavelengths.size):
        for slant in range(2):
            step = 2 * np.pi / wavelengths[f] * (np.sqrt(0.5) if slant else 1.0)
            for i in range(length):
                table[2 * f + slant, 0, i] = np.cos(step * i)
                table[2 * f + slant, 1, i] = np.sin(step * i)
    return table


@kernel
def _waves(start: float, length: int, sigma: float, wavelengths: Floats, table: Floats) -> Floats:
    """A Gaussian; then for each wavelength its cosine and sine, upright and at 45 degrees."""
    result = np.empty((1 + 4 * wavelengths.size, length), np.float64)
    envelope = result[0]
    for i in range(length):
        envelope[i] = np.exp(-0.5 * ((start + i) / sigma) ** 2)
    for f in range(wavelengths.size):
        for slant in range(2):
            phase = 2 * np.pi / wavelengths[f] * (np.sqrt(0.5) if slant else 1.0) * start
            a, b = np.cos(phase), np.sin(phase)
            cosine, sine = table[2 * f + slant, 0], table[2 * f + slant, 1]
            real, imaginary = result[4 * f + 2 * slant + 1], result[4 * f + 2 * slant + 2]
            for i in range(length):
                real[i] = envelope[i] * (a * cosine[i] - b * sine[i])
                imaginary[i] = envelope[i] * (a * sine[i] + b * cosine[i])
    return result


@kernel
def _largest(sums: Floats, along_x: Floats, u: np.uintp) -> float:
    """Largest modulus over the four directions; u is the first row of the wavelength."""
    down, across, rising, falling = 0j, 0j, 0j, 0j
    one, two, three = u + np.uintp(1), u + np.uintp(2), u + np.uintp(3)
    for x in range(np.uintp(along_x.shape[1])):
        y_wave = complex(sums[two, x], sums[three, x])
        x_wave = complex(along_x[two, x], along_x[three, x])
        down += along_x[0, x] * complex(sums[u, x], sums[one, x])
        across += sums[0, x] * complex(along_x[u, x], along_x[one, x])
        rising += y_wave * x_wave
        falling += y_wave.conjugate() * x_wave
    return float(max(max(abs(down), abs(across)), max(abs(rising), abs(falling))))
