"""Take the noise out of an image."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.stacks import blurred, check_pixels, planewise

LARGEST_BILATERAL = 20


def smooth(
    image: IntensityImage,
    *,
    filter_name: Literal["average", "gaussian", "median", "bilateral"] = "gaussian",
    filter_size: Annotated[int, Field(ge=1, le=200)] = 3,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[IntensityImage, "smoothed_image", BOTH]:
    """Smooth an image, so that noise and texture do not break objects apart.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.
    filter_name
        "gaussian" blurs evenly, in a stack along z too, and suits most stains. The others blur each
        plane of a stack by itself. "average" and "median" take the mean and
        the median of a square window; the median keeps edges and removes single bright pixels.
        "bilateral" blurs only over pixels of similar intensity.
    filter_size
        In pixels. "gaussian": the standard deviation (sigma) of the blur. "average" and "median":
        the side of the window; an even window reaches one pixel farther up and left. "bilateral":
        the standard deviation both in pixels and in grey levels, at most 20.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    IntensityImage
        Smoothed image of the same shape and pixel type, rounded to whole numbers. Beyond its rim
        the image is taken as mirrored.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, or a bilateral filter is larger than 20.
    """
    check_pixels("image", image)
    if image.ndim == 3 and filter_name != "gaussian":
        return planewise(smooth, image, filter_name=filter_name, filter_size=filter_size)
    from napari_tmaps.measure import filters

    if filter_name == "median":
        return filters.median(image, filter_size)
    if filter_name == "average":
        total, _ = filters.box_sums(image, filter_size)
        pixels = filter_size**2
        return ((2 * total + pixels) // (2 * pixels)).astype(image.dtype)
    if filter_name == "bilateral":
        if filter_size > LARGEST_BILATERAL:
            raise InputError(
                f"A bilateral filter of size {filter_size} would take hours for an image. Choose "
                f"at most {LARGEST_BILATERAL}, or the median filter."
            )
        return np.rint(filters.bilateral(image, filter_size)).astype(image.dtype)
    if image.ndim == 3:
        return np.rint(blurred(image, filter_size, pixel_size_um)).astype(image.dtype)
    return filters.rounded_gaussian(image, filter_size)
