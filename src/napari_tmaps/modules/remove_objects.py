"""Remove objects that are too small, too large or not whole."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, LabelImage, MaskImage
from napari_tmaps.modules.register_objects import register_objects
from napari_tmaps.modules.stacks import rows_of, unrow


def remove_objects(
    mask: MaskImage,
    *,
    min_area: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0,
    max_area: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000_000,
    remove_border: bool = False,
    border_distance: Annotated[int, Field(ge=0, le=1000)] = 0,
) -> Annotated[LabelImage, "kept_label_image", BOTH]:
    """Remove small and large objects, and those that the rim of the image cuts.

    Parameters
    ----------
    mask
        Labels ([z,] y, x), or a mask, whose pixels belong together when they touch by an edge (4
        neighbours), in a stack by a face (6).
    min_area
        Objects of fewer pixels, in a stack voxels, are removed.
    max_area
        Objects of more pixels are removed.
    remove_border
        Remove objects that touch the rim of the image, in a stack the sides of its planes and not
        the first and the last of them. Features tell such objects too
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
    labels = register_objects(mask)
    from napari_tmaps.measure.runs import count_pixels, draw, find_boxes, find_runs

    rows = rows_of("mask", labels)
    runs = find_runs(rows)
    area = count_pixels(runs)
    stays = (area >= min_area) & (area <= max_area)
    if remove_border:
        height, width = labels.shape[-2:]
        if labels.ndim == 3:
            from napari_tmaps.measure.solid import solids

            of = solids(runs, height)
            (top, left), (bottom, right) = of.low[:, 1:].T, of.high[:, 1:].T
        else:
            top, left, bottom, right = find_boxes(runs)
        stays &= np.minimum(top, left) > border_distance
        stays &= np.minimum(height - bottom, width - right) > border_distance
    return unrow(draw(runs, np.where(stays, runs.labels, 0), rows.shape), labels.shape)
