"""How bright objects are."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape


def measure_intensity(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements"]:
    """Measure the intensities of objects in a channel.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Channel (y, x) to measure, uint8 or uint16.
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`: `Intensity_max`, `Intensity_mean`, `Intensity_min`,
        `Intensity_sum` and `Intensity_std` (population standard deviation) over the pixels of
        the object, in intensities of the image. NaN where an object holds none to measure. With
        `aggregate` `Count`, then `Mean_…`, `Std_…` and `Sum_…` of each.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it
        without `aggregate`.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.intensity import intensities
    from napari_tmaps.measure.runs import find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    values = intensities(runs, intensity_image)
    features = {
        "Intensity_max": values.maximum,
        "Intensity_mean": values.mean,
        "Intensity_min": values.minimum,
        "Intensity_sum": values.total,
        "Intensity_std": values.std,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
