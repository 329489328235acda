"""Objects get a name."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, MaskImage, SegmentedObjects
from napari_tmaps.modules.images import as_objects
from napari_tmaps.modules.stacks import labels_of


def register_objects(mask: MaskImage) -> Annotated[SegmentedObjects, "objects", BOTH]:
    """Register objects under the name of the output, so that they can be measured and kept.

    Parameters
    ----------
    mask
        Labels ([z,] y, x), which keep their numbers. A mask (bool) is labelled: pixels belong
        together when they touch by an edge (4 neighbours), in a stack by a face (6).

    Returns
    -------
    SegmentedObjects
        Labels, int32; 0 is background.

    Raises
    ------
    InputError
        The image is no mask and holds no labels.
    """
    if mask.ndim != 3:
        return as_objects("mask", mask, connectivity=4)
    if mask.dtype != np.bool_:
        return labels_of("mask", mask)
    from scipy import ndimage

    labels = np.empty(mask.shape, np.int32)
    ndimage.label(mask, output=labels)
    return labels
