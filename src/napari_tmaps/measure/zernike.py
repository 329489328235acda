"""Zernike moments: how mass is spread over the circle around an object.

A Zernike polynomial is a sum of products of powers of y and x. So all moments follow from the
sums of those products over the object.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import fused_kernel, kernel
from napari_tmaps.measure.hull import Circles
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs
from napari_tmaps.measure.separable import add_columns, padded
from napari_tmaps.measure.weighted import powers

DEGREE = 12
_TOGETHER = (
    248  # objects whose moments fit the cache; no power of 2, whose lines exclude each other
)
_ROOM = 16  # for the powers 0 … DEGREE, a multiple of what vector registers hold


class Polynomials(NamedTuple):
    """Zernike polynomials as sums of terms factor × y^p × (i x)^q, i the imaginary unit.

    Attributes
    ----------
    of
        To which polynomial each term belongs.
    p, q, factor
        The terms; the sign of i^q is in the factor.
    """

    of: Ints
    p: Ints
    q: Ints
    factor: Floats


# (n, m) of each polynomial.
ORDERS = tuple((n, m) for n in range(DEGREE + 1) for m in range(n % 2, n + 1, 2))


@cache
def polynomials() -> Polynomials:
    """The polynomials of `ORDERS`."""
    factors = np.zeros((len(ORDERS), DEGREE + 1, DEGREE + 1))
    for i, (n, m) in enumerate(ORDERS):
        for s in range((n - m) // 2 + 1):
            radial = (-1) ** s * factorial(n - s) // factorial(s)
            radial //= factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s)
            # r^(n - 2 s) turned m times is (y² + x²)^j × (y + i x)^m.
            j = (n - m) // 2 - s
            for a in range(j + 1):
                for b in range(m + 1):
                    sign = (-1) ** (b // 2)
                    factors[i, 2 * (j - a) + m - b, 2 * a + b] += (
                        sign * radial * comb(j, a) * comb(m, b)
                    )
    of, p, q = np.nonzero(factors)
    return Polynomials(of, p, q, factors[of, p, q])


@kernel
def zernike_of_shape(runs: Runs, boxes: Boxes, circles: Circles, terms: Polynomials) -> Floats:
    """Magnitudes of the Zernike moments of the objects' shapes, (objects, polynomials).

    |sum of the polynomial over the pixels of the object| / area of the circle, as in
    CellProfiler. The polynomials are laid into the smallest circle around the pixel centres. NaN
    for a single pixel.
    """
    count = runs.labels.size
    result = np.full((count, len(ORDERS)), np.nan)
    for begin in range(0, count, _TOGETHER):
        end = min(begin + _TOGETHER, count)
        moments = np.zeros((DEGREE + 1, DEGREE + 1, end - begin), np.float64)
        for k in range(begin, end):
            if circles.radius[k] > 0:
                along_y, along_x = _powers(boxes, circles, k)
                sums = _sums_over_runs(runs, boxes, k, along_y, along_x)
                moments[:, :, k - begin] = sums[:, : DEGREE + 1]
        magnitudes = _magnitudes(moments, terms)
        for k in range(begin, end):
            if circles.radius[k] > 0:
                result[k] = magnitudes[:, k - begin] / (np.pi * circles.radius[k] ** 2)
    return result


@kernel
def zernike_of_stain(
    runs: Runs, boxes: Boxes, circles: Circles, image: npt.NDArray[Any], terms: Polynomials
) -> Floats:
    """The same of the intensities of the objects, divided by the objects' area."""
    count = runs.labels.size
    result = np.full((count, len(ORDERS)), np.nan)
    for begin in range(0, count, _TOGETHER):
        end = min(begin + _TOGETHER, count)
        moments = np.zeros((DEGREE + 1, DEGREE + 1, end - begin), np.float64)
        for k in range(begin, end):
            if circles.radius[k] > 0:
                along_y, along_x = _powers(boxes, circles, k)
                columns = np.zeros((along_x.shape[0], padded(along_x.shape[1])), np.float64)
                add_columns(runs, k, boxes.top[k], boxes.left[k], image, 0.0, along_y, columns)
                sums = _sums_over_columns(columns, along_x)
                moments[:, :, k - begin] = sums[:, : DEGREE + 1]
        magnitudes = _magnitudes(moments, terms)
        for k in range(begin, end):
            if circles.radius[k] > 0:
                area = 0
                for i in range(runs.first[k], runs.first[k + 1]):
                    area += runs.stop[i] - runs.start[i]
                result[k] = magnitudes[:, k - begin] / area
    return result


@kernel
def _powers(boxes: Boxes, circles: Circles, k: int) -> tuple[Floats, Floats]:
    top, left, radius = boxes.top[k], boxes.left[k], circles.radius[k]
    return (
        powers(top - circles.y[k], boxes.bottom[k] - top, radius, DEGREE + 1),
        powers(left - circles.x[k], boxes.right[k] - left, radius, DEGREE + 1),
    )


@fused_kernel
def _sums_over_runs(runs: Runs, boxes: Boxes, k: int, along_y: Floats, along_x: Floats) -> Floats:
    """Sum of y^p × x^q over the pixels of an object; a run is the difference of two sums."""
    until = np.zeros((along_x.shape[1] + 1, _ROOM), np.float64)
    for x in range(np.uintp(along_x.shape[1])):
        for q in range(np.uintp(DEGREE + 1)):
            until[x + np.uintp(1), q] = until[x, q] + along_x[q, x]
    moments = np.zeros((DEGREE + 1, _ROOM), np.float64)
    across = np.zeros((4, _ROOM), np.float64)
    top, left = boxes.top[k], boxes.left[k]
    last, lowest = runs.first[k + 1], np.uintp(along_y.shape[1] - 1)
    i = runs.first[k]
    while i < last:
        # Four rows at a time, so that moments are read and written a quarter as often.
        y = runs.row[i]
        across[:] = 0
        while i < last and runs.row[i] < y + 4:
            row = np.uintp(runs.row[i] - y)
            begin, end = np.uintp(runs.start[i] - left), np.uintp(runs.stop[i] - left)
            for q in range(np.uintp(_ROOM)):
                across[row, q] += until[end, q] - until[begin, q]
            i += 1
        one = np.uintp(y - top)
        two, three = min(one + np.uintp(1), lowest), min(one + np.uintp(2), lowest)
        four = min(one + np.uintp(3), lowest)
        for p in range(np.uintp(DEGREE + 1)):
            a, b, c, d = along_y[p, one], along_y[p, two], along_y[p, three], along_y[p, four]
            for q in range(np.uintp(_ROOM)):
                moments[p, q] += (a * across[0, q] + b * across[1, q]) + (
                    c * across[2, q] + d * across[3, q]
                )
    return moments


@fused_kernel
def _sums_over_columns(sums: Floats, along_x: Floats) -> Floats:
    """The same from the sums along y of each column, which are `padded`."""
    by_column = np.zeros((sums.shape[1], _ROOM), np.float64)
    for x in range(np.uintp(along_x.shape[1])):
        for q in range(np.uintp(DEGREE + 1)):
            by_column[x, q] = along_x[q, x]
    moments = np.zeros((DEGREE + 1, _ROOM), np.float64)
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    for x in range(np.uintp(0), np.uintp(sums.shape[1]), np.uintp(4)):
        for p in range(np.uintp(DEGREE + 1)):
            a, b, c, d = sums[p, x], sums[p, x + one], sums[p, x + two], sums[p, x + three]
            for q in range(np.uintp(_ROOM)):
                moments[p, q] += (a * by_column[x, q] + b * by_column[x + one, q]) + (
                    c * by_column[x + two, q] + d * by_column[x + three, q]
                )
    return moments


@fused_kernel
def _magnitudes(moments: Floats, terms: Polynomials) -> Floats:
    """Of some objects at once, (polynomials, objects), from their moments (p, q, objects)."""
    count = moments.shape[2]
    real, imaginary = np.zeros((len(ORDERS), count)), np.zeros((len(ORDERS), count))
    for t in range(terms.of.size):
        p, q = terms.p[t], terms.q[t]
        line = imaginary[terms.of[t]] if q & 1 else real[terms.of[t]]
        sums, factor = moments[p, q], terms.factor[t]
        for k in range(count):
            line[k] += factor * sums[k]
    for i in range(len(ORDERS)):
        for k in range(count):
            real[i, k] = np.sqrt(real[i, k] ** 2 + imaginary[i, k] ** 2)
    return real
