"""Dark becomes bright."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.stacks import check_pixels


def invert(image: IntensityImage) -> Annotated[IntensityImage, "inverted_image", BOTH]:
    """Turn dark into bright, e.g. for objects that are darker than what surrounds them.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.

    Returns
    -------
    IntensityImage
        Largest value of the pixel type (255 or 65535) minus the intensity.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16.
    """
    check_pixels("image", image)
    return ~image
