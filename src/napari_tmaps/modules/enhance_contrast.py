"""Make structures stand out."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import check_intensity
from napari_tmaps.modules.stacks import planewise


def enhance_contrast(
    image: IntensityImage,
    *,
    method: Literal["unsharp_mask", "clahe"] = "unsharp_mask",
    size: Annotated[int, Field(ge=1, le=1000)] = 5,
    amount: Annotated[float, Field(gt=0, le=20, json_schema_extra={"step": 0.1})] = 1.0,
) -> Annotated[IntensityImage, "enhanced_image", BOTH]:
    """Sharpen edges, or even out contrast over an image. For finding objects, not for measuring.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16; of a stack each plane by itself.
    method
        "unsharp_mask" adds what a blur takes away. "clahe" (contrast limited adaptive histogram
        equalisation) gives dim regions the contrast of bright ones.
    size
        "unsharp_mask": sigma of the blur in pixels. "clahe": side of the regions in pixels, some
        five times the diameter of the objects.
    amount
        "unsharp_mask": how much of the difference to the blur is added. "clahe": limit of the
        contrast in percent of the pixels of a region that may share a grey level; more amplifies
        noise too.

    Returns
    -------
    IntensityImage
        Same shape and type. "clahe" stretches to the full range of the type.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16.
    """
    if image.ndim == 3:
        return planewise(enhance_contrast, image, method=method, size=size, amount=amount)
    check_intensity("image", image)
    largest = np.iinfo(image.dtype).max
    if method == "unsharp_mask":
        from napari_tmaps.measure.filters import gaussian

        values = image.astype(np.float32)
        values += np.float32(amount) * (values - gaussian(image, size))
        return np.clip(np.rint(values), 0, largest).astype(image.dtype)
    if image.min() == image.max():
        return image.copy()
    from skimage.exposure import equalize_adapthist

    side = tuple(min(size, length) for length in image.shape)
    even = equalize_adapthist(image, kernel_size=side, clip_limit=min(amount / 100, 1.0))
    result: IntensityImage = np.rint(even * largest).astype(image.dtype)
    return result
