"""How objects such as spots are spread in those that hold them."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import PLANES, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_same_shape


def measure_point_pattern(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    ref_objects: SegmentedObjects,
    *,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure where objects, e.g. spots, lie in their parents, e.g. cells, and to each other.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure; each counts as the point of its centroid.
    assign_objects
        Objects that receive the values: the same ones, or, with `aggregate`, the parents.
    ref_objects
        The parents: a point belongs to the object in which it lies.
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`. With `aggregate` `Count`, then `Mean_…`, `Std_…` and
        `Sum_…` of each.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it
        without `aggregate`.

    Notes
    -----
    Distances are in pixels (TissueMAPS squared those to the border). Relative ones are divided by
    the area of the parent.

    * `PointPattern_absolute-distance-to-border`: to the nearest pixel outside the parent; the rim
      of the image counts as outside.
    * `PointPattern_absolute-distance-to-nearest-neighbor`: to the nearest other point of the
      parent.
    * `PointPattern_mean-absolute-distance-to-neighbors`, `_std-…`: mean and population standard
      deviation over all other points of the parent.
    * the same with `relative`.

    All are NaN for points outside any parent, and those to neighbors for a single point.
    """
    check_same_shape(
        extract_objects=extract_objects, assign_objects=assign_objects, ref_objects=ref_objects
    )
    from napari_tmaps.measure import points, shape
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    centre = shape.moments(runs, find_boxes(runs))
    labels = as_labels("parent objects", ref_objects)
    parents = find_runs(labels)
    of = points.spread(
        centre.y,
        centre.x,
        points.parents_of(centre.y, centre.x, labels),
        parents,
        find_boxes(parents),
    )
    features = {}
    for name, distances in (
        ("{}-distance-to-border", of.to_border),
        ("{}-distance-to-nearest-neighbor", of.nearest),
        ("mean-{}-distance-to-neighbors", of.mean),
        ("std-{}-distance-to-neighbors", of.std),
    ):
        features[f"PointPattern_{name.format('absolute')}"] = distances
        features[f"PointPattern_{name.format('relative')}"] = distances / of.area
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
