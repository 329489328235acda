"""One threshold for the whole image, by any of the well known methods."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, check_intensity
from napari_tmaps.modules.threshold_otsu import check_limits


def threshold_global(
    image: IntensityImage,
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
) -> Annotated[MaskImage, "mask"]:
    """Make a mask with a threshold that is found in the histogram of the image.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
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

    Returns
    -------
    MaskImage
        True where the smoothed image is brighter than the threshold. An image of one single
        intensity has no objects.

    Raises
    ------
    InputError
        The image is no plane of uint8 or uint16, or the smallest threshold exceeds the largest.

    Notes
    -----
    "background_mode" is twice the distance from the darkest to the most frequent intensity.
    "robust_background" is the mean and two standard deviations of the pixels without the 5 % at
    either end.
    """
    check_intensity("image", image)
    check_limits(min_threshold, max_threshold)
    from napari_tmaps.measure.filters import gaussian
    from napari_tmaps.measure.histogram import histogram
    from napari_tmaps.measure.thresholds import THRESHOLDS

    if image.min() == image.max():
        return np.zeros(image.shape, bool)
    values = np.rint(gaussian(image, smoothing)).astype(image.dtype) if smoothing else image
    threshold = THRESHOLDS[method](histogram(values)) * correction_factor
    return values > min(max(threshold, min_threshold), max_threshold)
