"""From a stack to a single plane."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, IntensityImage
from napari_tmaps.modules.images import check_intensity


def project(
    image: IntensityImage, *, method: Literal["max", "sum"] = "max"
) -> Annotated[IntensityImage, "projected_image", Depth(flat=True)]:
    """Project a stack along z, so that the modules for single planes can work on it.

    Parameters
    ----------
    image
        Intensities (z, y, x), uint8 or uint16. A single plane (y, x) is returned as it is.
    method
        "max" keeps the brightest value along z, which suits small bright things in focus. "sum"
        adds all planes up; the sum is uint16 and stops at 65535, as a saturated camera does.

    Returns
    -------
    IntensityImage
        One plane (y, x).

    Raises
    ------
    InputError
        The image is neither a stack nor a plane, or not of uint8 or uint16.
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise InputError(
            f"The image has the shape {image.shape}; a stack has three axes (z, y, x) with at "
            "least one pixel each."
        )
    planes = image if image.ndim == 3 else image[np.newaxis]
    check_intensity("image", planes[0])
    if image.ndim == 2:
        return image
    projected: npt.NDArray[Any] = planes.max(axis=0)
    if method == "sum":
        total = planes.sum(axis=0, dtype=np.uint64)
        projected = np.minimum(total, 65535).astype(np.uint16)
    return projected
