"""How crowded objects are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.model.kinds import Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_same_shape

Distance = Annotated[int, Field(ge=1, le=200)]


def measure_neighbours(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    neighbour_distance: Distance = 3,
    touching_distance: Distance = 3,
) -> Annotated[Measurement, "measurements"]:
    """Measure how many neighbours objects have, and how much these touch them.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure; neighbours are others of the same.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    neighbour_distance
        In pixels: objects that come as close as this are neighbours. Pixels side by side have the
        distance 1.
    touching_distance
        In pixels: where another object comes as close as this, an outline is touched.

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
    Objects outside the site are not seen: what lies at its rim has too few neighbours.

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

    labels = as_labels("objects to measure", extract_objects)
    runs = find_runs(labels)
    boxes = find_boxes(runs)
    centre = shape.moments(runs, boxes)
    nearest = neighbours.nearest_centres(centre.y, centre.x)
    features = {
        "Neighbours_Neighbours_Count": neighbours.count_neighbours(
            runs, boxes, labels, neighbour_distance
        ),
        "Neighbours_Fraction_Touching": neighbours.touching_fractions(
            runs, labels, touching_distance
        ),
        "Neighbours_First_Closest_Distance": nearest.first,
        "Neighbours_Second_Closest_Distance": nearest.second,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)
