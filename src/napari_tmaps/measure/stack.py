"""Neighbourhoods in stacks (z, y, x), whose planes are some pixels apart (`step`).

All lengths are in pixels of the planes. These are the kernels of SciPy and scikit-image; single
planes have faster ones in the other files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tmaps.measure import filters
from napari_tmaps.measure.runs import Floats

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def gaussian(image: npt.NDArray[Any], sigma: float, step: float) -> npt.NDArray[np.float32]:
    """Blur that is as wide along z as in the planes; mirrored at all sides."""
    planes = np.stack([filters.gaussian(plane, sigma) for plane in image])
    blurred: npt.NDArray[np.float32] = ndimage.gaussian_filter1d(planes, sigma / step, axis=0)
    return blurred


def distances(mask: Mask, step: float) -> Floats:
    """Distance of each voxel to the nearest background.

    The sides of the planes are background too, as in single planes; what lies above and below the
    stack is taken to be like its outermost planes.
    """
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    found: Floats = ndimage.distance_transform_edt(padded, sampling=(step, 1, 1))
    return np.ascontiguousarray(found[:, 1:-1, 1:-1])


def number(mask: Mask, corners: bool) -> Labels:
    """Connected pieces, 1 … n in the order of planes, rows and columns.

    Voxels belong together when they touch by a face, or also by an edge or a corner.
    """
    labels = np.empty(mask.shape, np.int32)
    ndimage.label(mask, np.ones((3, 3, 3)) if corners else None, output=labels)
    return labels


def fill_holes(mask: Mask, largest: int) -> Mask:
    """The mask without background of up to so many voxels that reaches no side of the stack."""
    background = number(~mask, corners=True)
    hole = np.bincount(background.ravel()) <= largest
    hole[0] = False
    for axis in range(3):
        for side in (0, -1):
            hole[background.take(side, axis)] = False
    return mask | hole[background]


def ball_peaks(hills: Floats, mask: Mask, radius: float, step: float) -> Mask:
    """Voxels of a mask that are as high as any within a distance."""
    reach = np.array([int(radius / step), int(radius), int(radius)])
    z, y, x = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    ball = (z * step) ** 2 + y**2 + x**2 <= radius**2
    # A box inside the ball is asked first; it leaves few voxels to look at one by one.
    box = [2 * int(r / np.sqrt(3)) + 1 for r in reach]
    peaks: Mask = mask & (hills == ndimage.maximum_filter(hills, box, mode="nearest"))
    padded = np.pad(hills, [(r, r) for r in reach], constant_values=-np.inf)
    for place in np.argwhere(peaks):
        around = padded[tuple(slice(p, p + 2 * r + 1) for p, r in zip(place, reach, strict=True))]
        peaks[tuple(place)] = hills[tuple(place)] >= around[ball].max()
    return peaks


def flood(depth: npt.NDArray[Any], seeds: Labels, mask: Mask, *, lines: bool = False) -> Labels:
    """Seeds that have grown over a landscape within a mask, lowest first, through faces."""
    import skimage.segmentation

    library: Any = skimage.segmentation  # it has no types
    grown = library.watershed(depth, seeds, connectivity=1, mask=mask, watershed_line=lines)
    return np.asarray(grown, np.int32)


def grow(labels: Labels, distance: float, step: float) -> Labels:
    """Labels that have grown into the background, until they meet."""
    import skimage.segmentation

    library: Any = skimage.segmentation
    grown = library.expand_labels(labels, distance, spacing=(step, 1, 1))
    return np.asarray(grown, np.int32)


def slopes(image: Floats, step: float) -> Floats:
    """How steep an image is, by Sobel's filter."""
    along = [ndimage.sobel(image, axis, mode="nearest") for axis in range(3)]
    steep: Floats = np.sqrt((along[0] / step) ** 2 + along[1] ** 2 + along[2] ** 2)
    return steep
