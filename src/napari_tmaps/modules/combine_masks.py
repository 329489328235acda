"""Two masks become one."""

from __future__ import annotations

from typing import Annotated, Literal

from napari_tmaps.model.kinds import BOTH, MaskImage
from napari_tmaps.modules.images import as_mask, check_same_shape


def combine_masks(
    mask_1: MaskImage,
    mask_2: MaskImage,
    *,
    logical_operation: Literal["AND", "OR", "EXCLUSIVE_OR"] = "AND",
) -> Annotated[MaskImage, "combined_mask", BOTH]:
    """Combine two masks pixel by pixel.

    Parameters
    ----------
    mask_1
        Mask, or labels, of which all objects count as foreground.
    mask_2
        Mask or labels of the same shape.
    logical_operation
        "AND": foreground in both. "OR": in at least one. "EXCLUSIVE_OR": in exactly one.

    Returns
    -------
    MaskImage
        The combined mask (bool).

    Raises
    ------
    InputError
        The shapes differ.
    """
    check_same_shape(mask_1=mask_1, mask_2=mask_2)
    first, second = as_mask(mask_1), as_mask(mask_2)
    if logical_operation == "AND":
        return first & second
    if logical_operation == "OR":
        return first | second
    return first ^ second
