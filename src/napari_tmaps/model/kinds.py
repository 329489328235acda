"""Kinds of values that flow between modules, as types for their signatures.

A signature such as `def smooth(image: IntensityImage, …) -> IntensityImage` is all that a module
says of itself; forms, checks, help and documentation are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    # Of tools, which work on tables of objects; no pipeline has items of these kinds.
    OBJECT_TABLE = "ObjectTable"
    RESULT = "Result"


# Values that may be given where the key is asked for. Objects are labels; labels are masks.
ACCEPTS: dict[Kind, tuple[Kind, ...]] = {
    Kind.INTENSITY_IMAGE: (Kind.INTENSITY_IMAGE,),
    Kind.MASK_IMAGE: (Kind.MASK_IMAGE, Kind.LABEL_IMAGE, Kind.SEGMENTED_OBJECTS),
    Kind.LABEL_IMAGE: (Kind.LABEL_IMAGE, Kind.SEGMENTED_OBJECTS),
    Kind.SEGMENTED_OBJECTS: (Kind.SEGMENTED_OBJECTS,),
    Kind.MEASUREMENT: (),
    Kind.OBJECT_TABLE: (Kind.OBJECT_TABLE,),
    Kind.RESULT: (),
}

IntensityImage = Annotated[npt.NDArray[Any], Kind.INTENSITY_IMAGE]
"""Intensities of shape ([Z,] Y, X): uint8 or uint16 as microscopes write, or finite float32."""

MaskImage = Annotated[npt.NDArray[Any], Kind.MASK_IMAGE]
"""Mask of shape ([Z,] Y, X): bool, or int32 labels, of which everything above 0 is foreground."""

LabelImage = Annotated[npt.NDArray[np.int32], Kind.LABEL_IMAGE]
"""Labels of shape ([Z,] Y, X), int32; 0 is background."""

SegmentedObjects = Annotated[npt.NDArray[np.int32], Kind.SEGMENTED_OBJECTS]
"""Labels that are registered as objects of a named type: they can be measured and saved."""

Measurement = Annotated[pd.DataFrame, Kind.MEASUREMENT]
"""One row an object, index `label` (int32), float64 columns named Class_statistic."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Which images a module takes, said in the metadata of its return type.

    A module that says nothing is asked nothing: it refuses what it cannot take when it runs.

    Attributes
    ----------
    planes, stacks
        Whether it takes single planes (y, x), and stacks (z, y, x).
    flat
        Whether its outputs are single planes, also those of stacks.
    instead
        What to use for stacks, where it takes none: names of modules as one would write them.
    """

    planes: bool = True
    stacks: bool = True
    flat: bool = False
    instead: str = ""


BOTH = Depth()
PLANES = Depth(stacks=False)
STACKS = Depth(planes=False)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a module needs beside its inputs, said in the metadata of its return type.

    Attributes
    ----------
    problems
        From the settings to what is not there, as sentences by the setting that it belongs to
        (empty if to none); no sentence if all is there. Asked before any image is read.
    contents
        From the settings to a text that changes with the contents of the files that they name.
    """

    problems: Callable[[Mapping[str, Any]], Mapping[str, str]]
    contents: Callable[[Mapping[str, Any]], str] = lambda settings: ""
