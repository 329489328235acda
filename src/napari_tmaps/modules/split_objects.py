"""Objects that lie in pieces become one object a piece."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from napari_tmaps.model.kinds import BOTH, LabelImage
from napari_tmaps.modules.stacks import labels_of


def split_objects(labels: LabelImage) -> Annotated[LabelImage, "split_label_image", BOTH]:
    """Give each connected piece of an object a number of its own, e.g. after a cut.

    Parameters
    ----------
    labels
        Labels ([z,] y, x). Pixels of the same label belong together when they touch by an edge or
        a corner (8 neighbours), in a stack also by a face (26).

    Returns
    -------
    LabelImage
        Pieces numbered 1 … n in reading order. Objects that touch stay apart.

    Raises
    ------
    InputError
        The image holds no labels.
    """
    objects = labels_of("labels", labels)
    if objects.ndim == 3:
        import skimage.measure

        library: Any = skimage.measure  # it has no types
        return np.asarray(library.label(objects, connectivity=3), np.int32)
    from napari_tmaps.measure.spots import split_at_saddles

    # An even landscape has no saddles: what touches and has one label is one piece.
    return split_at_saddles((objects > 0).astype(float), objects, min_depth=1.0)
