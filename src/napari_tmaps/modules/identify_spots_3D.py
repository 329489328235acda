"""Spots of a stack."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage
from napari_tmaps.modules.identify_spots_2D import Detection, Limit, Share, rescale
from napari_tmaps.modules.images import check_stack


def identify_spots_3D(
    image: IntensityImage,
    *,
    log_filter_type: Literal["3D", "2D"] = "3D",
    spot_size: Annotated[int, Field(ge=2, le=101)] = 4,
    n_planes: Annotated[int, Field(ge=1, le=101)] = 3,
    rescale_quantiles: tuple[Share, Share] = (0.01, 0.99),
    rescale_thresholds: tuple[Limit, Limit, Limit, Limit] = (0, 120, 500, 0),
    detection_threshold: Detection = 0.08,
) -> Annotated[IntensityImage, "occupancy_image", Depth(planes=False, flat=True)]:
    """Count the spots of a stack at each place of the plane.

    Parameters
    ----------
    image
        Intensities (z, y, x), uint8 or uint16.
    log_filter_type
        "2D" filters each plane by itself; "3D" takes the mean response of `n_planes` planes, so
        that a spot must show in several.
    spot_size
        Size of the filter: side of its window in pixels, a little more than the diameter of a
        spot.
    n_planes
        "3D": number of planes over which a spot extends; an even number reaches one plane
        farther down.
    rescale_quantiles
        The intensities at these two quantiles of the stack become 0 and 1.
    rescale_thresholds
        Limits for these two intensities: smallest and largest for the lower one, smallest and
        largest for the upper one; 0 for no limit. They keep images without spots empty.
    detection_threshold
        Smallest response of the filter to the rescaled stack.

    Returns
    -------
    IntensityImage
        Plane (y, x), uint16: the number of spots whose centre is at this pixel. Its sum over a
        cell is the number of spots in the cell.

    Raises
    ------
    InputError
        The image is no stack of uint8 or uint16, or quantiles or limits are in the wrong order.

    Notes
    -----
    The filter is that of `identify_spots_2D`. Pixels above the threshold that touch by a side, an
    edge or a corner are one spot.
    """
    check_stack("image", image)
    from scipy import ndimage

    from napari_tmaps.measure.spots import spot_filter

    scaled = rescale(image, rescale_quantiles, rescale_thresholds)
    response = np.stack([spot_filter(plane, spot_size, "repeat") for plane in scaled])
    if log_filter_type == "3D":
        response = ndimage.uniform_filter1d(response, n_planes, axis=0, mode="nearest")
    labels, count = ndimage.label(response > detection_threshold, np.ones((3, 3, 3)))
    occupancy = np.zeros(image.shape[1:], np.uint16)
    if count:
        centres = ndimage.center_of_mass(labels > 0, labels, range(1, count + 1))
        _, y, x = np.rint(np.transpose(centres)).astype(int)
        np.add.at(occupancy, (y, x), 1)
    return occupancy
