"""From a mask to numbered objects."""

from __future__ import annotations

from typing import Annotated, Literal

from napari_tmaps.model.kinds import LabelImage, MaskImage
from napari_tmaps.modules.images import as_mask, as_objects


def label(
    mask: MaskImage, *, connectivity: Literal[4, 8] = 8
) -> Annotated[LabelImage, "label_image"]:
    """Number the connected pieces of a mask.

    Parameters
    ----------
    mask
        Mask (y, x). Of labels all objects count as foreground: objects that touch become one.
    connectivity
        8: pixels belong together when they touch by an edge or a corner. 4: only by an edge,
        which parts objects that touch in a single corner.

    Returns
    -------
    LabelImage
        Numbers 1 … n in reading order, from the upper left.

    Raises
    ------
    InputError
        The mask is no single plane.
    """
    return as_objects("mask", as_mask(mask), connectivity)
