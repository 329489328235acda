"""How two channels go together within objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Runs

Pixels = npt.NDArray[np.uint16]

NAMES = (
    "pearson",
    "slope",
    "overlap",
    "k_1",
    "k_2",
    "manders_1",
    "manders_2",
    "rank_weighted_1",
    "rank_weighted_2",
)


@kernel
def colocalisation(
    runs: Runs, image_1: npt.NDArray[Any], image_2: npt.NDArray[Any], percent: float
) -> Floats:
    """How the intensities of two images (y, x) of uint16 go together in each object.

    The definitions of CellProfiler's MeasureColocalization. All but the first two take only the
    pixels that have at least `percent` of the object's brightest pixel in both images.

    Returns an array (objects, 9) in the order of `NAMES`; NaN where a formula divides by 0.
    """
    count = runs.labels.size
    result = np.full((count, 9), np.nan)
    rank_of = np.empty(65536, np.int64)
    for k in range(count):
        a, b = _pixels(runs, k, image_1), _pixels(runs, k, image_2)
        _regress(a, b, result[k])
        rank_a, ranks_a = _ranks(a, rank_of)
        rank_b, ranks_b = _ranks(b, rank_of)
        ranks = max(ranks_a, ranks_b)
        low_a, low_b = percent / 100 * a.max(), percent / 100 * b.max()
        sum_a, sum_b, both_a, both_b = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        aa, bb, ab = np.int64(0), np.int64(0), np.int64(0)
        weighted_a, weighted_b = 0.0, 0.0
        for i in range(a.size):
            u, v = np.int64(a[i]), np.int64(b[i])
            sum_a += u if u >= low_a else 0
            sum_b += v if v >= low_b else 0
            if u >= low_a and v >= low_b:
                both_a += u
                both_b += v
                aa += u * u
                bb += v * v
                ab += u * v
                weight = (ranks - abs(rank_a[i] - rank_b[i])) / ranks
                weighted_a += u * weight
                weighted_b += v * weight
        if aa > 0 and bb > 0:
            result[k, 2] = ab / np.sqrt(np.float64(aa) * np.float64(bb))
        if aa > 0:
            result[k, 3] = ab / aa
        if bb > 0:
            result[k, 4] = ab / bb
        if sum_a > 0:
            result[k, 5], result[k, 7] = both_a / sum_a, weighted_a / sum_a
        if sum_b > 0:
            result[k, 6], result[k, 8] = both_b / sum_b, weighted_b / sum_b
    return result


@kernel
def costes(runs: Runs, image_1: npt.NDArray[Any], image_2: npt.NDArray[Any]) -> Floats:
    """Share of each channel that is above Costes' thresholds where both channels are.

    After Costes et al., "Automatic and quantitative measurement of protein-protein colocalization
    in live cells" (2004). The thresholds lie on the line of the orthogonal regression over the
    pixels of all objects that are not black in both images (y, x) of uint16. From the brightest
    down, they are the first at which the pixels that are darker in one of the images do not go
    together any more.

    Returns an array (objects, 2); 0 where no pixel is above both thresholds.
    """
    count = runs.labels.size
    result = np.zeros((count, 2), np.float64)
    low_1, low_2 = _costes_thresholds(runs, image_1, image_2)
    for k in range(count):
        a, b = _pixels(runs, k, image_1), _pixels(runs, k, image_2)
        sum_a, sum_b, both_a, both_b = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for i in range(a.size):
            u, v = np.int64(a[i]), np.int64(b[i])
            sum_a += u if u >= low_1 else 0
            sum_b += v if v >= low_2 else 0
            if u > low_1 and v > low_2:
                both_a += u
                both_b += v
        if both_a > 0:
            result[k, 0], result[k, 1] = both_a / sum_a, both_b / sum_b
    return result


@kernel
def _costes_thresholds(
    runs: Runs, image_1: npt.NDArray[Any], image_2: npt.NDArray[Any]
) -> tuple[float, float]:
    """Costes' thresholds of both images; infinite if they do not go together at all."""
    # Sums of 1, u, v, u², v² and uv over the pixels that are darker than each threshold.
    total = np.zeros(6, np.float64)
    for k in range(runs.labels.size):
        for i in range(runs.first[k], runs.first[k + 1]):
            for x in range(runs.start[i], runs.stop[i]):
                u, v = np.float64(image_1[runs.row[i], x]), np.float64(image_2[runs.row[i], x])
                if u > 0 or v > 0:
                    _add(total, u, v)
    cov, var_1, var_2 = _spread(total)
    if cov <= 0:
        return np.inf, np.inf
    slope = (var_2 - var_1 + np.sqrt((var_2 - var_1) ** 2 + 4 * cov**2)) / (2 * cov)
    shift = (total[2] - slope * total[1]) / total[0]
    bins = np.zeros((65538, 6), np.float64)
    for k in range(runs.labels.size):
        for i in range(runs.first[k], runs.first[k + 1]):
            for x in range(runs.start[i], runs.stop[i]):
                u, v = np.float64(image_1[runs.row[i], x]), np.float64(image_2[runs.row[i], x])
                # Darker than the thresholds t and slope × t + shift in one of the images.
                darkest = min(u, np.floor((v - shift) / slope))
                _add(bins[max(0, int(darkest) + 1)], u, v)
    for t in range(1, bins.shape[0]):
        bins[t] += bins[t - 1]
    threshold = bins.shape[0] - 1
    while threshold > 1 and _spread(bins[threshold])[0] > 0:
        threshold -= 1
    return float(threshold), slope * threshold + shift


@kernel
def _add(sums: Floats, u: float, v: float) -> None:
    sums[0] += 1
    sums[1] += u
    sums[2] += v
    sums[3] += u * u
    sums[4] += v * v
    sums[5] += u * v


@kernel
def _spread(sums: Floats) -> tuple[float, float, float]:
    """Covariance and variances, times the number of pixels; 0 without pixels."""
    number = max(sums[0], 1.0)
    return (
        sums[5] - sums[1] * (sums[2] / number),
        sums[3] - sums[1] * (sums[1] / number),
        sums[4] - sums[2] * (sums[2] / number),
    )


@kernel
def _pixels(runs: Runs, k: int, image: npt.NDArray[Any]) -> Pixels:
    area = 0
    for i in range(runs.first[k], runs.first[k + 1]):
        area += runs.stop[i] - runs.start[i]
    values = np.empty(area, np.uint16)
    n = 0
    for i in range(runs.first[k], runs.first[k + 1]):
        for value in image[runs.row[i], runs.start[i] : runs.stop[i]]:
            values[n] = value
            n += 1
    return values


@kernel
def _regress(a: Pixels, b: Pixels, result: Floats) -> None:
    """Correlation, and slope of b over a."""
    sum_a, sum_b = np.int64(0), np.int64(0)
    for i in range(a.size):
        sum_a += a[i]
        sum_b += b[i]
    # Whole numbers near the means keep the sums of squares exact.
    middle_a, middle_b = sum_a // a.size, sum_b // b.size
    off_a, off_b = np.int64(0), np.int64(0)
    aa, bb, ab = np.int64(0), np.int64(0), np.int64(0)
    for i in range(a.size):
        u, v = np.int64(a[i]) - middle_a, np.int64(b[i]) - middle_b
        off_a += u
        off_b += v
        aa += u * u
        bb += v * v
        ab += u * v
    var_a, var_b = aa - off_a * (off_a / a.size), bb - off_b * (off_b / a.size)
    cov = ab - off_a * (off_b / a.size)
    if var_a > 0 and var_b > 0:
        result[0] = cov / np.sqrt(var_a * var_b)
    if var_a > 0:
        result[1] = cov / var_a


@kernel
def _ranks(values: Pixels, rank_of: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Rank of each value among the distinct values, from 0, and the number of these."""
    low, high = values.min(), values.max()
    for value in range(low, high + 1):
        rank_of[value] = 0
    for value in values:
        rank_of[value] = 1
    number = 0
    for value in range(low, high + 1):
        number += rank_of[value]
        rank_of[value] = number - 1
    ranks = np.empty(values.size, np.int64)
    for i in range(values.size):
        ranks[i] = rank_of[values[i]]
    return ranks, number
