"""Backgrounds: what is left of an image when its objects are gone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats

Float32 = npt.NDArray[np.float32]

# Larger balls roll over an image that was made smaller until they have about this radius.
_LARGEST_BALL = 8


def rolling_ball(image: npt.NDArray[Any], radius: float) -> Float32:
    """What a ball reaches that rolls below an image (y, x), as high as it is wide.

    The opening with a ball of Sternberg, "Biomedical image processing" (1983). Large balls roll
    over a smaller image of the darkest pixels, which is interpolated linearly.
    """
    step = max(1, round(radius / _LARGEST_BALL))
    small = _block_minimum(image, step)
    reach = radius / step
    side = np.arange(-int(reach), int(reach) + 1)
    square = reach**2 - side[:, None] ** 2 - side[None, :] ** 2
    ball = np.where(square >= 0, step * np.sqrt(np.maximum(square, 0)), -1).astype(np.float32)
    under = _roll(small, ball, False)
    background = enlarge(_roll(under, ball, True), step, image.shape)
    below: Float32 = np.minimum(background, image).astype(np.float32)
    return below


@kernel
def _roll(image: Float32, ball: Float32, outside: bool) -> Float32:
    """The lowest of intensity - ball around each pixel, or the highest of intensity + ball."""
    height, width = image.shape
    radius = ball.shape[0] // 2
    sign = np.float32(-1 if outside else 1)
    result = np.full((height, width), np.inf, np.float32)
    for y in range(height):
        line = result[y]
        for dy in range(-radius, radius + 1):
            if y + dy < 0 or y + dy >= height:
                continue
            other = image[y + dy]
            for dx in range(-radius, radius + 1):
                cap = ball[dy + radius, dx + radius]
                if cap < 0:
                    continue
                begin, end = max(0, -dx), min(width, width - dx)
                for x in range(begin, end):
                    line[x] = min(line[x], sign * other[x + dx] - cap)
        for x in range(width):
            line[x] *= sign
    return result


def _block_minimum(image: npt.NDArray[Any], step: int) -> Float32:
    """Darkest pixel of each block of step × step pixels; the last blocks may be smaller."""
    for axis in (0, 1):
        image = np.minimum.reduceat(image, np.arange(0, image.shape[axis], step), axis=axis)
    return np.ascontiguousarray(image, np.float32)


def tile_medians(image: npt.NDArray[Any], size: int) -> Floats:
    """Median of each tile of size × size pixels (y, x); the last tiles may be smaller."""
    rows, columns = (range(0, length, size) for length in image.shape)
    return np.array(
        [[np.median(image[y : y + size, x : x + size]) for x in columns] for y in rows], float
    )


def enlarge(small: npt.NDArray[Any], step: int, shape: tuple[int, ...]) -> Float32:
    """An image whose pixels stand for blocks of step × step pixels, interpolated linearly."""
    result: Floats = np.asarray(small, np.float64)
    for axis in (0, 1):
        length, blocks = shape[axis], result.shape[axis]
        edges = np.minimum(np.arange(blocks + 1) * step, length)
        middle = (edges[:-1] + edges[1:] - 1) / 2
        place = np.clip(np.interp(np.arange(length), middle, np.arange(blocks)), 0, blocks - 1)
        low = np.minimum(place.astype(int), max(0, blocks - 2))
        part = np.expand_dims(place - low, 1 - axis)
        high = np.minimum(low + 1, blocks - 1)
        result = result.take(low, axis) * (1 - part) + result.take(high, axis) * part
    return result.astype(np.float32)


def polynomial(tiles: Floats, size: int, shape: tuple[int, ...], degree: int) -> Float32:
    """The polynomial of y and x that fits the tiles best, drawn in the given shape.

    Tiles brighter than the fit by more than twice the robust spread hold objects: they are left
    out, three times.
    """
    height, width = shape
    centres = [
        (np.minimum(np.arange(n) * size + (size - 1) / 2, (np.arange(n) * size + length - 1) / 2))
        for n, length in zip(tiles.shape, shape, strict=True)
    ]
    y, x = np.meshgrid(centres[0] / height, centres[1] / width, indexing="ij")
    # Few tiles along an axis do not tell how it bends.
    rows, columns = tiles.shape
    powers = [(i, j) for i in range(min(degree + 1, rows)) for j in range(degree + 1 - i)]
    powers = [(i, j) for i, j in powers if j < columns]
    terms = np.stack([y.ravel() ** i * x.ravel() ** j for i, j in powers], axis=1)
    values = tiles.ravel()
    kept = np.ones(values.size, bool)
    factors: Floats = np.zeros(len(powers))
    for _ in range(4):
        factors = np.asarray(np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0], np.float64)
        rest = values - terms @ factors
        spread = 1.4826 * np.median(np.abs(rest[kept] - np.median(rest[kept])))
        darker = rest <= np.median(rest[kept]) + 2 * spread + 1e-9
        if darker.sum() <= len(powers):
            break
        kept = darker
    down, across = np.arange(height) / height, np.arange(width) / width
    result = np.zeros(shape)
    for i in range(degree + 1):
        row = sum(f * across**j for f, (k, j) in zip(factors, powers, strict=True) if k == i)
        result += (down**i)[:, None] * row
    return result.astype(np.float32)
