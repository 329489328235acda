"""How large objects of stacks are, and which shape they have."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, Measurement, SegmentedObjects
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize, known_size
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import rows_of_labels


def measure_morphology_3D(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    aggregate: bool = False,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements", BOTH]:
    """Measure the size, position and shape of objects in stacks.

    Parameters
    ----------
    extract_objects
        Objects (z, y, x) to measure; a single plane (y, x) counts as a stack of one.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    aggregate
        On where an object may hold many measured ones (e.g. the spots of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.
    pixel_size_um
        Micrometers of a voxel along z, y, x. They need not be alike; what is in µm is NaN where
        one of them is not known.

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
    * `Solid_Voxels`: number of voxels. `Solid_Volume_um3`: their volume.
    * `Solid_Centroid_z`, `_y`, `_x`: mean position of the voxels in the site, in voxels.
    * `Solid_Planes`: number of planes from the lowest to the highest.
    * `Solid_Extent`: voxels / voxels of the bounding box.
    * `Solid_Major_Axis_um`, `_Middle_Axis_um`, `_Minor_Axis_um`: full axes of the ellipsoid with
      the same second moments.
    * `Solid_Equivalent_Diameter_um`: diameter of the ball with the same volume.
    * `Solid_Surface_um2`: area of the surface of marching cubes, as in CellProfiler.
    * `Solid_Sphericity`: surface of the ball with the same volume / surface; near 1 for a ball, and
      above for objects of few voxels.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    labels = rows_of_labels("objects to measure", extract_objects)
    from napari_tmaps.measure import solid
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_runs

    size = known_size(pixel_size_um)
    height = extract_objects.shape[-2]
    runs = find_runs(labels)
    of = solid.solids(runs, height)
    axes = solid.principal_axes(of.spread, size)
    surface = solid.surfaces(runs, of, height, size)
    volume = of.voxels * np.prod(size)
    features = {
        "Solid_Voxels": of.voxels,
        "Solid_Volume_um3": volume,
        "Solid_Centroid_z": of.centre[:, 0],
        "Solid_Centroid_y": of.centre[:, 1],
        "Solid_Centroid_x": of.centre[:, 2],
        "Solid_Planes": of.high[:, 0] - of.low[:, 0],
        "Solid_Extent": of.voxels / (of.high - of.low).prod(axis=1),
        "Solid_Major_Axis_um": axes[:, 0],
        "Solid_Middle_Axis_um": axes[:, 1],
        "Solid_Minor_Axis_um": axes[:, 2],
        "Solid_Equivalent_Diameter_um": np.cbrt(6 * volume / np.pi),
        "Solid_Surface_um2": surface,
        "Solid_Sphericity": np.cbrt(np.pi * (6 * volume) ** 2) / surface,
    }
    receivers = rows_of_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
