"""Thresholds that follow from a histogram: one bin for each intensity (`histogram.histogram`).

Each gives the same unit: a pixel is foreground if it is brighter than the threshold. Of an image
with a single value that value is the threshold, so that there is no foreground.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_tmaps.measure.histogram import minimum_cross_entropy, otsu
from napari_tmaps.measure.runs import Floats, Ints

# Classes of three and of entropies are sought on at most so many bins.
_BINS = 512


def otsu_lower(counts: Ints) -> float:
    """Lower of the two thresholds that part three classes: all but the background."""
    return _otsu3(counts)[0]


def otsu_upper(counts: Ints) -> float:
    """Upper of the two thresholds that part three classes: the brightest objects."""
    return _otsu3(counts)[1]


def _otsu3(counts: Ints) -> tuple[float, float]:
    """Two thresholds with the largest variance between classes (Otsu, 1979)."""
    values, weights, highest = _binned(counts)
    if values.size < 3:
        return float(otsu(counts)), float(otsu(counts))
    pixels = np.concatenate([[0], np.cumsum(weights)])
    sums = np.concatenate([[0], np.cumsum(weights * values)])

    def spread(begin: Ints | int, end: Ints | int) -> Floats:
        total = np.asarray(pixels[end] - pixels[begin], float)
        weighted = np.asarray(sums[end] - sums[begin], float)
        share: Floats = np.divide(weighted**2, total, out=np.zeros_like(total), where=total > 0)
        return share

    first, second = np.triu_indices(values.size - 1, 1)
    first, second = first + 1, second + 1
    best = int(np.argmax(spread(0, first) + spread(first, second) + spread(second, values.size)))
    return float(highest[first[best] - 1]), float(highest[second[best] - 1])


def triangle(counts: Ints) -> float:
    """Where the histogram lies farthest below the line from its peak to its longer end.

    After Zack, Rogers and Latt, "Automatic measurement of sister chromatid exchange frequency"
    (1977).
    """
    low, high = _ends(counts)
    if low == high:
        return float(low)
    # In a wide range single intensities are rare, and the peak would be chance.
    step = -(-(high - low + 1) // 256)
    bars = np.add.reduceat(counts[low : high + 1], np.arange(0, high - low + 1, step))
    last = bars.size - 1
    peak = int(np.argmax(bars))
    end = 0 if peak > last - peak else last
    places = np.arange(min(peak, end), max(peak, end) + 1)
    below = bars[peak] / abs(end - peak) * np.abs(places - end) - bars[places]
    if end == 0:
        found = places[::-1][np.argmax(below[::-1])]
    else:
        found = places[np.argmax(below)]
    return float(min(high, low + found * step + step - 1))


def isodata(counts: Ints) -> float:
    """The lowest value that is the middle between the means of both its sides.

    After Ridler and Calvard, "Picture thresholding using an iterative selection method" (1978).
    """
    low, high = _ends(counts)
    values = np.arange(low, high + 1)
    pixels, sums = np.cumsum(counts[values]), np.cumsum(counts[values] * values)
    rest = pixels[-1] - pixels
    inner = rest > 0
    if not inner.any():
        return float(low)
    middle = (sums[inner] / pixels[inner] + (sums[-1] - sums[inner]) / rest[inner]) / 2
    away = middle - values[inner]
    found = np.flatnonzero((away >= 0) & (away < 1))
    return float(values[inner][found[0] if found.size else np.argmin(np.abs(away))])


def maximum_entropy(counts: Ints) -> float:
    """The threshold whose two classes hold most information together.

    After Kapur, Sahoo and Wong, "A new method for gray-level picture thresholding using the
    entropy of the histogram" (1985).
    """
    return _entropy(counts, lambda share, whole: _shannon(share, whole))


def renyi_entropy(counts: Ints) -> float:
    """The same with Rényi's entropy of order 2, for which frequent intensities count more.

    After Sahoo, Wilkins and Yeager, "Threshold selection using Renyi's entropy" (1997); it is the
    correlation criterion of Yen, Chang and Chang (1995).
    """
    return _entropy(counts, lambda share, whole: 2 * np.log(whole) - np.log(np.cumsum(share**2)))


def _shannon(share: Floats, whole: Floats) -> Floats:
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.log(whole) - np.cumsum(share * logs) / whole


def _entropy(counts: Ints, of: Callable[[Floats, Floats], Floats]) -> float:
    values, weights, highest = _binned(counts)
    if values.size < 2:
        return float(values[0])
    share = weights / weights.sum()
    whole = np.cumsum(share)
    dark = of(share, whole)[:-1]
    bright = of(share[::-1], np.cumsum(share[::-1]))[-2::-1]
    return float(highest[int(np.argmax(dark + bright))])


def background_mode(counts: Ints) -> float:
    """Twice the most frequent intensity, counted from the darkest: for mostly empty images.

    The histogram is smoothed over a hundredth of its range first.
    """
    low, high = _ends(counts)
    from scipy import ndimage

    width = max(1, (high - low) // 100)
    smooth = ndimage.uniform_filter1d(counts[low : high + 1].astype(float), width, mode="constant")
    return float(min(high, low + 2 * int(np.argmax(smooth))))


def robust_background(counts: Ints, deviations: float = 2.0) -> float:
    """Mean and some standard deviations of the pixels without the darkest and brightest 5 %."""
    values = np.flatnonzero(counts)
    cumulated = np.cumsum(counts[values])
    cut = 0.05 * cumulated[-1]
    inner = np.clip(cumulated, cut, cumulated[-1] - cut)
    weights = np.diff(inner, prepend=cut)
    mean = np.average(values, weights=weights)
    return float(mean + deviations * np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def gaussian_mixture(counts: Ints) -> float:
    """Where a pixel is as likely of the darker as of the brighter of two Gaussians.

    Fitted by expectation maximisation (Dempster, Laird and Rubin, 1977), from Otsu's classes on.
    """
    values, weights, highest = _binned(counts)
    start = otsu(counts)
    if values.size < 2:
        return float(start)
    bright = (values > start).astype(float)
    unit = max(1e-3, 1e-3 * float(values[-1] - values[0]))
    mean, spread, share = np.zeros(2), np.ones(2), np.ones(2)
    for _ in range(500):
        before = mean.copy()
        for k, member in enumerate((1 - bright, bright)):
            mass = weights * member
            share[k] = mass.sum() / weights.sum()
            mean[k] = np.average(values, weights=mass)
            spread[k] = max(unit, np.sqrt(np.average((values - mean[k]) ** 2, weights=mass)))
        scores = [
            np.log(share[k]) - np.log(spread[k]) - 0.5 * ((values - mean[k]) / spread[k]) ** 2
            for k in (0, 1)
        ]
        bright = 1 / (1 + np.exp(np.clip(scores[0] - scores[1], -500, 500)))
        if not 1e-9 < bright @ weights / weights.sum() < 1 - 1e-9:
            return float(start)
        if np.abs(mean - before).max() < 1e-3 * unit:
            break
    between = (values >= mean[0]) & (values <= mean[1])
    dark = highest[between & (bright < 0.5)]
    return float(dark[-1]) if dark.size else float(start)


def _ends(counts: Ints) -> tuple[int, int]:
    values = np.flatnonzero(counts)
    return int(values[0]), int(values[-1])


def _binned(counts: Ints) -> tuple[Floats, Floats, Ints]:
    """Mean, number and highest value of the pixels of each of a few bins of equal width."""
    low, high = _ends(counts)
    step = -(-(high - low + 1) // _BINS)
    inside = counts[low : high + 1]
    begin = np.arange(0, inside.size, step)
    weights = np.add.reduceat(inside, begin).astype(float)
    sums = np.add.reduceat(inside * np.arange(low, high + 1), begin)
    filled = weights > 0
    highest = np.minimum(low + begin + step - 1, high)
    return sums[filled] / weights[filled], weights[filled], highest[filled]


THRESHOLDS: dict[str, Callable[[Ints], float]] = {
    "otsu": otsu,
    "otsu_3_lower": otsu_lower,
    "otsu_3_upper": otsu_upper,
    "minimum_cross_entropy": minimum_cross_entropy,
    "triangle": triangle,
    "isodata": isodata,
    "maximum_entropy": maximum_entropy,
    "renyi_entropy": renyi_entropy,
    "background_mode": background_mode,
    "robust_background": robust_background,
    "gaussian_mixture": gaussian_mixture,
}
