"""Which intensities lie beside which (Haralick)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, gather, largest_area

Counts = npt.NDArray[np.int32]

NAMES = (
    "angular-second-moment",
    "contrast",
    "correlation",
    "sum-of-squares",
    "inverse-diff-moment",
    "sum-avg",
    "sum-var",
    "sum-entropy",
    "entropy",
    "diff-var",
    "diff-entropy",
    "info-measure-corr-1",
    "info-measure-corr-2",
)

_KINDS = 255 * 256 // 2  # of pairs of levels


class Sums(NamedTuple):
    """How many pairs have each difference and sum of levels, each level, and are of each kind."""

    minus: Counts
    plus: Counts
    single: Counts
    kinds: Counts


@kernel
def haralick(
    runs: Runs, boxes: Boxes, image: npt.NDArray[Any], ceiling: int, distances: Ints
) -> Floats:
    """The 13 statistics of Haralick, Shanmugam and Dinstein (1973), mean of four directions.

    The levels of an object go from 0 to 255, its brightest pixel: floor(255 × intensity /
    brightest), where intensities above `ceiling` count as that. Pairs with a pixel of level 0 or
    outside the object do not count. The statistics are those of mahotas: pairs count in both
    orders, entropies are in bits, `diff-var` is the variance of the 256 probabilities.

    Directions without a pair are left out of the mean; without any pair all is NaN. Returns an
    array (objects, distances, 13).
    """
    count = runs.labels.size
    result = np.full((count, distances.size, 13), np.nan)
    reach = distances.max()
    largest = largest_area(runs)
    pixels, codes = np.empty(largest, image.dtype), np.empty(largest, np.uint16)
    pairs = np.zeros(65536, np.int32)  # by lower level × 256 + higher level
    met = np.empty(min(_KINDS, largest) + 1, np.uint16)
    sums = Sums(
        np.zeros(256, np.int32),
        np.zeros(512, np.int32),
        np.zeros(256, np.int32),
        np.empty(met.size, np.int32),
    )
    bits = _bits(2048)
    for k in range(count):
        width = boxes.right[k] - boxes.left[k] + 2 * reach
        levels = np.zeros((boxes.bottom[k] - boxes.top[k] + reach) * width, np.uint8)
        corner = boxes.top[k] * width + boxes.left[k] - reach
        _quantise(runs, k, pixels[: gather(runs, k, image, pixels)], ceiling, levels, corner, width)
        for d in range(distances.size):
            distance = distances[d]
            values = np.zeros(13, np.float64)
            directions = 0
            for step in (1, width - 1, width, width + 1):
                area = _pair_up(runs, k, levels, corner, width, step * distance, codes)
                kinds, number = _count(codes[:area], pairs, met)
                if number:
                    directions += 1
                    _add_statistics(met[:kinds], number, pairs, sums, bits, values)
            if directions:
                result[k, d] = values / directions
    return result


@kernel
def _bits(size: int) -> Floats:
    """n × log2 n for small n."""
    table = np.zeros(size, np.float64)
    for n in range(2, size):
        table[n] = n * np.log2(n)
    return table


@kernel
def _in_bits(counts: Counts, table: Floats) -> float:
    """Sum of n × log2 n."""
    largest = np.int32(0)
    for i in range(counts.size):
        largest = max(largest, counts[i])
    # Four sums at a time, each of which would wait for its last addition.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    begin = np.uintp(0)
    if largest < table.size:
        one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
        while begin + four <= np.uintp(counts.size):
            a += table[np.uintp(counts[begin])]
            b += table[np.uintp(counts[begin + one])]
            c += table[np.uintp(counts[begin + two])]
            d += table[np.uintp(counts[begin + three])]
            begin += four
    for i in range(begin, np.uintp(counts.size)):
        n = counts[i]
        a += n * np.log2(n) if n >= table.size else table[np.uintp(n)]
    return (a + b) + (c + d)


@kernel
def _quantise(
    runs: Runs,
    k: int,
    pixels: npt.NDArray[Any],
    ceiling: int,
    levels: npt.NDArray[np.uint8],
    corner: int,
    width: int,
) -> None:
    brightest = np.int32(0)
    for x in range(pixels.size):
        brightest = max(brightest, np.int32(pixels[x]))
    brightest = min(brightest, np.int32(ceiling))
    if brightest == 0:
        return
    whole = np.float32(brightest)
    n = np.uintp(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        at = np.uintp(runs.row[i] * width - corner + runs.start[i])
        length = np.uintp(runs.stop[i] - runs.start[i])
        for x in range(length):
            # 24 bits hold the product; no quotient comes so close to a whole number from below
            # that it is rounded up to it.
            value = np.float32(np.int32(255) * min(np.int32(pixels[n + x]), brightest))
            levels[at + x] = np.uint8(np.int32(value / whole))
        n += length


@kernel
def _pair_up(
    runs: Runs,
    k: int,
    levels: npt.NDArray[np.uint8],
    corner: int,
    width: int,
    step: int,
    codes: npt.NDArray[np.uint16],
) -> int:
    """Codes of the pairs of each pixel with the one a step on; how many. No pair is below 256."""
    n, on = np.uintp(0), np.uintp(step)
    for i in range(runs.first[k], runs.first[k + 1]):
        at = np.uintp(runs.row[i] * width - corner + runs.start[i])
        length = np.uintp(runs.stop[i] - runs.start[i])
        for x in range(length):
            a, b = levels[at + x], levels[at + x + on]
            codes[n + x] = np.uint16(min(a, b)) << np.uint16(8) | np.uint16(max(a, b))
        n += length
    return int(n)


@kernel
def _count(
    codes: npt.NDArray[np.uint16], pairs: Counts, met: npt.NDArray[np.uint16]
) -> tuple[int, int]:
    """Count the pairs of each code; how many kinds were met, and how many pairs in all."""
    pairs[:256] = 1  # what is no pair is never met
    kinds = np.uintp(0)
    for x in range(codes.size):
        code = np.uintp(codes[x])
        count = pairs[code]
        pairs[code] = count + np.int32(1)
        met[kinds] = codes[x]
        kinds += np.uintp(count == 0)
    none = np.int64(0)
    for low in range(256):
        none += np.int64(pairs[low]) - 1
    return int(kinds), int(codes.size - none)


@kernel
def _add_statistics(
    met: npt.NDArray[np.uint16],
    number: int,
    pairs: Counts,
    sums: Sums,
    bits: Floats,
    values: Floats,
) -> None:
    """Add the statistics of one direction to the values, and set its pairs back to 0.

    The matrix of pairs is symmetric: of n pairs of unlike levels, n / 2 stand on either side.
    """
    minus, plus, single = sums.minus, sums.plus, sums.single
    minus[:], plus[:], single[:] = 0, 0, 0
    counts, squares = sums.kinds[: met.size], np.int64(0)
    for i in range(met.size):
        pair = np.uintp(met[i])
        low, high = pair >> np.uintp(8), pair & np.uintp(255)
        n = pairs[pair]
        pairs[pair] = 0
        minus[high - low] += n
        plus[high + low] += n
        single[low] += n
        single[high] += n
        squares += (np.int64(n) * np.int64(n)) << np.int64(low == high)
        counts[i] = n
    sum_, sum_squares, levels = np.int64(0), np.int64(0), np.int64(0)
    contrast, gap_squares, plus_squares = np.int64(0), np.int64(0), np.int64(0)
    for v in range(256):
        sum_ += v * np.int64(single[v])
        sum_squares += v * v * np.int64(single[v])
        levels += np.int64(single[v] > 0)
        contrast += v * v * np.int64(minus[v])
        gap_squares += np.int64(minus[v]) * np.int64(minus[v])
    for v in range(512):
        plus_squares += v * v * np.int64(plus[v])
    similar = 0.0
    for v in range(256):
        similar += minus[v] / (1.0 + v * v)
    alone, plus_bits, gaps = _in_bits(single, bits), _in_bits(plus, bits), _in_bits(minus, bits)
    together = _in_bits(counts, bits) + minus[0]
    products = (plus_squares - contrast) // 4
    twice = 2 * number
    mean = sum_ / twice
    # Whole numbers, so that even objects have a variance of exactly 0.
    variance = (twice * sum_squares - sum_ * sum_) / (twice * twice)
    entropy = np.log2(twice) - together / number
    values[0] += squares / (2.0 * number * number)
    values[1] += contrast / number
    values[2] += 1.0 if levels == 1 else (products / number - mean * mean) / variance
    values[3] += variance
    values[4] += similar / number
    values[5] += sum_ / number
    values[6] += (number * plus_squares - sum_ * sum_) / (number * number)
    values[7] += max(0.0, np.log2(number) - plus_bits / number)
    values[8] += max(0.0, entropy)
    values[9] += gap_squares / (256.0 * number * number) - 1 / 65536
    values[10] += max(0.0, np.log2(number) - gaps / number)
    if levels > 1:
        one = np.log2(twice) - alone / twice
        shared = 2 * one - entropy
        values[11] += -shared / one
        values[12] += np.sqrt(max(0.0, 1 - np.exp(-2 * shared)))
