"""Size and shape of objects: moments, outline, hull and radii."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.distance import (
    FARTHEST_COMPARED,
    Squares,
    compare_columns,
    distances_of_runs,
    squares_along_rows,
)
from napari_tmaps.measure.hull import Hulls, lines_of
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, areas, paint

_FITS = 224  # pixels whose number fits 8 bits, whole registers


class Moments(NamedTuple):
    """Area, centroid (pixels) and the variances of the pixel positions (square pixels)."""

    area: Ints
    y: Floats
    x: Floats
    var_y: Floats
    var_x: Floats
    cov: Floats


class Axes(NamedTuple):
    """Full axes of the ellipse with the same second moments, and its eccentricity."""

    major: Floats
    minor: Floats
    eccentricity: Floats


class Outline(NamedTuple):
    """Length of the outline, and the number of pixels that lie on it."""

    perimeter: Floats
    pixels: Ints


class Radii(NamedTuple):
    """Largest and mean distance of an object's pixels to whatever is not the object."""

    maximum: Floats
    mean: Floats


@kernel
def moments(runs: Runs, boxes: Boxes) -> Moments:
    """Area and moments of the objects; a run adds its sums in closed form."""
    count = runs.labels.size
    area = np.zeros(count, np.int64)
    mean_y, mean_x = np.empty(count, np.float64), np.empty(count, np.float64)
    var_y, var_x = np.empty(count, np.float64), np.empty(count, np.float64)
    cov = np.empty(count, np.float64)
    for k in range(count):
        # Sums are whole numbers; an origin inside the object keeps their differences exact.
        origin_y = (boxes.top[k] + boxes.bottom[k]) // 2
        origin_x = (boxes.left[k] + boxes.right[k]) // 2
        n, s_y, s_x, s_yy, s_xx, s_xy = 0, 0, 0, 0, 0, 0
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i] - origin_y
            a = runs.start[i] - origin_x
            b = runs.stop[i] - origin_x - 1
            length = b - a + 1
            sum_x = (a + b) * length // 2
            n += length
            s_y += y * length
            s_x += sum_x
            s_yy += y * y * length
            s_xy += y * sum_x
            s_xx += (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) // 6
        area[k] = n
        off_y, off_x = s_y / n, s_x / n
        mean_y[k], mean_x[k] = origin_y + off_y, origin_x + off_x
        var_y[k] = (s_yy - s_y * off_y) / n
        var_x[k] = (s_xx - s_x * off_x) / n
        cov[k] = (s_xy - s_y * off_x) / n
    return Moments(area, mean_y, mean_x, var_y, var_x, cov)


def axes(of: Moments) -> Axes:
    """Axes as scikit-image defines them: 4 × square root of the variances along them."""
    half = np.hypot((of.var_y - of.var_x) / 2, of.cov)
    middle = (of.var_y + of.var_x) / 2
    large, small = np.maximum(middle + half, 0), np.maximum(middle - half, 0)
    ratio = np.divide(small, large, out=np.ones_like(large), where=large > 0)
    return Axes(4 * np.sqrt(large), 4 * np.sqrt(small), np.sqrt(1 - ratio))


@kernel
def outlines(runs: Runs, boxes: Boxes) -> Outline:
    """Perimeter of the objects, each by itself, as scikit-image's with 4 neighbours.

    Pixels of the object with a 4-neighbour outside it are its border; each counts 1, √2 or
    (1 + √2) / 2 by the way the border passes through it. After Benkrid and Crookes, "Design and
    FPGA implementation of a perimeter estimator" (2000).
    """
    count = runs.labels.size
    perimeter = np.empty(count, np.float64)
    pixels = np.empty(count, np.int64)
    root = np.sqrt(2.0)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        width = boxes.right[k] - left + 1
        size = (boxes.bottom[k] - top + 1) * width
        mask, border = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        for i in range(runs.first[k], runs.first[k + 1]):
            at = (runs.row[i] - top) * width - left
            for p in range(np.uintp(at + runs.start[i]), np.uintp(at + runs.stop[i])):
                mask[p] = 1
        # All rows are one line, on vector registers: the frame keeps them apart.
        w, one, end = np.uintp(width), np.uintp(1), np.uintp(size - width)
        for p in range(w, end):
            inner = mask[p - w] & mask[p + w] & mask[p - one] & mask[p + one]
            border[p] = mask[p] & ~inner
        straight, slanted, bent, all_ = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for begin in range(w, end, np.uintp(_FITS)):
            # Numbers of so few pixels fit 8 bits.
            ones, twos, threes, n = np.uint8(0), np.uint8(0), np.uint8(0), np.uint8(0)
            for p in range(begin, min(begin + np.uintp(_FITS), end)):
                edges = np.uint8(border[p - w] + border[p + w])
                edges = np.uint8(edges + border[p - one] + border[p + one])
                corners = np.uint8(border[p - w - one] + border[p - w + one])
                corners = np.uint8(corners + border[p + w - one] + border[p + w + one])
                here = border[p]
                one_long = ((edges == 2) | (edges == 3)) & (corners <= 2)
                two_long = ((edges == 0) & (corners == 2)) | ((edges == 1) & (corners == 3))
                between = (edges == 1) & ((corners == 1) | (corners == 2))
                ones = np.uint8(ones + (here & np.uint8(one_long)))
                twos = np.uint8(twos + (here & np.uint8(two_long)))
                threes = np.uint8(threes + (here & np.uint8(between)))
                n = np.uint8(n + here)
            straight += np.int64(ones)
            slanted += np.int64(twos)
            bent += np.int64(threes)
            all_ += np.int64(n)
        perimeter[k] = straight + slanted * root + bent * ((1 + root) / 2)
        pixels[k] = all_
    return Outline(perimeter, pixels)


@kernel
def inner_border(runs: Runs, boxes: Boxes, k: int) -> npt.NDArray[np.uint8]:
    """Pixels of an object with a 4-neighbour outside it, in its box with a frame of one pixel."""
    top, left = boxes.top[k] - 1, boxes.left[k] - 1
    height, width = boxes.bottom[k] - top + 1, boxes.right[k] - left + 1
    mask = np.zeros((height, width), np.uint8)
    paint(runs, k, top, left, mask)
    border = np.zeros((height, width), np.uint8)
    for y in range(1, height - 1):
        line = border[y, 1:-1]
        here, above, below = mask[y, 1:-1], mask[y - 1, 1:-1], mask[y + 1, 1:-1]
        before, after = mask[y, :-2], mask[y, 2:]
        for x in range(width - 2):
            line[x] = here[x] & ~(above[x] & below[x] & before[x] & after[x])
    return border


@kernel
def hull_areas(hulls: Hulls) -> Ints:
    """Number of pixels whose centre lies in or on the convex hull of the object.

    The hull goes around the middles of the pixels' edges, as in scikit-image. All is compared in
    whole numbers, so that the count is exact.
    """
    count = hulls.first_left.size - 1
    result = np.zeros(count, np.int64)
    for k in range(count):
        left, right = lines_of(hulls, k)
        rows = left[-1, 0] - left[0, 0] + 1
        result[k] = rows - _first_pixels(left) - _first_pixels(right)
    return result


@kernel
def _first_pixels(corners: Ints) -> int:
    """Sum over the rows of the first pixel at or right of the hull with these left corners (y, x).

    Corners are pixel centres. The middles of their edges widen the hull by half a pixel along x,
    or by what half a pixel along y is worth where the hull is flatter than 45°.
    """
    total = corners[0, 1]
    for i in range(corners.shape[0] - 1):
        y, x, below = corners[i, 0], corners[i, 1], corners[i + 1, 0]
        step, slope = below - y, corners[i + 1, 1] - x
        # In each row -floor(-(start + 2 × slope × n) / (2 × step)). One division for all of them:
        # whole and rest grow from row to row by those of the slope.
        start, unit = max(step, abs(slope)) - 2 * x * step, 2 * step
        whole, grows = start // unit, -2 * slope // unit
        rest, rest_grows = start - whole * unit, -2 * slope - grows * unit
        for _ in range(1, step):
            whole, rest = whole + grows, rest + rest_grows
            over = np.int64(rest >= unit)
            whole, rest = whole + over, rest - over * unit
            total -= whole
        # At a corner the flatter of the sides counts, as far as it widens the hull.
        total += corners[i + 1, 1]
    n = corners.shape[0]
    for i in range(n):
        widest = np.int64(0)
        if i > 0:
            step, slope = corners[i, 0] - corners[i - 1, 0], corners[i, 1] - corners[i - 1, 1]
            widest = max(widest, slope // (2 * step))
        if i < n - 1:
            step, slope = corners[i + 1, 0] - corners[i, 0], corners[i + 1, 1] - corners[i, 1]
            widest = max(widest, -slope // (2 * step))
        total -= widest
    return int(total)


@kernel
def radii(runs: Runs, boxes: Boxes) -> Radii:
    """Radii of the objects, each by itself: neighbours and the rim of the image end it."""
    count = runs.labels.size
    largest, mean = np.empty(count, np.float64), np.empty(count, np.float64)
    area, roots = areas(runs), np.sqrt(np.arange(FARTHEST_COMPARED**2 + 1))
    for k in range(count):
        of = slice(runs.first[k], runs.first[k + 1])
        row, start, stop = runs.row[of], runs.start[of], runs.stop[of]
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        shape = boxes.bottom[k] - top + 1, boxes.right[k] - left + 1
        squares, first, stride = squares_along_rows(row, start, stop, top, left, shape)
        nearest, farthest = compare_columns(squares, first, stride, shape[0])
        if farthest < roots.size:
            total = _sum_of_roots(
                row, start, stop, nearest, first - top * stride - left, stride, roots
            )
        else:
            far = distances_of_runs(row, start, stop, top, left, shape)
            farthest, total = far.max(), np.sqrt(far).sum()
        largest[k], mean[k] = np.sqrt(np.float64(farthest)), total / area[k]
    return Radii(largest, mean)


@kernel
def _sum_of_roots(
    row: Ints, start: Ints, stop: Ints, squares: Squares, origin: int, stride: int, roots: Floats
) -> float:
    """Sum of the square roots, which are looked up, of the pixels of an object.

    The pixel (y, x) is at origin + y × stride + x, and what belongs to no object is 0.
    """
    # Four sums at a time, each of which would wait for its last addition.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    i = 0
    while i < row.size:
        # All runs of a row: what lies between and shortly behind them adds nothing.
        begin, y = start[i], row[i]
        while i + 1 < row.size and row[i + 1] == y:
            i += 1
        at = origin + y * stride
        for p in range(np.uintp(at + begin), np.uintp(at + stop[i]), four):
            a += roots[np.uintp(squares[p])]
            b += roots[np.uintp(squares[p + one])]
            c += roots[np.uintp(squares[p + two])]
            d += roots[np.uintp(squares[p + three])]
        i += 1
    return (a + b) + (c + d)


def circularity(area: Ints, perimeter: Floats) -> Floats:
    """4π × area / perimeter²; NaN where there is no perimeter (single pixels)."""
    unknown = np.full(area.size, np.nan)
    np.divide(4 * np.pi * area, perimeter**2, out=unknown, where=perimeter > 0)
    return unknown
