"""Number objects without gaps."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import BOTH, LabelImage
from napari_tmaps.modules.images import renumber
from napari_tmaps.modules.stacks import rows_of_labels, unrow


def relabel(label_image: LabelImage) -> Annotated[LabelImage, "relabeled_image", BOTH]:
    """Number objects 1 … n without gaps, in the order of their labels.

    Parameters
    ----------
    label_image
        Labels ([z,] y, x) of any whole numbers above 0.

    Returns
    -------
    LabelImage
        The same objects; those with a smaller label still have the smaller one.

    Raises
    ------
    InputError
        The image holds no labels.
    """
    return unrow(renumber(rows_of_labels("label image", label_image)), label_image.shape)
