"""How bright objects of stacks are."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import check_intensity, check_same_shape
from napari_tmaps.modules.stacks import rows_of, rows_of_labels


def measure_intensity_3D(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", BOTH]:
    """Measure the intensities of objects of stacks in a channel.

    Parameters
    ----------
    extract_objects
        Objects (z, y, x) to measure; a single plane (y, x) counts as a stack of one.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Channel (z, y, x) to measure, uint8 or uint16.
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
    The features of `measure_intensity`, over voxels: `Intensity_max`, `_mean`, `_min`, `_sum`,
    `_std` (of the population), `_lower_quartile`, `_median`, `_upper_quartile`, `_mad`.
    """
    pixels = rows_of("intensity image", intensity_image)
    check_intensity("intensity image", pixels)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure import distribution
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.intensity import intensities
    from napari_tmaps.measure.runs import find_runs

    runs = find_runs(rows_of_labels("objects to measure", extract_objects))
    # One type of pixels, so that kernels are compiled once.
    image = np.ascontiguousarray(pixels, np.uint16)
    values = intensities(runs, image)
    ranks = distribution.quantiles(runs, image)
    features = {
        "Intensity_max": values.maximum,
        "Intensity_mean": values.mean,
        "Intensity_min": values.minimum,
        "Intensity_sum": values.total,
        "Intensity_std": values.std,
        "Intensity_lower_quartile": ranks.lower,
        "Intensity_median": ranks.median,
        "Intensity_upper_quartile": ranks.upper,
        "Intensity_mad": ranks.mad,
    }
    receivers = rows_of_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
