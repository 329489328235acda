"""Spots of one plane."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage
from napari_tmaps.modules.images import check_intensity

Share = Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.01})]
Limit = Annotated[float, Field(ge=0, le=65535, json_schema_extra={"step": 1})]
Detection = Annotated[float, Field(gt=0, le=10, json_schema_extra={"step": 0.005})]

# Both parts of a spot must hold more than this of its response, or it stays whole.
SMALLEST_SHARE = 0.2
TOP_QUANTILE = 0.999


class Spots(NamedTuple):
    """What `identify_spots_2D` returns."""

    spots: LabelImage
    spots_deblend: LabelImage


def identify_spots_2D(
    image: IntensityImage,
    *,
    spot_size: Annotated[int, Field(ge=2, le=101)] = 5,
    rescale_quantiles: tuple[Share, Share] = (0.01, 0.99),
    rescale_thresholds: tuple[Limit, Limit, Limit, Limit] = (0, 120, 500, 0),
    detection_threshold: Detection = 0.02,
    deblending_steps: Annotated[int, Field(ge=0, le=1000)] = 30,
) -> Annotated[Spots, Depth(stacks=False, instead="identify_spots_3D")]:
    """Find spots, e.g. single transcripts, in images of differing brightness.

    The image is rescaled first, so that one threshold suits a whole plate.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
    spot_size
        Size of the filter: side of its window in pixels, a little more than the diameter of a
        spot.
    rescale_quantiles
        The intensities at these two quantiles of the image become 0 and 1.
    rescale_thresholds
        Limits for these two intensities: smallest and largest for the lower one, smallest and
        largest for the upper one; 0 for no limit. They keep images without spots empty.
    detection_threshold
        Smallest response of the filter to the rescaled image.
    deblending_steps
        Spots that touch are parted where the response between them dips by one of so many steps
        from the threshold to its 99.9th percentile. With 0 spots stay as they are.

    Returns
    -------
    Spots
        `spots`, labels of the regions above the threshold, and `spots_deblend`, labels of one
        pixel for each spot after those that touch are parted.

    Raises
    ------
    InputError
        The image is no plane of uint8 or uint16, or quantiles or limits are in the wrong order.

    Notes
    -----
    The filter is the negative Laplacian of a Gaussian of sigma (spot_size - 1) / 3 on a window of
    spot_size × spot_size pixels, with a sum of 0; beyond its rim the image continues with its
    outermost pixels. A spot is parted where each part holds more than a fifth of its response.
    After Battich, Stoeger and Pelkmans, "Image-based transcriptomics in thousands of single human
    cells at single-molecule resolution" (2013).
    """
    check_intensity("image", image)
    from napari_tmaps.measure import spots
    from napari_tmaps.measure.components import label_components

    response = spots.spot_filter(
        rescale(image, rescale_quantiles, rescale_thresholds), spot_size, "repeat"
    )
    labels = label_components(response > detection_threshold, True)
    parted = labels
    if deblending_steps:
        top = max(float(np.quantile(response, TOP_QUANTILE)), detection_threshold)
        step = (top - detection_threshold) / deblending_steps
        parted = spots.split_at_saddles(response, labels, min_depth=step, min_share=SMALLEST_SHARE)
    return Spots(labels, spots.mark_centres(response, parted))


def rescale(
    image: npt.NDArray[np.unsignedinteger],
    quantiles: tuple[float, float],
    limits: tuple[float, float, float, float],
) -> npt.NDArray[np.float64]:
    """Intensities on a scale where two quantiles, kept within limits, are 0 and 1.

    Raises
    ------
    InputError
        Quantiles or limits in the wrong order.
    """
    for name, low, high in (
        ("rescale_quantiles", *quantiles),
        ("rescale_thresholds", *limits[:2]),
        ("rescale_thresholds", *limits[2:]),
    ):
        if high and low > high:
            raise InputError(
                f"'{name}' has {low} before {high}. Give the smaller one first; 0 as the larger "
                "limit means none."
            )
    ends = np.quantile(image, quantiles)
    low = max(float(ends[0]), limits[0])
    low = min(low, limits[1]) if limits[1] else low
    high = max(float(ends[1]), limits[2])
    high = min(high, limits[3]) if limits[3] else high
    if high <= low:
        # An even image, or limits that cross: nothing stands out.
        return np.zeros(image.shape)
    scaled: npt.NDArray[np.float64] = (image.astype(np.float64) - low) / (high - low)
    return scaled
