"""By how much one image is shifted against another, to a small part of a pixel.

Phase correlation in two steps. Images binned 4 × 4 tell the shift to a pixel of theirs, whatever
it is. Then windows of full size, cut where the images should agree, tell the rest: a shift by a
fraction of a pixel turns the phase of each wave by an amount in proportion to its frequency, which
is fitted. After Kuglin and Hines (1975), and Stone et al., "A fast direct Fourier-based algorithm
for subpixel registration of images", IEEE Trans. Geosci. Remote Sens. 39 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.measure.compile import kernel

BIN = 4
WINDOW = 512
_SMALLEST = 64  # sides of images that are binned are at least so many bins
_FREQUENCY = 0.25  # cycles a pixel; faster waves are noise
_SLOWEST = 3  # cycles a window; slower waves are not of the sample
_ROUNDS = 3

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shift:
    """A translation that moves an image onto its reference.

    Attributes
    ----------
    y, x
        Pixels, positive down and right.
    quality
        Correlation of the two images where they overlap after it: 1 for the same picture, around
        0 for pictures that have nothing in common.
    """

    y: float
    x: float
    quality: float


def find_shift(reference: npt.NDArray[Any], image: npt.NDArray[Any]) -> Shift:
    """The translation that moves `image` onto `reference`.

    Parameters
    ----------
    reference, image
        Shape (y, x), of the same size and any type of number.

    Raises
    ------
    FormatError
        The images differ in size.
    """
    if reference.shape != image.shape:
        raise FormatError(
            f"Images of {reference.shape[0]} × {reference.shape[1]} px and {image.shape[0]} × "
            f"{image.shape[1]} px cannot be aligned: they must have the same size."
        )
    factor = BIN if min(reference.shape) >= BIN * _SMALLEST else 1
    one, other = binned(reference, factor), binned(image, factor)
    coarse = _coarse(one, other)
    quality = correlation(one, other, coarse)
    shift = np.array(coarse, float) * factor
    for _ in range(_ROUNDS):
        whole = np.rint(shift).astype(int)
        rest = _fraction(reference, image, (int(whole[0]), int(whole[1])))
        if rest is None:
            break
        shift = whole + rest
        if np.abs(rest).max() <= 0.75:
            break
    return Shift(float(shift[0]), float(shift[1]), quality)


def binned(image: npt.NDArray[Any], factor: int) -> Floats32:
    """Means of factor × factor pixels (y, x); rows and columns that are left over are dropped."""
    height, width = (size // factor for size in image.shape)
    out = np.zeros((height, width), np.float32)
    _bin(np.ascontiguousarray(image), factor, out)
    return out


def correlation(one: Floats32, other: Floats32, shift: tuple[int, int]) -> float:
    """Pearson's correlation of two images (y, x) where they overlap when `other` is moved.

    0 where there is no overlap, or nothing to see.
    """
    a, b = overlap(one, other, shift)
    if a.size < 2:
        return 0.0
    n, sums = a.size, _products(a, b)
    both = sums[4] - sums[0] * sums[1] / n
    power = (sums[2] - sums[0] ** 2 / n) * (sums[3] - sums[1] ** 2 / n)
    return float(both / power**0.5) if power > 0 else 0.0


def overlap(
    one: npt.NDArray[Any], other: npt.NDArray[Any], shift: tuple[int, int]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The parts of two images (y, x) of one size that agree when `other` is moved, as views."""
    (height, width), (y, x) = one.shape, shift
    return (
        one[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)],
        other[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)],
    )


def _coarse(one: Floats32, other: Floats32) -> tuple[int, int]:
    """Where the correlation of two images has its peak, to whole pixels; up to half of a side."""
    from scipy import fft

    shape = [fft.next_fast_len(size, real=True) for size in one.shape]
    a, b = (fft.rfft2(_faded(part), shape) for part in (one, other))
    product = a * b.conj()
    power = np.abs(product)
    top = float(power.max())
    if top == 0:
        return 0, 0
    # Waves that stand out of the noise count alike, the others little.
    product /= power + float(np.median(power)) + 1e-6 * top
    peak = int(np.argmax(fft.irfft2(product, shape)))
    y, x = divmod(peak, shape[1])
    return (
        y - shape[0] if y > shape[0] // 2 else y,
        x - shape[1] if x > shape[1] // 2 else x,
    )


def _fraction(
    reference: npt.NDArray[Any], image: npt.NDArray[Any], shift: tuple[int, int]
) -> npt.NDArray[np.float64] | None:
    """What is left of the shift (y, x) when `image` is moved; None if there is nothing to see."""
    from scipy import fft

    one, other = overlap(reference, image, shift)
    if min(one.shape) < 16:
        return None
    size = tuple(min(WINDOW, length) for length in one.shape)
    product: Any = 0
    for corner in _windows((one.shape[0], one.shape[1]), (size[0], size[1])):
        here = tuple(
            slice(start, start + length) for start, length in zip(corner, size, strict=True)
        )
        a, b = (fft.rfft2(_faded(part[here].astype(np.float32))) for part in (one, other))
        product = product + a * b.conj()
    return _slope(product, (size[0], size[1]))


def _windows(shape: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Corners of windows: one in the middle, or four around it where there is room."""
    if shape[0] >= 2 * size[0] and shape[1] >= 2 * size[1]:
        starts = [
            (length // 2 - side, length // 2) for length, side in zip(shape, size, strict=True)
        ]
        return [(y, x) for y in starts[0] for x in starts[1]]
    return [((shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2)]


def _slope(product: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.float64] | None:
    """Shift that turns the phases of a cross spectrum, by weighted least squares.

    It starts from the peak of the correlation near 0, so that no phase turns by more than half.
    """
    fy, fx = np.fft.fftfreq(size[0]), np.fft.rfftfreq(size[1])
    power = np.abs(product)
    top = float(power.max())
    if top == 0:
        return None
    noise = float(np.median(power))
    shift = _near_peak(product / (power + noise + 1e-6 * top), size)
    rows, columns = np.abs(fy) < _FREQUENCY, fx < _FREQUENCY
    waves, power = product[rows][:, columns], power[rows][:, columns]
    fy, fx = np.meshgrid(fy[rows], fx[columns], indexing="ij")
    # The variance of a phase is that of the noise over the power of the wave. The slowest waves
    # show the lamp, which does not move with the sample.
    weights = np.maximum(power - noise, 0)
    weights[(np.abs(fy) * size[0] < _SLOWEST) & (fx * size[1] < _SLOWEST)] = 0
    for _ in range(4):
        phase = np.angle(waves * np.exp(2j * np.pi * (fy * shift[0] + fx * shift[1])))
        trusted = weights * (np.abs(phase) < 2)
        slope = -phase / (2 * np.pi)
        matrix = np.array(
            [
                [(trusted * fy * fy).sum(), (trusted * fy * fx).sum()],
                [(trusted * fy * fx).sum(), (trusted * fx * fx).sum()],
            ]
        )
        if np.linalg.det(matrix) <= 0:
            return None
        right = [(trusted * fy * slope).sum(), (trusted * fx * slope).sum()]
        step = np.linalg.solve(matrix, right)
        shift = shift + step
        if np.abs(step).max() < 1e-3:
            break
    return np.asarray(shift, float)


def _near_peak(phases: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Whole-pixel peak of the correlation within a few pixels of 0."""
    from scipy import fft

    reach = np.arange(-2 * BIN, 2 * BIN + 1)
    surface = fft.irfft2(phases, size)[np.ix_(reach, reach)]
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return np.array([reach[y], reach[x]], float)


def _faded(image: Floats32) -> Floats32:
    """The image without its mean, fading out towards its border, where waves would see an edge."""
    mean = image.mean(dtype=np.float64)
    faded: Floats32 = (image - np.float32(mean)) * _fade(image.shape[0])[:, None]
    faded *= _fade(image.shape[1])
    return faded


@cache
def _fade(length: int) -> Floats32:
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2, np.float32)


@kernel
def _products(
    one: npt.NDArray[Any], other: npt.NDArray[Any]
) -> tuple[float, float, float, float, float]:
    """Sums of a, b, a², b², a b."""
    a_sum = b_sum = aa = bb = ab = 0.0
    for i in range(one.shape[0]):
        for j in range(one.shape[1]):
            a, b = np.float64(one[i, j]), np.float64(other[i, j])
            a_sum += a
            b_sum += b
            aa += a * a
            bb += b * b
            ab += a * b
    return a_sum, b_sum, aa, bb, ab


@kernel
def _bin(image: npt.NDArray[Any], factor: int, out: Floats32) -> None:
    share = np.float32(1) / np.float32(factor * factor)
    sums = np.zeros(out.shape[1] * factor, np.float32)
    for i in range(out.shape[0]):
        sums[:] = 0
        for k in range(factor):
            row = image[i * factor + k]
            for j in range(np.uintp(sums.size)):
                sums[j] += np.float32(row[j])
        for j in range(out.shape[1]):
            total = np.float32(0)
            for m in range(factor):
                total += sums[j * factor + m]
            out[i, j] = total * share
