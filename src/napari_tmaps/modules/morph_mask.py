"""Grow, shrink and smooth masks."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, MaskImage
from napari_tmaps.modules.images import Mask, as_mask, check_plane
from napari_tmaps.modules.stacks import planewise


def morph_mask(
    mask: MaskImage,
    *,
    operation: Literal["open", "close", "erode", "dilate"] = "open",
    radius: Annotated[float, Field(gt=0, le=200, json_schema_extra={"step": 0.5})] = 2.0,
) -> Annotated[MaskImage, "morphed_mask", BOTH]:
    """Smooth, grow or shrink a mask, e.g. to cut thin bridges or to close gaps.

    Parameters
    ----------
    mask
        Mask ([z,] y, x), of a stack each plane by itself; or labels, of which all objects count
        as foreground. To grow or shrink objects without joining them, use 'expand_or_shrink'.
    operation
        "open" removes what is narrower than the disc, such as bridges and specks; "close" fills
        gaps and bays that are narrower. "erode" takes `radius` pixels off everywhere, "dilate"
        adds them.
    radius
        Radius of the disc in pixels.

    Returns
    -------
    MaskImage
        Mask (bool). The rim of the image wears nothing down.

    Raises
    ------
    InputError
        The mask has no pixels.
    """
    if mask.ndim == 3:
        return planewise(morph_mask, mask, operation=operation, radius=radius)
    check_plane("mask", mask)
    foreground = as_mask(mask)
    if operation == "dilate":
        return _dilate(foreground, radius)
    if operation == "erode":
        return ~_dilate(~foreground, radius)
    if operation == "open":
        return _dilate(~_dilate(~foreground, radius), radius)
    return ~_dilate(~_dilate(foreground, radius), radius)


def _dilate(mask: Mask, radius: float) -> Mask:
    """Pixels up to `radius` away from the mask; exact distances, so that a disc is round."""
    from napari_tmaps.measure.distance import squared_distances

    # The frame of zeros, which the distance needs, is too far away to count.
    frame = int(radius) + 2
    empty = np.zeros(np.add(mask.shape, 2 * frame), np.uint8)
    empty[1:-1, 1:-1] = 1
    inner = (slice(frame, -frame), slice(frame, -frame))
    empty[inner] = ~mask
    near: Mask = squared_distances(empty)[inner] <= radius**2
    return near
