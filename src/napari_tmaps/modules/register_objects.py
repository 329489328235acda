"""Objects get a name."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import MaskImage, SegmentedObjects
from napari_tmaps.modules.images import as_objects


def register_objects(mask: MaskImage) -> Annotated[SegmentedObjects, "objects"]:
    """Register objects under the name of the output, so that they can be measured and kept.

    Parameters
    ----------
    mask
        Labels (y, x), which keep their numbers. A mask (bool) is labelled: pixels belong together
        when they touch by an edge (4 neighbours).

    Returns
    -------
    SegmentedObjects
        Labels, int32; 0 is background.

    Raises
    ------
    InputError
        The image is no mask and holds no labels.
    """
    return as_objects("mask", mask, connectivity=4)
