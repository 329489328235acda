"""Labels from a channel."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, LabelImage
from napari_tmaps.modules.stacks import labels_of


def use_label_image(input_image: IntensityImage) -> Annotated[LabelImage, "label_image", BOTH]:
    """Take a channel that holds labels as a label image, e.g. masks of CellProfiler.

    Parameters
    ----------
    input_image
        Channel ([z,] y, x), of which each pixel is the number of its object, 0 for background.

    Returns
    -------
    LabelImage
        The labels as they are, int32.

    Raises
    ------
    InputError
        The channel is not of whole numbers from 0 on.
    """
    return labels_of("channel", np.asarray(input_image))
