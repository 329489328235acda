"""Kinds of values that flow between modules, as types for their signatures.

A signature such as `def smooth(image: IntensityImage, …) -> IntensityImage` is all that a module
says of itself; forms, checks, help and documentation are made from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd


class Kind(StrEnum):
    """What a value is. The value of each member is the name in pipelines and messages."""

    INTENSITY_IMAGE = "IntensityImage"
    MASK_IMAGE = "MaskImage"
    LABEL_IMAGE = "LabelImage"
    SEGMENTED_OBJECTS = "SegmentedObjects"
    MEASUREMENT = "Measurement"


# Values that may be given where the key is asked for. Objects are labels; labels are masks.
ACCEPTS: dict[Kind, tuple[Kind, ...]] = {
    Kind.INTENSITY_IMAGE: (Kind.INTENSITY_IMAGE,),
    Kind.MASK_IMAGE: (Kind.MASK_IMAGE, Kind.LABEL_IMAGE, Kind.SEGMENTED_OBJECTS),
    Kind.LABEL_IMAGE: (Kind.LABEL_IMAGE, Kind.SEGMENTED_OBJECTS),
    Kind.SEGMENTED_OBJECTS: (Kind.SEGMENTED_OBJECTS,),
    Kind.MEASUREMENT: (),
}

IntensityImage = Annotated[npt.NDArray[Any], Kind.INTENSITY_IMAGE]
"""Intensities of shape ([Z,] Y, X), uint8 or uint16."""

MaskImage = Annotated[npt.NDArray[Any], Kind.MASK_IMAGE]
"""Mask of shape ([Z,] Y, X): bool, or int32 labels, of which everything above 0 is foreground."""

LabelImage = Annotated[npt.NDArray[np.int32], Kind.LABEL_IMAGE]
"""Labels of shape ([Z,] Y, X), int32; 0 is background."""

SegmentedObjects = Annotated[npt.NDArray[np.int32], Kind.SEGMENTED_OBJECTS]
"""Labels that are registered as objects of a named type: they can be measured and saved."""

Measurement = Annotated[pd.DataFrame, Kind.MEASUREMENT]
"""One row an object, index `label` (int32), float64 columns named Class_statistic."""
