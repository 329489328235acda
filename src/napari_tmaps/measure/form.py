"""Direction, holes and middle radius of objects."""

from __future__ import annotations

import numpy as np

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, paint
from napari_tmaps.measure.shape import Moments


def directions(of: Moments) -> Floats:
    """Angle in degrees from the y axis to the major axis, -90 to 90, as in scikit-image.

    Positive where the axis goes down to the right; NaN for an object without a longer axis.
    """
    angle: Floats = np.degrees(np.arctan2(2 * of.cov, of.var_y - of.var_x) / 2)
    return np.where((of.cov == 0) & (of.var_y == of.var_x), np.nan, angle)


@kernel
def euler_numbers(runs: Runs, boxes: Boxes) -> Ints:
    """Number of parts of each object (by sides and corners) less its holes.

    After Gray, "Local properties of binary images in two dimensions" (1971).
    """
    count = runs.labels.size
    result = np.zeros(count, np.int64)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
        paint(runs, k, top, left, mask)
        corners = np.int64(0)
        for y in range(mask.shape[0] - 1):
            for x in range(mask.shape[1] - 1):
                here, slant = mask[y, x] + mask[y + 1, x + 1], mask[y, x + 1] + mask[y + 1, x]
                if here + slant == 1:
                    corners += 1
                elif here + slant == 3:
                    corners -= 1
                elif (here == 2 and slant == 0) or (here == 0 and slant == 2):
                    corners -= 2
        result[k] = corners // 4
    return result


@kernel
def median_radii(runs: Runs, boxes: Boxes) -> Floats:
    """Median distance of each object's pixels to whatever is not the object."""
    count = runs.labels.size
    result = np.empty(count, np.float64)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
        paint(runs, k, top, left, mask)
        squared = squared_distances(mask).reshape(-1)
        result[k] = np.median(np.sqrt(squared[mask.reshape(-1) > 0].astype(np.float64)))
    return result
