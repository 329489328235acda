"""Take one mask away from another."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, MaskImage
from napari_tmaps.modules.images import as_mask, check_same_shape


def clip(image: MaskImage, clipping_mask: MaskImage) -> Annotated[MaskImage, "clipped_image", BOTH]:
    """Remove from objects what a mask covers, e.g. cytoplasm = cells minus nuclei.

    Parameters
    ----------
    image
        Mask or labels. Labels keep their numbers, so that a cytoplasm has the number of its cell.
    clipping_mask
        Mask or labels of the same shape; all of its foreground is removed.

    Returns
    -------
    MaskImage
        Same shape and type as `image`, 0 where the clipping mask is.

    Raises
    ------
    InputError
        The shapes differ.
    """
    check_same_shape(image=image, clipping_mask=clipping_mask)
    return np.where(as_mask(clipping_mask), image.dtype.type(0), image)
