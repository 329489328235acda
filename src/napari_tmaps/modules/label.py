"""From a mask to numbered objects."""

from __future__ import annotations

from typing import Annotated, Literal

from napari_tmaps.model.kinds import BOTH, LabelImage, MaskImage
from napari_tmaps.modules.images import as_mask, as_objects
from napari_tmaps.modules.stacks import rows_of


def label(
    mask: MaskImage, *, connectivity: Literal[4, 8] = 8
) -> Annotated[LabelImage, "label_image", BOTH]:
    """Number the connected pieces of a mask.

    Parameters
    ----------
    mask
        Mask ([z,] y, x). Of labels all objects count as foreground: objects that touch become one.
    connectivity
        8: pixels belong together when they touch by an edge or a corner. 4: only by an edge,
        which parts objects that touch in a single corner. In a stack 8 stands for all 26 voxels
        around, 4 for the 6 that share a face.

    Returns
    -------
    LabelImage
        Numbers 1 … n in reading order, from the upper left of the first plane.

    Raises
    ------
    InputError
        The mask has no pixels.
    """
    if mask.ndim == 3:
        from napari_tmaps.measure import stack

        rows_of("mask", mask)
        return stack.number(as_mask(mask), corners=connectivity == 8)
    return as_objects("mask", as_mask(mask), connectivity)
