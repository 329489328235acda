"""Which intensities lie beside which (Haralick)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs

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
    pairs = np.zeros(65536, np.int32)  # by lower level × 256 + higher level
    bits = _bits(2048)
    minus, plus, single = np.zeros(256, np.int64), np.zeros(511, np.int64), np.zeros(256, np.int64)
    for k in range(count):
        width = boxes.right[k] - boxes.left[k] + 2 * reach
        levels = np.zeros((boxes.bottom[k] - boxes.top[k] + reach) * width, np.uint8)
        corner = boxes.top[k] * width + boxes.left[k] - reach
        _quantise(runs, k, image, ceiling, levels, corner, width)
        met = np.empty(min(32768, levels.size) + 1, np.int32)
        for d in range(distances.size):
            distance = distances[d]
            values = np.zeros(13, np.float64)
            directions = 0
            for step in (1, width - 1, width, width + 1):
                kinds, number = _count_pairs(
                    runs, k, levels, corner, width, step * distance, pairs, met
                )
                if number:
                    directions += 1
                    minus[:], plus[:], single[:] = 0, 0, 0
                    _add_statistics(met[:kinds], number, pairs, minus, plus, single, bits, values)
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
def _in_bits(n: np.int64, table: Floats) -> float:
    return float(table[n] if n < table.size else n * np.log2(n))


@kernel
def _quantise(
    runs: Runs,
    k: int,
    image: npt.NDArray[Any],
    ceiling: int,
    levels: npt.NDArray[np.uint8],
    corner: int,
    width: int,
) -> None:
    brightest = np.uint32(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        for value in image[runs.row[i], runs.start[i] : runs.stop[i]]:
            brightest = max(brightest, np.uint32(value))
    brightest = min(brightest, np.uint32(ceiling))
    if brightest == 0:
        return
    for i in range(runs.first[k], runs.first[k + 1]):
        at = runs.row[i] * width - corner
        line = levels[at + runs.start[i] : at + runs.stop[i]]
        values = image[runs.row[i], runs.start[i] : runs.stop[i]]
        for x in range(line.size):
            line[x] = np.uint32(255) * min(np.uint32(values[x]), brightest) // brightest


@kernel
def _count_pairs(
    runs: Runs,
    k: int,
    levels: npt.NDArray[np.uint8],
    corner: int,
    width: int,
    step: int,
    pairs: npt.NDArray[np.int32],
    met: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """Count the pairs of pixels that lie one step apart; how many kinds, and how many in all."""
    # Unsigned positions, which need no test for being counted from the end.
    kinds, found = np.uintp(0), np.uintp(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        at = runs.row[i] * width - corner
        for p in range(np.uintp(at + runs.start[i]), np.uintp(at + runs.stop[i])):
            a, b = levels[p], levels[p + np.uintp(step)]
            if a != 0 and b != 0:
                pair = np.uint32(min(a, b)) << np.uint32(8) | np.uint32(max(a, b))
                count = pairs[pair]
                pairs[pair] = count + np.int32(1)
                met[kinds] = pair
                kinds += np.uintp(count == 0)
                found += np.uintp(1)
    return int(kinds), int(found)


@kernel
def _add_statistics(
    met: npt.NDArray[np.int32],
    number: int,
    pairs: npt.NDArray[np.int32],
    minus: Ints,
    plus: Ints,
    single: Ints,
    bits: Floats,
    values: Floats,
) -> None:
    """Add the statistics of one direction to the values, and set its pairs back to 0.

    The matrix of pairs is symmetric: of n pairs of unlike levels, n / 2 stand on either side.
    """
    squares, together, products = np.int64(0), 0.0, np.int64(0)
    for pair in met:
        low, high = np.int64(pair >> 8), np.int64(pair & 255)
        n = np.int64(pairs[np.uintp(pair)])
        pairs[np.uintp(pair)] = 0
        minus[np.uintp(high - low)] += n
        plus[np.uintp(high + low)] += n
        single[np.uintp(low)] += n
        single[np.uintp(high)] += n
        products += n * low * high
        squares += n * n * (2 if low == high else 1)
        together += _in_bits(n, bits) + (n if low == high else 0)
    sum_, sum_squares, levels, alone = np.int64(0), np.int64(0), 0, 0.0
    for v in range(256):
        if single[v]:
            sum_ += v * single[v]
            sum_squares += v * v * single[v]
            alone += _in_bits(single[v], bits)
            levels += 1
    contrast, similar, gap_squares, gaps = np.int64(0), 0.0, np.int64(0), 0.0
    for v in range(256):
        if minus[v]:
            contrast += v * v * minus[v]
            similar += minus[v] / (1 + v * v)
            gap_squares += minus[v] * minus[v]
            gaps += _in_bits(minus[v], bits)
    plus_squares, plus_bits = np.int64(0), 0.0
    for v in range(511):
        if plus[v]:
            plus_squares += v * v * plus[v]
            plus_bits += _in_bits(plus[v], bits)
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
