"""Stacks as modules see them: plane by plane, as rows of one long image, or as a volume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.model.pixelsize import PixelSize, known_size
from napari_tmaps.modules.images import Labels, as_labels, check_intensity


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
    if image.ndim == 2 and image.size:
        return image
    if image.ndim != 3 or image.size == 0:
        raise InputError(
            f"The {name} has the shape {image.shape}. This module works on stacks (z, y, x) or "
            "single planes (y, x) with at least one pixel along each axis."
        )
    return np.ascontiguousarray(image).reshape(-1, image.shape[-1])


def check_pixels(name: str, image: npt.NDArray[Any]) -> None:
    """Refuse an image that is no plane and no stack of uint8 or uint16.

    Raises
    ------
    InputError
        Other pixels or other axes.
    """
    check_intensity(name, rows_of(name, image))


def labels_of(name: str, labels: npt.NDArray[Any]) -> Labels:
    """Labels of a plane or a stack as int32, in the shape that they came in.

    Raises
    ------
    InputError
        As for `as_labels`, and other axes.
    """
    return unrow(rows_of_labels(name, labels), labels.shape)


def planewise(
    function: Callable[..., npt.NDArray[Any]], stack: npt.NDArray[Any], **settings: Any
) -> npt.NDArray[Any]:
    """What a function makes of each plane of a stack by itself.

    Raises
    ------
    InputError
        The stack has no pixels.
    """
    rows_of("image", stack)
    return np.stack([function(plane, **settings) for plane in stack])


def plane_step(pixel_size_um: PixelSize) -> float:
    """Distance from plane to plane in pixels; 1 where it is not known."""
    z, y, x = known_size(pixel_size_um)
    step = float(z / np.sqrt(y * x))
    return step if np.isfinite(step) and step > 0 else 1.0


def blurred(
    image: npt.NDArray[Any], sigma: float, pixel_size_um: PixelSize
) -> npt.NDArray[np.float32]:
    """A plane or stack after a Gaussian blur, in a stack along z too; sigma in pixels."""
    if image.ndim == 3:
        from napari_tmaps.measure import stack

        return stack.gaussian(image, sigma, plane_step(pixel_size_um))
    from napari_tmaps.measure import filters

    return filters.gaussian(image, sigma)


def distances(mask: npt.NDArray[np.bool_], pixel_size_um: PixelSize) -> npt.NDArray[np.float64]:
    """Distance of the pixels of a plane or stack to the nearest background, in pixels."""
    if mask.ndim == 3:
        from napari_tmaps.measure import stack

        return stack.distances(mask, plane_step(pixel_size_um))
    from napari_tmaps.measure import diameter

    return diameter.distances(mask)


def unrow(rows: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """What `rows_of` made of an image, in the shape of the image; a plane is itself, no view."""
    return rows if rows.shape == shape else rows.reshape(shape)
