"""Ranks, edges and surroundings of the intensities of objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.neighbours import disc_rows, paint_near
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs
from napari_tmaps.measure.shape import inner_border


class Quantiles(NamedTuple):
    """Quartiles, median, and the median distance to the median (MAD) of each object."""

    lower: Floats
    median: Floats
    upper: Floats
    mad: Floats


class Edge(NamedTuple):
    """Intensities of the outline of each object; `std` is the population standard deviation."""

    minimum: Ints
    maximum: Ints
    total: Ints
    mean: Floats
    std: Floats


class Brightest(NamedTuple):
    """The brightest pixel of each object; the first in reading order."""

    y: Ints
    x: Ints


@kernel
def quantiles(runs: Runs, image: npt.NDArray[Any]) -> Quantiles:
    """Quantiles of the objects in an image (y, x) of uint16.

    Between two ranks they are interpolated linearly, as numpy does.
    """
    count = runs.labels.size
    result = np.empty((4, count), np.float64)
    for k in range(count):
        values = _sorted(runs, k, image)
        for q in range(3):
            result[q, k] = _at(values, 0.25 * (q + 1) * (values.size - 1))
        result[3, k] = _median_distance(values, result[1, k])
    return Quantiles(result[0], result[1], result[2], result[3])


@kernel
def _sorted(runs: Runs, k: int, image: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Intensities of an object in order: a radix sort by the low, then by the high 8 bits."""
    area = 0
    for i in range(runs.first[k], runs.first[k + 1]):
        area += runs.stop[i] - runs.start[i]
    values, other = np.empty(area, np.uint16), np.empty(area, np.uint16)
    place = np.zeros((2, 257), np.int64)
    n = 0
    for i in range(runs.first[k], runs.first[k + 1]):
        for value in image[runs.row[i], runs.start[i] : runs.stop[i]]:
            values[n] = value
            place[0, (value & 255) + 1] += 1
            place[1, (value >> 8) + 1] += 1
            n += 1
    for bin_ in range(256):
        place[0, bin_ + 1] += place[0, bin_]
        place[1, bin_ + 1] += place[1, bin_]
    for value in values:
        other[place[0, value & 255]] = value
        place[0, value & 255] += 1
    for value in other:
        values[place[1, value >> 8]] = value
        place[1, value >> 8] += 1
    return values


@kernel
def _at(values: npt.NDArray[np.uint16], rank: float) -> float:
    below = int(rank)
    above = min(below + 1, values.size - 1)
    return float(values[below] + (rank - below) * (np.float64(values[above]) - values[below]))


@kernel
def _median_distance(values: npt.NDArray[np.uint16], median: float) -> float:
    """Median of the distances of sorted values to their median, nearest first."""
    right = np.searchsorted(values, median)
    left = right - 1
    before, here = 0.0, 0.0
    for _ in range(values.size // 2 + 1):
        before = here
        if right == values.size or (left >= 0 and median - values[left] <= values[right] - median):
            here = median - values[left]
            left -= 1
        else:
            here = values[right] - median
            right += 1
    return here if values.size % 2 else (before + here) / 2


@kernel
def edge_intensities(runs: Runs, boxes: Boxes, image: npt.NDArray[Any]) -> Edge:
    """Intensities of the pixels that have a 4-neighbour outside their object."""
    count = runs.labels.size
    minimum, maximum = np.empty(count, np.int64), np.empty(count, np.int64)
    total = np.empty(count, np.int64)
    mean, std = np.empty(count, np.float64), np.empty(count, np.float64)
    for k in range(count):
        border = inner_border(runs, boxes, k)
        low, high, sum_, number = np.int64(1 << 62), np.int64(-1), np.int64(0), 0
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        for y in range(1, border.shape[0] - 1):
            for x in range(1, border.shape[1] - 1):
                if border[y, x]:
                    value = np.int64(image[top + y, left + x])
                    low, high = min(low, value), max(high, value)
                    sum_ += value
                    number += 1
        middle, squares = sum_ / number, 0.0
        for y in range(1, border.shape[0] - 1):
            for x in range(1, border.shape[1] - 1):
                if border[y, x]:
                    squares += (image[top + y, left + x] - middle) ** 2
        minimum[k], maximum[k], total[k] = low, high, sum_
        mean[k], std[k] = middle, np.sqrt(squares / number)
    return Edge(minimum, maximum, total, mean, std)


@kernel
def brightest_pixels(runs: Runs, image: npt.NDArray[Any]) -> Brightest:
    """Where the objects are brightest."""
    count = runs.labels.size
    y, x = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(count):
        high = np.int64(-1)
        for i in range(runs.first[k], runs.first[k + 1]):
            for u in range(runs.start[i], runs.stop[i]):
                if image[runs.row[i], u] > high:
                    high = np.int64(image[runs.row[i], u])
                    y[k], x[k] = runs.row[i], u
    return Brightest(y, x)


@kernel
def backgrounds(
    runs: Runs,
    boxes: Boxes,
    labels: npt.NDArray[np.int32],
    image: npt.NDArray[Any],
    distance: int,
) -> Floats:
    """Mean intensity around each object: of the pixels within a distance that are no object.

    NaN where there is no such pixel.
    """
    count = runs.labels.size
    result = np.full(count, np.nan)
    reach = disc_rows(distance)
    for k in range(count):
        top, left, near = paint_near(runs, boxes, k, reach, labels.shape)
        sum_, number = np.int64(0), 0
        for y in range(near.shape[0]):
            for x in range(near.shape[1]):
                if near[y, x] and labels[top + y, left + x] == 0:
                    sum_ += np.int64(image[top + y, left + x])
                    number += 1
        if number:
            result[k] = sum_ / number
    return result
