"""Convex hulls of objects, and what follows from them: enclosing circles and calipers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs


class Hulls(NamedTuple):
    """Convex hulls of the pixel centres of objects, each as two lines from top to bottom.

    Attributes
    ----------
    first_left, first_right
        Object k owns the corners first[k] to first[k + 1] - 1 of a line; n + 1 values each.
    left, right
        Corners (y, x) in pixels; those of the right line are mirrored, (y, -x), so that both are
        left lines. What lies behind the last object's corners is of no meaning.
    """

    first_left: Ints
    left: Ints
    first_right: Ints
    right: Ints


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
def find_hulls(runs: Runs) -> Hulls:
    """The hulls of all objects.

    After Andrew, "Another efficient algorithm for convex hulls in two dimensions" (1979). His chain
    takes back corners that turn out to lie inside, which no processor foresees. So most of those
    are left out before, without a branch: by the next row alone.
    """
    count = runs.labels.size
    left, right = np.empty((runs.row.size, 2), np.int64), np.empty((runs.row.size, 2), np.int64)
    first_left, first_right = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for k in range(count):
        a, b = first_left[k], first_right[k]
        i, last = runs.first[k], runs.first[k + 1]
        while i < last:
            y, start = runs.row[i], runs.start[i]
            while i + 1 < last and runs.row[i + 1] == y:
                i += 1
            a = _add_row(left, first_left[k], a, y, start)
            b = _add_row(right, first_right[k], b, y, 1 - runs.stop[i])
            i += 1
        first_left[k + 1] = _keep_corners(left, first_left[k], a)
        first_right[k + 1] = _keep_corners(right, first_right[k], b)
    return Hulls(first_left, left, first_right, right)


@kernel
def _add_row(line: Ints, first: int, end: int, y: int, x: int) -> int:
    """Put a row at the end of a line, or in place of the last one if that is no corner.

    Returns the new end.
    """
    if end - first >= 2:
        end -= int(not _turns(line, end - 2, end - 1, y, x))
    line[end, 0], line[end, 1] = y, x
    return end + 1


@kernel
def _keep_corners(line: Ints, first: int, end: int) -> int:
    """Andrew's chain in place; the new end."""
    n = first
    for i in range(first, end):
        y, x = line[i, 0], line[i, 1]
        while n - first >= 2 and not _turns(line, n - 2, n - 1, y, x):
            n -= 1
        line[n, 0], line[n, 1] = y, x
        n += 1
    return n


@kernel
def _turns(line: Ints, before: int, here: int, y: int, x: int) -> bool:
    """Whether a line that goes on to (y, x) has a corner of the hull here."""
    off_y, off_x = line[here, 0] - line[before, 0], line[here, 1] - line[before, 1]
    return bool(off_x * (y - line[before, 0]) < (x - line[before, 1]) * off_y)


@kernel
def lines_of(hulls: Hulls, k: int) -> tuple[Ints, Ints]:
    """Left and mirrored right line of object k."""
    return (
        hulls.left[hulls.first_left[k] : hulls.first_left[k + 1]],
        hulls.right[hulls.first_right[k] : hulls.first_right[k + 1]],
    )


@kernel
def _around(hulls: Hulls, k: int) -> Ints:
    """Corners (y, x) of the hull of object k, in turn."""
    down, up = lines_of(hulls, k)
    corners = np.empty((down.shape[0] + up.shape[0], 2), np.int64)
    n = down.shape[0]
    corners[:n] = down
    for i in range(up.shape[0] - 1, -1, -1):
        y, x = up[i, 0], -up[i, 1]
        # The topmost and the bottommost row may be a single pixel, which is in both lines.
        if (y != corners[n - 1, 0] or x != corners[n - 1, 1]) and (
            y != corners[0, 0] or x != corners[0, 1]
        ):
            corners[n, 0], corners[n, 1] = y, x
            n += 1
    return corners[:n]


@kernel
def enclosing_circles(hulls: Hulls) -> Circles:
    """The smallest circle around the pixel centres of each object; radius 0 for a single pixel.

    Two or three corners of the hull hold it. As long as a corner lies outside, the farthest one
    joins them, and those stay that hold the smallest circle around them all: it grows each time.
    After Gärtner, "Fast and robust smallest enclosing balls" (1999).
    """
    count = hulls.first_left.size - 1
    centre_y, centre_x = np.empty(count, np.float64), np.empty(count, np.float64)
    radius = np.empty(count, np.float64)
    for k in range(count):
        corners = _around(hulls, k)
        # From the first corner on: of small numbers more digits are left for what comes after them.
        top, left = corners[0, 0], corners[0, 1]
        corners[:, 0] -= top
        corners[:, 1] -= left
        held = np.empty((4, 2), np.int64)
        held[0] = corners[0]
        n, y, x, square, before = 1, 0.0, 0.0, 0.0, -1.0
        while square > before:  # else it grows by less than can be told
            far, farthest = 0, -1.0
            for i in range(corners.shape[0]):
                off_y, off_x = corners[i, 0] - y, corners[i, 1] - x
                distance = off_y * off_y + off_x * off_x
                if distance > farthest:
                    far, farthest = i, distance
            # Rounding must not make a corner that lies on the circle look as if outside.
            if farthest <= square * (1 + 2e-12):
                break
            held[n], before = corners[far], square
            n, y, x, square = _hold(held, n + 1)
        centre_y[k], centre_x[k], radius[k] = top + y, left + x, np.sqrt(square)
    return Circles(centre_y, centre_x, radius)


@kernel
def _hold(held: Ints, n: int) -> tuple[int, float, float, float]:
    """Smallest circle around two to four points: how many hold it, centre and squared radius.

    The last point lies outside the smallest circle around the others, and so on this one. Those
    that hold it come first.
    """
    last = n - 1
    smallest, one, two, centre_y, centre_x = np.inf, 0, 0, 0.0, 0.0
    for i in range(last):
        for j in range(i, last):
            if i == j:  # the last point and another one, across the circle
                y, x = (held[last, 0] + held[i, 0]) / 2, (held[last, 1] + held[i, 1]) / 2
            else:
                y, x = _through(held[last], held[i], held[j])
            square = (held[last, 0] - y) ** 2 + (held[last, 1] - x) ** 2
            inside = True
            for h in range(last):
                distance = (held[h, 0] - y) ** 2 + (held[h, 1] - x) ** 2
                inside &= distance <= square * (1 + 2e-12)
            if inside and square < smallest:
                smallest, one, two, centre_y, centre_x = square, i, j, y, x
    number = 2 if one == two else 3
    for place, point in ((0, one), (number - 2, two), (number - 1, last)):
        held[place, 0], held[place, 1] = held[point, 0], held[point, 1]
    return number, centre_y, centre_x, smallest


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
def calipers(hulls: Hulls) -> Calipers:
    """Feret diameters of the objects, between pixel centres; 0 for a single pixel."""
    count = hulls.first_left.size - 1
    maximum, minimum = np.zeros(count, np.float64), np.zeros(count, np.float64)
    for k in range(count):
        corners = _around(hulls, k)
        n = corners.shape[0]
        longest, narrowest = np.int64(0), np.inf if n > 2 else 0.0
        # The farthest corner goes around together with the side that it is farthest from.
        far = 1 % n
        for i in range(n):
            after = i + 1 if i + 1 < n else 0
            y, x = corners[i, 0], corners[i, 1]
            side_y, side_x = corners[after, 0] - y, corners[after, 1] - x
            distance = abs(side_y * (corners[far, 1] - x) - side_x * (corners[far, 0] - y))
            while True:
                off_y, off_x = corners[far, 0] - y, corners[far, 1] - x
                longest = max(longest, off_y * off_y + off_x * off_x)
                next_ = far + 1 if far + 1 < n else 0
                ahead = abs(side_y * (corners[next_, 1] - x) - side_x * (corners[next_, 0] - y))
                if ahead <= distance:
                    break
                far, distance = next_, ahead
            # It may lie as far as its neighbour, which is then across this corner too.
            off_y, off_x = corners[next_, 0] - y, corners[next_, 1] - x
            longest = max(longest, off_y * off_y + off_x * off_x)
            # The smallest width lies across a side of the hull.
            if n > 2:
                narrowest = min(narrowest, distance / np.sqrt(np.float64(side_y**2 + side_x**2)))
        maximum[k] = np.sqrt(longest)
        minimum[k] = narrowest
    return Calipers(maximum, minimum)
