"""Close holes in masks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.model.kinds import BOTH, MaskImage
from napari_tmaps.modules.images import as_mask
from napari_tmaps.modules.stacks import rows_of


def fill(
    mask: MaskImage, *, max_hole_area: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
) -> Annotated[MaskImage, "filled_mask", BOTH]:
    """Close the holes of a mask, e.g. nucleoli that are darker than the threshold.

    Parameters
    ----------
    mask
        Mask ([z,] y, x), or labels, of which all objects count as foreground.
    max_hole_area
        Largest hole to close, in pixels, of a stack in voxels; 0 closes holes of any size. Set it
        where cells are so dense that they enclose true background.

    Returns
    -------
    MaskImage
        The mask without its holes. Background that reaches the rim of the image, in a stack also
        its first or last plane, is no hole, nor is background that is connected to it over a
        corner.

    Raises
    ------
    InputError
        The mask has no pixels.
    """
    rows_of("mask", mask)
    largest = max_hole_area or mask.size
    if mask.ndim == 3:
        from napari_tmaps.measure import stack

        return stack.fill_holes(as_mask(mask), largest)
    from napari_tmaps.measure.components import fill_holes

    return fill_holes(as_mask(mask), largest)
