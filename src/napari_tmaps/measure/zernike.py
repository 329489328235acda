"""Zernike moments: how mass is spread over the circle around an object.

A Zernike polynomial is a sum of products of powers of y and x. So all moments follow from the
sums of those products over the object. They are taken about the pixel in the middle of its box:
powers of whole numbers, and their sums along rows, are alike for all objects, which look them up.
Moving the sums to the centre of the circle then is a short sum over them, for many objects at once.
It loses no digits: along each axis a pixel is never farther from the middle than the radius less
the way from the middle to the centre.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import fused_kernel, kernel
from napari_tmaps.measure.hull import Circles
from napari_tmaps.measure.lanes import LANES, add_4, add_8, add_16, subtract
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs
from napari_tmaps.measure.separable import add_columns, padded
from napari_tmaps.measure.weighted import powers

DEGREE = 12
_TOGETHER = (
    248  # objects whose moments fit the cache; no power of 2, whose lines exclude each other
)


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


class _Powers(NamedTuple):
    """Powers of the whole numbers from -reach to reach, in rows of `LANES`.

    Attributes
    ----------
    reach
        The largest number.
    of
        of[reach + t, q] is t^q.
    until
        until[reach + t, q] is the sum of s^q for s from 0 to t - 1; that from t to -1, with the
        other sign, for negative t.
    """

    reach: int
    of: Floats
    until: Floats


@kernel
def zernike_of_shape(runs: Runs, boxes: Boxes, circles: Circles, terms: Polynomials) -> Floats:
    """Magnitudes of the Zernike moments of the objects' shapes, (objects, polynomials).

    |sum of the polynomial over the pixels of the object| / area of the circle, as in
    CellProfiler. The polynomials are laid into the smallest circle around the pixel centres. NaN
    for a single pixel. No pixel is looked at: the sums of a run are differences of known ones.
    """
    count = runs.labels.size
    result = np.full((count, len(ORDERS)), np.nan)
    known = _powers(boxes)
    moments = np.empty((DEGREE + 1, DEGREE + 1, _TOGETHER), np.float64)
    for begin in range(0, count, _TOGETHER):
        end = min(begin + _TOGETHER, count)
        for k in range(begin, end):
            sums = _sums_over_runs(runs, boxes, k, known)
            _put(sums, circles.radius[k], moments, k - begin)
        magnitudes = _magnitudes(moments, boxes, circles, begin, end, terms)
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
    known = _powers(boxes)
    moments = np.empty((DEGREE + 1, DEGREE + 1, _TOGETHER), np.float64)
    for begin in range(0, count, _TOGETHER):
        end = min(begin + _TOGETHER, count)
        for k in range(begin, end):
            top, left = boxes.top[k], boxes.left[k]
            height, width = boxes.bottom[k] - top, boxes.right[k] - left
            along_y = powers(-(height // 2), height, 1.0, DEGREE + 1)
            columns = np.zeros((DEGREE + 1, padded(width)), np.float64)
            add_columns(runs, k, top, left, image, 0.0, along_y, columns)
            sums = _sums_over_columns(columns.T, width, known)
            _put(sums, circles.radius[k], moments, k - begin)
        magnitudes = _magnitudes(moments, boxes, circles, begin, end, terms)
        for k in range(begin, end):
            if circles.radius[k] > 0:
                area = 0
                for i in range(runs.first[k], runs.first[k + 1]):
                    area += runs.stop[i] - runs.start[i]
                result[k] = magnitudes[:, k - begin] / area
    return result


@kernel
def _powers(boxes: Boxes) -> _Powers:
    """Powers as far as the objects need them."""
    reach = 1
    for k in range(boxes.top.size):
        reach = max(reach, boxes.bottom[k] - boxes.top[k], boxes.right[k] - boxes.left[k])
    reach = reach // 2 + 1
    of = np.ones((2 * reach + 1, LANES), np.float64)
    until = np.zeros((2 * reach + 1, LANES), np.float64)
    for t in range(-reach, reach + 1):
        for q in range(1, LANES):
            of[reach + t, q] = of[reach + t, q - 1] * t
    for t in range(1, reach + 1):
        for q in range(LANES):
            until[reach + t, q] = until[reach + t - 1, q] + of[reach + t - 1, q]
            until[reach - t, q] = until[reach - t + 1, q] - of[reach - t, q]
    return _Powers(reach, of, until)


@kernel
def _sums_over_runs(runs: Runs, boxes: Boxes, k: int, known: _Powers) -> Floats:
    """Sums of y^p × x^q over the pixels of an object about its middle, p + q up to `DEGREE`."""
    moments, across = np.zeros((DEGREE + 1, LANES), np.float64), np.empty((1, LANES), np.float64)
    to_y = known.reach - _middle(boxes.top[k], boxes.bottom[k])
    to_x = known.reach - _middle(boxes.left[k], boxes.right[k])
    for i in range(runs.first[k], runs.first[k + 1]):
        subtract(across, known.until, np.uintp(runs.stop[i] + to_x), np.uintp(runs.start[i] + to_x))
        _add_products(known.of, np.uintp(runs.row[i] + to_y), across, np.uintp(0), moments)
    return moments


@kernel
def _sums_over_columns(columns: Floats, width: int, known: _Powers) -> Floats:
    """The same from the sums along y, (columns, powers of y)."""
    moments = np.zeros((DEGREE + 1, LANES), np.float64)
    to_x = known.reach - width // 2
    for x in range(width):
        _add_products(columns, np.uintp(x), known.of, np.uintp(x + to_x), moments)
    return moments


@kernel
def _add_products(
    factors: Floats, line: np.uintp, numbers: Floats, row: np.uintp, moments: Floats
) -> None:
    """Add factors[line, p] × numbers[row, q] to moments[p, q], for p + q up to `DEGREE`."""
    for p in range(np.uintp(5)):
        add_16(moments, p, factors[line, p], numbers, row)
    for p in range(np.uintp(5), np.uintp(9)):
        add_8(moments, p, factors[line, p], numbers, row)
    for p in range(np.uintp(9), np.uintp(DEGREE + 1)):
        add_4(moments, p, factors[line, p], numbers, row)


@kernel
def _middle(begin: int, end: int) -> int:
    return begin + (end - begin) // 2


@kernel
def _put(sums: Floats, radius: float, moments: Floats, place: int) -> None:
    """Lay the sums of an object, in radii of its circle, beside those of others."""
    scale = 1 / radius if radius > 0 else 1.0
    row = 1.0
    for p in range(DEGREE + 1):
        unit = row
        for q in range(DEGREE + 1 - p):
            moments[p, q, place] = sums[p, q] * unit
            unit *= scale
        row *= scale


@fused_kernel
def _magnitudes(
    moments: Floats, boxes: Boxes, circles: Circles, begin: int, end: int, terms: Polynomials
) -> Floats:
    """Of some objects at once, (polynomials, objects), from their moments (p, q, objects)."""
    count = end - begin
    off_y, off_x = np.zeros(count, np.float64), np.zeros(count, np.float64)
    for k in range(begin, end):
        if circles.radius[k] > 0:
            middle_y = _middle(boxes.top[k], boxes.bottom[k])
            middle_x = _middle(boxes.left[k], boxes.right[k])
            off_y[k - begin] = (middle_y - circles.y[k]) / circles.radius[k]
            off_x[k - begin] = (middle_x - circles.x[k]) / circles.radius[k]
    # Sums of (y + off)^p × x^q, then of (y + off)^p × (x + off)^q: binomials by Pascal's triangle.
    for other in range(DEGREE + 1):
        for step in range(1, DEGREE + 1 - other):
            for power in range(DEGREE - other, step - 1, -1):
                upper, lower = moments[power, other], moments[power - 1, other]
                for k in range(count):
                    upper[k] += off_y[k] * lower[k]
    for other in range(DEGREE + 1):
        for step in range(1, DEGREE + 1 - other):
            for power in range(DEGREE - other, step - 1, -1):
                upper, lower = moments[other, power], moments[other, power - 1]
                for k in range(count):
                    upper[k] += off_x[k] * lower[k]
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
