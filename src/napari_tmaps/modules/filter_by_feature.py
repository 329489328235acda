"""Keep objects by what is measured of them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import as_objects

Limit = Annotated[float, Field(ge=-1e10, le=1e10, json_schema_extra={"step": 0.05})]


def filter_by_feature(
    mask: MaskImage,
    intensity_image: IntensityImage | None = None,
    *,
    feature: Literal[
        "Intensity_mean",
        "Intensity_max",
        "Intensity_min",
        "Intensity_sum",
        "Intensity_std",
        "Intensity_median",
        "Intensity_edge_mean",
        "Intensity_mass_displacement",
        "Intensity_corrected_mean",
        "Morphology_Area",
        "Morphology_Perimeter",
        "Morphology_Eccentricity",
        "Morphology_Extent",
        "Morphology_Convexity",
        "Morphology_Circularity",
        "Morphology_Roundness",
        "Morphology_Elongation",
        "Morphology_Equivalent_Diameter",
        "Morphology_Major_Axis_Length",
        "Morphology_Minor_Axis_Length",
        "Morphology_Maximum_Radius",
        "Morphology_Mean_Radius",
        "Morphology_Maximum_Feret_Diameter",
        "Morphology_Minimum_Feret_Diameter",
    ] = "Intensity_mean",
    lower_threshold: Limit = -1e10,
    upper_threshold: Limit = 1e10,
) -> Annotated[LabelImage, "kept_label_image"]:
    """Remove objects by their brightness, size or shape.

    Parameters
    ----------
    mask
        Labels (y, x), or a mask, whose pixels belong together when they touch by an edge (4
        neighbours).
    intensity_image
        Channel (y, x) of the same shape, uint8 or uint16; needed for intensities.
    feature
        As 'measure_intensity' and 'measure_morphology' define it. The background of
        "Intensity_corrected_mean" is taken within 5 pixels.
    lower_threshold
        Objects with less are removed.
    upper_threshold
        Objects with more are removed.

    Returns
    -------
    LabelImage
        The objects that stay; labels keep their numbers. Objects whose feature cannot be
        measured (NaN) are removed.

    Raises
    ------
    InputError
        The images do not fit, there is none for an intensity, or the lower threshold exceeds the
        upper.
    """
    if lower_threshold > upper_threshold:
        raise InputError(
            f"'lower_threshold' is {lower_threshold}, which is above 'upper_threshold' "
            f"({upper_threshold}), so that no object could stay. Choose it equal or smaller."
        )
    labels = as_objects("mask", mask, connectivity=4)
    if feature.startswith("Morphology"):
        from napari_tmaps.modules.measure_morphology import measure_morphology

        table = measure_morphology(labels, labels)
    elif intensity_image is None:
        raise InputError(
            f"'{feature}' needs an image: choose a channel as 'intensity_image', or a feature of "
            "'Morphology'."
        )
    else:
        from napari_tmaps.modules.measure_intensity import measure_intensity

        table = measure_intensity(
            labels,
            labels,
            intensity_image,
            measure_quantiles=feature == "Intensity_median",
            measure_edge=feature == "Intensity_edge_mean",
            measure_location=feature == "Intensity_mass_displacement",
            background_distance=5 if feature == "Intensity_corrected_mean" else 0,
        )
    from napari_tmaps.measure.runs import draw, find_runs

    values = table[feature].to_numpy()
    stays = (values >= lower_threshold) & (values <= upper_threshold)
    runs = find_runs(labels)
    return draw(runs, np.where(stays, runs.labels, 0), labels.shape)
