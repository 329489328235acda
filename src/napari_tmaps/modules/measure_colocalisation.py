"""How two channels go together in objects."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import check_pixels, rows_of, rows_of_labels


def measure_colocalisation(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    other_image: IntensityImage,
    *,
    threshold_percent: Annotated[float, Field(ge=0, le=99, json_schema_extra={"step": 1})] = 15.0,
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", BOTH]:
    """Measure whether two channels are bright at the same places of objects.

    Parameters
    ----------
    extract_objects
        Objects ([z,] y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        First channel of the same shape, uint8 or uint16.
    other_image
        Second channel of the same shape.
    threshold_percent
        A pixel counts as bright in a channel from this percentage of the object's brightest one
        on. Take off the background first, or dark pixels are bright too.
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
    As in CellProfiler; a and b are the intensities in the first and the second channel.

    * `Colocalisation_pearson`: correlation of a and b, -1 to 1; NaN where one is even.
    * `Colocalisation_slope`: of the regression of b on a; NaN where a is even.
    * Over the pixels that are bright in both channels: `Colocalisation_overlap`, sum(a b) /
      √(sum(a²) sum(b²)); `_k_1`, sum(a b) / sum(a²); `_k_2`, sum(a b) / sum(b²); NaN without any.
    * `Colocalisation_manders_1`: sum of a over the pixels that are bright in both / over those
      that are bright in the first channel; `_manders_2` the same of b. NaN in a black object.
    * `Colocalisation_rank_weighted_1`, `_2`: the same, pixels weighted by how near their ranks are
      in both channels, (n - |rank of a - rank of b|) / n for n distinct intensities. After Singan
      et al., "Dual channel rank-based intensity weighting for quantitative co-localization of
      microscopy images" (2011).
    * `Colocalisation_costes_1`, `_2`: as `_manders`, but bright is what exceeds the thresholds of
      Costes et al., "Automatic and quantitative measurement of protein-protein colocalization in
      live cells" (2004), which are found once for the pixels of all objects of the site; 0 where
      no pixel is bright in both channels.
    """
    check_pixels("intensity image", intensity_image)
    check_pixels("other image", other_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
        other_image=other_image,
    )
    from napari_tmaps.measure import pairs
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_runs

    runs = find_runs(rows_of_labels("objects to measure", extract_objects))
    # One type of pixels, so that kernels are compiled once.
    first = np.ascontiguousarray(rows_of("intensity image", intensity_image), np.uint16)
    second = np.ascontiguousarray(rows_of("other image", other_image), np.uint16)
    values = pairs.colocalisation(runs, first, second, threshold_percent)
    features = {f"Colocalisation_{name}": values[:, i] for i, name in enumerate(pairs.NAMES)}
    shares = pairs.costes(runs, first, second)
    features |= {f"Colocalisation_costes_{n + 1}": shares[:, n] for n in range(2)}
    receivers = rows_of_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
