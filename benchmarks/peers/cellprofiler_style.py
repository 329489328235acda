"""Primary objects by the steps and default settings of CellProfiler, in scikit-image.

More generous than the defaults: objects larger than 40 pixels stay, as do those on the rim.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import filters, morphology, segmentation

NAME = "steps of CellProfiler in scikit-image"


def segment_primary(
    image: npt.NDArray[Any],
    declump: Literal["intensity", "shape"] = "intensity",
    smallest: float = 10,
    largest: float = 40,
) -> npt.NDArray[np.int32]:
    """Smooth, minimum cross entropy, fill, watershed by intensity or shape, remove small ones."""
    values = image / np.iinfo(image.dtype).max
    smooth = ndimage.gaussian_filter(values, 1)
    mask = smooth > filters.threshold_li(smooth)
    mask = morphology.remove_small_holes(mask, max_size=int(np.pi * (largest / 2) ** 2))
    if not mask.any():
        return np.zeros(image.shape, np.int32)
    distance = ndimage.distance_transform_edt(mask)
    by_intensity = declump == "intensity"
    hills = ndimage.gaussian_filter(values, smallest / 3.5) if by_intensity else distance
    hills = np.where(mask, hills, 0)
    radius = round(smallest / 1.5)
    near = morphology.disk(radius) if image.ndim == 2 else morphology.ball(radius)
    touching = np.ones((3,) * image.ndim)
    peaks = mask & (hills == ndimage.maximum_filter(hills, footprint=near))
    seeds, _ = ndimage.label(peaks, touching)
    energy = values if by_intensity else distance
    objects = segmentation.watershed(-energy, seeds, mask=mask, connectivity=touching)
    area = np.bincount(objects.ravel())
    objects[(area < np.pi * (smallest / 2) ** 2)[objects]] = 0
    return objects.astype(np.int32)
