"""Uneven illumination: exact statistics of many images, and the correction that follows from them.

Statistics are those of TissueMAPS: mean and standard deviation of the decimal logarithm at each
pixel. They are kept as sums of whole numbers (logarithms in steps of 2⁻¹⁶), so that parts can be
merged in any order and give the same bits. A pixel of 0 counts as 1, here and in the correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.histogram import histogram
from napari_tmaps.measure.runs import Floats, Ints

TOGETHER = 4
"""Images that are best added at a time."""
STEPS = 1 << 16
"""Steps of a decade in which logarithms are counted."""
SMOOTH_PX = 5.0
"""Fields are smoothed with a Gaussian of this standard deviation, as in TissueMAPS."""
_LEAST_SPREAD = 0.01  # of the mean spread: a pixel that never changes must not be blown up
_BLOCK = 1024

Pixels = npt.NDArray[Any]
Plane32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LogSums:
    """What is known of a number of images of one size and type.

    Attributes
    ----------
    count
        Number of images.
    total, squares
        int64 (y, x): sums of the logarithms, in steps, and of their squares.
    counts
        Pooled histogram, a bin for each possible value.
    """

    count: int
    total: Ints
    squares: Ints
    counts: Ints


def empty_sums(shape: tuple[int, int], dtype: npt.DTypeLike) -> LogSums:
    """The sums of no image.

    Raises
    ------
    FormatError
        Pixels are neither uint8 nor uint16.
    """
    bins = 1 << (8 * _checked(dtype).itemsize)
    return LogSums(0, np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(bins, int))


def add_planes(sums: LogSums, planes: Sequence[Pixels]) -> LogSums:
    """The sums with more images (y, x); the arrays of the given ones are used on.

    Several at a time take half as long as one by one: the sums are fetched from memory less often.

    Raises
    ------
    FormatError
        An image has another size or type.
    """
    bins = sums.counts.size
    for plane in planes:
        if 1 << (8 * _checked(plane.dtype).itemsize) != bins or plane.shape != sums.total.shape:
            raise FormatError(
                f"An image of {plane.shape[0]} × {plane.shape[1]} px {plane.dtype} cannot be "
                f"pooled with others of {sums.total.shape[0]} × {sums.total.shape[1]} px."
            )
    counts = sums.counts
    total, squares = sums.total.reshape(-1), sums.squares.reshape(-1)
    for start in range(0, len(planes), TOGETHER):
        flat = [_flat(plane) for plane in planes[start : start + TOGETHER]]
        if len(flat) == TOGETHER:
            a, b, c, d = flat
            counts = np.add(counts, _add_four(a, b, c, d, _steps(bins), total, squares))
        else:
            for plane in flat:
                _add(plane, _steps(bins), total, squares)
                counts = counts + histogram(plane)
    return LogSums(sums.count + len(planes), sums.total, sums.squares, counts)


class Gathering:
    """Sums of images that come one by one."""

    def __init__(self) -> None:
        self._sums: LogSums | None = None
        self._waiting: list[Pixels] = []

    def add(self, plane: Pixels) -> None:
        """Count an image (y, x) in, which must not be changed any more; see `add_planes`."""
        if self._sums is None:
            self._sums = empty_sums(plane.shape, plane.dtype)
        self._waiting.append(plane)
        if len(self._waiting) == TOGETHER:
            self._sums = add_planes(self._sums, self._waiting)
            self._waiting = []

    def sums(self) -> LogSums | None:
        """The sums of all of them; None if there was none."""
        if self._sums is not None:
            self._sums = add_planes(self._sums, self._waiting)
            self._waiting = []
        return self._sums


def merge(parts: Iterable[LogSums]) -> LogSums:
    """Sums over all images of all parts, whatever their order; there is at least one part.

    Raises
    ------
    FormatError
        Parts are of images of different size or type.
    """
    others = iter(parts)
    first = next(others)
    total, squares, counts = first.total.copy(), first.squares.copy(), first.counts.copy()
    count = first.count
    for part in others:
        if part.total.shape != total.shape or part.counts.size != counts.size:
            raise FormatError(
                "Images of different size or bit depth cannot share one illumination field: "
                f"{total.shape[0]} × {total.shape[1]} px and {part.total.shape[0]} × "
                f"{part.total.shape[1]} px. Compute it by acquisition or by plate."
            )
        total += part.total
        squares += part.squares
        counts += part.counts
        count += part.count
    return LogSums(count, total, squares, counts)


def mean_and_std(sums: LogSums) -> tuple[Floats, Floats]:
    """Mean and (sample) standard deviation of the decimal logarithm at each pixel, (y, x).

    The standard deviation of a single image is 0.
    """
    mean, std = np.empty(sums.total.shape), np.empty(sums.total.shape)
    _moments(_flat(sums.total), _flat(sums.squares), sums.count, mean.reshape(-1), std.reshape(-1))
    return mean, std


@dataclass(frozen=True)
class LogField:
    """Correction by logarithms: log2 I' = gain · log2 I + offset, at each pixel (y, x)."""

    gain: Plane32
    offset: Plane32

    def correct(self, plane: Pixels, y: slice = slice(None), x: slice = slice(None)) -> Pixels:
        """The corrected plane, or a part of it that lies at rows y and columns x of the field.

        Values are rounded and kept within what the pixel type holds.

        Raises
        ------
        FormatError
            The plane does not have the size of the field, or a type that is not corrected.
        """
        gain, offset = _fitting(plane, self.gain[y, x]), self.offset[y, x]
        top = int(np.iinfo(plane.dtype).max)
        out = np.empty(plane.shape, plane.dtype)
        _correct_logs(
            _flat(plane),
            _log2(top + 1),
            _flat(gain),
            _flat(offset),
            np.float32(np.log2(top)),
            np.float32(top),
            out.reshape(-1),
        )
        return out


@dataclass(frozen=True)
class FlatField:
    """Correction by a gain: I' = (I - dark) / flat, at each pixel (y, x); flat has the mean 1."""

    flat: Plane32
    dark: Plane32

    def correct(self, plane: Pixels, y: slice = slice(None), x: slice = slice(None)) -> Pixels:
        """See LogField.correct."""
        flat, dark = _fitting(plane, self.flat[y, x]), self.dark[y, x]
        out = np.empty(plane.shape, plane.dtype)
        _correct_flat(
            _flat(plane),
            _flat(flat),
            _flat(dark),
            np.float32(np.iinfo(plane.dtype).max),
            out.reshape(-1),
        )
        return out


Field = LogField | FlatField


def log_field(mean: Floats, std: Floats) -> LogField:
    """The correction of TissueMAPS: log I' = (log I - mean) / std · avg(std) + avg(mean).

    Parameters
    ----------
    mean, std
        Of the decimal logarithm (y, x), already smoothed. Where nothing ever varied, only the
        level is corrected.
    """
    mean_std, mean_mean = float(std.mean()), float(mean.mean())
    if mean_std > 0:
        gain = mean_std / np.maximum(std, _LEAST_SPREAD * mean_std)
    else:
        gain = np.ones_like(mean)
    offset = (mean_mean - mean * gain) * np.log2(10)
    return LogField(gain.astype(np.float32), offset.astype(np.float32))


def smooth(field: Floats, sigma: float = SMOOTH_PX) -> Floats:
    """A field (y, x) without its noise."""
    from scipy.ndimage import gaussian_filter

    result: Floats = gaussian_filter(np.asarray(field, float), sigma, mode="nearest")
    return result


def unevenness(image: npt.NDArray[Any]) -> float:
    """How uneven a mean image (y, x) is: standard deviation over mean, in percent."""
    mean = float(np.mean(image, dtype=float))
    return 100 * float(np.std(image, dtype=float)) / mean if mean else 0.0


def _checked(dtype: npt.DTypeLike) -> np.dtype[Any]:
    kind = np.dtype(dtype)
    if kind not in (np.uint8, np.uint16):
        raise FormatError(
            f"Illumination is corrected in images of uint8 and uint16; these are {kind.name}."
        )
    return kind


def _fitting(plane: Pixels, field: Plane32) -> Plane32:
    _checked(plane.dtype)
    if plane.shape != field.shape:
        raise FormatError(
            f"An image of {plane.shape[0]} × {plane.shape[1]} px cannot be corrected with a field "
            f"of {field.shape[0]} × {field.shape[1]} px. Compute the illumination again (corilla), "
            "by acquisition if these differ in size."
        )
    return field


def _flat(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(array).reshape(-1)


@cache
def _steps(bins: int) -> npt.NDArray[np.uint32]:
    values = np.log10(np.maximum(np.arange(bins), 1))
    return np.asarray(np.rint(values * STEPS), np.uint32)


@cache
def _log2(bins: int) -> Plane32:
    return np.asarray(np.log2(np.maximum(np.arange(bins), 1)), np.float32)


# Each loop does one thing to a block that stays in the nearest cache, so that all but the look-up
# run on vector registers.


@kernel
def _add(plane: Pixels, steps: npt.NDArray[np.uint32], total: Ints, squares: Ints) -> None:
    block = np.empty(_BLOCK, np.uint32)
    for start in range(0, plane.size, _BLOCK):
        pixels = plane[start : start + _BLOCK]
        sums, powers = total[start : start + _BLOCK], squares[start : start + _BLOCK]
        for i in range(np.uintp(pixels.size)):
            block[i] = steps[pixels[i]]
        for i in range(np.uintp(pixels.size)):
            value = np.int64(block[i])
            sums[i] += value
            powers[i] += value * value


@kernel
def _add_four(
    first: Pixels,
    second: Pixels,
    third: Pixels,
    fourth: Pixels,
    steps: npt.NDArray[np.uint32],
    total: Ints,
    squares: Ints,
) -> Ints:
    """The same with four images at a time; returns their histogram."""
    block = np.empty((4, _BLOCK), np.uint32)
    counts = np.zeros((4, steps.size), np.uint32)
    for start in range(0, first.size, _BLOCK):
        a, b = first[start : start + _BLOCK], second[start : start + _BLOCK]
        c, d = third[start : start + _BLOCK], fourth[start : start + _BLOCK]
        sums, powers = total[start : start + _BLOCK], squares[start : start + _BLOCK]
        for i in range(np.uintp(a.size)):
            counts[0, a[i]] += np.uint32(1)
            counts[1, b[i]] += np.uint32(1)
            counts[2, c[i]] += np.uint32(1)
            counts[3, d[i]] += np.uint32(1)
            block[0, i] = steps[a[i]]
            block[1, i] = steps[b[i]]
            block[2, i] = steps[c[i]]
            block[3, i] = steps[d[i]]
        for i in range(np.uintp(a.size)):
            u, v = np.uint64(block[0, i]), np.uint64(block[1, i])
            w, x = np.uint64(block[2, i]), np.uint64(block[3, i])
            sums[i] += np.int64(u + v + w + x)
            powers[i] += np.int64(u * u + v * v + w * w + x * x)
    result = np.zeros(steps.size, np.int64)
    for part in range(4):
        result += counts[part]
    return result


@kernel
def _moments(total: Ints, squares: Ints, n: int, mean: Floats, std: Floats) -> None:
    part, rest_of = 1.0 / n, 1.0 / max(n - 1, 1)
    for i in range(np.uintp(total.size)):
        # n Σ q² - (Σ q)², split so that whole numbers stay exact; any near quotient will do
        whole = np.int64(np.float64(total[i]) * part)
        rest = total[i] - whole * n
        spread = np.float64(squares[i] - whole * (total[i] + rest))
        spread -= np.float64(rest) * np.float64(rest) * part
        mean[i] = np.float64(total[i]) * part * (1.0 / STEPS)
        std[i] = np.sqrt(max(spread, 0.0) * rest_of) * (1.0 / STEPS)


@kernel
def _correct_logs(
    plane: Pixels,
    log2: Plane32,
    gain: Plane32,
    offset: Plane32,
    highest: np.float32,
    top: np.float32,
    out: Pixels,
) -> None:
    block = np.empty(_BLOCK, np.float32)
    one, zero, half = np.float32(1), np.float32(0), np.float32(0.5)
    for start in range(0, plane.size, _BLOCK):
        pixels, result = plane[start : start + _BLOCK], out[start : start + _BLOCK]
        gains, offsets = gain[start : start + _BLOCK], offset[start : start + _BLOCK]
        for i in range(np.uintp(pixels.size)):
            block[i] = log2[pixels[i]]
        for i in range(np.uintp(pixels.size)):
            # A pixel of 0 or 1 may only become brighter: below 1 there is no logarithm.
            power = block[i] * gains[i] + offsets[i]
            power = power if power > zero else zero
            power = power if power < highest else highest
            whole = np.int32(power + half)
            # 2 ** f for |f| <= 1/2: the Taylor series of exp(f ln 2), off by less than 2e-7
            f = (power - np.float32(whole)) * np.float32(0.69314718)
            value = np.float32(1 / 720)
            value = value * f + np.float32(1 / 120)
            value = value * f + np.float32(1 / 24)
            value = value * f + np.float32(1 / 6)
            value = value * f + half
            value = value * f + one
            value = value * f + one
            value = value * np.float32(np.int32(1) << whole) + half
            block[i] = value if value < top else top
        for i in range(np.uintp(pixels.size)):
            result[i] = np.int32(block[i])


@kernel
def _correct_flat(
    plane: Pixels, flat: Plane32, dark: Plane32, top: np.float32, out: Pixels
) -> None:
    zero, half = np.float32(0), np.float32(0.5)
    for i in range(np.uintp(plane.size)):
        value = (np.float32(plane[i]) - dark[i]) / flat[i] + half
        value = value if value > zero else zero
        out[i] = np.int32(value if value < top else top)
