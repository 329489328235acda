"""Make objects larger or smaller."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, LabelImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.stacks import labels_of, plane_step


def expand_or_shrink(
    image: LabelImage,
    *,
    n: Annotated[int, Field(ge=-200, le=200)] = 5,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "expanded_image", BOTH]:
    """Grow objects by some pixels without overlap, or shrink them.

    Parameters
    ----------
    image
        Labels ([z,] y, x).
    n
        Pixels to grow by (above 0) or to shrink by (below 0), measured in a straight line from
        the outline, in a stack along z too.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    LabelImage
        Objects keep their labels. Growing objects stop where they meet, in the middle between
        them; a pixel as near to both goes to the smaller label, in a stack to either. Small
        objects may shrink to nothing. Only background wears objects down: objects that touch do
        not part, and the rim of the image holds them.

    Raises
    ------
    InputError
        The image holds no labels.
    """
    labels = labels_of("image", image)
    if n == 0 or not labels.any() or (n < 0 and labels.all()):
        return labels
    if labels.ndim == 3:
        from napari_tmaps.measure import stack

        step = plane_step(pixel_size_um)
        if n > 0:
            return stack.grow(labels, n, step)
        return np.where(stack.grow((labels == 0).astype(np.int32), -n, step) > 0, 0, labels)
    from napari_tmaps.measure.distance import grow

    if n < 0:
        background = grow((labels == 0).astype(np.int32), -n)
        return np.where(background > 0, np.int32(0), labels)
    return grow(labels, n)
