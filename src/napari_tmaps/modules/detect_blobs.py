"""Spots."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import PLANES, IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import as_mask, check_intensity, check_same_shape

# Brighter pixels, such as dirt, count as this percentile of the image.
CLIP_PERCENTILE = 99.999


class Blobs(NamedTuple):
    """What `detect_blobs` returns."""

    centroids: LabelImage
    blobs: LabelImage


def detect_blobs(
    image: IntensityImage,
    mask: MaskImage,
    *,
    threshold: Annotated[float, Field(gt=0, le=65535, json_schema_extra={"step": 0.5})] = 1.0,
    min_area: Annotated[int, Field(ge=1, le=10_000)] = 5,
    mean_area: Annotated[int, Field(ge=2, le=101)] = 5,
    max_area: Annotated[int, Field(ge=1, le=1_000_000)] = 100,
) -> Annotated[Blobs, PLANES]:
    """Find spots, e.g. vesicles, foci or single molecules.

    A filter brings out spots of a given size; where it responds by more than a threshold is a
    spot. Spots that touch are parted between their peaks.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
    mask
        Mask or labels of the same shape: where to look, e.g. the cells.
    threshold
        Smallest response of the filter, in intensities of the image. About half of what a spot
        rises above its surroundings, or less for spots that are smaller than the filter.
    min_area
        Spots have at least so many pixels, also each of those that touch.
    mean_area
        Size of the filter: side of its window in pixels. A little more than the diameter of a
        spot.
    max_area
        Bright regions of more pixels are no spots; they are left out before spots are parted.

    Returns
    -------
    Blobs
        `blobs`, labels of the spots, and `centroids`, a single pixel of each with the same label.

    Raises
    ------
    InputError
        The images do not fit, or `min_area` exceeds `max_area`.

    Notes
    -----
    The filter is the negative Laplacian of a Gaussian of sigma (mean_area - 1) / 3 on a window of
    mean_area × mean_area pixels, with a sum of 0. Intensities above the 99.999th percentile of the
    image count as that. The parts of a spot outside the mask are cut off.
    """
    check_intensity("image", image)
    check_same_shape(image=image, mask=mask)
    if min_area > max_area:
        raise InputError(
            f"'min_area' is {min_area}, which is above 'max_area' ({max_area}), so that no spot "
            "could be found. Choose it equal or smaller."
        )
    from napari_tmaps.measure import spots
    from napari_tmaps.measure.components import label_components
    from napari_tmaps.measure.histogram import histogram, percentile
    from napari_tmaps.measure.runs import count_pixels, draw, find_runs

    brightest = percentile(histogram(image), CLIP_PERCENTILE)
    response = spots.spot_filter(np.minimum(image, image.dtype.type(brightest)), mean_area)
    regions = find_runs(label_components(response > threshold, True))
    small = count_pixels(regions) <= max_area
    candidates = draw(regions, np.where(small, np.cumsum(small), 0), image.shape)
    blobs = spots.split_at_saddles(response, candidates, min_area=min_area)
    blobs[~as_mask(mask)] = 0
    found = find_runs(blobs)
    large = count_pixels(found) >= min_area
    blobs = draw(found, np.where(large, np.cumsum(large), 0), image.shape)
    return Blobs(spots.mark_centres(response, blobs), blobs)
