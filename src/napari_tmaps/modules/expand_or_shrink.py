"""Make objects larger or smaller."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import LabelImage
from napari_tmaps.modules.images import as_labels


def expand_or_shrink(
    image: LabelImage, *, n: Annotated[int, Field(ge=-200, le=200)] = 5
) -> Annotated[LabelImage, "expanded_image"]:
    """Grow objects by some pixels without overlap, or shrink them.

    Parameters
    ----------
    image
        Labels (y, x).
    n
        Pixels to grow by (above 0) or to shrink by (below 0), measured in a straight line from
        the outline.

    Returns
    -------
    LabelImage
        Objects keep their labels. Growing objects stop where they meet, in the middle between
        them; a pixel as near to both goes to the smaller label. Small objects may shrink to
        nothing. Only background wears objects down: objects that touch do not part, and the rim
        of the image holds them.

    Raises
    ------
    InputError
        The image holds no labels.
    """
    labels = as_labels("image", image)
    if n == 0 or not labels.any() or (n < 0 and labels.all()):
        return labels
    from napari_tmaps.measure.distance import grow

    if n < 0:
        background = grow((labels == 0).astype(np.int32), -n)
        return np.where(background > 0, np.int32(0), labels)
    return grow(labels, n)
