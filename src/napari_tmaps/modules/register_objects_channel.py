"""Objects from a channel."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, SegmentedObjects
from napari_tmaps.modules.stacks import labels_of


def register_objects_channel(mask: IntensityImage) -> Annotated[SegmentedObjects, "objects", BOTH]:
    """Register the objects of a channel that holds labels, e.g. from another program.

    Parameters
    ----------
    mask
        Channel ([z,] y, x), of which each pixel is the number of its object, 0 for background.

    Returns
    -------
    SegmentedObjects
        The labels as they are, int32.

    Raises
    ------
    InputError
        The channel is not of whole numbers from 0 on.
    """
    return labels_of("channel", np.asarray(mask))
