"""Labels from a channel."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import IntensityImage, LabelImage
from napari_tmaps.modules.images import as_labels


def use_label_image(input_image: IntensityImage) -> Annotated[LabelImage, "label_image"]:
    """Take a channel that holds labels as a label image, e.g. masks of CellProfiler.

    Parameters
    ----------
    input_image
        Channel (y, x), of which each pixel is the number of its object, 0 for background.

    Returns
    -------
    LabelImage
        The labels as they are, int32.

    Raises
    ------
    InputError
        The channel is no single plane of whole numbers from 0 on.
    """
    return as_labels("channel", np.asarray(input_image))
