"""How intensities are spread between the centre of an object and its edge."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.runs import Boxes, Floats, Runs, paint


class Rings(NamedTuple):
    """For each object and ring, from the centre out.

    Attributes
    ----------
    fraction
        Share of the object's intensity that lies in the ring.
    mean_fraction
        That share / the share of the object's pixels that lie in the ring.
    variation
        Standard deviation / mean of the mean intensities in the eighths of the ring.
    """

    fraction: Floats
    mean_fraction: Floats
    variation: Floats


@kernel
def radial_distribution(runs: Runs, boxes: Boxes, image: npt.NDArray[Any], rings: int) -> Rings:
    """Radial distribution of the objects' intensities, as in CellProfiler.

    The centre is the pixel that is farthest from the outside. The ring of a pixel follows from its
    distance d to the centre, on a way inside the object in steps of 1 and √2, and its distance e to
    the outside: floor(rings × d / (d + e + 0.001)). Eighths are cut along the axes and diagonals.

    Pixels that no such way reaches do not count. NaN for a black object, and for the variation of
    a ring that is empty or black.
    """
    count = runs.labels.size
    fraction = np.full((count, rings), np.nan)
    mean_fraction, variation = np.full((count, rings), np.nan), np.full((count, rings), np.nan)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
        paint(runs, k, top, left, mask)
        squared = squared_distances(mask)
        centre = np.argmax(squared)
        centre_y, centre_x = centre // mask.shape[1], centre % mask.shape[1]
        away = _ways(mask, centre_y, centre_x)
        sums, pixels = np.zeros((rings, 8), np.int64), np.zeros((rings, 8), np.int64)
        part = np.empty(mask.shape[1], np.int64)
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i] - top
            begin, end = runs.start[i] - left, runs.stop[i] - left
            way, deep = away[y, begin:end], squared[y, begin:end]
            off_y = abs(y - centre_y)
            for x in range(way.size):
                part[x] = rings * (way[x] / (way[x] + np.sqrt(deep[x]) + 0.001))
            values = image[runs.row[i], runs.start[i] : runs.stop[i]]
            for x in range(way.size):
                if way[x] < np.inf:
                    off_x = begin + x - centre_x
                    eighth = (y > centre_y) + 2 * (off_x > 0) + 4 * (off_y > abs(off_x))
                    sums[part[x], eighth] += np.int64(values[x])
                    pixels[part[x], eighth] += 1
        total, area = sums.sum(), pixels.sum()
        if total == 0:
            continue
        for ring in range(rings):
            here = pixels[ring].sum()
            fraction[k, ring] = sums[ring].sum() / total
            mean_fraction[k, ring] = fraction[k, ring] / (here / area) if here else 0.0
            variation[k, ring] = _variation(sums[ring], pixels[ring])
    return Rings(fraction, mean_fraction, variation)


@kernel
def _ways(mask: npt.NDArray[np.uint8], centre_y: int, centre_x: int) -> Floats:
    """Length of the shortest way to the centre within the mask; infinite where there is none."""
    height, width = mask.shape
    away = np.full(mask.shape, np.inf)
    away[centre_y, centre_x] = 0
    # A step to the next pixel of a row; nothing gets past pixels outside.
    steps = np.where(mask != 0, 1.0, np.inf)
    # To and fro over the object, until no way gets shorter; once, if it is convex.
    changed = True
    while changed:
        for y in range(1, height - 1):
            _shorten(away[y - 1], steps[y], away[y])
            line, step = away[y], steps[y]
            for x in range(1, width - 1):
                line[x] = min(line[x], line[x - 1] + step[x])
        for y in range(height - 2, 0, -1):
            _shorten(away[y + 1], steps[y], away[y])
            line, step = away[y], steps[y]
            for x in range(width - 2, 0, -1):
                line[x] = min(line[x], line[x + 1] + step[x])
        changed = False
        for y in range(1, height - 1):
            changed |= _shorten(away[y - 1], steps[y], away[y])
            line, step = away[y], steps[y]
            for x in range(1, width - 1):
                changed |= line[x - 1] + step[x] < line[x] - 1e-9
    return away


@kernel
def _shorten(near: Floats, steps: Floats, line: Floats) -> bool:
    """Come to a row from the one above or below; whether a way got shorter by that."""
    slant = np.sqrt(2.0)
    shorter = 0
    before, straight, after = near[:-2], near[1:-1], near[2:]
    here, step = line[1:-1], steps[1:-1]
    for x in range(here.size):
        best = min(straight[x] + step[x], min(before[x], after[x]) + slant * step[x])
        shorter += best < here[x] - 1e-9
        here[x] = min(here[x], best)
    return shorter > 0


@kernel
def _variation(sums: npt.NDArray[np.int64], pixels: npt.NDArray[np.int64]) -> float:
    number, total = 0, 0.0
    for i in range(8):
        if pixels[i]:
            number += 1
            total += sums[i] / pixels[i]
    if total == 0:
        return np.nan
    mean, squares = total / number, 0.0
    for i in range(8):
        if pixels[i]:
            squares += (sums[i] / pixels[i] - mean) ** 2
    return float(np.sqrt(squares / number) / mean)
