"""Stretch intensities."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import Intensity
from napari_tmaps.modules.stacks import check_pixels, rows_of


def rescale(
    intensity_image: IntensityImage,
    *,
    min_value: Intensity = 0,
    max_value: Intensity = 65535,
) -> Annotated[IntensityImage, "rescaled_image", BOTH]:
    """Stretch a range of intensities to the full range of the pixel type.

    Parameters
    ----------
    intensity_image
        Intensities ([z,] y, x), uint8 or uint16; or float32, which becomes uint16.
    min_value
        Intensities up to this become 0.
    max_value
        Intensities from this on become the largest value of the pixel type (255 or 65535).

    Returns
    -------
    IntensityImage
        Same shape and type (uint16 for float32), rounded to whole numbers.

    Raises
    ------
    InputError
        The image is not of uint8, uint16 or finite float32, or the range is empty.
    """
    dtype = intensity_image.dtype
    if dtype == np.float32:
        rows_of("intensity image", intensity_image)
        if not np.isfinite(intensity_image).all():
            raise InputError(
                "The intensity image has pixels that are NaN or infinite. Replace them first, e.g. "
                "by the background."
            )
        dtype = np.dtype(np.uint16)
    else:
        check_pixels("intensity image", intensity_image)
    if min_value >= max_value:
        raise InputError(
            f"'min_value' is {min_value}, but must be below 'max_value' ({max_value})."
        )
    return stretch(intensity_image, min_value, max_value, dtype)


def stretch(
    values: IntensityImage, low: float, high: float, dtype: np.dtype[np.unsignedinteger]
) -> IntensityImage:
    """Values from low to high as 0 to the largest value of the type, rounded."""
    largest = np.iinfo(dtype).max
    part = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    return np.rint(part * largest).astype(dtype)
