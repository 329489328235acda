"""How large the structures of a stain are."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import PLANES, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape

Step = Annotated[int, Field(ge=1, le=16)]


def measure_granularity(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    sizes: Annotated[int, Field(ge=1, le=100)] = 16,
    step: Step = 4,
    background_step: Step = 4,
    background_radius: Annotated[int, Field(ge=1, le=200)] = 10,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure how much of a stain is in fine and in coarse structures, e.g. vesicles.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Channel (y, x) to measure, uint8 or uint16.
    sizes
        Number of sizes, from the finest on. A structure counts at size i if it is about
        2 × i × `step` pixels wide.
    step
        Only every so many-th pixel is looked at: 1 for structures of few pixels, more for large
        ones and for speed. 4 is CellProfiler's subsampling of 0.25.
    background_step
        The same for the background, on top of `step`.
    background_radius
        Larger structures are background, which is taken off: radius in pixels after both steps.
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`; NaN where an object holds none to measure. With
        `aggregate` `Count`, then `Mean_…`, `Std_…` and `Sum_…` of each.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it
        without `aggregate`.

    Notes
    -----
    As in CellProfiler, with the same factors.

    * `Granularity_i`, i = 1 … `sizes`: percentage of the object's intensity that is lost when
      structures that i erosions remove are taken away. The first holds the background too. NaN
      for a black object.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.granularity import granularity
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    spectrum = granularity(
        runs,
        find_boxes(runs),
        # One type of pixels, so that kernels are compiled once.
        np.ascontiguousarray(intensity_image, np.uint16),
        length=sizes,
        step=step,
        background_step=background_step,
        background_radius=background_radius,
    )
    features = {f"Granularity_{size + 1}": spectrum[:, size] for size in range(sizes)}
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
