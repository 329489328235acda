"""Close holes in masks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.model.kinds import MaskImage
from napari_tmaps.modules.images import as_mask, check_plane


def fill(
    mask: MaskImage, *, max_hole_area: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
) -> Annotated[MaskImage, "filled_mask"]:
    """Close the holes of a mask, e.g. nucleoli that are darker than the threshold.

    Parameters
    ----------
    mask
        Mask (y, x), or labels, of which all objects count as foreground.
    max_hole_area
        Largest hole to close, in pixels; 0 closes holes of any size. Set it where cells are so
        dense that they enclose true background.

    Returns
    -------
    MaskImage
        The mask without its holes. Background that reaches the rim of the image is no hole, nor
        is background that is connected to it over a corner.

    Raises
    ------
    InputError
        The mask is no single plane.
    """
    check_plane("mask", mask)
    from napari_tmaps.measure.components import fill_holes

    return fill_holes(as_mask(mask), max_hole_area or mask.size)
