"""A threshold for each pixel, by more methods than 'threshold_adaptive' has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage, MaskImage
from napari_tmaps.modules.images import Intensity, Mask
from napari_tmaps.modules.stacks import check_pixels, planewise
from napari_tmaps.modules.threshold_otsu import check_limits

# Local thresholds stay within these multiples of the threshold of the whole image.
LOWEST, HIGHEST = 0.7, 1.5


def threshold_local(
    image: IntensityImage,
    *,
    method: Literal["otsu", "minimum_cross_entropy", "sauvola", "bernsen"] = "otsu",
    window: Annotated[int, Field(ge=3, le=2001, json_schema_extra={"step": 2})] = 101,
    k: Annotated[float, Field(ge=-2, le=2, json_schema_extra={"step": 0.05})] = 0.2,
    min_contrast: Intensity = 15,
    correction_factor: Annotated[
        float, Field(ge=0.01, le=100, json_schema_extra={"step": 0.05})
    ] = 1.0,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
) -> Annotated[MaskImage, "mask", BOTH]:
    """Make a mask with a threshold that follows the background.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16; smooth it first. Windows lie within
        each plane of a stack; what is said of the whole image is taken of the whole stack.
    method
        "otsu" and "minimum_cross_entropy": that threshold in each tile, interpolated between
        tiles and never far from the threshold of the whole image, so that empty tiles stay
        empty. "sauvola": local mean × (1 + k × (local standard deviation / half the range of the
        image - 1)). "bernsen": the middle of the darkest and the brightest pixel around.
    window
        Side of the tile or window in pixels, odd; several objects wide.
    k
        "sauvola" only: more gives a lower threshold where there is little contrast.
    min_contrast
        "bernsen" only: windows with less between the darkest and the brightest pixel, in
        intensities, are foreground where their middle is above the threshold (Otsu) of the whole
        image.
    correction_factor
        The threshold is multiplied by this: below 1 for larger, above 1 for smaller objects.
    min_threshold
        Pixels that are not brighter than this are background, in intensities of the image.
    max_threshold
        Pixels that are brighter than this are foreground; 65535 has no effect.

    Returns
    -------
    MaskImage
        True for foreground. An image of one single intensity has no objects.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, the window is even, or the smallest threshold
        exceeds the largest.

    Notes
    -----
    Local thresholds of tiles are kept between 0.7 and 1.5 times that of the whole image. Windows
    that leave the image see it mirrored; those of "bernsen" are discs and see nothing there.
    After Sauvola and Pietikäinen, "Adaptive document image binarization" (2000), and Bernsen,
    "Dynamic thresholding of gray-level images" (1986).
    """
    check_pixels("image", image)
    check_limits(min_threshold, max_threshold)
    if window % 2 == 0:
        raise InputError(
            f"'window' is {window}, but a window has a pixel in its middle. Choose an odd number, "
            f"e.g. {window + 1}."
        )
    if image.min() == image.max():
        return np.zeros(image.shape, bool)
    find: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
    if method == "sauvola":
        half = (float(image.max()) - float(image.min())) / 2
        find = partial(_sauvola, window=window, k=k, half=half)
    elif method == "bernsen":
        whole = _whole(image, "otsu")
        find = partial(_bernsen, radius=window // 2, contrast=min_contrast, whole=whole)
    else:
        find = partial(_tiles, size=window, method=method, whole=_whole(image, method))
    level = planewise(find, image) if image.ndim == 3 else find(image)
    mask: Mask = image > level * correction_factor
    mask &= image > min_threshold
    mask |= image > max_threshold
    return mask


def _whole(image: npt.NDArray[Any], method: str) -> float:
    from napari_tmaps.measure.histogram import histogram
    from napari_tmaps.measure.thresholds import THRESHOLDS

    return float(THRESHOLDS[method](histogram(image)))


def _sauvola(
    image: npt.NDArray[Any], window: int, k: float, half: float
) -> npt.NDArray[np.float64]:
    from napari_tmaps.measure.filters import box_sums

    total, squares = box_sums(image, window)
    mean = total / window**2
    spread = np.sqrt(np.maximum(squares - total * mean, 0)) / window
    return mean * (1 + k * (spread / half - 1))


def _bernsen(
    image: npt.NDArray[Any], radius: int, contrast: float, whole: float
) -> npt.NDArray[np.float64]:
    from napari_tmaps.measure.filters import disc_range

    dark, bright = (part.astype(np.float64) for part in disc_range(image, radius))
    middle = (dark + bright) / 2
    even = np.where(middle > whole, -1.0, np.inf)
    return np.where(bright - dark < contrast, even, middle)


def _tiles(
    image: npt.NDArray[Any], size: int, method: str, whole: float
) -> npt.NDArray[np.float32]:
    from napari_tmaps.measure.background import enlarge
    from napari_tmaps.measure.histogram import histogram
    from napari_tmaps.measure.thresholds import THRESHOLDS

    find = THRESHOLDS[method]
    rows, columns = (range(0, length, size) for length in image.shape)
    local = [[find(histogram(image[y : y + size, x : x + size])) for x in columns] for y in rows]
    kept = np.clip(np.array(local, float), LOWEST * whole, HIGHEST * whole)
    return enlarge(kept, size, image.shape)
