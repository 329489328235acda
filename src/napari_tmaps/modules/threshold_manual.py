"""A threshold that the user knows."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, brighter, check_intensity


def threshold_manual(
    image: IntensityImage, *, threshold: Intensity = 128
) -> Annotated[MaskImage, "mask"]:
    """Make a mask of all pixels that are brighter than a fixed threshold.

    Parameters
    ----------
    image
        Intensities (y, x), uint8 or uint16.
    threshold
        In intensities of the image. Pixels must be brighter than this; equal is background.

    Returns
    -------
    MaskImage
        True where the image is brighter than the threshold.

    Raises
    ------
    InputError
        The image is no plane of uint8 or uint16.
    """
    check_intensity("image", image)
    return brighter(image, threshold)
