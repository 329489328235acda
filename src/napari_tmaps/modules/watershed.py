"""Objects that grow from seeds over a landscape."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage, LabelImage, MaskImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.images import as_mask, check_same_shape
from napari_tmaps.modules.stacks import check_pixels, distances, labels_of, plane_step


def watershed(
    seeds: LabelImage,
    mask: MaskImage,
    intensity_image: IntensityImage | None = None,
    *,
    energy: Literal["intensity", "distance", "both", "edges"] = "distance",
    lines: bool = False,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "watershed_label_image", BOTH]:
    """Grow objects from seeds within a mask, until they meet in the valley between them.

    Parameters
    ----------
    seeds
        Labels ([z,] y, x): peaks of 'find_seeds', or objects, e.g. nuclei.
    mask
        Mask or labels of the same shape: how far objects may grow.
    intensity_image
        Stain of the same shape, uint8 or uint16; needed unless the energy is "distance".
    energy
        What is high in objects and low between them. "intensity": brightness. "distance": the
        distance to the background of the mask. "both": the product of the two. "edges": how even
        the image is, for membranes and bright field; objects meet at the steepest edge.
    lines
        Part objects by a line of background, one pixel wide, so that they stay apart in a mask
        whose pixels are connected by edges (4 neighbours), in a stack by faces (6).
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    LabelImage
        Objects with the labels of their seeds. Parts of the mask without a seed are background,
        as are seeds outside the mask.

    Raises
    ------
    InputError
        The images do not fit, or there is none for an intensity.

    Notes
    -----
    Meyer's flooding (1994) over 4 neighbours, in a stack over 6. Energies are divided into
    65,536 levels from the lowest to the highest of the mask.
    """
    labels = labels_of("seeds", seeds)
    foreground = as_mask(mask)
    check_same_shape(seeds=labels, mask=foreground)
    if energy != "distance":
        if intensity_image is None:
            raise InputError(
                f"The energy '{energy}' needs an image: choose the stain of the objects as "
                "'intensity_image', or the energy 'distance'."
            )
        check_pixels("intensity image", intensity_image)
        check_same_shape(seeds=labels, intensity_image=intensity_image)
    labels = np.where(foreground, labels, np.int32(0))
    if not labels.any():
        return labels
    height = _height(foreground, intensity_image, energy, pixel_size_um)
    low, high = height[foreground].min(), height[foreground].max()
    depth = (high - height) / max(high - low, 1e-12)
    levels = np.rint(65535 * np.clip(depth, 0, 1)).astype(np.uint16)
    if labels.ndim == 3:
        from napari_tmaps.measure import stack

        return stack.flood(levels, labels, foreground, lines=lines)
    from napari_tmaps.measure.watershed import flood, parted

    grown = flood(levels, labels, foreground)
    return parted(grown) if lines else grown


def _height(
    foreground: npt.NDArray[np.bool_],
    image: npt.NDArray[Any] | None,
    energy: str,
    pixel_size_um: PixelSize,
) -> npt.NDArray[np.float64]:
    if image is None or energy == "distance":
        return distances(foreground, pixel_size_um)
    values = image.astype(np.float64)
    if energy == "intensity":
        return values
    if energy == "both":
        return values * distances(foreground, pixel_size_um)
    if image.ndim == 3:
        from napari_tmaps.measure import stack

        return -stack.slopes(values, plane_step(pixel_size_um))
    from scipy import ndimage

    slopes: npt.NDArray[np.float64] = -np.hypot(
        ndimage.sobel(values, 0, mode="nearest"), ndimage.sobel(values, 1, mode="nearest")
    )
    return slopes
