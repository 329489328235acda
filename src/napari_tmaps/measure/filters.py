"""Filters over the neighbourhood of each pixel.

Windows that leave the image see it mirrored at its rim (d c b a | a b c d | d c b a) or its
outermost pixels repeated; the caller chooses by `border`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure import networks
from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.prefetch import prefetch
from napari_tmaps.measure.register import FLOATS, add, filled, load, multiply, store, zeros
from napari_tmaps.measure.runs import Floats, Ints

Border = Literal["mirror", "repeat"]

_NEAR = 8192  # floats that stay near the processor


def positions(length: int, before: int, after: int, border: Border) -> Ints:
    """Pixels of a line that stand for the positions -before … length + after - 1."""
    wanted = np.arange(-before, length + after)
    if border == "repeat":
        return np.clip(wanted, 0, length - 1)
    wanted %= 2 * length
    return np.where(wanted < length, wanted, 2 * length - 1 - wanted)


def gaussian(
    image: npt.NDArray[Any], sigma: float, *, radius: int = 0, border: Border = "mirror"
) -> npt.NDArray[np.float32]:
    """Gaussian blur (y, x), to a rounding error of 32 bit floats; radius 0 means 4 sigma."""
    result = np.empty(image.shape, np.float32)
    _gaussian(image, sigma, radius, border, result)
    return result


def rounded_gaussian(image: npt.NDArray[Any], sigma: float) -> npt.NDArray[Any]:
    """The same in the pixels of the image, uint8 or uint16, rounded; mirrored at the rim."""
    result = np.empty(image.shape, image.dtype)
    _gaussian(image, sigma, 0, "mirror", result)
    return result


def _gaussian(
    image: npt.NDArray[Any], sigma: float, radius: int, border: Border, result: npt.NDArray[Any]
) -> None:
    radius = radius or int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    rows = positions(image.shape[0], radius, radius, border)
    columns = positions(image.shape[1], radius, radius, border)
    whole = result.dtype != np.float32
    _convolve(image, weights.astype(np.float32), rows, columns, whole, result)


@kernel
def _convolve(
    image: npt.NDArray[Any],
    weights: npt.NDArray[np.float32],
    rows: Ints,
    columns: Ints,
    whole: bool,
    result: npt.NDArray[Any],
) -> None:
    height, width, radius = image.shape[0], image.shape[1], weights.size - 1
    reach, window = np.uintp(radius), 2 * radius + 1
    # The rows that one row needs, in turn, as 32 bit floats: each is converted once. They are those
    # of a strip of columns and what is around it, so that all of them stay near the processor, and
    # lie in one piece, each some pairs of registers long.
    pair = 2 * FLOATS
    most = min(width + 2 * radius, max(_NEAR // window, 8 * radius, 2 * pair))
    length = (most + pair - 1) // pair * pair
    near, wide = zeros(np.float32, window * length), zeros(np.float32, length + pair)
    sums, strip, stride = np.empty(length + pair, np.float32), length - 2 * radius, np.uintp(length)
    above, below = np.empty(radius + 1, np.uintp), np.empty(radius + 1, np.uintp)
    left, right = reach - np.arange(radius + 1).astype(np.uintp), np.empty_like(above)
    right[:] = reach + reach - left
    for first in range(0, width, strip):
        begin, size = np.uintp(first), np.uintp(min(strip, width - first))
        outside, inside = np.uintp(max(0, radius - first)), np.uintp(width - first + radius)
        around = size + reach + reach
        for y in range(1 - window, height):
            last = np.uintp((y + window - 1) % window) * stride
            source = rows[y + window - 1]
            next_ = np.uintp(rows[min(y + window + 3, rows.size - 1)])  # is on its way
            for x in range(np.uintp(0), around, np.uintp(FLOATS)):
                prefetch(image, (next_, begin + x))
            for x in range(outside):
                near[last + x] = np.float32(image[source, columns[begin + x]])
            for x in range(outside, min(inside, around)):
                near[last + x] = np.float32(image[source, begin + x - reach])
            for x in range(inside, around):
                near[last + x] = np.float32(image[source, columns[begin + x]])
            if y < 0:
                continue
            for k in range(radius + 1):
                above[k] = np.uintp((y + radius - k) % window) * stride
                below[k] = np.uintp((y + radius + k) % window) * stride
            _weigh(near, above, below, weights, around, wide)
            _weigh(wide, left, right, weights, size, sums)
            if whole:
                for x in range(size):
                    sums[x] = np.rint(sums[x])  # one half goes to the even number
            for x in range(size):
                result[y, begin + x] = sums[x]


@kernel
def _weigh(
    values: npt.NDArray[np.float32],
    before: npt.NDArray[np.uintp],
    after: npt.NDArray[np.uintp],
    weights: npt.NDArray[np.float32],
    size: np.uintp,
    sums: npt.NDArray[np.float32],
) -> None:
    """Set sums[x] to the weighted sum of the values at before + x and after + x.

    The first of both is the middle, which counts once. Two registers at a time: a sum waits for
    its last addition.
    """
    half = np.uintp(FLOATS)
    for x in range(np.uintp(0), size, np.uintp(2 * FLOATS)):
        middle, weight = before[0] + x, filled(weights[0])
        one = multiply(weight, load(values, middle))
        two = multiply(weight, load(values, middle + half))
        for k in range(1, weights.size):
            a, b, weight = before[k] + x, after[k] + x, filled(weights[k])
            one = add(one, multiply(weight, add(load(values, a), load(values, b))))
            a, b = a + half, b + half
            two = add(two, multiply(weight, add(load(values, a), load(values, b))))
        store(sums, x, one)
        store(sums, x + half, two)


def box_sums(image: npt.NDArray[Any], size: int, border: Border = "mirror") -> tuple[Ints, Ints]:
    """Sum of the values and of their squares in the square window of each pixel, exact.

    An even window reaches one pixel farther up and left.
    """
    before, after = size // 2, (size - 1) // 2
    rows = positions(image.shape[0], before, after, border)
    columns = positions(image.shape[1], before, after, border)
    return _box_sums(image, size, rows, columns)


@kernel
def _box_sums(image: npt.NDArray[Any], size: int, rows: Ints, columns: Ints) -> tuple[Ints, Ints]:
    height, width = image.shape
    total, squares = np.empty((height, width), np.int64), np.empty((height, width), np.int64)
    down, down_squares = np.zeros(width, np.int64), np.zeros(width, np.int64)
    for y in range(-size + 1, height):
        entering = image[rows[y + size - 1]]
        for x in range(width):
            value = np.int64(entering[x])
            down[x] += value
            down_squares[x] += value * value
        if y > 0:
            leaving = image[rows[y - 1]]
            for x in range(width):
                value = np.int64(leaving[x])
                down[x] -= value
                down_squares[x] -= value * value
        if y < 0:
            continue
        across, across_squares = np.int64(0), np.int64(0)
        for x in range(-size + 1, width):
            across += down[columns[x + size - 1]]
            across_squares += down_squares[columns[x + size - 1]]
            if x > 0:
                across -= down[columns[x - 1]]
                across_squares -= down_squares[columns[x - 1]]
            if x >= 0:
                total[y, x] = across
                squares[y, x] = across_squares
    return total, squares


def window_extreme(choose: Any, image: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Extreme of the square window of each pixel, mirrored at the rim; `size` is odd.

    `choose` is numpy.minimum or numpy.maximum. Windows are joined to larger ones, so that the time
    hardly depends on their size.
    """
    found = np.pad(image, size // 2, mode="symmetric")
    for _ in range(2):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            found = choose(found[:-step], found[step:])
            reach += step
        found = found.T
    return np.ascontiguousarray(found)


# Up to this size, comparing all pixels of a window is faster than keeping its histogram.
_LARGEST_COMPARED = 21


def median(image: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Median of the square window of each pixel, mirrored at the rim.

    An even window reaches one pixel farther up and left and gives the upper of the two middles.
    """
    before, after = size // 2, (size - 1) // 2
    rows = positions(image.shape[0], before, after, "mirror")
    columns = positions(image.shape[1], before, after, "mirror")
    if size > _LARGEST_COMPARED:
        return _median_by_histogram(image, size, rows, columns)
    width = image.shape[1]
    wide = np.empty((image.shape[0], columns.size), np.uint16)
    wide[:, before : before + width] = image
    wide[:, :before] = image[:, columns[:before]]
    wide[:, before + width :] = image[:, columns[before + width :]]
    if size in (3, 5):
        of = networks.median_of_three if size == 3 else networks.median_of_five
        return of(wide, rows).astype(image.dtype, copy=False)
    bits = int(image.max()).bit_length()
    return _median_by_bits(wide, size, rows, bits).astype(image.dtype, copy=False)


@kernel
def _median_by_bits(
    wide: npt.NDArray[np.uint16], size: int, rows: Ints, bits: int
) -> npt.NDArray[np.uint16]:
    """Binary search: the largest value that at most half of the window is below.

    All pixels of a row search at once, which runs on vector registers.
    """
    height, width = wide.shape[0], wide.shape[1] - size + 1
    half = np.uint16(size * size // 2)
    result = np.zeros((height, width), np.uint16)
    trial, below = np.empty(width, np.uint16), np.empty(width, np.uint16)
    for y in range(height):
        found = result[y]
        for bit in range(bits - 1, -1, -1):
            one = np.uint16(1 << bit)
            for x in range(width):
                trial[x] = found[x] | one
            below[:] = 0
            for i in range(size):
                line = wide[rows[y + i]]
                for j in range(size):
                    shifted = line[j : j + width]
                    for x in range(width):
                        below[x] += np.uint16(shifted[x] < trial[x])
            for x in range(width):
                found[x] |= one * np.uint16(below[x] <= half)
    return result


@kernel
def _median_by_histogram(
    image: npt.NDArray[Any], size: int, rows: Ints, columns: Ints
) -> npt.NDArray[Any]:
    """After Huang, Yang and Tang (1979): the window slides over a histogram of two levels."""
    height, width = image.shape
    result = np.empty_like(image)
    half = size * size // 2
    coarse, fine = np.empty(256, np.int64), np.empty(65536, np.int64)
    for y in range(height):
        coarse[:] = 0
        fine[:] = 0
        for x in range(-size + 1, width):
            for i in range(size):
                value = np.int64(image[rows[y + i], columns[x + size - 1]])
                coarse[value >> 8] += 1
                fine[value] += 1
                if x > 0:
                    value = np.int64(image[rows[y + i], columns[x - 1]])
                    coarse[value >> 8] -= 1
                    fine[value] -= 1
            if x < 0:
                continue
            seen, part = np.int64(0), 0
            while seen + coarse[part] <= half:
                seen += coarse[part]
                part += 1
            value = np.int64(part << 8)
            while seen + fine[value] <= half:
                seen += fine[value]
                value += 1
            result[y, x] = value
    return result


def bilateral(image: npt.NDArray[Any], sigma: float) -> Floats:
    """Mean of the near and similar pixels; sigma is in pixels and in intensities alike.

    After Tomasi and Manduchi, "Bilateral filtering for gray and color images" (1998), in a disc
    of radius 1.5 sigma, mirrored at the rim.
    """
    radius = max(1, round(1.5 * sigma))
    near = np.exp(-0.5 * (np.arange(2 * radius * radius + 1) / sigma**2))
    alike = np.exp(-0.5 * (np.arange(1 << (8 * image.itemsize)) / sigma) ** 2)
    rows = positions(image.shape[0], radius, radius, "mirror")
    columns = positions(image.shape[1], radius, radius, "mirror")
    return _bilateral(image, radius, near, alike, rows, columns)


@kernel
def _bilateral(
    image: npt.NDArray[Any], radius: int, near: Floats, alike: Floats, rows: Ints, columns: Ints
) -> Floats:
    height, width = image.shape
    result = np.empty((height, width), np.float64)
    for y in range(height):
        for x in range(width):
            middle = np.int64(image[y, x])
            total, weights = 0.0, 0.0
            for dy in range(-radius, radius + 1):
                line = image[rows[y + radius + dy]]
                for dx in range(-radius, radius + 1):
                    if dy * dy + dx * dx <= radius * radius:
                        value = np.int64(line[columns[x + radius + dx]])
                        weight = near[dy * dy + dx * dx] * alike[abs(value - middle)]
                        total += weight * value
                        weights += weight
            result[y, x] = total / weights
    return result


def disc_range(image: npt.NDArray[Any], radius: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Darkest and brightest pixel within a distance of each pixel; outside the image is nothing."""
    padded = np.pad(image, radius, mode="edge")
    return _disc_extreme(np.minimum, padded, radius), _disc_extreme(np.maximum, padded, radius)


def _disc_extreme(choose: Any, padded: npt.NDArray[Any], radius: int) -> npt.NDArray[Any]:
    """The disc is taken apart into rows: first along x, then the rows over each other."""
    height, width = padded.shape[0] - 2 * radius, padded.shape[1] - 2 * radius
    along = padded[:, radius : radius + width].copy()
    result = along[radius : radius + height].copy()
    reach = 0
    for dy in range(radius, -1, -1):
        while (reach + 1) ** 2 + dy**2 <= radius**2:
            reach += 1
            choose(along, padded[:, radius - reach : radius - reach + width], out=along)
            choose(along, padded[:, radius + reach : radius + reach + width], out=along)
        for y in (radius - dy, radius + dy):
            choose(result, along[y : y + height], out=result)
    return result
