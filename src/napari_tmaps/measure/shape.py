"""Size and shape of objects: moments, outline, hull and radii."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.hull import NOTHING, convex_edge
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, paint


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
    weight = np.zeros(50, np.int64)
    for code in (5, 7, 15, 17, 25, 27):
        weight[code] = 1
    for code in (21, 33):
        weight[code] = 2
    for code in (13, 23):
        weight[code] = 3
    count = runs.labels.size
    perimeter = np.empty(count, np.float64)
    pixels = np.empty(count, np.int64)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        border = inner_border(runs, boxes, k)
        seen = np.zeros(4, np.int64)
        on_border = 0
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i] - top
            for x in range(runs.start[i] - left, runs.stop[i] - left):
                if border[y, x]:
                    edges = border[y - 1, x] + border[y + 1, x] + border[y, x - 1]
                    edges += border[y, x + 1]
                    corners = border[y - 1, x - 1] + border[y - 1, x + 1]
                    corners += border[y + 1, x - 1] + border[y + 1, x + 1]
                    seen[weight[1 + 2 * edges + 10 * corners]] += 1
                    on_border += 1
        root = np.sqrt(2.0)
        perimeter[k] = seen[1] + seen[2] * root + seen[3] * ((1 + root) / 2)
        pixels[k] = on_border
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
def hull_areas(runs: Runs, boxes: Boxes) -> Ints:
    """Number of pixels whose centre lies in or on the convex hull of the object.

    The hull goes around the middles of the pixels' edges, as in scikit-image. In half pixels all
    its corners are whole numbers, so that the count is exact.
    """
    count = runs.labels.size
    result = np.zeros(count, np.int64)
    for k in range(count):
        rows = boxes.bottom[k] - boxes.top[k]
        left, right = np.full(2 * rows + 1, NOTHING), np.full(2 * rows + 1, NOTHING)  # mirrored
        for i in range(runs.first[k], runs.first[k + 1]):
            y = 2 * (runs.row[i] - boxes.top[k]) + 1
            a, b = 2 * runs.start[i], 2 * (runs.stop[i] - 1)
            left[y] = min(left[y], a - 1)
            right[y] = min(right[y], -b - 1)
            for near in (y - 1, y + 1):
                left[near] = min(left[near], a)
                right[near] = min(right[near], -b)
        result[k] = rows - _first_pixels(convex_edge(left)) - _first_pixels(convex_edge(right))
    return result


@kernel
def _first_pixels(corners: Ints) -> int:
    """Sum over the rows of the first pixel at or right of the convex edge with these corners.

    Corners (y, x) are in half pixels; rows are the odd lines.
    """
    total = 0
    corner = 1
    for y in range(1, corners[-1, 0], 2):
        while corners[corner, 0] < y:
            corner += 1
        step = corners[corner, 0] - corners[corner - 1, 0]
        x = corners[corner - 1, 1] * step
        x += (corners[corner, 1] - corners[corner - 1, 1]) * (y - corners[corner - 1, 0])
        total -= -x // (2 * step)
    return total


@kernel
def radii(runs: Runs, boxes: Boxes) -> Radii:
    """Radii of the objects, each by itself: neighbours and the rim of the image end it."""
    count = runs.labels.size
    largest, mean = np.empty(count, np.float64), np.empty(count, np.float64)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
        paint(runs, k, top, left, mask)
        squared = squared_distances(mask)
        roots = np.empty(mask.shape[1], np.float64)
        high, total, area = np.int64(0), 0.0, 0
        for i in range(runs.first[k], runs.first[k + 1]):
            line = squared[runs.row[i] - top, runs.start[i] - left : runs.stop[i] - left]
            for x in range(line.size):
                high = max(high, line[x])
                roots[x] = np.sqrt(line[x])
            for x in range(line.size):
                total += roots[x]
            area += line.size
        largest[k], mean[k] = np.sqrt(high), total / area
    return Radii(largest, mean)


def circularity(area: Ints, perimeter: Floats) -> Floats:
    """4π × area / perimeter²; NaN where there is no perimeter (single pixels)."""
    unknown = np.full(area.size, np.nan)
    np.divide(4 * np.pi * area, perimeter**2, out=unknown, where=perimeter > 0)
    return unknown
