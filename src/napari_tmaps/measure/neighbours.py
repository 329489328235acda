"""Which objects lie beside which."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs


class Nearest(NamedTuple):
    """Distances between centres (pixels): to the nearest and to the second nearest other one.

    NaN where there is none.
    """

    first: Floats
    second: Floats


@kernel
def count_neighbours(
    runs: Runs, boxes: Boxes, labels: npt.NDArray[np.int32], distance: int
) -> Ints:
    """Number of other objects of which a pixel lies within a distance of a pixel of each object."""
    count = runs.labels.size
    result = np.zeros(count, np.int64)
    met = np.full(count, -1)  # for which object each was met last
    reach = disc_rows(distance)
    for k in range(count):
        top, left, near = paint_near(runs, boxes, k, reach, labels.shape)
        last = runs.labels[k]
        met[k] = k
        for y in range(near.shape[0]):
            for x in range(near.shape[1]):
                label = np.int64(labels[top + y, left + x])
                if near[y, x] and label != 0 and label != last:
                    last = label
                    other = np.searchsorted(runs.labels, label)
                    result[k] += met[other] != k
                    met[other] = k
    return result


@kernel
def disc_rows(radius: int) -> Ints:
    """How far a disc reaches to either side, 0 … radius rows off its centre."""
    reach = np.empty(radius + 1, np.int64)
    for dy in range(radius + 1):
        reach[dy] = int(np.sqrt(radius**2 - dy**2))
    return reach


@kernel
def paint_near(
    runs: Runs, boxes: Boxes, k: int, reach: Ints, shape: tuple[int, int]
) -> tuple[int, int, npt.NDArray[np.bool_]]:
    """Pixels of an image within the distance of an object that `reach` says.

    Returns the place (top, left) of a canvas that holds all of them, and the canvas.
    """
    distance = reach.size - 1
    top, left = max(0, boxes.top[k] - distance), max(0, boxes.left[k] - distance)
    bottom = min(shape[0], boxes.bottom[k] + distance)
    right = min(shape[1], boxes.right[k] + distance)
    near = np.zeros((bottom - top, right - left), np.bool_)
    for i in range(runs.first[k], runs.first[k + 1]):
        row = runs.row[i]
        for y in range(max(top, row - distance), min(bottom, row + distance + 1)):
            wide = reach[abs(y - row)]
            begin, end = runs.start[i] - wide - left, runs.stop[i] + wide - left
            near[y - top, max(0, begin) : max(0, end)] = True
    return top, left, near


@kernel
def touching_fractions(runs: Runs, labels: npt.NDArray[np.int32], distance: int) -> Floats:
    """Share of the outline pixels of each object that have another object within a distance.

    Outline pixels have a 4-neighbour outside the object, or lie at the rim of the image.
    """
    height, width = labels.shape
    disc = _disc(distance)
    count = runs.labels.size
    result = np.empty(count, np.float64)
    for k in range(count):
        own = runs.labels[k]
        outline, touching = 0, 0
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i]
            for x in range(runs.start[i], runs.stop[i]):
                inside = 0 < y < height - 1 and 0 < x < width - 1
                if (
                    inside
                    and labels[y - 1, x] == own
                    and labels[y + 1, x] == own
                    and labels[y, x - 1] == own
                    and labels[y, x + 1] == own
                ):
                    continue
                outline += 1
                for d in range(disc.shape[0]):
                    v, u = y + disc[d, 0], x + disc[d, 1]
                    if 0 <= v < height and 0 <= u < width:
                        label = labels[v, u]
                        if label != 0 and label != own:
                            touching += 1
                            break
        result[k] = touching / outline
    return result


@kernel
def _disc(radius: int) -> Ints:
    """Steps (y, x) to all pixels within a radius."""
    steps = np.empty(((2 * radius + 1) ** 2, 2), np.int64)
    n = 0
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            if 0 < y * y + x * x <= radius * radius:
                steps[n, 0], steps[n, 1] = y, x
                n += 1
    return steps[:n]


def nearest_centres(points: Floats) -> Nearest:
    """Distance of each point (points, axes) to the nearest and the second nearest of the others."""
    from scipy.spatial import KDTree

    distances: npt.NDArray[Any] = np.full((len(points), 3), np.nan)
    if len(points):
        found, _ = KDTree(points).query(points, k=[1, 2, 3])
        distances = np.where(np.isfinite(found), found, np.nan)
    return Nearest(distances[:, 1], distances[:, 2])
