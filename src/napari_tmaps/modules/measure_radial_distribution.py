"""How intensities are spread between the centre of objects and their edge."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import PLANES, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape


def measure_radial_distribution(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    rings: Annotated[int, Field(ge=1, le=100)] = 4,
    measure_zernike: bool = False,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure whether a stain is in the middle of objects, at their edge, or on one side.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Channel (y, x) to measure, uint8 or uint16.
    rings
        Number of rings from the centre to the edge.
    measure_zernike
        Measure Zernike moments of the intensities (49 features).
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
    As in CellProfiler. Ring 1 is around the centre, the pixel that is farthest from the outside.
    Rings follow the outline: a pixel d from the centre and e from the outside lies in ring
    1 + floor(rings × d / (d + e + 0.001)).

    * `RadialDistribution_fraction-i-of-n`: share of the intensity that lies in ring i of n; NaN for
      a black object.
    * `RadialDistribution_mean-fraction-i-of-n`: that / the share of the pixels; 1 in all rings
      where the object is even, 0 for a ring without pixels.
    * `RadialDistribution_variation-i-of-n`: standard deviation / mean over the eighths of the ring,
      each by its mean intensity; 0 where the ring is even, NaN where it is black or empty.
    * `RadialDistribution_Zernike-n-m`, n up to 12: magnitude of the Zernike moment of the
      intensities in the smallest circle around the pixel centres / number of pixels; NaN for a
      single pixel.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure import hull, radial, zernike
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    boxes = find_boxes(runs)
    # One type of pixels, so that kernels are compiled once.
    image = np.ascontiguousarray(intensity_image, np.uint16)
    of = radial.radial_distribution(runs, boxes, image, rings)
    features = {}
    for name, values in (
        ("fraction", of.fraction),
        ("mean-fraction", of.mean_fraction),
        ("variation", of.variation),
    ):
        for ring in range(rings):
            features[f"RadialDistribution_{name}-{ring + 1}-of-{rings}"] = values[:, ring]
    if measure_zernike:
        moments = zernike.zernike_of_stain(
            runs, boxes, hull.enclosing_circles(hull.find_hulls(runs)), image, zernike.polynomials()
        )
        for i, (n, m) in enumerate(zernike.ORDERS):
            features[f"RadialDistribution_Zernike-{n}-{m}"] = moments[:, i]
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
