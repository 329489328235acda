"""Tiny modules whose results can be worked out by hand, and a pipeline of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import (
    IntensityImage,
    LabelImage,
    MaskImage,
    Measurement,
    SegmentedObjects,
)
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import load_pipeline


def add(
    image: IntensityImage, *, offset: Annotated[int, Field(ge=0, le=100)] = 1
) -> Annotated[IntensityImage, "sum"]:
    """Add a number.

    Parameters
    ----------
    image
        Image.
    offset
        The number.
    """
    if offset == 66:
        raise InputError("offset 66 brings bad luck.")
    if offset == 99:
        image[0, 0] = 0
    if offset == 98:
        return (image + offset).astype(float)
    return image + np.uint8(offset)


def above(
    image: IntensityImage, *, threshold: Annotated[int, Field(ge=0)] = 10
) -> Annotated[MaskImage, "mask"]:
    """Threshold.

    Parameters
    ----------
    image
        Image.
    threshold
        Brighter is foreground.
    """
    return image > threshold


class Split(NamedTuple):
    left: MaskImage
    right: MaskImage


def split(mask: MaskImage) -> Split:
    """Cut into halves.

    Parameters
    ----------
    mask
        Mask.
    """
    left = mask > 0
    left[..., left.shape[-1] // 2 :] = False
    return Split(left, (mask > 0) & ~left)


def columns(mask: MaskImage, *, factor: int = 1) -> Annotated[LabelImage, "labels"]:
    """Label each pixel of the foreground by its column.

    Parameters
    ----------
    mask
        Mask.
    factor
        Makes labels that are not consecutive.
    """
    number = np.arange(1, mask.shape[-1] + 1, dtype=np.int32) * factor
    return np.where(mask > 0, number, 0).astype(np.int32)


def register(labels: LabelImage) -> Annotated[SegmentedObjects, "objects"]:
    """Name objects.

    Parameters
    ----------
    labels
        Labels.
    """
    return labels


def measure(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage | None = None,
    *,
    fault: str = "",
    only_first: bool = False,
) -> Annotated[Measurement, "measurements"]:
    """Measure the sum of intensities, or the area.

    Parameters
    ----------
    extract_objects, assign_objects
        Objects.
    intensity_image
        Intensities.
    fault
        A mistake to make.
    only_first
        Leave out all objects but the first.
    """
    labels = np.unique(extract_objects)
    labels = labels[labels > 0][: 1 if only_first else None]
    image = np.ones_like(extract_objects) if intensity_image is None else intensity_image
    values = [float(image[extract_objects == label].sum()) for label in labels]
    name = "Morphology_Area" if intensity_image is None else "Intensity_sum"
    table = pd.DataFrame({name: values}, index=pd.Index(labels, name="label", dtype="int32"))
    match fault:
        case "foreign":
            table.index = table.index + 1000
        case "twice":
            table = pd.concat([table, table])
        case "columns":
            table = pd.concat([table, table], axis=1)
        case "text":
            table["Name_x"] = "a"
        case "list":
            return [1]
        case "index":
            table.index = table.index.astype(str)
    return table


FUNCTIONS = (add, above, split, columns, register, measure)

TEXT = """
name: two halves
input:
  channels:
  - name: DAPI
  - name: Alexa 488/GFP
pipeline:
- name: brighter
  module: add
  inputs: {image: DAPI}
- name: threshold
  module: above
  inputs: {image: brighter.sum}
  outputs: {mask: foreground}
- name: halves
  module: split
  inputs: {mask: foreground}
- name: label
  module: columns
  inputs: {mask: foreground}
- name: register_cells
  module: register
  inputs: {labels: label.labels}
  outputs: {objects: Cells}
- name: label_left
  module: columns
  inputs: {mask: halves.left}
- name: register_left
  module: register
  inputs: {labels: label_left.labels}
  outputs: {objects: Left}
- name: area
  module: measure
  inputs: {extract_objects: Cells, assign_objects: Cells}
- name: green
  module: measure
  inputs: {extract_objects: Cells, assign_objects: Cells, intensity_image: Alexa 488/GFP}
- name: left_dapi
  module: measure
  inputs: {extract_objects: Left, assign_objects: Cells, intensity_image: brighter.sum}
output:
  objects:
  - name: Cells
"""


@pytest.fixture
def calls() -> Counter[str]:
    """How often each module ran."""
    return Counter()


@pytest.fixture
def modules(calls: Counter[str]) -> dict[str, Callable[..., Any]]:
    """The tiny modules, counted."""

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            calls[function.__name__] += 1
            return function(*args, **kwargs)

        return call

    return {function.__name__: counted(function) for function in FUNCTIONS}


@pytest.fixture
def description() -> PipelineDescription:
    """The pipeline of tiny modules."""
    return load_pipeline(TEXT)


@pytest.fixture
def edited() -> Callable[..., PipelineDescription]:
    """The pipeline with texts replaced: `edited(("old", "new"), …)`."""

    def edit(*pairs: tuple[str, str]) -> PipelineDescription:
        text = TEXT
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return load_pipeline(text)

    return edit


@pytest.fixture
def images() -> dict[str, np.ndarray]:
    """A site of 2 × 4 pixels: three columns are brighter than 10 after adding 1."""
    return {
        "DAPI": np.array([[10, 20, 0, 40], [10, 20, 0, 9]], dtype=np.uint8),
        "Alexa 488/GFP": np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.uint16),
    }
