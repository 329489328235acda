"""Grow, shrink and flatten bright things in an image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import check_intensity
from napari_tmaps.modules.stacks import planewise


def morph_image(
    image: IntensityImage,
    *,
    operation: Literal[
        "white_top_hat", "black_top_hat", "open", "close", "erode", "dilate", "gradient"
    ] = "white_top_hat",
    radius: Annotated[int, Field(ge=1, le=200)] = 10,
) -> Annotated[IntensityImage, "morphed_image", BOTH]:
    """Keep or remove bright things by their size, e.g. spots on an uneven background.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16; of a stack each plane by itself.
    operation
        "white_top_hat" keeps bright things that are narrower than the disc, and makes their
        background 0; "black_top_hat" does that for dark things. "open" removes bright and "close"
        dark things that are narrower. "erode" and "dilate" take the darkest and the brightest
        pixel within the disc, "gradient" their difference.
    radius
        Radius of the disc in pixels.

    Returns
    -------
    IntensityImage
        Same shape and type. Outside the image is nothing.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16.

    Notes
    -----
    The disc holds the pixels up to `radius` away from its middle. After Serra, "Image analysis and
    mathematical morphology" (1982).
    """
    if image.ndim == 3:
        return planewise(morph_image, image, operation=operation, radius=radius)
    check_intensity("image", image)
    from napari_tmaps.measure.filters import disc_range

    dark, bright = disc_range(image, radius)
    if operation == "erode":
        return dark
    if operation == "dilate":
        return bright
    if operation == "gradient":
        steps: IntensityImage = bright - dark
        return steps
    if operation in ("open", "white_top_hat"):
        opened = disc_range(dark, radius)[1]
        return opened if operation == "open" else image - opened
    closed = disc_range(bright, radius)[0]
    result: IntensityImage = closed if operation == "close" else closed - image
    return result
