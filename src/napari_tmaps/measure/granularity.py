"""Granularity: how much of a stain is in structures of each size.

A stain is eroded pixel by pixel; after each erosion, whatever still has a core is rebuilt. What is
lost from one step to the next was in structures of that size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.filters import disc_range
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs


def granularity(
    runs: Runs,
    boxes: Boxes,
    image: npt.NDArray[Any],
    *,
    length: int,
    step: int,
    background_step: int,
    background_radius: int,
) -> Floats:
    """Spectrum of each object in an image (y, x) of uint16; an array (objects, length).

    The definition of CellProfiler's MeasureGranularity, whose factors of subsampling are 1 / step
    and 1 / background_step: percentage of the object's intensity that is lost at each size. NaN
    for an object that is black.
    """
    stain = image[::step, ::step]
    stain = stain[: max(1, image.shape[0] // step), : max(1, image.shape[1] // step)]
    stain = _without_background(stain, background_step, background_radius)
    shapes = stain.shape, image.shape
    scale = [(small - 1) / max(1, all_ - 1) for small, all_ in zip(*shapes, strict=True)]
    first, weights, total, area = _weigh(runs, boxes, image, scale[0], scale[1])
    result = np.full((runs.labels.size, length), np.nan)
    stain = np.pad(stain, 1)
    _spectrum(
        stain, find_peaks(stain), boxes, scale[0], scale[1], first, weights, total, area, result
    )
    return result


def _without_background(stain: npt.NDArray[Any], step: int, radius: int) -> Floats:
    """The stain less its opening by a disc, which is taken of every step-th pixel."""
    opened = disc_range(disc_range(stain[::step, ::step], radius)[0], radius)[1].astype(np.float64)
    if step > 1:
        # CellProfiler counts a part of a step at the end as a part of a pixel.
        places = [
            np.arange(size) * ((size / step - 1) / max(1, size - 1) if size > step else 0.0)
            for size in stain.shape
        ]
        opened = _between(opened, places[0], 0)
        opened = _between(opened, places[1], 1)
    rest: Floats = np.maximum(stain - opened, 0)
    return rest


def _between(values: Floats, places: Floats, axis: int) -> Floats:
    """Values at places between the pixels of an axis, interpolated linearly."""
    below = np.minimum(places.astype(np.int64), max(0, values.shape[axis] - 2))
    part = np.expand_dims(places - below, 1 - axis)
    above = np.minimum(below + 1, values.shape[axis] - 1)
    low: Floats = np.take(values, below, axis)
    rise: Floats = np.take(values, above, axis) - low
    return low + part * rise


@kernel
def _weigh(
    runs: Runs, boxes: Boxes, image: npt.NDArray[Any], scale_y: float, scale_x: float
) -> tuple[Ints, Floats, Ints, Ints]:
    """How much each pixel of the small image counts for the mean of each object.

    The pixels of an object lie between those of the small image. Interpolating there and then
    summing is a sum over the small image with these weights.

    Returns
    -------
    tuple
        Where the weights of each object begin; the weights, row by row over the part of the small
        image that it needs; and its intensity and its number of pixels in the image.
    """
    count = runs.labels.size
    first = np.zeros(count + 1, np.int64)
    for k in range(count):
        _, _, rows, columns = _part(boxes, k, scale_y, scale_x)
        first[k + 1] = first[k] + rows * columns
    weights = np.zeros(first[count], np.float64)
    total, area = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for k in range(count):
        top, left, rows, columns = _part(boxes, k, scale_y, scale_x)
        part = weights[first[k] : first[k + 1]].reshape(rows, columns)
        line = np.empty(columns, np.float64)
        for i in range(runs.first[k], runs.first[k + 1]):
            line[:] = 0
            for x in range(runs.start[i], runs.stop[i]):
                place = x * scale_x
                below = int(place)
                line[below - left] += 1 - (place - below)
                line[below - left + 1] += place - below
                total[k] += np.int64(image[runs.row[i], x])
            area[k] += runs.stop[i] - runs.start[i]
            place = runs.row[i] * scale_y
            below = int(place)
            for c in range(columns):
                part[below - top, c] += (1 - (place - below)) * line[c]
                part[below - top + 1, c] += (place - below) * line[c]
    return first, weights, total, area


@kernel
def _part(boxes: Boxes, k: int, scale_y: float, scale_x: float) -> tuple[int, int, int, int]:
    """Top, left, rows and columns of the small image that object k lies over, one to spare."""
    top, left = int(boxes.top[k] * scale_y), int(boxes.left[k] * scale_x)
    rows = int((boxes.bottom[k] - 1) * scale_y) - top + 2
    columns = int((boxes.right[k] - 1) * scale_x) - left + 2
    return top, left, rows, columns


@kernel
def _spectrum(
    stain: Floats,
    peaks: Peaks,
    boxes: Boxes,
    scale_y: float,
    scale_x: float,
    first: Ints,
    weights: Floats,
    total: Ints,
    area: Ints,
    result: Floats,
) -> None:
    """Fill the spectrum (objects, length) of a small image that has a frame of one 0."""
    height, width = stain.shape
    count, length = result.shape
    before = total / area
    eroded, spare = stain.copy(), np.empty_like(stain)
    # Several sizes at once run on vector registers, and look up the tree once for all.
    several = max(1, min(length, min(8, _MOST_VALUES // stain.size)))
    rebuilt = np.zeros((height, width, several), np.float64)
    sums = np.empty(several, np.float64)
    for begin in range(0, length, several):
        for s in range(several):
            _erode(eroded, spare)
            eroded, spare = spare, eroded
            rebuilt[:, :, s] = eroded
        reconstruct(rebuilt.reshape(-1, several), peaks)
        for k in range(count):
            if total[k] == 0:
                continue
            top, left, rows, columns = _part(boxes, k, scale_y, scale_x)
            sums[:] = 0
            n = first[k]
            for r in range(rows):
                # The pixel to spare may lie beyond the frame; its weight is 0 then.
                line = rebuilt[min(top + r + 1, height - 1)]
                for c in range(columns):
                    values = line[min(left + c + 1, width - 1)]
                    for s in range(several):
                        sums[s] += weights[n] * values[s]
                    n += 1
            for s in range(min(several, length - begin)):
                mean = sums[s] / area[k]
                result[k, begin + s] = (before[k] - mean) * 100 * area[k] / total[k]
                before[k] = mean


@kernel
def _erode(image: Floats, result: Floats) -> None:
    """Least of each pixel and its 4 neighbours; the frame of one pixel counts as nothing."""
    height, width = image.shape
    result[:] = 0
    for y in range(1, height - 1):
        above, below = image[max(1, y - 1)], image[min(height - 2, y + 1)]
        here, line = image[y], result[y]
        for x in range(1, width - 1):
            line[x] = min(here[x], min(above[x], below[x]))
        line[1] = min(line[1], here[min(2, width - 2)])
        line[width - 2] = min(line[width - 2], here[max(1, width - 3)])
        for x in range(2, width - 2):
            line[x] = min(line[x], min(here[x - 1], here[x + 1]))


_MOST_VALUES = 1 << 22  # in the images that are rebuilt at once: 32 MB
Places = npt.NDArray[np.int32]  # half as long as usual, so that more of them are at hand


class Peaks(NamedTuple):
    """The pixels of an image as a tree: the brightest are the leaves, the darkest is the root.

    Cut at any brightness, the tree falls apart into the parts that hang together in the image.

    Attributes
    ----------
    order
        Pixels of the flat image from the brightest to the darkest.
    parent
        Place in `order` of the next darker pixel of each; its own for the root.
    level
        Brightness of each.
    """

    order: Places
    parent: Places
    level: Floats


def find_peaks(image: Floats) -> Peaks:
    """The tree of an image over 4 neighbours, without its frame of one pixel.

    After Berger et al., "Effective component tree computation with application to pattern
    recognition in astronomical imaging" (2007).
    """
    inside = np.arange(image.size, dtype=np.int32).reshape(image.shape)[1:-1, 1:-1].reshape(-1)
    level = image.reshape(-1)[inside]
    descending = _descending(level)
    order = inside[descending]
    return Peaks(order, _join(order, image.size, image.shape[1]), level[descending])


@kernel
def _descending(values: Floats) -> Places:
    """Order of values that are not negative, the largest first; several times np.argsort.

    A radix sort by 22 bits in two turns, then neighbours that these do not tell apart.
    """
    scale = ((1 << 22) - 1) / max(values.max(), 1e-300)
    order = np.arange(values.size).astype(np.int32)
    other = np.empty_like(order)
    for turn in range(2):
        place = np.zeros(2049, np.int64)
        for n in order:
            place[2048 - ((int(values[n] * scale) >> (11 * turn)) & 2047)] += 1
        for bin_ in range(2048):
            place[bin_ + 1] += place[bin_]
        for n in order:
            bin_ = 2047 - ((int(values[n] * scale) >> (11 * turn)) & 2047)
            other[place[bin_]] = n
            place[bin_] += 1
        order, other = other, order
    for i in range(1, order.size):
        n = order[i]
        while i > 0 and values[order[i - 1]] < values[n]:
            order[i] = order[i - 1]
            i -= 1
        order[i] = n
    return order


@kernel
def _join(order: Places, size: int, width: int) -> Places:
    place = np.full(size, np.int32(-1))  # in the order; -1 for pixels that are not met yet
    parent = np.arange(order.size).astype(np.int32)
    top = parent.copy()
    for n in range(order.size):
        p = order[n]
        place[p] = n
        for q in (p - width, p + width, p - 1, p + 1):
            root = place[q]
            if root < 0:
                continue
            while top[root] != root:
                top[root] = top[top[root]]
                root = top[root]
            parent[root] = n
            top[root] = n
    return parent


@kernel
def reconstruct(markers: Floats, peaks: Peaks) -> None:
    """Grow markers under the image of a tree until nothing changes, in place.

    Markers are an array (pixels of the flat image, markers); none exceeds the image. Around a
    pixel, a marker rises to the brightness down to which the image must be followed to meet a
    pixel of the marker that is as bright.
    """
    last = peaks.order.size - 1
    for n in range(last + 1):
        here, below = markers[peaks.order[n]], markers[peaks.order[peaks.parent[n]]]
        level = peaks.level[n]
        # Whatever is above a pixel was met before it.
        for s in range(here.size):
            below[s] = max(below[s], here[s])
            here[s] = min(here[s], level)
    for n in range(last - 1, -1, -1):
        here, below = markers[peaks.order[n]], markers[peaks.order[peaks.parent[n]]]
        for s in range(here.size):
            here[s] = max(here[s], below[s])
