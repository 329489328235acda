"""Flat and dark field from many images: low rank and sparse.

Each image is a smooth flat field times its own level, plus a dark level, plus what it shows, which
is sparse: most pixels show nothing. The model is that of Peng et al., "A BaSiC tool for background
and shading correction of optical microscopy images", Nature Communications 8, 14836 (2017). The
least sum of absolute differences is found by reweighted least squares, and the flat field is kept
smooth by a soft threshold on its cosines at the level of their noise (Donoho and Johnstone, 1994).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.illumination import FlatField
from napari_tmaps.measure.runs import Floats

SIDE = 64
"""Images are shrunk to this many pixels a side: fields are smooth."""
_ROUNDS = 4  # of finding the dark level
_STEPS = 40  # of reweighting
_STEADY = 1e-4  # change of the flat field that ends the reweighting


def shrink(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A plane (y, x) as SIDE × SIDE means over equal areas."""
    rows, columns = _shares(plane.shape[0]), _shares(plane.shape[1])
    small = rows @ plane.astype(np.float32) @ columns.T
    return np.asarray(small, np.float32)


def find_flat_field(
    stack: npt.NDArray[np.float32], shape: tuple[int, int], *, dark_level: float | None = None
) -> FlatField:
    """Flat and dark field of images that were shrunk.

    Parameters
    ----------
    stack
        Of shape (n, SIDE, SIDE), of `shrink`.
    shape
        Size (y, x) of the fields to make.
    dark_level
        Counts without light, the same at all pixels. None: estimated, which takes images of
        different brightness.
    """
    images = stack.astype(float)
    base = dark_level or 0.0
    flat, levels, shown = _solve(images - base)
    for _ in range(_ROUNDS if dark_level is None else 0):
        base = _traced_back(images - shown, levels, float(images.min()))
        flat, levels, shown = _solve(images - base)
    wide = np.maximum(_enlarged(flat, shape), 0.01)
    wide /= wide.mean()
    return FlatField(wide.astype(np.float32), np.full(shape, base, np.float32))


def _solve(images: Floats) -> tuple[Floats, Floats, Floats]:
    """Flat field (mean 1), level of each image, and what images show beside."""
    levels = np.median(images, axis=(1, 2))
    flat = np.ones(images.shape[1:])
    for _ in range(_STEPS):
        before = flat
        rest = images - levels[:, None, None] * flat
        noise = 1.4826 * float(np.median(np.abs(rest))) or 1.0
        weights = 1 / np.maximum(np.abs(rest), 0.3 * noise)
        weighted = weights * levels[:, None, None]
        power = (weighted * levels[:, None, None]).sum(axis=0)
        flat = _smooth((weighted * images).sum(axis=0) / np.maximum(power, 1e-12))
        weighted = weights * flat
        levels = (weighted * images).sum(axis=(1, 2)) / (weighted * flat).sum(axis=(1, 2))
        if np.abs(flat - before).max() < _STEADY:
            break
    rest = images - levels[:, None, None] * flat
    limit = 2 * 1.4826 * float(np.median(np.abs(rest)))
    return flat, levels, np.where(np.abs(rest) > limit, rest, 0.0)


def _smooth(field: Floats) -> Floats:
    """The field without noise, and with the mean 1."""
    from scipy.fft import dctn, idctn

    waves = dctn(field, norm="ortho")
    half = field.shape[0] // 2
    noise = float(np.median(np.abs(waves[half:, half:]))) / 0.6745
    kept = _soft(waves, noise * np.sqrt(2 * np.log(waves.size)))
    kept[0, 0] = waves[0, 0]
    found: Floats = idctn(kept, norm="ortho")
    return found / (float(found.mean()) or 1.0)


def _traced_back(background: Floats, levels: Floats, highest: float) -> float:
    """Where images of different level meet when they are traced back to none.

    The difference of bright and dim images shows the flat field without the dark level; what is
    left of the dim ones when it is taken away as often as it is in them is the dark level.
    """
    bright = levels >= np.median(levels)
    if bright.all() or not bright.any():
        return 0.0
    low = background[~bright].mean(axis=0)
    light = background[bright].mean(axis=0) - low
    varying = light - light.mean()
    power = float((varying**2).sum())
    share = float((varying * low).sum()) / power if power > 0 else 0.0
    value = float((low - max(share, 0.0) * light).mean())
    return min(max(value, 0.0), highest)


def _soft(values: Floats, threshold: Any) -> Floats:
    result: Floats = np.sign(values) * np.maximum(np.abs(values) - threshold, 0)
    return result


def _shares(length: int) -> npt.NDArray[np.float32]:
    """Row i: which share of each of `length` pixels belongs to the i-th of SIDE equal parts."""
    edges = np.linspace(0, length, SIDE + 1)
    pixel = np.arange(length)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(inside, 0, None) * SIDE / length, np.float32)


def _enlarged(field: Floats, shape: tuple[int, int]) -> Floats:
    """The field at full size, linear between the centres of its pixels."""
    rows, columns = (_between(length) for length in shape)
    result: Floats = rows @ field @ columns.T
    return result


def _between(length: int) -> Floats:
    place = np.clip((np.arange(length) + 0.5) * SIDE / length - 0.5, 0, SIDE - 1)
    low = np.minimum(place.astype(int), SIDE - 2)
    matrix = np.zeros((length, SIDE))
    matrix[np.arange(length), low] = 1 - (place - low)
    matrix[np.arange(length), low + 1] = place - low
    return matrix
