"""A threshold that the user knows."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import BOTH, IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, brighter
from napari_tmaps.modules.stacks import check_pixels


def threshold_manual(
    image: IntensityImage, *, threshold: Intensity = 128
) -> Annotated[MaskImage, "mask", BOTH]:
    """Make a mask of all pixels that are brighter than a fixed threshold.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16.
    threshold
        In intensities of the image. Pixels must be brighter than this; equal is background.

    Returns
    -------
    MaskImage
        True where the image is brighter than the threshold.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16.
    """
    check_pixels("image", image)
    return brighter(image, threshold)
