"""What modules ask of their images, in one place."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError

Intensity = Annotated[float, Field(ge=0, le=65535, json_schema_extra={"step": 1})]
"""Setting: an intensity of an 8 or 16 bit image."""

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def check_intensity(name: str, image: npt.NDArray[Any]) -> None:
    """Refuse an image that is not (y, x) of uint8 or uint16.

    Raises
    ------
    InputError
        Other pixels or other axes.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"The {name} has pixels of type {image.dtype}. Intensities must be 8 or 16 bit whole "
            "numbers (uint8, uint16), as microscopes write them; convert the image first."
        )
    check_plane(name, image)


def check_plane(name: str, image: npt.NDArray[Any]) -> None:
    """Refuse an image that is not a single plane (y, x) with pixels in it.

    Raises
    ------
    InputError
        Other axes, or no pixels.
    """
    if image.ndim != 2 or image.size == 0:
        raise InputError(
            f"The {name} has the shape {image.shape}. This module works on single planes (y, x); "
            "use 'project' for a stack, or choose a plane."
        )


def check_stack(name: str, image: npt.NDArray[Any]) -> None:
    """Refuse an image that is not a stack (z, y, x) of uint8 or uint16.

    Raises
    ------
    InputError
        Other pixels or other axes.
    """
    if image.ndim != 3 or image.size == 0:
        raise InputError(
            f"The {name} has the shape {image.shape}. This module works on stacks (z, y, x) with "
            "at least one pixel along each axis."
        )
    check_intensity(name, image[0])


def check_same_shape(**images: npt.NDArray[Any]) -> None:
    """Refuse images that do not cover the same pixels.

    Raises
    ------
    InputError
        The shapes differ.
    """
    (first, a), *others = images.items()
    for name, b in others:
        if a.shape != b.shape:
            raise InputError(
                f"'{first}' has the shape {a.shape}, but '{name}' has {b.shape}. Both must "
                "come from the same site and have the same size."
            )


def brighter(image: npt.NDArray[Any], threshold: float) -> Mask:
    """Pixels above a threshold; of whole numbers, which are compared without becoming floats."""
    return image > math.floor(threshold)


def as_mask(mask: npt.NDArray[Any]) -> Mask:
    """The foreground of a mask or label image: everything above 0."""
    return mask if mask.dtype == np.bool_ else mask > 0


def as_labels(name: str, labels: npt.NDArray[Any]) -> Labels:
    """Labels as int32, whatever whole numbers they came in.

    Raises
    ------
    InputError
        Labels that are no whole numbers, negative, or too large; a mask; other axes.
    """
    check_plane(name, labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"The {name} has pixels of type {labels.dtype}, but objects are numbered with whole "
            "numbers. Use 'label' to number the objects of a mask."
        )
    from napari_tmaps.measure.known import is_fixed
    from napari_tmaps.measure.runs import find_runs

    if is_fixed(labels):
        find_runs(labels)  # what measuring asks for next; they tell the lowest label as well
    low = lowest_label(labels)
    high = int(labels.max()) if labels.dtype != np.int32 else 0
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputError(
            f"The {name} has the label {low if low < 0 else high}. Labels are numbers from 1 to "
            "2147483647, and 0 is background; renumber the objects."
        )
    return labels.astype(np.int32, copy=False)


def lowest_label(labels: npt.NDArray[Any]) -> int:
    """Smallest label, 0 included."""
    from napari_tmaps.measure.runs import known_runs

    runs = known_runs(labels)  # each step would look at all pixels again otherwise
    return int(labels.min(initial=0) if runs is None else runs.labels.min(initial=0))


def as_objects(name: str, mask: npt.NDArray[Any], connectivity: int) -> Labels:
    """The objects of a label image as they are; those of a mask by connected pixels.

    Raises
    ------
    InputError
        As for `as_labels`.
    """
    from napari_tmaps.measure.components import label_components

    if mask.dtype != np.bool_:
        return as_labels(name, mask)
    check_plane(name, mask)
    return label_components(mask, connectivity == 8)


def renumber(labels: Labels) -> Labels:
    """Labels numbered 1 … n in their order, without gaps."""
    from napari_tmaps.measure.runs import draw, find_runs

    runs = find_runs(labels)
    return draw(runs, np.arange(1, runs.labels.size + 1), labels.shape)
