"""Look only where a mask is."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, MaskImage
from napari_tmaps.modules.images import as_mask, check_same_shape
from napari_tmaps.modules.stacks import check_pixels


def apply_mask(
    image: IntensityImage, mask: MaskImage
) -> Annotated[IntensityImage, "masked_image", BOTH]:
    """Set all intensities outside a mask to 0.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.
    mask
        Mask or labels of the same shape; intensities inside stay as they are.

    Returns
    -------
    IntensityImage
        Same shape and type as `image`.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, or the shapes differ.
    """
    check_pixels("image", image)
    check_same_shape(image=image, mask=mask)
    return np.where(as_mask(mask), image, image.dtype.type(0))
