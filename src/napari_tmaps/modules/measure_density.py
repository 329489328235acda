"""How densely objects lie."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import PLANES, Measurement, SegmentedObjects
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize, known_size
from napari_tmaps.modules.images import as_labels, check_same_shape


def measure_density(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    radius: Annotated[int, Field(ge=1, le=5000)] = 200,
    nearest: Annotated[int, Field(ge=1, le=50)] = 5,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure how crowded the surroundings of objects are, e.g. of cells in a colony.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure; each counts as the point of its centroid.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    radius
        How far the surroundings reach, in pixels.
    nearest
        Which neighbour to measure the distance to; 1 is the nearest.
    pixel_size_um
        Micrometers of a pixel along z, y, x; what is in mm is NaN where y or x is not known.

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
    What lies outside the site is not known, so that counts are low at its rim; densities are not,
    for they are taken over that part of the circle that lies in the site.

    * `Density_count`: number of other centroids within `radius`.
    * `Density_per_mm2`: the same per square millimeter of the part that lies in the site.
    * `Density_share_in_site`: that part of the circle, 0 to 1.
    * `Density_distance_k`: to the k-th nearest other centroid, in pixels; NaN with fewer.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    from napari_tmaps.measure import density, shape
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    centre = shape.moments(runs, find_boxes(runs))
    height, width = extract_objects.shape
    of = density.densities(centre.y, centre.x, (height, width), radius, nearest)
    _, y, x = known_size(pixel_size_um)
    circle_mm2 = np.pi * radius**2 * (y * x) / 1e6
    features = {
        "Density_count": of.neighbours,
        "Density_per_mm2": of.neighbours / (of.share * circle_mm2),
        "Density_share_in_site": of.share,
        f"Density_distance_{nearest}": of.distance,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)
