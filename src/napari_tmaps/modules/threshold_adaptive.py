"""A threshold for each pixel, from its surroundings."""

from __future__ import annotations

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


def threshold_adaptive(
    image: IntensityImage,
    *,
    method: Literal["niblack", "crosscorr"] = "niblack",
    kernel_size: Annotated[int, Field(ge=3, le=1001, json_schema_extra={"step": 2})] = 111,
    constant: Annotated[float, Field(ge=-255, le=255, json_schema_extra={"step": 0.1})] = 0.0,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
) -> Annotated[MaskImage, "mask", BOTH]:
    """Make a mask of pixels that are brighter than their surroundings.

    Finds objects on an uneven background. The darkest background and the brightest objects are
    decided by `min_threshold` and `max_threshold`; set at least the first, or noise in empty
    regions becomes foreground.

    Parameters
    ----------
    image
        Intensities ([z,] y, x), uint8 or uint16. Windows lie within each plane of a stack; range
        and percentile are those of the whole stack.
    method
        "niblack": brighter than local mean + constant × local standard deviation, in a square
        window. "crosscorr": brighter than the local mean, weighted by a Gaussian, minus the
        constant.
    kernel_size
        Side of the window in pixels, odd; about twice the diameter of the objects.
    constant
        "niblack": number of standard deviations; more gives smaller objects. "crosscorr": in
        1/255 of the range of the image; more gives larger objects. The range goes from the
        darkest pixel to the 99.99th percentile.
    min_threshold
        Pixels darker than this are background, in intensities of the image; 0 has no effect.
    max_threshold
        Pixels brighter than this are foreground, in intensities of the image; 65535 has no
        effect.

    Returns
    -------
    MaskImage
        True for foreground.

    Raises
    ------
    InputError
        The image is not of uint8 or uint16, the window is even, or the smallest threshold
        exceeds the largest.

    Notes
    -----
    Intensities above the 99.99th percentile count as that, so that dirt does not raise the
    threshold around it. Beyond its rim the image continues with its outermost pixels. After
    Niblack, "An introduction to digital image processing" (1986).
    """
    check_pixels("image", image)
    check_limits(min_threshold, max_threshold)
    if kernel_size % 2 == 0:
        raise InputError(
            f"'kernel_size' is {kernel_size}, but a window has a pixel in its middle. Choose an "
            f"odd number, e.g. {kernel_size + 1}."
        )
    from napari_tmaps.measure.histogram import histogram, percentile

    high = percentile(histogram(image), 99.99)
    low = int(image.min())
    values = np.minimum(image, image.dtype.type(high))
    shift = constant if method == "niblack" else constant * (high - low) / 255
    find = partial(_brighter, method=method, size=kernel_size, shift=shift)
    mask = planewise(find, values) if image.ndim == 3 else find(values)
    mask[image < min_threshold] = False
    mask[image > max_threshold] = True
    return mask


def _brighter(values: npt.NDArray[Any], method: str, size: int, shift: float) -> Mask:
    from napari_tmaps.measure import filters

    if method == "crosscorr":
        sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
        blurred = filters.gaussian(values, sigma, radius=size // 2, border="repeat")
        weighted: Mask = values > blurred - shift
        return weighted
    total, squares = filters.box_sums(values, size, "repeat")
    mean = total / size**2
    # Whole numbers keep the variance of an even region exactly 0.
    spread = np.sqrt(np.maximum(squares - total * mean, 0) / size**2)
    above: Mask = values > mean + shift * spread
    return above
