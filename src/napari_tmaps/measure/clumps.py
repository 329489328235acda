"""Where a clump of touching objects has its waist."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.components import find_root
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.runs import Ints
from napari_tmaps.measure.watershed import flood


def find_cuts(
    mask: npt.NDArray[np.uint8], *, narrowness: float, attempts: int
) -> list[npt.NDArray[np.bool_]]:
    """Lines, one pixel wide, that part an object at its waists; the deepest waist first.

    Two thick places of the object that are joined by a narrower one make a waist. The line is the
    watershed of the distance to the background, flooded from the two thickest points.

    Parameters
    ----------
    mask
        The object (y, x) as 1; the outermost pixels must be 0.
    narrowness
        A waist is at most so wide, relative to the smaller of the places that it joins.
    attempts
        Largest number of lines.
    """
    squared = squared_distances(mask)
    waist, smaller, larger = _find_waists(squared)
    depth = np.sqrt(squared.flat[smaller]) - np.sqrt(squared.flat[waist])
    narrow = squared.flat[waist] <= narrowness**2 * squared.flat[smaller]
    inside = mask > 0
    distance = np.sqrt(squared)
    # Levels of a sixteenth of a pixel, or coarser where the object is thicker than 4096 pixels.
    step = max(1 / 16, float(distance.max()) / 65535)
    levels = ((distance.max() - distance) / step).astype(np.uint16)
    lines = []
    for i in np.argsort(-depth, kind="stable")[:attempts]:
        if narrow[i]:
            seeds = np.zeros(mask.shape, np.int32)
            seeds.flat[larger[i]], seeds.flat[smaller[i]] = 1, 2
            lines.append(_border(flood(levels, seeds, inside)))
    return lines


@kernel
def _find_waists(squared: Ints) -> tuple[Ints, Ints, Ints]:
    """Pixels of all waists, with the thickest pixels of the smaller and of the larger side.

    Pixels are taken from the thickest down; where two pieces meet is a waist. After Edelsbrunner,
    Letscher and Zomorodian, "Topological persistence and simplification" (2002).
    """
    width = squared.shape[1]
    height_of = squared.ravel()
    order = _from_high_to_low(height_of)
    parent = np.full(height_of.size, -1, np.int64)
    waist, smaller, larger = [], [], []
    for p in order:
        parent[p] = p
        for step in (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1):
            if parent[p + step] < 0:
                continue
            a, b = find_root(parent, p), find_root(parent, p + step)
            if a == b:
                continue
            # Each piece is known by its thickest pixel; the one taken earlier stays on top.
            if height_of[a] < height_of[b] or (height_of[a] == height_of[b] and a > b):
                a, b = b, a
            parent[b] = a
            if b != p:
                waist.append(p)
                smaller.append(b)
                larger.append(a)
    return np.array(waist, np.int64), np.array(smaller, np.int64), np.array(larger, np.int64)


@kernel
def _from_high_to_low(values: Ints) -> Ints:
    """Places of the values above 0 by falling value, equal ones in their order: a counting sort."""
    first = np.zeros(values.max() + 2, np.int64)
    for value in values:
        first[value] += 1
    first[0] = 0
    place = np.int64(0)
    for value in range(first.size - 1, -1, -1):
        first[value], place = place, place + first[value]
    order = np.empty(place, np.int64)
    for i in range(values.size):
        if values[i]:
            order[first[values[i]]] = i
            first[values[i]] += 1
    return order


@kernel
def _border(regions: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels of region 2 that touch region 1, over edges or corners."""
    line = np.zeros(regions.shape, np.bool_)
    for y in range(1, regions.shape[0] - 1):
        for x in range(1, regions.shape[1] - 1):
            if regions[y, x] == 2:
                line[y, x] = (regions[y - 1 : y + 2, x - 1 : x + 2] == 1).any()
    return line
