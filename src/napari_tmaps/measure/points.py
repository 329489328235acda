"""How points are spread in the objects that hold them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, paint


class Spread(NamedTuple):
    """For each point; pixels, NaN where there is no parent, or no other point in it.

    Attributes
    ----------
    area
        Pixels of the parent.
    to_border
        Distance to the nearest pixel outside the parent.
    nearest, mean, std
        Distances to the other points of the parent: smallest, mean, population standard
        deviation.
    """

    area: Floats
    to_border: Floats
    nearest: Floats
    mean: Floats
    std: Floats


def parents_of(y: Floats, x: Floats, labels: npt.NDArray[np.int32]) -> Ints:
    """Label of the object in which each point lies, 0 for background."""
    parents: Ints = labels[np.rint(y).astype(int), np.rint(x).astype(int)].astype(np.int64)
    return parents


@kernel
def spread(y: Floats, x: Floats, parents: Ints, runs: Runs, boxes: Boxes) -> Spread:
    """Spread of points (y, x) among the objects of `runs`; `parents` are labels, 0 for none."""
    result = np.full((5, y.size), np.nan)
    order = np.argsort(parents, kind="mergesort")
    first = 0
    while first < order.size:
        label = parents[order[first]]
        last = first
        while last < order.size and parents[order[last]] == label:
            last += 1
        points = order[first:last]
        first = last
        k = np.searchsorted(runs.labels, label)
        if label == 0:
            continue
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
        paint(runs, k, top, left, mask)
        squared = squared_distances(mask)
        area = mask.sum()
        others = points.size - 1
        for a in points:
            result[0, a] = area
            result[1, a] = np.sqrt(squared[round(y[a]) - top, round(x[a]) - left])
            if others == 0:
                continue
            nearest, total = np.inf, 0.0
            for b in points:
                if b != a:
                    distance = np.hypot(y[a] - y[b], x[a] - x[b])
                    nearest = min(nearest, distance)
                    total += distance
            mean, off = total / others, 0.0
            for b in points:
                if b != a:
                    off += (np.hypot(y[a] - y[b], x[a] - x[b]) - mean) ** 2
            result[2, a], result[3, a], result[4, a] = nearest, mean, np.sqrt(off / others)
    return Spread(result[0], result[1], result[2], result[3], result[4])
