"""A threshold from the histogram of the image."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, brighter
from napari_tmaps.modules.stacks import check_pixels


def threshold_otsu(
    image: IntensityImage,
    *,
    correction_factor: Annotated[
        float, Field(ge=0.01, le=100, json_schema_extra={"step": 0.05})
    ] = 1.0,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
) -> Annotated[MaskImage, "mask", BOTH]:
    """Make a mask of the bright objects of an image, with Otsu's threshold.

    The threshold parts the pixels of the image into a dark and a bright class that differ most.
    It is found on the exact histogram, one bin for each intensity. After Otsu, "A threshold
    selection method from gray-level histograms" (1979).

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.
    correction_factor
        The threshold is multiplied by this: below 1 for larger, above 1 for smaller objects.
    min_threshold
        Smallest threshold allowed, in intensities of the image. Set it above the background to
        get an empty mask from images without objects.
    max_threshold
        Largest threshold allowed, in intensities of the image.

    Returns
    -------
    MaskImage
        True where the image is brighter than the threshold. An image of one single intensity has
        no objects.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, or the smallest threshold exceeds the largest.
    """
    check_pixels("image", image)
    check_limits(min_threshold, max_threshold)
    if min_threshold == max_threshold:
        return brighter(image, min_threshold)
    from napari_tmaps.measure.histogram import histogram, otsu

    threshold = otsu(histogram(image)) * correction_factor
    return brighter(image, min(max(threshold, min_threshold), max_threshold))


def check_limits(min_threshold: float, max_threshold: float) -> None:
    """Refuse a smallest threshold above the largest.

    Raises
    ------
    InputError
        It is so.
    """
    if min_threshold > max_threshold:
        raise InputError(
            f"'min_threshold' is {min_threshold}, which is above 'max_threshold' "
            f"({max_threshold}). Choose it equal or smaller."
        )
