"""A mask in which each object ends where it falls to a share of its own brightness."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, Mask, check_intensity
from napari_tmaps.modules.threshold_otsu import check_limits

Diameter = Annotated[float, Field(ge=0, le=1000, json_schema_extra={"step": 1})]
"""Setting: diameter of objects in pixels, 0 for one that is measured in the image."""

# Holes of up to this share of an object are closed.
LARGEST_HOLE = 0.5


def threshold_objects(
    image: IntensityImage,
    *,
    diameter: Diameter = 0.0,
    edge_height: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.05})] = 0.25,
    smoothing: Annotated[float, Field(ge=0, le=50, json_schema_extra={"step": 0.5})] = 1.0,
    correction_factor: Annotated[
        float, Field(ge=0.01, le=100, json_schema_extra={"step": 0.05})
    ] = 1.0,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
) -> Annotated[MaskImage, "mask", Depth(stacks=False, instead="threshold_local")]:
    """Make a mask of objects that differ in brightness, e.g. nuclei, without a size to set.

    A threshold for the whole image finds the dimmest objects, but gives bright ones a halo and
    joins neighbours. Here each pixel must also be brighter than a share of the way from the
    background around it to the brightest pixels near it. So bright and dim objects have the same
    outline, and the dark line between neighbours stays open.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
    diameter
        Typical diameter of the objects in pixels; 0 measures it in the image.
    edge_height
        Where between its surroundings (0) and its brightest parts (1) an object ends. More gives
        smaller objects with wider gaps: half-way up is where an object ends that the microscope
        has blurred; the default keeps the blur, as most programs do. 0 uses the threshold of the
        whole image alone.
    smoothing
        Standard deviation (sigma) in pixels of the blur that takes out noise first; 0 for none.
    correction_factor
        The threshold of the whole image is multiplied by this: below 1 to find dimmer objects.
    min_threshold
        Smallest threshold of the whole image, in intensities. Set it above the background to get
        an empty mask from images without objects.
    max_threshold
        Largest threshold of the whole image, in intensities.

    Returns
    -------
    MaskImage
        True for foreground. Holes of less than half an object are closed. An image of one single
        intensity has no objects.

    Raises
    ------
    InputError
        The image is no plane of uint8 or uint16, or the smallest threshold exceeds the largest.

    Notes
    -----
    The threshold of the whole image minimises the cross entropy (Li and Tam, 1998). The brightest
    pixel is taken within 0.4 diameters, the darkest within one diameter, in squares; both are
    blurred by half of that.
    """
    check_intensity("image", image)
    check_limits(min_threshold, max_threshold)
    from napari_tmaps.measure import filters
    from napari_tmaps.measure.components import fill_holes
    from napari_tmaps.measure.diameter import distances, typical_diameter
    from napari_tmaps.measure.histogram import histogram, minimum_cross_entropy

    # Finer levels than those of the image, since a blur of dim 8 bit images has only few.
    largest = int(image.max())
    scale = max(1.0, np.floor(65535 / max(largest, 1)))
    levels = np.rint(scale * (filters.gaussian(image, smoothing) if smoothing else image))
    levels = levels.astype(np.uint16)
    threshold = minimum_cross_entropy(histogram(levels)) / scale * correction_factor
    mask: Mask = levels > scale * min(max(threshold, min_threshold), max_threshold)
    if not mask.any():
        return mask
    diameter = diameter or typical_diameter(distances(fill_holes(mask, mask.size)))
    if edge_height:
        mask &= levels > edge_level(levels, diameter, edge_height)
    return fill_holes(mask, int(LARGEST_HOLE * np.pi * diameter**2 / 4))


def edge_level(
    image: npt.NDArray[np.uint16], diameter: float, height: float
) -> npt.NDArray[np.float32]:
    """Intensity (y, x) at the given height between the surroundings and the brightest parts."""
    from napari_tmaps.measure.filters import gaussian, window_extreme

    near, far = max(2, round(0.4 * diameter)), max(3, round(diameter))
    bright = gaussian(window_extreme(np.maximum, image, 2 * near + 1), near / 2)
    dark = gaussian(window_extreme(np.minimum, image, 2 * far + 1), far / 2)
    dark = np.minimum(dark, image)
    return dark + np.float32(height) * (bright - dark)
