"""One seed in each object, where it is thickest or brightest."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import BOTH, IntensityImage, LabelImage, MaskImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.images import Labels, as_mask, check_same_shape
from napari_tmaps.modules.stacks import blurred, check_pixels, distances, plane_step, rows_of, unrow


def find_seeds(
    mask: MaskImage,
    intensity_image: IntensityImage | None = None,
    *,
    method: Literal["distance", "intensity", "both"] = "distance",
    min_distance: Annotated[int, Field(ge=1, le=500)] = 7,
    smoothing: Annotated[float, Field(ge=0, le=100, json_schema_extra={"step": 0.5})] = 1.0,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "seeds", BOTH]:
    """Find seeds for a watershed: the peaks of thickness or brightness in a mask.

    Parameters
    ----------
    mask
        Mask ([z,] y, x), or labels, of which all objects count as foreground.
    intensity_image
        Stain of the objects of the same shape, uint8 or uint16; needed for "intensity" and "both".
    method
        "distance": where objects are thickest, for round objects. "intensity": where they are
        brightest, for objects that are dark at their rims. "both": the product of the two.
    min_distance
        Seeds are farther apart than this, in pixels; some two thirds of the smallest diameter.
    smoothing
        Standard deviation (sigma) in pixels of the blur before peaks are sought; 0 for none.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    LabelImage
        Seeds numbered 1 … n in reading order: the pixels of each peak. What lies above and below
        a stack is taken to be like its outermost planes.

    Raises
    ------
    InputError
        The images do not fit, or there is none for an intensity.
    """
    rows_of("mask", mask)
    foreground = as_mask(mask)
    hills = distances(foreground, pixel_size_um) if method != "intensity" else np.ones(mask.shape)
    if method != "distance":
        if intensity_image is None:
            raise InputError(
                f"Seeds by '{method}' need an image: choose the stain of the objects as "
                "'intensity_image', or the method 'distance'."
            )
        check_pixels("intensity image", intensity_image)
        check_same_shape(mask=foreground, intensity_image=intensity_image)
        # One more, so that black pixels of an object are still part of it.
        hills = hills * (intensity_image.astype(np.float64) + 1)
    if smoothing:
        hills = blurred(hills, smoothing, pixel_size_um).astype(np.float64)
    hills = np.where(foreground, hills, 0)
    if mask.ndim == 3:
        from napari_tmaps.measure import stack

        step = plane_step(pixel_size_um)
        peaks = stack.ball_peaks(hills, foreground, min_distance, step)
        return _apart(stack.number(peaks, corners=True), min_distance, (step, 1, 1))
    from napari_tmaps.measure.components import label_components
    from napari_tmaps.measure.peaks import disc_peaks

    peaks = disc_peaks(hills, foreground, min_distance)
    return _apart(label_components(peaks, True), min_distance, (1, 1))


def _apart(seeds: Labels, min_distance: int, pixel: tuple[float, ...]) -> Labels:
    """Seeds without those that are as high as an earlier one nearby."""
    from scipy.spatial import cKDTree

    from napari_tmaps.measure.runs import draw, find_runs

    _, first = np.unique(seeds, return_index=True)
    rows = rows_of("seeds", seeds)
    runs = find_runs(rows)
    if runs.labels.size < 2:
        return seeds
    found = np.unravel_index(first[-runs.labels.size :], seeds.shape)
    places = np.stack(found, axis=1) * pixel
    stays = np.ones(len(places), bool)
    for i, j in sorted(cKDTree(places).query_pairs(min_distance)):
        stays[j] &= not stays[i]
    return unrow(draw(runs, np.where(stays, np.cumsum(stays), 0), rows.shape), seeds.shape)
