"""Values of objects put onto their pixels, for looking at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel


@kernel
def look_up(
    numbers: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    most: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    shift: int,
    width: int,
    out: npt.NDArray[np.float32],
) -> None:
    """The value of the object at each pixel (y, x), NaN where there is none.

    Parameters
    ----------
    numbers
        (place << shift) + label; 0 is background.
    starts
        Where the values of each place begin in `values`; the first is of labels without a value.
    most
        Greatest label of each place that has a value.
    width
        Only the border of objects, this wide; 0 for whole objects.
    """
    height, length = numbers.shape
    mask = (1 << shift) - 1
    for y in range(height):
        for x in range(length):
            number = numbers[y, x]
            value = np.float32(np.nan)
            if number != 0:
                is_inside = (
                    width > 0
                    and width <= y < height - width
                    and width <= x < length - width
                    and numbers[y - width, x] == number
                    and numbers[y + width, x] == number
                    and numbers[y, x - width] == number
                    and numbers[y, x + width] == number
                )
                if not is_inside:
                    place, label = number >> shift, number & mask
                    if label > most[place]:
                        label = 0
                    value = values[starts[place] + label]
            out[y, x] = value


def borders(
    labels: npt.NDArray[np.int32] | npt.NDArray[np.bool_], colours: int, width: int = 1
) -> npt.NDArray[np.uint8]:
    """The outlines of objects, in few numbers that a screen can show fast.

    Parameters
    ----------
    labels
        Labels or a mask ([z,] y, x); 0 is background. In a stack each plane has its own outlines.
    colours
        Labels above this begin again at 1; at most 255.
    width
        Of the outlines in pixels; they lie within the objects. At the rim of the image there are
        none.

    Returns
    -------
    uint8, of the same shape: 0 outside and inside of objects, else 1 … `colours`.
    """
    numbers: npt.NDArray[Any] = labels.view(np.uint8) if labels.dtype == bool else labels
    planes = np.ascontiguousarray(numbers).reshape(-1, *labels.shape[-2:])
    out = np.empty(planes.shape, np.uint8)
    for plane, painted in zip(planes, out, strict=True):
        _borders(plane, colours, width, painted)
    return out.reshape(labels.shape)


@kernel
def _borders(
    labels: npt.NDArray[Any], colours: int, width: int, out: npt.NDArray[np.uint8]
) -> None:
    height, length = labels.shape
    for y in range(height):
        for x in range(length):
            out[y, x] = 0
            label = labels[y, x]
            if label == 0:
                continue
            for far in range(1, width + 1):
                if (
                    labels[max(y - far, 0), x] != label
                    or labels[min(y + far, height - 1), x] != label
                    or labels[y, max(x - far, 0)] != label
                    or labels[y, min(x + far, length - 1)] != label
                ):
                    out[y, x] = (label - 1) % colours + 1
                    break
