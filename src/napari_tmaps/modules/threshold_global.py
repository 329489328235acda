"""One threshold for the whole image, by any of the well known methods."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage, MaskImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.images import Intensity, as_mask, check_same_shape
from napari_tmaps.modules.stacks import blurred, check_pixels
from napari_tmaps.modules.threshold_otsu import check_limits


def threshold_global(
    image: IntensityImage,
    mask: MaskImage | None = None,
    *,
    method: Literal[
        "minimum_cross_entropy",
        "otsu",
        "otsu_3_lower",
        "otsu_3_upper",
        "triangle",
        "isodata",
        "maximum_entropy",
        "renyi_entropy",
        "background_mode",
        "robust_background",
        "gaussian_mixture",
    ] = "minimum_cross_entropy",
    smoothing: Annotated[float, Field(ge=0, le=50, json_schema_extra={"step": 0.5})] = 1.0,
    correction_factor: Annotated[
        float, Field(ge=0.01, le=100, json_schema_extra={"step": 0.05})
    ] = 1.0,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[MaskImage, "mask", BOTH]:
    """Make a mask with a threshold that is found in the histogram of the image.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.
    mask
        Mask or labels of the same shape: where to look, e.g. in nuclei for the spots in them. Only
        these pixels are in the histogram, and only they can be foreground. Without it the whole
        image.
    method
        "minimum_cross_entropy" (Li) for most stains, also dim ones. "otsu" for two classes of
        like size; with three classes "otsu_3_lower" takes the middle one, e.g. cytoplasm, as
        foreground, "otsu_3_upper" as background. "triangle", "background_mode",
        "robust_background" for images that are mostly background. "isodata", "maximum_entropy",
        "renyi_entropy" and "gaussian_mixture" for stains that others miss.
    smoothing
        Standard deviation (sigma) in pixels of the blur that takes out noise first; 0 for none.
    correction_factor
        The threshold is multiplied by this: below 1 for larger, above 1 for smaller objects.
    min_threshold
        Smallest threshold allowed, in intensities of the image. Set it above the background to
        get an empty mask from images without objects.
    max_threshold
        Largest threshold allowed, in intensities of the image.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    MaskImage
        True where the smoothed image is brighter than the threshold, within the mask. Pixels of
        one single intensity have no objects, nor has an empty mask.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, the mask does not fit, or the smallest threshold
        exceeds the largest.

    Notes
    -----
    Only the histogram stays within the mask: the blur takes in the pixels around it.

    "background_mode" is twice the distance from the darkest to the most frequent intensity.
    "robust_background" is the mean and two standard deviations of the pixels without the 5 % at
    either end.
    """
    check_pixels("image", image)
    check_limits(min_threshold, max_threshold)
    from napari_tmaps.measure.histogram import histogram
    from napari_tmaps.measure.thresholds import THRESHOLDS

    if mask is not None:
        check_same_shape(image=image, mask=mask)
    inside = np.ones(image.shape, bool) if mask is None else as_mask(mask)
    seen = image if mask is None else image[inside]
    if seen.size == 0 or seen.min() == seen.max():
        return np.zeros(image.shape, bool)
    values = image
    if smoothing:
        values = np.rint(blurred(image, smoothing, pixel_size_um)).astype(image.dtype)
    counts = histogram(values if mask is None else values[inside])
    threshold = THRESHOLDS[method](counts) * correction_factor
    return inside & (values > min(max(threshold, min_threshold), max_threshold))
