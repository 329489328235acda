"""Spots of several sizes."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.measure.runs import Floats
from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import Mask, as_mask, check_intensity, check_same_shape

Diameter = Annotated[float, Field(ge=1, le=200, json_schema_extra={"step": 0.5})]

# Neighbouring sizes of the filter differ by this factor; DoG takes the difference of two.
RATIO = 1.6


class FoundSpots(NamedTuple):
    """What `find_spots` returns."""

    centres: LabelImage
    spots: LabelImage


def find_spots(
    image: IntensityImage,
    mask: MaskImage | None = None,
    *,
    method: Literal["LoG", "DoG"] = "LoG",
    min_diameter: Diameter = 3.0,
    max_diameter: Diameter = 6.0,
    threshold: Annotated[float, Field(gt=0, le=1000, json_schema_extra={"step": 0.5})] = 8.0,
) -> Annotated[FoundSpots, Depth(stacks=False, instead="identify_spots_3D")]:
    """Find spots between two sizes, with a threshold that suits bright and dim images.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
    mask
        Mask or labels of the same shape: where to look, e.g. the cells. Without it everywhere.
    method
        "LoG": Laplacian of a Gaussian. "DoG": difference of two Gaussians, nearly the same and a
        little less strict on round shape.
    min_diameter
        Diameter in pixels of the smallest spots.
    max_diameter
        Diameter in pixels of the largest spots.
    threshold
        Least response of the filter, in units of the noise of the smallest one, which is measured
        in the image (1.4826 × median absolute deviation). 5 finds dim spots with a few false
        ones, 20 only clear ones.

    Returns
    -------
    FoundSpots
        `centres`, one pixel for each spot, numbered in reading order; `spots`, discs of the
        diameter at which the filter responds most, with the same labels. Where discs overlap, a
        pixel goes to the nearer centre.

    Raises
    ------
    InputError
        The images do not fit, or the smallest diameter exceeds the largest.

    Notes
    -----
    Responses are multiplied by sigma², so that those of different sizes compare; a disc of
    diameter d responds most at sigma = d / √8. After Lindeberg, "Feature detection with automatic
    scale selection" (1998). Sizes lie a factor of at most 1.6 apart. Of peaks that overlap by more
    than half of the weaker one's radius the stronger counts. An even image has no spots.
    """
    check_intensity("image", image)
    if mask is not None:
        check_same_shape(image=image, mask=mask)
    if min_diameter > max_diameter:
        raise InputError(
            f"'min_diameter' is {min_diameter}, which is above 'max_diameter' ({max_diameter}). "
            "Choose it equal or smaller."
        )
    from scipy import ndimage

    steps = 1 + int(np.ceil(np.log(max_diameter / min_diameter) / np.log(RATIO) - 1e-9))
    diameters = np.geomspace(min_diameter, max_diameter, steps)
    values = image.astype(np.float64)
    best, scale, noise = np.zeros(image.shape), np.zeros(image.shape), 0.0
    for diameter in diameters:
        sigma = diameter / np.sqrt(8)
        if method == "LoG":
            response = -(sigma**2) * ndimage.gaussian_laplace(values, sigma)
        else:
            narrow, wide = sigma / np.sqrt(RATIO), sigma * np.sqrt(RATIO)
            response = ndimage.gaussian_filter(values, narrow)
            response = response - ndimage.gaussian_filter(values, wide)
        if diameter == diameters[0]:
            noise = 1.4826 * float(np.median(np.abs(response - np.median(response))))
        # Without noise whatever stands out by half an intensity is a spot.
        clear = response > max(threshold * noise, 0.5)
        larger = clear & (response > best)
        best[larger], scale[larger] = response[larger], diameter
    peaks = (best > 0) & (best == ndimage.maximum_filter(best, 3, mode="nearest"))
    if mask is not None:
        peaks &= as_mask(mask)
    centres = _strongest(peaks, best, scale)
    return FoundSpots(centres, _discs(centres, scale))


def _strongest(peaks: Mask, response: Floats, scale: Floats) -> LabelImage:
    """Peaks that lie in no stronger spot, numbered in reading order."""
    from scipy.spatial import cKDTree

    places = np.argwhere(peaks)
    result = np.zeros(peaks.shape, np.int32)
    if not len(places):
        return result
    radius = scale[peaks] / 2
    tree = cKDTree(places)
    kept = np.zeros(len(places), bool)
    for i in np.argsort(-response[peaks], kind="stable"):
        near = np.array(tree.query_ball_point(places[i], radius.max() + radius[i] / 2))
        near = near[kept[near]]
        away = np.hypot(*(places[near] - places[i]).T)
        # The rim of a large spot looks like small ones.
        kept[i] = not (away < radius[near] + radius[i] / 2).any()
    y, x = places[kept].T
    result[y, x] = np.arange(1, kept.sum() + 1)
    return result


def _discs(centres: LabelImage, scale: Floats) -> LabelImage:
    """Discs around the centres; where they overlap, the nearer centre counts."""
    height, width = centres.shape
    result = np.zeros(centres.shape, np.int32)
    nearest = np.full(centres.shape, np.inf)
    for y, x in zip(*np.nonzero(centres), strict=True):
        radius = scale[y, x] / 2
        reach = int(radius)
        rows = slice(max(0, y - reach), min(height, y + reach + 1))
        columns = slice(max(0, x - reach), min(width, x + reach + 1))
        v, u = np.ogrid[rows, columns]
        away = (v - y) ** 2 + (u - x) ** 2
        mine = (away <= radius**2) & (away < nearest[rows, columns])
        nearest[rows, columns][mine] = away[mine]
        result[rows, columns][mine] = centres[y, x]
    return result
