"""Arithmetic of two images."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import check_pixels

Factor = Annotated[float, Field(ge=-1000, le=1000, json_schema_extra={"step": 0.1})]


def image_math(
    image_1: IntensityImage,
    image_2: IntensityImage,
    *,
    operation: Literal[
        "add", "subtract", "difference", "multiply", "divide", "minimum", "maximum", "average"
    ] = "subtract",
    factor_1: Factor = 1.0,
    factor_2: Factor = 1.0,
    factor: Factor = 1.0,
    offset: Annotated[float, Field(ge=-65535, le=65535, json_schema_extra={"step": 1})] = 0.0,
) -> Annotated[IntensityImage, "result_image", BOTH]:
    """Calculate with two images pixel by pixel, e.g. to take off bleed-through or for a ratio.

    The result is factor × (factor_1 × image_1 ⊕ factor_2 × image_2) + offset.

    Parameters
    ----------
    image_1
        Intensities ([z,] y, x), uint8 or uint16.
    image_2
        Intensities of the same shape.
    operation
        What ⊕ stands for. "difference" is without its sign; "divide" gives 0 where the second
        image is 0.
    factor_1, factor_2
        The images are multiplied by these first.
    factor
        The result is multiplied by this; take 1000 for a ratio, which would else be 0, 1, 2, …
    offset
        Added last, in intensities; keeps differences that are negative.

    Returns
    -------
    IntensityImage
        Same shape, and the pixel type that holds both images; rounded to whole numbers. What is
        below 0 or above the largest value becomes these.

    Raises
    ------
    InputError
        The images are not of uint8 or uint16, or differ in shape.
    """
    check_pixels("first image", image_1)
    check_pixels("second image", image_2)
    check_same_shape(image_1=image_1, image_2=image_2)
    a, b = factor_1 * image_1.astype(np.float64), factor_2 * image_2.astype(np.float64)
    if operation == "add":
        result = a + b
    elif operation == "subtract":
        result = a - b
    elif operation == "difference":
        result = np.abs(a - b)
    elif operation == "multiply":
        result = a * b
    elif operation == "divide":
        result = np.divide(a, b, out=np.zeros_like(a), where=b != 0)
    elif operation == "minimum":
        result = np.minimum(a, b)
    elif operation == "maximum":
        result = np.maximum(a, b)
    else:
        result = (a + b) / 2
    dtype = np.result_type(image_1, image_2)
    return np.clip(np.rint(factor * result + offset), 0, np.iinfo(dtype).max).astype(dtype)
