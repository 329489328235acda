"""Objects from a channel."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import IntensityImage, SegmentedObjects
from napari_tmaps.modules.images import as_labels


def register_objects_channel(mask: IntensityImage) -> Annotated[SegmentedObjects, "objects"]:
    """Register the objects of a channel that holds labels, e.g. from another program.

    Parameters
    ----------
    mask
        Channel (y, x), of which each pixel is the number of its object, 0 for background.

    Returns
    -------
    SegmentedObjects
        The labels as they are, int32.

    Raises
    ------
    InputError
        The channel is no single plane of whole numbers from 0 on.
    """
    return as_labels("channel", np.asarray(mask))
