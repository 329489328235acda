"""Remove objects that are too small, too large or not whole."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import LabelImage, MaskImage
from napari_tmaps.modules.images import as_objects


def remove_objects(
    mask: MaskImage,
    *,
    min_area: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0,
    max_area: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000_000,
    remove_border: bool = False,
    border_distance: Annotated[int, Field(ge=0, le=1000)] = 0,
) -> Annotated[LabelImage, "kept_label_image"]:
    """Remove small and large objects, and those that the rim of the image cuts.

    Parameters
    ----------
    mask
        Labels (y, x), or a mask, whose pixels belong together when they touch by an edge (4
        neighbours).
    min_area
        Objects of fewer pixels are removed.
    max_area
        Objects of more pixels are removed.
    remove_border
        Remove objects that touch the rim of the image. Features tell such objects too
        (`is_border`); remove them only where their neighbours are not of interest.
    border_distance
        With `remove_border`: objects as near to the rim as this, in pixels, go too.

    Returns
    -------
    LabelImage
        The objects that stay; labels keep their numbers.

    Raises
    ------
    InputError
        The image is no mask and holds no labels, or the smallest area exceeds the largest.
    """
    if min_area > max_area:
        raise InputError(
            f"'min_area' is {min_area}, which is above 'max_area' ({max_area}), so that no object "
            "could stay. Choose it equal or smaller."
        )
    labels = as_objects("mask", mask, connectivity=4)
    from napari_tmaps.measure.runs import count_pixels, draw, find_boxes, find_runs

    runs = find_runs(labels)
    area = count_pixels(runs)
    stays = (area >= min_area) & (area <= max_area)
    if remove_border:
        boxes = find_boxes(runs)
        height, width = labels.shape
        stays &= np.minimum(boxes.top, boxes.left) > border_distance
        stays &= np.minimum(height - boxes.bottom, width - boxes.right) > border_distance
    return draw(runs, np.where(stays, runs.labels, 0), labels.shape)
