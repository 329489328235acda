"""Whether a site is fit to be measured."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import (
    PLANES,
    IntensityImage,
    LabelImage,
    Measurement,
    SegmentedObjects,
)
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape

# Debris outshines all but this share of what belongs to objects.
_DEBRIS_PERCENTILE = 99


def measure_site_quality(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    objects: LabelImage | None = None,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure focus, saturation, debris and how much of the site objects cover.

    Parameters
    ----------
    extract_objects
        The whole site, as `whole_site` makes it, or parts of it. The box around each is measured.
    assign_objects
        Objects that receive the values: the same ones.
    intensity_image
        Channel (y, x) to measure, uint8 or uint16.
    objects
        What was found on the site, e.g. nuclei, to be counted, and to tell debris.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it.

    Notes
    -----
    * `Quality_power_slope`: slope of the power spectrum on logarithmic axes; the lower, the less in
      focus. NaN for an image without contrast or of few pixels.
    * `Quality_laplacian_variance`: of the difference to the neighbours; grows with sharpness.
    * `Quality_focus_score`: variance / mean of the intensities; NaN for a black image.
    * `Quality_saturated_percent`: pixels at the end of the camera's range (255 or 65535).
    * `Quality_brightest_percent`, `_darkest_percent`: pixels at the highest and the lowest
      intensity of the image; more than a few are a sign of clipping.
    * `Quality_objects`, `Quality_covered_percent`: number of `objects`, and the share of the area
      that they cover. `Quality_debris_percent`: pixels outside them that outshine 99 % of those
      within. All three are NaN without `objects`, the last also where there are none.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.quality import Quality, image_quality
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    boxes = find_boxes(runs)
    found = None
    if objects is not None:
        check_same_shape(extract_objects=extract_objects, objects=objects)
        found = as_labels("objects of the site", objects)
    rows = []
    for top, left, bottom, right in zip(*boxes, strict=True):
        image = np.ascontiguousarray(intensity_image[top:bottom, left:right])
        inside = None if found is None else found[top:bottom, left:right]
        rows.append((*image_quality(image), *_coverage(image, inside)))
    names = (*Quality._fields, "objects", "covered_percent", "debris_percent")
    values = np.array(rows, np.float64).reshape(-1, len(names))
    features = {f"Quality_{name}": values[:, n] for n, name in enumerate(names)}
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)


def _coverage(image: np.ndarray, labels: np.ndarray | None) -> tuple[float, float, float]:
    """Number of objects, percentage that they cover, and percentage of debris."""
    from napari_tmaps.measure.histogram import histogram, percentile
    from napari_tmaps.measure.runs import find_runs

    if labels is None:
        return np.nan, np.nan, np.nan
    inside = labels > 0
    covered = 100 * float(inside.mean())
    if not inside.any():
        return 0.0, covered, np.nan
    limit = percentile(histogram(image[inside]), _DEBRIS_PERCENTILE)
    debris = 100 * float((image[~inside] > limit).sum()) / image.size
    return float(find_runs(np.ascontiguousarray(labels)).labels.size), covered, debris
