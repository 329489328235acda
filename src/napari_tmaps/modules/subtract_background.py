"""Take off what does not belong to objects."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import check_intensity
from napari_tmaps.modules.stacks import planewise


def subtract_background(
    image: IntensityImage,
    *,
    method: Literal["rolling_ball", "median_grid", "polynomial"] = "rolling_ball",
    size: Annotated[int, Field(ge=2, le=2000)] = 50,
    degree: Annotated[int, Field(ge=0, le=4)] = 2,
) -> Annotated[IntensityImage, "corrected_image", BOTH]:
    """Subtract an uneven background, e.g. of the medium or of an uneven illumination.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16; of a stack each plane by itself.
    method
        "rolling_ball": the surface that a ball reaches from below; for any density of objects.
        "median_grid": medians of tiles, interpolated; for objects on less than half of each tile.
        "polynomial": a smooth surface through the medians of the darker tiles; for a background
        that changes slowly over the whole image.
    size
        "rolling_ball": radius of the ball in pixels, larger than that of the objects. Else: side
        of the tiles in pixels, several objects wide.
    degree
        "polynomial" only: 0 for a constant, 1 for a plane, 2 for a bowl, up to 4.

    Returns
    -------
    IntensityImage
        Same shape and type; what is darker than the background becomes 0.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16.

    Notes
    -----
    The ball is as high in intensities as it is wide in pixels. After Sternberg, "Biomedical image
    processing" (1983). For pixels that are measured, prefer an illumination correction, and
    `background_distance` of 'measure_intensity'.
    """
    if image.ndim == 3:
        return planewise(subtract_background, image, method=method, size=size, degree=degree)
    check_intensity("image", image)
    from napari_tmaps.measure import background

    if method == "rolling_ball":
        below = background.rolling_ball(image, size)
    else:
        tiles = background.tile_medians(image, size)
        if method == "median_grid":
            below = background.enlarge(tiles, size, image.shape)
        else:
            below = background.polynomial(tiles, size, image.shape, degree)
    return np.maximum(np.rint(image - below), 0).astype(image.dtype)
