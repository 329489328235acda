"""How long and how branched objects are, e.g. the neurites of neurons."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import PLANES, LabelImage, Measurement, SegmentedObjects
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize, known_size
from napari_tmaps.modules.images import as_labels, check_same_shape


def measure_skeleton(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    seeds: LabelImage | None = None,
    *,
    aggregate: bool = False,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure the lines in the middle of objects: their length, branches and ends.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure, e.g. neurons.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them.
    seeds
        Labels (y, x) from which lines begin, e.g. the nuclei of neurons; what is within them does
        not count.
    aggregate
        On where an object may hold many measured ones (e.g. the fibres of a cell): it receives
        their number and the mean, standard deviation and sum of each feature.
    pixel_size_um
        Micrometers of a pixel along z, y, x; what is in µm is NaN where it is not known.

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
    Each object is thinned by itself to lines of one pixel, as scikit-image's `thin` does, after
    Guo and Hall, "Parallel thinning with two-subiteration algorithms" (1989).

    * `Skeleton_length`, `Skeleton_length_um`: steps to a side count 1, those to a corner √2.
    * `Skeleton_branch_points`: places where three or more lines meet.
    * `Skeleton_end_points`: ends of lines, other than at a seed.
    * `Skeleton_trunks`: lines that begin at a seed; 0 without seeds.
    """
    check_same_shape(extract_objects=extract_objects, assign_objects=assign_objects)
    if seeds is not None:
        check_same_shape(extract_objects=extract_objects, seeds=seeds)
    from napari_tmaps.measure import skeleton
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    no_seeds = np.zeros(extract_objects.shape, np.int32)
    of = skeleton.skeletons(
        runs, find_boxes(runs), no_seeds if seeds is None else as_labels("seeds", seeds)
    )
    features = {
        "Skeleton_length": skeleton.lengths(of, (1.0, 1.0)),
        "Skeleton_length_um": skeleton.lengths(of, known_size(pixel_size_um)[1:]),
        "Skeleton_branch_points": of.branch_points,
        "Skeleton_end_points": of.end_points,
        "Skeleton_trunks": of.trunks,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
