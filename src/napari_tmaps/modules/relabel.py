"""Number objects without gaps."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import LabelImage
from napari_tmaps.modules.images import as_labels, renumber


def relabel(label_image: LabelImage) -> Annotated[LabelImage, "relabeled_image"]:
    """Number objects 1 … n without gaps, in the order of their labels.

    Parameters
    ----------
    label_image
        Labels (y, x) of any whole numbers above 0.

    Returns
    -------
    LabelImage
        The same objects; those with a smaller label still have the smaller one.

    Raises
    ------
    InputError
        The image holds no labels.
    """
    return renumber(as_labels("label image", label_image))
