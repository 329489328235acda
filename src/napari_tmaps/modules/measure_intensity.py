"""How bright objects are."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape


def measure_intensity(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    measure_quantiles: bool = False,
    measure_edge: bool = False,
    measure_location: bool = False,
    background_distance: Annotated[int, Field(ge=0, le=200)] = 0,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", Depth(stacks=False, instead="measure_intensity_3D")]:
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
    measure_quantiles
        Measure median, quartiles and median absolute deviation.
    measure_edge
        Measure the intensities of the outline.
    measure_location
        Measure where in the object the intensities are.
    background_distance
        In pixels: take the surroundings of an object up to this distance as its background, and
        measure what it is brighter; 0 for no correction.
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
    Over the pixels of the object, in intensities of the image; standard deviations are those of
    the population.

    * `Intensity_max`, `_mean`, `_min`, `_sum`, `_std`.
    * `Intensity_lower_quartile`, `_median`, `_upper_quartile`: interpolated linearly between ranks.
      `Intensity_mad`: median of the distances to the median.
    * `Intensity_edge_max`, `_mean`, `_min`, `_sum`, `_std`: over the pixels with a neighbour (by an
      edge) outside the object; the rim of the image counts as outside.
    * `Intensity_center_x`, `_y`: centre of the intensities in the site, in pixels; NaN for a black
      object. `Intensity_mass_displacement`: its distance from the centroid. `Intensity_max_x`,
      `_max_y`: the brightest pixel, the first in reading order.
    * `Intensity_background`: mean of the pixels within `background_distance` that belong to no
      object; NaN where all do. `Intensity_corrected_mean`, `_corrected_sum`: without it.
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

    labels = as_labels("objects to measure", extract_objects)
    runs = find_runs(labels)
    values = intensities(runs, intensity_image)
    features: dict[str, npt.NDArray[Any]] = {
        "max": values.maximum,
        "mean": values.mean,
        "min": values.minimum,
        "sum": values.total,
        "std": values.std,
    }
    if measure_quantiles or measure_edge or measure_location or background_distance:
        from napari_tmaps.measure import distribution
        from napari_tmaps.measure.runs import count_pixels, find_boxes
        from napari_tmaps.measure.shape import moments
        from napari_tmaps.measure.weighted import weighted_moments

        boxes = find_boxes(runs)
        # One type of pixels, so that kernels are compiled once.
        image = np.ascontiguousarray(intensity_image, np.uint16)
    if measure_quantiles:
        ranks = distribution.quantiles(runs, image)
        features |= {
            "lower_quartile": ranks.lower,
            "median": ranks.median,
            "upper_quartile": ranks.upper,
            "mad": ranks.mad,
        }
    if measure_edge:
        edge = distribution.edge_intensities(runs, boxes, image)
        features |= {
            "edge_max": edge.maximum,
            "edge_mean": edge.mean,
            "edge_min": edge.minimum,
            "edge_sum": edge.total,
            "edge_std": edge.std,
        }
    if measure_location:
        centre = weighted_moments(runs, boxes, image)
        centroid = moments(runs, boxes)
        brightest = distribution.brightest_pixels(runs, image)
        features |= {
            "center_x": centre.x,
            "center_y": centre.y,
            "mass_displacement": np.hypot(centre.y - centroid.y, centre.x - centroid.x),
            "max_x": brightest.x,
            "max_y": brightest.y,
        }
    if background_distance:
        background = distribution.backgrounds(runs, boxes, labels, image, background_distance)
        features |= {
            "background": background,
            "corrected_mean": values.mean - background,
            "corrected_sum": values.total - background * count_pixels(runs),
        }
    receivers = as_labels("objects that receive the values", assign_objects)
    named = {f"Intensity_{name}": value for name, value in features.items()}
    return make_table(named, runs, receivers, aggregate=aggregate)
