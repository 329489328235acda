"""Moments of the intensities of objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Runs
from napari_tmaps.measure.separable import add_columns, padded


class WeightedMoments(NamedTuple):
    """Moments of the objects in an image.

    Attributes
    ----------
    y, x
        Centre of the intensities in pixels; NaN for an object that is black.
    central
        central[k, p, q] is the sum of intensity × (y' - y)^p × (x' - x)^q, for p + q up to 3.
    """

    y: Floats
    x: Floats
    central: Floats


@kernel
def weighted_moments(runs: Runs, boxes: Boxes, image: npt.NDArray[Any]) -> WeightedMoments:
    """Centre and central moments of the intensities of objects, to order 3."""
    count = runs.labels.size
    centre_y, centre_x = np.full(count, np.nan), np.full(count, np.nan)
    central = np.zeros((count, 4, 4), np.float64)
    for k in range(count):
        top, left = boxes.top[k], boxes.left[k]
        height, width = boxes.bottom[k] - top, boxes.right[k] - left
        # About the middle of the box: whole numbers, which stay exact, and close to the centre.
        middle_y, middle_x = height // 2, width // 2
        sums = np.zeros((4, padded(width)), np.float64)
        add_columns(runs, k, top, left, image, 0.0, powers(-middle_y, height, 1.0, 4), sums)
        along_x = powers(-middle_x, width, 1.0, 4)
        raw = np.zeros((4, 4), np.float64)
        for p in range(4):
            for q in range(4 - p):
                for x in range(np.uintp(width)):
                    raw[p, q] += sums[p, x] * along_x[q, x]
        if raw[0, 0] == 0:
            continue
        y, x = raw[1, 0] / raw[0, 0], raw[0, 1] / raw[0, 0]
        of = central[k]
        of[0, 0] = raw[0, 0]
        of[2, 0] = raw[2, 0] - y * raw[1, 0]
        of[1, 1] = raw[1, 1] - y * raw[0, 1]
        of[0, 2] = raw[0, 2] - x * raw[0, 1]
        of[3, 0] = raw[3, 0] - 3 * y * raw[2, 0] + 2 * y * y * raw[1, 0]
        of[2, 1] = raw[2, 1] - 2 * y * raw[1, 1] - x * raw[2, 0] + 2 * y * y * raw[0, 1]
        of[1, 2] = raw[1, 2] - 2 * x * raw[1, 1] - y * raw[0, 2] + 2 * x * x * raw[1, 0]
        of[0, 3] = raw[0, 3] - 3 * x * raw[0, 2] + 2 * x * x * raw[0, 1]
        centre_y[k], centre_x[k] = top + middle_y + y, left + middle_x + x
    return WeightedMoments(centre_y, centre_x, central)


@kernel
def powers(start: float, length: int, unit: float, number: int) -> Floats:
    """Powers 0, 1, … of the positions start, start + 1, … in a unit."""
    result = np.empty((number, length), np.float64)
    place = np.empty(length, np.float64)
    for i in range(length):
        place[i] = (start + i) / unit
        result[0, i] = 1.0
    for n in range(1, number):
        lower, line = result[n - 1], result[n]
        for i in range(length):
            line[i] = lower[i] * place[i]
    return result


def hu(central: Floats) -> Floats:
    """The seven moments of Hu, "Visual pattern recognition by moment invariants" (1962).

    Array (objects, 7) from the central moments (objects, p, q); NaN for an object that is black.
    """
    total = central[:, 0, 0]
    total = np.where(total > 0, total, np.nan)

    def scaled(p: int, q: int) -> Floats:
        nu: Floats = central[:, p, q] / total ** ((p + q) / 2 + 1)
        return nu

    a, b = scaled(2, 0) - scaled(0, 2), 2 * scaled(1, 1)
    c, d = scaled(3, 0) - 3 * scaled(1, 2), 3 * scaled(2, 1) - scaled(0, 3)
    e, f = scaled(3, 0) + scaled(1, 2), scaled(2, 1) + scaled(0, 3)
    g, h = e**2 - 3 * f**2, 3 * e**2 - f**2
    return np.stack(
        [
            scaled(2, 0) + scaled(0, 2),
            a**2 + b**2,
            c**2 + d**2,
            e**2 + f**2,
            c * e * g + d * f * h,
            a * (e**2 - f**2) + 2 * b * e * f,
            d * e * g - c * f * h,
        ],
        axis=1,
    )
