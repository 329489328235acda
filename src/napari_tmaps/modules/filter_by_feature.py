"""Keep objects by what is measured of them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage, LabelImage, MaskImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.register_objects import register_objects
from napari_tmaps.modules.stacks import rows_of, unrow

Limit = Annotated[float, Field(ge=-1e10, le=1e10, json_schema_extra={"step": 0.05})]

# Of these the names and meanings are the same in stacks.
OF_STACKS = tuple(f"Intensity_{name}" for name in ("mean", "max", "min", "sum", "std", "median"))


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
        "Solid_Voxels",
        "Solid_Volume_um3",
        "Solid_Planes",
        "Solid_Extent",
        "Solid_Equivalent_Diameter_um",
        "Solid_Sphericity",
    ] = "Intensity_mean",
    lower_threshold: Limit = -1e10,
    upper_threshold: Limit = 1e10,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "kept_label_image", BOTH]:
    """Remove objects by their brightness, size or shape.

    Parameters
    ----------
    mask
        Labels ([z,] y, x), or a mask, whose pixels belong together when they touch by an edge (4
        neighbours), in a stack by a face (6).
    intensity_image
        Channel of the same shape, uint8 or uint16; needed for intensities.
    feature
        As 'measure_intensity' and 'measure_morphology' define it. The background of
        "Intensity_corrected_mean" is taken within 5 pixels. For stacks: "Solid_…" as
        'measure_morphology_3D' and the intensities as 'measure_intensity_3D' define them.
    lower_threshold
        Objects with less are removed.
    upper_threshold
        Objects with more are removed.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    LabelImage
        The objects that stay; labels keep their numbers. Objects whose feature cannot be
        measured (NaN) are removed.

    Raises
    ------
    InputError
        The images do not fit, there is none for an intensity, there is no such feature of a
        stack, or the lower threshold exceeds the
        upper.
    """
    if lower_threshold > upper_threshold:
        raise InputError(
            f"'lower_threshold' is {lower_threshold}, which is above 'upper_threshold' "
            f"({upper_threshold}), so that no object could stay. Choose it equal or smaller."
        )
    labels = register_objects(mask)
    if feature.startswith("Solid"):
        from napari_tmaps.modules.measure_morphology_3D import measure_morphology_3D

        table = measure_morphology_3D(labels, labels, pixel_size_um=pixel_size_um)
    elif labels.ndim == 3 and feature not in OF_STACKS:
        raise InputError(
            f"'{feature}' is not defined for a stack. Choose one of {', '.join(OF_STACKS)}, or a "
            "feature of 'Solid'."
        )
    elif feature.startswith("Morphology"):
        from napari_tmaps.modules.measure_morphology import measure_morphology

        table = measure_morphology(labels, labels)
    elif intensity_image is None:
        raise InputError(
            f"'{feature}' needs an image: choose a channel as 'intensity_image', or a feature of "
            "'Morphology'."
        )
    elif labels.ndim == 3:
        from napari_tmaps.modules.measure_intensity_3D import measure_intensity_3D

        table = measure_intensity_3D(labels, labels, intensity_image)
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
    rows = rows_of("mask", labels)
    runs = find_runs(rows)
    return unrow(draw(runs, np.where(stays, runs.labels, 0), rows.shape), labels.shape)
