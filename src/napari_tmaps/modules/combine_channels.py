"""Two channels become one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.rescale import stretch
from napari_tmaps.modules.stacks import check_pixels

Weight = Annotated[int, Field(ge=1, le=100)]


def combine_channels(
    image_1: IntensityImage, image_2: IntensityImage, *, weight_1: Weight = 1, weight_2: Weight = 1
) -> Annotated[IntensityImage, "combined_image", BOTH]:
    """Add two channels up, e.g. two stains that together show the whole cell.

    Parameters
    ----------
    image_1
        Intensities ([z,] y, x), uint8 or uint16.
    image_2
        Intensities of the same shape and type.
    weight_1
        How much the first image counts.
    weight_2
        How much the second image counts.

    Returns
    -------
    IntensityImage
        Same shape and type. Each image is stretched to its own range, the weighted sum to the
        full range of the pixel type. An image of one single intensity adds nothing.

    Raises
    ------
    InputError
        The images are not of uint8 or uint16, or differ in shape or type.
    """
    check_pixels("first image", image_1)
    check_pixels("second image", image_2)
    check_same_shape(image_1=image_1, image_2=image_2)
    if image_1.dtype != image_2.dtype:
        raise InputError(
            f"'image_1' has pixels of type {image_1.dtype}, but 'image_2' of {image_2.dtype}. "
            "Both channels must have the same bit depth."
        )
    total = np.zeros(image_1.shape)
    for image, weight in ((image_1, weight_1), (image_2, weight_2)):
        low, high = int(image.min()), int(image.max())
        if high > low:
            total += weight * (image - low) / (high - low)
    darkest, brightest = float(total.min()), float(total.max())
    return stretch(total, darkest, max(brightest, darkest + 1e-9), image_1.dtype)
