"""How pixels compare with those around them: local binary patterns, threshold adjacency."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, gather, largest_area

TAS_NAMES = ("center", "mu-margin", "mu", "n-center", "n-mu-margin", "n-mu")
LBP_BINS = 36
_NO_CODE = np.uint8(255)
_FITS = 224  # pixels whose number fits 8 bits, whole registers


def lbp_bins() -> Ints:
    """Bin of each of the 256 patterns: patterns that are rotations of each other share one."""
    codes = np.arange(256)
    turned = np.array([(codes >> n) | (codes << (8 - n)) & 255 for n in range(8)])
    return np.unique(turned.min(axis=0), return_inverse=True)[1]


@kernel
def local_binary_patterns(
    runs: Runs, boxes: Boxes, image: npt.NDArray[Any], radii: Ints, bins: Ints
) -> Floats:
    """Share of the object's pixels that have each rotation-invariant pattern.

    A pattern says which of 8 points on a circle around a pixel are at least as bright as it. The
    points between pixels are interpolated linearly; outside the object intensities are 0. After
    Ojala, Pietikäinen and Mäenpää, "Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns" (2002).

    Returns an array (objects, radii, 36); bins ascend by the smallest rotation of their pattern.
    """
    count = runs.labels.size
    result = np.zeros((count, radii.size, LBP_BINS), np.float64)
    reach = radii.max()
    for k in range(count):
        width = boxes.right[k] - boxes.left[k] + 2 * reach
        height = boxes.bottom[k] - boxes.top[k] + 2 * reach
        canvas = np.zeros(height * width, np.float64)
        corner = (boxes.top[k] - reach) * width + boxes.left[k] - reach
        area = 0
        for i in range(runs.first[k], runs.first[k + 1]):
            at = runs.row[i] * width - corner + runs.start[i]
            line = image[runs.row[i], runs.start[i] : runs.stop[i]]
            area += line.size
            for x in range(line.size):
                canvas[at + x] = line[x]
        codes = np.empty(width, np.int64)
        for r in range(radii.size):
            seen = np.zeros(LBP_BINS, np.int64)
            for i in range(runs.first[k], runs.first[k + 1]):
                at = runs.row[i] * width - corner + runs.start[i]
                length = runs.stop[i] - runs.start[i]
                _patterns(canvas, at, width, radii[r], codes[:length])
                for code in codes[:length]:
                    seen[bins[code]] += 1
            result[k, r] = seen / area
    return result


@kernel
def _patterns(canvas: Floats, at: int, width: int, radius: int, codes: Ints) -> None:
    """Patterns of the pixels from `at` on."""
    slant = radius * np.sqrt(0.5)
    near = int(slant)
    part = slant - near
    one, two, both = (1 - part) ** 2, part * (1 - part), part**2
    # Unsigned positions from one corner on: such loops run on vector registers.
    first = np.uintp(at - radius * (width + 1))
    mid = np.uintp(at) - first
    w, n, r = np.uintp(width), np.uintp(near), np.uintp(radius)
    step = np.uintp(1)
    se, sw = mid + n * w + n, mid + n * w - n
    nw, ne = mid - n * w - n, mid - n * w + n
    for x in range(codes.size):
        p = first + np.uintp(x)
        here = canvas[p + mid]
        code = np.int64(canvas[p + mid + r] >= here)
        # Differences to the pixel, so that even regions compare as equal in spite of rounding.
        code += 2 * np.int64(
            one * (canvas[p + se] - here)
            + two * ((canvas[p + se + step] - here) + (canvas[p + se + w] - here))
            + both * (canvas[p + se + w + step] - here)
            >= 0
        )
        code += 4 * np.int64(canvas[p + mid + r * w] >= here)
        code += 8 * np.int64(
            one * (canvas[p + sw] - here)
            + two * ((canvas[p + sw - step] - here) + (canvas[p + sw + w] - here))
            + both * (canvas[p + sw + w - step] - here)
            >= 0
        )
        code += 16 * np.int64(canvas[p + mid - r] >= here)
        code += 32 * np.int64(
            one * (canvas[p + nw] - here)
            + two * ((canvas[p + nw - step] - here) + (canvas[p + nw - w] - here))
            + both * (canvas[p + nw - w - step] - here)
            >= 0
        )
        code += 64 * np.int64(canvas[p + mid - r * w] >= here)
        code += 128 * np.int64(
            one * (canvas[p + ne] - here)
            + two * ((canvas[p + ne + step] - here) + (canvas[p + ne - w] - here))
            + both * (canvas[p + ne - w + step] - here)
            >= 0
        )
        codes[x] = code


@kernel
def threshold_adjacency(
    runs: Runs, boxes: Boxes, image: npt.NDArray[Any], threshold: int
) -> Floats:
    """Threshold adjacency statistics, as mahotas' parameter-free ones with a given threshold.

    mu and margin are mean and standard deviation of the object's pixels above the threshold. Three
    times some pixels are white: those within mu ± margin, above mu - margin, and above mu. Of the
    black pixels each statistic is the share that has 0 … 8 white neighbours; the last three count
    the black neighbours of the white pixels. All pixels of the object's bounding box with a frame
    of one pixel count, those outside the object with an intensity of 0. After Hamilton et al.,
    "Fast automated cell phenotype image classification" (2007), and Coelho et al. (2010).

    Returns an array (objects, 6, 9) in the order of `TAS_NAMES`; NaN where no pixel is above the
    threshold, 0 where no pixel is black (white).
    """
    count = runs.labels.size
    result = np.full((count, 6, 9), np.nan)
    pixels = np.empty(largest_area(runs), image.dtype)
    for k in range(count):
        mean, std = _above(pixels, gather(runs, k, image, pixels), threshold)
        if mean < 0:
            continue
        # Two pixels of frame: the neighbours of the first one are background too.
        top, left = boxes.top[k] - 2, boxes.left[k] - 2
        width = boxes.right[k] - left + 2
        size = (boxes.bottom[k] - top + 2) * width
        column, code = np.empty(size, np.uint8), np.zeros(size, np.uint8)
        for which, low, high in ((0, mean - std, mean + std), (1, mean - std, 1e9), (2, mean, 1e9)):
            white = np.full(size, np.uint8(low < 0 < high))
            # The first and the last intensity that is white.
            first = np.uint16(max(0.0, np.floor(low) + 1))
            last = np.uint16(min(65535.0, np.ceil(high) - 1))
            if low < 65535:
                for i in range(runs.first[k], runs.first[k + 1]):
                    y, begin = np.uintp(runs.row[i]), np.uintp(runs.start[i])
                    at = np.uintp((runs.row[i] - top) * width + runs.start[i] - left)
                    for x in range(np.uintp(runs.stop[i]) - begin):
                        value = np.uint16(image[y, begin + x])
                        white[at + x] = (value >= first) & (value <= last)
            # All rows are one line, on vector registers.
            w, one, end = np.uintp(width), np.uintp(1), np.uintp(size - width)
            for p in range(w, end):
                column[p] = white[p - w] + white[p] + white[p + w]
            for p in range(w + one, end - one):
                code[p] = column[p - one] + column[p] + column[p + one] + np.uint8(15) * white[p]
            # The frame's own first and last column have no neighbours.
            for p in range(w, end, w):
                code[p] = code[p + w - one] = _NO_CODE
            for n in range(9):
                result[k, which, n] = _count_codes(code, w, end, np.uint8(n))
                result[k, which + 3, n] = _count_codes(code, w, end, np.uint8(24 - n))
            result[k, which] /= max(1.0, result[k, which].sum())
            result[k, which + 3] /= max(1.0, result[k, which + 3].sum())
    return result


@kernel
def _count_codes(
    code: npt.NDArray[np.uint8], begin: np.uintp, end: np.uintp, which: np.uint8
) -> int:
    total = np.int64(0)
    for start in range(begin, end, np.uintp(_FITS)):
        some = np.uint8(0)
        for p in range(start, min(start + np.uintp(_FITS), end)):
            some = np.uint8(some + np.uint8(code[p] == which))
        total += np.int64(some)
    return int(total)


@kernel
def _above(pixels: npt.NDArray[Any], area: int, threshold: int) -> tuple[float, float]:
    """Mean and deviation of the object's pixels above a threshold; negative without any."""
    number, total = np.int64(0), np.int64(0)
    limit = np.uint32(max(0, threshold))
    for p in range(np.uintp(area)):
        value = np.uint32(pixels[p])
        above = np.int64(value > limit)
        number += above
        total += above * np.int64(value)
    if number == 0:
        return -1.0, 0.0
    # From the rounded mean in whole numbers, which is exact.
    middle = (2 * total + number) // (2 * number)
    off, squares = total - number * middle, np.int64(0)
    for p in range(np.uintp(area)):
        value = np.uint32(pixels[p])
        away = np.int64(value) - middle
        squares += away * away if value > limit else np.int64(0)
    variance = (squares - off * (off / number)) / number
    return float(total / number), float(np.sqrt(max(0.0, variance)))
