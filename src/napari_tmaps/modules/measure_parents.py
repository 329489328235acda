"""Which object of another type each object belongs to."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, Measurement, SegmentedObjects
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import rows_of_labels


def measure_parents(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    parent_objects: SegmentedObjects,
) -> Annotated[Measurement, "measurements", BOTH]:
    """Say which object of another type, e.g. a cell, each object, e.g. a spot, lies in.

    Parameters
    ----------
    extract_objects
        Objects ([z,] y, x) to measure, e.g. spots.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them.
    parent_objects
        The objects to which they may belong, e.g. cells. They may overlap in part only.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`; NaN where an object holds none to measure.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it.

    Notes
    -----
    The parent is the object that shares most pixels; of two alike the one of the smaller label.

    * `Parent_label`: its label; 0 where there is none.
    * `Parent_overlap`: share of the object's pixels that lie in it.
    * `Parent_siblings`: number of other objects with the same parent; 0 without a parent.
    """
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        parent_objects=parent_objects,
    )
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.overlap import main_parents
    from napari_tmaps.measure.runs import count_pixels, find_runs

    runs = find_runs(rows_of_labels("objects to measure", extract_objects))
    of = main_parents(runs, rows_of_labels("parent objects", parent_objects))
    _, place, number = np.unique(of.label, return_inverse=True, return_counts=True)
    features = {
        "Parent_label": of.label,
        "Parent_overlap": of.shared / count_pixels(runs),
        "Parent_siblings": np.where(of.label > 0, number[place] - 1, 0),
    }
    receivers = rows_of_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)
