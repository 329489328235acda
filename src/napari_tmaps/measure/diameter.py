"""How large the objects of a mask are, even where they touch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.filters import window_extreme
from napari_tmaps.measure.runs import Floats

SMALLEST = 4.0


def distances(mask: npt.NDArray[np.bool_]) -> Floats:
    """Distance of each pixel (y, x) to the nearest background; the rim of the image is one too."""
    squared = squared_distances(np.pad(mask, 1).astype(np.uint8))
    return np.sqrt(squared[1:-1, 1:-1])


def typical_diameter(distance: Floats) -> float:
    """Diameter in pixels of the discs that fit into objects, at least 4.

    Half of the area of all discs around the peaks of the distance (y, x) to the background belongs
    to discs that are no larger. Touching objects have a peak each, and specks hardly count.
    """
    peaks = (distance > 1) & (distance == window_extreme(np.maximum, distance, 5))
    radii = np.sort(distance[peaks])
    if not radii.size:
        return SMALLEST
    area = np.cumsum(radii**2)
    return max(SMALLEST, 2 * float(radii[np.searchsorted(area, area[-1] / 2)]))
