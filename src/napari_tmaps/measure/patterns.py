"""How pixels compare with those around them: local binary patterns, threshold adjacency."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import fused_kernel, kernel
from napari_tmaps.measure.histogram import count_values
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, gather, largest_area

TAS_NAMES = ("center", "mu-margin", "mu", "n-center", "n-mu-margin", "n-mu")
LBP_BINS = 36
_NO_CODE = np.uint8(255)
_LANES = 8  # pixels that are compared at once
# What rounding may make of a difference of intensities, relative to the brightest: in numbers of 32
# bits, and of 64 bits.
_UNSURE, _ROUNDED = 2.0**-21, 2.0**-50
_FITS = 224  # pixels whose number fits 8 bits, whole registers

Canvas = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint16]


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
    codes = np.empty(largest_area(runs) // _LANES * _LANES + 2 * _LANES, np.uint16)
    words = codes.view(np.uint64)
    for k in range(count):
        width = boxes.right[k] - boxes.left[k] + 2 * reach
        height = boxes.bottom[k] - boxes.top[k] + 2 * reach
        canvas = np.zeros(height * width + _LANES, np.float32)
        corner = (boxes.top[k] - reach) * width + boxes.left[k] - reach
        brightest = _lay_out(runs, k, image, canvas, corner, width)
        for r in range(radii.size):
            near, weights = _between(radii[r])
            few = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
            n = np.uintp(0)
            for i in range(runs.first[k], runs.first[k + 1]):
                at = np.uintp(runs.row[i] * width - corner + runs.start[i])
                length = np.uintp(runs.stop[i] - runs.start[i])
                where = at, np.uintp(width), np.uintp(radii[r]), near
                # Whole registers; the next run takes the place of what is too much.
                lanes = (length + np.uintp(_LANES - 1)) // np.uintp(_LANES) * np.uintp(_LANES)
                until = n + lanes
                _patterns(canvas, where, few, brightest * np.float32(_UNSURE), codes, n, until)
                if _any_unsure(words, n, length):
                    _patterns(canvas, where, weights, brightest * _ROUNDED, codes, n, until)
                n += length
            area = int(n)
            seen = count_values(codes[:area], 512)
            for code in range(256):
                result[k, r, bins[code]] += (seen[code] + seen[code + 256]) / area
    return result


@kernel
def _lay_out(
    runs: Runs, k: int, image: npt.NDArray[Any], canvas: Canvas, corner: int, width: int
) -> np.float32:
    """Draw the intensities of an object, the rest is black; the brightest of them."""
    brightest = np.int32(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        at = np.uintp(runs.row[i] * width - corner + runs.start[i])
        y, begin = np.uintp(runs.row[i]), np.uintp(runs.start[i])
        for x in range(np.uintp(runs.stop[i]) - begin):
            value = np.int32(image[y, begin + x])
            canvas[at + x] = np.float32(value)
            brightest = max(brightest, value)
    return np.float32(brightest)


@kernel
def _between(radius: int) -> tuple[np.uintp, tuple[float, float, float]]:
    """Whole pixels to the points on the diagonals; weights of the nearest, next, farthest pixel."""
    slant = radius * np.sqrt(0.5)
    near = int(slant)
    part = (radius * radius / 2 - near * near) / (slant + near)  # slant - near, but exact
    return np.uintp(near), ((1 - part) ** 2, part * (1 - part), part**2)


@fused_kernel
def _patterns(
    canvas: Canvas,
    where: tuple[np.uintp, np.uintp, np.uintp, np.uintp],
    weights: tuple[Any, Any, Any],
    rounded: Any,
    codes: Codes,
    begin: np.uintp,
    end: np.uintp,
) -> None:
    """Patterns of the pixels from some place on, as precise as the weights.

    A point counts as bright as the pixel up to what may be `rounded`. Of patterns with such a point
    the bit of 256 is set.

    Twice the difference of a point to its pixel is a + b √2 with whole numbers a and b. So either
    it is 0, or far larger than what 64 bits round (to radii of 60 pixels): these always tell.
    """
    at, w, r, n = where
    one, two, both = weights
    # Unsigned positions from one corner on: such loops run on vector registers.
    first, step = at - r * (w + np.uintp(1)), np.uintp(1)
    mid = at - first
    se, sw = mid + n * w + n, mid + n * w - n
    nw, ne = mid - n * w - n, mid - n * w + n
    for x in range(end - begin):
        p = first + x
        here = canvas[p + mid]
        a = one * canvas[p + se] + (
            two * (canvas[p + se + step] + canvas[p + se + w])
            + (both * canvas[p + se + w + step] - here)
        )
        b = one * canvas[p + sw] + (
            two * (canvas[p + sw - step] + canvas[p + sw + w])
            + (both * canvas[p + sw + w - step] - here)
        )
        c = one * canvas[p + nw] + (
            two * (canvas[p + nw - step] + canvas[p + nw - w])
            + (both * canvas[p + nw - w - step] - here)
        )
        d = one * canvas[p + ne] + (
            two * (canvas[p + ne + step] + canvas[p + ne - w])
            + (both * canvas[p + ne - w + step] - here)
        )
        code = np.uint16(canvas[p + mid + r] >= here)
        code |= np.uint16(a >= -rounded) << np.uint16(1)
        code |= np.uint16(canvas[p + mid + r * w] >= here) << np.uint16(2)
        code |= np.uint16(b >= -rounded) << np.uint16(3)
        code |= np.uint16(canvas[p + mid - r] >= here) << np.uint16(4)
        code |= np.uint16(c >= -rounded) << np.uint16(5)
        code |= np.uint16(canvas[p + mid - r * w] >= here) << np.uint16(6)
        code |= np.uint16(d >= -rounded) << np.uint16(7)
        nearest = min(min(abs(a), abs(b)), min(abs(c), abs(d)))
        # No point is darker than a black pixel.
        unsure = (nearest < rounded) & (here > 0)
        codes[begin + x] = code | np.uint16(unsure) << np.uint16(8)


@kernel
def _any_unsure(words: npt.NDArray[np.uint64], begin: np.uintp, length: np.uintp) -> bool:
    """Whether the bit of 256 is set in some of the codes, four of which are a word."""
    word, end = begin // np.uintp(4), (begin + length + np.uintp(3)) // np.uintp(4)
    while word < end and not words[word] & np.uint64(0x0100010001000100):
        word += np.uintp(1)
    return bool(word < end)


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
