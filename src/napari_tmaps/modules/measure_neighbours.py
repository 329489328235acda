"""How crowded objects are."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, Measurement, SegmentedObjects
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import plane_step, rows_of_labels, unrow

Distance = Annotated[int, Field(ge=1, le=200)]


def measure_neighbours(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    neighbour_distance: Distance = 3,
    touching_distance: Distance = 3,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements", BOTH]:
    """Measure how many neighbours objects have, and how much these touch them.

    Parameters
    ----------
    extract_objects
        Objects ([z,] y, x) to measure; neighbours are others of the same.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    neighbour_distance
        In pixels: objects that come as close as this are neighbours. Pixels side by side have the
        distance 1.
    touching_distance
        In pixels: where another object comes as close as this, an outline is touched.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

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
    Distances in stacks are in pixels of the planes. Objects outside the site are not seen: what
    lies at its rim has too few neighbours.

    * `Neighbours_Neighbours_Count`: number of other objects within `neighbour_distance`.
    * `Neighbours_Fraction_Touching`: share of the outline pixels that have another object within
      `touching_distance`, direct contact included.
    * `Neighbours_First_Closest_Distance`, `_Second_Closest_Distance`: pixels from centroid to
      centroid of the nearest and the second nearest object; NaN where there is none.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    from napari_tmaps.measure import neighbours, shape
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    labels = rows_of_labels("objects to measure", extract_objects)
    runs = find_runs(labels)
    if extract_objects.ndim == 3:
        from napari_tmaps.measure import stack_neighbours
        from napari_tmaps.measure.solid import solids

        step = plane_step(pixel_size_um)
        centres = solids(runs, extract_objects.shape[1]).centre * (step, 1, 1)
        count, touching = stack_neighbours.neighbours(
            unrow(labels, extract_objects.shape), step, neighbour_distance, touching_distance
        )
    else:
        boxes = find_boxes(runs)
        centre = shape.moments(runs, boxes)
        centres = np.column_stack([centre.y, centre.x])
        count = neighbours.count_neighbours(runs, boxes, labels, neighbour_distance)
        touching = neighbours.touching_fractions(runs, labels, touching_distance)
    nearest = neighbours.nearest_centres(centres)
    features = {
        "Neighbours_Neighbours_Count": count,
        "Neighbours_Fraction_Touching": touching,
        "Neighbours_First_Closest_Distance": nearest.first,
        "Neighbours_Second_Closest_Distance": nearest.second,
    }
    receivers = rows_of_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)
