"""Height, volume and surface of cells."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import PLANES, IntensityImage, Measurement, SegmentedObjects
from napari_tmaps.modules.images import as_labels, check_intensity, check_same_shape

Micrometers = Annotated[float, Field(gt=0, le=1000, json_schema_extra={"step": 0.01})]


def measure_volume_image(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    intensity_image: IntensityImage,
    *,
    pixel_size: Micrometers = 0.1625,
    z_step: Micrometers = 0.25,
) -> Annotated[Measurement, "measurements", PLANES]:
    """Measure height, volume and surface of objects in an image of their height.

    Parameters
    ----------
    extract_objects
        Objects (y, x) to measure.
    assign_objects
        Objects that receive the values: the same ones, or objects that each hold one of them
        (e.g. the cells of nuclei).
    intensity_image
        Heights (y, x) in planes, as `generate_volume_image` draws them.
    pixel_size
        Side of a pixel in micrometers.
    z_step
        Distance of the planes in micrometers.

    Returns
    -------
    Measurement
        A row for each of `assign_objects`; NaN where an object holds none to measure.

    Raises
    ------
    InputError
        The images do not fit, or a measured object is not inside a receiving one, or shares it.

    Notes
    -----
    * `Morphology3D_max_height`, `_mean_height`: in µm.
    * `Morphology3D_volume_pL`: sum of the heights × area of a pixel, in picolitres (1000 µm³).
    * `Morphology3D_lower_surface_area`: area of the object in µm².
    * `Morphology3D_upper_surface_area`: in µm², of the surface through the heights of the pixel
      centres. Each square of four pixels within the object is two triangles, which share the
      diagonal from upper left to lower right.
    * `Morphology3D_total_surface_area`: both together.
    """
    check_intensity("intensity image", intensity_image)
    check_same_shape(
        extract_objects=extract_objects,
        assign_objects=assign_objects,
        intensity_image=intensity_image,
    )
    from napari_tmaps.measure.assign import make_table
    from napari_tmaps.measure.intensity import intensities
    from napari_tmaps.measure.runs import count_pixels, find_runs

    labels = as_labels("objects to measure", extract_objects)
    runs = find_runs(labels)
    heights = intensities(runs, intensity_image)
    lower = count_pixels(runs) * pixel_size**2
    upper = _surface(labels, intensity_image * z_step, runs.labels, pixel_size)
    features = {
        "Morphology3D_max_height": heights.maximum * z_step,
        "Morphology3D_mean_height": heights.mean * z_step,
        "Morphology3D_volume_pL": heights.total * (pixel_size**2 * z_step / 1000),
        "Morphology3D_lower_surface_area": lower,
        "Morphology3D_upper_surface_area": upper,
        "Morphology3D_total_surface_area": lower + upper,
    }
    receivers = as_labels("objects that receive the values", assign_objects)
    return make_table(features, runs, receivers, aggregate=False)


def _surface(
    labels: np.ndarray, height: np.ndarray, present: np.ndarray, pixel: float
) -> np.ndarray:
    """Area of the surface of each of the present labels."""
    a, b = height[:-1, :-1], height[:-1, 1:]
    c, d = height[1:, :-1], height[1:, 1:]
    own = labels[:-1, :-1]
    whole = (own > 0) & (own == labels[:-1, 1:]) & (own == labels[1:, :-1])
    whole &= own == labels[1:, 1:]
    # Half the length of the cross product of two sides of each triangle.
    area = np.hypot(np.hypot((b - a)[whole], (d - b)[whole]), pixel)
    area += np.hypot(np.hypot((c - a)[whole], (d - c)[whole]), pixel)
    place = np.searchsorted(present, own[whole])
    return np.bincount(place, area * pixel / 2, minlength=present.size)
