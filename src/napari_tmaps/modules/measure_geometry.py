"""Sizes in micrometers, and how objects lie."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import Depth, Measurement, SegmentedObjects
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize, known_size
from napari_tmaps.modules.images import as_labels, check_same_shape

# Pixels whose sides differ by less are square, for rounding in the microscope's files.
_SQUARE = 1e-3


def measure_geometry(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    aggregate: bool = False,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements", Depth(stacks=False, instead="measure_morphology_3D")]:
    """Measure objects in micrometers, their direction, their bounding box and their holes.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.
    pixel_size_um
        Micrometers of a pixel along z, y, x; what is in µm is NaN where y or x is not known.

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
    Each object is measured by itself. The features of `measure_morphology` in micrometers:

    * `Geometry_Area_um2`, `_Equivalent_Diameter_um`, `_Major_Axis_Length_um`,
      `_Minor_Axis_Length_um`, `_Centroid_y_um`, `_Centroid_x_um`.
    * `Geometry_Perimeter_um`, `_Maximum_Feret_Diameter_um`, `_Minimum_Feret_Diameter_um`,
      `_Maximum_Radius_um`: NaN where pixels are not square.

    And beside them:

    * `Geometry_Orientation`: angle in degrees from the y axis to the major axis, -90 to 90, as in
      scikit-image and CellProfiler; NaN for an object without a longer axis.
    * `Geometry_Convex_Area`: pixels of the convex hull. `Geometry_Compactness`: perimeter² / (4π ×
      area); 0 for a single pixel. `Geometry_Median_Radius`: median distance of the pixels to the
      nearest one outside.
    * `Geometry_Euler_Number`: parts less holes.
    * `Geometry_Top`, `_Left`, `_Bottom`, `_Right`: bounding box, pixels of the site; the last two
      are the first row and column after it.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    from napari_tmaps.measure import form, hull, shape
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    boxes = find_boxes(runs)
    of = shape.moments(runs, boxes)
    _, y, x = known_size(pixel_size_um)
    side = np.sqrt(y * x) if abs(y - x) <= _SQUARE * x else np.nan
    axes = shape.axes(of._replace(var_y=of.var_y * y**2, var_x=of.var_x * x**2, cov=of.cov * y * x))
    perimeter = shape.outlines(runs, boxes).perimeter
    hulls = hull.find_hulls(runs)
    feret = hull.calipers(hulls)
    features = {
        "Geometry_Area_um2": of.area * (y * x),
        "Geometry_Equivalent_Diameter_um": np.sqrt(4 * of.area * (y * x) / np.pi),
        "Geometry_Major_Axis_Length_um": axes.major,
        "Geometry_Minor_Axis_Length_um": axes.minor,
        "Geometry_Centroid_y_um": of.y * y,
        "Geometry_Centroid_x_um": of.x * x,
        "Geometry_Perimeter_um": perimeter * side,
        "Geometry_Maximum_Feret_Diameter_um": feret.maximum * side,
        "Geometry_Minimum_Feret_Diameter_um": feret.minimum * side,
        "Geometry_Maximum_Radius_um": shape.radii(runs, boxes).maximum * side,
        "Geometry_Orientation": form.directions(of),
        "Geometry_Convex_Area": shape.hull_areas(hulls),
        "Geometry_Compactness": perimeter**2 / (4 * np.pi * of.area),
        "Geometry_Median_Radius": form.median_radii(runs, boxes),
        "Geometry_Euler_Number": form.euler_numbers(runs, boxes),
        "Geometry_Top": boxes.top,
        "Geometry_Left": boxes.left,
        "Geometry_Bottom": boxes.bottom,
        "Geometry_Right": boxes.right,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
