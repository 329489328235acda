"""Touching objects become single ones, by shape and brightness together."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import as_objects, check_intensity, check_same_shape
from napari_tmaps.modules.threshold_objects import Diameter


def separate_touching(
    mask: MaskImage,
    intensity_image: IntensityImage,
    *,
    diameter: Diameter = 0.0,
    intensity_weight: Annotated[float, Field(ge=0, le=100, json_schema_extra={"step": 0.5})] = 2.0,
    min_depth: Annotated[float, Field(ge=0, le=10, json_schema_extra={"step": 0.01})] = 0.06,
    smoothing: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.01})] = 0.06,
    min_area: Annotated[float, Field(ge=0, le=10, json_schema_extra={"step": 0.05})] = 0.1,
) -> Annotated[
    LabelImage, "separated_label_image", Depth(stacks=False, instead="find_seeds and watershed")
]:
    """Part touching objects, e.g. nuclei, without a size to set.

    Each object has a hill: high where it is thick and where it is bright. Two hills with a valley
    between them are two objects. All sizes are relative to the diameter of the objects, so that
    the same settings fit other magnifications.

    Parameters
    ----------
    mask
        Mask (y, x), whose pixels belong together when they touch by an edge (4 neighbours), or
        labels, which are never joined.
    intensity_image
        Stain (y, x) of the objects, uint8 or uint16.
    diameter
        Typical diameter of the objects in pixels; 0 measures it in the mask.
    intensity_weight
        How much brightness counts beside thickness; 0 parts by shape alone, for objects with
        texture.
    min_depth
        The valley must be lower than both hills by this; a disc of the typical diameter is a hill
        of height 1 by its thickness. Less cuts more.
    smoothing
        Blur (sigma) of the hills, as a share of the diameter. More cuts less.
    min_area
        Objects, and the parts of a cut, have at least this area, as a share of a disc of the
        typical diameter; smaller ones are removed or not cut off.

    Returns
    -------
    LabelImage
        Objects numbered 1 … n in reading order. Parts of a cut touch each other.

    Raises
    ------
    InputError
        The images do not fit, or the first is no mask and holds no labels.

    Notes
    -----
    Valleys are found by flooding from the tops down, where hills merge that are too shallow or too
    small; so there are no seeds to tune. Brightness counts relative to the brightest pixels
    within half a diameter.
    """
    labels = as_objects("mask", mask, connectivity=4)
    check_intensity("intensity image", intensity_image)
    check_same_shape(mask=labels, intensity_image=intensity_image)
    if not labels.any():
        return labels
    from napari_tmaps.measure.diameter import distances, typical_diameter
    from napari_tmaps.measure.filters import gaussian, window_extreme
    from napari_tmaps.measure.runs import count_pixels, draw, find_runs
    from napari_tmaps.measure.spots import split_at_saddles

    distance = distances(labels > 0)
    diameter = diameter or typical_diameter(distance)
    hills = gaussian(distance, max(0.7, smoothing * diameter)) / np.float32(diameter / 2)
    if intensity_weight:
        stain = gaussian(intensity_image, max(1.0, 0.1 * diameter))
        size = 2 * max(1, round(diameter / 2)) + 1
        brightest = gaussian(window_extreme(np.maximum, intensity_image, size), diameter / 2)
        hills += np.float32(intensity_weight) * stain / np.maximum(brightest, 1)
    smallest = max(1, round(min_area * np.pi * diameter**2 / 4))
    parts = split_at_saddles(hills, labels, min_area=smallest, min_depth=min_depth)
    runs = find_runs(parts)
    stays = count_pixels(runs) >= smallest
    return draw(runs, np.where(stays, np.cumsum(stays), 0), labels.shape)
