"""Stacks as kernels see them: the rows of all planes below each other, as one image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.modules.images import Labels, as_labels


def rows_of_labels(name: str, labels: npt.NDArray[Any]) -> Labels:
    """Labels (z, y, x) or (y, x) as int32 of shape (z × y, x).

    Raises
    ------
    InputError
        As for `as_labels`, and other axes.
    """
    return as_labels(name, rows_of(name, labels))


def rows_of(name: str, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An image (z, y, x) or (y, x) of shape (z × y, x).

    Raises
    ------
    InputError
        Other axes, or no pixels.
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise InputError(
            f"The {name} has the shape {image.shape}. This module works on stacks (z, y, x) or "
            "single planes (y, x) with at least one pixel along each axis."
        )
    return np.ascontiguousarray(image).reshape(-1, image.shape[-1])
