"""How the intensities of objects are arranged."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import PLANES, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape

Length = Annotated[int, Field(ge=1, le=100)]

# Brighter pixels, such as dirt, count as this percentile of the site.
CLIP_PERCENTILE = 99.999


def measure_texture(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    frequencies: tuple[Length, ...] = (1, 5, 10),
    measure_TAS: bool = False,
    measure_LBP: bool = False,
    radii: tuple[Length, ...] = (1, 5, 10),
    measure_haralick: bool = False,
    scales: tuple[Length, ...] = (1, 2),
    aggregate: bool = False,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure the texture of objects in a channel.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Channel (y, x) to measure, uint8 or uint16.
    frequencies
        Gabor: lengths of the waves, in pixels (the name is TissueMAPS').
    measure_TAS
        Measure threshold adjacency statistics (54 features).
    measure_LBP
        Measure local binary patterns (36 features a radius).
    radii
        Local binary patterns: distance in pixels of the points that a pixel is compared with.
    measure_haralick
        Measure Haralick's statistics of neighbouring pixels (13 features a scale).
    scales
        Haralick: distance in pixels of the neighbours.
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
        The images do not fit, a measured object is not inside a receiving one, or shares it
        without `aggregate`, or a length is given twice.

    Notes
    -----
    Each object is measured by itself: what is outside it counts as 0.

    * `Texture_Gabor-frequency-f`: response to a wave of f pixels that lies over the centroid, the
      largest of four directions, as in CellProfiler. It grows with the intensities.
    * `Texture_Hu-0` … `6`: Hu moments of the intensities, as in scikit-image; NaN for an object
      that is black.
    * `Texture_TAS-center-n`, `-mu-margin-n`, `-mu-n`: of the pixels outside mu ± margin, at most
      mu - margin, at most mu, the share with n neighbours that are not; `-n-…` the other way
      round. mu and margin are mean and standard deviation of the object's pixels above Otsu's
      threshold of the site; NaN for an object that has none. As in mahotas.
    * `Texture_LBP-radius-r-0` … `35`: share of the object's pixels with each rotation-invariant
      pattern of 8 points; a point counts where it is at least as bright as the pixel.
    * `Texture_Haralick-name-s`: mean of four directions, as in mahotas, on 255 levels. An object is
      stretched from 0 to its brightest pixel: level = floor(255 × intensity / brightest), where
      intensities above the 99.999th percentile of the site count as that; level 0 is left out.
      NaN for an object without two pixels at this distance.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    for name, lengths in (("frequencies", frequencies), ("radii", radii), ("scales", scales)):
        if len(set(lengths)) < len(lengths):
            raise InputError(f"'{name}' holds {lengths}, one of them twice. Give each length once.")
    from napari_tmaps.measure import gabor, haralick, histogram, patterns, shape, weighted
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.runs import find_boxes, find_runs

    runs = find_runs(as_labels("objects to measure", extract_objects))
    boxes = find_boxes(runs)
    # One type of pixels, so that kernels are compiled once.
    image = np.ascontiguousarray(intensity_image, np.uint16)
    counts = histogram.histogram(image) if measure_TAS or measure_haralick else None
    features = {}
    if frequencies:
        waves = gabor.gabor(
            runs, boxes, shape.moments(runs, boxes), image, np.array(frequencies, np.float64)
        )
        for f, frequency in enumerate(frequencies):
            features[f"Texture_Gabor-frequency-{frequency}"] = waves[:, f]
    if measure_TAS and counts is not None:
        threshold = histogram.otsu(counts)
        adjacency = patterns.threshold_adjacency(runs, boxes, image, threshold)
        for family, name in enumerate(patterns.TAS_NAMES):
            for n in range(9):
                features[f"Texture_TAS-{name}-{n}"] = adjacency[:, family, n]
    moments = weighted.hu(weighted.weighted_moments(runs, boxes, image).central)
    for n in range(7):
        features[f"Texture_Hu-{n}"] = moments[:, n]
    if measure_LBP and radii:
        shares = patterns.local_binary_patterns(
            runs, boxes, image, np.array(radii), patterns.lbp_bins()
        )
        for r, radius in enumerate(radii):
            for n in range(patterns.LBP_BINS):
                features[f"Texture_LBP-radius-{radius}-{n}"] = shares[:, r, n]
    if measure_haralick and scales and counts is not None:
        ceiling = histogram.percentile(counts, CLIP_PERCENTILE)
        statistics = haralick.haralick(runs, boxes, image, ceiling, np.array(scales))
        for n, name in enumerate(haralick.NAMES):
            for s, scale in enumerate(scales):
                features[f"Texture_Haralick-{name}-{scale}"] = statistics[:, s, n]
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=aggregate)
