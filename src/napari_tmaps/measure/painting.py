"""Values of objects put onto their pixels, for looking at."""

from __future__ import annotations

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
