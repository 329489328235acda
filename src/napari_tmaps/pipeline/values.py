"""What an item must look like: arrays and tables checked where they enter and leave a module."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.modules.images import lowest_label
from napari_tmaps.modules.spec import OutputSpec
from napari_tmaps.pipeline.checked import Step

_DTYPES: dict[Kind, tuple[str, ...]] = {
    Kind.INTENSITY_IMAGE: ("uint8", "uint16", "float32"),
    Kind.MASK_IMAGE: ("bool", "int32"),
    Kind.LABEL_IMAGE: ("int32",),
    Kind.SEGMENTED_OBJECTS: ("int32",),
}

HIGHEST_LABEL = 2**24
"""More than the objects of any site. Modules keep a few numbers for each label up to the highest,
so that one of two billion would fill the memory."""


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, which can no longer be changed by mistake."""
    array.flags.writeable = False
    return array


def check_input(name: str, kind: Kind, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An image or labels from outside as the pipeline needs them; labels become int32.

    Raises
    ------
    PipelineError
        The array does not fit.
    """
    array = np.asarray(value)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise PipelineError(
            f"'{name}' has the shape {array.shape}, but a site has the axes (y, x) or (z, y, x)."
        )
    if kind is Kind.INTENSITY_IMAGE:
        if array.dtype.name not in _DTYPES[kind]:
            raise PipelineError(
                f"'{name}' is {array.dtype.name}, but intensities must be uint8 or uint16, or "
                "float32. Convert the image first, e.g. with .astype('float32')."
            )
        fault = _not_finite(array)
        if fault:
            raise PipelineError(
                f"'{name}' {fault}. Intensities must be finite: replace these pixels first, e.g. "
                "by the background."
            )
        return array
    if array.dtype.kind not in "ui":
        raise PipelineError(f"'{name}' is {array.dtype.name}, but labels must be whole numbers.")
    if int(array.min()) < 0 or int(array.max()) > HIGHEST_LABEL:
        raise PipelineError(
            f"'{name}' has the labels {array.min()}…{array.max()}, but labels run from 0 to "
            f"{HIGHEST_LABEL}. Number the objects from 1 first."
        )
    return array.astype(np.int32, copy=False)


def check_output(
    step: Step, output: OutputSpec, value: object, field_yx: tuple[int, ...] | None
) -> None:
    """Hold a module to its signature.

    Raises
    ------
    PipelineError
        The value is not of the kind that the module promises.
    """
    if output.kind is Kind.MEASUREMENT:
        fault = _table_fault(value)
    else:
        fault = _array_fault(output.kind, value, field_yx)
    if fault:
        raise PipelineError(
            f"{step}: its output '{output.name}' should be {output.kind}, but {fault}. This is a "
            "mistake in the module, not in your pipeline."
        )


def _array_fault(kind: Kind, value: object, field_yx: tuple[int, ...] | None) -> str:
    if not isinstance(value, np.ndarray):
        return f"is {type(value).__name__}"
    if value.dtype.name not in _DTYPES[kind]:
        return f"is {value.dtype.name} instead of {' or '.join(_DTYPES[kind])}"
    if kind is Kind.INTENSITY_IMAGE and (fault := _not_finite(value)):
        return fault
    if value.ndim not in (2, 3) or (field_yx is not None and value.shape[-2:] != field_yx):
        return f"has the shape {value.shape} for a site of {field_yx}"
    if kind is Kind.SEGMENTED_OBJECTS and (low := lowest_label(value)) < 0:
        return f"has the label {low}"
    return ""


def _not_finite(image: npt.NDArray[Any]) -> str:
    """How many pixels of an image are NaN or infinite, and where the first is; empty if none."""
    if image.dtype.kind != "f":
        return ""
    wrong = ~np.isfinite(image)
    if not wrong.any():
        return ""
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    return f"has {np.count_nonzero(wrong)} pixels that are NaN or infinite, the first at {place}"


def _table_fault(value: object) -> str:
    if not isinstance(value, pd.DataFrame):
        return f"is {type(value).__name__}"
    if value.index.dtype.kind not in "iu" and len(value):
        return f"is indexed by {value.index.dtype} instead of labels"
    if not value.index.is_unique:
        return f"has label {value.index[value.index.duplicated()][0]} twice"
    if not value.columns.is_unique:
        return f"has the column '{value.columns[value.columns.duplicated()][0]}' twice"
    wrong = [name for name, dtype in value.dtypes.items() if dtype.kind not in "fiu"]
    return f"its column '{wrong[0]}' is {value[wrong[0]].dtype}" if wrong else ""
