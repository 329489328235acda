"""Histograms of whole images, and the thresholds that follow from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.known import Known
from napari_tmaps.measure.runs import Ints

_known: Known[Ints] = Known()


@kernel
def count_values(pixels: npt.NDArray[Any], bins: int) -> Ints:
    """How many of the pixels have each value below the number of bins, which all are."""
    # Four counters, because neighbouring pixels are alike and would wait for each other.
    parts = np.zeros((4, bins), np.int64)
    whole = pixels.size - pixels.size % 4
    for i in range(0, whole, 4):
        parts[0, pixels[i]] += 1
        parts[1, pixels[i + 1]] += 1
        parts[2, pixels[i + 2]] += 1
        parts[3, pixels[i + 3]] += 1
    for i in range(whole, pixels.size):
        parts[0, pixels[i]] += 1
    sums: Ints = parts[0] + parts[1] + parts[2] + parts[3]
    return sums


def histogram(image: npt.NDArray[Any]) -> Ints:
    """How many pixels of a uint8 or uint16 image have each value; no value shares a bin.

    That of a read-only image is found once and then shared: do not change it.
    """
    known = _known.of(image)
    if known is not None:
        return known
    pixels = np.ascontiguousarray(image).reshape(-1)
    return _known.keep(image, count_values(pixels, 1 << (8 * image.itemsize)))


def percentile(counts: Ints, percent: float) -> int:
    """The smallest value that at least so many percent of the pixels do not exceed."""
    pixels = max(1, np.ceil(counts.sum() * percent / 100))
    return int(np.searchsorted(np.cumsum(counts), pixels))


def otsu(counts: Ints) -> int:
    """Threshold that parts a histogram into classes with the largest distance (Otsu, 1979).

    Of an image with a single value that value.
    """
    values = np.flatnonzero(counts)
    if values.size < 2:
        return int(values[0])
    weights = counts[values].astype(float)
    sums = weights * values
    below, above = np.cumsum(weights)[:-1], np.cumsum(weights[::-1])[-2::-1]
    mean_below = np.cumsum(sums)[:-1] / below
    mean_above = np.cumsum(sums[::-1])[-2::-1] / above
    return int(values[np.argmax(below * above * (mean_below - mean_above) ** 2)])


def minimum_cross_entropy(counts: Ints) -> float:
    """Threshold that keeps most information in two classes; good for dim, extended objects.

    After Li and Tam, "An iterative algorithm for minimum cross entropy thresholding" (1998),
    started at the mean. Of an image with a single value that value.
    """
    values = np.flatnonzero(counts)
    if values.size < 2:
        return float(values[0])
    # The logarithm of the darkest pixel must exist: values count from it, as in scikit-image.
    offset = int(values[0])
    weights = counts[values].astype(float)
    pixels, sums = np.cumsum(weights), np.cumsum(weights * (values - offset))
    threshold, before = sums[-1] / pixels[-1], np.inf
    close = np.diff(values).min() / 2
    while abs(threshold - before) > close:
        before = threshold
        n = np.searchsorted(values - offset, threshold, side="right") - 1
        dark = sums[n] / pixels[n]
        bright = (sums[-1] - sums[n]) / (pixels[-1] - pixels[n])
        if dark == 0:
            break
        threshold = (bright - dark) / (np.log(bright) - np.log(dark))
    return float(threshold + offset)
