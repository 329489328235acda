"""Flat and dark field from many images, as BaSiC finds them: low rank and sparse.

Each image is a smooth flat field times its own level, plus a dark field, plus what it shows, which
is sparse: most pixels show nothing. After Peng et al., "A BaSiC tool for background and shading
correction of optical microscopy images", Nature Communications 8, 14836 (2017); solved with an
augmented Lagrangian and reweighting as described there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.illumination import FlatField
from napari_tmaps.measure.runs import Floats

SIDE = 64
"""Images are shrunk to this many pixels a side: fields are smooth."""
_ROUNDS = 10  # of reweighting
_STEPS = 500  # of one solution
_CLOSE = 1e-6  # of the images: a solution is found
_STEADY = 1e-3  # of the flat field: reweighting changes nothing any more
_GROWTH = 1.5


def shrink(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A plane (y, x) as SIDE × SIDE means over equal areas."""
    rows, columns = _shares(plane.shape[0]), _shares(plane.shape[1])
    small = rows @ plane.astype(np.float32) @ columns.T
    return np.asarray(small, np.float32)


def find_flat_field(
    stack: npt.NDArray[np.float32], shape: tuple[int, int], *, dark: bool = True
) -> FlatField:
    """Flat and dark field of images that were shrunk.

    Parameters
    ----------
    stack
        Of shape (n, SIDE, SIDE), of `shrink`.
    shape
        Size (y, x) of the fields to make.
    dark
        False: there is no dark field (it is 0).
    """
    level = float(stack.mean()) or 1.0
    # Sorted along the images: the darkest values of each pixel come together, and an object counts
    # in few images of the sorted stack instead of in all.
    images = np.sort(stack.astype(float) / level, axis=0)
    weights = np.ones_like(images)
    flat, base = np.ones(images.shape[1:]), np.zeros(images.shape[1:])
    for _ in range(_ROUNDS):
        before = flat
        flat, base, residual, levels = _solve(images, weights, dark)
        spread = np.abs(residual) / np.maximum(levels.mean(), 1e-9)
        weights = 1 / (spread + 0.1)
        weights *= weights.size / weights.sum()
        if np.abs(flat - before).mean() < _STEADY:
            break
    wide = np.maximum(_enlarged(flat, shape), 0.01)
    wide /= wide.mean()
    return FlatField(wide.astype(np.float32), (_enlarged(base, shape) * level).astype(np.float32))


def _solve(images: Floats, weights: Floats, dark: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Flat field (mean 1), dark field, what images show beside, and the level of each image."""
    from scipy.fft import dctn, idctn

    mean = images.mean(axis=0)
    smoothness = np.abs(dctn(mean / mean.mean(), norm="ortho")).sum() / 800
    flat, base = np.ones_like(mean), np.zeros_like(mean)
    levels = images.mean(axis=(1, 2))
    shown = np.zeros_like(images)
    multiplier = np.zeros_like(images)
    step = 12.5 / np.linalg.norm(images.reshape(len(images), -1), 2)
    size, floor = np.linalg.norm(images), images.min(axis=0)
    for _ in range(_STEPS):
        pull = multiplier / step
        rest = images - shown + pull
        # flat field: least squares over the images, then few cosines
        power = float((levels**2).sum()) or 1.0
        found = np.tensordot(levels, rest - base, axes=(0, 0)) / power
        waves = dctn(found, norm="ortho")
        kept = _soft(waves, smoothness / (step * power))
        kept[0, 0] = waves[0, 0]
        flat = idctn(kept, norm="ortho")
        flat /= flat.mean() or 1.0
        # level of each image
        levels = np.maximum(((rest - base) * flat).sum(axis=(1, 2)) / (flat**2).sum(), 0)
        if dark:
            base = _dark(images - shown, flat, levels, floor)
        model = flat * levels[:, np.newaxis, np.newaxis] + base
        shown = _soft(images - model + pull, weights / step)
        gap = images - model - shown
        multiplier += step * gap
        step *= _GROWTH
        if np.linalg.norm(gap) < _CLOSE * size:
            break
    return flat, base, shown, levels


def _dark(background: Floats, flat: Floats, levels: Floats, floor: Floats) -> Floats:
    """One dark level: where images of different level meet when they are traced back to none.

    Bright images show the flat field more strongly than dark ones: the slope of one over the other
    gives the level at which there would be no light.
    """
    bright = levels >= np.median(levels)
    if bright.all() or not bright.any():
        return np.zeros_like(flat)
    high, low = background[bright].mean(axis=0), background[~bright].mean(axis=0)
    light = high - low  # has the shape of the flat field, and no dark field
    scale = float((light * flat).sum() / (flat**2).sum())
    if scale <= 0:
        return np.zeros_like(flat)
    # low = dark + level · light / scale; the share of `light` in `low` by least squares
    varying = light - light.mean()
    power = float((varying**2).sum())
    share = float((varying * (low - low.mean())).sum()) / power if power > 0 else 0.0
    value = float((low - max(share, 0.0) * light).mean())
    return np.full_like(flat, min(max(value, 0.0), float(floor.min())))


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
