"""Which objects of a stack lie beside which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tmaps.measure.runs import Floats, Ints


def neighbours(
    labels: npt.NDArray[np.int32], step: float, near: float, touching: float
) -> tuple[Ints, Floats]:
    """How many others come near each object, and which share of its outline they touch.

    Parameters
    ----------
    labels
        Objects (z, y, x), in planes that are `step` pixels apart.
    near, touching
        In pixels: others as near as this are neighbours, and touch a voxel of the outline.

    Returns
    -------
    tuple
        In the order of the labels. Voxels of the outline share a face with another label or with
        background, or lie at a side of the stack.
    """
    present, dense = np.unique(labels, return_inverse=True)
    dense = dense.reshape(labels.shape) + (0 if present[0] == 0 else 1)
    boxes = ndimage.find_objects(dense)
    count, share = np.zeros(len(boxes), np.int64), np.zeros(len(boxes), np.float64)
    reach = max(near, touching)
    wide = (int(reach / step) + 1, int(reach) + 1, int(reach) + 1)
    for k, box in enumerate(boxes):
        around = tuple(
            slice(max(0, side.start - r), side.stop + r) for side, r in zip(box, wide, strict=True)
        )
        crop = dense[around]
        own, others = crop == k + 1, (crop > 0) & (crop != k + 1)
        if not others.any():
            continue
        away = ndimage.distance_transform_edt(~own, sampling=(step, 1, 1))
        count[k] = np.unique(crop[others & (away <= near)]).size
        gap = ndimage.distance_transform_edt(~others, sampling=(step, 1, 1))
        # Beyond the crop is background, or the side of the stack.
        outline = own & ~ndimage.binary_erosion(own)
        share[k] = np.count_nonzero(outline & (gap <= touching)) / np.count_nonzero(outline)
    return count, share
