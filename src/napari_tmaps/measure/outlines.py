"""Outlines of objects as polygons with holes, exact to the pixel.

A polygon runs along the edges of pixels, so that filling it gives the same pixels again. Parts of
an object that touch at a corner alone are polygons of their own; no ring meets itself, as geometry
libraries ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.int64]


class Polygon(NamedTuple):
    """Corners (n, 2) as x, y, in pixels of the image; pixel (y, x) spans x … x + 1, y … y + 1.

    Attributes
    ----------
    outer
        Its area, summed up with the sign of x1·y2 - x2·y1, is positive.
    holes
        Rings the other way round.
    """

    outer: Ring
    holes: tuple[Ring, ...]


def outlines(labels: npt.NDArray[np.int32]) -> Iterator[tuple[int, list[Polygon]]]:
    """The polygons of each object.

    Parameters
    ----------
    labels
        (y, x); 0 is background.

    Yields
    ------
    Label, and its polygons; labels ascending.
    """
    from scipy import ndimage

    if not labels.size:
        return
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is not None:
            mask = labels[place] == label
            yield label, _polygons(mask, place[0].start, place[1].start)


def _polygons(mask: npt.NDArray[np.bool_], top: int, left: int) -> list[Polygon]:
    from scipy import ndimage

    corners, starts = _trace(np.pad(mask, 1))
    rings = [ring for begin, end in pairwise(starts) for ring in _simple(corners[begin:end])]
    outer = [ring for ring in rings if _area(ring) > 0]
    holes = [ring for ring in rings if _area(ring) < 0]
    shift = np.array([left, top])
    if len(outer) == 1:
        return [Polygon(outer[0] + shift, tuple(hole + shift for hole in holes))]
    parts, _ = ndimage.label(mask)
    of_hole = [_part(parts, hole) for hole in holes]
    return [
        Polygon(
            ring + shift,
            tuple(
                hole + shift
                for hole, part in zip(holes, of_hole, strict=True)
                if part == _part(parts, ring)
            ),
        )
        for ring in outer
    ]


def _area(ring: Ring) -> int:
    x, y = ring.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _part(parts: npt.NDArray[np.int32], ring: Ring) -> int:
    """Number of the part that lies to the right of the first edge of a ring."""
    (x0, y0), (x1, y1) = ring[0], ring[1]
    if x1 > x0:
        pixel = y0, x0
    elif x1 < x0:
        pixel = y0 - 1, x0 - 1
    elif y1 > y0:
        pixel = y0, x0 - 1
    else:
        pixel = y0 - 1, x0
    return int(parts[pixel])


def _simple(ring: Ring) -> list[Ring]:
    """A ring cut wherever it comes back to a corner."""
    keys = ring[:, 0] << 32 | ring[:, 1]
    if len(np.unique(keys)) == len(ring):
        return [ring]
    found: list[Ring] = []
    path: list[int] = []
    for n, key in enumerate(keys):
        for back, earlier in enumerate(path):
            if keys[earlier] == key:
                found.append(ring[path[back:]])
                del path[back:]
                break
        path.append(n)
    found.append(ring[path])
    return found


# East, south, west, north: how a step moves (x, y), and the pixels to the right and to the left of
# the way before a corner, as (y, x) from the corner.
_STEP = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
_RIGHT = np.array([[0, 0], [0, -1], [-1, -1], [-1, 0]])
_LEFT = np.array([[-1, 0], [0, 0], [0, -1], [-1, -1]])


@numba.njit(nogil=True, cache=True)
def _trace(
    mask: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # pragma: no cover (compiled)
    """Corners of all rings one after the other, and where each begins; `mask` has a margin of 1."""
    height, width = mask.shape
    seen = np.zeros(mask.shape, np.bool_)
    corners = np.empty((64, 2), np.int64)
    starts = [0]
    count = 0
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if not mask[row, column] or mask[row - 1, column] or seen[row, column]:
                continue
            x, y, way = column, row, 0  # along the upper edge of the pixel, the object to the right
            while True:
                if way == 0:
                    if seen[y, x]:
                        break
                    seen[y, x] = True
                x += _STEP[way, 0]
                y += _STEP[way, 1]
                right = mask[y + _RIGHT[way, 0], x + _RIGHT[way, 1]]
                left = mask[y + _LEFT[way, 0], x + _LEFT[way, 1]]
                turned = (way + 1) % 4 if not right else ((way + 3) % 4 if left else way)
                if turned != way:
                    if count == len(corners):
                        longer = np.empty((2 * count, 2), np.int64)
                        longer[:count] = corners
                        corners = longer
                    corners[count, 0] = x - 1
                    corners[count, 1] = y - 1
                    count += 1
                    way = turned
            starts.append(count)
    return corners[:count].copy(), np.array(starts)
