"""How large objects are, and which shape they have."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import Depth, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_same_shape


def measure_morphology(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    measure_zernike: bool = False,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", Depth(stacks=False, instead="measure_morphology_3D")]:
    """Measure the size, position and shape of objects.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    measure_zernike
        Measure Zernike moments of the shape (49 features).
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`; NaN where an object holds none to measure. Lengths
        are in pixels. With `aggregate` `Count`, then `Mean_…`, `Std_…` and `Sum_…` of each.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it
        without `aggregate`.

    Notes
    -----
    Each object is measured by itself, as if alone in the image.

    * `Morphology_Local_Centroid_x`, `_y`: mean position of its pixels in the site.
    * `Morphology_Area`: number of pixels.
    * `Morphology_Perimeter`: scikit-image's perimeter with 4 neighbours.
    * `Morphology_Eccentricity`, `_Major_Axis_Length`, `_Minor_Axis_Length`: of the ellipse with
      the same second moments, as in scikit-image.
    * `Morphology_Extent`: area / area of the bounding box.
    * `Morphology_Convexity`: area / area of the convex hull.
    * `Morphology_Circularity`: 4π × area / perimeter²; NaN for a single pixel.
    * `Morphology_Roundness`: p² / (4π × area), p the number of pixels on the outline; small for
      round objects, unlike circularity.
    * `Morphology_Elongation`: (major - minor) / major axis; NaN for a single pixel.
    * `Morphology_Equivalent_Diameter`: diameter of the disc with the same area.
    * `Morphology_Maximum_Radius`, `_Mean_Radius`: largest and mean distance of the pixels to the
      nearest pixel outside the object; the rim of the image counts as outside.
    * `Morphology_Maximum_Feret_Diameter`, `_Minimum_Feret_Diameter`: largest and smallest distance
      of two parallel lines with the object between them, from pixel centre to pixel centre.
    * `Morphology_Zernike-n-m`, n up to 12: magnitude of the Zernike moment in the smallest circle
      around the pixel centres, divided by the area of the circle, as in CellProfiler (TissueMAPS
      stretched objects to squares first); NaN for a single pixel.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    from napari_tmaps.measure import hull, shape
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    boxes = find_boxes(runs)
    of = shape.moments(runs, boxes)
    axes = shape.axes(of)
    outline = shape.outlines(runs, boxes)
    radii = shape.radii(runs, boxes)
    hulls = hull.find_hulls(runs)
    feret = hull.calipers(hulls)
    unknown = np.full(of.area.size, np.nan)
    features = {
        "Morphology_Local_Centroid_x": of.x,
        "Morphology_Local_Centroid_y": of.y,
        "Morphology_Area": of.area,
        "Morphology_Perimeter": outline.perimeter,
        "Morphology_Eccentricity": axes.eccentricity,
        "Morphology_Extent": of.area / ((boxes.bottom - boxes.top) * (boxes.right - boxes.left)),
        "Morphology_Convexity": of.area / shape.hull_areas(hulls),
        "Morphology_Circularity": shape.circularity(of.area, outline.perimeter),
        "Morphology_Roundness": outline.pixels**2 / (4 * np.pi * of.area),
        "Morphology_Elongation": np.divide(
            axes.major - axes.minor, axes.major, out=unknown, where=axes.major > 0
        ),
        "Morphology_Equivalent_Diameter": np.sqrt(4 * of.area / np.pi),
        "Morphology_Major_Axis_Length": axes.major,
        "Morphology_Minor_Axis_Length": axes.minor,
        "Morphology_Maximum_Radius": radii.maximum,
        "Morphology_Mean_Radius": radii.mean,
        "Morphology_Maximum_Feret_Diameter": feret.maximum,
        "Morphology_Minimum_Feret_Diameter": feret.minimum,
    }
    if measure_zernike:
        from napari_tmaps.measure import zernike

        circles = hull.enclosing_circles(hulls)
        moments = zernike.zernike_of_shape(runs, boxes, circles, zernike.polynomials())
        for i, (n, m) in enumerate(zernike.ORDERS):
            features[f"Morphology_Zernike-{n}-{m}"] = moments[:, i]
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
