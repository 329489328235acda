"""Convex hulls of objects, and what follows from them: enclosing circles and calipers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs

NOTHING = 1 << 40


class Circles(NamedTuple):
    """Centre (pixels) and radius of a circle for each object."""

    y: Floats
    x: Floats
    radius: Floats


class Calipers(NamedTuple):
    """Largest and smallest distance of two parallel lines that hold an object between them."""

    maximum: Floats
    minimum: Floats


@kernel
def convex_edge(edge: Ints) -> Ints:
    """Corners (y, x) of the convex line left of the points edge[y], from top to bottom.

    Lines without a point hold `NOTHING`.
    """
    corners = np.empty((edge.size, 2), np.int64)
    n = 0
    for y in range(edge.size):
        x = edge[y]
        if x == NOTHING:
            continue
        while n >= 2 and (corners[n - 1, 1] - corners[n - 2, 1]) * (y - corners[n - 2, 0]) >= (
            x - corners[n - 2, 1]
        ) * (corners[n - 1, 0] - corners[n - 2, 0]):
            n -= 1
        corners[n, 0], corners[n, 1] = y, x
        n += 1
    return corners[:n]


@kernel
def edges(runs: Runs, k: int) -> tuple[Ints, Ints]:
    """Corners (y, x) of the left and of the mirrored right side of the hull of pixel centres.

    Lines count from the top of the object, columns from the left of the image.
    """
    top, rows = runs.row[runs.first[k]], runs.row[runs.first[k + 1] - 1] + 1
    left, right = np.full(rows - top, NOTHING), np.full(rows - top, NOTHING)
    for i in range(runs.first[k], runs.first[k + 1]):
        y = np.uintp(runs.row[i] - top)
        left[y] = min(left[y], runs.start[i])
        right[y] = min(right[y], 1 - runs.stop[i])
    return convex_edge(left), convex_edge(right)


@kernel
def _hull(runs: Runs, k: int) -> Ints:
    """Corners (y, x) of the convex hull of the pixel centres of object k, in turn."""
    top = runs.row[runs.first[k]]
    down, up = edges(runs, k)
    corners = np.empty((down.shape[0] + up.shape[0], 2), np.int64)
    n = 0
    for i in range(down.shape[0]):
        corners[n, 0], corners[n, 1] = top + down[i, 0], down[i, 1]
        n += 1
    for i in range(up.shape[0] - 1, -1, -1):
        y, x = top + up[i, 0], -up[i, 1]
        # The topmost and the bottommost row may be a single pixel, which is in both lines.
        if (y != corners[n - 1, 0] or x != corners[n - 1, 1]) and (
            y != corners[0, 0] or x != corners[0, 1]
        ):
            corners[n, 0], corners[n, 1] = y, x
            n += 1
    return corners[:n]


@kernel
def enclosing_circles(runs: Runs) -> Circles:
    """The smallest circle around the pixel centres of each object; radius 0 for a single pixel.

    After Welzl, "Smallest enclosing disks" (1991), over the corners of the convex hull.
    """
    count = runs.labels.size
    centre_y, centre_x = np.empty(count, np.float64), np.empty(count, np.float64)
    radius = np.empty(count, np.float64)
    for k in range(count):
        p = _spread(_hull(runs, k))
        y, x, r = float(p[0, 0]), float(p[0, 1]), 0.0
        for i in range(1, p.shape[0]):
            if _holds(y, x, r, p[i]):
                continue
            y, x, r = float(p[i, 0]), float(p[i, 1]), 0.0
            for j in range(i):
                if _holds(y, x, r, p[j]):
                    continue
                y, x = (p[i, 0] + p[j, 0]) / 2, (p[i, 1] + p[j, 1]) / 2
                r = np.hypot(p[j, 0] - y, p[j, 1] - x)
                for h in range(j):
                    if not _holds(y, x, r, p[h]):
                        y, x = _through(p[i], p[j], p[h])
                        r = np.hypot(p[h, 0] - y, p[h, 1] - x)
        centre_y[k], centre_x[k], radius[k] = y, x, r
    return Circles(centre_y, centre_x, radius)


@kernel
def _holds(y: float, x: float, r: float, point: Ints) -> bool:
    # Rounding must not make a corner that lies on the circle look as if outside.
    square = (point[0] - y) ** 2 + (point[1] - x) ** 2
    return bool(square <= r * r * (1 + 2e-12))


@kernel
def _spread(corners: Ints) -> Ints:
    """The corners in an order in which the first ones lie far apart: few of the rest are outside.

    Steps of about 0.38 of the way around reach all corners, without coming close to one soon.
    """
    n = corners.shape[0]
    step = max(1, int(0.382 * n))
    a, b = n, step
    while True:
        while b:
            a, b = b, a % b
        if a == 1:
            break
        step += 1
        a, b = n, step
    result = np.empty_like(corners)
    for i in range(n):
        result[i] = corners[i * step % n]
    return result


@kernel
def _through(a: Ints, b: Ints, c: Ints) -> tuple[float, float]:
    """Centre of the circle through three points that do not lie in line."""
    b_y, b_x, c_y, c_x = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    double = 2 * (b_x * c_y - b_y * c_x)
    b_square, c_square = b_x * b_x + b_y * b_y, c_x * c_x + c_y * c_y
    return (
        a[0] + (b_x * c_square - c_x * b_square) / double,
        a[1] + (c_y * b_square - b_y * c_square) / double,
    )


@kernel
def calipers(runs: Runs) -> Calipers:
    """Feret diameters of the objects, between pixel centres; 0 for a single pixel."""
    count = runs.labels.size
    maximum, minimum = np.zeros(count, np.float64), np.zeros(count, np.float64)
    for k in range(count):
        corners = _hull(runs, k)
        n = corners.shape[0]
        longest, narrowest = np.int64(0), np.inf if n > 2 else 0.0
        # The farthest corner goes around together with the side that it is farthest from.
        far = 1 % n
        for i in range(n):
            after = (i + 1) % n
            y, x = corners[i, 0], corners[i, 1]
            side_y, side_x = corners[after, 0] - y, corners[after, 1] - x
            distance = abs(side_y * (corners[far, 1] - x) - side_x * (corners[far, 0] - y))
            while True:
                off_y, off_x = corners[far, 0] - y, corners[far, 1] - x
                longest = max(longest, off_y * off_y + off_x * off_x)
                next_ = (far + 1) % n
                ahead = abs(side_y * (corners[next_, 1] - x) - side_x * (corners[next_, 0] - y))
                if ahead <= distance:
                    break
                far, distance = next_, ahead
            # It may lie as far as its neighbour, which is then across this corner too.
            off_y, off_x = corners[next_, 0] - y, corners[next_, 1] - x
            longest = max(longest, off_y * off_y + off_x * off_x)
            # The smallest width lies across a side of the hull.
            if n > 2:
                narrowest = min(narrowest, distance / np.hypot(side_y, side_x))
        maximum[k] = np.sqrt(longest)
        minimum[k] = narrowest
    return Calipers(maximum, minimum)
