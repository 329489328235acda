"""Moments of the intensities of objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import AHEAD, Boxes, Floats, Runs, ask_for_run
from napari_tmaps.measure.separable import padded


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
    """Centre and central moments of the intensities of objects, to order 3.

    Sums are whole numbers, exact in 64 bit floats as long as they are below 2⁵³.
    """
    count = runs.labels.size
    centre_y, centre_x = np.full(count, np.nan), np.full(count, np.nan)
    central = np.zeros((count, 4, 4), np.float64)
    for k in range(count):
        top, left = boxes.top[k], boxes.left[k]
        height, width = boxes.bottom[k] - top, boxes.right[k] - left
        # About the middle of the box: whole numbers, which stay exact, and close to the centre.
        middle_y, middle_x = height // 2, width // 2
        sums = _sums_of_columns(runs, k, top, left, height, width, image)
        # Of y^p × x^q. Ten sums in turn, of which none waits for the one before.
        s00, s10, s20, s30, s01, s11, s21, s02, s12, s03 = (0.0,) * 10
        for i in range(np.uintp(width)):
            x = float(np.int64(i) - middle_x)
            once, twice, thrice = sums[0, i] * x, sums[1, i] * x, sums[2, i] * x
            s00 += sums[0, i]
            s10 += sums[1, i]
            s20 += sums[2, i]
            s30 += sums[3, i]
            s01 += once
            s11 += twice
            s21 += thrice
            s02 += once * x
            s12 += twice * x
            s03 += once * x * x
        if s00 == 0:
            continue
        y, x = s10 / s00, s01 / s00
        of = central[k]
        of[0, 0] = s00
        of[2, 0] = s20 - y * s10
        of[1, 1] = s11 - y * s01
        of[0, 2] = s02 - x * s01
        of[3, 0] = s30 - 3 * y * s20 + 2 * y * y * s10
        of[2, 1] = s21 - 2 * y * s11 - x * s20 + 2 * y * y * s01
        of[1, 2] = s12 - 2 * x * s11 - y * s02 + 2 * x * x * s10
        of[0, 3] = s03 - 3 * x * s02 + 2 * x * x * s01
        centre_y[k], centre_x[k] = top + middle_y + y, left + middle_x + x
    return WeightedMoments(centre_y, centre_x, central)


@kernel
def _sums_of_columns(
    runs: Runs, k: int, top: int, left: int, height: int, width: int, image: npt.NDArray[Any]
) -> Floats:
    """Sums of intensity × y^p for p up to 3 of each column, y from the middle of the box.

    Eight rows at a time add up in whole numbers of 32 bits, of which vector registers hold most,
    and by additions alone, after Hatamian, "A real-time two-dimensional moment generating
    algorithm and its single chip implementation" (1986): of the rows j = 1 … 8, from the last one
    up, the sums so far add up to the sum of j × intensity, those again to that of j (j + 1) / 2 ×
    intensity, and those to that of j (j + 1) (j + 2) / 6 × intensity.
    """
    stride = np.uintp(padded(width))
    lines = (height + 7) // 8
    crop = np.zeros(np.uintp(8 * lines) * stride, image.dtype)
    for i in range(runs.first[k], runs.first[k + 1]):
        ask_for_run(runs, i + AHEAD, image)
        y, begin = np.uintp(runs.row[i]), np.uintp(runs.start[i])
        to = np.uintp(runs.row[i] - top) * stride + np.uintp(runs.start[i] - left)
        for x in range(np.uintp(runs.stop[i]) - begin):
            crop[to + x] = image[y, begin + x]
    sums, partial = np.zeros((4, stride), np.float64), np.empty((4, stride), np.int32)
    zero, first, second, third = partial[0], partial[1], partial[2], partial[3]
    for line in range(lines):
        # Of the row before the first of the eight, from which they count 1 … 8.
        above = float(8 * line - 1 - height // 2)
        square, cube = above * above, above * above * above
        a = np.uintp(8 * line) * stride
        b, c, d = a + stride, a + stride * np.uintp(2), a + stride * np.uintp(3)
        e, f, g = a + stride * np.uintp(4), a + stride * np.uintp(5), a + stride * np.uintp(6)
        h = a + stride * np.uintp(7)
        for x in range(stride):
            once = np.int32(crop[h + x])
            twice, thrice, all_ = once, once, once
            for at in (g, f, e, d, c, b, a):
                once = np.int32(once + np.int32(crop[at + x]))
                twice = np.int32(twice + once)
                thrice = np.int32(thrice + twice)
                all_ = np.int32(all_ + thrice)
            zero[x], first[x], second[x], third[x] = once, twice, thrice, all_
        for x in range(stride):
            # Sums of j, j² and j³ from those of the binomials.
            one, two = np.float64(first[x]), 2.0 * np.float64(second[x]) - np.float64(first[x])
            three = 6.0 * np.float64(third[x]) - 3.0 * two - 2.0 * one
            sums[0, x] += np.float64(zero[x])
            sums[1, x] += above * np.float64(zero[x]) + one
            sums[2, x] += square * np.float64(zero[x]) + 2.0 * above * one + two
            sums[3, x] += cube * np.float64(zero[x]) + 3.0 * (square * one + above * two) + three
    return sums


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
