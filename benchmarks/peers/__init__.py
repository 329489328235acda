"""The same work written with other libraries.

Each file has `NAME`, `segment(images)` -> labels by object type, and `measure(objects, images)` ->
features by object type, named as ours are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Images = dict[str, npt.NDArray[np.uint16]]
Objects = dict[str, npt.NDArray[np.int32]]
Features = dict[str, pd.DataFrame]

# What scikit-image calls our features.
MORPHOLOGY = {
    "centroid-1": "Morphology_Local_Centroid_x",
    "centroid-0": "Morphology_Local_Centroid_y",
    "area": "Morphology_Area",
    "perimeter": "Morphology_Perimeter",
    "eccentricity": "Morphology_Eccentricity",
    "extent": "Morphology_Extent",
    "solidity": "Morphology_Convexity",
    "equivalent_diameter_area": "Morphology_Equivalent_Diameter",
    "axis_major_length": "Morphology_Major_Axis_Length",
    "axis_minor_length": "Morphology_Minor_Axis_Length",
}
PROPERTIES = ("label", "centroid", *(name for name in MORPHOLOGY if "-" not in name))


def add_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Features that follow from others."""
    area, perimeter = table["Morphology_Area"], table["Morphology_Perimeter"]
    major, minor = table["Morphology_Major_Axis_Length"], table["Morphology_Minor_Axis_Length"]
    return table.assign(
        Morphology_Circularity=4 * np.pi * area / perimeter**2,
        Morphology_Elongation=(major - minor) / major,
    )
